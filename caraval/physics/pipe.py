"""Beam pipes."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from . import drift
from .shared.fields import magnet_field, runge_kutta
from .shared.multipoles import Kicked


class Pipe(Kicked):
    """A drift with a name. Bmad does not use its `hkick` and `vkick`, but where it integrates fields; so does this."""

    def is_plain(self) -> bool:
        """Always: kicks do not act."""
        return True


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """An exact drift; through fields, kicks act in Bmad, too."""
    return {
        (Pipe, "bmad_standard"): drift.WHOLE,
        (Pipe, "kick_drift_kick"): drift.WHOLE,
        (Pipe, "runge_kutta"): runge_kutta.method(magnet_field.of),
        (Pipe, "linear"): drift.linear,
    }
