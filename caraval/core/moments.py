"""A beam as its first and second moments."""

from __future__ import annotations

from typing import Any

import numpy as np
from array_api_compat import device

from .arrays import is_number, library
from .errors import BackendError, InputError
from .reference import Reference, Species, reference_given
from .registry import backend_of, registry
from .statistics import Statistics
from .tree import tree


@tree
class MomentBeam(Statistics):
    """Mean and covariance of a bunch. Immutable.

    Parameters
    ----------
    mean : array (..., 6)
        Of Bmad's canonical coordinates ``x, px, y, py, z, pz``.
    covariance : array (..., 6, 6)
    species, p0c, energy, s, t, reference
        As in :class:`ParticleBeam`.
    charge : number or array (...), optional
        Of the bunch [C].

    Notes
    -----
    Tracked, the mean moves like a particle, and the covariance by the Jacobian at the mean. Of an element's curvature only
    ``second_order`` knows: there the mean gets ``T_ijk covariance_jk`` as well. What third and fourth moments would add to the
    covariance is left out. A mean that is lost, as a particle there would be, leaves NaN.

    Raises
    ------
    InputError
        If shapes do not fit or values are not finite.
    """

    mean: Any
    covariance: Any
    reference: Reference
    charge: Any

    def __init__(
        self,
        mean: Any,
        covariance: Any,
        *,
        species: Species | str | None = None,
        p0c: Any = None,
        energy: Any = None,
        charge: Any = 0.0,
        s: Any = None,
        t: Any = None,
        reference: Reference | None = None,
    ) -> None:
        reference = reference_given(reference, species, p0c, energy, s, t)
        mean = np.asarray(mean, dtype=float) if isinstance(mean, (list, tuple)) else mean
        covariance = np.asarray(covariance, dtype=float) if isinstance(covariance, (list, tuple)) else covariance
        if tuple(mean.shape[-1:]) != (6,):
            raise InputError(f"mean must have shape (..., 6), not {tuple(mean.shape)}")
        if tuple(covariance.shape[-2:]) != (6, 6):
            raise InputError(f"covariance must have shape (..., 6, 6), not {tuple(covariance.shape)}")
        if library(mean) != library(covariance):
            raise BackendError(f"mean is a {library(mean)} array and covariance a {library(covariance)} array")
        backend = backend_of(mean)
        for name, array in (("mean", mean), ("covariance", covariance)):
            values = backend.value(array)
            if values is not None and not np.isfinite(values).all():
                raise InputError(f"{name} must be finite")
        self._set(mean, covariance, reference, charge)

    def _set(self, mean: Any, covariance: Any, reference: Any, charge: Any) -> None:
        self.__dict__.update(mean=mean, covariance=covariance, reference=reference, charge=charge)

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a beam is immutable")

    def mean_of(self, i: int) -> Any:
        """Return the mean of coordinate `i`, (...)."""
        return self.mean[..., i]

    def covariance_of(self, i: int, j: int) -> Any:
        """Return the covariance of coordinates `i` and `j`, (...)."""
        return self.covariance[..., i, j]

    species = property(lambda self: self.reference.species, doc="Species of the particles.")
    p0c = property(lambda self: self.reference.p0c, doc="Reference momentum times c [eV].")
    s = property(lambda self: self.reference.s, doc="Where the beam is [m].")
    t = property(lambda self: self.reference.t, doc="Time of the reference particle [s].")

    @property
    def backend(self) -> str:
        """Name of the array library."""
        return library(self.mean)

    @property
    def dtype(self) -> Any:
        """Precision of the moments."""
        return self.mean.dtype

    @property
    def device(self) -> Any:
        """Where the moments live."""
        return device(self.mean)

    def to(self, backend: str | None = None, *, device: Any = None, dtype: str | None = None) -> MomentBeam:
        """Return the same beam on another backend, device or in another precision."""
        target = registry().backend(backend or self.backend)
        kind = {"dtype": target.dtype(dtype or str(self.mean.dtype)), "device": device}
        here = backend_of(self.mean)

        def move(value: Any) -> Any:
            if is_number(value):
                return value
            return target.asarray(value if target is here else here.to_numpy(value), **kind)

        reference = Reference(self.species, *(move(v) for v in (self.p0c, self.s, self.t)))
        return moments_from(move(self.mean), move(self.covariance), reference, move(self.charge))

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """Arrays and the reference."""
        return (self.mean, self.covariance, self.reference, self.charge), None

    @classmethod
    def tree_unflatten(cls, rest: None, children: Any) -> MomentBeam:
        """Put together again, unchecked."""
        return moments_from(*children)

    def __repr__(self) -> str:
        return f"MomentBeam({self.species.name}, p0c={self.p0c!r} eV, s={self.s!r} m, {self.backend} {self.dtype})"


def moments_from(mean: Any, covariance: Any, reference: Any, charge: Any) -> MomentBeam:
    """Make a moment beam without any check: inside traces the values may be anything."""
    beam = object.__new__(MomentBeam)
    beam._set(mean, covariance, reference, charge)
    return beam
