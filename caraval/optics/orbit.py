"""Closed orbits: Newton's method on the tracking itself, with the tracking's own derivatives."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal

import numpy as np

from caraval.core.arrays import arrays, is_number, namespace
from caraval.core.beam import ParticleBeam
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import BackendError, InputError, LatticeError
from caraval.core.lattice import Lattice
from caraval.core.reference import C_LIGHT
from caraval.core.registry import backend_of, registry, value_of
from caraval.physics.rfcavity import RFCavity

from .equations import solved
from .line import Line, has_longitudinal_focusing, without_rf
from .longitudinal import slip_of

CONVERGED = 1e-13
"""A step of Newton's method below this [m, rad] is the last: more than it, rounding errors cannot be told from an orbit."""

SETTLED = CONVERGED**0.75
"""A step that is not smaller than the one before, and below this, is one of rounding errors."""

STEPS = 40
"""So many steps at most."""

HALVINGS = 8
"""How often a step that is too long is halved."""

PHASES = 96
"""At how many phases over one and a half periods of the slowest cavity a stable one is sought."""


def closed_orbit(lattice: Lattice, dimensions: Literal[4, 6] = 4, *, pz: Any = 0.0) -> Coordinates:
    """Return the orbit at the start of a lattice that closes upon itself.

    It is found by Newton's method on one turn of the elements' own tracking, with their own derivatives. By the lattice's
    arrays it is differentiated implicitly: at the solution one more step is taken, of which the derivative is that of the
    orbit, whatever the way there was.

    Parameters
    ----------
    lattice : Lattice
        With a reference. Arrays of settings give arrays of orbits.
    dimensions : 4 or 6
        4: transverse, of the momentum `pz`, with storage-ring cavities off and ``z = 0`` (Bmad manual, "Closed Orbit").
        6: with cavities on, at the stable phase that is nearest to ``z = 0``.
    pz : number or array
        In four dimensions.

    Returns
    -------
    Coordinates
        Six numbers, or arrays of settings: x [m], px, y [m], py, z [m], pz.

    Raises
    ------
    InputError
        If the lattice has no reference, or `dimensions` is another number.
    LatticeError
        If there is no closed orbit that Newton's method finds.
    """
    if dimensions not in (4, 6):
        raise InputError(f"dimensions must be 4 or 6, not {dimensions!r}")
    if dimensions == 4:
        lattice = without_rf(lattice)
    return closed_on(Line(lattice, closed=True), dimensions, pz)


def closed_on(line: Line, dimensions: int, pz: Any = 0.0) -> Coordinates:
    """Return the closed orbit of a line that is ready, see :func:`closed_orbit`."""
    if line.is_plain and is_number(pz):
        return _found(line, dimensions, pz)
    at_once = line.backend.has_derivatives and line.goes_at_once([pz])
    known = _searched(line, dimensions, pz) if at_once and (dimensions == 4 or line.is_hidden) else None
    if known is None:
        known = _found(Line(values_of(line), closed=line.closed), dimensions, _shown(line, pz))
    start = [value if is_number(value) else line.backend.asarray(value) for value in known]
    if dimensions == 4:
        start[5] = pz
    if at_once:
        return Coordinates(*line.way.improved(start, dimensions))
    return _improved(line, start, dimensions)


def _searched(line: Line, dimensions: int, pz: Any) -> Coordinates | None:
    """Return the closed orbit of a line that is expanded at once; None if shorter steps may find it, where values are known."""
    try:
        return _at_once(line, dimensions, pz)
    except LatticeError:
        if line.is_hidden:
            raise
    return None


def _at_once(line: Line, dimensions: int, pz: Any) -> Coordinates:
    """Return the closed orbit of a line that is expanded at once, without derivatives; where there is none, it is NaN.

    Raises
    ------
    LatticeError
        If there is none, and values are known.
    """
    start: Sequence[Any] = (0.0, 0.0, 0.0, 0.0, 0.0, pz)
    if dimensions == 6:
        flat = line.without_rf()
        start = _stable_phase(line, flat, _at_once(flat, 4, 0.0))
    with _understood(line, dimensions):
        orbit, size = line.way.closed(start, dimensions, STEPS, CONVERGED, SETTLED)
    backend = registry().backend("numpy") if is_number(size) else backend_of(size)
    known = backend.value(size)
    if known is not None and not known < SETTLED:
        raise _endless(known, line)
    xp = namespace(orbit)
    return Coordinates(*xp.where(size < SETTLED, orbit, float("nan")))


@contextmanager
def _understood(line: Line, dimensions: int) -> Iterator[None]:
    """Say of what stops the search that there is no closed orbit.

    Raises
    ------
    LatticeError
    """
    try:
        yield
    except InputError as error:
        raise LatticeError(f"no closed orbit was found: {error}") from error
    except np.linalg.LinAlgError as error:
        why = "a turn leaves some motion as it is, as if nothing focused"
        if dimensions == 6 and not has_longitudinal_focusing(line.lattice):
            why += "; no cavity is on: switch one on, or ask for 4 dimensions"
        raise LatticeError(f"no closed orbit was found: {why}") from error


def _endless(size: Any, line: Line) -> LatticeError:
    why = "; do the cavities make up for the energy that is lost in a turn?" if line.dissipates else ""
    return LatticeError(f"no closed orbit was found: after {STEPS} steps it still changes by {size:.1e}{why}")


def values_of(line: Line) -> Lattice:
    """Return a lattice with the values of its arrays alone: nothing is recorded of what is done with them."""
    value = partial(_shown, line)
    reference = type(line.reference).tree_unflatten(
        line.reference.species, [value(v) for v in (line.reference.p0c, line.reference.s, line.reference.t)]
    )
    return line.lattice.replace(elements=[_valued(element, value) for element in line.lattice], reference=reference)


def _valued(element: Element, value: Callable[[Any], Any]) -> Element:
    """Return an element with the values of its arrays, and of those that it holds."""
    changes = {name: value(v) for name, v in element.parameters.items() if arrays([v])}
    for name, held in element.trees.items():
        if isinstance(held, Element):
            changes[name] = _valued(held, value)
        elif held is not None:
            changes[name] = {key: value(v) for key, v in held.items()}
    return element.with_values(changes) if changes else element


def _shown(line: Line, array: Any) -> Any:
    """Return the values of a number or an array: plain numbers, or of NumPy; of the line's library where that alone will do.

    Raises
    ------
    BackendError
        If a trace hides them.
    """
    if array is None or is_number(array):
        return array
    value = backend_of(array).shown(array)
    if value is None:
        raise BackendError(
            "this orbit is searched for with values, which jax.jit, vmap and torch.compile hide: the lattice has a network, a "
            "match that takes all particles to one orbit, or arrays of another library"
        )
    return line.backend.asarray(value) if line.is_felt else _plain(value)


def _plain(value: Any) -> Any:
    return float(value) if value.ndim == 0 else np.asarray(value, dtype=float)


def _found(line: Line, dimensions: int, pz: Any) -> Coordinates:
    orbit: Sequence[Any] = (0.0, 0.0, 0.0, 0.0, 0.0, pz)
    if dimensions == 6:
        flat = line.without_rf()
        orbit = _stable_phase(line, flat, _iterated(flat, (0.0,) * 6, 4))
    return _iterated(line, orbit, dimensions)


def _iterated(line: Line, start: Sequence[Any], dimensions: int) -> Coordinates:
    """Return the closed orbit that Newton's method comes to, with shorter steps where they are needed, or with whole ones."""
    try:
        return _newton(line, start, dimensions, HALVINGS)
    except LatticeError as error:
        try:
            return _newton(line, start, dimensions, 0)
        except LatticeError:
            raise error from error.__cause__


def _newton(line: Line, start: Sequence[Any], dimensions: int, halvings: int) -> Coordinates:
    """Return the closed orbit that Newton's method comes to.

    A step that loses the orbit, or leads away by the measure of the derivatives where it began, was too long: half of it is
    tried, and so on (Deuflhard, "Newton Methods for Nonlinear Problems", 3.3: the natural monotonicity test).
    """
    orbit, before = Coordinates(*start), np.inf
    with _understood(line, dimensions):
        turn = line.turn(orbit)
    for _ in range(STEPS):
        with _understood(line, dimensions):
            step, largest = _step(line, turn[0], turn[1], orbit, dimensions)
            if largest < CONVERGED or (largest >= before and largest < SETTLED):
                return _moved(orbit, step)
            orbit, turn = _nearer(line, turn[0], orbit, step, largest, halvings)
        before = largest
    raise _endless(before, line)


def _nearer(
    line: Line, matrix: Any, orbit: Coordinates, step: Sequence[Any], size: float, halvings: int
) -> tuple[Coordinates, tuple[Any, tuple[Any, ...]]]:
    """Return an orbit after a step, or a part of it, and the map of a turn about it.

    Raises
    ------
    InputError
        If the orbit is lost however short the step.
    """
    for time in range(halvings + 1):
        moved = _moved(orbit, [change / 2**time for change in step])
        try:
            turn = line.turn(moved)
        except InputError:
            if time == halvings:
                raise
            continue
        if size < SETTLED or time == halvings or _step(line, matrix, turn[1], moved, len(step))[1] < size:
            return moved, turn
    raise AssertionError("the last step is taken, or it raises")


def _step(line: Line, matrix: Any, end: Sequence[Any], orbit: Sequence[Any], dimensions: int) -> tuple[list[Any], float]:
    """Return the step of Newton's method by the matrix of a turn and the end of an orbit, and how large it is."""
    size = range(dimensions)
    closing = [[(1.0 if i == j else 0.0) - matrix[i][j] for j in size] for i in size]
    step = solved(closing, [end[i] - orbit[i] for i in size], line.backend)
    return step, float(np.max([np.max(np.abs(_known(change))) for change in step]))


def _moved(orbit: Sequence[Any], step: Sequence[Any]) -> Coordinates:
    return Coordinates(*(value + change for value, change in zip(orbit, step, strict=False)), *orbit[len(step) :])


def _improved(line: Line, orbit: Sequence[Any], dimensions: int) -> Coordinates:
    """Return an orbit after one step of Newton's method."""
    matrix, end = line.turn(orbit)
    return _moved(orbit, _step(line, matrix, end, orbit, dimensions)[0])


def _known(value: Any) -> Any:
    known = value_of(value)
    return 0.0 if known is None else known


# -------------------------------------------------------------------- longitudinal


def _stable_phase(line: Line, flat: Line, orbit: Coordinates) -> Coordinates:
    """Return an orbit with a z near that of the stable phase closest to zero.

    Particles are tracked for a turn over one and a half periods of the slowest cavity. Where the momentum that they gain
    changes its sign in the sense that focuses, is what is sought.
    """
    length = _wavelength(line)
    if length is None:
        return orbit
    matrix, _ = flat.turn(orbit)
    xp = line.backend.xp
    z = length * line.backend.asarray(np.linspace(-0.75, 0.75, PHASES + 1))
    start = [line.backend.asarray(value)[..., None] + 0.0 * z for value in orbit]
    start[4] = z + 0.0 * start[4]
    with np.errstate(all="ignore"):  # of particles that are lost
        gain = line.lattice.track(ParticleBeam(*start, reference=line.reference)).pz - start[5]
    slip = line.backend.asarray(slip_of(matrix))[..., None]
    before, after = gain[..., :-1], gain[..., 1:]
    crosses = (before * after <= 0) & ((before - after) * xp.sign(slip) > 0)
    share = xp.where(crosses, before / xp.where(crosses, before - after, 1.0), 0.0)
    found = z[:-1] + share * (z[1:] - z[:-1])
    cost = xp.where(crosses, xp.abs(found) + 1e-6 * length * xp.astype(found > 0, found.dtype), float("inf"))
    least = xp.min(cost, axis=-1, keepdims=True)
    chosen = xp.max(xp.where((cost == least) & crosses, found, -float("inf")), axis=-1)
    chosen = xp.where(least[..., 0] < float("inf"), chosen, 0.0)
    return orbit._replace(z=_plain(chosen) if isinstance(chosen, np.ndarray) else chosen)


def _wavelength(line: Line) -> Any:
    """Return the longest wavelength of the cavities [m]; None if there is none."""
    frequencies = [element.rf_frequency for element in line.lattice if isinstance(element, RFCavity) and element.is_on]
    known = [f for f in frequencies if not (is_number(f) and f <= 0)]
    if not known:
        return None
    xp, speed = line.backend.xp, line.backend.asarray(line.reference.beta) * C_LIGHT
    return xp.min(speed) / xp.min(xp.stack([xp.min(line.backend.asarray(f)) for f in known]))
