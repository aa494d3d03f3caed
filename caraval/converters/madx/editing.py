"""Changes sequences (MAD-X manual, "Sequence Editor")."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from . import expansion
from .definitions import REFERS, Element, Member, Quantity, Sequence, Setting
from .lengths import length_of
from .names import Names
from .positions import Positions
from .selection import Selection
from .source import Place
from .statements import attributes
from .syntax import Command, Given
from .vocabulary import CLASSES, TEXTS

if TYPE_CHECKING:
    from .interpreter import Interpreter

_TEXTS = TEXTS | {"element", "class", "start", "by"}


def begin(interpreter: Interpreter, name: str, place: Place) -> None:
    """Open a sequence to edit it.

    Raises
    ------
    LatticeError
        If there is none of that name.
    """
    if name not in interpreter.sequences:
        raise place.error(f"there is no sequence {name!r} to edit{suggest(name, interpreter.sequences)}")
    interpreter.edited = interpreter.sequences[name]


def run(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Carry out a command of the editor.

    Raises
    ------
    Mistake, LatticeError
        If it makes no sense.
    """
    if interpreter.edited is None:
        raise place.error(f"{command.word!r} needs a sequence to edit: seqedit, sequence = name;")
    texts = _TEXTS if command.word != "move" else _TEXTS - {"by"}
    given = {part.name: part for part in attributes(command.rest, texts)}
    _ACTIONS[command.word](interpreter, interpreter.edited, given, command, place)


def extract(interpreter: Interpreter, given: dict[str, Given], place: Place) -> None:
    """Make a sequence of a part of another one, from one member to another; their middles are its ends.

    Raises
    ------
    LatticeError
        If there are no such members in this order.
    """
    name, first, last, new = (str(given[n].value).lower() if n in given else "" for n in ("sequence", "from", "to", "newname"))
    if name not in interpreter.sequences:
        raise place.error(f"there is no sequence {name!r} to extract from{suggest(name, interpreter.sequences)}")
    whole = interpreter.sequences[name]
    middles = Positions(interpreter).middles(whole)
    start, end = (_found(whole, member, place) for member in (first, last))
    if start > end:
        raise place.error(f"{first!r} does not stand before {last!r} in sequence {name!r}")
    refpos = str(given["refpos"].value).lower() if "refpos" in given else ""
    members = [_fixed(m, middles[i] - middles[start]) for i, m in enumerate(whole.members[start : end + 1], start)]
    length = Quantity(middles[end] - middles[start])
    interpreter.define(new)
    interpreter.sequences[new] = Sequence(new, place, length, whole.refer, refpos, members=members, edited=True)


# -------------------------------------------------------------------- commands


def _flatten(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    """Replace sequences by their members, and expressions by their values, which the elements have as ``at`` from now on."""
    sequence.members = [_fixed(m, middle) for m, middle in expansion.placed(interpreter, sequence)]
    for member in sequence.members:
        element = interpreter.elements.get(member.name)
        if element is not None and member.own is None:
            half = REFERS[sequence.refer] * length_of(interpreter, member)
            element.settings["at"] = Setting(Quantity(interpreter.number(member.at)[0] - half), place)
    interpreter.changed()


def _install(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    name, kind = _text(given, "element"), _text(given, "class")
    if name not in interpreter.elements:
        if kind not in interpreter.elements and kind not in CLASSES:
            raise place.error(f"there is no element {name!r} and no class {kind!r} to install")
        like = interpreter.elements.get(kind)
        settings = dict(like.settings) if like is not None else {}
        interpreter.elements[name] = Element(name, like.keyword if like else kind, kind, place, settings)
    if "at" not in given:
        raise place.error(f"{name!r} needs a position: at = ...")
    at, origin, half = interpreter.length(given["at"], command.source), _text(given, "from"), REFERS[sequence.refer]
    last = "last" not in given or bool(interpreter.amount(given["last"], command.source))
    if origin == "selected":
        middles = dict(zip(map(id, sequence.members), Positions(interpreter).middles(sequence), strict=True))
        offset = interpreter.number(at)[0]
        new = [Member(name, Quantity(middles[id(m)] + offset), place, half=half) for m in _selected(interpreter, sequence)]
    else:
        new = [Member(name, at, place, origin, half)]
    sequence.members = [*sequence.members, *new] if last else [*new, *sequence.members]
    sequence.edited = True


def _move(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    positions = Positions(interpreter)
    meant = {id(member) for member in _meant(interpreter, sequence, given, place)}
    new = []
    for number, member in enumerate(sequence.members):
        if id(member) in meant:
            if "by" in given:
                by = interpreter.amount(given["by"], command.source)
                member = _fixed(member, positions.middle(sequence, number) + by)
            elif "to" in given:
                to = interpreter.length(given["to"], command.source)
                member = replace(member, at=to, origin=_text(given, "from"), half=REFERS[sequence.refer])
        new.append(member)
    sequence.members, sequence.edited = new, True


def _remove(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    """Take members out; what counted from them keeps its place."""
    name = _text(given, "element")
    if name != "selected" and _number(sequence, name) is None:
        interpreter.losses.note(name, "remove", sequence.name, "nothing, as it is not there", place=place)
        return
    meant = {id(member) for member in _meant(interpreter, sequence, given, place)}
    gone = {member.name for member in sequence.members if id(member) in meant}
    positions = Positions(interpreter)
    sequence.members = [
        _fixed(member, positions.middle(sequence, number)) if member.origin.partition("[")[0] in gone else member
        for number, member in enumerate(sequence.members)
        if id(member) not in meant
    ]


def _replace(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    by = _text(given, "by")
    if by not in interpreter.elements:
        raise place.error(f"there is no element {by!r} to put in{suggest(by, interpreter.elements)}")
    meant = {id(member) for member in _meant(interpreter, sequence, given, place)}
    sequence.members = [replace(m, name=by, own=None) if id(m) in meant else m for m in sequence.members]


def _cycle(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    """Let the sequence begin elsewhere."""
    start = _found(sequence, _text(given, "start"), place)
    middles, length = Positions(interpreter).middles(sequence), interpreter.number(sequence.length)[0]
    moved = [_fixed(m, middle - middles[start]) for m, middle in zip(sequence.members, middles, strict=True)]
    wrapped = [_fixed(m, interpreter.number(m.at)[0] + length) for m in moved[:start]]
    marker = Member(f"{sequence.name}{_text(given, 'start')}_p_", Quantity(length), place)
    interpreter.elements[marker.name] = Element(marker.name, "marker", "marker", place, {})
    sequence.members = [*moved[start:], *wrapped, marker]


def _reflect(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    middles, length = Positions(interpreter).middles(sequence), interpreter.number(sequence.length)[0]
    backwards = zip(reversed(sequence.members), reversed(middles), strict=True)
    sequence.members = [_fixed(member, length - middle) for member, middle in backwards]


def _endedit(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], command: Command, place: Place) -> None:
    interpreter.edited = None


_ACTIONS: dict[str, Callable[[Interpreter, Sequence, dict[str, Given], Command, Place], None]] = {
    "cycle": _cycle,
    "endedit": _endedit,
    "flatten": _flatten,
    "install": _install,
    "move": _move,
    "reflect": _reflect,
    "remove": _remove,
    "replace": _replace,
}


# -------------------------------------------------------------------- what they share


def _text(given: dict[str, Given], name: str) -> str:
    return str(given[name].value).lower() if name in given else ""


def _fixed(member: Member, middle: float) -> Member:
    """Return a member whose middle is known."""
    return replace(member, at=Quantity(middle), origin="", half=0.0)


def _found(sequence: Sequence, name: str, place: Place) -> int:
    """Return the number of a member, which is named with the occurrence that is meant, if not the first."""
    found = _number(sequence, name)
    if found is None:
        near = suggest(name, {member.name for member in sequence.members})
        raise place.error(f"there is no {name!r} in sequence {sequence.name!r}{near}")
    return found


def _number(sequence: Sequence, name: str) -> int | None:
    return Names(sequence.name, (member.name for member in sequence.members)).number(name)


def _meant(interpreter: Interpreter, sequence: Sequence, given: dict[str, Given], place: Place) -> list[Member]:
    name = _text(given, "element")
    if name == "selected":
        return _selected(interpreter, sequence)
    return [sequence.members[_found(sequence, name, place)]]


def _selected(interpreter: Interpreter, sequence: Sequence) -> list[Member]:
    """Return the members that any selection for the editor means."""
    names = Names(sequence.name, (member.name for member in sequence.members))
    candidates = [member.own or interpreter.elements.get(member.name) for member in sequence.members]
    meant = Selection(interpreter, names, candidates).numbers(interpreter.selected.get("seqedit", []))
    return [sequence.members[number] for number in meant]
