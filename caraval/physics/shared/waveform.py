"""How a field varies in time: an amplitude from a spectrum, or from a table (Bmad manual, "AC_Kicker").

Time is counted as the length ``w = z / beta = -c (t - t_ref)`` [m] by which a particle is early.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from math import pi
from typing import Any, NamedTuple

from caraval.core.reference import C_LIGHT

Rows = Sequence[Sequence[float]]

# -------------------------------------------------------------------- a spectrum


class Waves(NamedTuple):
    """Amplitudes, wave numbers ``2 pi f / c`` [1/m], and phases [rad] at ``w = 0``."""

    amplitude: tuple[Any, ...]
    wave_number: tuple[Any, ...]
    phase: tuple[Any, ...]


def prepare_waves(frequencies: Rows, t_offset: Any, xp: Any) -> Waves:
    """Return a spectrum of ``(frequency [Hz], amplitude, phase [2 pi])``; its clock starts at `t_offset` [s]."""
    turns = [phase - frequency * t_offset for frequency, _, phase in frequencies]
    return Waves(
        tuple(amplitude for _, amplitude, _ in frequencies),
        tuple(2 * pi * frequency / C_LIGHT for frequency, _, _ in frequencies),
        tuple(2 * pi * (turn - xp.floor(turn)) for turn in turns),  # small numbers keep their digits
    )


def harmonics(c: Waves, w: Any, xp: Any) -> tuple[Any, Any]:
    """Return the amplitude and its derivative with respect to w."""
    value = slope = 0.0 * w
    for i in range(len(c.amplitude)):
        angle = c.phase[i] - c.wave_number[i] * w
        value = value + c.amplitude[i] * xp.cos(angle)
        slope = slope + c.amplitude[i] * c.wave_number[i] * xp.sin(angle)
    return value, slope


# -------------------------------------------------------------------- a table


class Spline(NamedTuple):
    """Where each piece begins, in ``-w`` [m], and its polynomial in the distance from there; the first knot and the last.

    `reach` is how far [m] beyond the first and the last knot the end pieces go on.
    """

    start: tuple[Any, ...]
    value: tuple[Any, ...]
    slope: tuple[Any, ...]
    square: tuple[Any, ...]
    cube: tuple[Any, ...]
    end: Any
    reach: tuple[Any, Any]


FAR = 1e30
"""How far [m] straight lines go on."""


def prepare_spline(table: Rows, t_offset: Any, *, cubic: bool) -> Spline:
    """Return the interpolation of a table of ``(time [s], amplitude)``: straight lines, or Akima's cubics."""
    times = [C_LIGHT * time for time, _ in table]
    values = [amplitude for _, amplitude in table]
    steps = [b - a for a, b in pairwise(times)]
    chords = [(b - a) / step for (a, b), step in zip(pairwise(values), steps, strict=True)]
    pieces = range(len(steps))
    tangents = akima(chords) if cubic else []
    starts, end = [time + C_LIGHT * t_offset for time in times[:-1]], times[-1] + C_LIGHT * t_offset
    if not cubic:
        nothing = (0.0,) * len(steps)
        return Spline(tuple(starts), tuple(values[:-1]), tuple(chords), nothing, nothing, end, (FAR, FAR))
    return Spline(
        tuple(starts),
        tuple(values[:-1]),
        tuple(tangents[:-1]),
        tuple((3 * chords[i] - 2 * tangents[i] - tangents[i + 1]) / steps[i] for i in pieces),
        tuple((tangents[i] + tangents[i + 1] - 2 * chords[i]) / steps[i] ** 2 for i in pieces),
        end,
        (steps[0], steps[-1]),
    )


def akima(chords: Sequence[float]) -> list[float]:
    """Return the slopes at the knots from those of the chords between them (Akima, J. ACM 17, 589)."""
    first, last = chords[0], chords[-1]
    second, last_but_one = (chords[1], chords[-2]) if len(chords) > 1 else (first, last)
    m = [
        3 * first - 2 * second, 2 * first - second, *chords,
        2 * last - last_but_one, 3 * last - 2 * last_but_one,
    ]  # fmt: skip
    out = []
    for i in range(len(chords) + 1):
        before, after = abs(m[i + 1] - m[i]), abs(m[i + 3] - m[i + 2])
        total = before + after
        out.append((m[i + 1] + m[i + 2]) / 2 if total == 0 else (after * m[i + 1] + before * m[i + 2]) / total)
    return out


def interpolation(c: Spline, w: Any, xp: Any) -> tuple[Any, Any, Any]:
    """Return the amplitude, its derivative with respect to w, and whether it is known there."""
    value, slope = piece(c, 0, w)
    for i in range(1, len(c.start)):
        here, rise = piece(c, i, w)
        beyond = -w >= c.start[i]
        value, slope = xp.where(beyond, here, value), xp.where(beyond, rise, slope)
    return value, slope, (-w >= c.start[0] - c.reach[0]) & (-w <= c.end + c.reach[1])


def piece(c: Spline, i: int, w: Any) -> tuple[Any, Any]:
    """Return a polynomial, and its derivative with respect to w."""
    u = -w - c.start[i]
    value = c.value[i] + u * (c.slope[i] + u * (c.square[i] + u * c.cube[i]))
    return value, -(c.slope[i] + u * (2 * c.square[i] + u * 3 * c.cube[i]))
