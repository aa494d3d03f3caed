"""Places from which the floor plan counts."""

from __future__ import annotations

from typing import Literal

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter

from .marker import Marker


class Fiducial(Marker):
    """A place whose position on the floor is fixed (Bmad manual, "Fiducial"); to the beam a marker.

    Attributes
    ----------
    origin_ele : str
        Name of the element from which the position counts; empty: the floor's own origin.
    origin_ele_ref_pt : "entrance_end", "center" or "exit_end"
        Where in that element.
    dx_origin, dy_origin, dz_origin : Parameter
        Position [m].
    dtheta_origin, dphi_origin, dpsi_origin : Parameter
        Orientation [rad].
    """

    origin_ele: str = ""
    origin_ele_ref_pt: Literal["entrance_end", "center", "exit_end"] = "center"
    dx_origin: Parameter = 0.0
    dy_origin: Parameter = 0.0
    dz_origin: Parameter = 0.0
    dtheta_origin: Parameter = 0.0
    dphi_origin: Parameter = 0.0
    dpsi_origin: Parameter = 0.0

    feels_misalignment = False


@hookimpl
def register_elements() -> list[type[Element]]:
    """One kind; it is tracked as a marker."""
    return [Fiducial]
