"""Distributions that do not get along, each in a process of its own: what is installed is what metadata says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

import caraval

ROOT = Path(caraval.__file__).parents[1]

ELEMENT = """
import caraval as cv

class Cyclotron(cv.Element):
    field: cv.Parameter = 0.0

@cv.hookimpl
def register_elements():
    return [Cyclotron]
"""

READER = """
import caraval as cv
from caraval.core.formats import Reader

@cv.hookimpl
def register_readers():
    return [Reader("tarot", (".card",), lambda path, line=None, branch=None: cv.Lattice([cv.Drift()]))]
"""

SAY = """
from caraval.core.registry import registry
plugins = [name for name in registry().plugins if not name.startswith("caraval.")]
print(sorted(plugins), *(kind in registry().kinds for kind in ("Cyclotron", "Drift")))
"""


class Site:
    """A folder like site-packages, with distributions of one module each, as wheels leave them there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, distribution: str, source: str, *, point: str | None = None) -> None:
        module = distribution.replace("-", "_")
        (self.folder / f"{module}.py").write_text(source)
        info = self.folder / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[caraval]\n{point or module} = {module}\n")

    def run(self, code: str, *, disabled: str | None = None) -> subprocess.CompletedProcess:
        env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(self.folder), str(ROOT)])}
        env.pop("CARAVAL_DISABLE_PLUGINS", None)
        if disabled is not None:
            env["CARAVAL_DISABLE_PLUGINS"] = disabled
        return subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False, cwd=self.folder
        )

    def says(self, code: str, **how) -> str:
        result = self.run(code, **how)
        assert result.returncode == 0, result.stderr
        return result.stdout.strip()


@pytest.fixture
def site(tmp_path) -> Site:
    return Site(tmp_path)


def test_one_distribution(site):
    site.install("cyclotrons", ELEMENT)
    assert site.says(SAY) == "['cyclotrons'] True True"


def test_two_distributions_with_one_kind(site):
    site.install("left", ELEMENT)
    site.install("right", ELEMENT)
    result = site.run(SAY)
    assert result.returncode != 0
    assert "PluginError: the element kind 'Cyclotron' is claimed by two plugins, 'left' and 'right'" in result.stderr
    assert "CARAVAL_DISABLE_PLUGINS=right" in result.stderr
    assert site.says(SAY, disabled="right") == "['left'] True True"
    assert site.says(SAY, disabled="left") == "['right'] True True"


def test_two_distributions_with_one_format(site):
    site.install("left", READER)
    site.install("right", READER)
    result = site.run(SAY)
    assert result.returncode != 0
    assert "the reader of format 'tarot' is claimed by two plugins, 'left' and 'right'" in result.stderr


def test_two_distributions_with_one_name_for_their_plugins(site):
    """Neither may vanish without a word."""
    site.install("left", ELEMENT, point="plugin")
    site.install("right", READER, point="plugin")
    result = site.run(SAY)
    assert "left" in result.stderr
    assert "right" in result.stderr


@pytest.mark.parametrize("broken", ["import a_module_that_is_not_there", "this is no Python", "1 / 0"])
def test_a_distribution_that_fails_to_import(site, broken):
    site.install("broken", broken)
    site.install("cyclotrons", ELEMENT)
    result = site.run(SAY)
    assert result.returncode == 0
    assert result.stdout.strip() == "['cyclotrons'] True True"
    assert "PluginWarning: plugin 'broken' could not be loaded and is left out" in result.stderr
    silent = site.run(SAY, disabled="broken")
    assert silent.stdout.strip() == "['cyclotrons'] True True"
    assert silent.stderr == ""


def test_a_distribution_whose_entry_point_leads_nowhere(site):
    site.install("cyclotrons", ELEMENT)
    (site.folder / "cyclotrons.py").unlink()
    result = site.run(SAY)
    assert result.stdout.strip() == "[] False True"
    assert "plugin 'cyclotrons' could not be loaded and is left out: ModuleNotFoundError" in result.stderr


def test_the_block_list(site):
    site.install("cyclotrons", ELEMENT)
    site.install("cards", READER)
    assert site.says(SAY) == "['cards', 'cyclotrons'] True True"
    assert site.says(SAY, disabled="cyclotrons") == "['cards'] False True"
    assert site.says(SAY, disabled=" cyclotrons , cards ") == "[] False True"
    assert site.says(SAY, disabled="caraval.physics.drift") == "['cards', 'cyclotrons'] True False"


def test_what_is_blocked_is_not_imported(site):
    site.install("cyclotrons", "raise SystemExit('imported')")
    assert site.says(SAY, disabled="cyclotrons") == "[] False True"


def test_importing_caraval_imports_no_plugin(site):
    """Plugins are loaded when something is asked of the registry."""
    site.install("cyclotrons", "print('imported')")
    assert site.says("import caraval") == ""
    assert site.says("import caraval; caraval.core.registry.registry()") == "imported"


def test_a_plugin_may_import_caraval_first_or_be_imported_first(site):
    site.install("cyclotrons", ELEMENT)
    code = "from caraval.core.registry import registry; print(registry().kind('cyclotron') is cyclotrons.Cyclotron)"
    assert site.says(f"import cyclotrons; {code}") == "True"
