"""Losses in straight magnets: by the field where the particle is."""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.reference import Reference
from caraval.core.routine import Routine
from caraval.physics.shared.emission import mean_loss_in
from caraval.physics.shared.multipoles import field
from caraval.physics.shared.special import quotient


class Loss(NamedTuple):
    """Integrated strengths by order, and the loss per square of the integrated field."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    loss: Any


def lose(c: Loss, q: Coordinates, xp: Any) -> Coordinates:
    """Take off what is radiated: backwards, so that the direction stays."""
    real, imaginary = field(c, q)
    part = c.loss * (real * real + imaginary * imaginary) * (1 + q.pz)
    return q._replace(px=q.px - part * q.px, py=q.py - part * q.py, pz=q.pz - part * (1 + q.pz))


@cache
def half_of_magnet(highest: int) -> Routine:
    """Return the loss in half of a magnet with multipoles up to that order."""

    def prepare(magnet: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Loss:
        found = magnet.strengths(xp)
        pairs = [found.get(n, (0.0, 0.0)) for n in range(highest + 1)]
        per_square = mean_loss_in(magnet, reference_in) * quotient(0.5, magnet.length, xp)
        return Loss(tuple(b for _, b in pairs), tuple(a for a, _ in pairs), per_square)

    return Routine(track=lose, prepare=prepare, dissipates=True)
