"""From a bunch as a file has it to a beam at one plane, and back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.beam import ParticleBeam
from caraval.core.errors import BackendError, CaravalError, InputError
from caraval.core.losses import Losses
from caraval.core.reference import C_LIGHT, Reference, Species
from caraval.core.registry import backend_of

from .bunch import Array, Bunch

TRUSTED = 1e-9
"""A total momentum that is relatively further than this from that of the components does not belong to them."""


class Said(NamedTuple):
    """What is said of the reference besides the particles: by a file, or by the caller; None where nothing is.

    Attributes
    ----------
    p0c : float, optional
        Momentum [eV].
    s : float, optional
        Place in the line [m].
    t : float, optional
        Time [s].
    species : Species, optional
    """

    p0c: float | None = None
    s: float | None = None
    t: float | None = None
    species: Species | None = None


class Plane(NamedTuple):
    """Where particles meet a plane: its `z` [m], their `x` and `y` [m] there, and how much later [s] than in the file."""

    z: float
    x: Array
    y: Array
    delay: Array


@contextmanager
def named(path: Path) -> Iterator[None]:
    """Name the file in errors."""
    try:
        yield
    except CaravalError as error:
        raise type(error)(f"{path}: {error}") from error


def given(p0c: Any = None, s: Any = None, t: Any = None) -> Said:
    """Return what the caller says of the reference.

    Raises
    ------
    InputError
        If something is no number.
    """
    return Said(_number("p0c", p0c), _number("s", s), _number("t", t))


def _number(name: str, value: Any) -> float | None:
    if value is None:
        return None
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = float("nan")
    if not np.isfinite(number):
        raise InputError(f"{name} must be a finite number, not {value!r}")
    return number


def beam_of(bunch: Bunch, species: Species, asked: Said, own: Said, *, z: float | None = None) -> ParticleBeam:
    """Return the beam of a bunch.

    Particles that are not at one plane fly freely to one.

    Parameters
    ----------
    bunch : Bunch
    species : Species
    asked : Said
        By the caller, which comes before what the file says.
    own : Said
        By the file.
    z : float, optional
        Of the plane [m]; left out: the mean of the living.

    Raises
    ------
    InputError
        If they never meet at one plane, or the reference momentum is not positive.
    """
    plane = _plane(bunch, species, z)
    stated = own.p0c if own.p0c is not None else bunch.common(bunch.p0c)
    p0c = asked.p0c if asked.p0c is not None else stated or bunch.mean(bunch.momentum())
    if not 0 < p0c < float("inf"):
        raise InputError(f"the reference momentum p0c must be positive, not {p0c!r} eV; give p0c=...")
    excess = _excess(bunch, p0c, stated)
    momentum = p0c + excess
    beta = momentum / np.hypot(momentum, species.mass)
    lag, t = _lag(bunch, plane, asked.t if asked.t is not None else own.t)
    s, lost_s = _places(bunch, plane, asked.s if asked.s is not None else own.s)

    q = (plane.x, bunch.px / p0c, plane.y, bunch.py / p0c, -beta * C_LIGHT * lag, excess / p0c)
    reference = Reference(species, p0c, s, t)
    return ParticleBeam(*q, reference=reference, charge=bunch.charge, alive=bunch.alive, lost_s=lost_s)


def _plane(bunch: Bunch, species: Species, z: float | None) -> Plane:
    """Let particles fly freely to one plane, if they are not at one; the lost stay where they are."""
    counted = bunch.counted()
    still = np.zeros_like(bunch.z)
    if z is None:
        z = float(bunch.z[counted][0]) if np.ptp(bunch.z[counted]) == 0 else bunch.mean(bunch.z)
    if (bunch.z[counted] == z).all():
        return Plane(z, bunch.x, bunch.y, still)
    backward = np.count_nonzero(counted & (bunch.pz <= 0))
    if backward:
        raise InputError(
            f"the particles are at different z, and {backward} of them do not move forward, so they never meet at one plane"
        )
    way = np.divide(z - bunch.z, bunch.pz, out=still, where=counted)
    delay = way * np.hypot(bunch.momentum(), species.mass) / C_LIGHT
    return Plane(z, bunch.x + way * bunch.px, bunch.y + way * bunch.py, delay)


def _excess(bunch: Bunch, p0c: float, stated: float | None) -> Array:
    """Return how much each total momentum exceeds `p0c`, without the difference of two near numbers."""
    total = bunch.momentum()
    plain: Array = (bunch.px**2 + bunch.py**2 + (bunch.pz - p0c) * (bunch.pz + p0c)) / (total + p0c)
    if bunch.excess is None or stated is None:
        return plain
    exact = bunch.excess + (stated - p0c)
    belongs = (np.abs(exact - plain) <= TRUSTED * (total + p0c)) | ~bunch.alive
    return exact if belongs.all() else plain


def _lag(bunch: Bunch, plane: Plane, t: float | None) -> tuple[Array, float]:
    """Return how much later than the reference particle each one is [s], and the time of that [s]."""
    offset = np.zeros_like(bunch.time) if bunch.time_offset is None else bunch.time_offset
    if t is None and not plane.delay.any():  # else it would be the time of the reference particle at another plane
        t = bunch.common(bunch.time_offset)
    if t is not None:
        return (offset - t) + bunch.time + plane.delay, t
    first = np.argmax(bunch.counted())
    later = (offset - offset[first]) + (bunch.time - bunch.time[first]) + plane.delay
    mean = bunch.mean(later)
    return later - mean, float(offset[first] + bunch.time[first] + mean)


def _places(bunch: Bunch, plane: Plane, s: float | None) -> tuple[float, Array]:
    """Return where the bunch is in the line, and where each particle was lost [m]."""
    if s is None:
        s = bunch.common(bunch.s)
    if s is None:
        s = plane.z if bunch.s is None else bunch.mean(bunch.s)
    lost = s + (bunch.z - plane.z) if bunch.s is None else bunch.s
    return s, np.where(bunch.alive, np.inf, lost)


# -------------------------------------------------------------------- back


def bunch_of(beam: ParticleBeam, what: str) -> tuple[Bunch, Reference]:
    """Return a beam as files have it, and its reference in plain numbers.

    All particles are at ``z = s``; `time` counts from the reference particle's, so that a late bunch loses no digits. Momenta
    and times of the lost are as if they had been lost here, for their reference is not known.

    Parameters
    ----------
    beam : ParticleBeam
    what : str
        ``"an openPMD file"``: what holds one bunch.

    Raises
    ------
    InputError
        If the beam is a batch, or holds values that no particle has.
    BackendError
        If a trace hides the values.
    """
    if beam.shape:
        raise InputError(f"{what} holds one bunch, and this beam is a batch {beam.shape} of them; write one at a time")
    reference = Reference(beam.species, *(_scalar(name, getattr(beam.reference, name)) for name in ("p0c", "s", "t")))
    x, px, y, py, z, pz = (_values(name, array).astype(float) for name, array in beam.coordinates._asdict().items())
    alive = _values("alive", beam.alive).astype(bool)
    p0c, transverse, total = reference.p0c, np.hypot(px, py), 1 + pz
    impossible = np.count_nonzero(alive & (transverse > total))
    if impossible:
        raise InputError(
            f"{impossible} living particles have a transverse momentum above their total one; they cannot be written"
        )
    longitudinal = np.copysign(np.sqrt(np.maximum((total - transverse) * (total + transverse), 0.0)), total)
    beta = total * p0c / np.hypot(total * p0c, reference.species.mass)

    def same(value: float) -> Array:
        return np.full(len(beam), value)

    bunch = Bunch(
        x=x,
        y=y,
        z=same(reference.s),
        px=p0c * px,
        py=p0c * py,
        pz=p0c * longitudinal,
        time=np.divide(-z, beta * C_LIGHT, out=same(0.0), where=beta != 0),
        time_offset=same(reference.t),
        excess=p0c * pz,
        p0c=same(p0c),
        s=np.where(alive, reference.s, _values("lost_s", beam.lost_s).astype(float)),
        charge=_values("charge", beam.charge).astype(float),
        alive=alive,
    )
    return bunch, reference


def _values(name: str, array: Any) -> Array:
    values: Array | None = backend_of(array).value(array)
    if values is None:
        raise BackendError(f"{name} is hidden by a trace (jit), so the beam cannot be written from there")
    if name != "lost_s" and not np.isfinite(values).all():
        raise InputError(f"{name} must be finite; {np.count_nonzero(~np.isfinite(values))} of {values.size} values are not")
    return values


def _scalar(name: str, value: Any) -> float:
    return float(value) if is_number(value) else float(_values(name, value).reshape(()))


def living(bunch: Bunch, losses: Losses) -> Bunch:
    """Return the living of a bunch, and report the others.

    Raises
    ------
    InputError
        If there are none.
    """
    lost = int(np.count_nonzero(~bunch.alive))
    if lost == len(bunch.alive):
        raise InputError("no particle is alive, and the file holds the living alone")
    if lost:
        losses.note("beam", "alive", f"{lost} lost particles", "left out")
    kept: dict[str, Any] = {n: None if values is None else values[bunch.alive] for n, values in bunch._asdict().items()}
    return Bunch(**kept)
