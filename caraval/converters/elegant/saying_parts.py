"""What elements of elegant share, on the way there: steps, kicks, misalignment, multipoles, metadata."""

from __future__ import annotations

from math import cos, factorial, sin
from typing import Any, NamedTuple

from caraval.converters.shared.line import Said
from caraval.converters.shared.weighed import OF_MULTIPOLES, WeighedFields
from caraval.core import scalar
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.physics.shared.emission import EFFECT
from caraval.physics.shared.multipoles import integrated

from .alignment import EXACT
from .methods import split_of
from .vocabulary import types
from .words import EXPANSIONS, INERT, RADIATION, of_type

WITHOUT_ORDER = 4
"""The order of integrators of which elegant says none."""


class Steps(NamedTuple):
    """The parameters that say an integrator, and the method that is read from them."""

    values: dict[str, int]
    method: TrackingMethod


def method_of(f: WeighedFields) -> Steps | None:
    """Return the steps of an element that is tracked by a symplectic integrator; None: it is not."""
    method = f.method()
    if not isinstance(method, KickDriftKick):
        return None
    values = {"INTEGRATION_ORDER": method.order, "N_KICKS": 0, "N_SLICES": method.num_steps}
    return Steps(values, KickDriftKick(order=method.order, num_steps=method.num_steps))


def multipoles(f: WeighedFields) -> dict[int, tuple[float, float]]:
    """Return integrated multipoles ``{n: (k_n l, k_n s l)}`` besides the main strength and kicks."""
    plain = f.element.with_values({"hkick": 0.0, "vkick": 0.0})
    found = integrated(plain, scalar)
    return {n: (factorial(n) * b, factorial(n) * a) for n, (a, b) in found.items() if a or b}


def gradients(f: WeighedFields) -> None:
    """Take the multipoles as said."""
    f.passing(*OF_MULTIPOLES)


def kicks(f: WeighedFields, type: str) -> tuple[float, float]:
    """Return the kicks of a magnet along axes that tilt with it, if elements of its type kick."""
    if "HKICK" not in types()[type].parameters or not hasattr(f.element, "hkick"):
        return 0.0, 0.0
    h, v, tilt = f.number("hkick"), f.number("vkick"), f.element.tilt
    return h * cos(tilt) + v * sin(tilt), v * cos(tilt) - h * sin(tilt)


def placed(f: WeighedFields, type: str = "") -> dict[str, float]:
    """Return misalignment and tilt of a straight element; with rotations, if elements of the type have them."""
    offsets = {name: f.number(field) for name, field in (("DX", "x_offset"), ("DY", "y_offset"), ("DZ", "z_offset"))}
    found = {**offsets, "TILT": f.number("tilt")}
    has_rotations = type in types() and "MALIGN_METHOD" in types()[type].parameters
    if has_rotations and (f.element.x_pitch or f.element.y_pitch):
        found |= {"YAW": f.number("x_pitch"), "PITCH": -f.number("y_pitch"), "MALIGN_METHOD": EXACT}
    return found


def finished(
    f: WeighedFields, type: str, values: dict[str, Any], method: TrackingMethod | None = None, *, ending: str = ""
) -> list[Said]:
    """Return an element with its length and metadata, without what is as elegant has it anyway, and report what is left.

    Parameters
    ----------
    f : WeighedFields
    type : str
    values : dict
        Of its parameters.
    method : TrackingMethod, optional
        With which it is tracked where it is read; None: the kind's default.
    ending : str
        What its name has besides.
    """
    said = {n: v for n, v in {"L": f.length, **values, **_radiation(f, type)}.items() if _is_news(type, n, v)}
    kept = _kept(f, type, said)
    if isinstance(method, KickDriftKick):
        method = method.with_options(split=split_of(type))
    f.report_rest(method)
    f.report_metadata({**kept, **({"elegant_type": type} if f.element.metadata.get("elegant_type") == type else {})})
    return [Said(type, {**said, **kept}, ending)]


def _radiation(f: WeighedFields, type: str) -> dict[str, int]:
    """Return whether an element of a type that may radiate does."""
    effects = f.element.effects
    if effects != {EFFECT: {"scale": 1.0}} or "SYNCH_RAD" not in types()[type].parameters:
        return {}
    f.passing("effects")
    return {"SYNCH_RAD": 1}


def _is_news(type: str, name: str, value: Any) -> bool:
    """Whether elements of a type have a parameter, and have something else unless it is said."""
    known = types()[type]
    has = name in known.parameters or (known.indexed is not None and known.indexed.fullmatch(name) is not None)
    return has and name not in known.same and value not in ("", known.parameter(name).default)


def _kept(f: WeighedFields, type: str, said: dict[str, Any]) -> dict[str, Any]:
    """Return what the metadata have of elegant's parameters."""
    known, found = types()[type], {}
    for name, value in f.element.metadata.items():
        is_inert = (
            name in INERT
            or name in RADIATION
            or name in EXPANSIONS
            or name in of_type(type)
            or known.parameter(name).sort == "texts"
        )
        if name == "GROUP" or (name in known.parameters and is_inert and name not in said):
            found[name] = value
    return found
