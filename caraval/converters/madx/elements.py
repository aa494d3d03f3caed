"""From elements as MAD-X has them to elements of Caraval."""

from __future__ import annotations

from collections.abc import Callable
from math import cos, sin
from typing import TYPE_CHECKING, Any

from caraval.core.element import Element as CaravalElement
from caraval.core.errors import CaravalError
from caraval.core.registry import registry
from caraval.physics.sbend import SBend

from . import apertures, magnets, older, others
from .definitions import Assigned, Element
from .expansion import Placed
from .values import Made, Surroundings, Values
from .vocabulary import INERT, MISALIGNMENT, attributes

if TYPE_CHECKING:
    from .interpreter import Interpreter

_MAKERS: dict[str, Callable[[Values], Made]] = {
    "beambeam": others.beambeam,
    "blmonitor": others.monitor,
    "changeref": others.changeref,
    "changerefp0": others.changerefp0,
    "collimator": others.collimator,
    "crabcavity": others.crabcavity,
    "dipedge": magnets.dipedge,
    "drift": others.drift,
    "ecollimator": others.collimator,
    "elseparator": others.elseparator,
    "hacdipole": others.ac_dipole,
    "hkicker": magnets.hkicker,
    "hmonitor": others.monitor,
    "imonitor": others.monitor,
    "instrument": others.instrument,
    "kicker": magnets.kicker,
    "marker": others.marker,
    "matrix": others.matrix,
    "monitor": others.monitor,
    "multipole": magnets.multipole,
    "octupole": magnets.octupole,
    "placeholder": others.instrument,
    "quadrupole": magnets.quadrupole,
    "rbend": magnets.bend,
    "rcollimator": others.collimator,
    "rfcavity": others.rfcavity,
    "rfmultipole": others.rfmultipole,
    "sbend": magnets.bend,
    "sextupole": magnets.sextupole,
    "sixmarker": others.marker,
    "slmonitor": others.monitor,
    "solenoid": magnets.solenoid,
    "srotation": others.srotation,
    "tkicker": magnets.kicker,
    "translation": others.translation,
    "vacdipole": others.ac_dipole,
    "vkicker": magnets.vkicker,
    "vmonitor": others.monitor,
    "xrotation": others.xrotation,
    "lcavity": older.lcavity,
    "multipole8": older.multipole,
    "rcollimator8": older.collimator,
    "ecollimator8": older.collimator,
    "yrotation": others.yrotation,
}
"""What makes an element of each class; the others are unknown."""

_WITHOUT_LENGTH = ("BeamBeam", "Marker", "Multipole", "Patch", "Taylor")

_NOT_MOVED = ("translation", "marker", "drift")


class Converter:
    """Makes elements; one that stands in several places is made once.

    Parameters
    ----------
    state : Interpreter
    around : Surroundings
    """

    def __init__(self, state: Interpreter, around: Surroundings) -> None:
        self._state = state
        self._around = around
        self._kinds = {name: entry.value for name, entry in registry().kinds.items()}
        self._made: dict[int, tuple[CaravalElement, ...]] = {}

    def elements(self, placed: Placed, errors: Assigned | None = None) -> tuple[CaravalElement, ...]:
        """Return what an element of MAD-X is in Caraval: mostly, one element.

        Raises
        ------
        LatticeError
            If it makes no sense, or something that changes the tracking cannot be carried and that is not allowed.
        """
        if placed.member is None:
            return (self._kinds["Drift"](name=placed.element.name, length=placed.length),)
        if errors is not None:
            return self._make(placed.element, placed.length, errors)
        made = self._made.get(id(placed.element))
        if made is None:
            made = self._made[id(placed.element)] = self._make(placed.element, placed.length, None)
        return made

    def _make(self, element: Element, length: float, errors: Assigned | None) -> tuple[CaravalElement, ...]:
        v = Values(self._state, element, length, self._around, errors)
        made = _MAKERS.get(element.keyword, others.unknown)(v)
        if made.kind not in self._kinds:
            v.lose("", f"a {made.kind}, which Caraval has not yet", "a drift" if length else "a marker")
            made = Made("Drift" if length else "Marker", {})
        values = {"name": element.name, **made.values}
        if made.kind not in _WITHOUT_LENGTH:
            values["length"] = length
        if made.kind not in ("Drift", "Patch", "Taylor"):
            values.update(apertures.limits(v))
        if element.keyword not in _NOT_MOVED:
            _move(v, self._kinds[made.kind], values)
        values["metadata"] = self._metadata(v)
        behind = [Made(more.kind, {"name": element.name + ending, **more.values}) for ending, more in made.behind.items()]
        try:
            return tuple(self._kinds[part.kind](**part.values) for part in (Made(made.kind, values), *behind))
        except CaravalError as error:
            raise element.place.error(str(error)) from None

    def _metadata(self, v: Values) -> dict[str, Any]:
        """Return the attributes that change nothing, and report the others that are left."""
        element = v.element
        kept: dict[str, Any] = {} if element.parent == element.keyword else {"class": element.parent}
        for name, setting in v.left().items():
            value = v.plain(name)
            if name in INERT:
                kept[name] = value
            elif value not in (0.0, False, "") and value != []:
                near = self._state.near(name, attributes(element.keyword))
                self._state.losses.physics(element.name, name, f"{value}{near}", place=setting.place)
        return kept


def _move(v: Values, kind: type[CaravalElement], values: dict[str, Any]) -> None:
    """Add a misalignment: of the entrance in MAD-X, of the middle here (MAD-X manual, "Permanent Misalignments")."""
    assigned = v.errors.values if v.errors is not None else {}
    if not (assigned or any(map(v.has, MISALIGNMENT))):
        return
    dx, dy, ds, theta, phi, psi = (v.number(name) + assigned.get(name, 0.0) for name in MISALIGNMENT)
    if not any((dx, dy, ds, theta, phi, psi)):
        return
    is_bend = issubclass(kind, SBend)
    if is_bend and values.get("angle") and any((theta, phi)):
        v.lose("dtheta", f"{theta}, dphi = {phi} of a bend")
        theta = phi = 0.0
    half = v.length / 2
    moved = {
        "x_offset": dx + half * sin(theta) * cos(phi),
        "y_offset": dy + half * sin(phi),
        "z_offset": ds + half * (cos(theta) * cos(phi) - 1),
        "x_pitch": theta,
        "y_pitch": phi,
        "roll" if is_bend else "tilt": psi,
    }
    for name, value in moved.items():
        if value and name not in kind.schema().fields:
            v.lose(name, value)
        elif value:
            values[name] = values.get(name, 0.0) + value
