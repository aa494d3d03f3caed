"""Beam pipes."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl

from . import drift
from .shared.multipoles import Kicked


class Pipe(Kicked):
    """A drift with a name. Bmad takes `hkick` and `vkick` and does not use them; so does this."""

    def is_plain(self) -> bool:
        """Always: kicks do not act."""
        return True


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """An exact drift whatever the method."""
    return {(Pipe, "bmad_standard"): drift.WHOLE, (Pipe, "kick_drift_kick"): drift.WHOLE, (Pipe, "linear"): drift.linear}
