"""Commands that read other files (Bmad manual, "Call Statement", "Inline Call")."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from caraval.converters.files import contents, is_file
from caraval.core.errors import suggest

from . import environment, syntax
from .definitions import Element
from .expressions import Literal
from .parser import parse
from .positions import Mistake, Position
from .syntax import Given

if TYPE_CHECKING:
    from .interpreter import Interpreter

DEEPEST = 50
"""How many files may call each other."""

INLINE = "call::"
"""How an attribute begins in whose place others are read from a file."""


def call(interpreter: Interpreter, command: syntax.Command) -> None:
    """Read another file."""
    files = [given for given in command.attributes if given.name in ("file", "filename")]
    if len(files) != 1 or files[0].value is None:
        raise Mistake("a file is called by 'call, file = name'", command.position)
    may_be_missing = any(given.name == "no_abort_on_open_error" for given in command.attributes)
    found = _found(interpreter, str(files[0].value.value(interpreter)), files[0].value.position, may_be_missing=may_be_missing)
    if found is not None:
        interpreter.run(*found)


def is_inline(given: Given) -> bool:
    """Whether an attribute stands for those in a file."""
    return not given.name and isinstance(given.value, Literal) and given.value.text.lower().startswith(INLINE)


def inline(interpreter: Interpreter, element: Element, given: Given) -> bool:
    """Set the attributes of an element that a file has, and return whether elements of its class have them.

    Raises
    ------
    Mistake
        If the file cannot be called.
    LatticeError
        If something in the file makes no sense.
    """
    assert isinstance(given.value, Literal)
    found = _found(interpreter, given.value.text[len(INLINE) :].strip("\"'"), given.value.position)
    assert found is not None
    path, shown = found
    with interpreter.reading(path, shown):
        for each in _attributes(element, contents(path, shown)):
            if not interpreter.give(element, each):
                raise interpreter.no_attribute(element, each)
    return True


def _attributes(element: Element, text: str) -> tuple[Given, ...]:
    """Return what a file says of an element: what could stand behind its class in a definition."""
    try:
        (statement,) = parse(f"inline: {element.keyword},{text}".replace(",", ",\n", 1))
    except ValueError:
        raise Mistake("a file that is called inline has the attributes of one element", Position(1, 1)) from None
    except Mistake as mistake:
        raise Mistake(mistake.message, _without_class(mistake.position)) from None
    assert isinstance(statement, syntax.Definition)
    return tuple(map(_in_file, statement.attributes))


def _in_file(given: Given) -> Given:
    """Return an attribute with its position in its file."""
    value = given.value and replace(given.value, position=_without_class(given.value.position))
    return replace(given, position=_without_class(given.position), value=value)


def _without_class(position: Position) -> Position:
    return position._replace(line=max(1, position.line - 1))


def _found(interpreter: Interpreter, name: str, position: Position, *, may_be_missing: bool = False) -> tuple[Path, str] | None:
    """Return a file, and how it is called in messages; None: it may be missing and is.

    Raises
    ------
    Mistake
        If there is none, or it calls itself.
    """
    given = Path(environment.expanded(interpreter, name, position))
    path = interpreter.files[-1].parent / given
    if interpreter.looks_here_first and is_file(Path(given.name)):
        path = given = Path(given.name).absolute()
    if not is_file(path):
        if may_be_missing:
            return None
        raise Mistake(f"no file {str(given)!r} in {str(path.parent)!r}{suggest(path.name, _siblings(path))}", position)
    if path.resolve() in [file.resolve() for file in interpreter.files]:
        through = " calls ".join(file.name for file in [*interpreter.files, path])
        raise Mistake(f"a file cannot call itself: {through}", position)
    if len(interpreter.files) >= DEEPEST:
        raise Mistake(f"files call each other more than {DEEPEST} deep", position)
    return path, str(Path(interpreter.file).parent / given)


def _siblings(path: Path) -> list[str]:
    try:
        return [sibling.name for sibling in path.parent.iterdir()]
    except (OSError, ValueError):
        return []


def use_local_lat_file(interpreter: Interpreter, command: syntax.Command) -> None:
    """Look for the files that are called in the working directory first."""
    interpreter.looks_here_first = True


def setenv(interpreter: Interpreter, statement: syntax.Words) -> None:
    """Set an environment variable for the calls that follow."""
    name, equals, value = (part.strip() for part in statement.text.partition("!")[0].partition("="))
    if not name or not equals:
        raise Mistake("an environment variable is set by 'setenv NAME = value'", statement.position)
    interpreter.environment[name] = value.strip("\"'")
