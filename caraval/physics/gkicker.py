"""Kicks in all six coordinates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter


class GKicker(Element):
    """A point where something is added to all six coordinates (Bmad manual, "GKicker"). Where it stands does not matter.

    Attributes
    ----------
    x_kick, y_kick, z_kick : Parameter
        Added to the positions [m].
    px_kick, py_kick, pz_kick : Parameter
        Added to the momenta, over that of the reference.
    """

    x_kick: Parameter = 0.0
    px_kick: Parameter = 0.0
    y_kick: Parameter = 0.0
    py_kick: Parameter = 0.0
    z_kick: Parameter = 0.0
    pz_kick: Parameter = 0.0

    feels_misalignment = False

    def validate(self) -> None:
        """Check that it has no length."""
        if not is_zero(self.length):
            raise InputError(f"{self.label}: a gkicker has no length; put a drift beside it")


class Displacement(NamedTuple):
    """What is added to each coordinate."""

    x: Any
    px: Any
    y: Any
    py: Any
    z: Any
    pz: Any


def displace(c: Displacement, q: Coordinates, xp: Any) -> Coordinates:
    """Add to all coordinates."""
    return Coordinates(q.x + c.x, q.px + c.px, q.y + c.y, q.py + c.py, q.z + c.z, q.pz + c.pz)


def prepare(kicker: GKicker, reference_in: Reference, reference_out: Reference, xp: Any) -> Displacement:
    """Return the kicks."""
    return Displacement(kicker.x_kick, kicker.px_kick, kicker.y_kick, kicker.py_kick, kicker.z_kick, kicker.pz_kick)


def undo(c: Displacement) -> Displacement:
    """Return the opposite kicks."""
    return Displacement(*(-value for value in c))


KICK = Step((Routine(track=displace, prepare=prepare, undo=undo),))


def kick(kicker: GKicker, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Return the one step, which is exact and symplectic."""
    return (KICK,) if kicker.is_on else ()


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The same kicks whatever the method."""
    return {(GKicker, "bmad_standard"): Composite(kick), (GKicker, "kick_drift_kick"): Composite(kick)}
