"""A bunch of macro-particles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device
from scipy.constants import elementary_charge

from . import sampling
from .arrays import is_number, library
from .coordinates import Coordinates
from .errors import InputError
from .inputs import coordinates_from, field
from .moments import MomentBeam
from .reference import Reference, Species, reference_from, reference_given
from .registry import backend_of, registry
from .statistics import Statistics
from .tree import tree


@tree
class ParticleBeam(Statistics):
    """Macro-particles at one place of the line. Immutable.

    Parameters
    ----------
    x, px, y, py, z, pz : array (..., n)
        Bmad's canonical coordinates (see :class:`Coordinates`); those left out are zero.
    species : Species or str
        Left out: electrons.
    p0c : number or array (...)
        Reference momentum times the speed of light [eV]. Or give `energy`, the reference's total energy [eV].
    charge : number or array (..., n), optional
        Positive, per macro-particle [C]; a number is the bunch's total. Left out: one particle each.
    alive : array (..., n) of bool, optional
    lost_s : array (..., n), optional
        Where each particle was lost [m]; infinity for the living.
    lost_turn : array (..., n), optional
        In which turn of the tracking that lost it, counted from one; infinity for the living. Left out: zero for the lost.
    s, t : number
        Place [m] and time [s] of the reference particle.
    reference : Reference, optional
        Instead of `species`, `p0c`, `s` and `t`.

    Notes
    -----
    Statistics are weighted by charge, over the living, with the population's denominator (ddof 0). A lost particle keeps
    the coordinates that it was lost with.

    Raises
    ------
    InputError
        If shapes do not fit, there are no particles, or values are not finite.
    BackendError
        If arrays of different backends come together.
    """

    coordinates: Coordinates
    reference: Reference
    charge: Any
    alive: Any
    lost_s: Any
    lost_turn: Any

    masks = (3,)
    """Which of the children of the tree says yes or no."""

    def __init__(
        self,
        x: Any = None,
        px: Any = None,
        y: Any = None,
        py: Any = None,
        z: Any = None,
        pz: Any = None,
        *,
        species: Species | str | None = None,
        p0c: Any = None,
        energy: Any = None,
        charge: Any = None,
        alive: Any = None,
        lost_s: Any = None,
        lost_turn: Any = None,
        s: Any = None,
        t: Any = None,
        reference: Reference | None = None,
    ) -> None:
        reference = reference_given(reference, species, p0c, energy, s, t)
        q = coordinates_from({"x": x, "px": px, "y": y, "py": py, "z": z, "pz": pz})
        xp, n, dtype = array_namespace(q.x), q.x.shape[-1], q.x.dtype
        if charge is None:
            charge = n * elementary_charge * abs(reference.species.charge)
        if is_number(charge) and not charge > 0:
            raise InputError(f"charge must be positive, whatever the sign of the particles' own, not {charge!r}")
        if is_number(charge) or (hasattr(charge, "shape") and charge.shape == ()):
            charge = charge / n
        charge = field("charge", charge, q.x, dtype)
        alive = field("alive", True if alive is None else alive, q.x, xp.bool)
        if lost_s is None:
            lost_s = xp.where(alive, xp.full_like(q.x, float("inf")), xp.zeros_like(q.x) + reference.expanded().s)
        if lost_turn is None:
            lost_turn = xp.where(alive, xp.full_like(q.x, float("inf")), xp.zeros_like(q.x))
        losses = field("lost_s", lost_s, q.x, dtype), field("lost_turn", lost_turn, q.x, dtype)
        self._set(q, reference, charge, alive, *losses)
        self._check_values()

    def _set(self, coordinates: Any, reference: Any, charge: Any, alive: Any, lost_s: Any, lost_turn: Any) -> None:
        self.__dict__.update(coordinates=coordinates, reference=reference, charge=charge, alive=alive)
        self.__dict__.update(lost_s=lost_s, lost_turn=lost_turn)

    def _check_values(self) -> None:
        backend = backend_of(self.x)
        for name, array in (*self.coordinates._asdict().items(), ("charge", self.charge)):
            values = backend.value(array)
            if values is None:
                continue
            if not np.isfinite(values).all():
                bad = np.count_nonzero(~np.isfinite(values))
                raise InputError(f"{name} must be finite; {bad} of {values.size} values are not")
            if name == "charge" and (values < 0).any():
                raise InputError("charge must be positive, whatever the sign of the particles' own")

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a beam is immutable; use beam.replace(...)")

    # ---------------------------------------------------------------- making beams

    @classmethod
    def gaussian(
        cls,
        n: int,
        *,
        species: Species | str = "electron",
        p0c: Any = None,
        energy: Any = None,
        sigma_x: Any = 0.0,
        sigma_px: Any = 0.0,
        sigma_y: Any = 0.0,
        sigma_py: Any = 0.0,
        sigma_z: Any = 0.0,
        sigma_pz: Any = 0.0,
        mean: Sequence[Any] | Any = (0.0,) * 6,
        covariance: Any = None,
        charge: Any = None,
        s: Any = 0.0,
        t: Any = 0.0,
        seed: int | None = None,
        backend: str = "numpy",
        dtype: str = "float64",
        device: Any = None,
    ) -> ParticleBeam:
        """Return `n` particles of a normal distribution.

        The sample has exactly the mean and covariance asked for (from seven particles on), and one seed gives the same
        particles on every backend.

        Parameters
        ----------
        n : int
            Number of macro-particles.
        sigma_x, ..., sigma_pz : number or array (...)
            Rms of the coordinates, uncorrelated.
        mean : array (..., 6)
        covariance : array (..., 6, 6), optional
            Instead of the sigmas.
        seed : int, optional
            Left out: a fresh one each time.
        backend, dtype, device
            Where the particles live: ``"numpy"``, ``"torch"`` or ``"jax"``; ``"float64"`` or ``"float32"``.
        """
        sigmas = {"sigma_x": sigma_x, "sigma_px": sigma_px, "sigma_y": sigma_y, "sigma_py": sigma_py}
        sigmas |= {"sigma_z": sigma_z, "sigma_pz": sigma_pz}
        given = {"species": species, "p0c": p0c, "energy": energy, "s": s, "t": t}
        where = {"charge": charge, "backend": backend, "dtype": dtype, "device": device}
        return cls.from_distribution("gaussian", n, mean=mean, covariance=covariance, seed=seed, **given, **where, **sigmas)

    @classmethod
    def from_distribution(
        cls,
        distribution: str,
        n: int,
        *,
        species: Species | str = "electron",
        p0c: Any = None,
        energy: Any = None,
        mean: Sequence[Any] | Any = (0.0,) * 6,
        covariance: Any = None,
        charge: Any = None,
        s: Any = 0.0,
        t: Any = 0.0,
        seed: int | None = None,
        backend: str = "numpy",
        dtype: str = "float64",
        device: Any = None,
        **sigmas: Any,
    ) -> ParticleBeam:
        """Return `n` particles of a distribution.

        Parameters
        ----------
        distribution : str
            ``"gaussian"``; ``"waterbag"``: evenly filled in all six dimensions; ``"kv"`` (Kapchinskij and Vladimirskij): on the
            surface of an ellipsoid in the four transverse ones, of even length; ``"kurth"``: an evenly filled ellipsoid that
            linear forces keep as it is; ``"semigaussian"``: an evenly filled ellipsoid with normal momenta; ``"triangle"``: a
            ramped current. Covariances mix coordinates from x to pz, each with those before it.
        n : int
        **sigmas, mean, covariance, and others
            As those of :meth:`gaussian`; the sample has exactly the mean and covariance asked for.

        Raises
        ------
        InputError
            If there is no such distribution, or values cannot be used.
        """
        names = [f"sigma_{name}" for name in Coordinates._fields]
        if wrong := set(sigmas) - set(names):
            raise InputError(f"a distribution has no {', '.join(sorted(wrong))}; it has {', '.join(names)}")
        place = registry().backend(backend)
        kind = {"dtype": place.dtype(dtype), "device": device}
        spread = [sigmas.get(name, 0.0) for name in names]
        q = sampling.sampled(distribution, n, spread, mean, covariance, seed, place, kind)
        return cls(*q, reference=reference_from(species, p0c, energy, s, t), charge=charge)

    @classmethod
    def from_twiss(
        cls,
        n: int,
        *,
        beta_x: Any = 1.0,
        alpha_x: Any = 0.0,
        emittance_x: Any = None,
        normalized_emittance_x: Any = None,
        eta_x: Any = 0.0,
        etap_x: Any = 0.0,
        beta_y: Any = 1.0,
        alpha_y: Any = 0.0,
        emittance_y: Any = None,
        normalized_emittance_y: Any = None,
        eta_y: Any = 0.0,
        etap_y: Any = 0.0,
        sigma_z: Any = 0.0,
        sigma_pz: Any = 0.0,
        covariance_zpz: Any = 0.0,
        species: Species | str = "electron",
        p0c: Any = None,
        energy: Any = None,
        distribution: str = "gaussian",
        **how: Any,
    ) -> ParticleBeam:
        """Return `n` particles of a distribution with these Twiss parameters.

        Parameters
        ----------
        n : int
        beta_x, beta_y : number or array (...)
            [m]
        alpha_x, alpha_y : number or array (...)
        emittance_x, emittance_y : number or array (...)
            Geometric [m rad], without dispersion; or give `normalized_emittance_x`, `normalized_emittance_y`.
        eta_x, etap_x, eta_y, etap_y : number or array (...)
            Dispersion ``<x pz> / <pz pz>`` [m] and that of px.
        sigma_z, sigma_pz : number or array (...)
            Rms length [m] and relative momentum spread.
        covariance_zpz : number or array (...)
            ``<z pz>`` [m].
        distribution : str
            See :meth:`from_distribution`.
        **how
            `mean`, `charge`, `s`, `t`, `seed`, `backend`, `dtype` and `device` of :meth:`gaussian`.
        """
        reference = reference_from(species, p0c, energy, how.pop("s", 0.0), how.pop("t", 0.0))
        momentum = reference.p0c / reference.species.mass
        planes = []
        for name, geometric, normalized in (
            ("x", emittance_x, normalized_emittance_x),
            ("y", emittance_y, normalized_emittance_y),
        ):
            if geometric is not None and normalized is not None:
                raise InputError(f"give emittance_{name} or normalized_emittance_{name}, not both")
            if geometric is None:
                geometric = 0.0 if normalized is None else normalized / momentum
            planes.append(geometric)
        covariance = sampling.twiss_covariance(
            (beta_x, alpha_x, planes[0], eta_x, etap_x),
            (beta_y, alpha_y, planes[1], eta_y, etap_y),
            (sigma_z, sigma_pz, covariance_zpz),
        )
        where = {"species": reference.species, "p0c": reference.p0c, "s": reference.s, "t": reference.t}
        return cls.from_distribution(distribution, n, covariance=covariance, **where, **how)

    def replace(self, **changes: Any) -> ParticleBeam:
        """Return the beam with some coordinates, `charge`, `alive`, `lost_s`, `lost_turn` or `reference` changed."""
        values = {**self.coordinates._asdict(), "charge": self.charge, "alive": self.alive, "lost_s": self.lost_s}
        values |= {"lost_turn": self.lost_turn, "reference": self.reference}
        unknown = set(changes) - set(values)
        if unknown:
            raise InputError(f"a beam has no {', '.join(sorted(unknown))}; it has {', '.join(values)}")
        return ParticleBeam(**{**values, **changes})

    def to(self, backend: str | None = None, *, device: Any = None, dtype: str | None = None) -> ParticleBeam:
        """Return the same beam on another backend, device or in another precision."""
        target = registry().backend(backend or self.backend)
        kind = {
            "dtype": target.dtype(dtype or str(self.x.dtype)),
            "device": device if device is not None or backend not in (None, self.backend) else self.device,
        }
        move = self._mover(target, kind)
        reference = self.reference
        parts = [value if is_number(value) else move(value) for value in (reference.p0c, reference.s, reference.t)]
        alive = (
            self.alive
            if target is backend_of(self.x) and device is None
            else target.asarray(self._numpy(self.alive), device=device)
        )
        q = Coordinates(*map(move, self.coordinates))
        losses = move(self.lost_s), move(self.lost_turn)
        return beam_from(q, Reference(reference.species, *parts), move(self.charge), alive, *losses)

    def _mover(self, target: Any, kind: dict[str, Any]) -> Any:
        if target is backend_of(self.x):
            return lambda array: target.asarray(array, **kind)
        return lambda array: target.asarray(self._numpy(array), **kind)

    def _numpy(self, array: Any) -> np.ndarray:
        return backend_of(self.x).to_numpy(array)

    def to_moments(self) -> MomentBeam:
        """Return mean and covariance of the living particles."""
        return MomentBeam(*self.mean_and_covariance(), reference=self.reference, charge=self.total_charge)

    # ---------------------------------------------------------------- what it is

    x = property(lambda self: self.coordinates.x, doc="Position [m], (..., n).")
    px = property(lambda self: self.coordinates.px, doc="Momentum over P0, (..., n).")
    y = property(lambda self: self.coordinates.y, doc="Position [m], (..., n).")
    py = property(lambda self: self.coordinates.py, doc="Momentum over P0, (..., n).")
    z = property(lambda self: self.coordinates.z, doc="-beta c (t - t_ref) [m], (..., n).")
    pz = property(lambda self: self.coordinates.pz, doc="(P - P0) / P0, (..., n).")
    species = property(lambda self: self.reference.species, doc="Species of the particles.")
    p0c = property(lambda self: self.reference.p0c, doc="Reference momentum times c [eV].")
    s = property(lambda self: self.reference.s, doc="Where the beam is [m].")
    t = property(lambda self: self.reference.t, doc="Time of the reference particle [s].")

    def __len__(self) -> int:
        return int(self.x.shape[-1])

    @property
    def n(self) -> int:
        """Number of macro-particles, lost ones included."""
        return len(self)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the batch: the leading axes."""
        return tuple(self.x.shape[:-1])

    @property
    def backend(self) -> str:
        """Name of the array library."""
        return library(self.x)

    @property
    def dtype(self) -> Any:
        """Precision of the coordinates."""
        return self.x.dtype

    @property
    def device(self) -> Any:
        """Where the coordinates live."""
        return device(self.x)

    @property
    def energy(self) -> Any:
        """Total energy of each particle [eV], (..., n)."""
        reference = self.reference.expanded()
        momentum = (1 + self.pz) * reference.p0c
        return array_namespace(self.x).sqrt(momentum**2 + self.species.mass**2)

    @property
    def total_charge(self) -> Any:
        """Charge of the living [C]."""
        return self._sum(self._weight())

    @property
    def transmission(self) -> Any:
        """Charge of the living over that of all."""
        return self.total_charge / self._sum(self.charge)

    # ---------------------------------------------------------------- statistics

    def _weight(self) -> Any:
        return array_namespace(self.x).where(self.alive, self.charge, array_namespace(self.x).zeros_like(self.charge))

    def _sum(self, values: Any) -> Any:
        return array_namespace(values).sum(values, axis=-1)

    def _normalised_weight(self) -> Any:
        weight = self._weight()
        total = self._sum(weight)
        known = backend_of(self.x).value(total)
        if known is not None and not known.any():
            raise InputError("no charge is alive, so the beam has no statistics")
        return weight / total[..., None]

    def mean_of(self, i: int) -> Any:
        """Return the mean of coordinate `i`, (...)."""
        return self._sum(self._normalised_weight() * self.coordinates[i])

    def covariance_of(self, i: int, j: int) -> Any:
        """Return the covariance of coordinates `i` and `j`, (...)."""
        weight = self._normalised_weight()
        a, b = (self._centred(weight, k) for k in (i, j))
        return self._sum(weight * a * b)

    def _centred(self, weight: Any, i: int) -> Any:
        value = self.coordinates[i]
        return value - self._sum(weight * value)[..., None]

    @property
    def mean(self) -> Any:
        """Mean of the six coordinates, (..., 6)."""
        return self.mean_and_covariance()[0]

    @property
    def covariance(self) -> Any:
        """Covariance of the six coordinates, (..., 6, 6)."""
        return self.mean_and_covariance()[1]

    def mean_and_covariance(self) -> tuple[Any, Any]:
        """Return both at once, (..., 6) and (..., 6, 6), for half the work."""
        xp = array_namespace(self.x)
        weight = self._normalised_weight()[..., None, :]
        q = xp.stack(list(self.coordinates), axis=-2)
        mean = xp.sum(q * weight, axis=-1)
        q = q - mean[..., None]
        return mean, (q * weight) @ xp.matrix_transpose(q)

    # ---------------------------------------------------------------- as a tree of arrays

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """Arrays and the reference."""
        return (self.coordinates, self.reference, self.charge, self.alive, self.lost_s, self.lost_turn), None

    @classmethod
    def tree_unflatten(cls, rest: None, children: Any) -> ParticleBeam:
        """Put together again, unchecked."""
        return beam_from(*children)

    def __repr__(self) -> str:
        shape = " x ".join(map(str, self.x.shape))
        where = f"p0c={self.p0c!r} eV, s={self.s!r} m, {self.backend} {self.dtype}"
        return f"ParticleBeam({shape} x {self.species.name}, {where})"


def beam_from(coordinates: Any, reference: Any, charge: Any, alive: Any, lost_s: Any, lost_turn: Any) -> ParticleBeam:
    """Make a beam without any check: inside traces the values may be anything."""
    beam = object.__new__(ParticleBeam)
    beam._set(coordinates, reference, charge, alive, lost_s, lost_turn)
    return beam
