"""What a file says about where an element is superimposed (Bmad manual, "Superposition Fundamentals")."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from caraval.core.errors import suggest

from .definitions import Element, Settings
from .positions import Place

if TYPE_CHECKING:
    from .state import State

ORIGINS = {"beginning": 0.0, "center": 0.5, "end": 1.0}
"""Points of an element by which it is placed, as shares of its length."""


@dataclass(frozen=True)
class Placement:
    """Where an element is superimposed.

    Attributes
    ----------
    element : Element
        What is superimposed.
    place : Place
        Where the file says so.
    reference : str
        Upon what; empty: the beginning of the first branch.
    offset : float
        Of its origin from that of the reference [m].
    origin, reference_origin : float
        As shares of the lengths.
    wraps : bool
        Whether what is beyond one end of the branch goes on at the other.
    is_jumbo : bool
        Whether all that overlap with it become one piece.
    passes : (str, int), optional
        Instead of a reference: name of an element of a multipass line, and its place there.
    """

    element: Element
    place: Place
    reference: str
    offset: float
    origin: float
    reference_origin: float
    wraps: bool
    is_jumbo: bool
    passes: tuple[str, int] | None = None

    def end(self, length: float, reference: tuple[float, float], *, reflected: bool) -> float:
        """Return where the element ends [m].

        Parameters
        ----------
        length : float
            Of the element [m].
        reference : (float, float)
            Where the reference begins and ends [m].
        reflected : bool
            Whether everything is to be done in the mirror.
        """
        offset, origin, share = self.offset, self.origin, self.reference_origin
        if reflected:
            offset, origin, share = -offset, 1 - origin, 1 - share
        begin, end = reference
        return offset + (1 - origin) * length + (1 - share) * begin + share * end


def placements(state: State) -> list[Placement]:
    """Return all superpositions that a file asks for, in the order in which they take place: that of definitions.

    Raises
    ------
    LatticeError
    """
    if not state.superimposes:
        return []
    asked = [(number, 1, element, element) for number, element in enumerate(state.elements.values()) if _is_asked(element)]
    for number, said in state.superimposed:
        if said.name not in state.elements:
            raise said.place.error(f"no element {said.name!r} is defined{suggest(said.name, state.elements)}")
        asked.append((number, 0, state.elements[said.name], said))
    return [_placement(element, said) for _, _, element, said in sorted(asked, key=lambda entry: entry[:2])]


def _is_asked(element: Element) -> bool:
    setting = element.settings.get("superimpose")
    return setting is not None and setting.logical("superimpose")


def _placement(element: Element, said: Element) -> Placement:
    settings = said.settings
    place = settings["superimpose"].place if "superimpose" in settings and said is element else said.place
    return Placement(
        element,
        place,
        reference=str(settings["ref"].value).lower() if "ref" in settings else "",
        offset=settings["offset"].number("offset") if "offset" in settings else 0.0,
        origin=_origin(settings, "ele"),
        reference_origin=_origin(settings, "ref"),
        wraps=_is_set(settings, "wrap_superimpose", default=True),
        is_jumbo=_is_set(settings, "create_jumbo_slave", default=False),
    )


def _origin(settings: Settings, whose: str) -> float:
    """Return the origin of an element or of its reference; each has a former name, too."""
    said = settings.get(f"{whose}_origin")
    if said is None:
        former = [word for word in ORIGINS if _is_set(settings, f"{whose}_{word}", default=False)]
        return ORIGINS[former[0] if former else "center"]
    word = said.word(f"{whose}_origin")
    fitting = [known for known in ORIGINS if known.startswith(word)]
    if not word or len(fitting) != 1:
        known = ", ".join(ORIGINS)
        raise said.place.error(f"{whose}_origin must be one of {known}, not {word!r}{suggest(word, ORIGINS)}")
    return ORIGINS[fitting[0]]


def _is_set(settings: Settings, name: str, *, default: bool) -> bool:
    return settings[name].logical(name) if name in settings else default
