"""Bunches whose fields are known: uniform and Gaussian ones, of quiet samples."""

from math import pi, sqrt

import numpy as np
from scipy.constants import epsilon_0
from scipy.stats import norm, qmc

import caraval as cv

MASS = cv.Species("electron", mass=510998.95069, charge=-1).mass
COULOMB = 1 / (4 * pi * epsilon_0)


def gamma(p0c: float, mass: float = MASS) -> float:
    return sqrt(1 + (p0c / mass) ** 2)


def quiet(n: int) -> np.ndarray:
    return qmc.Sobol(3, seed=3).random_base2((n - 1).bit_length())[:n].T


def ball(n: int) -> np.ndarray:
    """Return places in a uniform ball of radius one."""
    u = quiet(n)
    cosine, phi, r = 2 * u[0] - 1, 2 * pi * u[1], np.cbrt(u[2])
    sine = np.sqrt(1 - cosine**2)
    return r * np.array([sine * np.cos(phi), sine * np.sin(phi), cosine])


def normal(n: int) -> np.ndarray:
    """Return places of a normal distribution of standard deviation one, out to three and a half."""
    return norm.ppf(quiet(n) * 0.9995 + 0.00025)


def at_rest(places: np.ndarray, p0c: float, **settings) -> cv.ParticleBeam:
    """Return a bunch that has no motion of its own; places [m] are those in its rest frame."""
    species = cv.ParticleBeam(x=[0.0], p0c=p0c, species=settings.get("species", "electron")).species
    return cv.ParticleBeam(x=places[0], y=places[1], z=places[2] / gamma(p0c, species.mass), p0c=p0c, **settings)


def field(before: cv.ParticleBeam, after: cv.ParticleBeam, length: float) -> np.ndarray:
    """Return the field in the rest frame [V/m], from short kicks."""
    g, b = before.reference.gamma, before.reference.beta
    per = before.p0c * b / length / abs(before.species.charge)
    return np.array([(after.px - before.px) * g, (after.py - before.py) * g, after.pz - before.pz]) * per
