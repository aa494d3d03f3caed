"""Field maps of elements (Bmad manual, "Field Maps"), and the terms of wigglers in files from before there were any."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from caraval.core.element import Element as CaravalElement
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.physics.shared.fields import cartesian_map, gradients_map
from caraval.physics.shared.fields.field_maps import Mapped
from caraval.physics.wiggler import Wiggler

from .definitions import Element, Setting, Settings
from .expressions import Structure
from .maptext import Tree, numbers, tree

MAPPED = ("wiggler", "undulator")
"""Classes whose field is that of a map, if they have one."""

OLD_TERM = re.compile(r"term\(\s*(\d+)\s*\)")
"""Name of a term in old files: ``term(3) = {A, kx, ky, kz, phi_z}``."""

_COMPONENT = re.compile(r"(cartesian_map|gen_gradients)\(\s*1\s*\)%(field_scale|master_parameter)")

KNOWN = {cartesian_map.KIND, gradients_map.KIND}
"""Kinds of maps that are understood."""


def has_map(element: Element) -> bool:
    """Whether an element has a map that is understood."""
    return any(name in KNOWN or OLD_TERM.fullmatch(name) for name in element.settings)


def is_empty(element: Element) -> bool:
    """Whether an element is a region of fields none of which are understood."""
    return element.keyword == "em_field" and not has_map(element)


def taken(element: Element, kind: type[CaravalElement], left: Settings, method: TrackingMethod | None) -> tuple[Any, ...]:
    """Take the maps out of an element's attributes, if its field is theirs and its method goes through it, and return them.

    Raises
    ------
    LatticeError
        If a map makes no sense.
    """
    if not (issubclass(kind, Mapped) and has_map(element) and _counts(element, kind, left, method)):
        return ()
    if "field_calc" in left and left["field_calc"].word("field_calc") == "fieldmap":
        del left["field_calc"]
    found = [_map(element, name, left) for name in sorted(KNOWN & left.keys())]
    terms = {int(match[1]): left.pop(name) for name in list(left) if (match := OLD_TERM.fullmatch(name))}
    if terms:
        rows = tuple(_old_term(element, terms[number]) for number in sorted(terms))
        found.append({"kind": cartesian_map.KIND, "master_parameter": "polarity", "terms": rows})
    return tuple(found)


def _counts(element: Element, kind: type[CaravalElement], left: Settings, method: TrackingMethod | None) -> bool:
    usual = "fieldmap" if element.keyword in MAPPED else "bmad_standard"
    calculated = left["field_calc"].word("field_calc") if "field_calc" in left else usual
    if any(OLD_TERM.fullmatch(name) for name in left):
        calculated = "fieldmap"
    goes_through = (method and method.name) == "runge_kutta" or (
        issubclass(kind, Wiggler) and isinstance(method, KickDriftKick)
    )
    return calculated == "fieldmap" and goes_through


# -------------------------------------------------------------------- cartesian maps


def _old_term(element: Element, given: Setting) -> tuple[Any, ...]:
    """Return a term of an old file, whose amplitude is that of the vertical field whatever its form."""
    row = numbers(_tree_of(given), given.place)
    if len(row) == 8:
        return row
    if len(row) != 5 or not all(isinstance(value, float) for value in row):
        raise given.place.error(f"{element.label}: a term is {{A, kx, ky, kz, phi_z}}, not {str(given.value)!r}")
    a, kx, ky, kz, phase = row
    grows = cartesian_map.form(kx, ky, kz)
    if grows in ("xy", "x"):
        if ky == 0:
            raise given.place.error(f"{element.label}: a term that does not grow in y needs a ky that is not zero")
        a *= (kz if grows == "xy" else kx) / ky
    return a, kx, ky, kz, 0.0, 0.0, phase, "y"


PARTS = {
    cartesian_map.KIND: ("field_scale", "master_parameter", "ele_anchor_pt", "field_type"),
    gradients_map.KIND: ("field_scale", "master_parameter", "ele_anchor_pt", "field_type", "dz", "g_ref"),
}
"""What may be said of a map in one number or word."""


def _map(element: Element, name: str, left: Settings) -> dict[str, Any]:
    setting = left.pop(name)
    found: dict[str, Any] = {"kind": name}
    several: dict[str, list[Any]] = {}
    for key, value in members(_tree_of(setting), setting):
        if key == "term" and name == cartesian_map.KIND:
            row = numbers(value, setting.place)
            several.setdefault("terms", []).append((*row[:-1], *(str(family).lower() for family in row[-1:])))
        elif key == "curve" and name == gradients_map.KIND:
            several.setdefault("curves", []).append(_curve(value, setting))
        elif key == "r0":
            found[key] = numbers(value, setting.place)
        elif key in PARTS[name]:
            found[key] = value.lower() if isinstance(value, str) else value
        else:
            raise setting.place.error(f"{element.label}: {name} has nothing called {key!r}")
    for component in [key for key in left if (match := _COMPONENT.fullmatch(key)) and match[1] == name]:
        word = component.partition("%")[2]
        changed = left.pop(component)
        found[word] = changed.number(component) if word == "field_scale" else changed.word(component)
    if found.get("master_parameter") == "none":
        del found["master_parameter"]
    return {**found, **{key: tuple(parts) for key, parts in several.items()}}


def _curve(value: Tree, setting: Setting) -> dict[str, Any]:
    """Return a curve of generalised gradients; in its table, a row is ``z: value derivative ...``."""
    found: dict[str, Any] = {}
    for key, said in members(value, setting):
        if key == "derivs":
            found[key] = tuple((place, *given) for place, given in members_of_table(said, setting))
        elif key in ("kind", "n"):
            is_whole = isinstance(said, float) and said.is_integer()
            found[key] = int(said) if is_whole else said.lower() if isinstance(said, str) else said
        else:
            raise setting.place.error(f"a curve of generalised gradients has nothing called {key!r}")
    return found


def _has_pairs(found: Tree) -> bool:
    return isinstance(found, list) and all(isinstance(part, tuple) and len(part) == 2 for part in found)


def members(found: Tree, setting: Setting) -> list[tuple[str, Any]]:
    """Return the members of a structure by name, in order.

    Raises
    ------
    LatticeError
    """
    if not _has_pairs(found) or not all(isinstance(name, str) for name, _ in found):
        raise setting.place.error("a field map is {name = value, ...}")
    return [(name.lower(), value) for name, value in found]


def members_of_table(found: Tree, setting: Setting) -> list[tuple[float, tuple[float, ...]]]:
    """Return the rows of a table in braces, ``{z: number number ..., ...}``.

    Raises
    ------
    LatticeError
    """
    rows = list(found) if _has_pairs(found) else None
    if rows is None or not all(isinstance(z, float) and isinstance(values, tuple) for z, values in rows):
        raise setting.place.error("a table of derivatives is {z: number number ..., z: ...}")
    return rows


def _tree_of(setting: Setting) -> Tree:
    if not isinstance(setting.value, Structure):
        raise setting.place.error(f"a list in braces, {{...}}, is needed here, not {str(setting.value)[:40]!r}")
    return tree(setting.value, setting.place)


# -------------------------------------------------------------------- back into files


def attributes(element: CaravalElement) -> dict[str, str]:
    """Return the attributes that say the maps of an element."""
    given = getattr(element, "field_maps", ())
    return {"field_calc": "fieldmap", **{each["kind"]: _written(each) for each in given}} if given else {}


def _written(given: Mapping[str, Any]) -> str:
    """Return a map as it stands in a file."""
    several = {"terms": "term", "curves": "curve"}
    parts = [f"{name} = {_spelled(value)}" for name, value in given.items() if name not in ("kind", *several) and value != ""]
    parts += [f"term = {{{', '.join(map(_spelled, row))}}}" for row in given.get("terms", ())]
    parts += [f"curve = {_curve_written(curve)}" for curve in given.get("curves", ())]
    return "{" + ",\n    ".join(parts) + "}"


def _curve_written(curve: Mapping[str, Any]) -> str:
    rows = (f"{place!r}: {' '.join(map(repr, values))}" for place, *values in curve["derivs"])
    return f"{{kind = {curve['kind']}, n = {curve.get('n', 0)}, derivs = {{{', '.join(rows)}}}}}"


def _spelled(value: Any) -> str:
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_spelled, value))})"
    return value if isinstance(value, str) else repr(value)
