"""The fields of ideal magnets: multipoles, the same all along, and a solenoid's."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.errors import InputError
from caraval.core.methods import RungeKutta
from caraval.core.reference import Reference
from caraval.core.routine import Routine

from .. import electric, fringes, multipoles
from ..fringes import Chain
from ..multipoles import field
from .field import Field


class MagnetConstants(NamedTuple):
    """Normal and skew multipoles over the length, by order from zero on [1/m^(n+1)], and the field along [1/m]."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    ks: Any


def magnet(c: MagnetConstants, q: Coordinates, xp: Any) -> tuple[Any, Any, Any]:
    """Return the field of a magnet, besides that of the design."""
    real, imaginary = field(c, q)
    return imaginary, real, c.ks


@cache
def _of_size(size: int) -> Field:
    def at(element: Any, place: float, reference: Reference, xp: Any) -> MagnetConstants:
        found, length = element.strengths(xp), element.length
        pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
        normal, skew = tuple(b / length for _, b in pairs), tuple(a / length for a, _ in pairs)
        return MagnetConstants(normal, skew, getattr(element, "ks", 0.0))

    return Field(magnet, at, follows_design=True)


def of(element: Any) -> Field:
    """Return the field of a magnet.

    Raises
    ------
    InputError
        If it has electric multipoles, or multipoles that are those of a bend.
    """
    if isinstance(element, electric.ElectricMagnet):
        electric.refuse(element, RungeKutta.name)
    if getattr(element, "exact_multipoles", "off") != "off":
        raise InputError(f"{element.label}: {RungeKutta.name} has straight multipoles; set exact_multipoles to off")
    return _of_size(max(highest_order(element), 0) + 1)


def highest_order(element: Any) -> int:
    """Return the highest order of the multipoles that an element may have, kicks and its main strength included."""
    own = [order for order, names in _OWN.items() if any(not is_zero(getattr(element, name, None)) for name in names)]
    return max([*multipoles.present(element), *own], default=0)


_OWN = {1: ("k1", "b1_gradient"), 2: ("k2", "b2_gradient")}
"""Parameters that are multipoles besides the main strength, in bends."""


# -------------------------------------------------------------------- edges of solenoids


class SolenoidEdge(NamedTuple):
    """Half the field that begins [1/m]."""

    half: Any


def solenoid_edge(c: SolenoidEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Cross a solenoid's hard edge, where canonical momenta stay and the others turn."""
    return q._replace(px=q.px + c.half * q.y, py=q.py - c.half * q.x)


def _edge(side: int) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> SolenoidEdge:
        return SolenoidEdge(0.5 * side * element.ks)

    return Routine(track=solenoid_edge, prepare=prepare, undo=_undo_edge)


def _undo_edge(c: SolenoidEdge) -> SolenoidEdge:
    return SolenoidEdge(-c.half)


_ENTER, _LEAVE = _edge(+1), _edge(-1)


def solenoid_edges(element: Any) -> tuple[Chain, Chain]:
    """Return the edges of a solenoid, where it has them."""
    return fringes.at_ends(element, (_ENTER,), (_LEAVE,))
