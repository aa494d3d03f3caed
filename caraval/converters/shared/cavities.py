"""Accelerating cavities for formats in which the field is as long as the cavity: the pipes around it are drifts."""

from __future__ import annotations

from typing import Any

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.methods import BmadStandard
from caraval.core.registry import registry
from caraval.physics.lcavity import LCavity
from caraval.physics.shared.fields.rf_field import ALMOST, active, has_ends

from .fields import Fields


def without_pipes(element: Element) -> tuple[float, Element]:
    """Return the length of pipe on either side of a cavity's field [m], and the cavity without it.

    Parameters
    ----------
    element : Element
        Of any kind; but for accelerating cavities there is no pipe.

    Returns
    -------
    pipe : float
        Zero where the field is as long as the cavity, or nobody can say how long: where it has no length at all, where its
        length is a batch, or is differentiated by.
    cavity : Element
    """
    if not isinstance(element, LCavity) or element.is_filled() or element.slice_of is not None:
        return 0.0, element
    if not (is_number(element.length) and is_number(element.rf_frequency)):
        return 0.0, element
    part = active(element.replace(voltage=0.0, voltage_err=0.0), np)  # voltages may be of any backend, and say nothing here
    if not part.length > ALMOST:
        return 0.0, element
    if part.pipe <= ALMOST:
        return 0.0, element.replace(field_calc="custom")
    return float(part.pipe), element.replace(length=float(part.length), field_calc="custom")


def report(fields: Fields, steps: int) -> None:
    """Report what an accelerating cavity is beyond one of closed form, with a field of its length and both of its ends.

    Parameters
    ----------
    fields : Fields
        Of a cavity without pipes.
    steps : int
        Steps in which our cavities come near the closed form.
    """
    cavity: Any = fields.element
    fields.passing("n_rf_steps", "n_cell", "field_calc", "fringe_type", "coupler_at", "coupler_angle", "coupler_phase")
    method = registry().method_of(cavity)
    if method != BmadStandard():
        fields.note("tracking_method", str(method), f"in closed form, as bmad_standard with {steps} steps")
    elif cavity.n_rf_steps != steps:
        fields.note("n_rf_steps", cavity.n_rf_steps, f"in closed form, as with {steps}")
    if not cavity.is_filled():
        fields.physics("field_calc", cavity.field_calc, "a field as long as the cavity")
    if not all(has_ends(cavity)):
        name = "fringe_type" if cavity.fringe_type == "none" else "fringe_at"
        fields.physics(name, getattr(cavity, name), "focusing at both ends")
