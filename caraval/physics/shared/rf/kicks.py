"""What radio-frequency fields do to a particle at one place: kicks in energy, and across the beam.

Every field here goes as ``cos psi`` with ``psi = psi0 - k z / beta``: `k` is the wave number, and ``z / beta`` how early the
particle comes, as a length. A particle keeps its time while its energy changes, so its z goes with its speed. A transverse
kick is the slope of a potential ``U(x, y) cos psi``, whose price is the energy ``k U sin psi``: so it is canonical at any
amplitude.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.loss import BEYOND


def turned_phase(c: Any, early: Any, xp: Any) -> tuple[Any, Any]:
    """Return cosine and sine of the phase that a particle sees, from those of the reference's in the constants."""
    angle = c.wave_number * early
    s, co = xp.sin(angle), xp.cos(angle)
    return c.cosine * co + c.sine * s, c.sine * co - c.cosine * s


def with_energy_changed(
    q: Coordinates, px: Any, py: Any, change: Any, momentum: Any, energy: Any, mass2: Any, xp: Any
) -> Coordinates:
    """Return a particle with other transverse momenta, and more energy by `change`; one that has not enough is lost.

    All in units of the reference momentum. Differences of nearly equal numbers are written out, for single precision.
    """
    after = energy + change
    square = momentum * momentum
    rise = change * (energy + after)  # of the momentum squared
    possible = (square + rise > 0) & (after > 0)
    rise = xp.where(possible, rise, 0.0)
    square_after = square + rise
    momentum_after = xp.sqrt(square_after)
    lag = mass2 * rise / (square * (square_after + mass2))  # how much beta^2 grows
    return Coordinates(
        xp.where(possible, q.x, BEYOND),
        px,
        q.y,
        py,
        q.z + q.z * lag / (xp.sqrt(1 + lag) + 1),
        q.pz + rise / (momentum + momentum_after),
    )


# -------------------------------------------------------------------- at constant reference energy


class Push(NamedTuple):
    """Energy on crest over the reference momentum, cosine and sine of the phase, wave number [1/m], ``(m c / P0)^2``."""

    amplitude: Any
    cosine: Any
    sine: Any
    wave_number: Any
    mass2: Any


def push(c: Push, q: Coordinates, xp: Any) -> Coordinates:
    """Change the energy alone (Bmad manual, "RFcavity Tracking")."""
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    cosine, _ = turned_phase(c, q.z * energy / momentum, xp)
    return with_energy_changed(q, q.px, q.py, c.amplitude * cosine, momentum, energy, c.mass2, xp)


class Deflection(NamedTuple):
    """Kicks on crest, cosine and sine of the phase, wave number [1/m], ``(m c / P0)^2``."""

    kick_x: Any
    kick_y: Any
    cosine: Any
    sine: Any
    wave_number: Any
    mass2: Any


def deflect(c: Deflection, q: Coordinates, xp: Any) -> Coordinates:
    """Kick across the beam: a crab cavity, or a coupler (Bmad manual, "Crab_Cavity Tracking", "Coupler Kicks")."""
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    cosine, sine = turned_phase(c, q.z * energy / momentum, xp)
    change = c.wave_number * sine * (c.kick_x * q.x + c.kick_y * q.y)
    px, py = q.px + c.kick_x * cosine, q.py + c.kick_y * cosine
    return with_energy_changed(q, px, py, change, momentum, energy, c.mass2, xp)


class Lens(NamedTuple):
    """Focusing strength on crest [1/m], cosine and sine of the phase, wave number [1/m], ``(m c / P0)^2``."""

    focusing: Any
    cosine: Any
    sine: Any
    wave_number: Any
    mass2: Any


def focus(c: Lens, q: Coordinates, xp: Any) -> Coordinates:
    """Focus at the end of a field, where it pulls towards the axis (Bmad manual, "LCavity Tracking")."""
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    cosine, sine = turned_phase(c, q.z * energy / momentum, xp)
    kick = c.focusing * cosine
    change = -0.5 * c.wave_number * c.focusing * sine * (q.x * q.x + q.y * q.y)
    return with_energy_changed(q, q.px - kick * q.x, q.py - kick * q.y, change, momentum, energy, c.mass2, xp)


class PonderomotiveConstants(NamedTuple):
    """Focusing strength [1/m]."""

    focusing: Any


def ponderomotive(c: PonderomotiveConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Focus by the backward wave of a standing wave (Rosenzweig and Serafini, Phys. Rev. E 49, 1599)."""
    i = 1 / (1 + q.pz)
    k = c.focusing * i
    z = q.z - 0.5 * k * i * (q.x * q.x + q.y * q.y)
    return q._replace(px=q.px - k * q.x, py=q.py - k * q.y, z=z)


# -------------------------------------------------------------------- with the reference energy


class GainConstants(NamedTuple):
    """Of a kick in energy.

    Amplitude over the reference momentum before, cosine and sine of the phase, wave number [1/m], what errors add to the
    reference's own gain, ratio of the reference momenta before and after, their ``(m c / P0)^2`` and energies over momentum.
    """

    amplitude: Any
    cosine: Any
    sine: Any
    wave_number: Any
    excess: Any
    ratio: Any
    mass2_in: Any
    mass2_out: Any
    energy_in: Any
    energy_out: Any


def gain(c: GainConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Change the energy, and with it the reference; the time of the particle stays (Bmad manual, "LCavity Tracking").

    Written in the difference of the particle's energy from the reference's, so that no digits are lost when both rise.
    """
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2_in)
    half = -0.5 * c.wave_number * (q.z * energy / momentum)
    s, co = xp.sin(half), xp.cos(half)
    beyond = q.pz * (2 + q.pz) / (energy + c.energy_in)  # energy beyond the reference's
    beyond = c.ratio * (beyond - 2 * c.amplitude * s * (c.cosine * s + c.sine * co) + c.excess)
    return with_reference_changed(c, q, q.px, q.py, momentum, beyond, xp)


def with_reference_changed(
    c: GainConstants, q: Coordinates, px: Any, py: Any, momentum: Any, beyond: Any, xp: Any
) -> Coordinates:
    """Return a particle of an energy beyond the new reference's, in units of its momentum; one that has not enough is lost."""
    after = c.energy_out + beyond
    left = 1 + beyond * (after + c.energy_out)  # of the momentum squared: no difference of a slow ion's rest energies
    possible = (left > 0) & (after > 0)
    left = xp.where(possible, left, 1.0)
    scaled = c.ratio * momentum
    lag = c.mass2_out * (left - scaled * scaled) / (scaled * scaled * (left + c.mass2_out))  # how much beta^2 grows
    return Coordinates(
        xp.where(possible, q.x, BEYOND),
        px * c.ratio,
        q.y,
        py * c.ratio,
        q.z + q.z * lag / (xp.sqrt(1 + lag) + 1),
        beyond * (after + c.energy_out) / (xp.sqrt(left) + 1),
    )


def undo_gain(c: GainConstants) -> GainConstants:
    """Return the constants of the same kick backwards."""
    return GainConstants(
        -c.amplitude * c.ratio, c.cosine, c.sine, c.wave_number, -c.excess * c.ratio, 1 / c.ratio,
        c.mass2_out, c.mass2_in, c.energy_out, c.energy_in,
    )  # fmt: skip


class WaveConstants(NamedTuple):
    """Of the gain on the axis, and how the field grows off it: ``kappa^2 / 4`` [1/m^2] and ``kappa^2 / 2 k`` [1/m]."""

    on_axis: GainConstants
    growth: Any
    defocusing: Any


BESSEL = (1.0, 1 / 4, 1 / 36, 1 / 576, 1 / 14400, 1 / 518400, 1 / 25401600, 1 / 1625702400)
"""Coefficients of the series of the Bessel function ``I_0`` in ``(kappa r / 2)^2``, from the linear term on."""


def wave(c: WaveConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Change the energy, and with it the reference, in a wave that goes with the reference.

    Its field grows off the axis as ``I_0(kappa r)`` with ``kappa = k / (beta gamma)``, by Maxwell's equations, and pushes
    particles away from it accordingly (Wangler, "RF Linear Accelerators", chapter 7). The potential is
    ``-(V / k) I_0(kappa r) sin psi``, with the series cut: so it is canonical at any amplitude.
    """
    a = c.on_axis
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + a.mass2_in)
    half = -0.5 * a.wave_number * (q.z * energy / momentum)
    s, co = xp.sin(half), xp.cos(half)
    w = c.growth * (q.x * q.x + q.y * q.y)
    grown, slope = BESSEL[7], 8 * BESSEL[7]
    for m in range(6, -1, -1):
        grown, slope = BESSEL[m] + w * grown, (m + 1) * BESSEL[m] + w * slope
    turned = s * (a.cosine * s + a.sine * co)
    beyond = q.pz * (2 + q.pz) / (energy + a.energy_in)
    beyond = beyond + a.amplitude * (w * grown * (a.cosine - 2 * turned) - 2 * turned) + a.excess
    kick = -a.amplitude * c.defocusing * slope * (a.sine + 2 * s * (a.cosine * co - a.sine * s))
    return with_reference_changed(a, q, q.px + kick * q.x, q.py + kick * q.y, momentum, a.ratio * beyond, xp)


def undo_wave(c: WaveConstants) -> WaveConstants:
    """Return the constants of the same kick backwards."""
    return WaveConstants(undo_gain(c.on_axis), c.growth, c.defocusing)


class Rescaling(NamedTuple):
    """Ratio of the reference momenta before and after, and that less one."""

    ratio: Any
    less_one: Any


def rescale(c: Rescaling, q: Coordinates, xp: Any) -> Coordinates:
    """Measure momenta by another reference momentum."""
    return q._replace(px=q.px * c.ratio, py=q.py * c.ratio, pz=q.pz * c.ratio + c.less_one)


def undo_rescaling(c: Rescaling) -> Rescaling:
    """Return the constants of the way back."""
    return Rescaling(1 / c.ratio, -c.less_one / c.ratio)


class Delay(NamedTuple):
    """Length [m] by which the reference is late at the speed of light, and ``(m c / P0)^2``."""

    length: Any
    mass2: Any


def delay(c: Delay, q: Coordinates, xp: Any) -> Coordinates:
    """Measure z from a reference of another time."""
    momentum = 1 + q.pz
    return q._replace(z=q.z + c.length * momentum / xp.sqrt(momentum * momentum + c.mass2))


class Displacement(NamedTuple):
    """Horizontal [m]."""

    x: Any


def displace(c: Displacement, q: Coordinates, xp: Any) -> Coordinates:
    """Move particles to the side."""
    return q._replace(x=q.x + c.x)


@cache
def negated(*names: str) -> Callable[[Any], Any]:
    """Return what makes the constants of a routine backwards: some of them change sign. For the same names it is the same."""
    return lambda c: c._replace(**{name: -getattr(c, name) for name in names})
