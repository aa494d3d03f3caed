"""Optics carried along a line: element by element, or where the backend can, of all elements at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from math import pi
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.jet import Jet, jet_namespace
from caraval.physics.match import COUPLINGS
from caraval.physics.patch import Patch
from caraval.physics.shared.modes import Modes, columns_of, dispersed, modes_of, multiplied

from .equations import jet, slope_of, value_of
from .line import Line
from .table import column


class Optics(NamedTuple):
    """What is carried along a line.

    Attributes
    ----------
    modes : Modes
    phases : two numbers
        Of both modes since the start [rad].
    dispersion : five numbers
        Derivatives of x, px, y, py, z by pz; that of z is None in rings, where it does not come back to what it was.
    orbit : six numbers
    """

    modes: Modes
    phases: tuple[Any, Any]
    dispersion: Sequence[Any]
    orbit: Sequence[Any]


def columns(line: Line, begin: Optics, of: Callable[[Any], Any] = value_of) -> dict[str, Any]:
    """Return the columns of a table of optics: values at the start and after every element, or derivatives by pz."""
    line = line.about(begin.orbit)
    whole = _at_once(line, begin)
    if whole is not None:
        return {name: of(value) for name, value in _row(_placed_last(whole)).items()}
    rows = [_row(optics) for optics in passed(line, begin)]
    return {name: column([of(row[name]) for row in rows]) for name in rows[0]}


def phases(line: Line, begin: Optics) -> Sequence[Any]:
    """Return the phases of both modes at the end of a line [rad], whole turns included."""
    line = line.about(begin.orbit)
    whole = _at_once(line, begin)
    if whole is not None:
        return [_at(phase, -1) for phase in whole.phases]
    *_, last = passed(line, begin)
    return last.phases


def arrived(line: Line, begin: Optics, count: int) -> Optics:
    """Return the optics after so many elements; of one by one nothing is compiled, unless a trace is."""
    line = line.about(begin.orbit)
    whole = _at_once(line, begin) if line.is_hidden else None
    if whole is not None:
        found: Optics = _mapped(whole, lambda value: _at(value, count))
        return found
    return next(islice(passed(line, begin), count, None))


# -------------------------------------------------------------------- element by element


def passed(line: Line, begin: Optics) -> Iterator[Optics]:
    """Yield the optics at the start and after every element."""
    optics = begin
    yield optics
    for piece in line.pieces(begin.orbit):
        xp = namespace_of((*piece.matrix, optics.modes[:8]))
        modes, turned, dispersion = _carried(piece.matrix, optics.modes, optics.dispersion, xp)
        sense = _sense(line.lattice.elements[piece.place])
        grown = [before + _grown(phase, *sense, xp) for before, phase in zip(optics.phases, turned, strict=True)]
        optics = Optics(modes, (grown[0], grown[1]), dispersion, piece.orbit)
        yield optics


def _carried(matrix: Any, modes: Modes, dispersion: Sequence[Any], xp: Any) -> tuple[Modes, tuple[Any, Any], list[Any]]:
    """Return modes after a map, by how much their phases are turned, and dispersion."""
    turned_columns = multiplied([row[:4] for row in matrix[:4]], columns_of(modes._asdict(), xp))
    after, turned = modes_of(turned_columns, modes.mode_flip, xp)
    return after, turned, dispersed(matrix, dispersion)


def _sense(element: Element) -> tuple[float, float]:
    """Return the sign in which phases go on in an element, and how far against it they may be turned [rad].

    They grow along an element, as in Bmad, and shrink along a way back; patches turn the coordinates themselves.
    """
    if isinstance(element, Patch):
        return (1.0 if element.against else -1.0, pi / 2) if element.turns() else (0.0, 0.0)
    length = element.length
    return float(np.sign(length)) if is_number(length) else 1.0, 0.0


def _grown(phase: Any, sign: Any, against: Any, xp: Any) -> Any:
    """Return a phase advance [rad] from its angle."""
    return xp.where(sign * phase < -against, phase + 2 * pi * sign, phase)


# -------------------------------------------------------------------- all at once


def _at_once(line: Line, begin: Optics) -> Optics | None:
    """Return the optics at all places, each number an array ``(places, ...)``; None where the line goes one by one."""
    if not (line.backend.has_derivatives and line.goes_at_once(begin.orbit)):
        return None
    start = begin.modes, begin.dispersion, list(begin.orbit)
    if not any(isinstance(value, Jet) for value in begin.orbit):
        return _stacked(line, start)
    flipped = begin.modes.mode_flip

    def of_numbers(numbers: Any) -> Any:
        modes, dispersion, orbit = numbers
        found = _stacked(line, (_modes(modes, flipped), dispersion, orbit))
        return (found.modes[:9], *found[1:]), found.modes.mode_flip

    values, slopes = (_mapped((begin.modes[:9], *start[1:]), of) for of in (value_of, slope_of))
    (optics, flips), (steeper, _) = line.backend.push(of_numbers, values, slopes)
    modes, *rest = (_joined(part, slope) for part, slope in zip(optics, steeper, strict=True))
    return Optics(_modes(modes, flips), *rest)


def _modes(numbers: Any, flipped: Any) -> Modes:
    return Modes(**dict(zip(Modes._fields, (*numbers, flipped), strict=True)))


def _stacked(line: Line, start: Any) -> Optics:
    modes, dispersion, orbit = start
    matrices, orbits = line.way.maps(orbit)
    xp = namespace(matrices)

    def along(value: Any) -> Any:
        is_truth = isinstance(value, (bool, np.bool_)) or getattr(value, "dtype", None) == xp.bool
        found = line.backend.beside(value, matrices[0, 0, 0, ...] == 0 if is_truth else matrices)
        return xp.broadcast_to(found, matrices.shape[3:])

    begin = _mapped((modes, [0.0, 0.0], dispersion), along)

    found = line.backend.scan(_followed, begin, matrices)
    senses = np.array([_sense(element) for element in line.lattice]).T.reshape(2, -1, *(1,) * (matrices.ndim - 3))
    senses = line.backend.beside(senses, matrices)
    turned = [xp.cumulative_sum(_grown(phase, senses[0], senses[1], xp), axis=0) for phase in found[1]]
    modes, angles, eta = _preceded(begin, (found[0], turned, found[2]), xp)
    first = xp.stack(list(map(along, orbit)))
    path = xp.concat([first[None], orbits])
    return Optics(modes, (angles[0], angles[1]), eta, [path[:, i] for i in range(6)])


def _followed(state: Any, matrix: Any) -> Any:
    """Return modes, by how much their phases are turned, and dispersion after a map; for backends that scan."""
    modes, _, dispersion = state
    modes, turned, dispersion = _carried(matrix, modes, dispersion, namespace(matrix[0][0]))
    return modes, list(turned), dispersion


def _preceded(first: Any, others: Any, xp: Any) -> Any:
    """Return nests of arrays with the first value before the others."""
    if others is None:
        return None
    if isinstance(others, (tuple, list)):
        return _like(others, [_preceded(a, b, xp) for a, b in zip(first, others, strict=True)])
    return xp.concat([first[None], others])


def _joined(value: Any, slope: Any) -> Any:
    """Return nests of values and of their slopes as one of jets."""
    if value is None:
        return None
    if isinstance(value, (tuple, list)):
        return _like(value, [_joined(a, b) for a, b in zip(value, slope, strict=True)])
    return jet(value, slope)


def _mapped(nest: Any, function: Callable[[Any], Any]) -> Any:
    """Return a nest with a function of what is in it; what is not there stays so."""
    if nest is None:
        return None
    return _like(nest, [_mapped(part, function) for part in nest]) if isinstance(nest, (tuple, list)) else function(nest)


def _like(nest: Any, parts: list[Any]) -> Any:
    return type(nest)(*parts) if hasattr(nest, "_fields") else type(nest)(parts)


def _placed_last(optics: Optics) -> Optics:
    """Return stacked optics with the places as the last axis, as tables have them."""
    found: Optics = _mapped(
        optics, lambda value: _on_arrays(value, lambda a: namespace(a).permute_dims(a, (*range(1, a.ndim), 0)))
    )
    return found


def _at(value: Any, place: int) -> Any:
    return _on_arrays(value, lambda a: a[place])


def _on_arrays(value: Any, function: Callable[[Any], Any]) -> Any:
    """Return a function of an array, or of value and slope of a jet."""
    return jet(function(value.value), function(slope_of(value))) if isinstance(value, Jet) else function(value)


# -------------------------------------------------------------------- rows of tables


def _row(optics: Optics) -> dict[str, Any]:
    """Return the values of all columns at a place."""
    m, orbit, eta = optics.modes, optics.orbit, optics.dispersion
    momentum = 1 + orbit[5]
    slopes = [(eta[i] - orbit[i] / momentum) / momentum for i in (1, 3)]
    xp = namespace_of((eta[:4], [m.gamma_c, m.c11_mat]))
    return {
        "beta_a": m.beta_a, "alpha_a": m.alpha_a, "phi_a": optics.phases[0],
        "beta_b": m.beta_b, "alpha_b": m.alpha_b, "phi_b": optics.phases[1],
        "eta_x": eta[0], "etap_x": eta[1], "eta_y": eta[2], "etap_y": eta[3],
        "deta_x_ds": slopes[0], "deta_y_ds": slopes[1],
        **_in_modes(optics, xp),
        **dict(zip(Coordinates._fields, orbit, strict=True)),
        "gamma_c": m.gamma_c, **{name: getattr(m, name) for name in COUPLINGS}, "mode_flip": m.mode_flip,
    }  # fmt: skip


def _in_modes(optics: Optics, xp: Any) -> dict[str, Any]:
    """Return the dispersion in the coordinates of the modes, ``V^-1 eta``."""
    m, (x, px, y, py) = optics.modes, optics.dispersion[:4]
    g, c11, c12, c21, c22 = m.gamma_c, m.c11_mat, m.c12_mat, m.c21_mat, m.c22_mat
    one = g * x - c11 * y - c12 * py, g * px - c21 * y - c22 * py
    two = g * y + c22 * x - c12 * px, g * py - c21 * x + c11 * px
    if isinstance(m.mode_flip, bool):
        a, b = (two, one) if m.mode_flip else (one, two)
    else:
        a, b = (
            tuple(xp.where(m.mode_flip, u, v) for u, v in zip(first, second, strict=True))
            for first, second in ((two, one), (one, two))
        )
    return {"eta_a": a[0], "etap_a": a[1], "eta_b": b[0], "etap_b": b[1]}


def namespace_of(rows: Any) -> Any:
    """Return the namespace for rows of numbers, or of jets."""
    values = [value for row in rows for value in row]
    jets = [value for value in values if isinstance(value, Jet)]
    inner = [value_of(value) for value in values] + [s for jet in jets for s in jet.slopes if s is not None]
    xp = namespace(*inner)
    return jet_namespace(xp) if jets else xp
