"""What lies in a branch while elements are put upon others (Bmad manual, "Superposition")."""

from __future__ import annotations

from dataclasses import dataclass, field

from .definitions import Element, Setting

END = "end"
"""Name of the marker at the end of a branch."""


@dataclass(eq=False, slots=True)
class Whole:
    """An element as the file means it, whether or not it still lies there in one piece.

    Attributes
    ----------
    element : Element
    length : float
        [m]
    is_reflected : bool
        Whether it stands in a line that is gone through from its end: what is placed by it is placed in the mirror, too.
    start : float
        Where it began [m], if it is gone.
    pieces : list of Piece
        In order, from its entrance to its exit; of what is gone, none.
    origin : Whole, optional
        Of a part of a drift: the drift.
    parts : list of Whole
        Of a drift that was cut: what is left of it, in order.
    is_lord : bool
        Whether it no longer lies there in one piece by itself.
    """

    element: Element
    length: float
    is_reflected: bool = False
    start: float = 0.0
    pieces: list[Piece] = field(default_factory=list)
    origin: Whole | None = None
    parts: list[Whole] = field(default_factory=list)
    is_lord: bool = False

    @property
    def span(self) -> tuple[float, float]:
        """Where it begins and ends [m]."""
        if self.pieces:
            return self.pieces[0].start, self.pieces[-1].end
        return self.start, self.start + self.length


@dataclass(eq=False, slots=True)
class Piece:
    """What particles go through in one go: a whole element, or a part of one or of several that lie upon each other."""

    wholes: list[Whole]
    start: float
    end: float
    keyword: str

    @property
    def is_drift(self) -> bool:
        """Whether there is nothing but a drift."""
        return self.keyword == "drift"

    @property
    def is_empty(self) -> bool:
        """Whether it has no length."""
        return self.start == self.end


def is_end(piece: Piece) -> bool:
    """Whether a piece is the marker at the end."""
    return piece.keyword == "marker" and piece.wholes[0].element.name == END


def alone(whole: Whole, start: float, end: float) -> Piece:
    """Return a piece for an element by itself."""
    whole.pieces = [Piece([whole], start, end, whole.element.keyword)]
    return whole.pieces[0]


def number_parts(origin: Whole) -> None:
    """Give the parts of a drift their names: the drift's, and a number in the order along it."""
    name = origin.element.name
    parts = reversed(origin.parts) if origin.element.reversed else origin.parts
    for number, part in enumerate(parts, 1):
        part.element = part.element.copy(f"{name}#{number}")
        part.element.settings["l"] = Setting(part.length, origin.element.place)
