"""Maps, patches, wigglers, and what the beam does not feel, on the way to elegant."""

from __future__ import annotations

from typing import Any

from caraval.converters.shared.expanded import as_map
from caraval.converters.shared.line import Said
from caraval.converters.shared.weighed import WeighedFields
from caraval.physics.patch import Patch

from . import matrices, plain
from .saying_parts import finished, placed
from .vocabulary import types
from .words import DIAGNOSTICS

UNFELT = frozenset((*DIAGNOSTICS, "CHARGE", *" ".join(plain.COLLECTIVE.values()).split()))
"""Types that are read as drifts and markers."""


def kept_type(f: WeighedFields) -> str | None:
    """Return the type that a drift or a marker was read from, if the beam does not feel it."""
    original = str(f.element.metadata.get("elegant_type"))
    if original not in UNFELT or (f.length and "L" not in types()[original].parameters):
        return None
    return original


def matrix(f: WeighedFields) -> list[Said]:
    """Taylor: EMATRIX, of its linear part."""
    terms = f.get("terms")
    for name, value in terms.items():
        if len(name) > 4 and value:
            f.physics(name, value)
    constants, rows = matrices.of_terms(terms, f.length, f.given_reference)
    values = {f"C{i}": value for i, value in constants.items()}
    values |= {f"R{i}{j}": value for (i, j), value in rows.items()}
    return finished(f, "EMATRIX", {**values, **placed(f)})


def expanded(f: WeighedFields) -> list[Said]:
    """An element of which elegant has no type: EMATRIX, of its linear part."""
    found = as_map(f, 1, same_coordinates=True)
    return [] if found is None else matrix(found)


def patch(f: WeighedFields) -> list[Said]:
    """Patch: ROTATE, or ENERGY, if it does no more."""
    element = f.element
    assert isinstance(element, Patch)
    if element.length or element.turns():
        return []
    mass, momentum, energy = f.reference.species.mass, element.p0c_set, element.e_tot_set
    given = {"CENTRAL_MOMENTUM": momentum / mass} if momentum else {"CENTRAL_ENERGY": energy / mass - 1} if energy else {}
    f.passing("user_sets_length", "ref_coords")
    if given and not element.tilt:
        f.passing("p0c_set", "e_tot_set")
        return finished(f, "ENERGY", given)
    return finished(f, "ROTATE", {"TILT": f.number("tilt")})


def wiggler(f: WeighedFields) -> list[Said]:
    """Wiggler, Undulator: CWIGGLER, or WIGGLER of a number of poles that makes no whole periods."""
    element: Any = f.element
    periods = element.n_period or (element.length / element.l_period if element.l_period else 0.0)
    whole, poles = round(periods), round(2 * periods)
    is_flat = element.field_calc == "planar_model"
    if poles < 1 or not (_has(f, whole) or (is_flat and _has(f, poles / 2))) or f.length <= 0:
        return []
    f.passing("l_period", "n_period", "field_calc")
    if f.element.kind != "Wiggler":
        f.note("", f.element.kind, "a wiggler")
    if _has(f, whole):
        values = {"B_MAX": f.number("b_max"), "PERIODS": whole, "SINUSOIDAL": 1, "HELICAL": int(not is_flat)}
        return finished(f, "CWIGGLER", {**values, **placed(f)})
    return finished(f, "WIGGLER", {"B": f.number("b_max"), "POLES": poles, **placed(f)})


def _has(f: WeighedFields, periods: float) -> bool:
    """Whether a wiggler has so many periods."""
    return bool(periods) and f.are_alike(l_period=None, n_period=float(periods))
