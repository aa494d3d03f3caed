"""Carries out ``match ... endmatch`` (MAD-X manual, "Matching Module"): values that give a sequence the optics asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from math import inf, pi
from typing import TYPE_CHECKING

import numpy as np

from caraval.core.errors import CaravalError

from .definitions import Doubt, Quantity
from .expressions import Attribute, Node, Variable
from .searching import BeyondError, Knob, Matching, get, give, number, search
from .source import Mistake, Place, Source
from .statements import given_of, text_of
from .syntax import Command, Given
from .vocabulary import MINIMISING

if TYPE_CHECKING:
    from .interpreter import Interpreter

_COLUMNS = {
    "betx": "beta_a", "alfx": "alpha_a", "bety": "beta_b", "alfy": "alpha_b",
    "dx": "eta_x", "dpx": "etap_x", "dy": "eta_y", "dpy": "etap_y", "x": "x", "px": "px", "y": "y", "py": "py",
}  # fmt: skip
"""Columns of TWISS and what they are in :func:`caraval.optics.twiss`."""

_PHASES = {"mux": "phi_a", "muy": "phi_b"}

_OF_RINGS = {"q1": "tune_a", "q2": "tune_b", "dq1": "chrom_a", "dq2": "chrom_b"}

_BY_PT = frozenset(("dx", "dpx", "dy", "dpy", "dq1", "dq2"))
"""Derivatives by pt, which is beta times pz (MAD-X manual, "Tables Variables")."""

_INERT = frozenset(("sequence", "range", "beta0", "chrom", "slow"))
"""Attributes that are looked at by themselves, or on which the values do not hang."""


def begin(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Open a match."""
    interpreter.matching = matching = Matching()
    with _noted(matching):
        given = given_of(command, "beta0")
        name = text_of(given, "sequence")
        matching.used = next((used for used in reversed(interpreter.used) if name in ("", used.name)), None)
        if "beta0" in given:
            stored = interpreter.commands.get(text_of(given, "beta0"))
            if stored is None or stored.word != "beta0":
                raise BeyondError("it starts with results of TWISS")
            said = given_of(replace(stored, rest=stored.rest.again()))
            matching.start |= _values(interpreter, matching, said, stored.source, _COLUMNS)
        matching.start |= _values(interpreter, matching, given, command.source, _COLUMNS)


def add(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Take note of what is varied, or of what should be reached."""
    matching = interpreter.matching
    if matching is None:
        interpreter.say(command.word, "outside of a match", place)
        return
    with _noted(matching):
        if command.word in MINIMISING:
            matching.minimised = True
        elif command.word == "vary":
            matching.knobs.append(_knob(interpreter, command, place))
        elif command.word in ("constraint", "global"):
            matching.targets += _targets(interpreter, matching, command)
        else:
            raise BeyondError(f"{command.word!r} is not done")


def end(interpreter: Interpreter, command: Command, place: Place) -> None:
    """Carry a match out; if that is beyond what is done here, what it varies is not known from now on."""
    matching, interpreter.matching = interpreter.matching, None
    if matching is None:
        interpreter.say(command.word, "outside of a match", place)
        return
    if not matching.minimised:
        interpreter.say("match", "without a command that searches", place, "nothing is changed, as in MAD-X")
        return
    before = [get(interpreter, knob.node) for knob in matching.knobs]
    try:
        with interpreter.aside() as losses, np.errstate(all="ignore"):
            values = search(interpreter, matching, losses)
    except (BeyondError, CaravalError) as why:
        doubt = Doubt("unknown", f"is found by 'match' in MAD-X, and not here: {why}", place)
        for knob, quantity in zip(matching.knobs, before, strict=True):
            give(interpreter, knob, quantity._replace(doubts=(*quantity.doubts, doubt)))
        return
    for knob, value in zip(matching.knobs, values, strict=True):
        give(interpreter, knob, Quantity(value))
        interpreter.losses.note("match", knob.name, value, "found here; MAD-X stops within a tolerance", place=knob.place)


# -------------------------------------------------------------------- what is asked for


@contextmanager
def _noted(matching: Matching) -> Iterator[None]:
    """Take note of what is not done, or not understood."""
    try:
        yield
    except (BeyondError, Mistake) as why:
        matching.beyond = matching.beyond or str(why)


def _knob(interpreter: Interpreter, command: Command, place: Place) -> Knob:
    given = given_of(command)
    node = given["name"].value if "name" in given else None
    if isinstance(node, str):
        owner, arrow, name = node.lower().partition("->")
        node = Attribute(command.offset, 1, owner, name) if arrow else Variable(command.offset, 1, owner)
    if isinstance(node, Attribute) and (node.owner not in interpreter.elements or "[" in node.name):
        node = None
    if not isinstance(node, Variable | Attribute):
        raise BeyondError("'vary' needs the name of a variable or of an element's attribute")
    lower, upper = (_limit(interpreter, given.get(name), command.source) for name in ("lower", "upper"))
    return Knob(node, lower or Quantity(-inf), upper or Quantity(inf), place)


def _limit(interpreter: Interpreter, given: Given | None, source: Source) -> Quantity | None:
    return interpreter.fixed(given.value, source) if given is not None and isinstance(given.value, Node) else None


def _targets(interpreter: Interpreter, matching: Matching, command: Command) -> list[tuple[str, float, str]]:
    given = given_of(command, "range")
    names = _OF_RINGS if command.word == "global" else _COLUMNS | _PHASES
    where = text_of(given, "range")
    if text_of(given, "sequence") not in ("", matching.used.name if matching.used else ""):
        raise BeyondError("more than one sequence")
    if command.word == "constraint" and not where:
        raise BeyondError("a constraint without a range")
    return [(name, value, where) for name, value in _values(interpreter, matching, given, command.source, names).items()]


def _values(
    interpreter: Interpreter, matching: Matching, given: Mapping[str, Given], source: Source, names: Mapping[str, str]
) -> dict[str, float]:
    """Return what is given, as :func:`caraval.optics.twiss` has it."""
    beta = interpreter.beam_of(matching.used.name if matching.used else "").numbers()["beta"]
    values = {}
    for name, part in given.items():
        if name in _INERT:
            continue
        if name not in names:
            raise BeyondError(f"{name!r} is not done")
        if not isinstance(part.value, Node):
            raise BeyondError(f"{name!r} is no number")
        value = number(interpreter.fixed(part.value, source))
        values[names[name]] = value * (beta if name in _BY_PT else 2 * pi if name in _PHASES else 1.0)
    return values
