"""Through the field of a cartesian map, by the explicit symplectic integrator of :mod:`.wiggler_field`.

In the gauge of the Bmad manual, "Symplectic Tracking with Cartesian Modes", a term of the family y has ``a_y = -P kz s(x) s(y)
sin`` and ``a_s = -P s(x) c(y) cos``, in the notation of :mod:`.cartesian_map`. The steps are Bmad's and PTC's: half a drift
in x, half a drift in y, a kick, and back; PTC goes the rest of the exact drift before and after the kick.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.errors import MethodError
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Routine, Step

from .. import drift
from . import beyond_paraxial, cartesian_map
from .field_maps import origin, part, scale
from .integrator import WEIGHTS, Chain, Share
from .special import double_angle, half_versine, path_lag


class Waves(NamedTuple):
    """Length of a drift or a kick [m], and for each term: signed squares of wave numbers [1/m^2], offsets [m], normalised strength."""

    length: Any
    ux: tuple[Any, ...]
    uy: tuple[Any, ...]
    x0: tuple[Any, ...]
    y0: tuple[Any, ...]
    strength: tuple[Any, ...]


def wave(u: Any, x: Any) -> tuple[Any, Any, Any]:
    """Return ``c``, its integral ``s``, and the integral of that; exact to rounding up to ``|u| x^2 = 256``."""
    versine, ratio = half_versine(u * x * x * 0.00390625)
    for _ in range(3):
        versine, ratio = double_angle(versine, ratio)
    half = 0.5 * x * ratio
    integral = 2 * half * half
    return 1 - u * integral, 2 * half * (1 - versine), integral


def potential(c: Waves, x: Any, y: Any) -> tuple[Any, Any]:
    """Return ``a_y``, and what its integral over y grows by in x."""
    upward, across = 0.0, 0.0
    for j in range(len(c.strength)):
        cx, sx, _ = wave(c.ux[j], x + c.x0[j])
        _, sy, integral = wave(c.uy[j], y + c.y0[j])
        upward = upward + c.strength[j] * sx * sy
        across = across + c.strength[j] * cx * integral
    return upward, across


def drift_y(c: Waves, q: Coordinates) -> Coordinates:
    """Drift in y with the potential taken off the momenta."""
    inverse = 1 / (1 + q.pz)
    upward, across = potential(c, q.x, q.y)
    px, py = q.px - across, q.py - upward
    y = q.y + c.length * inverse * py
    z = q.z - 0.5 * c.length * (inverse * py) * (inverse * py)
    upward, across = potential(c, q.x, y)
    return Coordinates(q.x, px + across, y, py + upward, z, q.pz)


def drift_x(c: Waves, q: Coordinates) -> Coordinates:
    """Drift in x, where there is no potential."""
    slope = q.px / (1 + q.pz)
    return q._replace(x=q.x + c.length * slope, z=q.z - 0.5 * c.length * slope * slope)


def enter(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Go the first half of a step."""
    return drift_y(c, drift_x(c, q))


def leave(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Go the second half of a step."""
    return drift_x(c, drift_y(c, q))


def kick(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by the slope of ``a_s``."""
    px, py = q.px, q.py
    for j in range(len(c.strength)):
        cx, sx, _ = wave(c.ux[j], q.x + c.x0[j])
        cy, sy, _ = wave(c.uy[j], q.y + c.y0[j])
        px = px + c.strength[j] * cx * cy
        py = py - c.strength[j] * c.uy[j] * sx * sy
    return q._replace(px=px, py=py)


class LagConstants(NamedTuple):
    """Length [m], by how much the path of the reference is longer [m], and ``(m c / P0)^2``."""

    length: Any
    detour: Any
    mass2: Any


def lag(c: LagConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Measure z from the reference, which comes along its own detour."""
    return q._replace(z=q.z + c.detour + path_lag(q.pz, 1 + q.pz, c.mass2, c.length + c.detour, xp))


# -------------------------------------------------------------------- steps


def _waves(element: Any, middle: float, length: Any, reference: Reference, xp: Any, *, along: bool) -> Waves:
    """Return the terms `middle` lengths from the entrance: of ``a_s`` over a length, or of ``a_y``."""
    (given,) = element.field_maps
    x, y, s = origin(element, given)
    factor = scale(element, given) * reference.species.charge * C_LIGHT / reference.p0c
    found = cartesian_map.terms(given)
    phases = [term.kz * (middle * element.length - s) + term.phase for term in found]
    if along:
        strengths = tuple(-factor * t.strength * length * xp.cos(p) for t, p in zip(found, phases, strict=True))
    else:
        strengths = tuple(-factor * t.strength * t.kz * xp.sin(p) for t, p in zip(found, phases, strict=True))
    across = tuple(term.x0 - x for term in found), tuple(term.y0 - y for term in found)
    return Waves(length, tuple(t.ux for t in found), tuple(t.uy for t in found), *across, strengths)


def _part(track: Any, share: float, middle: float, *, along: bool = False) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Waves:
        return _waves(element, middle, element.length * share, reference_in, xp, along=along)

    return Routine(track=track, prepare=prepare)


def _step(share: float, middle: float, others: Share | None, *, paraxial: bool) -> Chain:
    """Return a step by a share of the element, whose middle is `middle` lengths from the entrance.

    Parameters
    ----------
    share, middle : float
    others : callable, optional
        Makes the kick of a share of the multipoles.
    paraxial : bool
        Whether the Hamiltonian is the paraxial one.
    """
    half = () if others is None else (others(0.5 * share),)
    rest = () if paraxial else (beyond_paraxial.part(0.5 * share, beyond_paraxial.on_the_way),)
    centre = (*rest, *half, _part(kick, share, middle, along=True), *half, *rest)
    return (_part(enter, 0.5 * share, middle), *centre, _part(leave, 0.5 * share, middle))


def body(number: int, order: int, others: Share | None, *, paraxial: bool) -> list[Step]:
    """Return the steps through the field; z is still measured from the entrance."""
    out, place = [], 0.0
    for _ in range(number):
        chain: list[Routine] = []
        for weight in WEIGHTS[order]:
            chain += _step(weight / number, place + 0.5 * weight / number, others, paraxial=paraxial)
            place += weight / number
        out.append(Step(tuple(chain)))
    return out


def detour(element: Any, steps: Sequence[Step], reference: Reference, xp: Any) -> Any:
    """Return by how much the way of the reference is longer than the whole element: it enters on the axis [m]."""
    q = Coordinates(*(0.0,) * 6)
    for routine in (routine for step in steps for routine in step.routines):
        q = routine.track(routine.constants(element, reference, reference, xp), q, xp)
    return -q.z


def check(element: Any, method: str) -> None:
    """Refuse fields that have no potential in this gauge.

    Raises
    ------
    MethodError
    """
    (given, *more) = element.field_maps
    other = more or given["kind"] != cartesian_map.KIND or part(given, "field_type") != "magnetic"
    if other or any(term.family != "y" for term in cartesian_map.terms(given)):
        raise MethodError(
            f"{element.label}: {method} goes through one magnetic cartesian_map of the family y; use runge_kutta for other maps"
        )
