"""Random errors of many machines at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.names import parameter_of

CUT = 3.0
"""Errors of so many standard deviations and more are drawn again: what is measured when a machine is built."""


def with_errors(
    lattice: Lattice,
    rms: Mapping[str, float],
    *,
    relative: Mapping[str, float] | None = None,
    machines: int = 1,
    seed: int,
    cut: float = CUT,
) -> Lattice:
    """Return many machines in one lattice: the settings that have errors are arrays ``(machines,)``.

    Every occurrence of an element has errors of its own, Gaussian and cut. A setting has the same errors whatever else has
    some: they follow from the seed, the key and the place.

    Parameters
    ----------
    lattice : Lattice
        With plain numbers for these settings.
    rms : mapping
        Of errors that are added: ``{"q*.x_offset": 1e-4, "b*.roll": 2e-4}``.
    relative : mapping, optional
        Of errors that are shares of the setting: ``{"q*.k1": 1e-3}``.
    machines : int
    seed : int
    cut : float
        In standard deviations.

    Raises
    ------
    InputError
        If `machines` or `cut` is not positive, or a setting is an array already.
    UnknownNameError
        If nothing has such a name.
    """
    if machines < 1 or not cut > 0:
        raise InputError(f"machines and cut must be positive, not {machines} and {cut}")
    elements = list(lattice.elements)
    for number, (key, size, is_share) in enumerate(
        [*((k, v, False) for k, v in rms.items()), *((k, v, True) for k, v in (relative or {}).items())]
    ):
        pattern, name = parameter_of(key)
        for place in lattice.select(pattern):
            before: Any = getattr(elements[place], name) or 0.0
            if number == 0 and not is_number(before):
                raise InputError(f"{elements[place].label}: {name} is an array already; give errors to a lattice of numbers")
            rng = np.random.default_rng([seed, *key.encode(), place])
            error = size * _cut(rng, machines, cut)
            elements[place] = elements[place].replace(**{name: before * (1 + error) if is_share else before + error})
    return lattice.replace(elements=elements)


def _cut(rng: np.random.Generator, count: int, cut: float) -> np.ndarray:
    """Return standard normal numbers, drawn again where they are beyond a cut."""
    drawn = rng.standard_normal(count)
    while (beyond := np.abs(drawn) > cut).any():
        drawn[beyond] = rng.standard_normal(int(beyond.sum()))
    return drawn
