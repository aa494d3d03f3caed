"""The checks of effects of the whole bunch."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.lattice import Lattice
from caraval.core.registry import registry
from caraval.io import load, save

from .agreement import ONE_SOURCE
from .beams import COMPILED, assert_same, compare, installed, values
from .checks import Check, CheckFailedError, Result, require
from .derivatives import differentiable
from .elements import REFERENCE

PARTICLES = 2_000
"""Of the bunch that effects are tried out with."""

SAME = 1e-11
"""How far backends may be apart: sums over particles round differently."""

SINGLE = 1e-3
"""How much of an effect single precision may lose: of what it does to each coordinate at most."""

STEP = 1e-4
"""Of differences, of how far particles go."""

CLOSE = 1e-4
"""How far derivatives may be from differences: effects on a grid have kinks where particles change cells."""

NOTHING = 1e-15

SEES = "an effect gets a beam in which the lost have no charge and wait on the axis: weigh sums with `beam.charge`"


def effect_checks(lattice: Lattice, beam: ParticleBeam | None = None, *, backends: Sequence[str] | None = None) -> list[Check]:
    """Return the checks of an effect of the whole bunch, each of which can be called.

    Parameters
    ----------
    lattice : Lattice
        A short line with the effect in it: ``line.with_wake(...)``, or an element that has it.
    beam : ParticleBeam, optional
        To which it does something; a bunch of electrons of a millimetre and a nanocoulomb, if left out.
    backends : sequence of str, optional
        All that are installed, if left out.
    """
    return list(_checks(lattice, bunch() if beam is None else beam.to("numpy"), backends or installed()))


def check_effect(lattice: Lattice, beam: ParticleBeam | None = None, **how: Any) -> list[Result]:
    """Run all checks of an effect, see :func:`effect_checks`, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them, and what would mend them.
    """
    return require(effect_checks(lattice, beam, **how))


def bunch() -> ParticleBeam:
    """Return the bunch that effects are tried out with."""
    sizes: dict[str, Any] = {"sigma_x": 1e-3, "sigma_y": 8e-4, "sigma_z": 1e-3}
    sizes |= {"sigma_px": 1e-4, "sigma_py": 1e-4, "sigma_pz": 1e-3}
    return ParticleBeam.gaussian(PARTICLES, p0c=REFERENCE.p0c, charge=1e-9, seed=7, **sizes)


def _checks(lattice: Lattice, beam: ParticleBeam, backends: Sequence[str]) -> Iterator[Check]:
    names = sorted({name for element in lattice for name in element.effects}) or [e.kind for e in lattice]
    subject = f"effect {', '.join(dict.fromkeys(names))}"

    def check(what: str, function: Callable[..., str | None], *arguments: object, advice: str = ONE_SOURCE) -> Check:
        return Check(subject, what, function, (lattice, beam, *arguments), advice)

    yield check("tracks", tracks)
    yield check("leaves out the lost", leaves_out_the_lost, advice=SEES)
    yield check("takes any bunch", takes_any_bunch, advice="see that no bunch without charge or size divides by zero")
    yield check("is kept in files", is_kept_in_files, advice="options of effects are plain data: numbers, text, lists")
    for backend in backends:
        if backend != "numpy":
            yield check(f"agrees[{backend}]", agrees, backend)
        yield check(f"batches[{backend}]", batches, backend, advice="particles are the last axis; sum over that alone")
        yield check(f"keeps digits[{backend}]", keeps_digits, backend)
    for backend in differentiable(backends):
        yield check(f"differentiates[{backend}]", differentiates, backend)


def tracks(lattice: Lattice, beam: ParticleBeam) -> str:
    """Particles come through with finite coordinates, and their charge matters."""
    out, idle = (lattice.track(b) for b in (beam, beam.replace(charge=np.zeros_like(beam.charge))))
    after, before = values(out.coordinates), values(idle.coordinates)
    if not np.isfinite(after).all():
        raise CheckFailedError(
            "coordinates are not finite; see that nothing divides by the size or charge of the bunch at zero"
        )
    moved = np.abs(after - before).max()
    if not moved > 0:
        raise CheckFailedError(
            "the bunch's charge changes nothing; return the step from `plan_steps`, and give a stronger effect"
        )
    return f"moves by {moved:.1e}"


def leaves_out_the_lost(lattice: Lattice, beam: ParticleBeam) -> str:
    """A bunch some of which was lost before does what those who are left do alone."""
    alive = np.arange(len(beam)) % 3 != 0
    far = beam.replace(x=np.where(alive, beam.x, 10 * beam.x), alive=alive)
    alone = ParticleBeam(*(q[alive] for q in beam.coordinates), reference=beam.reference, charge=beam.charge[alive])
    found, truth = lattice.track(far), lattice.track(alone)
    return f"within {compare(values(found.coordinates)[:, alive], values(truth.coordinates), SAME, SEES):.1e}"


def takes_any_bunch(lattice: Lattice, beam: ParticleBeam) -> None:
    """One particle, particles at one place, no charge at all: nothing that is no number comes out."""
    few = {
        "one particle": slice(0, 1),
        "two particles": slice(0, 2),
        "particles at one place": np.zeros(5, dtype=int),
    }
    bunches = {
        name: ParticleBeam(*(q[which] for q in beam.coordinates), reference=beam.reference, charge=beam.charge[which])
        for name, which in few.items()
    }
    bunches["no charge"] = beam.replace(charge=np.zeros_like(beam.charge))
    bunches["all lost"] = beam.replace(alive=np.zeros(len(beam), dtype=bool))
    for name, given in bunches.items():
        if not np.isfinite(values(lattice.track(given).coordinates)).all():
            raise CheckFailedError(f"{name}: coordinates are not finite")


def is_kept_in_files(lattice: Lattice, beam: ParticleBeam) -> None:
    """JSON gives the effect back."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "lattice.json"
        save(lattice, path)
        if load(path) != lattice:
            raise CheckFailedError("the effect is another after JSON; its options must be plain data: numbers, text, lists")


def agrees(lattice: Lattice, beam: ParticleBeam, backend: str) -> None:
    """A backend does what NumPy does."""
    assert_same(lattice.track(beam.to(backend)), lattice.track(beam), max(SAME, COMPILED), ONE_SOURCE)


def batches(lattice: Lattice, beam: ParticleBeam, backend: str) -> str:
    """Bunches side by side do what each does alone."""
    others = [beam, beam.replace(charge=2 * beam.charge), beam.replace(x=1.5 * beam.x, z=0.7 * beam.z)]
    together = ParticleBeam(
        *(np.stack(q) for q in zip(*(b.coordinates for b in others), strict=True)),
        reference=beam.reference,
        charge=np.stack([b.charge for b in others]),
    )
    found = values(lattice.track(together.to(backend)).coordinates)
    advice = "particles are the last axis: sum over `axis=-1`, with `keepdims=True`"
    errors = [
        compare(found[:, i], values(lattice.track(b).coordinates), SAME, f"bunch {i} of a batch; {advice}")
        for i, b in enumerate(others)
    ]
    return f"within {max(errors):.1e}"


def keeps_digits(lattice: Lattice, beam: ParticleBeam, backend: str) -> str:
    """Single precision keeps what the effect does."""
    single = beam.to(backend, dtype="float32")
    exact = single.to("numpy", dtype="float64")
    idle = [b.replace(charge=0 * b.charge) for b in (single, exact)]
    rough, right = (values(lattice.track(b).coordinates).astype(float) for b in (single, exact))
    rough_idle, right_idle = (values(lattice.track(b).coordinates).astype(float) for b in idle)
    effect = np.abs(right - right_idle).max(axis=1)
    rounding = np.finfo("float32").eps * np.abs(right).max(axis=1)
    errors = np.abs((rough - rough_idle) - (right - right_idle)).max(axis=1) / (effect + 10 * rounding / SINGLE + NOTHING)
    if not errors.max() <= SINGLE:
        raise CheckFailedError(
            f"single precision loses {errors.max():.1e} of the effect; make differences of nearly equal numbers with "
            "`backend.in_double`, and no arrays of a fixed precision"
        )
    return f"within {errors.max():.1e}"


def differentiates(lattice: Lattice, beam: ParticleBeam, backend: str) -> str:
    """Derivatives by a scale of all coordinates, and by the charge, are those of differences."""
    weights = np.random.default_rng(3).normal(size=(6, len(beam)))
    target = registry().backend(backend)
    there, arrays = beam.to(backend), [target.asarray(w) for w in weights]
    start = {"size": 1.0, "charge": 1.0}

    def scaled(b: ParticleBeam, size: Any, charge: Any) -> ParticleBeam:
        q = b.coordinates
        return b.replace(x=size * q.x, y=size * q.y, z=size * q.z, charge=charge * b.charge)

    def objective(settings: dict[str, Any], b: ParticleBeam) -> Any:
        out = lattice.track(scaled(b, settings["size"], settings["charge"]))
        return sum((w * q).sum() for w, q in zip(arrays, out.coordinates, strict=True))

    _, found = target.differentiated(objective)(start, there)
    worst = 0.0
    for name in start:
        ends = []
        for side in (1, -1):
            out = lattice.track(scaled(beam, **{**start, name: 1 + side * STEP}))
            ends.append(sum((w * q).sum() for w, q in zip(weights, out.coordinates, strict=True)))
        truth, slope = (ends[0] - ends[1]) / (2 * STEP), float(target.to_numpy(found[name]))
        error = abs(slope - truth) / max(abs(truth), NOTHING)
        if not error <= CLOSE:
            raise CheckFailedError(
                f"the derivative by the {name} is {slope:.6g} and that of differences {truth:.6g}; {ONE_SOURCE}"
            )
        worst = max(worst, error)
    return f"within {worst:.1e}"


__all__ = ["check_effect", "effect_checks"]
