"""Matches that take their Twiss parameters from upstream (Bmad manual, "Match")."""

from __future__ import annotations

from caraval.core.element import Element as CaravalElement
from caraval.core.lattice import Lattice
from caraval.physics.match import Match
from caraval.physics.shared.upstream import has_beginning

from .definitions import Branch


def told(lattice: Lattice, branch: Branch) -> Lattice:
    """Return a lattice with its matches as Bmad has them: where no Twiss parameters come in, nothing is matched.

    Raises
    ------
    LatticeError
        If the Twiss parameters that come in depend on the match.
    """
    asking = lattice.planner.asking
    if not asking:
        return lattice
    elements = list(lattice.elements)
    for place in asking:
        elements[place] = _told(elements[place], lattice, branch)
    return lattice.replace(elements=elements)


def _told(match: CaravalElement, lattice: Lattice, branch: Branch) -> CaravalElement:
    if isinstance(match, Match) and not match.turns_nothing() and lattice.geometry == "closed":
        raise branch.place.error(
            f"{match.label}: in a closed lattice {match.matrix} depends on the optics that it changes; "
            "give beta_a0, beta_b0, ... and recalc = F"
        )
    return match if has_beginning(lattice) else match.replace(matrix="identity")
