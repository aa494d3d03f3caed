"""Shifts of the floor plan that the beam does not feel."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.routine import Composite, Step


class FloorShift(Element):
    """A shift of the following elements on the floor (Bmad manual, "Floor_Shift"); particles keep their coordinates.

    Attributes
    ----------
    length : Parameter
        Added to the path length and to the reference's way [m].
    x_offset, y_offset, z_offset : Parameter
        Origin of the exit's coordinates on the floor [m].
    x_pitch, y_pitch, tilt : Parameter
        Orientation of the exit's coordinates on the floor [rad].
    origin_ele : str
        Name of the element from which the shift counts; empty: the one before.
    origin_ele_ref_pt : "entrance_end", "center" or "exit_end"
        Where in that element.
    """

    origin_ele: str = ""
    origin_ele_ref_pt: Literal["entrance_end", "center", "exit_end"] = "exit_end"

    feels_misalignment = False

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice; the shift is in the first."""
        piece = super().cut(start, end)
        unmoved = dict.fromkeys(("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt"), 0.0)
        return piece.replace(**unmoved) if start > 0 else piece


def nothing(element: FloorShift, method: Any, number: int) -> Sequence[Step]:
    """Return no steps, whatever the length."""
    return ()


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The same nothing whatever the method."""
    return {(FloorShift, "bmad_standard"): Composite(nothing), (FloorShift, "kick_drift_kick"): Composite(nothing)}
