"""Carries out the statements of lattice files, one after the other."""

from __future__ import annotations

from functools import singledispatchmethod

from caraval.core.errors import suggest
from caraval.core.losses import Losses

from . import commands, syntax
from .definitions import REFERS, Element, Line, Member, Quantity, Sequence, Setting
from .flow import Flow
from .searching import Matching
from .source import Mistake, Place, Source
from .statements import attributes
from .vocabulary import CLASSES, COMMANDS, TEXTS, has
from .vocabulary import attributes as attributes_of


class Interpreter(Flow):
    """Reads lattice files and keeps what they define.

    Parameters
    ----------
    losses : Losses
        Takes what cannot be carried.
    """

    def __init__(self, losses: Losses) -> None:
        super().__init__(losses)
        self.open: Sequence | None = None
        self.edited: Sequence | None = None
        self.selected: dict[str, list[dict[str, str]]] = {}
        self.matching: Matching | None = None

    # ---------------------------------------------------------------- statements

    @singledispatchmethod
    def execute(self, statement: syntax.Statement) -> str | None:
        """Carry out a statement, and return ``"return"`` or ``"stop"`` if those after it are not.

        Raises
        ------
        Mistake, LatticeError
            If it makes no sense.
        """
        raise NotImplementedError

    @execute.register
    def _ignored(self, statement: syntax.Ignored) -> None:
        self.say(statement.word, "command", statement.source.place(statement.offset))

    @execute.register
    def _assignment(self, statement: syntax.Assignment) -> None:
        if statement.name in self.constants:
            place = statement.source.place(statement.offset)
            self.say(statement.name, "a constant that is given another value", place, "the first value, as in MAD-X")
            return
        if statement.constant:
            self.constants.add(statement.name)
        quantity = self.quantity(statement.value, statement.source, statement.deferred)
        if statement.truncated and isinstance(quantity.value, float):
            quantity = Quantity(float(int(quantity.value)), quantity.doubts)
        self.set_variable(statement.name, quantity)

    @execute.register
    def _setting(self, statement: syntax.Setting) -> None:
        owner, given, source = statement.owner, statement.given, statement.source
        if owner == "beam" or owner.startswith("beam%"):
            commands.set_beam(self, owner[5:], [given], source, source.place(statement.offset))
        elif owner in self.elements:
            self.give(self.elements[owner], given, source)
        elif owner in self.sequences and given.name == "l":
            self.sequences[owner].length = self.length(given, source)
            self.changed()
        else:
            near = self.near(owner, [*self.elements, *self.sequences, "beam"])
            self.say(owner, f"->{given.name}, but there is no such element{near}", source.place(statement.offset))

    @execute.register
    def _line(self, statement: syntax.Line) -> None:
        place = statement.source.place(statement.offset)
        self.lines[statement.name] = Line(statement.name, place, statement.arguments, statement.items, statement.source)
        self.sequences.pop(statement.name, None)
        self.define(statement.name)

    @execute.register
    def _macro(self, statement: syntax.Macro) -> None:
        self.macros[statement.name] = statement

    @execute.register
    def _definition(self, statement: syntax.Definition) -> str | None:
        name, keyword = statement.name, statement.keyword
        if keyword == "sequence":
            self._sequence(statement)
            return None
        if keyword in COMMANDS:
            command = syntax.Command(statement.source, statement.offset, keyword, statement.rest)
            self.commands[name] = command
            self.results.add(name)
            return commands.run(self, command)
        place = statement.source.place(statement.offset)
        given = list(attributes(statement.rest, TEXTS))
        if name == keyword and name in self.elements:
            element = self.elements[name]
        elif self.open is not None and name in self.elements:
            element = self.elements[name]  # MAD-X keeps the first definition then
            self.say(name, "defined again in a sequence", place, "the first definition, as in MAD-X")
            given = [part for part in given if part.name in ("at", "from")]
        else:
            element = self._new(name, keyword, place, statement.source)
        for part in given:
            if part.name not in ("at", "from"):
                self.give(element, part, statement.source)
        self.elements[name] = element
        self.changed()
        if self.open is not None:
            self._place(self.open, name, given, statement.source, place)
        return None

    @execute.register
    def _command(self, statement: syntax.Command) -> str | None:
        word, source = statement.word, statement.source
        if (
            self.open is not None
            and word != "endsequence"
            and (word in self.sequences or word in self.elements or word in CLASSES)
        ):
            self._member(self.open, statement)
        elif word in COMMANDS:
            return commands.run(self, statement)
        elif word in self.elements:
            for given in attributes(statement.rest, TEXTS):
                self.give(self.elements[word], given, source)
        else:
            near = self.near(word, [*COMMANDS, *self.elements])
            self.say(word, f"no command and no element{near}", source.place(statement.offset), "skipped, as in MAD-X")
        return None

    # ---------------------------------------------------------------- elements

    def give(self, element: Element, given: syntax.Given, source: Source) -> None:
        """Set an attribute of an element."""
        if not has(element.keyword, given.name):
            near = self.near(given.name, attributes_of(element.keyword))
            self.losses.physics(
                element.name,
                given.name,
                f"an attribute that a {element.keyword} has not{near}",
                place=source.place(given.offset),
            )
            return
        element.settings[given.name] = self.setting(given, source)
        self.changed()

    def _new(self, name: str, keyword: str, place: Place, source: Source) -> Element:
        if keyword in self.elements:
            like = self.elements[keyword]
            return Element(name, like.keyword, keyword, place, dict(like.settings))
        if keyword in CLASSES:
            return Element(name, keyword, keyword, place, {})
        near = suggest(keyword, [*CLASSES, *self.elements])
        raise place.error(f"there is no element or element class {keyword!r}{near}")

    # ---------------------------------------------------------------- sequences

    def length(self, given: syntax.Given, source: Source) -> Quantity:
        """Return a length.

        Raises
        ------
        Mistake
            If it is none.
        """
        found = self.setting(given, source).value
        if not isinstance(found, Quantity):
            raise Mistake(f"{given.name} must be a number", given.offset)
        return found

    def amount(self, given: syntax.Given, source: Source) -> float:
        """Return the present value of what is given to a command; a flag is one or zero."""
        return float(given.value) if isinstance(given.value, bool) else self.number(self.length(given, source))[0]

    def _sequence(self, statement: syntax.Definition) -> None:
        place = statement.source.place(statement.offset)
        if self.open is not None:
            raise place.error(f"sequence {self.open.name!r} is not ended; write 'endsequence;'")
        sequence = Sequence(statement.name, place, Quantity(0.0))
        for given in attributes(statement.rest, TEXTS):
            if given.name == "l":
                sequence.length = self.length(given, statement.source)
            elif given.name == "refer":
                word = str(given.value).lower()
                if word not in REFERS:
                    raise Mistake(
                        f"refer must be one of {', '.join(REFERS)}, not {word!r}{suggest(word, REFERS)}", given.offset
                    )
                sequence.refer = word
            elif given.name == "refpos":
                sequence.refpos = str(given.value).lower()
            elif given.name == "next_sequ":
                sequence.following = str(given.value).lower()
            else:
                self.say(statement.name, given.name, place)
        self.sequences[statement.name] = self.open = sequence
        self.lines.pop(statement.name, None)
        self.define(statement.name)

    def _member(self, sequence: Sequence, statement: syntax.Command) -> None:
        """Place an element or a sequence that is there; an element may have attributes of its own here."""
        word, source = statement.word, statement.source
        place = source.place(statement.offset)
        given = list(attributes(statement.rest, TEXTS))
        others = [part for part in given if part.name not in ("at", "from")]
        own = None
        if others and word not in self.sequences:
            own = self._new(word, word, place, source)
            for part in others:
                self.give(own, part, source)
        elif word in CLASSES and word not in self.elements:
            self.elements[word] = Element(word, word, word, place, {})
        self._place(sequence, word, given, source, place, own)

    def _place(
        self, sequence: Sequence, name: str, given: list[syntax.Given], source: Source, place: Place, own: Element | None = None
    ) -> None:
        said = {part.name: part for part in given}
        if "at" not in said:
            raise place.error(f"{name!r} needs a position in sequence {sequence.name!r}: at = ...")
        origin = str(said["from"].value).lower() if "from" in said else ""
        at = self.length(said["at"], source)
        if own is None and name in self.elements:
            self.elements[name].settings["at"] = Setting(at, place)
        sequence.members.append(Member(name, at, place, origin, REFERS[sequence.refer], own))
