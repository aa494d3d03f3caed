"""Through the field of a cartesian map, by the explicit symplectic integrator of :mod:`.wiggler_field`.

In the gauge of the Bmad manual, "Symplectic Tracking with Cartesian Modes", a term of the family y has ``a_y = -P kz s(x) s(y)
sin`` and ``a_s = -P s(x) c(y) cos``, in the notation of :mod:`.cartesian_map`. The steps are Bmad's and PTC's: half a drift
in x, half a drift in y, a kick, and back; PTC goes the rest of the exact drift before and after the kick.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
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
    """Terms that grow in the same directions, and what they add to the momenta.

    With cosine c and sine s, hyperbolic where a term grows: ``c(x) (flat + deep s(y/2)^2)`` to px, ``skew s(x) s(y/2) c(y/2)``
    to py. Half of the phase in y keeps the digits of ``c(y) - 1``. First wave numbers [1/m] and phases on the axis, those in y
    halved.
    """

    kx: tuple[Any, ...]
    ky: tuple[Any, ...]
    x0: tuple[Any, ...]
    y0: tuple[Any, ...]
    flat: tuple[Any, ...]
    deep: tuple[Any, ...]
    skew: tuple[Any, ...]


def _phases(c: Waves, j: int, q: Coordinates) -> tuple[Any, Any]:
    """Return the phase of a term in x, and half of that in y."""
    return c.kx[j] * q.x + c.x0[j], c.ky[j] * q.y + c.y0[j]


def push_y(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Push by terms that grow in y."""
    px, py = q.px, q.py
    for j in range(len(c.kx)):
        a, b = _phases(c, j, q)
        sine = xp.sinh(b)
        px, py = px + xp.cos(a) * (c.flat[j] + c.deep[j] * sine * sine), py + c.skew[j] * xp.sin(a) * sine * xp.cosh(b)
    return q._replace(px=px, py=py)


def push_xy(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Push by terms that grow in x and in y."""
    px, py = q.px, q.py
    for j in range(len(c.kx)):
        a, b = _phases(c, j, q)
        sine = xp.sinh(b)
        px, py = px + xp.cosh(a) * (c.flat[j] + c.deep[j] * sine * sine), py + c.skew[j] * xp.sinh(a) * sine * xp.cosh(b)
    return q._replace(px=px, py=py)


def push_x(c: Waves, q: Coordinates, xp: Any) -> Coordinates:
    """Push by terms that grow in x."""
    px, py = q.px, q.py
    for j in range(len(c.kx)):
        a, b = _phases(c, j, q)
        sine = xp.sin(b)
        px, py = px + xp.cosh(a) * (c.flat[j] + c.deep[j] * sine * sine), py + c.skew[j] * xp.sinh(a) * sine * xp.cos(b)
    return q._replace(px=px, py=py)


PUSHES = {"y": push_y, "xy": push_xy, "x": push_x}
"""By where terms grow."""

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
    return c._replace(**{name: tuple(-v for v in getattr(c, name)) for name in ("flat", "deep", "skew")})


def _drift(track: Any, share: float) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Drift:
        return Drift(element.length * share)

    return Routine(track=track, prepare=prepare, undo=_undo_drift)


def _shift(grows: str, sign: float, middle: float) -> Routine:
    """Return what adds a multiple of the potential ``a_y`` that is `middle` lengths from the entrance, with its slope."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Waves:
        def added(term: cartesian_map.Term, strength: Any, phase: Any, kx: float, ky: float) -> tuple[Any, ...]:
            of_term = 2 * sign * strength * term.kz * xp.sin(phase) / ky
            return 0.0, of_term / ky, of_term / kx

        return _waves(element, grows, middle, reference_in, added)

    return Routine(track=PUSHES[grows], prepare=prepare, undo=_undo_waves)


def _kick(grows: str, share: float, middle: float) -> Routine:
    """Return the kick by the slopes of ``a_s``, of a share of the length."""

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Waves:
        def added(term: cartesian_map.Term, strength: Any, phase: Any, kx: float, ky: float) -> tuple[Any, ...]:
            of_term = strength * element.length * share * xp.cos(phase)
            twice = -2 * of_term if grows == "x" else 2 * of_term  # c(y) = 1 - 2 s(y/2)^2, or 1 + 2 s(y/2)^2
            return of_term, twice, twice * ky / kx

        return _waves(element, grows, middle, reference_in, added)

    return Routine(track=PUSHES[grows], prepare=prepare, undo=_undo_waves)


def _waves(element: Any, grows: str, middle: float, reference: Reference, added: Callable[..., tuple[Any, ...]]) -> Waves:
    """Return terms, `middle` lengths from the entrance, by what each adds: a function of term, strength, phase and kx, ky."""
    (given,) = element.field_maps
    x, y, s = origin(element, given)
    factor = -scale(element, given) * reference.species.charge * C_LIGHT / reference.p0c
    rows = []
    for term in (term for term in cartesian_map.terms(given) if term.grows == grows):
        kx, ky = (max(abs(k), SMALLEST) for k in (term.kx, term.ky))
        phase = term.kz * (middle * element.length - s) + term.phase
        wave = kx, ky / 2, kx * (term.x0 - x), ky / 2 * (term.y0 - y)
        rows.append((*wave, *added(term, factor * term.strength, phase, kx, ky)))
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
    forms = [grows for grows in PUSHES if grows in there]
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
