"""Cavities as one matrix for each particle: that of the energy gain with the phase that it has in the middle.

The model of elegant's RFCA (elegant manual, "RFCA"), and nearly that of Cheetah and Ocelot: exact in time, and linear across
the beam. A particle keeps the speed with which it comes until it is out, and so does the reference from which its time counts.
The body of a standing wave focuses (Rosenzweig and Serafini, Phys. Rev. E 49, 1599, for a pure pi mode), that of a traveling
wave does not; the ends of either are lenses. All of the length is active, and a slice is a shorter cavity with a phase of its
own.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import pi
from typing import TYPE_CHECKING, Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.errors import MethodError
from caraval.core.loss import BEYOND
from caraval.core.methods import TrackingMethod
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Composite, Routine, Step

from ... import drift
from ..fields.rf_field import has_ends
from ..multipoles import orders
from ..special import cos_sin, quotient, root
from .cavity import check_frequency
from .lcavity_one_piece import SQRT8, log_ratio

if TYPE_CHECKING:
    from .cavity import CoupledCavity


class Constants(NamedTuple):
    """Of a cavity, in units of the reference momentum at its entrance.

    Length [m], energy gain on crest, that over the length [1/m], cosine and sine of the reference's phase, wave number [1/m],
    gain in phase beyond that of the reference, ratio of the reference momenta before and after, ``(m c / P0)^2`` and energy
    over momentum before and after, and the powers of the lenses at entrance and exit over the relative gain there [1/m].
    """

    length: Any
    amplitude: Any
    field: Any
    cosine: Any
    sine: Any
    wave_number: Any
    excess: Any
    ratio: Any
    mass2: Any
    energy_in: Any
    energy_out: Any
    entrance: Any
    exit: Any


class Gain(NamedTuple):
    """Energy gain of a particle, its energy and momentum then, that energy beyond the reference's, and if that is possible."""

    gain: Any
    energy: Any
    momentum: Any
    beyond: Any
    possible: Any


class Ray(NamedTuple):
    """Positions and slopes."""

    x: Any
    u: Any
    y: Any
    v: Any

    def through_lens(self, power: Any) -> Ray:
        """Return the ray behind a thin lens."""
        return self._replace(u=self.u - power * self.x, v=self.v - power * self.y)

    def through_matrix(self, a: Any, b: Any, c: Any, d: Any) -> Ray:
        """Return the ray behind a matrix that is the same in both planes."""
        return Ray(a * self.x + b * self.u, c * self.x + d * self.u, a * self.y + b * self.v, c * self.y + d * self.v)


def detour(ray: Ray, xp: Any) -> Any:
    """Return by how much longer the way of a slope is than that along the axis, over the latter."""
    square = ray.u * ray.u + ray.v * ray.v
    return square / (xp.sqrt(1 + square) + 1)


def gained(c: Constants, energy: Any, pz: Any, angle: Any, xp: Any) -> Gain:
    """Return what becomes of the energy of a particle whose phase is an `angle` beyond the reference's."""
    s, co = xp.sin(0.5 * angle), xp.cos(0.5 * angle)
    less = 2 * c.amplitude * s * (c.cosine * s + c.sine * co)  # than in phase with the reference
    beyond = pz * (2 + pz) / (energy + c.energy_in) - less + c.excess
    design = c.energy_out / c.ratio
    after = design + beyond
    square = 1 / (c.ratio * c.ratio) + beyond * (after + design)
    possible = (square > 0) & (after > 0)
    momentum = xp.sqrt(xp.where(possible, square, 1.0))
    return Gain(c.amplitude * c.cosine - less, xp.where(possible, after, 1.0), momentum, beyond, possible)


def traveling_body(c: Constants, momentum: Any, energy: Any, g: Gain, cosine: Any, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Return the matrix of a body that does not focus."""
    grown = g.gain * (energy + g.energy) / ((momentum + g.momentum) * momentum)
    return 1.0, c.length * log_ratio(grown, xp), 0.0, momentum / g.momentum


def standing_body(c: Constants, momentum: Any, energy: Any, g: Gain, cosine: Any, xp: Any) -> tuple[Any, Any, Any, Any]:
    """Return the matrix of a body whose backward wave focuses."""
    grown = c.amplitude / energy  # by what share the energy would grow on crest
    relative = log_ratio(grown * cosine, xp)
    turned = grown * relative / SQRT8
    co, ratio = cos_sin(turned * turned)
    shrunk = energy / g.energy
    return co, c.length * relative * ratio, -shrunk * c.field / energy * turned * ratio / SQRT8, co * shrunk


def _through(c: Constants, q: Coordinates, body: Any, xp: Any) -> Coordinates:
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    forward = root(momentum * momentum - q.px * q.px - q.py * q.py, xp)
    slowness, early = energy / momentum, q.z * energy / momentum
    slower = -c.mass2 * q.pz * (2 + q.pz) / (momentum * momentum * (slowness + c.energy_in))  # than the reference
    ray = Ray(q.x, q.px / forward, q.y, q.py / forward)
    late = 0.5 * c.length * (slower + slowness * detour(ray, xp))
    angle = c.wave_number * (late - early)
    g = gained(c, energy, q.pz, angle, xp)
    ray = ray.through_lens(c.entrance * g.gain / energy)
    cosine = c.cosine * xp.cos(angle) - c.sine * xp.sin(angle)
    ray = ray.through_matrix(*body(c, momentum, energy, g, cosine, xp))
    late = late + 0.5 * c.length * (slower + slowness * detour(ray, xp))
    ray = ray.through_lens(-c.exit * g.gain / g.energy)
    forward = c.ratio * g.momentum / xp.sqrt(1 + ray.u * ray.u + ray.v * ray.v)
    beyond = c.ratio * g.beyond
    pz = beyond * (c.ratio * g.energy + c.energy_out) / (c.ratio * g.momentum + 1)
    x = xp.where(g.possible, ray.x, BEYOND)
    return Coordinates(x, ray.u * forward, ray.y, ray.v * forward, (early - late) * g.momentum / g.energy, pz)


def traveling(c: Constants, q: Coordinates, xp: Any) -> Coordinates:
    """Go through a cavity with a traveling wave."""
    return _through(c, q, traveling_body, xp)


def standing(c: Constants, q: Coordinates, xp: Any) -> Coordinates:
    """Go through a cavity with a standing wave."""
    return _through(c, q, standing_body, xp)


def _prepare(cavity: CoupledCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> Constants:
    p0c, voltage, phase = reference_in.p0c, cavity.total_voltage, cavity.phase
    lens = quotient(0.5, cavity.length, xp)
    entrance, exit = (lens if end else 0.0 for end in has_ends(cavity))
    gain = reference_out.energy - reference_in.energy
    return Constants(
        cavity.length, voltage / p0c, quotient(voltage, cavity.length, xp) / p0c, xp.cos(phase), xp.sin(phase),
        2 * pi * cavity.rf_frequency / C_LIGHT, (voltage * xp.cos(phase) - gain) / p0c, p0c / reference_out.p0c,
        drift.mass2(reference_in), reference_in.energy / p0c, reference_out.energy / reference_out.p0c,
        entrance, exit,
    )  # fmt: skip


_ROUTINES = {
    "standing_wave": Routine(track=standing, prepare=_prepare),
    "traveling_wave": Routine(track=traveling, prepare=_prepare),
}


def center_phase(cavity: CoupledCavity, method: TrackingMethod, number: int) -> Sequence[Step]:
    """One step.

    Raises
    ------
    MethodError
        If the cavity has what this model is without.
    """
    if not cavity.is_on and cavity.grows < 0:
        return drift.switched_off(cavity)
    if orders(cavity) or cavity.has_solenoid() or not is_zero(cavity.coupler_strength):
        raise MethodError(
            f"{cavity.label}: center_phase is without kicks, multipoles, couplers and a solenoid; use bmad_standard"
        )
    wave: str = cavity.cavity_type  # type: ignore[attr-defined]
    if wave not in _ROUTINES:
        raise MethodError(f"{cavity.label}: center_phase needs a standing_wave or a traveling_wave, not {wave!r}")
    if is_zero(cavity.length):
        wave = "traveling_wave"
    return (Step((*check_frequency(cavity), _ROUTINES[wave])),)


COMPOSITE = Composite(center_phase)
"""The method as the registry has it."""
