"""What collimators have in common: an opening that moves with them, and windows of momenta and time."""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.loss import OUTSIDE, margin
from caraval.core.reference import Reference
from caraval.core.routine import Routine
from caraval.core.schema import Parameter

from .multipoles import Kicked
from .special import quotient

WINDOWS = ("px", "py", "z", "pz")
"""Coordinates that collimators limit besides x and y."""


class Collimator(Kicked):
    """A collimator (Bmad manual, "Collimators").

    Where `aperture_at` says that there is a test, particles are lost that are a width or more from the centre of a window, too.
    Windows are those of the coordinates in line, however the collimator stands; what Bmad does there is said in no source.

    Attributes
    ----------
    px_aperture_width2, py_aperture_width2, z_aperture_width2, pz_aperture_width2 : Parameter
        Half widths of the windows [1; z: m]; zero: no window.
    px_aperture_center, py_aperture_center, z_aperture_center, pz_aperture_center : Parameter
        Their centres.
    """

    offset_moves_aperture: bool = True
    px_aperture_width2: Parameter = 0.0
    px_aperture_center: Parameter = 0.0
    py_aperture_width2: Parameter = 0.0
    py_aperture_center: Parameter = 0.0
    z_aperture_width2: Parameter = 0.0
    z_aperture_center: Parameter = 0.0
    pz_aperture_width2: Parameter = 0.0
    pz_aperture_center: Parameter = 0.0

    aperture_follows_tilt = True
    elliptic_windows = False

    def windows(self) -> Routine | None:
        """Return the test of the windows; None if there are none."""
        if all(is_zero(getattr(self, f"{name}_aperture_width2")) for name in WINDOWS):
            return None
        return Routine(track=ellipses if self.elliptic_windows else rectangles, prepare=_prepare)


class Windows(NamedTuple):
    """Centres, and inverse half widths: zero where there is no window."""

    px: Any
    py: Any
    z: Any
    pz: Any
    per_px: Any
    per_py: Any
    per_z: Any
    per_pz: Any


def rectangles(c: Windows, q: Coordinates, xp: Any) -> Any:
    """Whether particles are inside all windows; on an edge counts as outside."""
    x, y = xp.abs((q.px - c.px) * c.per_px), xp.abs((q.py - c.py) * c.per_py)
    z, pz = xp.abs((q.z - c.z) * c.per_z), xp.abs((q.pz - c.pz) * c.per_pz)
    return _within(xp.maximum(x, y), _within(xp.maximum(z, pz), margin(q, xp), xp), xp) >= 0


def ellipses(c: Windows, q: Coordinates, xp: Any) -> Any:
    """Whether particles are inside ellipses in px and py, and in z and pz; where one of two is no window, in the other."""
    x, y = (q.px - c.px) * c.per_px, (q.py - c.py) * c.per_py
    z, pz = (q.z - c.z) * c.per_z, (q.pz - c.pz) * c.per_pz
    return _within(x * x + y * y, _within(z * z + pz * pz, margin(q, xp), xp), xp) >= 0


def _within(size: Any, further: Any, xp: Any) -> Any:
    return xp.where(size < 1, further, OUTSIDE)


def _prepare(collimator: Collimator, before: Reference, after: Reference, xp: Any) -> Windows:
    centres = (getattr(collimator, f"{name}_aperture_center") for name in WINDOWS)
    return Windows(*centres, *(quotient(1.0, getattr(collimator, f"{name}_aperture_width2"), xp) for name in WINDOWS))
