"""Plugins that Caraval brings are written with what it shows to everybody."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import caraval as cv

PLUGINS = Path(cv.__file__).parent / "plugins"

WRITTEN_PUBLICLY = ("neural", "space_charge")
"""Plugins that are written as a third party would; others belong to the physics of elements."""

FILES = sorted(path for name in WRITTEN_PUBLICLY for path in (PLUGINS / name).glob("*.py"))


def imported(path: Path) -> set[str]:
    """Return the modules that a file imports, of Caraval's own those outside of its folder alone."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom):
            found.add("." * node.level + (node.module or "") if node.level > 1 else "" if node.level else node.module or "")
    return found


def used(path: Path) -> set[str]:
    """Return the names that a file takes from Caraval."""
    tree = ast.walk(ast.parse(path.read_text()))
    return {node.attr for node in tree if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "cv"}


def test_there_are_such_plugins():
    assert {path.parent.name for path in FILES} == set(WRITTEN_PUBLICLY)


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_plugins_import_what_everybody_may(path):
    inside = {name for name in imported(path) if name.startswith((".", "caraval"))}
    assert inside <= {"caraval"}
    assert used(path) <= set(cv.__all__)
