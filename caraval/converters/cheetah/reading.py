"""What elements of Cheetah are in Caraval, kind by kind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from math import inf, pi

import numpy as np

from caraval.core.arrays import is_number, is_zero
from caraval.core.element import Element
from caraval.core.errors import CaravalError
from caraval.core.losses import Losses
from caraval.core.methods import BmadStandard, Linear, SecondOrder, TrackingMethod
from caraval.core.reference import C_LIGHT, as_species

from ..shared.items import OWN, Given, Item
from ..shared.matrices import terms
from ..shared.methods import from_description

Conversion = Callable[[Given], list[Element]]

METHODS: Mapping[str, TrackingMethod] = {
    "linear": Linear(),
    "second_order": SecondOrder(),
    "drift_kick_drift": BmadStandard(),
    "cheetah": Linear(),
    "bmadx": BmadStandard(),
}
"""Cheetah's tracking methods; the last two are what it called them before version 0.7.3."""

ENDS = {"both": "both_ends", "entrance": "entrance_end", "exit": "exit_end", "neither": "no_end"}

WHOLE = ("num_steps", "binning", "resolution", "grid_shape")
"""Parameters that are whole numbers, or lists of them."""

CAVITY_STEPS = 100
"""Steps through a cavity, in which ours comes within 3e-6 of the closed form that Cheetah has."""


def converted(items: Iterable[Item], losses: Losses) -> list[Element]:
    """Return the elements of a line.

    Raises
    ------
    LatticeError
        If an element makes no sense, or changes the tracking in a way that is not understood and may not be left out.
    """
    return [element for item in items for element in _converted(item, losses)]


def _converted(item: Item, losses: Losses) -> list[Element]:
    given = Given(item, losses)
    conversion = CONVERSIONS.get(item.kind)
    if conversion is not None:
        return conversion(given)
    given.physics("", item.kind, "a drift")
    length = given.number("length")
    return [given.make("Marker" if is_zero(length) else "Drift", *item.settings, length=length)]


def _method(given: Given, default: str = "linear") -> TrackingMethod:
    """Return the tracking method: that of Caraval which the file was written from, or what Cheetah's own is here."""
    return _own_method(given) or METHODS[given.choice("tracking_method", default, *METHODS)]


def _own_method(given: Given) -> TrackingMethod | None:
    given.choice("tracking_method", "linear", *METHODS)
    own = given.item.metadata.get(OWN)
    if not isinstance(own, Mapping) or "tracking_method" not in own:
        return None
    try:
        return from_description(own["tracking_method"])
    except CaravalError as error:
        raise given.item.error(str(error)) from None


def _placed(given: Given) -> dict[str, object]:
    x, y = given.pair("misalignment")
    return {"x_offset": x, "y_offset": y}


def drift(given: Given) -> list[Element]:
    """Drift."""
    return [given.make("Drift", length=given.number("length"), tracking_method=_method(given))]


def quadrupole(given: Given) -> list[Element]:
    """Quadrupole; its steps are the same map each."""
    values = {"length": given.number("length"), "k1": given.number("k1"), "tilt": given.number("tilt"), **_placed(given)}
    return [given.make("Quadrupole", "num_steps", tracking_method=_method(given), **values)]


def sextupole(given: Given) -> list[Element]:
    """Sextupole."""
    values = {"length": given.number("length"), "k2": given.number("k2"), "tilt": given.number("tilt"), **_placed(given)}
    return [given.make("Sextupole", tracking_method=_method(given, "second_order"), **values)]


def dipole(given: Given) -> list[Element]:
    """Dipole, RBend.

    Its maps have both edges, whatever `fringe_at`, with the gap of the entrance; its particle routine has them as they are
    given, but no gradient.
    """
    angle, method = given.number("angle"), _method(given)
    faces = [given.number(f"{given.item.kind.lower()}_e{end}") for end in "12"]
    if given.item.kind == "RBend":
        faces = [face + angle / 2 for face in faces]
    given.choice("fringe_type", "linear_edge")
    values = {"length": given.number("length"), "angle": angle, "ref_tilt": given.number("tilt"), "k1": given.number("k1")}
    values |= {"e1": faces[0], "e2": faces[1], "fint": given.number("fringe_integral"), "hgap": given.number("gap") / 2}
    exit = given.number("fringe_integral_exit", values["fint"]), given.number("gap_exit", 2 * values["hgap"]) / 2
    ends = ENDS[given.choice("fringe_at", *ENDS)]
    if isinstance(METHODS[given.choice("tracking_method", *METHODS)], BmadStandard):
        if not _is_nothing(values["k1"]):
            given.note("k1", values.pop("k1"), "left out, as Cheetah does with this method")
        values |= {"fintx": exit[0], "hgapx": exit[1], "fringe_at": ends}
    else:
        values["fintx"] = exit[0]
        if not np.array_equal(_values(exit[1]), _values(values["hgap"])):
            given.note("gap_exit", 2 * exit[1], "that of the entrance, as Cheetah has it with this method")
        if ends != "both_ends":
            given.note("fringe_at", ends, "at both ends, as Cheetah has it with this method")
    return [given.make("SBend", fringe_type="linear_edge", tracking_method=method, **values)]


def solenoid(given: Given) -> list[Element]:
    """Solenoid, whose ``k`` is half of what the field is over the rigidity."""
    values = {"length": given.number("length"), "ks": 2 * given.number("k"), **_placed(given)}
    return [given.make("Solenoid", tracking_method=_method(given), **values)]


def cavity(given: Given) -> list[Element]:
    """Cavity, whose length is full of field, and whose phase is late where it is positive."""
    values = {"length": given.number("length"), "voltage": given.number("voltage"), "rf_frequency": given.number("frequency")}
    kind = given.choice("cavity_type", "standing_wave", "traveling_wave")
    if is_zero(values["length"]):
        kind = "traveling_wave"  # a standing wave has a length
    values["phi0"] = -given.number("phase") / 360
    return [given.make("LCavity", cavity_type=kind, field_calc="custom", n_rf_steps=CAVITY_STEPS, **values)]


def deflector(given: Given) -> list[Element]:
    """TransverseDeflectingCavity, through which Cheetah goes in one step."""
    values = {"length": given.number("length"), "voltage": given.number("voltage"), "rf_frequency": given.number("frequency")}
    values |= {"phi0": given.number("phase"), "tilt": given.number("tilt"), **_placed(given)}
    given.choice("tracking_method", "drift_kick_drift", "bmadx")
    if given.number("num_steps", 1) != 1 and OWN not in given.item.metadata:
        given.note("num_steps", given.number("num_steps"), "one step, as Cheetah has it")
    return [given.make("CrabCavity", tracking_method=_own_method(given) or BmadStandard(num_steps=1), **values)]


def corrector(kind: str, **angles: str) -> Conversion:
    """Return the conversion of correctors, whose kick ours spread over the length."""

    def conversion(given: Given) -> list[Element]:
        kicks = {ours: given.number(theirs) for ours, theirs in angles.items()}
        return [given.make(kind, length=given.number("length"), tracking_method=_method(given), **kicks)]

    return conversion


def undulator(given: Given) -> list[Element]:
    """Undulator: ``K = e B lambda / (2 pi m c)``, of an electron as in Cheetah."""
    length, period = given.number("length"), given.number("period")
    kx, ky = given.number("kx"), given.number("ky")
    if (_is_nothing(kx) and _is_nothing(ky)) or _is_nothing(period):
        return [given.make("Drift" if not is_zero(length) else "Marker", length=length, tracking_method=_method(given))]
    field = 2 * pi * as_species("electron").mass / C_LIGHT / period
    shape: dict[str, object] = {"b_max": kx * field, "tilt": 0.0}
    if not _is_nothing(ky):
        if _is_nothing(kx):
            shape = {"b_max": ky * field, "tilt": pi / 2}
        elif np.array_equal(_values(kx), _values(ky)):
            shape["field_calc"] = "helical_model"
        else:
            given.physics("ky", ky, "left out beside another kx")
    return [given.make("Undulator", length=length, l_period=period, tracking_method=_method(given), **shape)]


def screen(given: Given) -> list[Element]:
    """Screen."""
    if given.flag("is_blocking", False) and given.flag("is_active", False):
        given.physics("is_blocking", True, "the beam goes on")
    unfelt = ("resolution", "pixel_size", "binning", "method", "kde_bandwidth", "is_active", "is_blocking")
    return [given.make("Monitor", *unfelt, **_placed(given))]


def monitor(given: Given) -> list[Element]:
    """BPM."""
    return [given.make("Monitor", "is_active", **_placed(given))]


def marker(given: Given) -> list[Element]:
    """Marker."""
    return [given.make("Marker")]


def aperture(given: Given) -> list[Element]:
    """Aperture; of an ellipse that is open to one side, the other side is straight."""
    limits = {"x_limit": given.number("x_max", inf), "y_limit": given.number("y_max", inf)}
    closed = {name: value for name, value in limits.items() if not (is_number(value) and value == inf)}
    if any(np.any(_values(value) <= 0) for value in closed.values()):
        raise given.item.error("an aperture of no size, which nothing passes, cannot be said in Caraval")
    is_round = given.choice("shape", "rectangular", "elliptical") == "elliptical" and len(closed) == 2
    at = "exit_end" if given.flag("is_active", True) else "no_aperture"
    return [given.make("ECollimator" if is_round else "RCollimator", aperture_at=at, **closed)]


def custom(given: Given) -> list[Element]:
    """CustomTransferMap, to which the energy of the beam makes a small difference where it depends on time and energy."""
    matrix = given.number("predefined_transfer_map")
    if getattr(matrix, "shape", None) != (7, 7):
        given.physics("predefined_transfer_map", f"an array {getattr(matrix, 'shape', '')}", "a drift")
        length = given.number("length")
        return [given.make("Drift" if not is_zero(length) else "Marker", length=length)]
    matrix = _values(matrix)
    if np.any(matrix[:4, 4:6]) or np.any(matrix[4:6, :4]) or np.any(matrix[4:6, 4:6] != np.eye(2)):
        given.note("predefined_transfer_map", "of time and energy", "taken for particles at the speed of light")
    return [given.make("Taylor", length=given.number("length"), terms=terms(matrix), tracking_method="linear")]


def space_charge(given: Given) -> list[Element]:
    """SpaceChargeKick, whose length is that of elements around it."""
    given.note("", "SpaceChargeKick", "tracked without space charge")
    return [given.make("Marker", *given.item.settings)]


def superimposed(given: Given) -> list[Element]:
    """Superimposed: one element in the middle of another."""
    base, inside = (given.item.settings.get(f"{which}_element") for which in ("base", "superimposed"))
    if not (isinstance(base, Item) and isinstance(inside, Item)):
        raise given.item.error("there must be a base_element and a superimposed_element")
    outer, inner = _converted(base, given.losses), _converted(inside, given.losses)
    if len(outer) != 1 or is_zero(outer[0].length):
        return [*outer, *inner]
    half = outer[0].length / 2
    return [outer[0].cut(0.0, half), *inner, outer[0].cut(half, 2 * half)]


def _values(value: object) -> np.ndarray:
    """Return numbers of any library as an array of NumPy."""
    return np.asarray(value.detach() if hasattr(value, "detach") else value, dtype=float)


def _is_nothing(value: object) -> bool:
    """Whether a value is zero and nothing is differentiated by it."""
    return not getattr(value, "requires_grad", False) and not np.any(_values(value))


CONVERSIONS: dict[str, Conversion] = {
    "Drift": drift, "Quadrupole": quadrupole, "Sextupole": sextupole, "Dipole": dipole, "RBend": dipole,
    "Solenoid": solenoid, "Cavity": cavity, "TransverseDeflectingCavity": deflector,
    "HorizontalCorrector": corrector("HKicker", kick="angle"), "VerticalCorrector": corrector("VKicker", kick="angle"),
    "CombinedCorrector": corrector("Kicker", hkick="horizontal_angle", vkick="vertical_angle"),
    "Undulator": undulator, "Screen": screen, "BPM": monitor, "Marker": marker, "Aperture": aperture,
    "CustomTransferMap": custom, "SpaceChargeKick": space_charge, "Superimposed": superimposed,
}  # fmt: skip
"""What becomes of each kind; others are drifts, and the losses say so."""
