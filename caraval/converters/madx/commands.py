"""What the commands do that the lattice hangs on."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from . import editing, errors, makethin, matching, tables
from .definitions import Doubt, Effect, Quantity
from .expressions import Node
from .source import Mistake, Place, Source
from .statements import attributes, given_of, text_of
from .syntax import Command, Given
from .vocabulary import CHANGING, EDIT, ERRORS, IGNORED, MATCHING, OF_VARIABLES, TABLES
from .words import words

if TYPE_CHECKING:
    from .interpreter import Interpreter

_BEAM = frozenset(words("attributes", "beam"))
_FLAGS = ("bunched", "radiate")
_SELECTS = ("flag", "range", "class", "pattern", "sequence")


def run(interpreter: Interpreter, command: Command) -> str | None:
    """Carry out a command, and return ``"return"`` or ``"stop"`` if the statements after it are not.

    Raises
    ------
    Mistake, LatticeError
        If it makes no sense.
    """
    word, place = command.word, command.source.place(command.offset)
    if word in _ACTIONS:
        return _ACTIONS[word](interpreter, command, place)
    if word in EDIT:
        editing.run(interpreter, command, place)
    elif word in MATCHING:
        matching.add(interpreter, command, place)
    elif word in TABLES:
        tables.run(interpreter, command, place)
    elif word in ERRORS | CHANGING:
        _effect(interpreter, command, place)
    elif word in OF_VARIABLES:
        interpreter.say(word, "sets variables to results of MAD-X", place)
    elif word in IGNORED:
        interpreter.say(word, "command", place)
    return None


# -------------------------------------------------------------------- beams


def set_beam(interpreter: Interpreter, sequence: str, given: list[Given], source: Source, place: Place) -> None:
    """Change what is said of the beam of a sequence, or of the one for all."""
    numbers: dict[str, float] = {}
    doubts: list[Doubt] = []
    particle = None
    for part in given:
        if part.name not in _BEAM:
            raise Mistake(f"a beam has no attribute {part.name!r}{suggest(part.name, _BEAM)}", part.offset)
        if part.name == "particle":
            particle = str(part.value).lower()
        elif isinstance(part.value, Node):
            value, why = interpreter.fixed(part.value, source)
            numbers[part.name] = float(value)  # type: ignore[arg-type]
            if part.name not in _FLAGS:
                doubts += why
        elif isinstance(part.value, bool):
            numbers[part.name] = float(part.value)
    beam = interpreter.beams.setdefault(sequence, type(interpreter.beams[""])())
    beam.update(particle, numbers, tuple(doubts), place)
    interpreter.changed()


def _beam(interpreter: Interpreter, command: Command, place: Place) -> None:
    given = given_of(command)
    sequence = text_of(given, "sequence")
    set_beam(interpreter, sequence, [g for n, g in given.items() if n != "sequence"], command.source, place)


def _resbeam(interpreter: Interpreter, command: Command, place: Place) -> None:
    sequence = text_of(given_of(command), "sequence")
    interpreter.beams[sequence] = type(interpreter.beams[""])()
    interpreter.changed()


# -------------------------------------------------------------------- sequences


def _endsequence(interpreter: Interpreter, command: Command, place: Place) -> None:
    if interpreter.open is None:
        raise place.error("no sequence is open that could be ended")
    interpreter.open = None


def _use(interpreter: Interpreter, command: Command, place: Place) -> None:
    given = given_of(command, "range")
    name = text_of(given, "sequence") or text_of(given, "period")
    if not name:
        raise place.error("'use' needs a sequence: use, sequence = name;")
    interpreter.use(name, place, text_of(given, "range"))


def _set(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Take a sequence as it was when it was used last."""
    name = text_of(given_of(command, "format"), "sequence")
    for used in interpreter.used:
        if used.name == name:
            interpreter.used = [*(other for other in interpreter.used if other is not used), used]
            break


def _option(interpreter: Interpreter, command: Command, place: Place) -> None:
    for given in attributes(command.rest):
        on = interpreter.fixed(given.value, command.source).value if isinstance(given.value, Node) else given.value
        if given.name == "rbarc":
            interpreter.rbarc = bool(on)
        elif given.name == "thin_foc":
            interpreter.thin_foc = bool(on)
        elif given.name == "reset":
            interpreter.rbarc = interpreter.thin_foc = True


def _select(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Take note of what is selected for which purpose; criteria of one statement must all hold."""
    given = given_of(command, *_SELECTS, "column")
    flag = text_of(given, "flag")
    if "clear" in given and given["clear"].value is not False:
        interpreter.selected[flag] = []
    elif flag in ("seqedit", "error", "makethin"):
        criteria: dict[str, str] = {name: str(given[name].value) for name in ("range", "class", "pattern") if name in given}
        criteria |= {name: str(interpreter.amount(given[name], command.source)) for name in ("slice", "thick") if name in given}
        interpreter.selected.setdefault(flag, []).append(criteria)


def _makethin(interpreter: Interpreter, command: Command, place: Place) -> None:
    makethin.run(interpreter, given_of(command, "style"), command.source, place)


def _effect(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Take note of a command that changes the sequence in use, until it is used again."""
    if not interpreter.used:
        return
    used = interpreter.used[-1]
    if command.word in ERRORS:
        errors.assign(interpreter, command, used, place)
    else:
        used.effects.append(Effect(command.word, " ".join(command.rest.text[command.offset : command.rest.end].split()), place))


# -------------------------------------------------------------------- files and macros


def _call(interpreter: Interpreter, command: Command, place: Place) -> str | None:
    given = given_of(command)
    file = given.get("file") or given.get("")
    if file is None or not isinstance(file.value, str) or not file.value:
        raise place.error("'call' needs a file: call, file = 'name';")
    path = interpreter.beside(file.value)
    if path is None:
        interpreter.losses.physics("call", "file", f"{file.value!r}, which is not there", place=place)
        return None
    return "stop" if interpreter.read(path, str(path), place) == "stop" else None


_CALL = re.compile(r"\s*,?\s*([a-z_$][\w.$]*)\s*(?:\((.*)\))?\s*", re.IGNORECASE | re.DOTALL)


def _exec(interpreter: Interpreter, command: Command, place: Place) -> str | None:
    """Carry out a macro, or a command that has a name."""
    tokens = command.rest
    start, end = tokens.next.start, tokens.end
    called = _CALL.fullmatch(tokens.text, start, end)
    if called is None:
        raise place.error("'exec' needs the name of a macro: exec, name(arguments);")
    name, listed = called[1].lower(), called[2]
    if name in interpreter.macros:
        given = [_argument(interpreter, text.strip(), place) for text in listed.split(",")] if listed else []
        return interpreter.exec_macro(name, given, place)
    if name in interpreter.commands:
        stored = interpreter.commands[name]
        return run(interpreter, Command(stored.source, stored.offset, stored.word, stored.rest.again()))
    interpreter.say(
        "exec", f"{name!r} is no macro and no command{suggest(name, interpreter.macros)}", place, "skipped, as in MAD-X"
    )
    return None


def _argument(interpreter: Interpreter, text: str, place: Place) -> str:
    """Return what a macro is given; with a dollar before it, the whole part of a variable."""
    if not text.startswith("$"):
        return text
    value, doubts = interpreter.number(interpreter.variables.get(text[1:].lower(), Quantity(0.0)))
    interpreter.report("exec", text, doubts, place)
    return str(int(value))


def _return(interpreter: Interpreter, command: Command, place: Place) -> str:
    return "return"


def _stop(interpreter: Interpreter, command: Command, place: Place) -> str:
    return "stop"


# -------------------------------------------------------------------- others


def _savebeta(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Take note that a name stands for what MAD-X computes."""
    interpreter.results.add(text_of(given_of(command, "label", "place"), "label"))
    interpreter.say(command.word, "command", place)


def _seqedit(interpreter: Interpreter, command: Command, place: Place) -> None:
    editing.begin(interpreter, text_of(given_of(command), "sequence"), place)


def _extract(interpreter: Interpreter, command: Command, place: Place) -> None:
    editing.extract(interpreter, given_of(command, "to", "newname"), place)


def _sxfread(interpreter: Interpreter, command: Command, place: Place) -> None:
    interpreter.losses.physics("sxfread", "", "a file of another format", place=place)


_ACTIONS: dict[str, Callable[[Interpreter, Command, Place], str | None]] = {
    "beam": _beam,
    "call": _call,
    "endmatch": matching.end,
    "endsequence": _endsequence,
    "exec": _exec,
    "exit": _stop,
    "extract": _extract,
    "makethin": _makethin,
    "match": matching.begin,
    "option": _option,
    "quit": _stop,
    "resbeam": _resbeam,
    "savebeta": _savebeta,
    "return": _return,
    "select": _select,
    "seqedit": _seqedit,
    "set": _set,
    "stop": _stop,
    "sxfread": _sxfread,
    "use": _use,
}
