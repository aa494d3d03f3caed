"""The six phase-space coordinates of many particles, as six arrays."""

from __future__ import annotations

from typing import Any, NamedTuple


class Coordinates(NamedTuple):
    """Bmad's canonical coordinates, each an array ``(..., n)`` (Bmad manual, "Bmad Phase Space").

    Attributes
    ----------
    x, y : array
        Transverse position [m].
    px, py : array
        Transverse canonical momentum over the reference momentum P0.
    z : array
        ``-beta c (t - t_ref)`` [m]: positive ahead of the reference particle.
    pz : array
        ``(P - P0) / P0``.
    """

    x: Any
    px: Any
    y: Any
    py: Any
    z: Any
    pz: Any
