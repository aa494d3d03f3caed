"""Files that include and load others (PALS, "Including Other Files Within PALS files")."""

from __future__ import annotations

from pathlib import Path

from caraval.core.errors import LatticeError

from .tree import Node, Place, parsed

FILES = 1000
"""So many files at most may be read for one lattice, and so many may include each other in a row."""

JOINED = ("facility", "notes", "reminders", "authors")
"""Lists under the root that files which are loaded add to."""


class Files:
    """Reads files and what they ask for; paths are relative to the file that has them."""

    def __init__(self) -> None:
        self.count = 0
        self._loaded: set[Path] = set()

    def root(self, path: Path) -> dict[str, Node]:
        """Return what is under ``PALS``, with everything that is included and loaded.

        Raises
        ------
        LatticeError
            If a file makes no sense, is not there or includes itself.
        """
        return self._root(path.resolve(), ())

    def _root(self, path: Path, inside: tuple[Path, ...]) -> dict[str, Node]:
        self._loaded.add(path)
        tree = self._parsed(path)
        if not isinstance(tree.value, dict) or "PALS" not in tree.value:
            raise tree.place.error("this is no PALS file of its own: it has no PALS node")
        root = self._included(tree.value["PALS"], (*inside, path)).mapping("what is under PALS")
        own = {key: node for key, node in root.items() if key != "load"}
        if "load" not in root:
            return own
        merged: dict[str, Node] = {}
        order = root["load"].items("load")
        if not any(node.value == "SELF" for node in order):
            order = [*order, Node("SELF", root["load"].place)]
        for node in order:
            if node.value == "SELF":
                _join(merged, own)
                continue
            other = self._path(node, path)
            if other in inside or other == path:
                raise node.place.error(f"{node.value} loads itself")
            if other not in self._loaded:
                _join(merged, self._root(other, (*inside, path)))
        return merged

    def _parsed(self, path: Path) -> Node:
        self.count += 1
        if self.count > FILES:
            raise LatticeError(f"more than {FILES} files are included", file=str(path))
        return parsed(path)

    def _path(self, node: Node, file: Path) -> Path:
        path = (file.parent / node.text("the name of a file")).resolve()
        if not path.is_file():
            raise node.place.error(f"there is no file {node.value}")
        return path

    def _included(self, node: Node, inside: tuple[Path, ...]) -> Node:
        """Return a node with the contents of files in place of every ``include``."""
        if isinstance(node.value, list):
            return Node([item for child in node.value for item in self._items(child, inside)], node.place)
        if not isinstance(node.value, dict):
            return node
        found = {key: self._included(child, inside) for key, child in node.value.items() if key != "include"}
        if "include" in node.value:
            other = self._contents(node.value["include"], inside)
            for key, child in other.mapping("what is included into a mapping").items():
                found.setdefault(key, child)
        return Node(found, node.place)

    def _items(self, child: Node, inside: tuple[Path, ...]) -> list[Node]:
        if isinstance(child.value, dict) and set(child.value) == {"include"}:
            other = self._contents(child.value["include"], inside)
            return other.value if isinstance(other.value, list) else [other]
        return [self._included(child, inside)]

    def _contents(self, node: Node, inside: tuple[Path, ...]) -> Node:
        path = self._path(node, inside[-1])
        if path in inside:
            raise node.place.error(f"{node.value} includes itself")
        return self._included(self._parsed(path), (*inside, path))


def _join(merged: dict[str, Node], other: dict[str, Node]) -> None:
    """Add what another file has: lists one after the other, labels side by side."""
    for key, node in other.items():
        known = merged.get(key)
        if known is None or known.value is None:
            merged[key] = node
        elif key in JOINED:
            merged[key] = Node([*known.items(key), *node.items(key)], known.place)
        elif isinstance(known.value, dict) and isinstance(node.value, dict):
            both = Node(dict(known.value), known.place)
            _join(both.value, node.value)
            merged[key] = both
        elif node.value is not None and node.plain() != known.plain():
            if key == "version":
                raise node.place.error(f"version {node.value}, and another file has version {known.value}")
            merged[key] = node


def place_of(path: Path) -> Place:
    """Return the beginning of a file."""
    return Place(str(path), 1, 1)
