"""Derivatives of an element: by settings and coordinates, at zero, as matrices, and whether these are symplectic."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from caraval.core import tracking
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError, InputError
from caraval.core.registered import DERIVED
from caraval.core.registry import registry

from .beams import SCALE, SPREAD, beam_of, values
from .case import NAME, Case
from .checks import CheckFailedError

S = np.kron(np.eye(3), [[0.0, 1.0], [-1.0, 0.0]])
"""The form that canonical maps keep."""

SYMPLECTIC = 1e-13
"""Rounding of a product of a few matrices."""

MAPS = 1e-12
"""How far a kind's own map may be from the derivative of its routine."""

STEP = 1e-3
"""Step of differences, in units of a setting's value or of how far particles go."""

CLOSE = 1e-6
"""How far derivatives may be from differences of fourth order: `STEP` to the fourth, and rounding over `STEP`."""

ROUNDING = 10 * float(np.finfo(float).eps)
"""Relative error of what differences are made of."""

AT_ZERO = "divide by no setting that may be zero, and put no `where` around what is singular: it hides the value alone"

_SHIFTS = tuple(STEP * reach for reach in SPREAD)
_OFFSETS = np.array([1.0, -1.0, 2.0, -2.0])
_WEIGHTS = np.array([8.0, -8.0, -1.0, 1.0]) / 12.0
"""Central differences of fourth order (Fornberg, Math. Comp. 51, 699)."""


# -------------------------------------------------------------------- by settings and coordinates


class Gradients:
    """Derivatives of the weighed sum of what comes out of an element, on a backend; what it compiles for them is kept."""

    def __init__(self, case: Case, backend: str) -> None:
        self._case, self._backend = case, backend

    def __call__(self, settings: Mapping[str, float]) -> dict[str, np.ndarray]:
        """Return them by name, by all settings and coordinates, where some settings are other ones."""
        target, beam = registry().backend(self._backend), self._case.beam(self._backend)
        given = {**self._case.settings(), **settings, **beam.coordinates._asdict()}
        _, found = self._function(given, beam)
        return {name: target.to_numpy(value) for name, value in found.items()}

    @cached_property
    def _function(self) -> Callable[..., Any]:
        case, target, weights = self._case, registry().backend(self._backend), _weights(self._case)

        def objective(given: Mapping[str, Any], beam: Any) -> Any:
            moved = {name: given[name] for name in Coordinates._fields}
            settings = {name: value for name, value in given.items() if name not in moved}
            return _weighed(case.track(beam.replace(**moved), settings), weights, target)

        return target.differentiated(objective)  # type: ignore[no-any-return]


def differentiates(case: Case, gradients: Gradients) -> None:
    """Derivatives by every setting and coordinate are those of differences."""
    steps = _steps(case)
    truth = {name: _by_setting(case, name, value, steps[name]) for name, value in case.settings().items()}
    truth |= {name: _by_coordinate(case, name) for name in Coordinates._fields}
    _compare(case, gradients({}), truth, steps | dict(zip(Coordinates._fields, _SHIFTS, strict=True)), AT_ZERO)


def differentiates_compiled(case: Case, backend: str) -> None:
    """Derivatives by settings of the compiled element, which may rebuild what went in from what came out."""
    settings, steps = case.settings(), _steps(case)
    truth = {name: _by_setting(case, name, value, steps[name]) for name, value in settings.items()}
    keys = {name: f"{NAME}.{name}" for name in settings}
    tracker = case.lattice.compile(backend, parameters=list(keys.values()))
    weights, target = _weights(case), registry().backend(backend)
    objective = tracker.value_and_grad(lambda out: _weighed(out, weights, target))
    _, found = objective(case.beam(backend), {keys[name]: value for name, value in settings.items()})
    by_name = {name: target.to_numpy(found[key]) for name, key in keys.items()}
    _compare(case, by_name, truth, steps, "see that `inverse` or `undo` leads back exactly to what came in")


def zero_is_finite(case: Case, gradients: Gradients) -> None:
    """Where a setting is zero by default, value and derivative at zero are those of its surroundings."""
    for name, value in case.optional().items():
        try:
            there = case.with_element(**{name: 0.0})
            out = there.lattice.track(there.beam())
        except InputError:  # it is refused with a reason
            continue
        if not np.isfinite(values(out.coordinates)).all():
            raise CheckFailedError(f"coordinates are not finite where {name} is zero, which is its default; {AT_ZERO}")
        step = STEP * abs(value)
        truth = {name: _by_setting(case, name, 0.0, step)}
        _compare(case, gradients({name: 0.0}), truth, {name: step}, f"so much for {name} = 0, which is its default; {AT_ZERO}")


def _weights(case: Case) -> np.ndarray:
    """Return a weight ``(6, n)`` for each coordinate of each particle that comes through, in units of its scale."""
    out = case.lattice.track(case.beam())
    drawn = np.random.default_rng(3).uniform(0.5, 1.0, (6, out.x.shape[-1]))
    return np.where(out.alive, drawn, 0.0) / np.array(SPREAD)[:, None]


def _weighed(out: Any, weights: np.ndarray, target: Any) -> Any:
    return sum((a * target.asarray(w, dtype=a.dtype)).sum() for a, w in zip(out.coordinates, weights, strict=True))


def _steps(case: Case) -> dict[str, float]:
    """Return the steps of differences by settings."""
    return {name: STEP * abs(value) for name, value in case.settings().items()}


def _by_setting(case: Case, name: str, value: float, step: float) -> np.ndarray:
    """Return the differences ``(6, n)`` of what comes out by a setting."""
    beam = case.beam()
    out = values(case.track(beam, {name: value + step * _OFFSETS}).coordinates)
    out = np.broadcast_to(out.reshape(6, -1, *beam.x.shape), (6, len(_OFFSETS), *beam.x.shape))  # it may be without effect
    return np.einsum("s,csn->cn", _WEIGHTS, out) / step


def _by_coordinate(case: Case, name: str) -> np.ndarray:
    """Return the differences ``(6, n)`` of what comes out of each particle by one of its coordinates."""
    step = _SHIFTS[Coordinates._fields.index(name)]
    beam = case.beam()
    shifted = beam.replace(**{name: getattr(beam, name) + step * _OFFSETS[:, None]})
    return np.einsum("s,csn->cn", _WEIGHTS, values(case.lattice.track(shifted).coordinates)) / step


def _compare(
    case: Case, found: Mapping[str, Any], truth: Mapping[str, np.ndarray], steps: Mapping[str, float], advice: str
) -> None:
    """Compare derivatives of the coordinates' weighed sum with differences by some steps, which amplify rounding."""
    weights = _weights(case)
    size_out = np.abs(weights * values(case.lattice.track(case.beam()).coordinates)).sum(axis=0)
    for name, differences in truth.items():
        parts = weights * differences
        noise = ROUNDING * (size_out + np.abs(weights).sum(axis=0) * SCALE) / steps[name]
        right, size = parts.sum(axis=0), np.abs(parts).sum(axis=0) + noise / CLOSE
        if name not in Coordinates._fields:  # one number for all particles; a coordinate is each particle's own
            right, size = right.sum(), size.sum()
        if not np.all(np.abs(found[name] - right) <= CLOSE * np.max(size)):
            raise CheckFailedError(
                f"the derivative by {name} is {_shown(found[name])} and that of differences {_shown(right)}; {advice}"
            )


def _shown(value: Any) -> str:
    flat = np.ravel(value)
    return f"{flat[0]:.6g}" if flat.size == 1 else f"[{', '.join(f'{v:.6g}' for v in flat[:3])}, ...]"


def differentiable(backends: Sequence[str]) -> list[str]:
    """Return those of the backends that have derivatives."""
    found = []
    for name in backends:
        try:
            registry().backend(name).differentiated(_nothing)
        except BackendError:
            continue
        found.append(name)
    return found


def _nothing(settings: Any, beam: Any) -> Any:
    return settings


# -------------------------------------------------------------------- matrices


def expands(case: Case) -> str:
    """The map that follows from the routine is that of differences between particles."""
    found = case.lattice.transfer_map(case.reference)
    steps = np.array(_SHIFTS)
    shifts = (_OFFSETS[:, None, None] * np.diag(steps)).reshape(-1, 6).T
    open_ = dict.fromkeys(("x1_limit", "x2_limit", "y1_limit", "y2_limit"), 0.0)
    out = values(case.with_element(**open_).lattice.track(beam_of(shifts, case.reference)).coordinates)
    matrix = np.einsum("s,csn->cn", _WEIGHTS, out.reshape(6, 4, 6)) / steps
    return _assert_map(found.matrix, matrix, CLOSE, "compute with `xp` alone: maps follow from routines by what `xp` is given")


def is_derivative(case: Case) -> str | None:
    """A kind's own map is the derivative of its routine for particles, which is taken where the element is not plain."""
    method = registry().particle_method(type(case.element))
    assert method is not None
    routine = case.with_element(tracking_method=method[0])
    advice = f"it must be the derivative of {method[0]!r} on the reference orbit, misalignment and kicks included"
    if DERIVED[case.method.name] == 2:
        second, of_routine = (c.lattice.transfer_map(case.reference, order=2) for c in (case, routine))
        _assert_map(second.quadratic, of_routine.quadratic, MAPS, advice)
    found, truth = (c.lattice.transfer_map(case.reference) for c in (case, routine))
    return _assert_map(found.matrix, truth.matrix, MAPS, advice)


def _assert_map(found: Any, truth: Any, tolerance: float, advice: str) -> str:
    errors = np.abs(np.asarray(found) - truth)
    scale = max(1.0, np.abs(truth).max())
    worst = np.unravel_index(np.argmax(errors), errors.shape)
    if not errors[worst] <= tolerance * scale:
        entry = "".join(str(i + 1) for i in worst)
        raise CheckFailedError(
            f"entry {entry} of the map is {np.asarray(found)[worst]:.9g} instead of {np.asarray(truth)[worst]:.9g}; {advice}"
        )
    return f"within {errors[worst] / scale:.1e}"


def symplectic_error(case: Case) -> float:
    """Return the largest ``|M^T S M - (p0c in / p0c out) S| / |M|^2`` over particles."""
    lattice = case.lattice
    prepared = lattice.planner.plan([], case.reference).prepare(lattice.planner.numbers(), case.reference, particles=False)
    ratio = case.reference.p0c / prepared.references[-1].p0c
    worst = 0.0
    for start in case.coordinates(8).T:
        matrix = tracking.transfer_map(prepared, registry().backend("numpy"), start).matrix
        error = float(np.linalg.norm(matrix.T @ S @ matrix - ratio * S) / np.linalg.norm(matrix) ** 2)
        worst = max(worst, error)
    return worst


def is_symplectic(case: Case, promised: bool) -> str:
    """The matrix about every particle is symplectic; where nobody promises it, the error is told."""
    error = symplectic_error(case)
    if not np.isfinite(error) or (promised and error > SYMPLECTIC):
        raise CheckFailedError(
            f"the symplectic error is {error:.1e}, more than {SYMPLECTIC:.0e}; compose drifts and kicks, each the exact motion "
            "of a Hamiltonian; momentum kicks that go with position in x must go with it in y by the same potential, "
            "and with z in pz; a method that cannot be symplectic must have another name"
        )
    return f"error {error:.1e}" if promised else f"error {error:.1e}, none promised"
