"""The tracking method that an element's attributes say (Bmad manual, "Tracking Methods", "Integration Methods")."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

from caraval.core.errors import suggest
from caraval.core.methods import BmadStandard, KickDriftKick, Linear, TrackingMethod

from .definitions import Element, Settings
from .vocabulary import TRACKING

SYMPLECTIC = ("symp_lie_ptc", "symp_lie_bmad")
"""Bmad's symplectic integrators."""

SPLITS = {"matrix_kick": "matrix", "drift_kick": "drift"}
"""How Bmad calls what is solved exactly between the kicks."""

ORDERS = {2: 2, 4: 4, 6: 6, 8: 6}
"""Orders of PTC's integrators; where it has no eighth, it takes the sixth."""

STEPPED = ("sbend", "rbend", "quadrupole", "sextupole", "kicker", "hkicker", "vkicker")
"""Classes in which Bmad's own number of steps depends on the order of an integrator."""


def method(element: Element, settings: Settings, length: float, names: Sequence[str]) -> TrackingMethod | None:
    """Return the tracking method of an element; None: the default of its kind.

    Parameters
    ----------
    element : Element
    settings : mapping
        Its attributes; those of the method are taken out.
    length : float
        [m]
    names : sequence of str
        The methods that its kind has.

    Raises
    ------
    LatticeError
        If Caraval has no such method.
    """
    taken = {name: settings.pop(name) for name in TRACKING if name in settings}
    numbers = _Numbers(element, taken)
    chosen = taken.get("tracking_method")
    name = "bmad_standard" if chosen is None else chosen.word("tracking_method")
    if name == "linear":
        return Linear()
    if name == "bmad_standard" and (chosen is not None or name in names):
        return _bmad_standard(element, taken, numbers, is_chosen=chosen is not None)
    if chosen is None:
        return None
    if name in SYMPLECTIC and "kick_drift_kick" in names:
        order = 2 if name == "symp_lie_bmad" else numbers.order
        return KickDriftKick(order=order, num_steps=numbers.over(length), split=_split(element, taken))  # type: ignore[arg-type]
    understood = [word for word in ("bmad_standard", "linear") if word in names]
    understood += SYMPLECTIC if "kick_drift_kick" in names else ()
    raise chosen.place.error(
        f"{element.label}: tracking_method {name!r} is not understood{suggest(name, understood)}; "
        f"for a {element.keyword} there are {', '.join(understood)}"
    )


class _Numbers:
    """The numbers of a method: of steps, of metres in a step, and the order; zero is not given."""

    def __init__(self, element: Element, taken: Settings) -> None:
        self.steps = self._whole(element, taken, "num_steps")
        self.step = taken["ds_step"].number("ds_step") if "ds_step" in taken else 0.0
        given = self._whole(element, taken, "integrator_order")
        if given is not None and given not in ORDERS:
            raise taken["integrator_order"].place.error(f"{element.label}: integrator_order must be 2, 4, 6 or 8, not {given}")
        self.order = ORDERS.get(given or 0, KickDriftKick().order)
        if self.step < 0:
            raise taken["ds_step"].place.error(f"{element.label}: ds_step must be a positive length, not {self.step}")

    @staticmethod
    def _whole(element: Element, taken: Settings, name: str) -> int | None:
        if name not in taken:
            return None
        value = taken[name].number(name)
        if value < 0 or value != int(value):
            raise taken[name].place.error(f"{element.label}: {name} must be a positive whole number, not {value:g}")
        return int(value) or None

    def over(self, length: float) -> int:
        """Return the number of steps over a length."""
        if self.step:
            return max(1, floor(abs(length) / self.step + 0.5))
        return self.steps or KickDriftKick().num_steps


def _bmad_standard(element: Element, taken: Settings, numbers: _Numbers, *, is_chosen: bool) -> BmadStandard | None:
    if numbers.steps or numbers.step:
        return BmadStandard(num_steps=numbers.steps, ds_step=numbers.step or None)
    if "integrator_order" in taken and element.keyword in STEPPED:
        raise taken["integrator_order"].place.error(
            f"{element.label}: integrator_order alone changes the number of steps that Bmad takes; give num_steps, too"
        )
    return BmadStandard() if is_chosen else None


def _split(element: Element, taken: Settings) -> Any:
    if "ptc_integration_type" not in taken:
        return "matrix"
    word = taken["ptc_integration_type"].word("ptc_integration_type")
    if word not in SPLITS:
        place = taken["ptc_integration_type"].place
        raise place.error(f"{element.label}: ptc_integration_type must be {' or '.join(SPLITS)}, not {word!r}{suggest(word, SPLITS)}")
    return SPLITS[word]
