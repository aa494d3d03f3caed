"""Cuts the elements of a sequence into slices (MAD-X manual, "Slicing a sequence into thin lenses")."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from . import expansion, unrolling
from .definitions import Element, Member, Quantity, Sequence
from .lengths import element_of, length_of, value_of
from .names import Names
from .positions import Positions
from .selection import Criteria, Selection
from .slices import STYLES, Cut, Slice
from .source import Place, Source
from .syntax import Given

if TYPE_CHECKING:
    from .interpreter import Interpreter

_TRANSLATED = ("elseparator", "octupole", "quadrupole", "rbend", "sbend", "sextupole", "solenoid")
"""Classes whose thin slices are of another kind; slices of the others are of the same."""

_SLABS = ("quadrupole", "rbend", "sbend", "solenoid")
"""Classes that can be cut into several thick slices."""


def run(interpreter: Interpreter, given: dict[str, Given], source: Source, place: Place) -> None:
    """Replace the elements of a sequence by slices, and those of the sequences in it.

    Raises
    ------
    LatticeError
        If there is no such sequence or style.
    """
    name = str(given["sequence"].value).lower() if "sequence" in given else ""
    style = str(given["style"].value).lower() if "style" in given else "teapot"
    if style not in STYLES:
        raise place.error(f"there is no slicing style {style!r}{suggest(style, STYLES)}; there are {', '.join(STYLES)}")
    if name in interpreter.lines and name not in interpreter.sequences:
        line = interpreter.lines.pop(name)
        interpreter.sequences[name] = replace(unrolling.unrolled(interpreter, line), refer="centre")
    elif name not in interpreter.sequences:
        raise place.error(f"there is no sequence {name!r} to make thin{suggest(name, interpreter.sequences)}")
    elif interpreter.sequences[name].refer in ("entry", "exit"):
        interpreter.say("makethin", f"{name!r}, whose elements are not placed by their middles", place, "thick, as in MAD-X")
        return
    dipedges, markers = (bool(interpreter.amount(given[n], source)) if n in given else default for n, default in _FLAGS)
    Slicing(interpreter, style, place, dipedges, markers).cut(interpreter.sequences[name])
    interpreter.changed()


_FLAGS = (("makedipedge", True), ("makeendmarkers", False))
"""Options, and what they are where they are not given."""


class Slicing:
    """Cuts sequences; elements that stand in several places are cut once.

    Parameters
    ----------
    state : Interpreter
    style : str
        Where thin slices are.
    place : Place
        Of the command.
    makedipedge : bool
        Whether bends leave their edges to elements of their own.
    makeendmarkers : bool
        Whether there are markers at the ends of what is cut.
    """

    def __init__(self, state: Interpreter, style: str, place: Place, makedipedge: bool, makeendmarkers: bool) -> None:
        self._state = state
        self._style = style
        self._place = place
        self._makedipedge = makedipedge
        self._makeendmarkers = makeendmarkers
        self._done: set[str] = set()
        self._known: dict[int, list[Slice] | None] = {}
        self._chosen: dict[int, tuple[int, bool]] | None = None

    def cut(self, sequence: Sequence) -> None:
        """Replace the members of a sequence."""
        if self._chosen is None:
            self._chosen = self._selected()
        self._done.add(sequence.name)
        middles = Positions(self._state).middles(sequence)
        members: list[Member] = []
        for member, middle in zip(sequence.members, middles, strict=True):
            inner = self._state.sequences.get(member.name) if member.own is None else None
            if inner is not None:
                members.append(replace(member, at=Quantity(middle), origin="", half=0.0))
                if inner.name not in self._done:
                    self.cut(inner)
            else:
                members += self._members(member, middle)
            if len(members) > expansion.MOST:
                raise self._place.error(f"sequence {sequence.name!r} would have more than {expansion.MOST} elements")
        sequence.members, sequence.refpos = members, ""

    def _members(self, member: Member, middle: float) -> list[Member]:
        """Return what stands where an element stood."""
        element = element_of(self._state, member)
        if id(element) not in self._known:
            self._known[id(element)] = self._slices(member, element)
        slices = self._known[id(element)]
        if slices is None:
            return [replace(member, at=Quantity(middle), origin="", half=0.0)]
        length = length_of(self._state, member)
        return [
            Member(part.element.name, Quantity(middle + part.shift * length), member.place, own=part.element) for part in slices
        ]

    def _slices(self, member: Member, element: Element) -> list[Slice] | None:
        """Return what an element is cut into; None: it stays as it is."""
        count, thick = self._number(element)
        keyword, length = element.keyword, length_of(self._state, member)
        if keyword == "drift" and length:
            return []
        if not length or count < 1 or keyword == "matrix":
            return None
        if count > expansion.MOST:
            raise self._place.error(f"{element.label} cannot be cut into {count} slices")
        if keyword not in _TRANSLATED:
            return self._noted(Cut(self._state, element, self._style, count).passive())
        if thick and keyword not in _SLABS:
            count = 1
        if thick and count == 1 and keyword not in ("rbend", "sbend"):
            return None
        return self._noted(self._translated(Cut(self._state, element, self._style, count), keyword, thick))

    def _translated(self, cut: Cut, keyword: str, thick: bool) -> list[Slice]:
        is_bend = keyword in ("rbend", "sbend")
        entrance, exit = cut.edges() if is_bend and self._makedipedge else (None, None)
        if thick:
            slices = cut.slabs()
        elif keyword == "solenoid":
            slices = cut.solenoid()
        elif keyword == "elseparator":
            slices = cut.separator()
        else:
            slices = cut.magnet()
        if self._makeendmarkers:
            slices = [cut.marker("_mken", -0.5), *slices, cut.marker("_mkex", 0.5)]
        return [part for part in (entrance, *slices, exit) if part is not None]

    def _noted(self, slices: list[Slice]) -> list[Slice]:
        """Let new names be known."""
        for part in slices:
            self._state.elements.setdefault(part.element.name, part.element)
        return slices

    # ---------------------------------------------------------------- how many slices

    def _number(self, element: Element) -> tuple[int, bool]:
        """Return how many slices an element has, and whether they are thick."""
        assert self._chosen is not None
        if self._state.selected.get("makethin"):
            return self._chosen.get(id(element), (1, False))
        count = value_of(self._state, element, "slice")[0] if "slice" in element.settings else 1.0
        return _whole(count), bool(value_of(self._state, element, "thick")[0])

    def _selected(self) -> dict[int, tuple[int, bool]]:
        """Return what the selections say of elements; of several, the last one counts, and one without a number goes on."""
        selections = self._state.selected.get("makethin", [])
        if not selections or not self._state.used:
            return {}
        found: dict[int, tuple[int, bool]] = {}
        by_range, others = self._of_used(), self._of_all()
        count = 1
        for criteria in selections:
            count = _whole(float(criteria["slice"])) if "slice" in criteria else count
            selection, candidates = by_range if "range" in criteria else others
            wanted: Criteria = {name: criteria[name] for name in ("range", "class", "pattern") if name in criteria}
            for number in selection.numbers([wanted]):
                found[id(candidates[number])] = count, bool(float(criteria.get("thick", 0.0)))
        return found

    def _of_used(self) -> tuple[Selection, list[Element]]:
        """Return the elements of the sequence that is used last."""
        state, used = self._state, self._state.used[-1]
        sequence = state.sequences.get(used.name) or unrolling.unrolled(state, state.lines[used.name])
        row = [element_of(state, member) for member, _ in expansion.placed(state, sequence, whole=True)]
        return Selection(state, Names(used.name, (element.name for element in row)), row), row

    def _of_all(self) -> tuple[Selection, list[Element]]:
        """Return all elements, those that have attributes of their own where they stand included."""
        every = list(self._state.elements.values())
        every += [m.own for sequence in self._state.sequences.values() for m in sequence.members if m.own is not None]
        return Selection(self._state, Names("", ()), every), every


def _whole(number: float) -> int:
    """Return a number of slices; beyond all limits, one that is refused."""
    return int(min(max(number, 0.0), 2.0 * expansion.MOST))
