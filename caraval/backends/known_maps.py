"""Maps of rows where their numbers are known: in NumPy, without a compiler, for libraries that would have to compile them.

Beside the maps and the orbit there are the derivatives of both, from which all others follow by the chain rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from caraval.core.arrays import is_number, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.jet import DIMENSIONS, NOTHING, Jet, jet_namespace, lifted, seed
from caraval.core.rows import Variant, flatten, unflatten

from .base import moved
from .together import Group, Together, beside


def slopes(together: Together, orbits: np.ndarray, open_: Mapping[Variant, Sequence[int]], width: int) -> np.ndarray:
    """Return the derivatives of the matrices of rows, and of orbits after them.

    Parameters
    ----------
    together : Together
        The rows, of NumPy.
    orbits : array (rows, 6, ...)
        Before them.
    open_ : mapping
        Of a variant, by which of its constants.
    width : int
        So many constants a row has at most.

    Returns
    -------
    array (rows, 6 + width, 6, 7, ...)
        By the orbit before and the constants; of matrix and orbit, side by side.
    """
    found = np.zeros((len(orbits), DIMENSIONS + width, 6, 7, *orbits.shape[2:]))
    for group in together.groups:
        before = orbits[group.places]
        for places, after in _derived(group, before, open_[group.variant]):
            for i, coordinate in enumerate(after):
                columns = [*(coordinate.slopes if isinstance(coordinate, Jet) else NOTHING), _value(coordinate)]
                for j, entry in enumerate(columns):
                    for place, slope in zip(places, entry.slopes if isinstance(entry, Jet) else NOTHING, strict=False):
                        if slope is not None:
                            found[group.places, place, i, j] = slope
    return found


def _derived(group: Group, before: np.ndarray, open_: Sequence[int]) -> Iterator[tuple[Sequence[int], Coordinates]]:
    """Yield six derivatives at a time: by which inputs, and coordinates as jets by the orbit of jets by these."""
    move = moved(group.variant, jet_namespace(namespace(before), 2))
    values = [before[:, i] for i in range(6)]
    constants = flatten(lifted(beside(group.constants, before), 2))
    yield range(6), move(unflatten(group.variant.layout, iter(constants)), seed(values, 2))
    orbit = seed([Jet(value, NOTHING) for value in values])
    for start in range(0, len(open_), DIMENSIONS):
        some = open_[start : start + DIMENSIONS]
        seeded = list(constants)
        for k, place in enumerate(some):
            seeded[place] = Jet(Jet(_innermost(constants[place]), _unit(k)), NOTHING)
        yield [DIMENSIONS + place for place in some], move(unflatten(group.variant.layout, iter(seeded)), orbit)


def _unit(k: int) -> tuple[float | None, ...]:
    return tuple(1.0 if i == k else None for i in range(DIMENSIONS))


def _value(a: Any) -> Any:
    return a.value if isinstance(a, Jet) else a


def _innermost(constant: Any) -> Any:
    return constant if is_number(constant) else constant.value.value
