"""Carries out the statements of lattice files, one after the other."""

from __future__ import annotations

from pathlib import Path

from caraval.converters.files import is_file
from caraval.core.errors import suggest
from caraval.core.losses import Losses

from . import syntax, values
from .definitions import Beamline, Element
from .expansion import LONGEST, count, present
from .positions import Place
from .rpn import Calculator
from .source import Source, Text
from .syntax import Given, Head, Item
from .vocabulary import COMMANDS, ElementType, fitting, types

INCLUDE = "#INCLUDE:"

NESTED = 10
"""How deep files may include each other (as in elegant)."""


class Interpreter:
    """Reads lattice files and keeps what they define.

    Parameters
    ----------
    losses : Losses
        Hears of what is passed over.
    calculator : Calculator, optional
        With memories that are there already.
    """

    def __init__(self, losses: Losses, calculator: Calculator | None = None) -> None:
        self.losses = losses
        self.calculator = calculator or Calculator()
        self.elements: dict[str, Element] = {}
        self.lines: dict[str, Beamline] = {}
        self.used: tuple[str, Place] | None = None
        self.title = ""
        self._types = dict(types())
        self._passed_over: dict[str, str] = {}
        self._files: list[Path] = []

    def run(self, path: Path, shown: str) -> None:
        """Carry out the statements of a file.

        Parameters
        ----------
        path : Path
        shown : str
            How the file is called in messages.

        Raises
        ------
        LatticeError
        """
        source = Source(path, shown)
        self._files.append(path.resolve())
        for statement in source.statements():
            if not self._execute(statement, source):
                break
        self._files.pop()

    def _execute(self, statement: Text, source: Source) -> bool:
        """Carry out a statement, and return whether the file goes on."""
        text = statement.text
        if text.startswith("%"):
            self.calculator.run(text[1:], statement.place())
            return True
        if text.lstrip().upper().startswith(INCLUDE):
            self._include(statement)
            return True
        without = syntax.closed(statement)
        if without is not statement:
            place = statement.place(len(without.text))
            self.losses.note("lattice file", "", "a quote that closes nothing", "left out, as elegant does", place=place)
        head, statement = syntax.head(without), without
        names = [*self._types, *COMMANDS]
        meant = fitting(head.word, names)
        if head.name and head.word in self.elements and head.word not in names:
            self._define(head, self.elements[head.word].type, statement, source, self.elements[head.word])
        elif len(meant) > 1:
            raise head.place.error(f"{head.word!r} may be {', '.join(meant)}; write more of it")
        elif not meant:
            self._pass_over(head, statement)
        elif meant[0] == "LINE":
            self._line(head, statement)
        elif meant[0] in COMMANDS:
            return self._command(meant[0], head, statement, source)
        elif head.name:
            self._define(head, self._types[meant[0]], statement, source)
        else:
            self._pass_over(head, statement)
        return True

    def _pass_over(self, head: Head, statement: Text) -> None:
        """Go on as elegant does, with a warning."""
        self._passed_over[head.name] = head.word
        shown = " ".join(statement.text.split())[:80]
        self.losses.note(head.name or "lattice file", "", repr(shown), "no statement of the language", place=head.place)

    # ---------------------------------------------------------------- elements

    def _define(self, head: Head, of: ElementType, statement: Text, source: Source, pattern: Element | None = None) -> None:
        self._check_name(head)
        inherited = pattern.given if pattern is not None else ()
        given = _last_of_each([*inherited, *syntax.parameters(statement, head.rest)])
        element = Element(head.name, of, head.place, given=given)
        values.settle(element, self.calculator, self.losses)
        if of.name == "RBEN":
            self._make_sector(element)
        if of.name == "PEPPOT":
            for _ in range(int(element.number("N_HOLES"))):
                if source.line() is None:
                    break
        self.elements[head.name] = element

    def _make_sector(self, element: Element) -> None:
        """Say a rectangular bend as a sector bend; one that is made from it is a sector bend to begin with (as in elegant)."""
        element.type = self._types["SBEN"]
        values.make_sector(element)

    def _check_name(self, head: Head) -> None:
        if not head.name:
            raise head.place.error("an element or a line needs a name")
        if "#" in head.name:
            raise head.place.error(f"the name {head.name!r} must not have a '#'")
        known = self.elements.get(head.name) or self.lines.get(head.name)
        if known is not None:
            where = f"{known.place.file}:{known.place.line}"
            raise head.place.error(f"{head.name!r} is defined already, in {where}; names are for one thing")

    # ---------------------------------------------------------------- lines

    def _line(self, head: Head, statement: Text) -> None:
        self._check_name(head)
        items = syntax.members(statement, head.rest)
        self._check_members(items)
        items = present(items, self.lines)
        number = count(items, self.elements, self.lines)
        if number > LONGEST:
            raise head.place.error(f"line {head.name!r} has more than {LONGEST} elements")
        self.lines[head.name] = Beamline(head.name, head.place, items, number)

    def _check_members(self, items: tuple[Item, ...]) -> None:
        for item in items:
            if item.members is not None:
                self._check_members(item.members)
            elif item.name not in self.elements and item.name not in self.lines:
                raise item.place.error(self._undefined(item.name))

    def _undefined(self, name: str) -> str:
        if "<<" in name:
            return f"{name!r}: names with editing commands are not understood yet"
        if name in self._passed_over:
            word = self._passed_over[name]
            return f"{name!r} is no element: its type {word!r} is unknown{suggest(word, self._types)}"
        near = suggest(name, [*self.elements, *self.lines])
        return f"no element or line {name!r} is defined before this{near}"

    # ---------------------------------------------------------------- commands

    def _command(self, command: str, head: Head, statement: Text, source: Source) -> bool:
        """Carry out a command, and return whether the file goes on."""
        if command == "TITLE":
            self.title = (source.line() or "").strip().strip("\"'")
        elif command == "RENAME":
            self._rename(statement, head)
        elif command == "USE":
            name = syntax.plain(statement.text[head.rest + 1 :])
            if name:
                self.used = (name, head.place)
        return command not in ("USE", "RETURN")

    def _rename(self, statement: Text, head: Head) -> None:
        """Give a type another name."""
        old, _, new = syntax.plain(statement.text[head.rest + 1 :]).partition("=")
        if old not in self._types:
            raise head.place.error(f"there is no type {old!r} to rename{suggest(old, self._types)}")
        if not new or new in self._types:
            raise head.place.error(f"{old} cannot be renamed to {new!r}")
        self._types = {(new if name == old else name): type for name, type in self._types.items()}

    def _include(self, statement: Text) -> None:
        before = statement.text.upper().index(INCLUDE) + len(INCLUDE)
        name = syntax.unquoted(statement.text[before:].strip())
        place = statement.place(before)
        folders = (self._files[-1].parent, self._files[0].parent)
        path = next((folder / name for folder in folders if is_file(folder / name)), None)
        if path is None:
            raise place.error(f"there is no file {name!r}")
        if path.resolve() in self._files:
            raise place.error(f"{name!r} includes itself")
        if len(self._files) >= NESTED:
            raise place.error(f"files are nested more than {NESTED} deep")
        self.run(path, str(path))


def _last_of_each(given: list[Given]) -> list[Given]:
    """Return what is given last of each parameter, in order: what came before does not count."""
    last = {one.name: one for one in given}
    return [one for one in given if last[one.name] is one]
