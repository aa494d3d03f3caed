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

from .. import beyond_paraxial
from ..integrator import WEIGHTS, Chain, Share
from ..special import path_lag
from . import cartesian_map
from .field_maps import origin, part, scale


class Drift(NamedTuple):
    """Length [m]."""

    length: Any


def drift_x(c: Drift, q: Coordinates, xp: Any) -> Coordinates:
    """Drift in x, where there is no potential."""
    slope = q.px / (1 + q.pz)
    return q._replace(x=q.x + c.length * slope, z=q.z - 0.5 * c.length * slope * slope)


def drift_y(c: Drift, q: Coordinates, xp: Any) -> Coordinates:
    """Drift in y, with the potential taken off the momenta."""
    slope = q.py / (1 + q.pz)
    return q._replace(y=q.y + c.length * slope, z=q.z - 0.5 * c.length * slope * slope)


class Waves(NamedTuple):
    """Terms that grow in the same directions: wave numbers [1/m], phases at the axis, and strengths of what they do to px, py.

    To the momenta are added ``px c(x) f(y)`` and ``py s(x) g(y)``, with sines for s, or hyperbolic ones.
    """

    kx: tuple[Any, ...]
    ky: tuple[Any, ...]
    x0: tuple[Any, ...]
    y0: tuple[Any, ...]
    px: tuple[Any, ...]
    py: tuple[Any, ...]


def _y(c: Waves, j: int, q: Coordinates, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Return cosine and sine of a term in x, and in y, where it grows."""
    a, b = c.kx[j] * q.x + c.x0[j], c.ky[j] * q.y + c.y0[j]
    return xp.cos(a), xp.sin(a), xp.cosh(b), xp.sinh(b)


def _xy(c: Waves, j: int, q: Coordinates, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Return cosine and sine of a term in x and in y, where it grows in both."""
    a, b = c.kx[j] * q.x + c.x0[j], c.ky[j] * q.y + c.y0[j]
    return xp.cosh(a), xp.sinh(a), xp.cosh(b), xp.sinh(b)


def _x(c: Waves, j: int, q: Coordinates, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Return cosine and sine of a term in x, where it grows, and in y."""
    a, b = c.kx[j] * q.x + c.x0[j], c.ky[j] * q.y + c.y0[j]
    return xp.cosh(a), xp.sinh(a), xp.cos(b), xp.sin(b)


def shift_y(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Add the potential ``a_y``, and what its integral over y grows by in x; `c` has half the phase in y."""
    px, py = q.px, q.py
    for j in range(len(c.px)):
        cx, sx, cy, sy = _y(c, j, q, xp)
        px, py = px + c.px[j] * cx * sy * sy, py + c.py[j] * sx * sy * cy
    return q._replace(px=px, py=py)


def shift_xy(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Do the same in terms that grow in x and in y."""
    px, py = q.px, q.py
    for j in range(len(c.px)):
        cx, sx, cy, sy = _xy(c, j, q, xp)
        px, py = px + c.px[j] * cx * sy * sy, py + c.py[j] * sx * sy * cy
    return q._replace(px=px, py=py)


def shift_x(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Do the same in terms that grow in x."""
    px, py = q.px, q.py
    for j in range(len(c.px)):
        cx, sx, cy, sy = _x(c, j, q, xp)
        px, py = px + c.px[j] * cx * sy * sy, py + c.py[j] * sx * sy * cy
    return q._replace(px=px, py=py)


def kick_y(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by the slope of ``a_s``."""
    px, py = q.px, q.py
    for j in range(len(c.px)):
        cx, sx, cy, sy = _y(c, j, q, xp)
        px, py = px + c.px[j] * cx * cy, py + c.py[j] * sx * sy
    return q._replace(px=px, py=py)


def kick_xy(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Do the same in terms that grow in x and in y."""
    px, py = q.px, q.py
    for j in range(len(c.px)):
        cx, sx, cy, sy = _xy(c, j, q, xp)
        px, py = px + c.px[j] * cx * cy, py + c.py[j] * sx * sy
    return q._replace(px=px, py=py)


def kick_x(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Do the same in terms that grow in x."""
    px, py = q.px, q.py
    for j in range(len(c.px)):
        cx, sx, cy, sy = _x(c, j, q, xp)
        px, py = px + c.px[j] * cx * cy, py + c.py[j] * sx * sy
    return q._replace(px=px, py=py)


TRACKS = {"y": (shift_y, kick_y), "xy": (shift_xy, kick_xy), "x": (shift_x, kick_x)}
"""By where terms grow: what adds their potential, and what kicks."""

SMALLEST = 1e-12
"""In place of smaller wave numbers [1/m]: there, ``sin(k x) / k`` is x to rounding."""


class LagConstants(NamedTuple):
    """Length [m], by how much the path of the reference is longer [m], and ``(m c / P0)^2``."""

    length: Any
    detour: Any
    mass2: Any


def lag(c: LagConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Measure z from the reference, which comes along its own detour."""
    return q._replace(z=q.z + c.detour + path_lag(q.pz, 1 + q.pz, c.mass2, c.length + c.detour, xp))


# -------------------------------------------------------------------- steps


def _undo_drift(c: Drift) -> Drift:
    return Drift(-c.length)


def _undo_waves(c: Waves) -> Waves:
    return c._replace(px=tuple(-v for v in c.px), py=tuple(-v for v in c.py))


def _drift(track: Any, share: float) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Drift:
        return Drift(element.length * share)

    return Routine(track=track, prepare=prepare, undo=_undo_drift)


def _shift(grows: str, sign: float, middle: float) -> Routine:
    """Return what adds a multiple of the potential that is `middle` lengths from the entrance."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Waves:
        return _waves(element, grows, middle, reference_in, xp, sign=sign)

    return Routine(track=TRACKS[grows][0], prepare=prepare, undo=_undo_waves)


def _kick(grows: str, share: float, middle: float) -> Routine:
    """Return the kick of a share of the length."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Waves:
        return _waves(element, grows, middle, reference_in, xp, share=share)

    return Routine(track=TRACKS[grows][1], prepare=prepare, undo=_undo_waves)


def _waves(
    element: Any, grows: str, middle: float, reference: Reference, xp: Any, *, sign: float = 1.0, share: float | None = None
) -> Waves:
    (given,) = element.field_maps
    x, y, s = origin(element, given)
    factor = scale(element, given) * reference.species.charge * C_LIGHT / reference.p0c
    place = middle * element.length - s
    rows = []
    for term in (term for term in cartesian_map.terms(given) if term.grows == grows):
        kx, ky = (max(abs(k), SMALLEST) for k in (term.kx, term.ky))
        phase = term.kz * place + term.phase
        if share is None:
            strength = -2 * sign * factor * term.strength * term.kz * xp.sin(phase) / ky
            row = (kx, ky / 2, kx * (term.x0 - x), ky / 2 * (term.y0 - y), strength / ky, strength / kx)
        else:
            strength = -factor * term.strength * element.length * share * xp.cos(phase)
            in_y = strength * ky / kx * (-1.0 if grows == "x" else 1.0)
            row = (kx, ky, kx * (term.x0 - x), ky * (term.y0 - y), strength, in_y)
        rows.append(row)
    return Waves(*zip(*rows, strict=True))


def _step(share: float, middle: float, forms: list[str], others: Share | None, *, paraxial: bool) -> Chain:
    """Return a step by a share of the element, whose middle is `middle` lengths from the entrance.

    Parameters
    ----------
    share, middle : float
    forms : list of str
        Where terms grow, of all that there are.
    others : callable, optional
        Makes the kick of a share of the multipoles.
    paraxial : bool
        Whether the Hamiltonian is the paraxial one.
    """
    half = () if others is None else (others(0.5 * share),)
    rest = () if paraxial else (beyond_paraxial.part(0.5 * share, beyond_paraxial.on_the_way),)
    kicks = tuple(_kick(grows, share, middle) for grows in forms)
    off, on = (tuple(_shift(grows, sign, middle) for grows in forms) for sign in (-1.0, 1.0))
    in_x, in_y = _drift(drift_x, 0.5 * share), (*off, _drift(drift_y, 0.5 * share), *on)
    return (in_x, *in_y, *rest, *half, *kicks, *half, *rest, *in_y, in_x)


def body(element: Any, number: int, order: int, others: Share | None, *, paraxial: bool) -> list[Step]:
    """Return the steps through the field; z is still measured from the entrance."""
    (given,) = element.field_maps
    there = {term.grows for term in cartesian_map.terms(given)}
    forms = [grows for grows in TRACKS if grows in there]
    out, place = [], 0.0
    for _ in range(number):
        chain: list[Routine] = []
        for weight in WEIGHTS[order]:
            chain += _step(weight / number, place + 0.5 * weight / number, forms, others, paraxial=paraxial)
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
