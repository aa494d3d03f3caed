"""Masks: openings without length."""

from __future__ import annotations

from typing import Literal

from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter

from .marker import Marker


class Mask(Marker):
    """A thin opening (Bmad manual, "Mask"): its limits act, which move and turn with it.

    Attributes
    ----------
    mode : "transmission" or "reflection"
        For photons only.
    field_scale_factor : Parameter
        For photons only.
    wall : str, optional
        An opening of any shape, which is not understood.
    """

    offset_moves_aperture: bool = True
    mode: Literal["transmission", "reflection"] = "transmission"
    field_scale_factor: Parameter = 0.0
    wall: str | None = None

    aperture_follows_tilt = True

    def validate(self) -> None:
        """Check that the opening is one that limits say."""
        if self.wall is not None:
            raise InputError(f"{self.label}: an opening given by a wall is not understood; give x_limit and y_limit")


@hookimpl
def register_elements() -> list[type[Element]]:
    """One kind; but for its opening it is a marker."""
    return [Mask]
