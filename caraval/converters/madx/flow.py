"""Runs files, macros and blocks (MAD-X manual, "Program Flow Statements")."""

from __future__ import annotations

import re
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from caraval.converters.files import contents, is_file
from caraval.core.errors import suggest
from caraval.core.losses import Losses

from . import syntax
from .definitions import Doubts
from .source import Mistake, Place, Source
from .state import State
from .statements import statements

DEEPEST = 40
"""How deep files, macros and blocks may be nested."""

MOST = 300_000
"""How many statements loops, macros and repeated calls may come to, besides those that the files hold."""

FEW = 20
"""How many unknown names the nearest known one is looked for."""

LONGEST = 10_000_000
"""How many characters macros may come to."""


class Flow(State):
    """Carries statements out in their order, and says what cannot be carried.

    Parameters
    ----------
    losses : Losses
        Takes what cannot be carried.
    """

    def __init__(self, losses: Losses) -> None:
        super().__init__()
        self.losses = losses
        self.files: list[Path] = []
        self._known: set[Path] = set()
        self._said: set[tuple[str, str]] = set()
        self._level = 0
        self._left = MOST
        self._guesses = 0
        self._expanded = 0

    @abstractmethod
    def execute(self, statement: syntax.Statement) -> str | None:
        """Carry out a statement, and return ``"return"`` or ``"stop"`` if those after it are not."""

    def source(self, name: str, text: str) -> Source:
        """Return the source of a file of that text."""
        return Source.of_file(name, text)

    # ---------------------------------------------------------------- files, macros and blocks

    def read(self, path: Path, shown: str, place: Place | None = None) -> str:
        """Carry out the statements of a file, and return the word that stopped them.

        Raises
        ------
        LatticeError
        """
        text = contents(path, shown)
        if path not in self._known:
            self._known.add(path)
            self._left += text.count(";") + text.count("{")
        self.files.append(path)
        source = self.source(shown, text)
        word = self.run(source, place or source.place(0))
        self.files.pop()
        return word

    def beside(self, name: str) -> Path | None:
        """Return the file of that name: beside the file that is read, or beside one that called that."""
        for caller in reversed(self.files):
            for spelled in dict.fromkeys((name, name.lower())):
                path = caller.parent / spelled
                if is_file(path):
                    return path
        return None

    def run(self, source: Source, place: Place, start: int = 0, end: int | None = None) -> str:
        """Carry out statements, and return the word that stopped them: ``""``, ``"return"`` or ``"stop"``."""
        if self._level >= DEEPEST:
            raise place.error(f"files, macros and blocks are nested more than {DEEPEST} deep; does one call itself?")
        self._level += 1
        word, taken = "", None
        with located(source):
            for statement in statements(source, start, end):
                self.step(source.place(statement.offset))
                if isinstance(statement, syntax.Block):
                    word, taken = self._block(statement, taken)
                else:
                    word, taken = self.execute(statement) or "", None
                if word:
                    break
        self._level -= 1
        return word

    def exec_macro(self, name: str, given: list[str], place: Place) -> str:
        """Fill a macro in and carry it out; arguments that are not given stay as they stand.

        Raises
        ------
        LatticeError
            If it comes to too much, or something in it makes no sense.
        """
        macro = self.macros[name]
        for surplus in given[len(macro.arguments) :]:
            self.losses.note(name, "exec", surplus, f"left out, as the macro takes {len(macro.arguments)}", place=place)
        text = macro.text
        for argument, value in zip(macro.arguments, given, strict=False):
            pieces = re.split(re.escape(argument), text, flags=re.IGNORECASE)  # wherever its letters stand
            self._expanded += len(text) + len(value) * len(pieces)
            if self._expanded > LONGEST:
                raise place.error(f"the macros come to more than {LONGEST} characters")
            text = value.join(pieces)
        return self.run(Source(place.file, text, place, f"in macro {name!r}: "), place)

    def step(self, place: Place, count: int = 1) -> None:
        """Count statements, or lines that one of them reads.

        Raises
        ------
        LatticeError
            If there have been too many.
        """
        self._left -= count
        if self._left < 0:
            raise place.error(f"after {MOST} repeated statements there is no end; does a loop end?")

    def _block(self, block: syntax.Block, taken: bool | None) -> tuple[str, bool | None]:
        """Carry out a block where its condition holds; `taken` is whether one of the same chain was, None outside of one."""
        place = block.source.place(block.offset)
        if block.kind == "while":
            while self._holds(block):
                self.step(place)
                word = self.run(block.source, place, block.start, block.end)
                if word:
                    return word, None
            return "", None
        if block.kind != "if" and taken is None:
            raise Mistake(f"{block.kind!r} without 'if' before it", block.offset)
        if (taken and block.kind != "if") or not self._holds(block):
            return "", bool(taken) and block.kind != "if"
        return self.run(block.source, place, block.start, block.end), True

    def _holds(self, block: syntax.Block) -> bool:
        if block.condition is None:
            return True
        value, doubts = self.fixed(block.condition, block.source)
        self.report(block.kind, "condition", doubts, block.source.place(block.offset))
        return bool(value)

    def report(self, name: str, attribute: str, doubts: Doubts, place: Place) -> None:
        """Report why a value that the lattice needs may be another.

        Raises
        ------
        LatticeError
            If that changes the tracking and is not allowed.
        """
        for doubt in doubts:
            if doubt.kind == "wrong":
                self.losses.physics(name, attribute, doubt.why, "zero, as in MAD-X", place=doubt.place)
            elif doubt.kind == "undefined":
                self.say(doubt.why, "not defined", doubt.place, "zero, as in MAD-X")
            else:
                self.losses.physics(name, attribute, doubt.why, "the value without that", place=place)

    def near(self, name: str, known: Iterable[str]) -> str:
        """Return what may be meant by a name that is not known; of the first such names only, as that takes its time."""
        self._guesses += 1
        return suggest(name, known) if self._guesses <= FEW else ""

    def say(self, word: str, about: str, place: Place, instead: str = "left out") -> None:
        """Take note, once, of a command that does not matter here."""
        if (word, about) not in self._said:
            self._said.add((word, about))
            self.losses.note(word, "", about, instead, place=place)

    @contextmanager
    def aside(self) -> Iterator[Losses]:
        """Report to other losses for a while, which are allowed: for what is tried and may be given up."""
        kept = self.losses, self._said
        self.losses, self._said = Losses("drift"), set(self._said)
        try:
            yield self.losses
        finally:
            self.losses, self._said = kept


# -------------------------------------------------------------------- what they share


@contextmanager
def located(source: Source) -> Iterator[None]:
    """Add the place to what is wrong in a source."""
    try:
        yield
    except Mistake as mistake:
        raise source.error(mistake) from None
