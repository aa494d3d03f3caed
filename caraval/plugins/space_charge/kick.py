"""The push that particles of a bunch give each other along a length."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from math import pi
from typing import Any, NamedTuple

from array_api_compat import array_namespace
from scipy.constants import epsilon_0

import caraval as cv

from .ellipsoid import kicked_moments
from .grid import MARGIN, Box, around
from .options import Extent, Grid
from .poisson import field, potential

COULOMB = 1 / (4 * pi * epsilon_0)
"""[V m / C]"""


SIDEWAYS = 1e-12
"""Smallest forward momentum squared [of the reference's], so that its root has a slope."""


class Bunch(NamedTuple):
    """Where particles are at one time, in the frame that moves with the bunch's mean momentum.

    Attributes
    ----------
    places : tuple of array (..., n)
        x, y and s [m] from the bunch's centre in s, at the time when that is where the beam is looked at.
    beta, gamma : array (..., 1)
        Of the bunch.
    forward : array (..., n)
        Momentum along s over the reference momentum.
    """

    places: tuple[Any, Any, Any]
    beta: Any
    gamma: Any
    forward: Any


def at_one_time(beam: cv.ParticleBeam) -> Bunch:
    """Return where the particles of a beam are at one time. They pass a place one after the other, and move freely on."""
    xp, q, reference = array_namespace(beam.x), beam.coordinates, beam.reference.expanded()
    mass = reference.species.mass / reference.p0c
    total = xp.sum(beam.charge, axis=-1, keepdims=True)
    weight = beam.charge / xp.where(total > 0, total, xp.ones_like(total))
    momentum = 1 + q.pz
    forward2 = momentum * momentum - q.px * q.px - q.py * q.py
    # a kick may be so strong that a particle flies off sideways: it is lost where the next test is
    forward = xp.sqrt(xp.clip(forward2, SIDEWAYS, None))
    beta = momentum / xp.sqrt(momentum * momentum + mass * mass)
    passage = xp.sum(weight * q.z / beta, axis=-1, keepdims=True)  # -c (t - t_ref) [m] of the centre
    s = forward / momentum * (q.z - beta * passage)
    mean = xp.sum(weight * momentum, axis=-1, keepdims=True) / mass
    mean = xp.where(total > 0, mean, xp.ones_like(mean))  # no charge at all: any frame will do
    gamma = xp.sqrt(1 + mean * mean)
    return Bunch((q.x + q.px / forward * s, q.y + q.py / forward * s, s), mean / gamma, gamma, forward)


def kick(grid: Grid, extent: Extent, constants: tuple[Any], beam: cv.ParticleBeam, backend: Any) -> cv.Coordinates:
    """Return the coordinates after the push along a length [m]."""
    bunch = at_one_time(beam)
    x, y, s = bunch.places
    places = (x, y, bunch.gamma * s)
    box = around(places, beam, grid, extent, backend)
    cells = box.cells(places)
    amounts = beam.charge
    if extent is not None:
        xp, inside = array_namespace(x), box.inside(cells, grid)
        amounts = xp.where(inside, amounts, xp.zeros_like(amounts))
    charge = backend.deposit(cells, amounts, tuple(n + 2 * MARGIN for n in grid))
    e = backend.interpolate(field(potential(charge, box.spacing, grid, backend), box.spacing, backend), cells)
    reference = beam.reference.expanded()
    if extent is not None:
        e = [xp.where(inside, part, xp.zeros_like(part)) for part in e]
    # momentum over the reference's, per V/m: F ds / (beta c); across, the magnetic field leaves 1 / gamma^2 of gamma E
    push = COULOMB * abs(reference.species.charge) * cv.expand(constants[0]) / (bunch.beta * reference.p0c)
    across = push / bunch.gamma
    return pushed(beam, bunch.forward, (across * e[0], across * e[1], push * e[2]))


def pushed(beam: cv.ParticleBeam, forward: Any, push: tuple[Any, Any, Any]) -> cv.Coordinates:
    """Return the coordinates after momenta [of the reference's] are added in x, y and s, at the same time and place."""
    xp, q, reference = array_namespace(beam.x), beam.coordinates, beam.reference.expanded()
    mass2 = (reference.species.mass / reference.p0c) ** 2
    dx, dy, ds = push
    before = (1 + q.pz) * (1 + q.pz)
    gained = dx * (2 * q.px + dx) + dy * (2 * q.py + dy) + ds * (2 * forward + ds)
    pz = q.pz + gained / (1 + q.pz + xp.sqrt(before + gained))
    # z = -beta c (t - t_ref) at the same t: beta' / beta, less one, without the difference of numbers near one
    faster = mass2 * gained / (before * (before + gained + mass2))
    return q._replace(px=q.px + dx, py=q.py + dy, z=q.z + q.z * faster / (1 + xp.sqrt(1 + faster)), pz=pz)


@lru_cache(maxsize=256)
def kick_of(length: Callable[..., tuple[Any]], grid: Grid, extent: Extent) -> cv.Collective:
    """Return the effect along what `length` says of an element; of the same options it is one object."""
    return cv.Collective(partial(kick, grid, extent), prepare=length, moments=kicked_moments, joined=_together)


def _together(first: tuple[Any], second: tuple[Any]) -> tuple[Any]:
    return (first[0] + second[0],)


__all__ = ["COULOMB", "Box", "Bunch", "at_one_time", "kick", "kick_of", "pushed"]
