"""Bmad's former model of an accelerating cavity (``n_rf_steps = 0``): one matrix of a field that is uniform all along.

Each section has one phase, that in its middle, so the phase and the time that a particle takes depend on each other (Bmad
manual, "LCavity Tracking"; Rosenzweig and Serafini, Phys. Rev. E 49, 1599).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import pi, sqrt
from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.loss import BEYOND
from caraval.core.methods import TrackingMethod
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Routine, Step

from ...drift import mass2
from ..fields.rf_field import of_energy
from ..special import cos_sin
from .cavity import check_frequency

if TYPE_CHECKING:
    from ...lcavity import LCavity

ENOUGH = 1e-4
"""Phase [rad] to which Bmad searches."""

SQRT8 = sqrt(8.0)


class Section(NamedTuple):
    """Of a section, in units of the reference momentum at its entrance.

    Length [m], energy gain on crest, cosine and sine of the phase, wave number [1/m], gain of a particle in phase beyond
    that of the reference, ratio of the reference momenta before and after, their ``(m c / P0)^2`` and energies over momentum.
    """

    length: Any
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


class Energy(NamedTuple):
    """Of a particle after a section, in units of the reference momentum before: beyond the reference's, in all, as momentum.

    By how much longer than the section its way is at the speed of light [m], and than the reference's; whether it gets through.
    """

    beyond: Any
    total: Any
    momentum: Any
    lag: Any
    behind: Any
    possible: Any


def energised(c: Section, q: Coordinates, angle: Any, xp: Any) -> Energy:
    """Return the energy that a particle has after a section whose phase is an `angle` beyond the reference's.

    The way at the speed of light is ``length (E1 + E2) / (P1 + P2)``. It is written with ``E - P = m^2 / (E + P)``, and by how
    much it is longer than the reference's with differences of energy and momentum: neither fast nor slow particles lose digits.
    """
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2_in)
    s, co = xp.sin(0.5 * angle), xp.cos(0.5 * angle)
    earlier = q.pz * (2 + q.pz) / (energy + c.energy_in)
    beyond = earlier - 2 * c.amplitude * s * (c.cosine * s + c.sine * co) + c.excess
    design = c.energy_out / c.ratio
    after = design + beyond
    left = 1 / (c.ratio * c.ratio) + beyond * (after + design)  # of the momentum squared
    possible = (left > 0) & (after > 0)
    momentum_after = xp.sqrt(xp.where(possible, left, 1.0))
    energy_after = xp.where(possible, after, 1.0)
    both = momentum + momentum_after
    in_sum, out_sum = 1 / (energy + momentum), 1 / (energy_after + momentum_after)
    design_in, design_out = 1 / (c.energy_in + 1), c.ratio / (c.energy_out + 1)
    faster = xp.where(possible, beyond * (after + design) / (momentum_after + 1 / c.ratio), 0.0)
    less = (earlier + q.pz) * in_sum * design_in + (beyond + faster) * out_sum * design_out
    share = (q.pz + faster) / (1 + 1 / c.ratio)
    behind = -c.length * c.mass2_in * (less + (design_in + design_out) * share) / both
    lag = c.length * c.mass2_in * (in_sum + out_sum) / both
    return Energy(beyond, energy_after, momentum_after, lag, behind, possible)


class Passage(NamedTuple):
    """Transverse coordinates after a section, in the same units, the energy, and how far the particle falls behind [m]."""

    x: Any
    px: Any
    y: Any
    py: Any
    energy: Energy
    late: Any


def log_ratio(w: Any, xp: Any) -> Any:
    """Return ``log(1 + w) / w``: the series of the inverse hyperbolic tangent where `w` is small. Below -1 there is none."""
    w = xp.where(w > -1, w, 1.0)
    t = w / (2 + w)
    small = t * t < 0.01
    u = xp.where(small, t * t, 0.0)
    series = 1 + u * (1 / 3 + u * (1 / 5 + u * (1 / 7 + u * (1 / 9 + u * (1 / 11 + u * (1 / 13 + u * (1 / 15 + u / 17)))))))
    large = xp.where(small, 1.0, w)
    return xp.where(small, 2 * series / (2 + w), xp.log(1 + large) / large)


def through_traveling(c: Section, q: Coordinates, angle: Any, xp: Any) -> Passage:
    """Go through a section of a traveling wave of a phase; it does not focus inside."""
    p = energised(c, q, angle, xp)
    momentum = 1 + q.pz
    stretched = (momentum + p.momentum) / (2 * p.momentum * momentum)
    u, v = q.px * stretched, q.py * stretched
    detour = 0.5 * (u * u + v * v) * (c.length + p.lag)
    return Passage(q.x + u * c.length, q.px, q.y + v * c.length, q.py, p, p.behind + detour)


def through_standing(c: Section, q: Coordinates, angle: Any, xp: Any) -> Passage:
    """Go through a section of a standing wave of a phase, with the ends of its field; its backward wave focuses."""
    p = energised(c, q, angle, xp)
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2_in)
    cosine = c.cosine * xp.cos(angle) - c.sine * xp.sin(angle)
    grown = c.amplitude / energy  # by what share the energy would grow on crest
    relative = log_ratio(grown * cosine, xp)
    turned = grown * relative / SQRT8
    co, ratio = cos_sin(turned * turned)
    scale = xp.sqrt(momentum * p.total / (energy * p.momentum))
    shrunk = energy / p.total
    pull = grown / c.length
    reach, back = scale * c.length * relative * ratio, scale * shrunk * pull * turned * ratio / SQRT8
    co = co * scale
    u, v = q.px / momentum - 0.5 * pull * cosine * q.x, q.py / momentum - 0.5 * pull * cosine * q.y
    x, y = co * q.x + reach * u, co * q.y + reach * v
    u1, v1 = co * shrunk * u - back * q.x, co * shrunk * v - back * q.y
    detour = (c.length + p.lag) / 6 * (u * u + u * u1 + u1 * u1 + v * v + v * v1 + v1 * v1)
    leaving = 0.5 * pull * cosine * shrunk
    px, py = (u1 + leaving * x) * p.momentum, (v1 + leaving * y) * p.momentum
    return Passage(x, px, y, py, p, p.behind + detour)


# The phase that counts is that in the middle: half a slip after that at the entrance, where the slip of a particle through the
# section depends on the phase. Bmad looks for it by Brent's method, to 1e-4: between the phases at entrance and exit, then by a
# line through the better of these and what was found, or by a parabola through all three, and so on.


class Tried(NamedTuple):
    """A phase beyond the reference's, and by how much the phase in the middle is beyond it then."""

    angle: Any
    rest: Any


def tried(start: Any, angle: Any, slipped: Any) -> Tried:
    """Return what the slip for a phase says of it."""
    return Tried(angle, start + 0.5 * slipped - angle)


def is_far(a: Tried, xp: Any) -> Any:
    """Whether Bmad would try on."""
    return xp.abs(a.rest) >= ENOUGH


def on_line(a: Tried, b: Tried, needed: Any, xp: Any) -> Any:
    """Return where the line through two phases has its zero; the second itself where that is not needed."""
    apart = xp.where(needed, b.rest - a.rest, 1.0)
    return b.angle - xp.where(needed, b.rest * (b.angle - a.angle), 0.0) / apart


def on_parabola(a: Tried, b: Tried, c: Tried, needed: Any, xp: Any) -> Any:
    """Return where the parabola through three phases, as a function of their rests, has its zero; else the third."""
    ab = xp.where(needed, a.rest - b.rest, 1.0)
    bc = xp.where(needed, b.rest - c.rest, 1.0)
    ca = xp.where(needed, c.rest - a.rest, 1.0)
    step = -(a.angle - c.angle) * b.rest * c.rest / (ab * ca) - (b.angle - c.angle) * a.rest * c.rest / (ab * bc)
    return c.angle + xp.where(needed, step, 0.0)


def better_first(a: Tried, b: Tried, xp: Any) -> tuple[Tried, Tried]:
    """Return the better of two phases, and the other."""
    better = xp.abs(a.rest) < xp.abs(b.rest)
    return (
        Tried(xp.where(better, a.angle, b.angle), xp.where(better, a.rest, b.rest)),
        Tried(xp.where(better, b.angle, a.angle), xp.where(better, b.rest, a.rest)),
    )


def after_line(a: Tried, b: Tried, s: Tried, xp: Any) -> Any:
    """Return what Bmad tries after the zero of the line through the first two phases."""
    better, worse = better_first(a, b, xp)
    side, far = s.rest * worse.rest, is_far(s, xp)
    line = on_line(better, s, (side > 0) & far, xp)
    return xp.where(side > 0, line, on_parabola(better, worse, s, (side <= 0) & far, xp))


def found(start: Any, slipped: Any, a: Tried, b: Tried, s: Tried, t: Tried, xp: Any) -> Any:
    """Return the phase at which the search ends."""
    better, _ = better_first(a, b, xp)
    angle = on_parabola(better, s, t, is_far(t, xp), xp)
    angle = xp.where(is_far(s, xp), angle, s.angle)
    angle = xp.where(is_far(b, xp), angle, b.angle)
    return xp.where(xp.abs(slipped) < ENOUGH, start + 0.5 * slipped, angle)


def traveling(c: Section, q: Coordinates, xp: Any) -> Coordinates:
    """Go through a section of a traveling wave."""
    return through(c, q, through_traveling, xp)


def standing(c: Section, q: Coordinates, xp: Any) -> Coordinates:
    """Go through a section of a standing wave."""
    return through(c, q, through_standing, xp)


def through(c: Section, q: Coordinates, wave: Callable[[Section, Coordinates, Any, Any], Passage], xp: Any) -> Coordinates:
    """Go through a section of a wave, at the phase that the search finds."""
    early, k = earliness(c, q, xp), c.wave_number
    start = -k * early
    slipped = k * wave(c, q, start, xp).late
    a = tried(start, start, slipped)
    b = tried(start, start + slipped, k * wave(c, q, start + slipped, xp).late)
    angle = on_line(a, b, is_far(b, xp), xp)
    s = tried(start, angle, k * wave(c, q, angle, xp).late)
    angle = after_line(a, b, s, xp)
    t = tried(start, angle, k * wave(c, q, angle, xp).late)
    return leave(c, wave(c, q, found(start, slipped, a, b, s, t, xp), xp), early, xp)


def earliness(c: Section, q: Coordinates, xp: Any) -> Any:
    """Return how early a particle comes, as a length [m]."""
    momentum = 1 + q.pz
    return q.z * xp.sqrt(momentum * momentum + c.mass2_in) / momentum


def leave(c: Section, p: Passage, early: Any, xp: Any) -> Coordinates:
    """Return coordinates against the reference at the exit; a particle that slips by half a wave is lost, as in Bmad."""
    beyond = c.ratio * p.energy.beyond
    pz = beyond * (c.ratio * p.energy.total + c.energy_out) / (c.ratio * p.energy.momentum + 1)
    through = p.energy.possible & (xp.abs(c.wave_number * p.late) <= pi)
    x = xp.where(through, p.x, BEYOND)
    return Coordinates(x, p.px * c.ratio, p.y, p.py * c.ratio, (early - p.late) * p.energy.momentum / p.energy.total, pz)


def _section(number: int, sections: int, *, is_standing: bool) -> Routine:
    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Section:
        before, after = (
            of_energy(reference_in, reference_in.energy + cavity.gain * i / sections) for i in (number, number + 1)
        )
        voltage, length, phase = cavity.total_voltage / sections, cavity.length / sections, cavity.phase
        return Section(
            length, voltage / before.p0c, xp.cos(phase), xp.sin(phase), 2 * pi * cavity.rf_frequency / C_LIGHT,
            (voltage * xp.cos(phase) - (after.energy - before.energy)) / before.p0c, before.p0c / after.p0c,
            mass2(before), mass2(after), before.energy / before.p0c, after.energy / after.p0c,
        )  # fmt: skip

    return Routine(track=standing if is_standing else traveling, prepare=prepare)


def reference(cavity: LCavity, reference_in: Reference) -> Reference:
    """Return the reference at the exit of a cavity with a uniform field."""
    out = reference_in.with_energy(reference_in.energy + cavity.gain)
    time = cavity.length * (reference_in.energy + out.energy) / ((reference_in.p0c + out.p0c) * C_LIGHT)
    return replace(out, s=reference_in.s + cavity.length, t=reference_in.t + time)


def bmad_standard(cavity: LCavity, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Sections of a uniform field, one after the other."""
    is_standing = cavity.cavity_type == "standing_wave"
    out = [Step((_section(i, number, is_standing=is_standing),)) for i in range(number)]
    return (Step((*check_frequency(cavity), *out[0].routines)), *out[1:])
