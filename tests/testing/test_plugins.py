"""A plugin written by the command line passes its tests at once, and is checked from the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

import caraval as cv
from caraval.cli import app

ROOT = Path(cv.__file__).parents[1]


def run(folder: Path, site: Path, *command: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(site), str(ROOT)])}
    env.pop("CARAVAL_DISABLE_PLUGINS", None)
    return subprocess.run([sys.executable, *command], capture_output=True, text=True, env=env, check=False, cwd=folder)


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a new plugin."""
    folder = tmp_path_factory.mktemp("new")
    result = CliRunner().invoke(app, ["plugins", "new", "solar-sail", "--in", str(folder)])
    assert result.exit_code == 0, result.output
    return folder / "solar-sail"


@pytest.fixture(scope="module")
def site(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder that it is installed in, as `pip install` does it; nothing is downloaded."""
    folder = tmp_path_factory.mktemp("site")
    command = ["-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    result = run(package, folder, *command, "--disable-pip-version-check", "--target", str(folder), ".")
    assert result.returncode == 0, result.stdout + result.stderr
    return folder


def test_a_new_plugin_is_four_files(package):
    found = {path.relative_to(package).as_posix() for path in package.rglob("*") if path.is_file()}
    assert found >= {"solar_sail.py", "tests/test_solar_sail.py", "pyproject.toml", "README.md"}
    assert not any("$" in path.read_text() for path in package.rglob("*.py"))


def test_it_passes_its_tests_at_once(package, site):
    result = run(package, site, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-k", "not torch and not jax")
    assert result.returncode == 0, result.stdout + result.stderr
    assert int(result.stdout.split(" passed")[0].split()[-1]) > 10


@pytest.mark.slow
def test_it_passes_its_tests_on_all_backends(package, site):
    result = run(package, site, "-m", "pytest", "-q", "-p", "no:cacheprovider")
    assert result.returncode == 0, result.stdout + result.stderr


@pytest.mark.parametrize("name", ["solar_sail", "solar-sail"])
def test_it_is_checked_from_the_command_line_by_plugin_and_by_distribution(package, site, name):
    result = run(site, site, "-m", "caraval.cli", "check", name, "--no-compiled", "--match", "symplectic")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "3 of 3 checks passed" in result.stdout


def test_a_module_that_is_not_installed_is_checked_where_one_stands(package, tmp_path):
    result = run(package, tmp_path, "-m", "caraval.cli", "check", "solar_sail", "--no-compiled", "--match", "numpy")
    assert result.returncode == 0, result.stdout + result.stderr
    assert "batches[numpy]" in result.stdout


def test_what_fails_is_said_with_an_exit_code(package, tmp_path):
    broken = (package / "solar_sail.py").read_text().replace("lens.replace(k1l=-lens.k1l)", "lens")
    (tmp_path / "wrong_sail.py").write_text(broken)
    result = run(
        tmp_path, tmp_path, "-m", "caraval.cli", "check", "wrong_sail", "--no-compiled", "--match", "kick_drift_kick undoes"
    )
    assert result.returncode == 1
    assert "0 of 1 checks passed" in result.stdout
    assert "`inverse` gives the element" in result.stdout


def test_a_plugin_without_examples_is_told_to_give_some(package, tmp_path):
    (tmp_path / "shy_sail.py").write_text((package / "solar_sail.py").read_text().partition("@cv.hookimpl\ndef register_ex")[0])
    result = run(tmp_path, tmp_path, "-m", "caraval.cli", "check", "shy_sail")
    assert result.returncode == 1
    assert "register_examples" in result.stdout


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Solar", "cannot be the name of a package: lower-case letters"),
        ("2sails", "a letter first"),
        ("solar--sail", "single - or _ between"),
        ("class", "a word of Python's own"),
        ("match", "a word of Python's own"),
        ("numpy", "there is a module 'numpy' already"),
        ("sol-quad", "there is an element SolQuad already, of plugin 'caraval.physics.sol_quad'"),
    ],
)
def test_names_that_will_not_do(name, message, tmp_path):
    result = CliRunner().invoke(app, ["plugins", "new", name, "--in", str(tmp_path)])
    assert result.exit_code == 1
    assert message in result.output
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_written_over(package):
    before = (package / "solar_sail.py").read_text()
    result = CliRunner().invoke(app, ["plugins", "new", "solar-sail", "--in", str(package.parent)])
    assert result.exit_code == 1
    assert "exists already; nothing was written" in result.output
    assert (package / "solar_sail.py").read_text() == before


def test_checking_what_is_not_there():
    result = CliRunner().invoke(app, ["check", "a_module_of_nobody"])
    assert result.exit_code == 1
    assert "no plugin, distribution or module 'a_module_of_nobody'" in result.output


def test_examples_are_elements_and_files(plugin):
    with pytest.raises(cv.PluginError, match="register_examples returns elements, lattices and paths of files, not 3"):
        plugin("wrong", register_examples=lambda: [3])
