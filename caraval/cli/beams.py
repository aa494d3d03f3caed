"""The beam that ``caraval track`` starts with: from a file, from sizes, or from Twiss parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

from caraval.core.arrays import is_number
from caraval.core.beam import ParticleBeam
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError, CaravalError, InputError
from caraval.core.lattice import Lattice
from caraval.core.planner import SAME_MOMENTUM
from caraval.core.reference import Reference, Species, as_species
from caraval.core.registry import registry
from caraval.io import load_beam

from .tables import count, quantity

PARTICLES = 10_000
SEED = 1

BETA = 10.0
"""Beta [m] where nobody says any."""

EMITTANCE = 1e-6
"""Normalized emittance [m rad] where nobody says any."""

SIGMAS = {"sigma_z": 1e-4, "sigma_pz": 1e-4}
"""Rms length [m] and relative momentum spread where nobody says any."""

BEGINNING = {"beta_x": "beta_a", "alpha_x": "alpha_a", "beta_y": "beta_b", "alpha_y": "alpha_b"}
DISPERSION = ("eta_x", "etap_x", "eta_y", "etap_y")
"""What a lattice may say of its beginning."""


@dataclass(frozen=True)
class BeamOptions:
    """What the command line says of the beam; None where it is silent.

    Attributes
    ----------
    file : Path
    particles, seed : int
    charge : float
        Of the bunch [C].
    species : str
    p0c, energy : float
        Of the reference [eV].
    sigma : mapping
        Rms of coordinates by their names.
    twiss : mapping
        Arguments of :meth:`ParticleBeam.from_twiss`.
    backend, dtype, device : str
    """

    file: Path | None
    particles: int | None
    seed: int | None
    charge: float | None
    species: str | None
    p0c: float | None
    energy: float | None
    sigma: Mapping[str, float]
    twiss: Mapping[str, float]
    backend: str
    dtype: str
    device: str | None

    def making(self) -> dict[str, Any]:
        """Return what is said of a beam that is made, by the names of the options."""
        single = {name: getattr(self, name) for name in ("particles", "seed", "charge", "species", "p0c", "energy")}
        found = {**{f"--{name}": value for name, value in single.items() if value is not None}}
        found.update({f"--{name.replace('_', '-')}": value for name, value in self.twiss.items()})
        return {**found, **({"--sigma": self.sigma} if self.sigma else {})}


def beam_for(lattice: Lattice, options: BeamOptions) -> tuple[ParticleBeam, str]:
    """Return the beam, and in words what it is."""
    get_ready(options.backend, options.dtype)
    try:
        return _from_file(options) if options.file is not None else _made(lattice, options)
    except (RuntimeError, AssertionError, ValueError) as error:
        if isinstance(error, CaravalError) or options.device is None:
            raise
        reason = str(error).splitlines()[0]
        raise BackendError(f"{options.backend} has no device {options.device!r} here: {reason}") from error


def check_reference(beam: ParticleBeam, lattice: Lattice) -> None:
    """Check that a beam is of the lattice's species and momentum, as tracking does, in words of the command line.

    Raises
    ------
    InputError
        If it is not.
    """
    own, given = lattice.reference, beam.reference
    if own is None:
        return
    if given.species != own.species or abs(float(given.p0c) - float(own.p0c)) > SAME_MOMENTUM * float(own.p0c):
        said = [f"{r.species.name}s of p0c = {float(r.p0c):.9g} eV" for r in (own, given)]
        raise InputError(
            f"the lattice is for {said[0]}, the beam is of {said[1]}; --reference beam tracks it as it is, "
            "with the magnets as strong for its own momentum"
        )


def get_ready(backend: str, dtype: str) -> None:
    """Import the backend, and let JAX have the precision that is asked for."""
    registry().backend(backend)
    if backend == "jax" and dtype == "float64":
        import jax

        jax.config.update("jax_enable_x64", True)


def _from_file(options: BeamOptions) -> tuple[ParticleBeam, str]:
    assert options.file is not None
    if options.making():
        given = ", ".join(options.making())
        raise typer.BadParameter(f"the beam comes from {options.file}; leave out {given}", param_hint="--beam")
    beam = load_beam(options.file)
    beam = beam.to(options.backend, device=options.device, dtype=options.dtype)
    return beam, f"{count(len(beam), beam.species.name)} from {options.file}"


def _made(lattice: Lattice, options: BeamOptions) -> tuple[ParticleBeam, str]:
    reference = _reference(lattice, options)
    n = PARTICLES if options.particles is None else options.particles
    if options.charge is not None and not options.charge > 0:
        raise InputError(f"the charge of the bunch must be positive, not {options.charge:g} C")
    how: dict[str, Any] = {
        "species": reference.species, "p0c": reference.p0c, "s": reference.s, "t": reference.t, "charge": options.charge,
        "seed": SEED if options.seed is None else options.seed,
        "backend": options.backend, "dtype": options.dtype, "device": options.device,
    }  # fmt: skip
    who = count(n, reference.species.name)
    transverse = [name for name in options.sigma if name not in ("z", "pz")]
    if not transverse:
        twiss, origin = _twiss(lattice, options)
        return ParticleBeam.from_twiss(n, **{**twiss, **how}), f"{who} {origin}: {_described(twiss)}"
    if options.twiss:
        given = ", ".join(name for name in options.making() if name != "--sigma")
        raise typer.BadParameter(f"sizes in x and y leave no room for {given}; give one or the other", param_hint="--sigma")
    sizes = {f"sigma_{name}": options.sigma.get(name, 0.0) for name in Coordinates._fields}
    return ParticleBeam.gaussian(n, **{**sizes, **how}), f"{who} with the sizes given: {_described(sizes)}"


def _reference(lattice: Lattice, options: BeamOptions) -> Reference:
    """Return the reference that is asked for; what is left out is the lattice's."""
    own = lattice.reference
    species: Species | str = options.species or (own.species if own is not None else "electron")
    s, t = (own.s, own.t) if own is not None else (0.0, 0.0)
    if options.p0c is not None and options.energy is not None:
        raise typer.BadParameter("--p0c and --energy say the same; give one", param_hint="--p0c")
    if options.p0c is not None:
        return Reference(as_species(species), options.p0c, s, t)
    if options.energy is not None:
        return Reference.from_energy(species, options.energy, s, t)
    if own is None:
        raise InputError("the lattice does not say its reference energy; give --energy or --p0c [eV]")
    return Reference(as_species(species), own.p0c, s, t)


def _twiss(lattice: Lattice, options: BeamOptions) -> tuple[dict[str, float], str]:
    """Return the arguments of `from_twiss`, and where they come from."""
    own = _beginning(lattice)
    twiss = {"beta_x": BETA, "beta_y": BETA, "alpha_x": 0.0, "alpha_y": 0.0, **own, **options.twiss}
    for plane in "xy":
        if f"emittance_{plane}" not in twiss:
            twiss.setdefault(f"normalized_emittance_{plane}", EMITTANCE)
    twiss.update({**SIGMAS, **{f"sigma_{name}": value for name, value in options.sigma.items()}})
    if own:
        origin = f"{'partly ' if options.twiss else ''}matched to the beginning of the lattice"
    else:
        origin = f"with {'partly ' if options.twiss else ''}guessed Twiss parameters, as the lattice gives none"
    return twiss, origin


def _beginning(lattice: Lattice) -> dict[str, float]:
    """Return the Twiss parameters that the lattice says at its beginning; empty where it lacks a beta."""
    said = {name: value for name, value in lattice.beginning.items() if is_number(value)}
    if not (said.get("beta_a", 0.0) > 0 and said.get("beta_b", 0.0) > 0):
        return {}
    return {
        **{ours: said[theirs] for ours, theirs in BEGINNING.items() if theirs in said},
        **{name: said[name] for name in DISPERSION if said.get(name)},
    }


def _described(values: Mapping[str, float]) -> str:
    """Return Twiss parameters or sizes with units, those of both planes together: ``"beta 12.9 m, 4.56 m"``."""
    texts: dict[str, list[str]] = {}
    for name, value in values.items():
        stem, _, plane = name.rpartition("_")
        what = name if stem == "sigma" else stem.replace("_", " ")
        has_unit = stem not in ("alpha", "etap") and not plane.startswith("p")
        texts.setdefault(what, []).append(quantity(value, "m", 3) if has_unit else f"{value:.3g}")
    return "; ".join(f"{what} {', '.join(dict.fromkeys(both))}" for what, both in texts.items())
