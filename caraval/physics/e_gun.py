"""Electron guns."""

from __future__ import annotations

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter


class EGun(Element):
    """An electron gun, from the cathode on (Bmad manual, "E_Gun").

    It has no tracking method: particles start at rest, where the coordinates of tracking are not defined, so that equations of
    motion in time would have to be integrated. Bmad, too, refuses ``bmad_standard`` here. A plugin may register a method.

    Attributes
    ----------
    voltage : Parameter
        [V] Or give ``gradient`` [V/m]; then ``voltage = gradient length``.
    delta_e_ref : Parameter
        Change of the reference energy [eV].
    rf_frequency : Parameter
        [Hz]; zero: a static field.
    phi0, phi0_autoscale : Parameter
        Phases [2 pi] from the crest.
    field_autoscale : Parameter
        Factor on the field.
    """

    voltage: Parameter = 0.0
    delta_e_ref: Parameter = 0.0
    rf_frequency: Parameter = 0.0
    phi0: Parameter = 0.0
    phi0_autoscale: Parameter = 0.0
    field_autoscale: Parameter = 1.0

    shorthands = {  # noqa: RUF012
        **Element.shorthands,
        "gradient": lambda values: {"voltage": values["gradient"] * values["length"]},
    }


@hookimpl
def register_elements() -> list[type[Element]]:
    """The kind, so that files that have it can be read."""
    return [EGun]
