"""From where elements lie to elements in a row: slaves, and their names (Bmad manual, "Superposition Fundamentals")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from .definitions import Element, Part, Slave
from .pieces import Piece, Whole
from .sharing import main
from .track import Track

SOLENOIDS = ("solenoid", "sol_quad")
FIELDS = ("ks", "bs_field")

LONGEST = 40
"""How many letters a name has at most (Bmad manual, "Lattice Element Names")."""


def elements(track: Track) -> list[Element]:
    """Return the elements of a branch, in order, without those that are none."""
    names, pieces = _names(track), track.pieces
    for i, piece in enumerate(pieces[1:-1], 1):
        if piece.keyword == "beambeam":
            _immerse(piece.wholes[0], pieces[i - 1], pieces[i + 1])
    return [_element(piece, names.get(id(piece))) for piece in pieces[1:] if piece.keyword != "null_ele"]


def _immerse(beam: Whole, before: Piece, after: Piece) -> None:
    """Give a `beambeam` the field of the solenoid that it lies in."""
    around = next((whole for whole in after.wholes if whole in before.wholes and whole.element.keyword in SOLENOIDS), None)
    if around is not None:
        own = {name: setting for name, setting in beam.element.settings.items() if name not in FIELDS}
        field = {name: setting for name, setting in around.element.settings.items() if name in FIELDS}
        beam.element = replace(beam.element, settings={**own, **field})


def _element(piece: Piece, name: str | None) -> Element:
    whole = piece.wholes[0]
    if name is None:
        return whole.element
    parts = tuple(_part(whole, piece) for whole in piece.wholes)
    first = main(piece.keyword, [part.element for part in parts])
    length = piece.end - piece.start
    return Slave(name, piece.keyword, first.place, first.settings, first.reversed, parts=parts, length=length)


def _part(whole: Whole, piece: Piece) -> Part:
    """Return what of an element lies in a piece; the last has its end, whatever the lengths of the others add up to."""
    start = 0.0
    for other in whole.pieces:
        if other is piece:
            break
        start += other.end - other.start
    end = whole.length if piece is whole.pieces[-1] else start + piece.end - piece.start
    return Part(whole.element, start, end)


def _names(track: Track) -> dict[int, str]:
    """Return the names of the slaves: of all elements that share a piece, and a number where that is not unique."""
    found: dict[int, str] = {}
    seen: set[Whole] = set()
    for lord in track.lords:
        waiting = [lord]
        while waiting:
            lord = waiting.pop()
            if lord in seen:
                continue
            seen.add(lord)
            found.update(_names_of(lord, found))
            others = [other for piece in lord.pieces for other in piece.wholes]
            waiting += reversed(others)
    return found


def _names_of(lord: Whole, found: dict[int, str]) -> dict[int, str]:
    """Return the names of those slaves of an element that have none yet."""
    pieces = [piece for piece in lord.pieces if id(piece) not in found]
    bare = {id(piece): _joined([whole.element for whole in piece.wholes])[:LONGEST] for piece in pieces}
    total, number = Counter(bare.values()), Counter[str]()
    for piece in reversed(pieces) if lord.element.reversed else pieces:
        name = bare[id(piece)]
        if len(piece.wholes) == 1 or total[name] > 1:
            number[name] += 1
            bare[id(piece)] = f"{name[: LONGEST - 2]}#{number[name]}"
    return bare


def _joined(elements: Sequence[Element]) -> str:
    r"""Return the names of elements that share a piece, ``a\b``; of those that are passed once, ``a\b\1`` (as Bmad does)."""
    once = [element.lord is not None and len(element.lord.passes) == 1 for element in elements]
    names = [
        element.name.removesuffix("\\1") if is_once else element.name for element, is_once in zip(elements, once, strict=True)
    ]
    return "\\".join(names) + ("\\1" if once[-1] else "")
