"""Carries out the statements of a lattice file, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import singledispatchmethod
from pathlib import Path

from caraval.converters.files import contents
from caraval.core.errors import suggest
from caraval.core.names import matches

from . import calls, commands, controllers, girders, start, syntax, tracking
from .definitions import Beamline, Element, Slave
from .expressions import Name
from .parameters import GROUPS, LINE
from .parser import parse
from .patterns import Pattern
from .positions import Mistake
from .selection import is_special, selected
from .state import State
from .vocabulary import CONTROLLERS, RESERVED


class Interpreter(State):
    """Reads lattice files and keeps what they define."""

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
        with self.reading(path, shown):
            statements = parse(contents(path, shown))
        for statement in statements:
            with self.reading(path, shown):
                self.execute(statement)

    @contextmanager
    def reading(self, path: Path, shown: str) -> Iterator[None]:
        """Be in a file, and add it to what is wrong there."""
        caller, self.file = self.file, shown
        self.files.append(path)
        with self._located():
            yield
        self.files.pop()
        self.file = caller

    def give(self, element: Element, given: syntax.Given) -> bool:
        """Set an attribute of an element, or those that a file has for it; see :meth:`State.give`."""
        return calls.inline(self, element, given) if calls.is_inline(given) else super().give(element, given)

    @contextmanager
    def _located(self) -> Iterator[None]:
        """Add the file to what is wrong in it."""
        try:
            yield
        except Mistake as mistake:
            raise self.place(mistake.position).error(mistake.message) from None

    # ---------------------------------------------------------------- statements

    @singledispatchmethod
    def execute(self, statement: syntax.Statement) -> None:
        """Carry out a statement.

        Raises
        ------
        Mistake
            If it makes no sense.
        LatticeError
            If something earlier is to blame.
        """
        raise NotImplementedError

    @execute.register
    def _assignment(self, statement: syntax.Assignment) -> None:
        name, value = statement.name, statement.value.value(self)
        known = self.constant(name, statement.position) if self.knows(name) else value
        if known != value and not statement.again:
            raise Mistake(
                f"{name!r} is {known} already and cannot become {value}; if that is meant, write 'redef: {name} = ...'",
                statement.position,
            )
        self.constants[name] = value

    @execute.register
    def _definition(self, statement: syntax.Definition) -> None:
        self._check_name(statement)
        element = self._new(statement)
        for given in statement.attributes:
            if not self.give(element, given):
                raise self.no_attribute(element, given)
        self.elements[element.name] = element

    @execute.register
    def _control(self, statement: syntax.Control) -> None:
        keyword = self.vocabulary.keyword(statement.keyword)
        if keyword is None or keyword not in CONTROLLERS:
            raise Mistake(f"{statement.keyword!r} controls nothing; {', '.join(CONTROLLERS)} do", statement.position)
        self._check_name(statement)
        is_girder = keyword == "girder"
        lord = girders.defined(self, statement) if is_girder else controllers.defined(self, statement, keyword)
        self.elements[statement.name] = lord

    @execute.register
    def _line(self, statement: syntax.Line) -> None:
        self._check_name(statement)
        place = self.place(statement.position)
        self.lines[statement.name] = Beamline(statement.name, place, statement.items, statement.arguments, statement.option)

    @execute.register
    def _list(self, statement: syntax.ReplacementList) -> None:
        self._check_name(statement)
        self.lines[statement.name] = Beamline(statement.name, self.place(statement.position), statement.items, is_list=True)

    @execute.register
    def _setting(self, statement: syntax.Setting) -> None:
        if statement.target in GROUPS:
            self.set_parameter(GROUPS[statement.target], statement.given)
        elif statement.target in self.lines:
            self._set_of_line(self.lines[statement.target], statement.given)
        else:
            self._set_of_elements(statement.target, statement.given)

    @execute.register
    def _command(self, statement: syntax.Command) -> None:
        commands.run(self, statement)

    @execute.register
    def _words(self, statement: syntax.Words) -> None:
        commands.run_words(self, statement)

    # ---------------------------------------------------------------- elements

    def _new(self, statement: syntax.Definition) -> Element:
        """Return the element that a definition begins with: like another one, or of a class."""
        place = self.place(statement.position)
        if statement.keyword in self.elements:
            like = self.elements[statement.keyword]
            if like.keyword in CONTROLLERS:
                raise Mistake(f"{like.label} cannot be copied; define another {like.keyword}", statement.position)
            return Element(statement.name, like.keyword, place, dict(like.settings))
        keyword = self.vocabulary.keyword(statement.keyword)
        if keyword in CONTROLLERS:
            raise Mistake(
                f"{keyword} {statement.name!r} needs to say what it controls: {keyword} = {{...}}", statement.position
            )
        if keyword is not None:
            return Element(statement.name, keyword, place)
        fitting = self.vocabulary.abbreviated(statement.keyword)
        if fitting:
            raise Mistake(f"{statement.keyword!r} may be {' or '.join(fitting)}; write more of it", statement.position)
        near = suggest(statement.keyword, [*self.vocabulary.classes, *self.elements])
        raise Mistake(f"there is no element class or element {statement.keyword!r}{near}", statement.position)

    def _check_name(self, statement: syntax.Definition | syntax.Line | syntax.ReplacementList) -> None:
        """Check that a new element or line can have its name."""
        name, position = statement.name, statement.position
        if name in RESERVED or name in self.vocabulary.classes:
            raise Mistake(f"{name!r} is a word of the language and cannot be a name", position)
        known = self.elements.get(name) or self.lines.get(name)
        if known is not None:
            file, line, _ = known.place
            raise Mistake(f"{name!r} is defined already, in {file} line {line}", position)

    def _set_of_elements(self, target: str, given: syntax.Given) -> None:
        if is_special(target):
            self._set_selected(target, given)
            return
        pattern = Pattern(target, given.position, self.vocabulary)
        elements = self._meant(pattern)
        if not elements and pattern.is_plain:
            if target not in self.vocabulary.classes:
                raise self.no_element(target, given.position)
            pattern = Pattern(f"{target}::*", given.position, self.vocabulary)
            elements = self._meant(pattern)
        if pattern.has_wildcards and given.name == "tracking_method" and isinstance(given.value, Name):
            elements = [element for element in elements if tracking.is_possible(element.keyword, given.value.name)]
        have = [self.give(element, given) for element in elements]
        if pattern.has_wildcards and not pattern.keyword and given.name in LINE:
            have += [self._set_of_line(line, given) for line in self.lines.values() if matches(pattern.name, line.name)]
        if elements and not any(have):  # Bmad passes over the others
            raise self.no_attribute(elements[0], given)

    def _set_selected(self, text: str, given: syntax.Given) -> None:
        """Set an attribute of the elements of a list or range."""
        if not self.branches:
            raise Mistake(f"{text!r} means something only after 'expand_lattice'", given.position)
        elements = selected(text, given.position, self.vocabulary, self.branches)
        slave = next((element for element in elements if isinstance(element, Slave)), None)
        if slave is not None:
            of = " and ".join(repr(part.element.name) for part in slave.parts)
            raise Mistake(f"{slave.label} is a part of {of}; set attributes there", given.position)
        have = [self.give(element, given) for element in elements]
        if not have:
            raise self.no_element(text, given.position)
        if not any(have):
            raise self.no_attribute(elements[0], given)

    def _meant(self, pattern: Pattern) -> list[Element]:
        if self.branches:
            one = [self.elements[pattern.name]] if pattern.name in self.elements else []
            named = one if pattern.is_plain else self.elements.values()
            controlling = pattern.among(element for element in named if element.keyword in CONTROLLERS)
            if controlling and pattern.number > 1:
                label = controlling[0].label
                raise Mistake(f"{label}: without gang, all are set alike here; leave out '##'", pattern.position)
            return pattern.within(self.branches) + controlling
        if pattern.branch or pattern.number:
            raise Mistake(f"{pattern.text!r} means something only after 'expand_lattice'", pattern.position)
        if pattern.is_plain:
            return [self.elements[pattern.name]] if pattern.name in self.elements else []
        return [element for element in self.elements.values() if pattern.fits(element)]

    def _set_of_line(self, line: Beamline, given: syntax.Given) -> bool:
        if given.name not in LINE:
            raise Mistake(f"line {line.name!r} has no parameter {given.name!r}{suggest(given.name, LINE)}", given.position)
        start.put(line.settings, given.name, self.parameter(given))
        return True
