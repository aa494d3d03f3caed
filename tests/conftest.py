"""What all tests share: every backend, both precisions, and a line with one of everything."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.core import registry as registering

with contextlib.suppress(ImportError):
    import jax

    jax.config.update("jax_enable_x64", True)

with contextlib.suppress(ImportError):
    import torch

    torch.set_num_threads(1)  # workers of pytest-xdist share the cores

STRICT = "array_api_strict"
BACKENDS = ("numpy", "torch", "jax", STRICT)
REQUIRED = {"torch": "torch", "jax": "jax", STRICT: STRICT}

P0C = 1e8


@pytest.fixture(scope="session", autouse=True)
def strict_backend() -> Iterator[None]:
    """Make ``backend="array_api_strict"`` known: it has nothing but the array API standard."""
    try:
        from caraval.testing import strict
    except ImportError:
        yield
        return
    registering.register_plugin(strict, STRICT)
    yield
    registering.unregister_plugin(STRICT)


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Name of a backend; tests run on every one that is installed."""
    if request.param in REQUIRED:
        pytest.importorskip(REQUIRED[request.param])
    return request.param


@pytest.fixture(params=("torch", "jax"))
def differentiable(request: pytest.FixtureRequest) -> str:
    """Name of a backend with derivatives."""
    pytest.importorskip(request.param)
    return request.param


@pytest.fixture(params=("float64", "float32"))
def dtype(request: pytest.FixtureRequest) -> str:
    """Name of a precision."""
    return request.param


@pytest.fixture
def epsilon(dtype: str) -> float:
    """Relative rounding error of the precision."""
    return float(np.finfo(dtype).eps)


@pytest.fixture(scope="session")
def to_numpy() -> Callable[[Any], np.ndarray]:
    """Return a function that brings numbers, arrays of any backend, and coordinates to NumPy."""

    def convert(value: Any) -> np.ndarray:
        if isinstance(value, cv.Coordinates):
            return np.stack([convert(a) for a in value])
        if hasattr(value, "detach"):
            value = value.detach()
        return np.asarray(value)

    return convert


@pytest.fixture(scope="session")
def array() -> Callable[..., Any]:
    """Return a function ``(values, backend, dtype="float64") -> array`` there."""

    def make(values: Any, backend: str, dtype: str = "float64") -> Any:
        place = registering.registry().backend(backend)
        return place.asarray(np.asarray(values, dtype=dtype), dtype=place.dtype(dtype))

    return make


@pytest.fixture
def fodo() -> cv.Lattice:
    """Return one cell of quadrupoles and drifts."""
    return cv.Lattice(
        [
            cv.Quadrupole(name="qf", length=0.2, k1=1.3),
            cv.Drift(name="d1", length=0.5),
            cv.Quadrupole(name="qd", length=0.2, k1=-1.2),
            cv.Drift(name="d2", length=0.5),
        ],
        name="fodo",
    )


@pytest.fixture
def line() -> cv.Lattice:
    """Return a line with one of everything: magnets, edges, correctors, monitors, apertures, misalignments of both frames."""
    return cv.Lattice(
        [
            cv.Quadrupole(name="q1", length=0.2, k1=1.3, x_offset=1e-4, tilt=0.01),
            cv.Drift(name="d1", length=0.4),
            cv.Monitor(name="bpm1"),
            cv.Sextupole(name="s1", length=0.1, k2=3.0, x_pitch=1e-3),
            cv.RCollimator(name="col", length=0.1, x_limit=2.5e-4, y_limit=1e-3),
            cv.SBend(name="b1", length=1.0, angle=0.1, e1=0.05, e2=0.04, fint=0.5, hgap=0.01),
            cv.HKicker(name="h1", length=0.1, kick=2e-5),
            cv.VKicker(name="v1", kick=-1e-5),
            cv.Quadrupole(name="q2", length=0.2, k1=-1.1, x_limit=4e-4, y_limit=4e-4, aperture_type="elliptical"),
            cv.Monitor(name="bpm2", length=0.05),
            cv.Drift(name="d2", length=0.5),
            cv.Marker(name="end"),
        ],
        name="line",
    )


@pytest.fixture(scope="session")
def make_beam() -> Callable[..., cv.ParticleBeam]:
    """Return a function that makes one and the same beam on any backend: ``(backend, dtype="float64", n=100, **changes)``."""

    def make(backend: str = "numpy", dtype: str = "float64", n: int = 100, **changes: Any) -> cv.ParticleBeam:
        settings: dict[str, Any] = {
            "p0c": P0C, "seed": 7, "sigma_x": 2e-4, "sigma_px": 1e-4, "sigma_y": 1.5e-4, "sigma_py": 1e-4, "sigma_z": 1e-3,
            "sigma_pz": 1e-3, **changes,
        }  # fmt: skip
        return cv.ParticleBeam.gaussian(n, backend=backend, dtype=dtype, **settings)

    return make


@pytest.fixture
def plugin() -> Iterator[Callable[..., str]]:
    """Return a function that adds a plugin made of hook functions, for this test only: ``(name, **hooks) -> name``."""
    added: list[str] = []

    def add(name: str, **hooks: Callable[..., Any]) -> str:
        holder = type(name, (), {hook: staticmethod(cv.hookimpl(function)) for hook, function in hooks.items()})()
        registering.register_plugin(holder, name)
        added.append(name)
        return name

    yield add
    for name in reversed(added):
        registering.unregister_plugin(name)


@pytest.fixture
def jax_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave nothing of JAX to NumPy's loops: its own programs are looked at."""
    monkeypatch.setattr(pytest.importorskip("caraval.backends.jax").CompiledJax, "enough", np.inf)


@pytest.fixture
def programs(monkeypatch: pytest.MonkeyPatch, jax_programs: None) -> None:
    """Leave nothing of PyTorch either, whose programs take seconds to compile."""
    monkeypatch.setattr(pytest.importorskip("caraval.backends.torch").CompiledTorch, "enough", np.inf)


@pytest.fixture(autouse=True, scope="module")
def forgetful() -> Iterator[None]:
    """Let go of compiled programs after each file: all of them together take gigabytes."""
    yield
    if "jax" in sys.modules:
        sys.modules["jax"].clear_caches()
    if "torch._dynamo" in sys.modules:
        sys.modules["torch._dynamo"].reset()
