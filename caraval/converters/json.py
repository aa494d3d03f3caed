"""Caraval's own lattice files: JSON that says everything about a lattice, for people to read as well.

::

    {
    "caraval": {"version": 1},
    "name": "fodo",
    "geometry": "closed",
    "reference": {"species": "electron", "p0c": 100000000.0},
    "elements": {
      "qf": {"kind": "Quadrupole", "length": 0.2, "k1": 1.3, "tracking_method": {"name": "kick_drift_kick", "order": 4}},
      "qd": {"kind": "Quadrupole", "length": 0.2, "k1": -1.3},
      "qd (2)": {"kind": "Quadrupole", "name": "qd", "length": 0.2, "k1": -1.4},
      "d": {"kind": "Drift", "length": 0.5}
    },
    "line": [
      "qf", "d", "qd", "d", "qf", "d", "qd (2)",
      {"kind": "Drift", "length": 0.25}
    ]
    }

``elements`` defines every named element once, under its name; of several that share a name and differ, the others are under
names that are free and have their own as ``"name"``. ``line`` names them in order; elements without name stand there
themselves. What is not said has its default.

Numbers are plain, and exact to the last bit. Settings that are arrays are lists (NumPy, float64) or say what they are:
``{"$array": [1.0, 2.0], "dtype": "float32", "backend": "torch"}``. They come back as arrays of the same library and precision,
on its default device and without a tape of derivatives. Elsewhere (metadata, options of plugins) ``$tuple`` marks a tuple, and
``$mapping`` a list of pairs of a mapping whose keys are not all plain strings.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number, library
from caraval.core.element import Element
from caraval.core.errors import CaravalError, LatticeError, UnknownNameError, suggest
from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl
from caraval.core.lattice import Lattice
from caraval.core.methods import Named, TrackingMethod, as_method
from caraval.core.reference import Reference, Species, as_species
from caraval.core.registry import backend_of, registry

FORMAT = "json"
SUFFIXES = (".json",)
VERSION = 1
KEYS = ("caraval", "name", "geometry", "reference", "beginning", "metadata", "plugins", "elements", "line")

ARRAY, TUPLE, MAPPING = "$array", "$tuple", "$mapping"
TAGS = frozenset((ARRAY, TUPLE, MAPPING))
DTYPES = {"float64": (int, float), "float32": (int, float), "int64": (int,), "int32": (int,), "bool": (bool,)}
"""Precisions of arrays, and what may stand in their lists."""

BUILT_IN = "caraval."
"""Beginning of the names of plugins that are always there."""

WIDTH = 120
"""Of a row of names [characters]."""

LISTED = 12
"""So many names at most are listed in an error."""


# -------------------------------------------------------------------- writing


def write(lattice: Lattice, path: str | Path) -> None:
    """Write a lattice.

    Parameters
    ----------
    lattice : Lattice
    path : str or Path

    Raises
    ------
    LatticeError
        If it holds something that no file can hold: values that a trace hides, that are not finite or of a type that is no
        data; or a kind of element that is not registered, so that nobody could read it back.
    """
    Path(path).write_text(text(lattice), encoding="utf-8", newline="\n")


def text(lattice: Lattice) -> str:
    """Return what :func:`write` writes."""
    definitions, line = _named_once(lattice)
    plugins = _plugins(lattice)
    reference, beginning = lattice.reference, _plain("beginning", dict(lattice.beginning))
    metadata = _plain("metadata", dict(lattice.metadata))
    parts = {
        "caraval": _dump({"version": VERSION}),
        "name": lattice.name and _dump(lattice.name),
        "geometry": _dump(lattice.geometry),
        "reference": reference and _dump(_plain_reference(reference)),
        "beginning": beginning and _dump(beginning),
        "metadata": metadata and _dump(metadata),
        "plugins": plugins and _dump(plugins),
        "elements": definitions and "{\n  " + ",\n  ".join(f"{_dump(k)}: {body}" for k, body in definitions.items()) + "\n}",
        "line": "[\n  " + ",\n  ".join(_rows(line)) + "\n]",
    }
    return "{\n" + ",\n".join(f'"{key}": {part}' for key, part in parts.items() if part) + "\n}\n"


def _named_once(lattice: Lattice) -> tuple[dict[str, str], list[str]]:
    """Return the definitions of the elements that have names, and the line: keys of those, and elements without name."""
    taken = {element.name for element in lattice.elements}
    definitions: dict[str, str] = {}
    keys: dict[tuple[str, str], str] = {}
    items: dict[int, str] = {}
    several: Counter[str] = Counter()
    for element in lattice.elements:
        if id(element) in items:
            continue
        body = _plain_element(element)
        same = (element.name, _dump(body))
        if element.name and same not in keys:
            key = element.name
            while key in definitions or (key != element.name and key in taken):
                several[element.name] += 1
                key = f"{element.name} ({several[element.name] + 1})"
            keys[same] = key
            named = body if key == element.name else {"kind": body.pop("kind"), "name": element.name, **body}
            definitions[key] = _dump(named)
        items[id(element)] = _dump(keys[same]) if element.name else same[1]
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
    for cls in {type(element) for element in lattice.elements}:
        entry = known.get(cls.__name__)
        if entry is None or entry.value is not cls:
            raise LatticeError(
                f"the element kind {cls.__name__!r} is not registered, so no file with it could be read back; "
                "register its tracking methods or itself (register_elements)"
            )
        if not entry.plugin.startswith(BUILT_IN):
            found[cls.__name__] = entry.plugin
    return dict(sorted(found.items()))


def _plain_element(element: Element) -> dict[str, Any]:
    """Return an element's kind and what is not its default, without its name: length first, then what only its kind has."""
    if not isinstance(element.name, str):
        raise LatticeError(f"the name of an element must be a string, not {element.name!r}")
    defaults, common = element.schema().defaults, Element.schema().defaults
    order = ("length", *(n for n in defaults if n not in common), *(n for n in common if n in defaults))
    out: dict[str, Any] = {"kind": element.kind}
    for name in dict.fromkeys(n for n in order if n != "name"):
        value, default = element.__dict__[name], defaults[name]
        if value is not default:
            plain = _plain_field(element, name, value)
            if _dump(plain) != _dump(_plain_field(element, name, default)):
                out[name] = plain
    return out


def _plain_field(element: Element, name: str, value: Any) -> Any:
    where = f"{element.label}: {name}"
    if name == "tracking_method":
        return None if value is None else _plain_method(where, as_method(value))
    return _plain_setting(where, value) if name in element.schema().parameters else _plain(where, value)


def _plain_method(where: str, method: TrackingMethod) -> Any:
    """Return a method's name, or its name and the options that are not its defaults."""
    found = as_method(method.name)
    if type(found) is not type(method) or found.name != method.name:
        raise LatticeError(f"{where} {method!r} is not what its name stands for, {found!r}, so no file could be read back")
    given, usual = (_plain(where, chosen.options) for chosen in (method, found))
    changed = {name: value for name, value in given.items() if _dump(value) != _dump(usual[name])}
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
            out[name] = _plain_setting(f"reference: {name}", value)
    return out


def _known_species(name: str) -> Species | None:
    try:
        return as_species(name)
    except UnknownNameError:
        return None


def _plain_setting(where: str, value: Any) -> Any:
    """Return a parameter as JSON has it: NumPy's arrays as lists."""
    plain = _plain(where, value)
    if isinstance(plain, dict) and plain.get("backend") == "numpy" and plain["dtype"] == "float64" and "shape" not in plain:
        return plain[ARRAY] if isinstance(plain[ARRAY], list) else plain
    return plain


def _plain(where: str, value: Any) -> Any:
    """Return any data as JSON has it."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float):
        return _finite(where, value)
    if value is None or type(value) in (bool, int, str):
        return value
    if type(value) in (list, tuple):
        items = [_plain(where, item) for item in value]
        return items if type(value) is list else {TUPLE: items}
    if isinstance(value, Mapping):
        if all(type(key) is str for key in value) and not TAGS & value.keys():
            return {key: _plain(f"{where}: {key}", item) for key, item in value.items()}
        return {MAPPING: [[_plain(where, key), _plain(where, item)] for key, item in value.items()]}
    if hasattr(value, "shape") and hasattr(value, "dtype"):
        return _plain_array(where, value)
    raise LatticeError(
        f"{where}: a {type(value).__name__} cannot be written; only numbers, texts, arrays, lists and mappings can"
    )


def _finite(where: str, value: float) -> float:
    if not isfinite(value):
        raise LatticeError(f"{where} must be finite, not {value}")
    return float(value)


def _plain_array(where: str, array: Any) -> dict[str, Any]:
    values = backend_of(array).value(array)
    if values is None:
        raise LatticeError(f"{where} cannot be written: a trace hides its values")
    dtype = values.dtype.name
    if dtype not in DTYPES:
        raise LatticeError(f"{where} cannot be written: an array of {dtype} is none of {', '.join(DTYPES)}")
    if not np.isfinite(values).all():
        raise LatticeError(f"{where} must be finite; {np.count_nonzero(~np.isfinite(values))} of its values are not")
    shape = {} if values.size else {"shape": list(values.shape)}
    return {ARRAY: values.tolist(), **shape, "dtype": dtype, "backend": library(array)}


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)


# -------------------------------------------------------------------- values, and where they are in a file


class Source(NamedTuple):
    """A file's name and its text."""

    file: str
    text: str

    def error(self, at: int, message: str) -> LatticeError:
        """Return an error that names the line and the column of a place in the text."""
        line = self.text.count("\n", 0, at) + 1
        return LatticeError(message, file=self.file, line=line, column=at - self.text.rfind("\n", 0, at))


@dataclass(frozen=True, slots=True)
class Node:
    """A value, and the way to it: keys and indices."""

    value: Any
    source: Source
    path: tuple[str | int, ...] = ()

    def __getitem__(self, key: str | int) -> Node:
        """Return the value under a key or an index."""
        return Node(self.value[key], self.source, (*self.path, key))

    def members(self) -> Iterator[tuple[str, Node]]:
        """Yield what an object has."""
        return ((key, self[key]) for key in self.value)

    def items(self) -> Iterator[Node]:
        """Yield what a list has."""
        return (self[i] for i in range(len(self.value)))

    def error(self, message: str) -> LatticeError:
        """Return an error that names the place of the value."""
        return self.source.error(_offset(self.source.text, self.path), message)

    def expected(self, kind: type, what: str) -> Any:
        """Return the value, if it is of a kind."""
        if not isinstance(self.value, kind):
            raise self.error(f"{what}, not {_shortly(self.value)}")
        return self.value

    def only(self, keys: Iterable[str], what: str) -> None:
        """Refuse keys that mean nothing here."""
        known = list(keys)
        for key in self.value:
            if key not in known:
                listed = f"; there are {', '.join(known)}" if len(known) <= LISTED else ""
                raise self[key].error(f"{what} has no {key!r}{suggest(key, known)}{listed}")


class _FaultError(ValueError):
    """Something that JSON's syntax allows, and lattices do not."""


_decoder = json.JSONDecoder()
_space = re.compile(r"[ \t\n\r]*")


def _shortly(value: Any) -> str:
    shown = _dump(value) if value is None or isinstance(value, (bool, int, float, str)) else f"a {type(value).__name__}"
    return shown if len(shown) <= 40 else shown[:37] + "..."


def _parsed(path: Path) -> Node:
    """Return the whole file."""
    raw = path.read_bytes()
    try:
        source = Source(str(path), raw.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise LatticeError("this is no text in UTF-8", file=str(path), line=line) from None
    try:
        value = json.loads(source.text, object_pairs_hook=_once, parse_float=_number, parse_constant=_number)
    except _FaultError:
        raise source.error(*_fault(source.text, _skipped(source.text, 0))) from None
    except json.JSONDecodeError as error:
        raise LatticeError(f"this is no JSON: {error.msg}", file=str(path), line=error.lineno, column=error.colno) from None
    except (RecursionError, ValueError) as error:  # nested too deeply, or whole numbers of thousands of digits
        raise LatticeError(f"this cannot be read: {error}", file=str(path)) from None
    return Node(value, source)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _FaultError
    return found


def _number(written: str) -> float:
    number = float(written)
    if not isfinite(number):
        raise _FaultError
    return number


def _fault(text: str, start: int) -> tuple[int, str]:
    """Return the place of the first key that is there twice, or number that is not finite, and what to say of it; -1: none."""
    if text[start] == "{":
        seen = set()
        for key, at, value in _members(text, start):
            if key in seen:
                return at, f"{key!r} is there twice"
            seen.add(key)
            found = _fault(text, value)
            if found[0] >= 0:
                return found
    elif text[start] == "[":
        for at in _items(text, start):
            found = _fault(text, at)
            if found[0] >= 0:
                return found
    else:
        value, _ = _decoder.raw_decode(text, start)
        if isinstance(value, float) and not isfinite(value):
            return start, "numbers must be finite"
    return -1, ""


def _offset(text: str, path: Iterable[str | int]) -> int:
    """Return where something is in a text that is JSON: its key, if it has one."""
    place = start = _skipped(text, 0)
    for step in path:
        if isinstance(step, str):
            place, start = next((at, value) for key, at, value in _members(text, start) if key == step)
        else:
            place = start = next(at for i, at in enumerate(_items(text, start)) if i == step)
    return place


def _members(text: str, start: int) -> Iterator[tuple[str, int, int]]:
    """Yield the keys of an object, and where each key and each value begins."""
    at = _skipped(text, start + 1)
    while text[at] == '"':
        key, end = _decoder.raw_decode(text, at)
        value = _skipped(text, _skipped(text, end) + 1)
        yield key, at, value
        at = _after(text, value)


def _items(text: str, start: int) -> Iterator[int]:
    """Yield where the items of a list begin."""
    at = _skipped(text, start + 1)
    while text[at] not in "]}":
        yield at
        at = _after(text, at)


def _after(text: str, start: int) -> int:
    """Return where the next item begins after the value at `start`, or the list or object ends."""
    at = _skipped(text, _decoder.raw_decode(text, start)[1])
    return _skipped(text, at + 1) if text[at] == "," else at


def _skipped(text: str, at: int) -> int:
    return _space.match(text, at).end()  # type: ignore[union-attr]


# -------------------------------------------------------------------- reading


def recognises(head: str) -> bool:
    """Whether a file says that it is Caraval's."""
    return re.search(r'"caraval"\s*:\s*\{', head) is not None


def read(path: str | Path, *, line: str | None = None, branch: str | int | None = None) -> Lattice:
    """Read a lattice.

    Parameters
    ----------
    path : str or Path
    line, branch : str, optional
        Such a file has one, of the lattice's name (which is branch 0, too).

    Raises
    ------
    LatticeError
        If the file makes no sense, with line and column.
    """
    root = _parsed(Path(path))
    root.expected(dict, "a lattice is a JSON object")
    if "caraval" not in root.value:
        raise root.error('this is no lattice of Caraval: it does not say {"caraval": {"version": ...}}')
    _check_version(root["caraval"])
    root.only(KEYS, "a lattice file")
    name = root["name"].expected(str, "a name is a text") if "name" in root.value else ""
    for wanted in (line, branch):
        if wanted not in (None, name, 0):
            raise LatticeError(f"there is no {wanted!r} in this file, only the one line {name!r}", file=str(path))
    return _lattice(root, name)


def _check_version(header: Node) -> None:
    header.expected(dict, 'the header is {"version": ...}')
    header.only(("version",), "the header")
    version = header.value.get("version")
    if version != VERSION or isinstance(version, bool):
        raise header.error(f"this Caraval reads version {VERSION} of its files, and this one is {_shortly(version)}")


def _lattice(root: Node, name: str) -> Lattice:
    plugins = _mapping(root, "plugins")
    definitions: dict[str, Element] = {}
    if "elements" in root.value:
        root["elements"].expected(dict, "elements are defined by an object, {name: {...}}")
        definitions = {key: _element(node, plugins, key) for key, node in root["elements"].members()}
    if "line" not in root.value:
        raise root.error("the lattice has no 'line', which names its elements in order")
    root["line"].expected(list, "a line is a list")
    elements = [_item(node, plugins, definitions) for node in root["line"].items()]
    if not elements:
        raise root["line"].error("a lattice needs at least one element")
    geometry = root.value.get("geometry", "open")
    if geometry not in ("open", "closed"):
        raise root["geometry"].error(f'geometry is "open" or "closed", not {_shortly(geometry)}')
    reference = _reference(root["reference"]) if "reference" in root.value else None
    kept = {key: _mapping(root, key) for key in ("beginning", "metadata")}
    return Lattice(elements, reference=reference, geometry=geometry, name=name, **kept)


def _mapping(parent: Node, key: str) -> Any:
    """Return an object that may be left out."""
    if key not in parent.value:
        return {}
    parent[key].expected(dict, f"{key!r} is an object")
    return _data(parent[key])


def _item(node: Node, plugins: Mapping[str, str], definitions: Mapping[str, Element]) -> Element:
    """Return an element of the line, by its key or by itself."""
    if isinstance(node.value, str):
        if node.value not in definitions:
            raise node.error(f"no element {node.value!r} is defined{suggest(node.value, definitions)}")
        return definitions[node.value]
    return _element(node, plugins, "")


def _element(node: Node, plugins: Mapping[str, str], name: str) -> Element:
    node.expected(dict, 'an element is an object, {"kind": ..., ...}')
    if "kind" not in node.value:
        raise node.error(f"the element {name!r} does not say its kind")
    cls = _kind(node["kind"], plugins)
    node.only(("kind", *cls.schema().defaults, *cls.shorthands), cls.__name__)
    values = {key: _field(cls, key, child) for key, child in node.members() if key != "kind"}
    try:
        return cls(**{"name": name, **values})
    except CaravalError as error:
        raise node.error(str(error)) from error


def _kind(node: Node, plugins: Mapping[str, str]) -> type[Element]:
    name = node.expected(str, "a kind is a text")
    try:
        return registry().kind(name)
    except UnknownNameError as error:
        if name in plugins:
            raise node.error(f"{error}; it comes from the plugin {plugins[name]!r}, which is not installed here") from error
        raise node.error(f"{error}; there are {', '.join(registry().kinds)}, or a plugin that brings it is missing") from error


def _field(cls: type[Element], name: str, node: Node) -> Any:
    if name == "name":
        return node.expected(str, "a name is a text")
    if name == "metadata":
        node.expected(dict, "metadata are an object")
    if name == "tracking_method":
        return None if node.value is None else _method(node)
    return _setting(node, name) if name in cls.schema().parameters or name in cls.shorthands else _data(node)


def _method(node: Node) -> TrackingMethod:
    if isinstance(node.value, str):
        return as_method(node.value)
    node.expected(dict, 'a tracking method is a name or an object, {"name": ..., ...}')
    if "name" not in node.value:
        raise node.error("the tracking method does not say its name")
    method = as_method(node["name"].expected(str, "a name is a text"))
    options = {key: _data(child) for key, child in node.members() if key != "name"}
    if options and isinstance(method, Named):
        raise node.error(
            f"no tracking method {node.value['name']!r} with options is known; the plugin that brings it may be missing"
        )
    node.only(("name", *method.options), f"the tracking method {node.value['name']!r}")
    try:
        return method.with_options(**options)
    except CaravalError as error:
        raise node.error(str(error)) from error


def _reference(node: Node) -> Reference:
    node.expected(dict, 'a reference is an object, {"species": ..., "p0c": ...}')
    node.only(("species", "p0c", "s", "t"), "a reference")
    if not {"species", "p0c"} <= node.value.keys():
        raise node.error("a reference needs its species and its momentum p0c")
    values = {key: _setting(child, key) for key, child in node.members() if key != "species"}
    try:
        return Reference(_species(node["species"]), **values)
    except CaravalError as error:
        raise (error if isinstance(error, LatticeError) else node.error(str(error))) from error


def _species(node: Node) -> Species:
    keys = ("name", "mass", "charge")
    if isinstance(node.value, str):
        try:
            return as_species(node.value)
        except UnknownNameError as error:
            raise node.error(str(error)) from error
    node.expected(dict, 'a species is a name or an object, {"name": ..., "mass": ..., "charge": ...}')
    node.only(keys, "a species")
    if set(keys) - node.value.keys():
        raise node.error("a species needs its name, mass and charge")
    for key in ("mass", "charge"):
        if not is_number(node.value[key]):
            raise node[key].error(f"{key} must be a number, not {_shortly(node.value[key])}")
    return Species(node["name"].expected(str, "a name is a text"), node.value["mass"], node.value["charge"])


def _setting(node: Node, name: str) -> Any:
    """Return a number or an array."""
    value = node.value
    if isinstance(value, dict) and ARRAY in value:
        return _array(node)
    if isinstance(value, list):
        return _values(node, value, "float64")
    if not (value is None or is_number(value)):
        raise node.error(f"{name} must be a number or an array, not {_shortly(value)}")
    try:
        return None if value is None else float(value)
    except OverflowError:
        raise node.error(f"{name} must be finite, not {_shortly(value)}") from None


def _data(node: Node) -> Any:
    """Return any data."""
    if isinstance(node.value, list):
        return [_data(item) for item in node.items()]
    if not isinstance(node.value, dict):
        return node.value
    if ARRAY in node.value:
        return _array(node)
    tag = next((tag for tag in (TUPLE, MAPPING) if tag in node.value), None)
    if tag is None:
        return {key: _data(child) for key, child in node.members()}
    node.only((tag,), tag)
    node[tag].expected(list, f"{tag} is a list")
    items = [_data(item) for item in node[tag].items()]
    if tag == TUPLE:
        return tuple(items)
    try:
        return dict(map(_pair, items))
    except TypeError:
        raise node.error(f"{MAPPING} is a list of pairs [key, value], whose keys may be keys") from None


def _pair(item: Any) -> Any:
    if not (isinstance(item, list) and len(item) == 2):
        raise TypeError
    return item


def _array(node: Node) -> Any:
    """Return an array of the library and precision that it had."""
    node.only((ARRAY, "shape", "dtype", "backend"), "an array")
    dtype, backend = (node.value.get(key, default) for key, default in (("dtype", "float64"), ("backend", "numpy")))
    if dtype not in DTYPES:
        raise node["dtype"].error(f"dtype must be one of {', '.join(DTYPES)}, not {_shortly(dtype)}")
    values = _values(node[ARRAY], node.value[ARRAY], dtype)
    try:
        values = values.reshape(node.value.get("shape", values.shape))
        if backend == "numpy":
            return values
        target = registry().backend(backend)
        return target.asarray(values, dtype=target.dtype(dtype) if values.dtype.kind == "f" else None)
    except (CaravalError, TypeError, ValueError) as error:
        raise node.error(str(error)) from error


def _values(node: Node, value: Any, dtype: str) -> np.ndarray[Any, np.dtype[Any]]:
    """Return numbers in nested lists as an array of NumPy."""
    if any(type(leaf) not in DTYPES[dtype] for leaf in _leaves(value)):
        raise node.error(f"an array of {dtype} must hold nothing else")
    try:
        with np.errstate(over="ignore"):
            values = np.array(value, dtype=dtype)
    except (ValueError, OverflowError) as error:
        raise node.error(f"this is no array of {dtype}: {error}") from None
    if not np.isfinite(values).all():
        raise node.error(f"there are values that {dtype} cannot hold")
    return values


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


@hookimpl
def register_readers() -> tuple[Reader]:
    """Caraval's own files."""
    return (Reader(FORMAT, SUFFIXES, read, recognises),)


@hookimpl
def register_writers() -> tuple[Writer]:
    """Caraval's own files."""
    return (Writer(FORMAT, SUFFIXES, write),)
