"""Matching: settings with which the optics are what they should be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import least_squares

from caraval.core.errors import InputError, LatticeError, UnknownNameError, suggest
from caraval.core.lattice import Lattice
from caraval.core.names import parameter_of
from caraval.core.registry import registry

from .descent import descend
from .table import Table
from .twiss import chromaticities, tunes, twiss

END = -1
"""The last place of a table."""

OF_RINGS = ("tune_a", "tune_b", "tune_c", "chrom_a", "chrom_b")
"""Targets that belong to no place."""


@dataclass(frozen=True)
class Target:
    """Something that should have a value.

    Attributes
    ----------
    quantity : str
        A column of :func:`caraval.optics.twiss`, or ``tune_a``, ``tune_b``, ``tune_c``, ``chrom_a``, ``chrom_b`` of a ring.
    value : float
    at : str or int
        After which element, by name or row of the table; the end, if left out.
    weight : float
        By which the deviation counts.
    """

    quantity: str
    value: float
    at: str | int = END
    weight: float = 1.0

    @property
    def label(self) -> str:
        """What it is called among residuals."""
        return self.quantity if self.quantity in OF_RINGS else f"{self.quantity} at {'end' if self.at == END else self.at}"


class Matched(NamedTuple):
    """The result of a match.

    Attributes
    ----------
    lattice : Lattice
        With the settings found.
    settings : dict
        Values of the knobs.
    deviations : dict
        What each target is from its value.
    success : bool
        Whether the search came to a minimum; see the deviations for whether it is a match.
    message : str
    """

    lattice: Lattice
    settings: dict[str, float]
    deviations: dict[str, float]
    success: bool
    message: str


def match(
    lattice: Lattice,
    targets: Sequence[Target],
    knobs: Mapping[str, tuple[float, float] | None] | Sequence[str],
    *,
    start: Mapping[str, Any] | None = None,
    backend: str | None = None,
    tolerance: float = 1e-12,
    optimizer: Any = None,
    steps: int = 200,
) -> Matched:
    """Search for settings with which targets have their values, by least squares with exact derivatives.

    Parameters
    ----------
    lattice : Lattice
        With a reference, and plain numbers for the knobs' first values.
    targets : sequence of Target
    knobs : mapping or sequence of str
        Settings, as in :meth:`Lattice.replace`: ``{"qf*.k1": (0.0, 3.0)}`` with limits, None for none.
    start : mapping, optional
        Twiss parameters at the start, as in :func:`caraval.optics.twiss`.
    backend : "torch" or "jax", optional
        Whose derivatives; left out: PyTorch's where it is installed, else JAX's.
    tolerance : float
        Of changes of the sum of squares and of the settings, relative.
    optimizer : callable or optax.GradientTransformation, optional
        In place of least squares (`scipy.optimize.least_squares`): an optimiser of optax, or what makes one of PyTorch, such as
        ``lambda knobs: torch.optim.LBFGS(knobs)``. It goes down the sum of squares of weighted deviations.
    steps : int
        Of the optimiser, at most.

    Raises
    ------
    InputError
        If there are no targets or knobs, a knob has no single first value, or the optimiser is none.
    LatticeError
        If there are no optics at the first values: no closed orbit, or unstable motion.
    BackendError
        If neither PyTorch nor JAX is installed.
    """
    limits = dict(knobs) if isinstance(knobs, Mapping) else dict.fromkeys(knobs)
    if not targets or not limits:
        raise InputError("a match needs at least one target and one knob")
    known = [_value(lattice, key) for key in limits]
    function = _Deviations(lattice, targets, list(limits), start, backend)
    edges = np.array([limit or (-np.inf, np.inf) for limit in limits.values()], dtype=float).T
    found: Any
    if optimizer is None:
        accuracy = {"xtol": tolerance, "ftol": tolerance, "gtol": tolerance}
        found = least_squares(function.values, known, function.jacobian, bounds=tuple(edges), x_scale="jac", **accuracy)
    else:
        found = descend(function.values, function.jacobian, known, edges, optimizer, steps, tolerance)
    settings = dict(zip(limits, map(float, found.x), strict=True))
    deviations = {t.label: float(v / t.weight) for t, v in zip(targets, found.fun, strict=True)}
    return Matched(lattice.replace(settings), settings, deviations, bool(found.success), str(found.message))


def _value(lattice: Lattice, key: str) -> float:
    """Return the first value of a knob."""
    pattern, name = parameter_of(key)
    values = {getattr(lattice.elements[place], name) or 0.0 for place in lattice.select(pattern)}
    if len(values) > 1:
        raise InputError(f"elements that {key!r} means have {len(values)} values of {name}; set them alike first")
    return float(values.pop())


class _Deviations:
    """Weighted deviations of targets as a function of the knobs' values."""

    def __init__(
        self,
        lattice: Lattice,
        targets: Sequence[Target],
        keys: list[str],
        start: Mapping[str, Any] | None,
        backend: str | None,
    ) -> None:
        self.lattice, self.targets, self.keys, self.start = lattice, targets, keys, start
        self.began = False
        self.backend = registry().backend(backend or ("torch" if find_spec("torch") else "jax"))

    def values(self, x: Any) -> np.ndarray:
        """Return them as numbers; infinite where there are no optics, so that the search turns back."""
        try:
            found = np.array(self._of([float(value) for value in x]), dtype=float)
        except LatticeError:
            if not self.began:
                raise
            return np.full(len(self.targets), np.inf)
        self.began = True
        return found

    def jacobian(self, x: Any) -> np.ndarray:
        """Return their derivatives."""
        return self.backend.jacobian(self._of, np.asarray(x, dtype=float))

    def _of(self, x: Sequence[Any]) -> list[Any]:
        lattice = self.lattice.replace(dict(zip(self.keys, x, strict=True)))
        return deviations(lattice, self.targets, self.start)


def deviations(lattice: Lattice, targets: Sequence[Target], start: Mapping[str, Any] | None = None) -> list[Any]:
    """Return what each target is from its value, times its weight."""
    asked = {target.quantity.partition("_")[0] for target in targets if target.quantity in OF_RINGS}
    of_ring = {f"tune_{mode}": v for mode, v in tunes(lattice)._asdict().items()} if "tune" in asked else {}
    if "chrom" in asked:
        of_ring |= {f"chrom_{mode}": v for mode, v in chromaticities(lattice, exact=True)._asdict().items()}
    along = any(target.quantity not in OF_RINGS for target in targets)
    table = twiss(lattice, start) if along else None
    return [float(target.weight) * (_quantity(target, table, of_ring) - float(target.value)) for target in targets]


def _quantity(target: Target, table: Table | None, of_ring: Mapping[str, Any]) -> Any:
    if target.quantity in of_ring and of_ring[target.quantity] is not None:
        return of_ring[target.quantity]
    if table is None or target.quantity not in table:
        names = [*(table or ()), *OF_RINGS]
        raise UnknownNameError(f"there is no {target.quantity!r} to be a target{suggest(target.quantity, names)}")
    return table.at(target.at)[target.quantity]
