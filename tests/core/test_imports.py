"""The rooms of the house: who may import whom, and what an import costs."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

import caraval

PACKAGE = Path(caraval.__file__).parent
ROOMS = ("core", "physics", "optics", "backends", "converters", "plugins", "scanning", "testing")
LIGHT = {"__future__", "numpy", "scipy", "array_api_compat", "pluggy", *sys.stdlib_module_names}

MAY_IMPORT = {
    "core": {"core"},
    "physics": {"core", "physics"},
    "optics": {"core", "physics", "optics"},
    "backends": {"core", "backends"},
    "converters": {"core", "physics", "converters", "io"},
    "plugins": {"core", "physics", "plugins"},
    "scanning": {"core", "scanning"},
    "testing": {"core", "physics", "backends", "testing", "io"},
}
"""Of the package's own rooms; imports go one way."""


def files(room):
    return sorted((PACKAGE / room).rglob("*.py"))


def imports(path):
    """Return the full names of all modules that a file imports, inside of functions too."""
    module = ["caraval", *path.relative_to(PACKAGE).with_suffix("").parts]
    if module[-1] == "__init__":
        module.pop()
        here = module
    else:
        here = module[:-1]
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = here[: len(here) - node.level + 1] if node.level else []
            name = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import a` and `from caraval import core` import modules by their last name
            found |= {f"{name}.{alias.name}" for alias in node.names} if name in ("caraval", *_packages()) else {name}
    return found


def _packages():
    return {".".join(["caraval", *p.parent.relative_to(PACKAGE).parts]) for p in PACKAGE.rglob("__init__.py")}


def test_the_reading_of_imports(tmp_path):
    assert "caraval.core.arrays" in imports(PACKAGE / "core" / "beam.py")
    assert "caraval.core.sampling" in imports(PACKAGE / "core" / "beam.py")
    assert "caraval.core.tracker" in imports(PACKAGE / "core" / "lattice.py")  # inside a function
    assert "torch" in imports(PACKAGE / "backends" / "torch.py")
    assert "caraval.core.reference" in imports(PACKAGE / "physics" / "drift.py")


@pytest.mark.parametrize("room", ["core", "physics", "optics"])
def test_core_and_physics_know_no_array_library(room):
    """NumPy is there for plain numbers, and the standard's compatibility layer."""
    assert len(files(room)) > 5
    wrong = {
        (path.name, name) for path in files(room) for name in imports(path) if name.partition(".")[0] not in (*LIGHT, "caraval")
    }
    assert wrong == set()


@pytest.mark.parametrize("room", ["core", "physics", "optics"])
def test_the_compatibility_layers_namespaces_are_not_named(room):
    """Not ``array_api_compat.torch``: the namespace is that of the arrays."""
    wrong = {(path.name, name) for path in files(room) for name in imports(path) if name.startswith("array_api_compat.")}
    assert wrong == set()


@pytest.mark.parametrize("room", ROOMS)
def test_imports_go_one_way(room):
    wrong = {
        (path.relative_to(PACKAGE).as_posix(), name)
        for path in files(room)
        for name in imports(path)
        if name.startswith("caraval.") and name.split(".")[1] not in MAY_IMPORT[room]
    }
    # a reader may import the package's public names: those are of core and physics
    allowed = {
        (path, name) for path, name in wrong if room in ("converters", "plugins") and hasattr(caraval, name.split(".")[1])
    }
    assert wrong - allowed == set()


HEAVY = [
    "torch",
    "jax",
    "jaxlib",
    "numba",
    "llvmlite",
    "matplotlib",
    "h5py",
    "pyarrow",
    "pmd_beamphysics",
    "hypothesis",
    "pytest",
    "lark",
    "rich",
    "typer",
]


def fresh(code):
    """Run code in a fresh interpreter that imports caraval from where we have it; return what it prints."""
    env = {**os.environ, "PYTHONPATH": str(PACKAGE.parent)}
    code = f"{code}\nimport sys; print([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, env=env, check=False)
    assert result.returncode == 0, result.stderr
    return result.stdout.strip()


@pytest.mark.parametrize(
    "code",
    [
        "import caraval",
        "import caraval.core.tracker, caraval.core.jet, caraval.backends",
        "from caraval.core.registry import registry; registry()",
        "import caraval.testing",
        "import caraval as cv; cv.Lattice([cv.Drift(length=1)]).track(cv.ParticleBeam.gaussian(10, p0c=1e8)).mean",
    ],
)  # fmt: skip
def test_nothing_heavy_is_imported_until_it_is_used(code):
    assert fresh(code) == "[]"


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_a_backend_brings_its_own_library_only(backend):
    pytest.importorskip(backend)
    loaded = fresh(f"import caraval as cv; cv.ParticleBeam.gaussian(10, p0c=1e8, backend={backend!r}, dtype='float32')")
    other = {"torch": "jax", "jax": "torch"}[backend]
    assert f"'{backend}'" in loaded
    assert f"'{other}'" not in loaded
    assert "'numba'" not in loaded


def test_public_names_are_there_and_explicit():
    assert sorted(caraval.__all__) == sorted(set(caraval.__all__))
    for name in caraval.__all__:
        assert hasattr(caraval, name)
