"""YAML as a tree that knows where everything stands, made from the parser's events: nothing is executed or constructed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from caraval.core.errors import LatticeError
from caraval.core.libraries import needed

YAML = ("PALS files need PyYAML", "caraval[pals]")

DEEPEST = 100
"""So deep at most may mappings and lists be inside each other."""

MOST = 20_000_000
"""So many values at most may a file have, those that aliases repeat included."""

NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?", re.ASCII)
WORDS: dict[str, Any] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL"), None),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
    **dict.fromkeys((".inf", ".Inf", "Inf", "inf"), float("inf")),
    **dict.fromkeys(("-.inf", "-.Inf", "-Inf", "-inf"), float("-inf")),
}
"""Words that are no texts (YAML 1.2, "Core Schema"; and ``Inf``, as the standard has it)."""


class Place(NamedTuple):
    """A position in a named file; line and column from one."""

    file: str
    line: int
    column: int

    def error(self, message: str) -> LatticeError:
        """Return the error that says what is wrong here."""
        return LatticeError(message, file=self.file, line=self.line, column=self.column)


@dataclass(slots=True)
class Node:
    """A value: None, a truth value, a number, a text, a list of nodes, or a dictionary of nodes."""

    value: Any
    place: Place

    def mapping(self, what: str) -> dict[str, Node]:
        """Return the entries of a mapping; nothing at all is an empty one."""
        if self.value is None:
            return {}
        if not isinstance(self.value, dict):
            raise self.place.error(f"{what} is a mapping, not {self.shown}")
        return self.value

    def items(self, what: str) -> list[Node]:
        """Return the items of a list; nothing at all is an empty one."""
        if self.value is None:
            return []
        if not isinstance(self.value, list):
            raise self.place.error(f"{what} is a list, not {self.shown}")
        return self.value

    def text(self, what: str) -> str:
        """Return a text."""
        if not isinstance(self.value, str):
            raise self.place.error(f"{what} is a text, not {self.shown}")
        return self.value

    def number(self, what: str) -> float:
        """Return a number."""
        if isinstance(self.value, bool) or not isinstance(self.value, (int, float)):
            raise self.place.error(f"{what} is a number, not {self.shown}")
        return self.value

    @property
    def shown(self) -> str:
        """What the value is, for messages."""
        kinds = {dict: "a mapping", list: "a list", type(None): "nothing"}
        return kinds.get(type(self.value)) or repr(self.value)[:40]

    def plain(self) -> Any:
        """Return the value without places."""
        if isinstance(self.value, dict):
            return {key: node.plain() for key, node in self.value.items()}
        return [node.plain() for node in self.value] if isinstance(self.value, list) else self.value


def parsed(path: Path) -> Node:
    """Return a file as a tree.

    Raises
    ------
    BackendError
        If PyYAML is not installed.
    LatticeError
        If it is no YAML, or too deep or too large.
    """
    yaml = needed("yaml", *YAML)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise LatticeError("this is no text in UTF-8", file=str(path)) from None
    except OSError as error:
        raise LatticeError(f"this cannot be read: {error.strerror}", file=str(path)) from None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    builder = _Builder(str(path))
    try:
        return builder.built(iter(yaml.parse(text, Loader=loader)))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(str(path), mark.line + 1, mark.column + 1) if mark else Place(str(path), 1, 1)
        raise place.error(f"this is no YAML: {error.problem or error.context}") from None
    except yaml.YAMLError as error:
        raise LatticeError(f"this is no YAML: {error}", file=str(path)) from None


class _Open(NamedTuple):
    """A mapping or a list that goes on: its anchor, and the key whose value comes next."""

    node: Node
    anchor: str | None
    key: str | None = None


class _Builder:
    """Puts events together."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.anchors: dict[str, Node] = {}
        self.open: list[_Open] = []
        self.sizes: dict[int, tuple[int, int]] = {}
        self.count = 0

    def built(self, events: Iterator[Any]) -> Node:
        """Return the first document."""
        for event in events:
            kind = type(event).__name__
            if kind in ("MappingStartEvent", "SequenceStartEvent"):
                self._opened(Node({} if kind == "MappingStartEvent" else [], self._place(event)), event.anchor)
                continue
            if kind in ("MappingEndEvent", "SequenceEndEvent"):
                node, anchor, _ = self.open.pop()
                self._measured(node)
            elif kind == "ScalarEvent":
                is_plain = event.implicit[0] and event.style in (None, "")
                node, anchor = Node(_scalar(event.value) if is_plain else event.value, self._place(event)), event.anchor
            elif kind == "AliasEvent":
                node, anchor = self._aliased(event), None
            else:
                continue
            if anchor:
                self.anchors[anchor] = node
            if not self.open:
                return node
            self._entered(node)
        return Node(None, Place(self.file, 1, 1))

    def _place(self, event: Any) -> Place:
        place = Place(self.file, event.start_mark.line + 1, event.start_mark.column + 1)
        self._counted(1, place)
        return place

    def _counted(self, number: int, place: Place) -> None:
        self.count += number
        if self.count > MOST:
            raise place.error(f"there are more than {MOST} values")

    def _opened(self, node: Node, anchor: str | None) -> None:
        if len(self.open) == DEEPEST:
            raise node.place.error(f"there are more than {DEEPEST} mappings and lists inside each other")
        self.open.append(_Open(node, anchor))

    def _measured(self, node: Node) -> None:
        """Remember how many values there are in a node, and how deep: an alias could repeat it."""
        children = list(node.value.values()) if isinstance(node.value, dict) else node.value
        found = [self.sizes.get(id(child), (1, 1)) for child in children]
        size, depth = 1 + sum(of[0] for of in found), 1 + max((of[1] for of in found), default=0)
        if depth > DEEPEST:
            raise node.place.error(f"there are more than {DEEPEST} mappings and lists inside each other")
        self.sizes[id(node)] = (size, depth)

    def _aliased(self, event: Any) -> Node:
        place = self._place(event)
        if event.anchor not in self.anchors:
            raise place.error(f"there is no anchor {event.anchor!r} before")
        found = self.anchors[event.anchor]
        self._counted(self.sizes.get(id(found), (1, 1))[0], place)
        return found

    def _entered(self, node: Node) -> None:
        """Put a node into what is open."""
        parent, anchor, key = self.open[-1]
        if isinstance(parent.value, list):
            parent.value.append(node)
        elif key is not None:
            parent.value[key] = node
            self.open[-1] = _Open(parent, anchor)
        else:
            if isinstance(node.value, (dict, list)):
                raise node.place.error("a key is a name")
            name = "" if node.value is None else str(node.value).lower() if isinstance(node.value, bool) else str(node.value)
            if name in parent.value:
                raise node.place.error(f"{name!r} is there twice")
            self.open[-1] = _Open(parent, anchor, name)


def _scalar(written: str) -> Any:
    """Return what a text without quotes is."""
    if written in WORDS:
        return WORDS[written]
    if NUMBER.fullmatch(written):
        return float(written) if any(letter in written for letter in ".eE") or len(written) > 15 else int(written)
    return written
