"""``caraval plugins new``: a plugin in a package of its own, which works and passes its tests at once."""

from __future__ import annotations

import importlib.util
import keyword
import re
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, NamedTuple

import typer

from caraval.core.errors import InputError
from caraval.core.registry import registry

from . import report

NAME = re.compile(r"[a-z][a-z0-9]*(?:[-_][a-z0-9]+)*")

FILES = {
    "module.py.template": "$module.py",
    "test.py.template": "tests/test_$module.py",
    "pyproject.toml.template": "pyproject.toml",
    "README.md.template": "README.md",
}
"""What is written, by the template that it is made of."""


class Names(NamedTuple):
    """What things are called in a new plugin: ``plasma-lens``, ``plasma_lens``, ``PlasmaLens``."""

    distribution: str
    module: str
    kind: str


def new(
    name: Annotated[
        str, typer.Argument(help="Such as plasma-lens: of the package, and of the element in it.", show_default=False)
    ],
    folder: Annotated[Path, typer.Option("--in", help="Where the package's folder is made.")] = Path(),
) -> None:
    """Write a plugin with an element of two tracking methods, tests, and what makes it a package."""
    names = _names(name)
    target = folder / names.distribution
    if target.exists():
        raise InputError(f"{target} exists already; nothing was written. Choose another name, or move it away")
    if not folder.is_dir():
        raise InputError(f"no folder {folder} to make {names.distribution} in")
    for template, place in FILES.items():
        path = target / Template(place).substitute(names._asdict())
        path.parent.mkdir(parents=True, exist_ok=True)
        text = files("caraval.cli").joinpath("new_plugin", template).read_text(encoding="utf-8")
        path.write_text(Template(text).substitute(names._asdict()), encoding="utf-8")
    report.line(f"{target} has {names.kind} in {names.module}.py, and its tests. Next:\n")
    report.line(f"  cd {target}\n  pip install -e '.[test]'\n  pytest\n  caraval check {names.module}")


def _names(name: str) -> Names:
    """Return what things are called.

    Raises
    ------
    InputError
        If the name will not do.
    """
    if not NAME.fullmatch(name):
        raise InputError(
            f"{name!r} cannot be the name of a package: lower-case letters, digits, and single - or _ between them, a letter "
            "first, such as plasma-lens"
        )
    module = name.replace("-", "_")
    kind = "".join(part.capitalize() for part in module.split("_"))
    if keyword.iskeyword(module) or keyword.issoftkeyword(module):
        raise InputError(f"{name!r} is a word of Python's own; choose another name, such as {name}-lens")
    if importlib.util.find_spec(module) is not None:
        raise InputError(f"there is a module {module!r} already, which yours would hide; choose another name")
    taken = {known.lower(): entry.plugin for known, entry in registry().kinds.items()}
    if kind.lower() in taken:
        raise InputError(f"there is an element {kind} already, of plugin {taken[kind.lower()]!r}; choose another name")
    return Names(name.replace("_", "-"), module, kind)
