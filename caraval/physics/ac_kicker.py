"""Kickers whose field varies in time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from caraval.core.arrays import is_number, is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError, MethodError
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import BEYOND
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift
from .kicker import Kicker, rule
from .shared import electric, steps
from .shared.integrator import body_kick_body, kick_body_kick, number_of_steps
from .shared.multipoles import field, present
from .shared.special import root
from .shared.waveform import Spline, Waves, harmonics, interpolation, prepare_spline, prepare_waves


class ACKicker(Kicker):
    """A kicker whose field, multipoles included, is multiplied by an amplitude that varies in time (Bmad manual, "AC_Kicker").

    What counts is the time at which a particle passes, against the reference particle's.

    Attributes
    ----------
    frequencies : tuple
        The spectrum: ``((frequency [Hz], amplitude, phase [2 pi]), ...)``.
    amp_vs_time : tuple
        Or a table of ``((time [s], amplitude), ...)``.
    t_offset : Parameter
        When the clock of both starts [s].
    interpolation : "cubic" or "linear"
        Of the table: Akima's cubics, which go on beyond the table as far as its end intervals are long (particles outside are
        lost), or straight lines.
    """

    frequencies: tuple[Any, ...] = ()
    amp_vs_time: tuple[Any, ...] = ()
    t_offset: Parameter = 0.0
    interpolation: Literal["cubic", "linear"] = "cubic"

    def validate(self) -> None:
        """Check the spectrum and the table."""
        super().validate()
        self._check_rows("frequencies", self.frequencies, ("frequency", "amplitude", "phase"))
        self._check_rows("amp_vs_time", self.amp_vs_time, ("time", "amplitude"))
        if self.frequencies and self.amp_vs_time:
            raise InputError(f"{self.label}: frequencies and amp_vs_time say the same; give one")
        times = [time for time, _ in self.amp_vs_time]
        if len(times) == 1 or any(b <= a for a, b in pairwise(times)):
            raise InputError(f"{self.label}: amp_vs_time needs two times or more, each later than the one before")

    def _check_rows(self, name: str, rows: tuple[Any, ...], columns: tuple[str, ...]) -> None:
        for row in rows:
            if not (isinstance(row, tuple) and len(row) == len(columns) and all(map(_is_finite, row))):
                raise InputError(f"{self.label}: each of {name} must be a tuple of numbers ({', '.join(columns)}), not {row!r}")


def _is_finite(value: Any) -> bool:
    return is_number(value) and value - value == 0


# -------------------------------------------------------------------- the kick


class HarmonicKick(NamedTuple):
    """Integrated strengths by order, ``(m c / P0)^2``, and the spectrum."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    mass2: Any
    waves: Waves


class TableKick(NamedTuple):
    """Integrated strengths by order, ``(m c / P0)^2``, and the table."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    mass2: Any
    table: Spline


def by_spectrum(c: HarmonicKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick as Bmad does, without a change of energy."""
    amplitude, _ = harmonics(c.waves, early(c, q, xp), xp)
    real, imaginary = field(c, q)
    return q._replace(px=q.px - amplitude * real, py=q.py + amplitude * imaginary)


def by_table(c: TableKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick as Bmad does, without a change of energy; a particle whose amplitude is not known is lost."""
    amplitude, _, known = interpolation(c.table, early(c, q, xp), xp)
    real, imaginary = field(c, q)
    x = xp.where(known, q.x, BEYOND + 0.0 * q.x)
    return q._replace(x=x, px=q.px - amplitude * real, py=q.py + amplitude * imaginary)


def by_spectrum_exactly(c: HarmonicKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick with the change of energy that belongs to it."""
    amplitude, slope = harmonics(c.waves, early(c, q, xp), xp)
    return exact_kick(c, amplitude, slope, q, xp)


def by_table_exactly(c: TableKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick with the change of energy that belongs to it; a particle whose amplitude is not known is lost."""
    amplitude, slope, known = interpolation(c.table, early(c, q, xp), xp)
    out = exact_kick(c, amplitude, slope, q, xp)
    return out._replace(x=xp.where(known, out.x, BEYOND + 0.0 * out.x))


def early(c: Any, q: Coordinates, xp: Any) -> Any:
    """Return ``z / beta`` [m]."""
    momentum = 1 + q.pz
    return q.z * xp.sqrt(momentum * momentum + c.mass2) / momentum


def exact_kick(c: Any, amplitude: Any, slope: Any, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by the vector potential ``A_s = A(w) V(x, y)``, symplectic in the canonical pair ``(w, E / (P0 c))``.

    The field ``-dA_s / dt`` along the beam changes the energy by ``-A'(w) V``.
    """
    momentum = 1 + q.pz
    energy = xp.sqrt(momentum * momentum + c.mass2)
    gain = -slope * potential(c, q)
    rise = gain * (2 * energy + gain)  # of the momentum squared
    left = momentum * momentum + rise
    after = root(left, xp)
    real, imaginary = field(c, q)
    return Coordinates(
        xp.where(left > 0, q.x, BEYOND + 0.0 * q.x),
        q.px - amplitude * real,
        q.y,
        q.py + amplitude * imaginary,
        q.z * energy * after / (momentum * (energy + gain)),
        q.pz + rise / (momentum + after),
    )


def potential(c: Any, q: Coordinates) -> Any:
    """Return the real part of ``sum (b_n + i a_n) (x + i y)^(n + 1) / (n + 1)``."""
    real, imaginary = 0.0 * q.x, 0.0 * q.x
    for n in range(len(c.b) - 1, -1, -1):
        real, imaginary = c.b[n] / (n + 1) + real, c.a[n] / (n + 1) + imaginary
        real, imaginary = q.x * real - q.y * imaginary, q.x * imaginary + q.y * real
    return real


def undo(c: Any) -> Any:
    """Return the opposite kick: it changes neither the place nor the time that it depends on."""
    return c._replace(b=tuple(-v for v in c.b), a=tuple(-v for v in c.a))


def kicks(kicker: ACKicker, *, exact: bool) -> Callable[[float], Routine] | None:
    """Return what makes the kick of a share of the strengths; None if there are none.

    Raises
    ------
    InputError
        If nothing says how they vary in time, or some of them are electric.
    """
    if electric.orders(kicker):
        raise InputError(f"{kicker.label}: electric multipoles that vary in time are not understood yet")
    those = present(kicker)
    if not those:
        return None
    if not kicker.frequencies and not kicker.amp_vs_time:
        raise InputError(f"{kicker.label}: nothing says how the kick varies in time; give frequencies or amp_vs_time")
    return partial(_kick, max(those) + 1, bool(kicker.frequencies), exact)


def _kick(size: int, has_spectrum: bool, exact: bool, weight: float) -> Routine:
    def prepare(kicker: ACKicker, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        found = kicker.strengths(xp)
        pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
        b, a = tuple(b * weight for _, b in pairs), tuple(a * weight for a, _ in pairs)
        mass2 = drift.mass2(reference_in)
        if has_spectrum:
            return HarmonicKick(b, a, mass2, prepare_waves(kicker.frequencies, kicker.t_offset, xp))
        cubic = kicker.interpolation == "cubic"
        return TableKick(b, a, mass2, prepare_spline(kicker.amp_vs_time, kicker.t_offset, cubic=cubic))

    tracks = (by_spectrum, by_spectrum_exactly) if has_spectrum else (by_table, by_table_exactly)
    return Routine(track=tracks[exact], prepare=prepare, undo=undo)


# -------------------------------------------------------------------- through the element


def count(kicker: ACKicker, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps, that of a kicker whose amplitude is one."""
    given = steps.given(method, kicker.length)
    if given or not steps.number(kicker.length):
        return given or 1
    plain = steps.plain(steps.normalised(kicker, reference))
    return rule(plain, plain.length)


def bmad_standard(kicker: ACKicker, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Kicks, half of one at each end, and exact drifts; each kick at the time when the particle is there."""
    if not kicker.is_on:
        return drift.switched_off(kicker)
    return kick_body_kick(drift.part, kicks(kicker, exact=False), number, thin=is_zero(kicker.length))


def kick_drift_kick(kicker: ACKicker, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Exact drifts, half of one at each end, and kicks that change the energy as they must to be symplectic."""
    if not kicker.is_on:
        return drift.switched_off(kicker)
    kick = kicks(kicker, exact=True)
    if is_zero(kicker.length):
        return kick_body_kick(drift.part, kick, 1, thin=True)
    return body_kick_body(drift.part, kick, number, method.order)


def runge_kutta(kicker: ACKicker, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Refuse to integrate: what a field does that changes in time, the kicks say.

    Raises
    ------
    MethodError
    """
    raise MethodError(f"{kicker.label}: {method.name} goes through fields that do not change in time; use kick_drift_kick")


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Kicks and exact drifts."""
    return {
        (ACKicker, "bmad_standard"): Composite(bmad_standard, count, lambda kicker: bool(present(kicker))),
        (ACKicker, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
        (ACKicker, "runge_kutta"): Composite(runge_kutta),
    }
