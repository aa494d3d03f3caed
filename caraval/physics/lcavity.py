"""Accelerating cavities, whose voltage changes the reference energy."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import pi
from typing import Any, Literal, NamedTuple

from caraval.core.arrays import is_zero, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element, End
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import BEYOND
from caraval.core.methods import TrackingMethod
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from .drift import DriftConstants, drift, undo_length
from .solenoid import SolenoidConstants, solenoid
from .special import quotient, root

ALMOST = 1e-9
"""Length [m] by which the active part falls short of a cavity without frequency, as in Bmad."""


class LCavity(Element):
    """A standing- or traveling-wave cavity that accelerates (Bmad manual, "Lcavity").

    Attributes
    ----------
    voltage : Parameter
        On-crest energy gain over charge [V]. Or give ``gradient`` [V/m]; then ``voltage = gradient length``.
    phi0, phi0_err, phi0_multipass : Parameter
        Phase from the crest [2 pi]; that of an error, and of the pass.
    voltage_err : Parameter
        Error of the voltage [V], which the reference does not see. Or give ``gradient_err`` [V/m].
    rf_frequency : Parameter
        [Hz]
    n_cell : int
        Number of cells, which decides the active length; negative: as many as fit.
    n_rf_steps : int
        Number of steps of the energy gain.
    cavity_type : "standing_wave" or "traveling_wave"
    field_autoscale : Parameter
        Factor on the field.
    ks : Parameter
        Normalised field of a solenoid around the cavity, at the exit's momentum [1/m].
    fringe_type, fringe_at
        Focusing at the ends of the active part.
    """

    voltage: Parameter = 0.0
    phi0: Parameter = 0.0
    phi0_err: Parameter = 0.0
    phi0_multipass: Parameter = 0.0
    voltage_err: Parameter = 0.0
    rf_frequency: Parameter = 0.0
    n_cell: int = -1
    n_rf_steps: int = 10
    cavity_type: Literal["standing_wave", "traveling_wave"] = "standing_wave"
    field_autoscale: Parameter = 1.0
    ks: Parameter = 0.0
    fringe_type: Literal["full", "none"] = "full"
    fringe_at: End = "both_ends"

    shorthands = {  # noqa: RUF012
        **Element.shorthands,
        "gradient": lambda values: {"voltage": values["gradient"] * values["length"]},
        "gradient_err": lambda values: {"voltage_err": values["gradient_err"] * values["length"]},
    }

    def validate(self) -> None:
        """Check what Bmad's model asks for."""
        if not isinstance(self.n_rf_steps, int) or self.n_rf_steps < 1:
            raise InputError(f"{self.label}: n_rf_steps must be a positive whole number, not {self.n_rf_steps!r}")
        if is_zero(self.length) and self.cavity_type == "standing_wave" and not is_zero(self.voltage):
            raise InputError(f"{self.label}: a standing-wave cavity needs a length; a thin one is a traveling_wave")

    def cut(self, start: Any, end: Any) -> Element:
        """Cavities cannot be cut yet."""
        raise InputError(f"{self.label}: a cavity cannot be cut")

    @property
    def gain(self) -> Any:
        """Energy gain of the reference [eV]; errors do not count."""
        phase = 2 * pi * (self.phi0 + self.phi0_multipass)
        return self.voltage * namespace(phase).cos(phase)


class Active(NamedTuple):
    """Length of the active part and of the pipe before and after it [m], field over charge in it [V/m], wave number [1/m]."""

    length: Any
    pipe: Any
    field: Any
    wave_number: Any


def active(cavity: LCavity, xp: Any) -> Active:
    """Return the active part: as many half wavelengths as there are cells, or as fit."""
    length, frequency = cavity.length, cavity.rf_frequency
    half_wave = quotient(C_LIGHT, 2 * frequency, xp)
    fitting = xp.floor(quotient(length, half_wave, xp))
    cells = fitting if cavity.n_cell < 0 else xp.minimum(1.0 * cavity.n_cell, 1.0 * fitting)
    inside = xp.where(frequency == 0, length - ALMOST, xp.minimum(cells * half_wave, 1.0 * length))
    inside = xp.maximum(inside, 0.0)
    voltage = cavity.field_autoscale * (cavity.voltage + cavity.voltage_err)
    return Active(inside, (length - inside) / 2, quotient(voltage, inside, xp), 2 * pi * frequency / C_LIGHT)


def plateau(reference_in: Reference, reference_out: Reference, step: int, steps: int) -> Reference:
    """Return the reference before kick `step` (zero: at the entrance, ``steps + 1``: at the exit)."""
    if step == 0:
        return reference_in
    if step == steps + 1:
        return reference_out
    rise = reference_out.energy - reference_in.energy
    return reference_in.with_energy(reference_in.energy + (step - 0.5) * rise / steps)


def reference(cavity: LCavity, reference_in: Reference, xp: Any) -> Reference:
    """Return the reference at the exit: its energy has risen, and it was slower before."""
    out = reference_in.with_energy(reference_in.energy + cavity.gain)
    part = active(cavity, xp)
    steps = cavity.n_rf_steps
    time = part.pipe / reference_in.beta + part.pipe / out.beta
    for step in range(1, steps + 1):
        time = time + part.length / steps / plateau(reference_in, out, step, steps).beta
    return replace(out, s=reference_in.s + cavity.length, t=reference_in.t + time / C_LIGHT)


# -------------------------------------------------------------------- routines


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
    early = q.z * energy / momentum  # z over beta
    half = -0.5 * c.wave_number * early
    s, co = xp.sin(half), xp.cos(half)
    beyond = q.pz * (2 + q.pz) / (energy + c.energy_in)  # energy beyond the reference's
    beyond = c.ratio * (beyond - 2 * c.amplitude * s * (c.cosine * s + c.sine * co) + c.excess)
    after = c.energy_out + beyond
    left = after * after - c.mass2_out
    momentum = root(left, xp)
    pz = beyond * (after + c.energy_out) / (momentum + 1)
    x = xp.where(left > 0, q.x, BEYOND)
    return Coordinates(x, q.px * c.ratio, q.y, q.py * c.ratio, early * momentum / after, pz)


def undo_gain(c: GainConstants) -> GainConstants:
    """Return the constants of the same kick backwards."""
    return GainConstants(
        -c.amplitude * c.ratio, c.cosine, c.sine, c.wave_number, -c.excess * c.ratio, 1 / c.ratio,
        c.mass2_out, c.mass2_in, c.energy_out, c.energy_in,
    )  # fmt: skip


class EdgeConstants(NamedTuple):
    """Half the field over the reference momentum [1/m], signed; phase, wave number [1/m] and ``(m c / P0)^2``."""

    focusing: Any
    cosine: Any
    sine: Any
    wave_number: Any
    mass2: Any


def edge(c: EdgeConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Enter or leave the field: a transverse kick, and the energy that it costs (Bmad manual, "LCavity Tracking")."""
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    early = q.z * energy / momentum
    phase = -c.wave_number * early
    s, co = xp.sin(phase), xp.cos(phase)
    kick = c.focusing * (c.cosine * co - c.sine * s)
    cost = -0.5 * c.wave_number * c.focusing * (c.sine * co + c.cosine * s) * (q.x * q.x + q.y * q.y)
    after = energy + cost
    rise = cost * (energy + after)  # of the momentum squared
    momentum_out = root(momentum * momentum + rise, xp)
    pz = q.pz + rise / (momentum + momentum_out)
    return Coordinates(q.x, q.px - kick * q.x, q.y, q.py - kick * q.y, early * momentum_out / after, pz)


class PonderomotiveConstants(NamedTuple):
    """Focusing strength [1/m]."""

    focusing: Any


def ponderomotive(c: PonderomotiveConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Focus by the backward wave of a standing wave (Rosenzweig and Serafini, Phys. Rev. E 49, 1599)."""
    i = 1 / (1 + q.pz)
    k = c.focusing * i
    z = q.z - 0.5 * k * i * (q.x * q.x + q.y * q.y)
    return q._replace(px=q.px - k * q.x, py=q.py - k * q.y, z=z)


def _negated(name: str) -> Callable[[Any], Any]:
    return lambda c: c._replace(**{name: -getattr(c, name)})


# -------------------------------------------------------------------- their constants


def _mass2(reference: Reference) -> Any:
    return (reference.species.mass / reference.p0c) ** 2


def _kick(step: int, steps: int, weight: float, *, to: int | None = None) -> Routine:
    """Return kick `step` of ``0 ... steps`` with its share of the voltage, to the next plateau or the one given."""
    following = step + 1 if to is None else to

    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> GainConstants:
        before, after = (plateau(reference_in, reference_out, i, steps) for i in (step, following))
        phase = 2 * pi * (cavity.phi0 + cavity.phi0_err + cavity.phi0_multipass)
        voltage = cavity.field_autoscale * (cavity.voltage + cavity.voltage_err) * weight
        cosine = xp.cos(phase)
        excess = (voltage * cosine - (after.energy - before.energy)) / before.p0c
        return GainConstants(
            voltage / before.p0c, cosine, xp.sin(phase), 2 * pi * cavity.rf_frequency / C_LIGHT, excess,
            before.p0c / after.p0c, _mass2(before), _mass2(after), before.energy / before.p0c, after.energy / after.p0c,
        )  # fmt: skip

    return Routine(track=gain, prepare=prepare, undo=undo_gain)


def _edge(side: int) -> Routine:
    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> EdgeConstants:
        here = reference_in if side > 0 else reference_out
        part = active(cavity, xp)
        phase = 2 * pi * (cavity.phi0 + cavity.phi0_err + cavity.phi0_multipass)
        return EdgeConstants(0.5 * side * part.field / here.p0c, xp.cos(phase), xp.sin(phase), part.wave_number, _mass2(here))

    return Routine(track=edge, prepare=prepare, undo=_negated("focusing"))


def _ponderomotive(step: int, steps: int) -> Routine:
    def prepare(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> PonderomotiveConstants:
        part, here = active(cavity, xp), plateau(reference_in, reference_out, step, steps)
        return PonderomotiveConstants(part.length * (part.field / here.p0c) ** 2 / (16 * steps))

    return Routine(track=ponderomotive, prepare=prepare, undo=_negated("focusing"))


def _body(step: int, steps: int, *, pipe: bool, solenoidal: bool) -> Routine:
    """Return the way between two kicks, or through the pipe before (step 0) and after (``steps + 1``) the active part."""

    def length(cavity: LCavity, xp: Any) -> Any:
        part = active(cavity, xp)
        return part.pipe if pipe else part.length / steps

    def straight(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> DriftConstants:
        return DriftConstants(length(cavity, xp), _mass2(plateau(reference_in, reference_out, step, steps)))

    def helix(cavity: LCavity, reference_in: Reference, reference_out: Reference, xp: Any) -> SolenoidConstants:
        here = plateau(reference_in, reference_out, step, steps)
        return SolenoidConstants(length(cavity, xp), cavity.ks * reference_out.p0c / here.p0c / 2, _mass2(here))

    if solenoidal:
        return Routine(track=solenoid, prepare=helix, undo=undo_length)
    return Routine(track=drift, prepare=straight, undo=undo_length)


def bmad_standard(cavity: LCavity, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's steps: pipe, edge, kicks in energy with drifts between, edge, pipe; in a standing wave focusing at each drift."""
    steps = cavity.n_rf_steps
    solenoidal = not is_zero(cavity.ks)
    if is_zero(cavity.length):
        return (Step((_kick(0, steps, 1.0, to=steps + 1),)),)
    out = []
    standing = cavity.cavity_type == "standing_wave"
    has_edges = cavity.fringe_type != "none"
    entering = (_edge(+1),) if has_edges and cavity.fringe_at in ("entrance_end", "both_ends") else ()
    leaving = (_edge(-1),) if has_edges and cavity.fringe_at in ("exit_end", "both_ends") else ()
    first = _body(0, steps, pipe=True, solenoidal=solenoidal)
    last = _body(steps + 1, steps, pipe=True, solenoidal=solenoidal)
    out.append(Step((first, *entering, _kick(0, steps, 0.5 / steps))))
    for step in range(1, steps + 1):
        focus = (_ponderomotive(step, steps),) if standing else ()
        kick = _kick(step, steps, (0.5 if step == steps else 1.0) / steps)
        out.append(Step((*focus, _body(step, steps, pipe=False, solenoidal=solenoidal), *focus, kick)))
    out[-1] = Step((*out[-1].routines, *leaving, last))
    return out


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's model."""
    return {(LCavity, "bmad_standard"): Composite(bmad_standard, reference=reference)}
