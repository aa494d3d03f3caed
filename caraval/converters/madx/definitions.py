"""What statements define."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from .expressions import Node as Expression
from .source import Place, Source
from .syntax import Item


class Doubt(NamedTuple):
    """Why a value may be another in MAD-X, or is none.

    Attributes
    ----------
    kind : str
        ``"undefined"``: of a variable that nothing defines, so that it is zero as in MAD-X; ``"unknown"``: only a run of
        MAD-X would tell; ``"wrong"``: there is no value.
    why : str
    place : Place
        Of the part of the expression that is to blame.
    """

    kind: Literal["undefined", "unknown", "wrong"]
    why: str
    place: Place


Doubts = tuple[Doubt, ...]


class Deferred(NamedTuple):
    """An expression that is worked out whenever its value is needed, and the source that it stands in."""

    node: Expression
    source: Source


class Quantity(NamedTuple):
    """A number, or an expression; and why the number may be another."""

    value: float | Deferred
    doubts: Doubts = ()


@dataclass(slots=True)
class Setting:
    """What an attribute is set to, and where.

    Attributes
    ----------
    value : Quantity, list of them, str or bool
    """

    value: Quantity | list[Quantity] | str | bool
    place: Place


@dataclass(eq=False, slots=True)
class Element:
    """An element.

    Attributes
    ----------
    name : str
    keyword : str
        Its class.
    parent : str
        What it was defined from: another element, or its class.
    settings : dict
        Its attributes, those of what it was defined from included.
    """

    name: str
    keyword: str
    parent: str
    place: Place
    settings: dict[str, Setting]

    @property
    def label(self) -> str:
        """Class and name, for messages."""
        return f"{self.keyword} {self.name!r}"


@dataclass(eq=False, slots=True)
class Member:
    """What stands somewhere in a sequence.

    Attributes
    ----------
    name : str
        Of an element or of another sequence.
    at : Quantity
        Where it is [m].
    origin : str
        The member from whose middle that counts; empty: from the beginning.
    half : float
        Where its middle is, from the place that `at` means: as a share of its length.
    own : Element, optional
        The element, if this one has attributes of its own.
    """

    name: str
    at: Quantity
    place: Place
    origin: str = ""
    half: float = 0.0
    own: Element | None = None


REFERS = {"entry": 0.5, "centre": 0.0, "center": 0.0, "exit": -0.5}
"""Where the middle of a member is, from the place that is given, as a share of its length."""


@dataclass(eq=False, slots=True)
class Sequence:
    """A sequence.

    Attributes
    ----------
    refer : str
        Which part of the members stands where they are said to be.
    refpos : str
        The member that stands where this sequence is said to be.
    edited : bool
        Whether members may stand in another order than that of their positions.
    """

    name: str
    place: Place
    length: Quantity
    refer: str = "centre"
    refpos: str = ""
    following: str = ""
    members: list[Member] = field(default_factory=list)
    edited: bool = False


@dataclass(eq=False, slots=True)
class Line:
    """A beam line; `arguments` are the names that stand for what it is given."""

    name: str
    place: Place
    arguments: tuple[str, ...]
    items: tuple[Item, ...]
    source: Source


@dataclass(slots=True)
class Effect:
    """Something that changes a sequence until it is used again, and that is not carried."""

    command: str
    what: str
    place: Place


class Assigned(NamedTuple):
    """Errors of some elements: where they are misplaced, and integrated field errors, normal and skew, by order.

    Attributes
    ----------
    selections : list of dict
        Criteria, any of which the elements meet.
    """

    selections: list[dict[str, str]]
    values: dict[str, float]
    normal: list[float]
    skew: list[float]


@dataclass(slots=True)
class Used:
    """A sequence or a line that was taken for work, and the part of it."""

    name: str
    place: Place
    range: str = ""
    effects: list[Effect] = field(default_factory=list)
    assigned: list[Assigned] = field(default_factory=list)
