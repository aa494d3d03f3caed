"""What surrounds an element: what there is to know of the beam and of the neighbours."""

from __future__ import annotations

from dataclasses import dataclass, field

from caraval.core.reference import Reference, Species


@dataclass
class Opening:
    """Limits that hold from one ``MAXAMP`` to the next [m]; not positive: none."""

    x: float = 0.0
    y: float = 0.0
    elliptical: bool = False


@dataclass
class Surroundings:
    """What elements depend on besides their own parameters.

    Attributes
    ----------
    species : Species
    reference : Reference, optional
        At the beginning of the line.
    always_change_p0 : bool
        Whether every cavity changes the reference momentum.
    is_reversed : bool
        Whether the element is passed the other way round: its edges are exchanged, and nothing else (as in elegant).
    follows_itself, precedes_itself : bool
        Whether the same bend is before or after it, so that it has no edge there (as in elegant).
    has_own_gain : bool
        Whether something before it changed the energy and left the reference momentum alone.
    opening : Opening
    """

    species: Species
    reference: Reference | None = None
    always_change_p0: bool = False
    is_reversed: bool = False
    follows_itself: bool = False
    precedes_itself: bool = False
    has_own_gain: bool = False
    opening: Opening = field(default_factory=Opening)

    @property
    def sign(self) -> float:
        """Sign of the charge: elegant normalises fields as if it were positive."""
        return 1.0 if self.species.charge > 0 else -1.0
