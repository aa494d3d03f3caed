"""Networks as effects that a plan holds between its rows."""

from __future__ import annotations

from functools import lru_cache, partial
from typing import Any

import numpy as np
from array_api_compat import array_namespace

import caraval as cv

from .model import Model
from .scaling import flattened, like, unflattened
from .slopes import jacobian

Constants = tuple[Any, Any, Any]


@lru_cache(maxsize=256)
def effect_of(model: Model) -> cv.Collective:
    """Return the effect of a model; of the same model it is one object, compiled once."""
    if model.moments:
        return cv.Collective(
            partial(_refused, model),
            prepare=model.constants,
            moments=partial(act_on_moments, model),
            orbit=partial(_refused, model),
        )
    return cv.Collective(
        partial(act_on_particles, model),
        prepare=model.constants,
        moments=partial(carry_moments, model),
        orbit=partial(act_on_orbit, model),
    )


def act_on_particles(model: Model, constants: Constants, beam: cv.ParticleBeam, backend: Any) -> cv.Coordinates:
    """Return the coordinates after base and network."""
    weights, settings, arrays = constants
    beam = model.after_base(arrays, beam)
    xp, n = array_namespace(beam.x), len(beam)
    seen = [value if isinstance(value, float) else value[..., None] for value in model.seen(settings, beam)]

    def moved(part: slice) -> Any:
        return model.acted(weights, seen, xp.stack([q[..., part] for q in beam.coordinates], axis=-1))

    chunk = model.chunk if model.chunk and backend.in_parts else n
    parts = [moved(slice(start, min(start + chunk, n))) for start in range(0, n, chunk)]
    out = parts[0] if len(parts) == 1 else xp.concat(parts, axis=-2)
    return cv.Coordinates(*(out[..., i] for i in range(6)))


def act_on_moments(model: Model, constants: Constants, beam: cv.MomentBeam, backend: Any) -> cv.MomentBeam:
    """Return the moments that a network makes of moments."""
    weights, settings, arrays = constants
    beam = model.after_base(arrays, beam)
    out = model.acted(_fitting(weights, beam.mean), model.seen(settings, beam), flattened(beam))
    return _moments(*unflattened(out), beam)


def carry_moments(model: Model, constants: Constants, beam: cv.MomentBeam, backend: Any) -> cv.MomentBeam:
    """Return moments after base and network: the mean moves like a particle, the covariance by the Jacobian there."""
    weights, settings, arrays = constants
    beam = model.after_base(arrays, beam)
    seen, fitting = model.seen(settings, beam), _fitting(weights, beam.mean)
    slopes, mean = model.expanded(fitting, seen, beam.mean)
    return _moments(mean, slopes @ beam.covariance @ array_namespace(slopes).matrix_transpose(slopes), beam)


def act_on_orbit(model: Model, constants: Constants, beam: cv.MomentBeam, backend: Any) -> tuple[Any, Any]:
    """Return the Jacobian of base and network at a mean, and where that goes."""
    weights, settings, arrays = constants
    seen, fitting = model.seen(settings, model.after_base(arrays, beam)), _fitting(weights, beam.mean)

    if model.base is None:
        return model.expanded(fitting, seen, beam.mean)

    def moved(values: Any) -> Any:
        return model.acted(fitting, seen, _particle_after_base(model, arrays, values, beam.reference))

    return jacobian(moved, beam.mean, model.label)


def _particle_after_base(model: Model, arrays: tuple[Any, ...], values: Any, reference: cv.Reference) -> Any:
    particle = cv.ParticleBeam(*(values[..., i : i + 1] for i in range(6)), reference=reference)
    return array_namespace(values).stack([q[..., 0] for q in model.after_base(arrays, particle).coordinates], axis=-1)


def _moments(mean: Any, covariance: Any, beam: cv.MomentBeam) -> cv.MomentBeam:
    return cv.MomentBeam(mean, covariance, reference=beam.reference, charge=beam.charge)


def _fitting(weights: tuple[Any, ...], other: Any) -> tuple[Any, ...]:
    """Return weights in the library and precision of an array."""
    xp = array_namespace(other)
    return tuple(like(v, other) if isinstance(v, np.ndarray) else xp.astype(v, other.dtype) for v in weights)


def _refused(model: Model, constants: Constants, beam: Any, backend: Any) -> Any:
    raise cv.InputError(f"{model.label} acts on moments, not on particles; track beam.to_moments()")
