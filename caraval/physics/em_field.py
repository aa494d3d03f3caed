"""Regions of any electromagnetic field."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.errors import MethodError
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter

from .shared.fields import runge_kutta
from .shared.fields.field import Field
from .shared.fields.field_maps import Mapped


class EMField(Mapped):
    """A region whose field is given by maps (Bmad manual, "EM_Field").

    Its equations of motion are integrated; Bmad, too, refuses ``bmad_standard`` here.

    Attributes
    ----------
    constant_ref_energy : bool
        Whether the reference energy is the same at both ends.
    polarity, field_autoscale : Parameter
        Factors on the field.
    rf_frequency : Parameter
        [Hz]
    phi0, phi0_err, phi0_autoscale : Parameter
        Phases [2 pi].
    """

    constant_ref_energy: bool = True
    polarity: Parameter = 1.0
    field_autoscale: Parameter = 1.0
    rf_frequency: Parameter = 0.0
    phi0: Parameter = 0.0
    phi0_err: Parameter = 0.0
    phi0_autoscale: Parameter = 0.0


def nothing(element: EMField) -> Field:
    """Refuse a region without any field that is understood.

    Raises
    ------
    MethodError
    """
    raise MethodError(f"{element.label} has no field maps, so there is nothing to integrate")


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Through its maps."""
    return {(EMField, "runge_kutta"): runge_kutta.method(nothing)}
