"""The tracking method that an element's attributes say (Bmad manual, "Tracking Methods", "Integration Methods")."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor
from typing import Any

from caraval.core.errors import suggest
from caraval.core.methods import BmadStandard, KickDriftKick, Linear, RungeKutta, TrackingMethod, as_method

from . import field_maps
from .definitions import Element, Settings
from .vocabulary import TRACKING
from .words import words

SYMPLECTIC = ("symp_lie_ptc", "symp_lie_bmad")
"""Bmad's symplectic integrators; the second is always of second order."""

SAME = {("taylor", "taylor"): "bmad_standard", ("taylor", "symp_lie_ptc"): "bmad_standard"}
"""Methods of a class that are another one there."""

INTEGRATED = ("runge_kutta", "fixed_step_runge_kutta", "time_runge_kutta", "fixed_step_time_runge_kutta")
"""Methods that integrate field maps: those of classes that have no other, which can be read and not tracked."""

FIELDS = ("bmad_standard", "fieldmap", "planar_model", "helical_model", "no_field", "refer_to_lords")
"""Ways to calculate a field that are understood, or say that there is none."""

SPLITS = {"matrix_kick": "matrix", "drift_kick": "drift"}
"""What Bmad calls the ways to split the Hamiltonian; the first is its own choice."""

ORDERS = {2: 2, 4: 4, 6: 6, 8: 6}
"""Orders of PTC's integrators; where it has no eighth, it takes the sixth."""

OTHERWISE = {"taylor": "taylor"}
"""What `bmad_standard` is called in classes that have it under another name."""

WITHOUT = ("bmad_standard", "linear", "runge_kutta", "symp_lie_ptc")
"""Methods that some classes have not."""

STEPPED = ("sbend", "rbend", "quadrupole", "sextupole", "kicker", "hkicker", "vkicker", "ac_kicker")
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
    chosen = taken.get("tracking_method")
    if chosen is None:
        options = _standard_options(element, taken)
        return BmadStandard(**options) if options and "bmad_standard" in names else None
    name = chosen.word("tracking_method")
    if not names and name in INTEGRATED:
        return None
    name = SAME.get((element.keyword, name), name)
    if is_cut(element, name):
        name = "symp_lie_ptc" if "kick_drift_kick" in names else "bmad_standard"
    if name == "linear":
        return as_method(name)
    if name == "bmad_standard":
        return BmadStandard(**_standard_options(element, taken))
    if name in SYMPLECTIC and "kick_drift_kick" in names:
        paraxial = name == "symp_lie_bmad" and field_maps.has_map(element)
        return KickDriftKick(**_symplectic_options(element, taken, name, length), paraxial=paraxial)
    if name in INTEGRATED and "runge_kutta" in names:
        return _runge_kutta(element, taken, name)
    understood = [word for word in ("bmad_standard", "linear") if word in names]
    understood += SYMPLECTIC if "kick_drift_kick" in names else ()
    understood += INTEGRATED if "runge_kutta" in names else ()
    raise chosen.place.error(
        f"{element.label}: tracking_method {name!r} is not understood{suggest(name, understood)}; "
        f"elements of class {element.keyword} have {', '.join(understood) or 'none'}"
    )


def is_possible(keyword: str, name: str) -> bool:
    """Whether Bmad can track elements of a class by a method; where many are set at once, it passes over the others."""
    if name == SYMPLECTIC[1]:
        return keyword in words("only", name)
    group = INTEGRATED[0] if name in INTEGRATED else name
    return group not in WITHOUT or keyword not in words("without", group)


def is_cut(element: Element, name: str) -> bool:
    """Whether a method is a Taylor map of an element, which PTC's integration makes and Bmad cuts at its order."""
    return name == "taylor" and element.keyword != "taylor"


def settings_of(method: TrackingMethod | None, keyword: str, names: Sequence[str]) -> dict[str, Any] | None:
    """Return the attributes that say a tracking method; None: Bmad has no such method, or none of the class has.

    Parameters
    ----------
    method : TrackingMethod, optional
        None: the default of the kind.
    keyword : str
        Class of the element.
    names : sequence of str
        The methods that its kind has.
    """
    if method is None:
        return {}
    if method.name not in names:
        return None
    if isinstance(method, BmadStandard):
        found: dict[str, Any] = {"tracking_method": OTHERWISE.get(keyword, method.name)}
        steps = "num_steps" if method.ds_step is None else "ds_step"  # which wins
        return found if getattr(method, steps) is None else {**found, steps: getattr(method, steps)}
    if isinstance(method, KickDriftKick):
        split = next((word for word, ours in SPLITS.items() if ours == method.split), None)
        if split is None:
            return None
        options = {"integrator_order": method.order, "num_steps": method.num_steps}
        return {"tracking_method": SYMPLECTIC[method.paraxial], **options, "ptc_integration_type": split}
    if isinstance(method, RungeKutta):
        fixed = {"num_steps": method.num_steps, "ds_step": method.ds_step}
        given = {name: value for name, value in fixed.items() if value is not None}
        return {"tracking_method": "fixed_step_runge_kutta" if given else method.name, **given}
    return {"tracking_method": method.name} if isinstance(method, Linear) else None


def _standard_options(element: Element, taken: Settings) -> dict[str, Any]:
    options = {"num_steps": _whole(element, taken, "num_steps"), "ds_step": _step(element, taken)}
    given = {name: value for name, value in options.items() if value is not None}
    if "integrator_order" in taken and not given and element.keyword in STEPPED:
        raise taken["integrator_order"].place.error(
            f"{element.label}: integrator_order alone changes the number of steps that Bmad takes; give num_steps, too"
        )
    return given


def _symplectic_options(element: Element, taken: Settings, name: str, length: float) -> dict[str, Any]:
    options: dict[str, Any] = {"split": _split(element, taken)}
    steps, step = _whole(element, taken, "num_steps"), _step(element, taken)
    order = 2 if name == "symp_lie_bmad" else _whole(element, taken, "integrator_order")
    if step is not None:
        steps = max(1, floor(abs(length) / step + 0.5))
    if steps is not None:
        options["num_steps"] = steps
    if order is not None:
        if order not in ORDERS:
            place = taken["integrator_order"].place
            raise place.error(f"{element.label}: integrator_order must be 2, 4, 6 or 8, not {order}")
        options["order"] = ORDERS[order]
    return options


def _runge_kutta(element: Element, taken: Settings, name: str) -> RungeKutta:
    """Return the integrator; Bmad's own steps are as long as its tolerances allow, but for those of fixed length."""
    field = element.settings.get("field_calc")
    if field is not None and field.word("field_calc") not in FIELDS:
        word = field.word("field_calc")
        raise field.place.error(f"{element.label}: {name} with field_calc = {word} is not understood{suggest(word, FIELDS)}")
    if not name.startswith("fixed_step"):
        return RungeKutta()
    steps, step = _whole(element, taken, "num_steps"), _step(element, taken)
    return RungeKutta(order=5, ds_step=step) if step is not None else RungeKutta(order=5, num_steps=steps)


def _whole(element: Element, taken: Settings, name: str) -> int | None:
    """Return a number of something; zero is not given."""
    if name not in taken:
        return None
    value = taken[name].number(name)
    if value < 0 or value != int(value):
        raise taken[name].place.error(f"{element.label}: {name} must be a positive whole number, not {value:g}")
    return int(value) or None


def _step(element: Element, taken: Settings) -> float | None:
    """Return the length of a step; zero is not given."""
    if "ds_step" not in taken:
        return None
    step = taken["ds_step"].number("ds_step")
    if step < 0:
        raise taken["ds_step"].place.error(f"{element.label}: ds_step must be a positive length, not {step:g}")
    return step or None


def _split(element: Element, taken: Settings) -> str:
    if "ptc_integration_type" not in taken:
        return SPLITS["matrix_kick"]
    word = taken["ptc_integration_type"].word("ptc_integration_type")
    if word not in SPLITS:
        place, known = taken["ptc_integration_type"].place, " or ".join(SPLITS)
        raise place.error(f"{element.label}: ptc_integration_type must be {known}, not {word!r}{suggest(word, SPLITS)}")
    return SPLITS[word]
