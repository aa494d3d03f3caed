"""A third party's distribution: built, installed, found through its entry points, and used in a process of its own."""

from __future__ import annotations

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import caraval

HERE = Path(__file__).parent
SOURCE = HERE / "caraval-plasma-lens"
ROOT = Path(caraval.__file__).parents[1]

X = [1e-4, -3e-4, 5e-4]
Y = [2e-4, 0.0, -1e-4]
K1L, RADIUS = 7.0, 6e-4

SCRIPT = f"""
import json, sys
import numpy as np
import caraval as cv
from caraval.core.registry import registry

found = {{"plugins": list(registry().plugins), "methods": [row for row in registry().rows() if row[0] == "PlasmaLens"]}}
PlasmaLens = registry().kind("PlasmaLens")
lens = PlasmaLens(name="lens", k1l={K1L}, radius={RADIUS})
lattice = cv.Lattice([lens])
X, Y = {X}, {Y}


def beam(backend):
    return cv.ParticleBeam(x=np.array(X), y=np.array(Y), p0c=1e8).to(backend)


def plain(coordinates):
    return [np.asarray(a).tolist() for a in (coordinates.px, coordinates.py)]


tracked = {{}}
for method in ("linear", "kick_drift_kick"):
    line = lattice.with_tracking(method)
    for backend in ("numpy", "torch", "jax"):
        tracked[method + " " + backend] = plain(line.track(beam(backend)))
    tracked[method + " numba"] = plain(line.compile("numpy")(beam("numpy")))
tracker = lattice.with_tracking("kick_drift_kick").compile("jax", parameters=["lens.k1l"])
tracked["kick_drift_kick jax compiled"] = plain(tracker(beam("jax"), {{"lens.k1l": {K1L}}}))
found["tracked"] = tracked
found["default"] = str(registry().method_of(lens))

_, gradients = tracker.value_and_grad(lambda out: out.px.sum())(beam("jax"), {{"lens.k1l": {K1L}}})
found["jax"] = float(gradients["lens.k1l"])
import torch
k1l = torch.tensor({K1L}, dtype=torch.float64, requires_grad=True)
lattice.replace({{"lens.k1l": k1l}}).with_tracking("kick_drift_kick").track(beam("torch")).px.sum().backward()
found["torch"] = float(k1l.grad)

routine = registry().methods[PlasmaLens, "kick_drift_kick"].value
there = lattice.with_tracking("kick_drift_kick").track(beam("numpy"))
back = cv.Lattice([routine.inverse(lens)]).with_tracking("kick_drift_kick").track(there)
found["back"] = plain(back.coordinates)

moments = lattice.with_tracking("linear").track(beam("numpy").to_moments())
found["moments"] = float(moments.covariance_of(0, 1) / moments.covariance_of(0, 0))
found["matrix"] = lattice.transfer_matrix(cv.Reference("electron", 1e8)).tolist()

table = cv.load(sys.argv[1])
found["table"] = [[e.kind, e.name, e.length, getattr(e, "k1l", None)] for e in table]
try:
    cv.load(sys.argv[2])
except cv.LatticeError as error:
    found["error"] = str(error)
try:
    PlasmaLens(k1=1.0)
except cv.UnknownNameError as error:
    found["misspelt"] = str(error)
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def target(tmp_path_factory) -> Path:
    """Return the folder that the distribution is installed in, as `pip install` does it; nothing is downloaded."""
    for needed in ("pip", "setuptools"):
        assert importlib.metadata.version(needed), f"{needed} is a requirement of the tests"
    folder = tmp_path_factory.mktemp("plugin")
    shutil.copytree(SOURCE, folder / "source")  # building leaves traces beside the source
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    command += ["--disable-pip-version-check", "--target", str(folder / "site"), str(folder / "source")]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder / "site"


@pytest.fixture(scope="module")
def found(target, tmp_path_factory) -> dict:
    """Return what a process that has the distribution installed says of it."""
    for needed in ("torch", "jax", "numba"):
        pytest.importorskip(needed)
    files = tmp_path_factory.mktemp("files")
    (files / "two.lenses").write_text(f"first {K1L} {RADIUS}\n> 0.5\nsecond -{K1L} {RADIUS}\n")
    (files / "bad.lenses").write_text("first 1.0 0.001\nsecond strong\n")
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(target), str(ROOT)]), "JAX_ENABLE_X64": "1"}
    env.pop("CARAVAL_DISABLE_PLUGINS", None)
    command = [sys.executable, "-c", SCRIPT, str(files / "two.lenses"), str(files / "bad.lenses")]
    result = subprocess.run(command, capture_output=True, text=True, env=env, check=False, cwd=files)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_the_element_is_as_short_as_promised():
    assert len((SOURCE / "caraval_plasma_lens.py").read_text().splitlines()) <= 25


def test_it_is_found_through_its_entry_points(found):
    assert {"plasma_lens", "lens_table"} <= set(found["plugins"])
    assert found["methods"] == [
        ["PlasmaLens", "kick_drift_kick", "plasma_lens"],
        ["PlasmaLens", "linear", "plasma_lens"],
        ["PlasmaLens", "second_order", "derived"],
    ]


def test_it_is_not_there_without_being_installed():
    from caraval.core.registry import registry

    assert "PlasmaLens" not in registry().kinds


def test_its_first_method_is_its_default(found):
    assert found["default"] == "linear"


@pytest.mark.parametrize("how", ["numpy", "torch", "jax", "numba"])
def test_it_is_tracked_linearly(found, how):
    assert np.array(found["tracked"][f"linear {how}"]) == pytest.approx(-K1L * np.array([X, Y]), rel=1e-14)


@pytest.mark.parametrize("how", ["numpy", "torch", "jax", "numba", "jax compiled"])
def test_it_is_tracked_by_its_routine(found, how):
    x, y = np.array(X), np.array(Y)
    strength = K1L / (1 + (x**2 + y**2) / RADIUS**2)
    assert np.array(found["tracked"][f"kick_drift_kick {how}"]) == pytest.approx(-strength * np.array([x, y]), rel=1e-14)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_it_is_differentiable(found, backend):
    x, y = np.array(X), np.array(Y)
    assert found[backend] == pytest.approx(-(x / (1 + (x**2 + y**2) / RADIUS**2)).sum(), rel=1e-14)


def test_its_inverse_undoes_it(found):
    assert np.abs(found["back"]).max() < 1e-18


def test_moments_and_matrix(found):
    assert found["moments"] == pytest.approx(-K1L, rel=1e-12)
    expected = np.eye(6)
    expected[1, 0] = expected[3, 2] = -K1L
    assert np.array_equal(found["matrix"], expected)


def test_its_files_are_read(found):
    assert found["table"] == [["PlasmaLens", "first", 0.0, K1L], ["Drift", "", 0.5, None], ["PlasmaLens", "second", 0.0, -K1L]]


def test_its_errors_come_through(found):
    assert found["error"].endswith("bad.lenses:2: neither a lens nor a gap: 'second strong'")
    assert found["misspelt"] == "PlasmaLens '' has no parameter 'k1'; did you mean 'k1l'?"
