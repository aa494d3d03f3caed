"""The checks of backends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from caraval.backends.numpy import NumpyBackend
from caraval.core.arrays import library
from caraval.core.beam import ParticleBeam
from caraval.core.errors import BackendError, InputError
from caraval.core.lattice import Lattice
from caraval.core.reference import Reference, as_species
from caraval.core.registry import registry
from caraval.physics.drift import Drift
from caraval.physics.lcavity import LCavity
from caraval.physics.monitor import Monitor
from caraval.physics.quadrupole import Quadrupole
from caraval.physics.sbend import SBend
from caraval.physics.sextupole import Sextupole

from .beams import COMPILED, EAGER, assert_same, beam_of, compare, particles, values
from .checks import Check, CheckFailedError, Result, require

REFERENCE = Reference(as_species("electron"), 1e8)

LINE = Lattice(
    [
        Quadrupole(name="q", length=0.2, k1=1.3, x_offset=1e-4, tilt=0.1),
        Drift(name="d", length=0.4, x1_limit=4e-3, x2_limit=4e-3),
        SBend(name="b", length=0.5, angle=0.1, e1=0.05, tracking_method="linear"),
        Monitor(name="m"),
        Sextupole(name="s", length=0.1, k2=3.0, tracking_method="second_order"),
        LCavity(name="c", length=1.0, rf_frequency=1.3e9, voltage=1e6, phi0=0.05),
    ]
)
"""A line with all that a plan may hold: rows with and without constants of their own, maps of both orders, a loss, a look."""

SINGLE = 2e-6
"""Error of the line in single precision: a few dozen roundings of 6e-8, in units of the largest value."""

NODES = (9, 8, 7)
"""Nodes of the grid that charges are shared on."""

PROTOCOL = "see caraval.Backend for what each method returns"


def backend_checks(name: str) -> list[Check]:
    """Return the checks of a backend, each of which can be called.

    Parameters
    ----------
    name : str
        That it is registered under, which is that of its array library.
    """
    return list(_checks(name))


def check_backend(name: str) -> list[Result]:
    """Run all checks of a backend, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them, and what would mend them.
    """
    return require(backend_checks(name))


def _checks(name: str) -> Iterator[Check]:
    def check(what: str, function: Callable[..., str | None], *arguments: object, advice: str = PROTOCOL) -> Check:
        return Check(f"backend {name}", what, function, (name, *arguments), advice)

    yield check("loads", loads, advice='register it as {"library": "module:Class"}, with a class that takes no arguments')
    for dtype in ("float64", "float32"):
        yield check(f"keeps arrays[{dtype}]", keeps_arrays, dtype)
        yield check(f"tracks[{dtype}]", tracks, dtype)
    yield check("refuses", refuses)
    yield check("loses", loses)
    yield check("takes parts", takes_parts)
    yield check("batches", batches)
    yield check("moves moments", moves_moments)
    yield check("compiles", compiles)
    yield check("differentiates", differentiates)
    yield check("shares charge", shares_charge)


def loads(name: str) -> None:
    """The backend is there, under the name of its library."""
    backend = registry().backend(name)
    if backend.name != name:
        raise CheckFailedError(f"it calls itself {backend.name!r}; `name` must be what it is registered under, {name!r}")
    found = library(backend.asarray(np.zeros(2), dtype=backend.dtype("float64")))
    if found != name:
        raise CheckFailedError(f"its arrays are of {found!r}; register it as {found!r}, for beams find their backend by that")


def keeps_arrays(name: str, dtype: str) -> None:
    """Values go there and back in their precision."""
    backend, given = registry().backend(name), np.linspace(-1, 1, 5, dtype=dtype)
    array = backend.asarray(given, dtype=backend.dtype(dtype))
    back = backend.to_numpy(array)
    if back.dtype != given.dtype or not np.array_equal(back, given):
        raise CheckFailedError(f"{given!r} comes back as {back!r}; `asarray` and `to_numpy` must keep values and precision")
    if backend.value(array) is None:
        raise CheckFailedError("`value` returns None, which is for arrays whose values a trace hides")


def refuses(name: str) -> None:
    """Precisions and devices that do not exist are errors that say so."""
    backend = registry().backend(name)
    for function, error in ((backend.dtype, InputError), (backend.device, BackendError)):
        try:
            function("no such thing")
        except error:
            continue
        raise CheckFailedError(f"{function.__name__}('no such thing') must be a {error.__name__} that names what there is")


def tracks(name: str, dtype: str) -> str:
    """A line of everything is what it is on NumPy."""
    beam = beam_of(particles(50), REFERENCE, dtype=dtype)
    truth, history = LINE.track(beam.to(dtype="float64"), observe=["m"])
    out, seen = LINE.track(beam.to(name), observe=["m"])
    tolerance = EAGER if dtype == "float64" else SINGLE
    if registry().backend(name).to_numpy(out.x).dtype != np.dtype(dtype):
        raise CheckFailedError(f"a beam of {dtype} comes out in another precision; `cast` must bring constants to the beam's")
    for after, right in ((out, truth), (seen["m"][0], history["m"][0])):
        if not np.array_equal(np.asarray(after.alive), right.alive):
            raise CheckFailedError("other particles are lost than on NumPy; see `run`")
        worst = compare(values(after.coordinates), values(right.coordinates), tolerance, "see `run`", right.alive)
    return f"within {worst:.1e}"


def loses(name: str) -> None:
    """Lost particles keep coordinates and places, and those that come in lost stay as they are."""
    beam = beam_of(particles(50), REFERENCE)
    alive = np.arange(50) % 5 > 0
    beam = beam.replace(alive=alive, lost_s=np.where(alive, np.inf, -1.0))
    truth, out = LINE.track(beam), LINE.track(beam.to(name))
    if not 0 < truth.alive.sum() < alive.sum():
        raise AssertionError("the line loses some")
    assert_same(out, truth, EAGER, "a particle that fails a check keeps the coordinates that it was lost with (`run`)")


def takes_parts(name: str) -> None:
    """Beams of several chunks are what their parts are."""
    chunk = registry().backend(name).chunk or 100
    q = particles(2 * chunk + 3)
    some = slice(2 * chunk - 5, 2 * chunk + 3)
    out = LINE.track(beam_of(q, REFERENCE, name))
    truth = LINE.track(beam_of(q[:, some], REFERENCE))
    found = values(out.coordinates)[:, some]
    compare(found, values(truth.coordinates), EAGER, "parts must be put together in their order (`run`, `each`)", truth.alive)


def batches(name: str) -> None:
    """Batches of settings go with batches of beams."""
    backend, k1, q = registry().backend(name), np.array([[0.5], [1.3], [2.0]]), particles(20)
    array = backend.asarray(k1, dtype=backend.dtype("float64"))
    beams = beam_of(np.stack([q, 0.5 * q], axis=1), REFERENCE, name)
    out = LINE.replace({"q.k1": array}).track(beams)
    if tuple(out.x.shape) != (3, 2, 20):
        raise CheckFailedError(f"settings (3, 1) and beams (2, 20) come out as {tuple(out.x.shape)}; arrays must broadcast")
    for i, value in enumerate(k1[:, 0]):
        truth = LINE.replace({"q.k1": float(value)}).track(beam_of(q, REFERENCE))
        compare(values(out.coordinates)[:, i, 0], values(truth.coordinates), EAGER, "see `run`", truth.alive)


def moves_moments(name: str) -> None:
    """Moments of a beam go through the same line."""
    beam = beam_of(particles(50, scale=0.1), REFERENCE)
    backend = registry().backend(name)
    truth, out = LINE.track(beam.to_moments()), LINE.track(beam.to(name).to_moments())
    for part in ("mean", "covariance"):
        found, right = backend.to_numpy(getattr(out, part)), getattr(truth, part)
        if not np.abs(found - right).max() <= EAGER * np.abs(right).max():
            raise CheckFailedError(
                f"the {part} of moments is another than on NumPy; see that `xp` is the array API's namespace"
            )


def compiles(name: str) -> str:
    """The compiled backend does the same, or says that there is no compiler."""
    try:
        tracker = LINE.compile(name, parameters=["q.k1"])
    except BackendError as error:
        return str(error)
    beam = beam_of(particles(50), REFERENCE)
    for k1 in (1.3, 0.7):
        truth = LINE.replace({"q.k1": k1}).track(beam)
        assert_same(tracker(beam.to(name), {"q.k1": k1}), truth, COMPILED, "see `compiled().run`", lost=False)
    return "compiled"


def differentiates(name: str) -> str:
    """Derivatives are those of differences, or the backend says that it has none."""
    backend, beam = registry().backend(name), beam_of(particles(50, scale=0.5), REFERENCE)
    step, at = 1e-3, 1.3

    def objective(settings: Any, beam: ParticleBeam) -> Any:
        return LINE.replace(settings).track(beam).sigma_x * 1e3

    try:
        value, found = backend.differentiated(objective)({"q.k1": at}, beam.to(name))
    except BackendError as error:
        return str(error)
    up, down, far_up, far_down = (objective({"q.k1": at + n * step}, beam) for n in (1, -1, 2, -2))
    truth = (8 * (up - down) - (far_up - far_down)) / (12 * step)
    if not abs(float(value) - objective({"q.k1": at}, beam)) <= COMPILED * abs(up):
        raise CheckFailedError("`differentiated` returns another value than tracking does")
    if not abs(float(found["q.k1"]) - truth) <= 1e-7 * abs(truth):
        raise CheckFailedError(f"the derivative is {float(found['q.k1']):.9g} and that of differences {truth:.9g}")
    return "differentiated"


def shares_charge(name: str) -> str:
    """Charges are shared on the nodes of a grid and fields found between them as on NumPy, or the backend cannot."""
    backend, numpy = registry().backend(name), NumpyBackend()
    rng = np.random.default_rng(1)
    places = [rng.uniform(0.1, n - 1.1, 30) for n in NODES]
    amounts = rng.uniform(size=30)

    def here(array: np.ndarray) -> Any:
        return backend.asarray(array, dtype=backend.dtype("float64"))

    try:
        found = backend.deposit([here(p) for p in places], here(amounts), NODES)
    except BackendError as error:
        return str(error)
    truth = numpy.deposit(places, amounts, NODES)
    (between,) = backend.interpolate([here(truth)], [here(p) for p in places])
    (right,) = numpy.interpolate([truth], places)
    for what, a, b in (("deposit", found, truth), ("interpolate", between, right)):
        if not np.abs(backend.to_numpy(a) - b).max() <= EAGER * np.abs(b).max():
            raise CheckFailedError(
                f"`{what}` gives something else than on NumPy; see `scatter_add` and caraval.backends.clouds"
            )
    return "shared"
