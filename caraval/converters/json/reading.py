"""Reads lattices."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.errors import LatticeError, UnknownNameError, suggest
from caraval.core.lattice import Lattice
from caraval.core.methods import Named, TrackingMethod, as_method
from caraval.core.reference import Reference, Species, as_species
from caraval.core.registry import registry

from . import tensors
from .source import Node, parsed, shortly
from .values import data, setting
from .vocabulary import ELEMENT, KEYS, VERSION


def recognises(head: str) -> bool:
    """Whether a file says that it is Caraval's."""
    return re.search(r'"caraval"\s*:\s*\{', head) is not None


class Context(NamedTuple):
    """What elements may need besides their own description.

    Attributes
    ----------
    plugins : mapping
        Which plugin brought a kind.
    tensors : mapping
        The arrays of the file beside, by name.
    modules : mapping
        What was given for things that a file can only describe.
    """

    plugins: Mapping[str, str]
    tensors: Mapping[str, Any]
    modules: Mapping[str, Any]


def read(
    path: str | Path,
    *,
    line: str | None = None,
    branch: str | int | None = None,
    modules: Mapping[str, Any] | None = None,
) -> Lattice:
    """Read a lattice.

    Parameters
    ----------
    path : str or Path
    line, branch : str, optional
        Such a file has one, of the lattice's name (which is branch 0, too).
    modules : mapping, optional
        Networks of which the file has the weights and cannot make the rest, by the name of their element or of their class.
        Nothing is imported because a file says so.

    Raises
    ------
    LatticeError
        If the file makes no sense, with line and column.
    """
    root = parsed(Path(path))
    root.expected(dict, "a lattice is a JSON object")
    if "caraval" not in root.value:
        raise root.error('this is no lattice of Caraval: it does not say {"caraval": {"version": ...}}')
    _check_version(root["caraval"])
    root.only(KEYS, "a lattice file")
    name = root["name"].expected(str, "a name is a text") if "name" in root.value else ""
    for wanted in (line, branch):
        if wanted not in (None, name, 0):
            raise LatticeError(f"there is no {wanted!r} in this file, only the one line {name!r}", file=str(path))
    return _lattice(root, name, modules or {})


def _check_version(header: Node) -> None:
    header.expected(dict, 'the header is {"version": ...}')
    header.only(("version",), "the header")
    version = header.value.get("version")
    if version != VERSION or isinstance(version, bool):
        raise header.error(f"this Caraval reads version {VERSION} of its files, and this one is {shortly(version)}")


def _lattice(root: Node, name: str, modules: Mapping[str, Any]) -> Lattice:
    beside = tensors.unpacked(root["tensors"]) if "tensors" in root.value else {}
    context = Context(_mapping(root, "plugins"), beside, modules)
    definitions: dict[str, Element] = {}
    if "elements" in root.value:
        root["elements"].expected(dict, "elements are defined by an object, {name: {...}}")
        definitions = {key: _element(node, context, key) for key, node in root["elements"].members()}
    if "line" not in root.value:
        raise root.error("the lattice has no 'line', which names its elements in order")
    root["line"].expected(list, "a line is a list")
    elements = [_item(node, context, definitions) for node in root["line"].items()]
    if not elements:
        raise root["line"].error("a lattice needs at least one element")
    geometry = root.value.get("geometry", "open")
    if geometry not in ("open", "closed"):
        raise root["geometry"].error(f'geometry is "open" or "closed", not {shortly(geometry)}')
    reference = _reference(root["reference"]) if "reference" in root.value else None
    kept = {key: _mapping(root, key) for key in ("beginning", "metadata")}
    return Lattice(elements, reference=reference, geometry=geometry, name=name, **kept)


def _mapping(parent: Node, key: str) -> Any:
    """Return an object that may be left out."""
    if key not in parent.value:
        return {}
    parent[key].expected(dict, f"{key!r} is an object")
    return data(parent[key])


def _item(node: Node, context: Context, definitions: Mapping[str, Element]) -> Element:
    """Return an element of the line, by its key or by itself."""
    if isinstance(node.value, str):
        if node.value not in definitions:
            raise node.error(f"no element {node.value!r} is defined{suggest(node.value, definitions)}")
        return definitions[node.value]
    return _element(node, context, "")


def _element(node: Node, context: Context, name: str) -> Element:
    node.expected(dict, 'an element is an object, {"kind": ..., ...}')
    if "kind" not in node.value:
        raise node.error(f"the element {name!r} does not say its kind")
    cls = _kind(node["kind"], context.plugins)
    node.only(("kind", *cls.schema().defaults, *cls.shorthands), cls.__name__)
    values = {key: _field(cls, key, child, context) for key, child in node.members() if key != "kind"}
    with node.blamed():
        return cls.from_data({"name": name, **values}, context.modules)


def _kind(node: Node, plugins: Mapping[str, str]) -> type[Element]:
    name = node.expected(str, "a kind is a text")
    try:
        return registry().kind(name)
    except UnknownNameError as error:
        if name in plugins:
            raise node.error(f"{error}; it comes from the plugin {plugins[name]!r}, which is not installed here") from error
        raise node.error(f"{error}; there are {', '.join(registry().kinds)}, or a plugin that brings it is missing") from error


def _field(cls: type[Element], name: str, node: Node, context: Context) -> Any:
    if name == "name":
        return node.expected(str, "a name is a text")
    if name == "metadata":
        node.expected(dict, "metadata are an object")
    if name == "tracking_method":
        return None if node.value is None else _method(node)
    if name in cls.schema().trees and node.value is not None:
        return _tree(node, context)
    return setting(node, name) if name in cls.schema().parameters or name in cls.shorthands else data(node)


def _tree(node: Node, context: Context) -> Any:
    """Return an element, or a mapping of names to arrays of the file beside."""
    node.expected(dict, 'this is an object, {"name": {"$tensor": ...}} or {"$element": ...}')
    if ELEMENT in node.value:
        node.only((ELEMENT,), ELEMENT)
        return _element(node[ELEMENT], context, "")
    return {name: tensors.array(child, context.tensors) for name, child in node.members()}


def _method(node: Node) -> TrackingMethod:
    if isinstance(node.value, str):
        return as_method(node.value)
    node.expected(dict, 'a tracking method is a name or an object, {"name": ..., ...}')
    if "name" not in node.value:
        raise node.error("the tracking method does not say its name")
    method = as_method(node["name"].expected(str, "a name is a text"))
    options = {key: data(child) for key, child in node.members() if key != "name"}
    if options and isinstance(method, Named):
        raise node.error(
            f"no tracking method {node.value['name']!r} with options is known; the plugin that brings it may be missing"
        )
    node.only(("name", *method.options), f"the tracking method {node.value['name']!r}")
    with node.blamed():
        return method.with_options(**options)


def _reference(node: Node) -> Reference:
    node.expected(dict, 'a reference is an object, {"species": ..., "p0c": ...}')
    node.only(("species", "p0c", "s", "t"), "a reference")
    if not {"species", "p0c"} <= node.value.keys():
        raise node.error("a reference needs its species and its momentum p0c")
    values = {key: setting(child, key) for key, child in node.members() if key != "species"}
    with node.blamed():
        return Reference(_species(node["species"]), **values)


def _species(node: Node) -> Species:
    keys = ("name", "mass", "charge")
    if isinstance(node.value, str):
        with node.blamed():
            return as_species(node.value)
    node.expected(dict, 'a species is a name or an object, {"name": ..., "mass": ..., "charge": ...}')
    node.only(keys, "a species")
    if set(keys) - node.value.keys():
        raise node.error("a species needs its name, mass and charge")
    for key in ("mass", "charge"):
        if not is_number(node.value[key]):
            raise node[key].error(f"{key} must be a number, not {shortly(node.value[key])}")
    return Species(node["name"].expected(str, "a name is a text"), node.value["mass"], node.value["charge"])
