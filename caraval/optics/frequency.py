"""Frequencies of motion that was tracked (Laskar, "Frequency analysis for multi-dimensional systems", Physica D 67, 257)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import minimize_scalar

from caraval.core.beam import ParticleBeam
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.registry import backend_of
from caraval.physics.shared.modes import columns_of

from .line import Line, has_rf
from .twiss import Tunes, begun

LEAST = 16
"""Turns without which there is no frequency to speak of."""

LAST = -1
"""The place of the last element."""


def frequency(signal: Any) -> Any:
    """Return the strongest frequency of a signal, in periods per sample.

    The maximum of the Fourier transform under a Hann window, found between the samples of the fast transform. For one line
    among others that are some samples apart, the error falls as the fourth power of the number of samples.

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
    found = [_strongest(one) for one in values.reshape(-1, n)]
    return np.array(found).reshape(values.shape[:-1])[()]


def _strongest(signal: np.ndarray) -> float:
    n = len(signal)
    at = np.arange(n) - (n - 1) / 2
    weighted = (signal - signal.mean()) * np.hanning(n + 2)[1:-1]
    peak = np.abs(np.fft.fft(weighted))
    if np.isrealobj(signal):
        peak = peak[: n // 2 + 1]
    first = np.fft.fftfreq(n)[int(np.argmax(peak))]

    def height(shift: float) -> float:
        return -float(abs(np.sum(weighted * np.exp(-2j * np.pi * (first + shift / n) * at))))

    shift = float(minimize_scalar(height, bounds=(-1.0, 1.0), method="bounded", options={"xatol": 1e-10}).x)
    found = first + shift / n
    return abs(float(found)) if np.isrealobj(signal) else float((found + 0.5) % 1.0 - 0.5)


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
    if not has_rf(lattice):
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
