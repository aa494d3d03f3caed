"""What effects that act on every particle by itself do to coordinates that carry their derivatives.

Such an effect says where a particle goes and how that changes with its coordinates (``Collective.orbit``). So it moves jets by
the chain rule; jets of jets, by the derivative that the library has of all that.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from .arrays import library, stack
from .chains import numbers_of
from .coordinates import Coordinates
from .errors import BackendError
from .jet import Jet, expansion
from .maps import ZERO, LinearMap, marked, product
from .moments import moments_from
from .plan import Act, Prepared
from .reference import Reference
from .registry import backend_of
from .routine import Collective, name_of


def is_felt(stage: Any) -> bool:
    """Whether a stage is an effect that a single particle feels."""
    return isinstance(stage, Act) and stage.effect.orbit is not None


def response(act: Act, prepared: Prepared, backend: Any, q: Coordinates) -> Coordinates:
    """Return coordinates, jets or jets of jets, after an effect.

    Parameters
    ----------
    act : Act
        That a single particle feels.
    prepared : Prepared
        The plan that it stands in.
    backend : Backend
        Of arrays, where the coordinates are plain numbers.
    q : Coordinates
        Jets.

    Raises
    ------
    BackendError
        If second derivatives are asked of a library that has no derivatives.
    """
    values, slopes = expansion(q)
    rows, moved = _expanded(act, prepared.references[act.place], backend, values)
    along = [marked(column) for column in zip(*slopes, strict=True)]
    return Coordinates(*(Jet(v, tuple(_some(product(row, a)) for a in along)) for row, v in zip(rows, moved, strict=True)))


def _some(slope: Any) -> Any:
    return None if slope is ZERO else slope


def _expanded(act: Act, reference: Reference, backend: Any, values: list[Any]) -> tuple[list[list[Any]], list[Any]]:
    """Return the derivatives of an effect at six numbers, arrays or jets, entry by entry, and where it takes them."""
    inner, slopes = expansion(values)
    along = [marked(column) for column in zip(*slopes, strict=True)]
    steps = [None if all(s is ZERO for s in column) else _stacked(column, backend) for column in along]
    point = _stacked(inner, backend)
    xp = array_namespace(point)
    shape = np.broadcast_shapes(point.shape, *(step.shape for step in steps if step is not None))
    point, backend = xp.broadcast_to(point, shape), backend_of(point)
    program = _program(act.effect, backend)

    def function(point: Any) -> Any:
        return program(act.constants, reference, point, xp)

    if not any(isinstance(value, Jet) for value in values):
        return _in_rows(numbers_of(LinearMap(*function(point))))
    if not backend.has_derivatives:
        raise BackendError(
            f"the collective effect {name_of(act.effect.track)} has a first derivative alone on {backend.name}: for order=2 "
            "and exact derivatives by pz use lattice.to('torch') or lattice.to('jax')"
        )
    found, steeper = function(point), []
    for step in steps:
        if step is not None:
            found, step = backend.push(function, point, xp.broadcast_to(step, shape))
        steeper.append((None,) * 42 if step is None else numbers_of(LinearMap(*step)))
    return _in_rows([Jet(*pair) for pair in zip(numbers_of(LinearMap(*found)), zip(*steeper, strict=True), strict=True)])


def _in_rows(numbers: list[Any]) -> tuple[list[list[Any]], list[Any]]:
    return [numbers[i : i + 6] for i in range(0, 36, 6)], numbers[36:]


@lru_cache(maxsize=256)
def _program(effect: Collective, backend: Any) -> Any:
    """Return ``(constants, reference, point, xp) -> (Jacobian (..., 6, 6), point)`` of an effect, as a backend runs it best."""

    def orbit(constants: Any, reference: Reference, point: Any, xp: Any) -> Any:
        nothing = 0 * (point[..., :, None] * point[..., None, :])
        return effect.orbit(constants, moments_from(point, nothing, reference, 0.0), backend)  # type: ignore[misc]

    return backend.program(orbit)


def _stacked(values: Sequence[Any], backend: Any) -> Any:
    """Return six numbers or arrays as an array (..., 6), of a library's if they are plain."""
    array = stack(values)
    return backend.asarray(array) if library(array) == "numpy" else array
