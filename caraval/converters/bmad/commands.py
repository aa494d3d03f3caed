"""The commands of the language: statements that begin with a word of their own."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from . import branches, calls, control, removal, syntax
from .definitions import Element
from .parameters import BEAM, GEV, GROUPS
from .patterns import Pattern
from .positions import Mistake
from .vocabulary import SUPERPOSITION

if TYPE_CHECKING:
    from .interpreter import Interpreter

log = logging.getLogger("caraval")


def run(interpreter: Interpreter, command: syntax.Command) -> None:
    """Carry out a command.

    Raises
    ------
    Mistake
        If there is no such command, or it makes no sense.
    """
    word = command.word
    if word in COMMANDS:
        COMMANDS[word](interpreter, command)
    elif word in GROUPS:
        for given in command.attributes:
            interpreter.set_parameter(GROUPS[word], given)
    elif word not in _NOTHING:
        like = command.attributes[0].name if command.attributes else ""
        if interpreter.vocabulary.keyword(like):
            raise Mistake(
                f"{word!r} is no command; an element is defined with a colon: '{word}: {like}, ...'", command.position
            )
        known = [*COMMANDS, *GROUPS, *_NOTHING, *WORDS]
        raise Mistake(f"{word!r} is no command{suggest(word, known)}", command.position)


def run_words(interpreter: Interpreter, statement: syntax.Words) -> None:
    """Carry out a command that takes the rest of its line as text."""
    WORDS[statement.word](interpreter, statement)


# -------------------------------------------------------------------- which lattice


def use(interpreter: Interpreter, command: syntax.Command) -> None:
    """Say which lines are the branches of the lattice; the last such statement counts."""
    if not command.attributes or any(given.value is not None or not given.name for given in command.attributes):
        raise Mistake("a lattice is chosen by 'use, line'", command.position)
    interpreter.used = [(given.name, interpreter.place(given.position)) for given in command.attributes]


def expand_lattice(interpreter: Interpreter, command: syntax.Command) -> None:
    """Put the elements of the lattice in a row, so that single ones can be changed; once is enough."""
    if not interpreter.branches:
        lines = branches.used(interpreter, interpreter.place(command.position))
        interpreter.branches = branches.expand(interpreter, lines, separate=True)
        control.act(interpreter)


def beam(interpreter: Interpreter, command: syntax.Command) -> None:
    """Set the reference energy as in MAD, in GeV."""
    for given in command.attributes:
        name = BEAM.get(given.name, given.name)
        if name not in (*BEAM.values(), "particle", "n_part"):
            raise Mistake(f"'beam' takes energy, pc, particle and n_part, not {given.name!r}", given.position)
        group = "beginning" if name in BEAM.values() else "parameter"
        interpreter.set_parameter(group, replace(given, name=name))
        if name != given.name:
            setting = interpreter.parameters[group][name]
            interpreter.parameters[group][name] = setting._replace(value=GEV * setting.number(given.name))


def no_superimpose(interpreter: Interpreter, command: syntax.Command) -> None:
    """Superimpose nothing."""
    interpreter.superimposes = False


def superimpose(interpreter: Interpreter, command: syntax.Command) -> None:
    """Superimpose an element by a statement of its own."""
    asked = Element("", "null_ele", interpreter.place(command.position))
    given = {given.name: given for given in command.attributes}
    named = given.pop("element", None)
    if named is None or named.value is None:
        raise Mistake("'superimpose' needs the element: 'superimpose, element = name, ref = name'", command.position)
    asked.name = str(named.value.value(interpreter)).lower()
    for attribute in given.values():
        if attribute.name not in SUPERPOSITION:
            near = suggest(attribute.name, SUPERPOSITION)
            raise Mistake(f"'superimpose' takes no {attribute.name!r}{near}", attribute.position)
        interpreter.give(asked, attribute)
    interpreter.superimposed.append((len(interpreter.elements), asked))


def combine_consecutive_elements(interpreter: Interpreter, command: syntax.Command) -> None:
    """Make one element of those of the same name that follow each other."""
    removal.combine_consecutive_elements(interpreter, command.position)


def undefined_are_zero(interpreter: Interpreter, command: syntax.Command) -> None:
    """Take constants for zero that are not defined."""
    interpreter.undefined_are_zero = True


def message(interpreter: Interpreter, statement: syntax.Words) -> None:
    """Pass a message of the file on."""
    log.info("%s: %s", interpreter.file, statement.text)


def title(interpreter: Interpreter, statement: syntax.Words) -> None:
    """Keep the title."""
    interpreter.title = statement.text


def start_branch_at(interpreter: Interpreter, statement: syntax.Words) -> None:
    """Begin a branch with another element."""
    found = _STARTED.fullmatch(statement.text.partition("!")[0].strip().lower())
    if found is None:
        raise Mistake("a branch begins elsewhere by 'start_branch_at name'", statement.position)
    if not interpreter.branches:
        raise Mistake("'start_branch_at' means something only after 'expand_lattice'", statement.position)
    pattern = Pattern(found["name"], statement.position, interpreter.vocabulary)
    places = [
        (branch, element) for number, branch in enumerate(interpreter.branches) for element in pattern.in_branch(number, branch)
    ]
    if len(places) != 1:
        how = "no element" if not places else f"{len(places)} elements"
        raise Mistake(f"{how} of the expanded lattice are called {pattern.text!r}; a branch begins at one", statement.position)
    branch, element = places[0]
    assert branch.layout is not None
    branch.layout.start_at(element, with_end=found["end"] is not None)
    branch.elements = branch.layout.elements()


_STARTED = re.compile(r"(?:,?\s*(?P<end>move_end_marker)\s*,?\s+)?(?P<name>\S+)")


def nothing(interpreter: Interpreter, statement: syntax.Words) -> None:
    """Do nothing."""


COMMANDS: dict[str, Callable[[Interpreter, syntax.Command], None]] = {
    "call": calls.call,
    "use": use,
    "expand_lattice": expand_lattice,
    "beam": beam,
    "superimpose": superimpose,
    "no_superimpose": no_superimpose,
    "combine_consecutive_elements": combine_consecutive_elements,
    "use_local_lat_file": calls.use_local_lat_file,
    "undefined_vars_evaluate_to_zero": undefined_are_zero,
}

WORDS: dict[str, Callable[[Interpreter, syntax.Words], None]] = {
    "setenv": calls.setenv,
    "print": message,
    "title": title,
    "parser_debug": nothing,
    "merge_elements": removal.merge_elements,
    "remove_elements": removal.remove_elements,
    "slice_lattice": removal.slice_lattice,
    "start_branch_at": start_branch_at,
}

_NOTHING = ("no_digested", "write_digested", "debug_marker", "calc_reference_orbit")
"""Commands that are about Bmad's programs."""
