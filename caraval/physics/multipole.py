"""Thin multipoles, given by magnitude and angle."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial
from typing import Any, ClassVar, Literal, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from .shared.multipoles import HIGHEST_ORDER, kicks

NORMAL = tuple(f"k{n}l" for n in range(HIGHEST_ORDER + 1))
SKEW = tuple(f"k{n}sl" for n in range(HIGHEST_ORDER + 1))
ANGLES = tuple(f"t{n}" for n in range(HIGHEST_ORDER + 1))
"""Names of the parameters of each order."""

_Strengths: Any = type(
    "_Strengths",
    (Element,),
    {
        "__module__": __name__,
        "__annotations__": dict.fromkeys((*NORMAL, *SKEW, *ANGLES), Parameter | None),
        **dict.fromkeys((*NORMAL, *SKEW, *ANGLES)),
    },
)


class Multipole(_Strengths):  # type: ignore[misc]
    """Multipoles without length (Bmad manual, "Multipole"): `length` only moves the reference on.

    Attributes
    ----------
    k0l ... k21l, k0sl ... k21sl : Parameter, optional
        Integrated normal and skew strengths [1/m^n], with the factorial: ``k_n = n! b_n``; None: absent.
    t0 ... t21 : Parameter, optional
        Angle of each order about the beam [rad].
    tilt : Parameter
        Angle [rad] added to all of them; without effect where there is any skew strength (Bmad).
    k0l_status : str
        What a dipole does: with ``"bends_reference"`` the reference is bent along, and only other momenta are kicked. With
        ``"straight_reference"`` that is so in `bmad_standard` only.
    field_master : bool
        Strengths are integrated fields rather than normalised.
    multipoles_on : bool
    """

    k0l_status: Literal["not_allowed", "bends_reference", "straight_reference"] = "not_allowed"
    field_master: bool = False
    multipoles_on: bool = True
    x_pitch: ClassVar[float] = 0.0  # type: ignore[misc]
    y_pitch: ClassVar[float] = 0.0  # type: ignore[misc]

    extensive = (*NORMAL, *SKEW)
    odd = (*NORMAL, *SKEW)

    def validate(self) -> None:
        """Check that it is said what a dipole does."""
        if 0 in orders(self) and self.k0l_status == "not_allowed":
            raise InputError(f'{self.label}: k0l needs k0l_status "bends_reference" or "straight_reference"')

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element with normalised strengths in place of fields."""
        if not self.field_master:
            return self
        given = {n: getattr(self, n) for n in (*NORMAL, *SKEW) if getattr(self, n) is not None}
        return self.with_values({**{n: v / reference.rigidity for n, v in given.items()}, "field_master": False})

    @property
    def plane(self) -> Any:
        """Angle [rad] of the element's own axes: its tilt is in the angles of the multipoles."""
        return 0.0

    def is_plain(self) -> bool:
        """Whether nothing kicks."""
        return not orders(self)


def orders(multipole: Any) -> list[int]:
    """Return the orders that are there."""
    if not (multipole.is_on and multipole.multipoles_on):
        return []
    return [n for n, pair in enumerate(zip(NORMAL, SKEW, strict=True)) if not all(is_zero(getattr(multipole, p)) for p in pair)]


def strengths(multipole: Any, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the integrated multipoles ``{n: (a_n, b_n)}``: ``b_n + i a_n = (k_nl + i k_nsl) / n! exp(-i (n + 1) t_n)``."""
    has_skew = not all(is_zero(getattr(multipole, name)) for name in SKEW)
    tilt = 0.0 if has_skew else multipole.tilt
    found = {}
    for n in orders(multipole):
        normal, skew, angle = (0.0 if v is None else v for v in (getattr(multipole, g[n]) for g in (NORMAL, SKEW, ANGLES)))
        turn = (n + 1) * (angle + tilt)
        cosine, sine = xp.cos(turn), xp.sin(turn)
        found[n] = (skew * cosine - normal * sine) / factorial(n), (normal * cosine + skew * sine) / factorial(n)
    return found


# -------------------------------------------------------------------- a dipole that bends the reference, too


def bends_reference(multipole: Multipole) -> bool:
    """Whether it has a dipole that the reference follows."""
    return multipole.k0l_status == "bends_reference" and 0 in orders(multipole)


class ReferenceBend(NamedTuple):
    """Integrated normal and skew dipole."""

    b: Any
    a: Any


def reference_bend(c: ReferenceBend, q: Coordinates, xp: Any) -> Coordinates:
    """Kick as much more or less than the reference as the momentum differs from its (Bmad manual, "Multipole Tracking")."""
    return q._replace(px=q.px + c.b * q.pz, py=q.py - c.a * q.pz, z=q.z - c.b * q.x + c.a * q.y)


def _prepare_bend(multipole: Multipole, reference_in: Reference, reference_out: Reference, xp: Any) -> ReferenceBend:
    a, b = strengths(multipole, xp)[0]
    return ReferenceBend(b, a)


def undo_bend(c: ReferenceBend) -> ReferenceBend:
    """Return the opposite bend."""
    return ReferenceBend(-c.b, -c.a)


REFERENCE_BEND = Routine(track=reference_bend, prepare=_prepare_bend, undo=undo_bend)


def without_dipole(multipole: Multipole, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the multipoles that kick whatever the momentum."""
    return {n: pair for n, pair in strengths(multipole, xp).items() if n > 0}


# -------------------------------------------------------------------- methods


def _steps(multipole: Multipole, *, bends: bool) -> Sequence[Step]:
    those = orders(multipole)
    bends = bends and 0 in those
    kick = kicks(without_dipole, [n for n in those if n > 0]) if bends else kicks(strengths, those)
    routines = ((kick(1.0),) if kick else ()) + ((REFERENCE_BEND,) if bends else ())
    return (Step(routines),) if routines else ()


def bmad_standard(multipole: Multipole, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's kick, in which a dipole always bends the reference."""
    return _steps(multipole, bends=True)


def kick_drift_kick(multipole: Multipole, method: KickDriftKick, number: int) -> Sequence[Step]:
    """The same kick, but a dipole in a straight line kicks."""
    return _steps(multipole, bends=bends_reference(multipole))


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """A thin kick."""
    return {(Multipole, "bmad_standard"): Composite(bmad_standard), (Multipole, "kick_drift_kick"): Composite(kick_drift_kick)}
