"""Thin multipoles, given by normal and skew strengths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import TrackingMethod
from caraval.core.routine import Composite, Step

from .shared.multipoles import Magnet, integrated, kicks, orders


class ABMultipole(Magnet):
    """Multipoles without length (Bmad manual, "AB_Multipole"): `length` only moves the reference on."""

    hkick: ClassVar[float] = 0.0  # type: ignore[misc]
    vkick: ClassVar[float] = 0.0  # type: ignore[misc]
    bl_hkick: ClassVar[None] = None  # type: ignore[misc]
    bl_vkick: ClassVar[None] = None  # type: ignore[misc]
    r0_mag: ClassVar[float] = 0.0  # type: ignore[misc]
    scale_multipoles: ClassVar[bool] = False  # type: ignore[misc]
    x_pitch: ClassVar[float] = 0.0  # type: ignore[misc]
    y_pitch: ClassVar[float] = 0.0  # type: ignore[misc]

    extensive = ()
    odd = ()
    fields: ClassVar[dict[str, str]] = {}


def thin_kick(multipole: ABMultipole, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Return one kick."""
    kick = kicks(integrated, orders(multipole))
    return (Step((kick(1.0),)),) if kick and multipole.is_on else ()


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """A thin kick, which is symplectic."""
    return {(ABMultipole, "bmad_standard"): Composite(thin_kick), (ABMultipole, "kick_drift_kick"): Composite(thin_kick)}
