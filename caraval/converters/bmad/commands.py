"""The commands of the language: statements that begin with a word of their own."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from caraval.converters.files import is_file
from caraval.core.errors import suggest

from . import branches, control, removal, syntax
from .definitions import Element
from .parameters import BEAM, GEV, GROUPS
from .patterns import Pattern
from .positions import Mistake, Position
from .vocabulary import SUPERPOSITION

if TYPE_CHECKING:
    from .interpreter import Interpreter

log = logging.getLogger("caraval")

DEEPEST = 50
"""How many files may call each other."""


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


# -------------------------------------------------------------------- which files


def call(interpreter: Interpreter, command: syntax.Command) -> None:
    """Read another file."""
    files = [given for given in command.attributes if given.name in ("file", "filename")]
    if len(files) != 1 or files[0].value is None:
        raise Mistake("a file is called by 'call, file = name'", command.position)
    position, name = files[0].value.position, str(files[0].value.value(interpreter))
    given = Path(_expanded(interpreter, name, position))
    path = interpreter.files[-1].parent / given
    if interpreter.looks_here_first and is_file(Path(given.name)):
        path = given = Path(given.name).absolute()
    if not is_file(path):
        if any(given.name == "no_abort_on_open_error" for given in command.attributes):
            return
        raise Mistake(f"no file {str(given)!r} in {str(path.parent)!r}{suggest(path.name, _siblings(path))}", position)
    if path.resolve() in [file.resolve() for file in interpreter.files]:
        through = " calls ".join(file.name for file in [*interpreter.files, path])
        raise Mistake(f"a file cannot call itself: {through}", position)
    if len(interpreter.files) >= DEEPEST:
        raise Mistake(f"files call each other more than {DEEPEST} deep", position)
    interpreter.run(path, str(Path(interpreter.file).parent / given))


def _siblings(path: Path) -> list[str]:
    try:
        return [sibling.name for sibling in path.parent.iterdir()]
    except (OSError, ValueError):
        return []


def _expanded(interpreter: Interpreter, name: str, position: Position) -> str:
    """Replace environment variables."""
    known = {"LATTICE_ROOT_DIR": str(interpreter.files[0].parent), **os.environ, **interpreter.environment}

    def value(found: re.Match[str]) -> str:
        if found[1] not in known:
            raise Mistake(f"the environment variable {found[1]} in {name!r} is not set", position)
        return known[found[1]]

    return re.sub(r"\$\{?(\w+)\}?", value, name)


def use_local_lat_file(interpreter: Interpreter, command: syntax.Command) -> None:
    """Look for the files that are called in the working directory first."""
    interpreter.looks_here_first = True


def setenv(interpreter: Interpreter, statement: syntax.Words) -> None:
    """Set an environment variable for the calls that follow."""
    name, equals, value = (part.strip() for part in statement.text.partition("!")[0].partition("="))
    if not name or not equals:
        raise Mistake("an environment variable is set by 'setenv NAME = value'", statement.position)
    interpreter.environment[name] = value.strip("\"'")


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
    "call": call,
    "use": use,
    "expand_lattice": expand_lattice,
    "beam": beam,
    "superimpose": superimpose,
    "no_superimpose": no_superimpose,
    "combine_consecutive_elements": combine_consecutive_elements,
    "use_local_lat_file": use_local_lat_file,
    "undefined_vars_evaluate_to_zero": undefined_are_zero,
}

WORDS: dict[str, Callable[[Interpreter, syntax.Words], None]] = {
    "setenv": setenv,
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
