"""Writes lattices."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from caraval.core.arrays import is_number
from caraval.core.element import Element
from caraval.core.errors import LatticeError, UnknownNameError
from caraval.core.formats import Beside
from caraval.core.lattice import Lattice
from caraval.core.methods import TrackingMethod, as_method
from caraval.core.reference import Reference, Species, as_species
from caraval.core.registry import registry

from .source import dump
from .tensors import Tensors
from .values import plain, plain_setting
from .vocabulary import ELEMENT, TENSORS, VERSION

BUILT_IN = "caraval."
"""Beginning of the names of plugins that are always there."""

WIDTH = 120
"""Of a row of names [characters]."""


def write(lattice: Lattice, path: str | Path, *, beside: Beside | None = None) -> None:
    """Write a lattice; its trees of arrays, such as weights, into a file beside it.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path
    beside : Beside, optional
        Takes the file beside; left out: written at once.

    Raises
    ------
    LatticeError
        If it holds something that no file can hold: values that a trace hides, that are not finite or of a type that is no
        data; or a kind of element that is not registered, so that nobody could read it back.
    """
    files = beside or Beside(Path(path))
    tensors = Tensors()
    Path(path).write_text(text(lattice, tensors, files.path(TENSORS).name), encoding="utf-8", newline="\n")
    if tensors.arrays:
        files.texts[TENSORS] = tensors.packed()
    for place, content in files.files() if beside is None else ():
        place.write_bytes(content if isinstance(content, bytes) else content.encode())


def text(lattice: Lattice, tensors: Tensors | None = None, beside: str = "") -> str:
    """Return what :func:`write` writes.

    Parameters
    ----------
    lattice : Lattice
    tensors : Tensors, optional
        Collects the arrays of trees.
    beside : str
        Name of the file that they will be in.
    """
    tensors = Tensors() if tensors is None else tensors
    definitions, line = _named_once(lattice, tensors)
    plugins = _plugins(lattice)
    reference, beginning = lattice.reference, plain("beginning", dict(lattice.beginning))
    metadata = plain("metadata", dict(lattice.metadata))
    parts = {
        "caraval": dump({"version": VERSION}),
        "name": lattice.name and dump(lattice.name),
        "geometry": dump(lattice.geometry),
        "reference": reference and dump(_plain_reference(reference)),
        "beginning": beginning and dump(beginning),
        "metadata": metadata and dump(metadata),
        "plugins": plugins and dump(plugins),
        "tensors": tensors.arrays and dump(beside),
        "elements": definitions and "{\n  " + ",\n  ".join(f"{dump(k)}: {body}" for k, body in definitions.items()) + "\n}",
        "line": "[\n  " + ",\n  ".join(_rows(line)) + "\n]",
    }
    return "{\n" + ",\n".join(f'"{key}": {part}' for key, part in parts.items() if part) + "\n}\n"


def _named_once(lattice: Lattice, tensors: Tensors) -> tuple[dict[str, str], list[str]]:
    """Return the definitions of the elements that have names, and the line: keys of those, and elements without name."""
    taken = {element.name for element in lattice.elements}
    definitions: dict[str, str] = {}
    keys: dict[tuple[str, str], str] = {}
    items: dict[int, str] = {}
    several: Counter[str] = Counter()
    for element in lattice.elements:
        if id(element) in items:
            continue
        body = _plain_element(element, tensors)
        same = (element.name, dump(body))
        if element.name and same not in keys:
            key = element.name
            while key in definitions or (key != element.name and key in taken):
                several[element.name] += 1
                key = f"{element.name} ({several[element.name] + 1})"
            keys[same] = key
            named = body if key == element.name else {"kind": body.pop("kind"), "name": element.name, **body}
            definitions[key] = dump(named)
        items[id(element)] = dump(keys[same]) if element.name else same[1]
    return definitions, [items[id(element)] for element in lattice.elements]


def _rows(items: Iterable[str]) -> Iterator[str]:
    """Put names together in rows; what is no name has a row for itself."""
    row = ""
    for item in items:
        if row and (item[0] == "{" or row[0] == "{" or len(row) + len(item) + 2 > WIDTH):
            yield row
            row = item
        else:
            row = f"{row}, {item}" if row else item
    yield row


def _plugins(lattice: Lattice) -> dict[str, str]:
    """Return the kinds of elements that plugins brought, and which."""
    known = registry().kinds
    found = {}
    for cls in {type(element) for element in _every(lattice.elements)}:
        entry = known.get(cls.__name__)
        if entry is None or entry.value is not cls:
            raise LatticeError(
                f"the element kind {cls.__name__!r} is not registered, so no file with it could be read back; "
                "register its tracking methods or itself (register_elements)"
            )
        if not entry.plugin.startswith(BUILT_IN):
            found[cls.__name__] = entry.plugin
    return dict(sorted(found.items()))


def _every(elements: Iterable[Element]) -> Iterator[Element]:
    """Yield elements, and those that they hold."""
    for element in elements:
        yield element
        yield from _every(held for held in element.trees.values() if isinstance(held, Element))


def _plain_element(element: Element, tensors: Tensors) -> dict[str, Any]:
    """Return an element's kind and what is not its default, without its name: length first, then what only its kind has."""
    if not isinstance(element.name, str):
        raise LatticeError(f"the name of an element must be a string, not {element.name!r}")
    defaults, common = element.schema().defaults, Element.schema().defaults
    order = ("length", *(n for n in defaults if n not in common), *(n for n in common if n in defaults))
    out: dict[str, Any] = {"kind": element.kind}
    data = element.to_data()
    for name in dict.fromkeys(n for n in order if n != "name"):
        value, default = data[name], defaults[name]
        if value is not default:
            written = _plain_field(element, name, value, tensors)
            if dump(written) != dump(_plain_field(element, name, default, tensors)):
                out[name] = written
    return out


def _plain_field(element: Element, name: str, value: Any, tensors: Tensors) -> Any:
    where = f"{element.label}: {name}"
    if name in element.schema().trees and value is not None:
        if isinstance(value, Element):
            return {ELEMENT: {**({"name": value.name} if value.name else {}), **_plain_element(value, tensors)}}
        return {str(key): tensors.plain(f"{element.name or element.kind}.{key}", array) for key, array in value.items()}
    if name == "tracking_method":
        return None if value is None else _plain_method(where, as_method(value))
    return plain_setting(where, value) if name in element.schema().parameters else plain(where, value)


def _plain_method(where: str, method: TrackingMethod) -> Any:
    """Return a method's name, or its name and the options that are not its defaults."""
    found = as_method(method.name)
    if type(found) is not type(method) or found.name != method.name:
        raise LatticeError(f"{where} {method!r} is not what its name stands for, {found!r}, so no file could be read back")
    given, usual = (plain(where, chosen.options) for chosen in (method, found))
    changed = {name: value for name, value in given.items() if dump(value) != dump(usual[name])}
    return {"name": method.name, **changed} if changed else method.name


def _plain_reference(reference: Reference) -> dict[str, Any]:
    species = reference.species
    known = _known_species(species.name) == species
    out: dict[str, Any] = {
        "species": species.name if known else {"name": species.name, "mass": species.mass, "charge": species.charge}
    }
    for name in ("p0c", "s", "t"):
        value = getattr(reference, name)
        if name == "p0c" or not (is_number(value) and repr(value) == "0.0"):  # there is -0.0, too
            out[name] = plain_setting(f"reference: {name}", value)
    return out


def _known_species(name: str) -> Species | None:
    try:
        return as_species(name)
    except UnknownNameError:
        return None
