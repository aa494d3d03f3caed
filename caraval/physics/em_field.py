"""Regions of any electromagnetic field."""

from __future__ import annotations

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter


class EMField(Element):
    """A region whose field is given by maps (Bmad manual, "EM_Field").

    It has no tracking method: its field maps, which readers keep in the metadata, would have to be integrated. Bmad, too,
    refuses ``bmad_standard`` here. A plugin may register a method.

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


@hookimpl
def register_elements() -> list[type[Element]]:
    """The kind, so that files that have it can be read."""
    return [EMField]
