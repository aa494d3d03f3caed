"""Places where other lines begin."""

from __future__ import annotations

from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl

from .marker import Marker


class Fork(Marker):
    """A place where another line begins (Bmad manual, "Fork and Photon_Fork"); to the beam that goes on, a marker.

    Attributes
    ----------
    to_line : str
        Name of the other line.
    to_element : str
        Name of the element in it that is reached; empty: its beginning, or its end.
    direction : 1 or -1
        -1: for particles that go backwards.
    particle : str
        Reference species of the other line; empty: the same, or photons at a :class:`PhotonFork`.
    new_branch : bool
        Whether the line becomes a branch of its own for this fork.
    """

    to_line: str = ""
    to_element: str = ""
    direction: int = 1
    particle: str = ""
    new_branch: bool = True

    feels_misalignment = False

    def validate(self) -> None:
        """Check the direction."""
        if self.direction not in (1, -1):
            raise InputError(f"{self.label}: direction must be 1 or -1, not {self.direction}")


class PhotonFork(Fork):
    """A :class:`Fork` where a line for photons begins."""


@hookimpl
def register_elements() -> list[type[Element]]:
    """Two kinds; they are tracked as markers."""
    return [Fork, PhotonFork]
