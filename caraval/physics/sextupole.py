"""Sextupoles."""

from __future__ import annotations

from typing import Any, Literal

from caraval.core import scalar
from caraval.core.element import Element, End
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter

from .shared import drift_kick, electric, fringes, steps
from .shared.electric import ElectricMagnet


class Sextupole(ElectricMagnet):
    """A sextupole magnet (Bmad manual, "Sextupole").

    Attributes
    ----------
    k2 : Parameter
        Normalised strength ``d^2 B / dx^2`` over the rigidity [1/m^3].
    b2_gradient : Parameter, optional
        The same as a field [T/m^2], instead.
    fringe_type, fringe_at
        Edges: the nonlinear hard edge.
    """

    k2: Parameter = 0.0
    b2_gradient: Parameter | None = None
    fringe_type: Literal["none", "full", "hard_edge_only", "soft_edge_only"] = "none"
    fringe_at: End = "both_ends"

    odd = (*ElectricMagnet.odd, "k2", "b2_gradient")
    main = ("k2", 2)
    fields = {**ElectricMagnet.fields, "k2": "b2_gradient"}  # noqa: RUF012
    only_nonlinear = True


def edges(sextupole: Sextupole) -> tuple[fringes.Chain, fringes.Chain]:
    """Return the hard edges. Bmad takes ``k2`` where the theory has ``k2 / 2``."""
    if sextupole.fringe_type not in ("full", "hard_edge_only"):
        return (), ()
    entrance, exit = (fringes.multipole_edge(2, lambda e: e.k2, side) for side in (+1, -1))
    return fringes.at_ends(sextupole, (entrance,), (exit,))


def rule(sextupole: Sextupole, length: float) -> int:
    """Return Bmad's number of steps."""
    found = sextupole.strengths(scalar)
    dipole, main = (steps.magnitude(n, *found.get(n, (0.0, 0.0))) for n in (0, 2))
    electric_curvature, electric_gradient = electric.step_terms(sextupole)
    curvature = dipole / length + electric_curvature
    radius = sextupole.r0_mag or steps.REFERENCE_RADIUS
    return steps.by_strength(length, curvature, radius * main + length * curvature**2 + electric_gradient)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks and exact drifts."""
    return {**drift_kick.methods(Sextupole, rule, edges)}
