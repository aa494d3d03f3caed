"""Commands that take elements out of an expanded lattice, or make one of several (Bmad manual, "Lattice File Statements")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from . import branches
from .control import controllers
from .definitions import Branch, Element, Setting, Slave
from .patterns import Pattern
from .positions import Mistake, Position
from .selection import selected

if TYPE_CHECKING:
    from .interpreter import Interpreter
    from .syntax import Words

ACCELERATE = ("lcavity", "e_gun", "em_field", "converter", "patch")
"""Classes whose elements may change the reference energy."""

OF_BEGINNING = ("beta", "alpha", "eta", "etap", "deta", "dalpha", "dbeta", "detap", "phi", "cmat", "mode")
"""How names of what is known of the beam at the beginning begin, the place on the floor aside."""


def remove_elements(interpreter: Interpreter, statement: Words) -> None:
    """Take elements away, or what controls them; what it has set so far stays."""
    _check_expanded(interpreter, statement)
    text = statement.text.partition("!")[0].lower()
    gone = {id(element) for element in _meant(interpreter, text, statement.position)}
    lords = [lord for lord in controllers(interpreter) if _fits_any(interpreter, text, lord, statement.position)]
    if not gone and not lords:
        raise Mistake(f"{text.strip()!r} means no element of the expanded lattice", statement.position)
    for lord in lords:
        del interpreter.elements[lord.name]
    for branch in interpreter.branches:
        assert branch.layout is not None
        branch.layout.remove([element for element in branch.everything() if id(element) in gone])
    branches.arrange(interpreter.branches)


def slice_lattice(interpreter: Interpreter, statement: Words) -> None:
    """Leave nothing but some elements of the branches in which they lie, which begin with the first of them and are open."""
    _check_expanded(interpreter, statement)
    text = statement.text.partition("!")[0].lower()
    chosen = {id(element) for element in _meant(interpreter, text, statement.position)}
    for branch in interpreter.branches:
        stays = [_is_among(element, chosen) for element in branch.elements]
        if not any(stays) or all(stays):
            continue
        before = branch.elements[: stays.index(True)]
        _begin_later(interpreter, branch, before, statement)
        assert branch.layout is not None
        branch.layout.keep(stays)
    branches.arrange(interpreter.branches)


def combine_consecutive_elements(interpreter: Interpreter, position: Position) -> None:
    """Make one element of those of the same name that follow each other; markers between them go."""
    if not interpreter.branches:
        raise Mistake("'combine_consecutive_elements' means something only after 'expand_lattice'", position)
    for branch in interpreter.branches:
        assert branch.layout is not None
        branch.layout.combine()
    branches.arrange(interpreter.branches)


def merge_elements(interpreter: Interpreter, statement: Words) -> None:
    """Leave elements as they are, of which Bmad makes Taylor maps."""
    _check_expanded(interpreter, statement)
    place = interpreter.place(statement.position)
    interpreter.losses.physics("merge_elements", "", statement.text.strip(), "elements that are not merged", place=place)


def _check_expanded(interpreter: Interpreter, statement: Words) -> None:
    if not interpreter.branches:
        raise Mistake(f"{statement.word!r} means something only after 'expand_lattice'", statement.position)


def _meant(interpreter: Interpreter, text: str, position: Position) -> list[Element]:
    """Return the elements of the branches that a list means; of slaves also what they are parts of."""
    found = selected(text, position, interpreter.vocabulary, interpreter.branches)
    slaves = [part.element for element in found if isinstance(element, Slave) for part in element.parts]
    return [*found, *slaves]


def _fits_any(interpreter: Interpreter, text: str, lord: Element, position: Position) -> bool:
    """Whether a list means an element that controls others; ranges and places mean those that lie in branches."""
    words = [word for word in text.replace(",", " ").split() if not set(word.replace("::", "")) & set("&~+>:")]
    return any(Pattern(word, position, interpreter.vocabulary).fits(lord) for word in words if not word.isdigit())


def _is_among(element: Element, chosen: set[int]) -> bool:
    return id(element) in chosen or (isinstance(element, Slave) and any(id(part.element) in chosen for part in element.parts))


def _begin_later(interpreter: Interpreter, branch: Branch, before: Sequence[Element], statement: Words) -> None:
    """Report what is known of the beginning and not of where the branch begins now; there it is open."""
    place = interpreter.place(statement.position)
    line = interpreter.lines[branch.name]
    line.settings["geometry"] = Setting("open", place)
    if any(element.keyword in ACCELERATE for element in before):
        interpreter.losses.physics("beginning", "p0c", "that behind what is taken away", "that before it", place=place)
    for settings in (line.settings, interpreter.parameters["beginning"]):
        for name in [name for name in settings if name.partition("_")[0] in OF_BEGINNING] if before else ():
            interpreter.losses.note("beginning", name, settings.pop(name).value, "it was that of the whole", place=place)
