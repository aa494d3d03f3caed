"""Octupoles."""

from __future__ import annotations

from typing import Any

from caraval.core.element import Element
from caraval.core.hookspecs import hookimpl
from caraval.core.schema import Parameter

from .shared import drift_kick, steps
from .shared.electric import ElectricMagnet


class Octupole(ElectricMagnet):
    """An octupole magnet (Bmad manual, "Octupole").

    Attributes
    ----------
    k3 : Parameter
        Normalised strength ``d^3 B / dx^3`` over the rigidity [1/m^4].
    b3_gradient : Parameter, optional
        The same as a field [T/m^3], instead.
    """

    k3: Parameter = 0.0
    b3_gradient: Parameter | None = None

    odd = (*ElectricMagnet.odd, "k3", "b3_gradient")
    main = ("k3", 3)
    fields = {**ElectricMagnet.fields, "k3": "b3_gradient"}  # noqa: RUF012
    only_nonlinear = True


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks and exact drifts."""
    return {**drift_kick.methods(Octupole, steps.fixed)}
