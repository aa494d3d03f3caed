"""Distributions of bunches, by name, in coordinates in which every one has unit covariance.

Positions and momenta are the even and the odd rows. Ellipsoids with tilts, sizes and dispersion are linear images of these.
"""

from __future__ import annotations

from collections.abc import Callable
from math import pi, sqrt

import numpy as np

from .errors import InputError, suggest

Generator = np.random.Generator


def in_ball(n: int, dimensions: int, random: Generator) -> np.ndarray:
    """Return points ``(dimensions, n)`` spread evenly in a ball of unit covariance; its radius is sqrt(dimensions + 2)."""
    return on_sphere(n, dimensions, random) * sqrt((dimensions + 2) / dimensions) * random.random(n) ** (1 / dimensions)


def on_sphere(n: int, dimensions: int, random: Generator) -> np.ndarray:
    """Return points ``(dimensions, n)`` spread evenly on a sphere of unit covariance; its radius is sqrt(dimensions)."""
    points = random.standard_normal((dimensions, n))
    return sqrt(dimensions) * points / np.sqrt((points**2).sum(axis=0))


def _joined(transverse: np.ndarray, z: np.ndarray, pz: np.ndarray) -> np.ndarray:
    return np.concatenate((transverse, z[None], pz[None]))


def gaussian(n: int, random: Generator) -> np.ndarray:
    """Return a normal distribution."""
    return random.standard_normal((6, n))


def waterbag(n: int, random: Generator) -> np.ndarray:
    """Return an evenly filled ellipsoid of six dimensions."""
    return in_ball(n, 6, random)


def kv(n: int, random: Generator) -> np.ndarray:
    """Return an even distribution on an ellipsoid of the four transverse dimensions, of even length, with normal pz.

    Its transverse force is linear: I. M. Kapchinskij and V. V. Vladimirskij, Proc. Int. Conf. High Energy Accel., CERN, 274
    (1959).
    """
    return _joined(on_sphere(n, 4, random), sqrt(12) * (random.random(n) - 0.5), random.standard_normal(n))


def kurth(n: int, random: Generator) -> np.ndarray:
    """Return a stationary distribution of six dimensions that fills a ball evenly: its force is linear in all directions.

    Its density in units of the radius is ``(1 - r^2 - p^2 + (r x p)^2)^-1/2`` (R. Kurth, Quart. Appl. Math. 36, 325, 1978):
    at any r, momenta across are even in a disk, and of those along the arcsine follows.
    """
    radius = sqrt(5)
    position = in_ball(n, 3, random) / radius
    r = np.sqrt((position**2).sum(axis=0))
    out = position / r
    other = random.standard_normal((3, n))  # any direction gives one across
    across = other - (out * other).sum(axis=0) * out
    across *= np.sqrt(random.random(n) / (across**2).sum(axis=0))
    most = np.sqrt((1 - r**2) * (1 - (across**2).sum(axis=0)))
    momentum = across + out * most * np.sin(2 * pi * random.random(n))
    return radius * np.stack((position, momentum), axis=1).reshape(6, n)


def semigaussian(n: int, random: Generator) -> np.ndarray:
    """Return an evenly filled ellipsoid in space with normal momenta."""
    return np.stack((in_ball(n, 3, random), random.standard_normal((3, n))), axis=1).reshape(6, n)


def triangle(n: int, random: Generator) -> np.ndarray:
    """Return a bunch whose current rises from its tail and stops at its head, as plasmas accelerate; else a waterbag.

    Four transverse dimensions are evenly filled, and pz is normal.
    """
    return _joined(in_ball(n, 4, random), sqrt(2) * (3 * np.sqrt(random.random(n)) - 2), random.standard_normal(n))


DISTRIBUTIONS: dict[str, Callable[[int, Generator], np.ndarray]] = {
    function.__name__: function for function in (gaussian, waterbag, kv, kurth, semigaussian, triangle)
}
"""By name, what returns ``(6, n)`` numbers of mean zero and unit covariance."""


def distribution(name: str) -> Callable[[int, Generator], np.ndarray]:
    """Return a distribution by its name.

    Raises
    ------
    InputError
        If there is none.
    """
    if name not in DISTRIBUTIONS:
        known = ", ".join(DISTRIBUTIONS)
        raise InputError(f"there is no distribution {name!r}{suggest(str(name), list(DISTRIBUTIONS))}; there are {known}")
    return DISTRIBUTIONS[name]
