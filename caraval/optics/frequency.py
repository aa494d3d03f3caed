"""Frequencies of motion that was tracked (Laskar, "Frequency analysis for multi-dimensional systems", Physica D 67, 257)."""

from __future__ import annotations

from typing import Any

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.registry import backend_of
from caraval.physics.shared.modes import columns_of

from .line import Line, has_longitudinal_focusing
from .twiss import Tunes, begun

LEAST = 16
"""Turns without which there is no frequency to speak of."""

LAST = -1
"""The place of the last element."""


POWER = 4
"""Of the window ``(1 + cos)^4``: what one line adds to another falls as the ninth power of how many samples they are apart."""

LINES = 5
"""At most so many lines are told apart, beside the mean."""

FAINT = 1e-10
"""What is left of a signal and weaker than this changes nothing."""

STEPS = 12
"""Of the method of Gauss and Newton for all lines together, at most."""

SAME = 1e-14
"""A change of a frequency below this is one of rounding errors."""


def frequency(signal: Any) -> Any:
    """Return the strongest frequency of a signal, in periods per sample.

    Lines are found one after the other as the maximum of the Fourier transform of what is left, under a window of Laskar's, and
    each time all are fitted again together with the mean. A thousand samples of up to five lines give all digits; of more,
    1e-12 where they are ten periods apart over all samples.

    Parameters
    ----------
    signal : array (..., samples)
        Complex signals give frequencies in [-1/2, 1/2), real ones in [0, 1/2].

    Returns
    -------
    array (...)

    Raises
    ------
    InputError
        If there are fewer than 16 samples.
    """
    values = np.asarray(signal)
    n = values.shape[-1]
    if n < LEAST:
        raise InputError(f"a frequency needs at least {LEAST} samples, and there are {n}")
    spectrum = Spectrum(n)
    found = np.array([spectrum.strongest(one) for one in values.reshape(-1, n)]).reshape(values.shape[:-1])
    return (np.abs(found) if np.isrealobj(values) else (found + 0.5) % 1.0 - 0.5)[()]


class Spectrum:
    """Lines of signals of so many samples."""

    def __init__(self, samples: int) -> None:
        self.at = np.arange(samples) - (samples - 1) / 2
        self.window = (1 + np.cos(2 * np.pi * self.at / samples)) ** POWER

    def strongest(self, signal: np.ndarray) -> float:
        """Return the frequency of the strongest line, the mean aside."""
        lines = np.zeros(1)
        _, rest = self.fitted(signal, lines)
        for _ in range(LINES):
            lines = self.improved(signal, np.append(lines, self.peak(rest)))
            amplitudes, rest = self.fitted(signal, lines)
            if np.abs(rest).max() <= FAINT * np.abs(signal).max():
                break
        return float(lines[1 + int(np.argmax(np.abs(amplitudes[1:])))])

    def waves(self, lines: np.ndarray) -> np.ndarray:
        """Return oscillations ``(lines, samples)``."""
        wave: np.ndarray = np.exp(2j * np.pi * lines[:, None] * self.at)
        return wave

    def fitted(self, signal: np.ndarray, lines: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the amplitudes with which lines fit a signal best under the window, and what they leave of it."""
        waves = self.waves(lines)
        found = self._solved(waves, signal)
        return found, signal - found @ waves

    def improved(self, signal: np.ndarray, lines: np.ndarray) -> np.ndarray:
        """Return lines that fit a signal better; the first, the mean, stays."""
        for _ in range(STEPS):
            amplitudes, rest = self.fitted(signal, lines)
            waves = self.waves(lines)
            slopes = 2j * np.pi * self.at * amplitudes[1:, None] * waves[1:]
            change = self._solved(np.concatenate([waves, slopes]), rest)[len(lines) :].real
            change = np.clip(change, -0.5 / len(signal), 0.5 / len(signal))
            lines = lines + np.append(0.0, change)
            if np.abs(change).max() < SAME:
                break
        return lines

    def _solved(self, functions: np.ndarray, signal: np.ndarray) -> np.ndarray:
        """Return the coefficients of functions ``(n, samples)`` that fit a signal best under the window."""
        weighted = np.conj(functions) * self.window
        scale = np.sqrt(np.real(np.sum(weighted * functions, axis=1)))
        scale[scale == 0] = 1.0
        gram = (weighted / scale[:, None]) @ (functions / scale[:, None]).T
        found: np.ndarray = np.linalg.lstsq(gram, (weighted @ signal) / scale)[0] / scale
        return found

    def peak(self, signal: np.ndarray) -> float:
        """Return where the fast transform is largest, between its samples by the parabola through the neighbours."""
        n = len(signal)
        height = np.abs(np.fft.fft(signal * self.window))
        top = int(np.argmax(height))
        left, middle, right = np.log(np.maximum(height[[top - 1, top, (top + 1) % n]], np.finfo(float).tiny))
        curved = left - 2 * middle + right
        shift = 0.5 * (left - right) / curved if curved < 0 else 0.0
        return float(np.fft.fftfreq(n)[top] + shift / n)


def tracked_tunes(lattice: Lattice, *, turns: int = 1024, x: Any = 1e-6, y: Any = 1e-6, pz: Any = 0.0) -> Tunes:
    """Return the fractional tunes of particles that are tracked about the closed orbit, by :func:`frequency`.

    Parameters
    ----------
    lattice : Lattice
        With a reference.
    turns : int
    x, y : number or array (n,)
        Amplitudes at the start [m]: arrays give a tune of every particle, for tune footprints.
    pz : number or array (n,)
        Deviation of the momentum; with cavities on, its amplitude.

    Returns
    -------
    Tunes
        `a` and `b` in [0, 1); `c`, where cavities are on, in [-1/2, 1/2), NaN where `pz` is zero. Of the lost they are NaN.
    """
    line = Line(lattice)
    begin = begun(line, None, closed=True)
    x, y, pz = (np.atleast_1d(np.asarray(value, dtype=float)) for value in np.broadcast_arrays(x, y, pz))
    orbit = [np.full_like(x, float(value)) for value in begin.orbit]
    start = [orbit[0] + x, orbit[1], orbit[2] + y, orbit[3], orbit[4], orbit[5] + pz]
    beam = ParticleBeam(*start, reference=line.reference)
    out, history = lattice.track(beam, turns=turns, observe=[LAST], keep=_coordinates)
    (seen,) = history.values()
    motion = np.moveaxis(np.array([np.array([*(a[:, None] for a in start)])[:, :, 0], *seen]), 0, -1)
    motion = motion - np.array(begin.orbit, dtype=float)[:, None, None]
    xp = np
    columns = np.array(columns_of(begin.modes._asdict(), xp), dtype=float)
    alive = backend_of(out.x).to_numpy(out.alive)
    eta = np.array(begin.dispersion[:4], dtype=float)
    flat = motion[:4] - eta[:, None, None] * motion[5]
    normal = np.einsum("ij,jnt->int", np.linalg.inv(columns), flat)
    a, b = (_turning(normal[i] - 1j * normal[i + 1], alive) % 1.0 for i in (0, 2))
    if not has_longitudinal_focusing(lattice):
        return Tunes(a[()] if a.size > 1 else float(a[0]), b if b.size > 1 else float(b[0]))
    c = _turning(motion[4] - motion[4].mean(axis=-1, keepdims=True) + 0j, alive)
    return Tunes(*(value if value.size > 1 else float(value[0]) for value in (a, b, np.where(pz != 0, -np.abs(c), np.nan))))


def _turning(signal: np.ndarray, alive: np.ndarray) -> np.ndarray:
    found = np.full(len(signal), np.nan)
    if alive.any():
        found[alive] = frequency(signal[alive])
    return found


def _coordinates(beam: ParticleBeam) -> np.ndarray:
    return np.array(beam.coordinates)
