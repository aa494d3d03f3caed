"""Collimators, and their windows: limits on momenta and on the time of arrival (Bmad manual, "Collimators")."""

from __future__ import annotations

from typing import Any, ClassVar, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.loss import OUTSIDE, margin
from caraval.core.reference import Reference
from caraval.core.routine import Routine
from caraval.core.schema import Parameter

from .multipoles import Kicked

WINDOWS = ("px", "py", "z", "pz")
"""Coordinates that may have a window."""

OF_WINDOWS = tuple(f"{name}_aperture_{what}" for name in WINDOWS for what in ("width2", "center"))
"""Fields that say windows."""


class Collimator(Kicked):
    """A collimator: its opening moves and turns with it, its windows stay.

    Attributes
    ----------
    px_aperture_width2, py_aperture_width2, z_aperture_width2, pz_aperture_width2 : Parameter
        Half widths [1, 1, m, 1] of windows, in the coordinates of the line; zero: none.
    px_aperture_center, py_aperture_center, z_aperture_center, pz_aperture_center : Parameter
        Their centres [1, 1, m, 1].
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

    round_windows: ClassVar[bool] = False
    """Whether the windows of px and py, and those of z and pz, are one ellipse."""


class Windows(NamedTuple):
    """Centres and inverse half widths, zero where there is none."""

    centers: tuple[Any, ...]
    per_width: tuple[Any, ...]


def _through(c: Windows, q: Coordinates) -> tuple[Any, Any, Any, Any]:
    """Return how far particles are from the centres, over the half widths."""
    px = (q.px - c.centers[0]) * c.per_width[0]
    py = (q.py - c.centers[1]) * c.per_width[1]
    z = (q.z - c.centers[2]) * c.per_width[2]
    pz = (q.pz - c.centers[3]) * c.per_width[3]
    return px, py, z, pz


def rectangular(c: Windows, q: Coordinates, xp: Any) -> Any:
    """Whether particles come through each window; on its edge they do not."""
    px, py, z, pz = _through(c, q)
    across = xp.maximum(xp.abs(px), xp.abs(py))
    furthest = xp.maximum(across, xp.maximum(xp.abs(z), xp.abs(pz)))
    return xp.where(furthest < 1, margin(q, xp), OUTSIDE) >= 0


def elliptical(c: Windows, q: Coordinates, xp: Any) -> Any:
    """Whether particles come through both ellipses; on their edges they do not."""
    px, py, z, pz = _through(c, q)
    furthest = xp.maximum(px * px + py * py, z * z + pz * pz)
    return xp.where(furthest < 1, margin(q, xp), OUTSIDE) >= 0


def _prepare(element: Collimator, reference_in: Reference, reference_out: Reference, xp: Any) -> Windows:
    widths = [getattr(element, f"{name}_aperture_width2") for name in WINDOWS]
    per_width = (xp.where(w != 0, 1 / xp.where(w != 0, w, 1.0), 0.0) for w in widths)
    return Windows(tuple(getattr(element, f"{name}_aperture_center") for name in WINDOWS), tuple(per_width))


def windows(element: Any) -> Routine | None:
    """Return the test of the windows of an element; None if it has none."""
    if not isinstance(element, Collimator) or all(is_zero(getattr(element, f"{name}_aperture_width2")) for name in WINDOWS):
        return None
    return Routine(track=elliptical if element.round_windows else rectangular, prepare=_prepare)
