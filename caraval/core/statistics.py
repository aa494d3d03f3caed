"""What particle beams and moment beams both say of themselves: sizes, emittances, Twiss parameters."""

from __future__ import annotations

from typing import Any, NamedTuple

from array_api_compat import array_namespace

from .coordinates import Coordinates
from .errors import InputError, UnknownNameError, suggest
from .reference import Reference
from .registry import backend_of

_PLANES = {"x": (0, 1), "y": (2, 3), "z": (4, 5)}


class Twiss(NamedTuple):
    """Twiss parameters of a beam in one plane, its dispersion taken out.

    Attributes
    ----------
    beta : array
        [m]
    alpha : array
    gamma : array
        [1/m]
    emittance : array
        Geometric [m rad].
    eta : array
        Dispersion [m].
    etap : array
        Its momentum, ``d px / d pz``.
    """

    beta: Any
    alpha: Any
    gamma: Any
    emittance: Any
    eta: Any
    etap: Any


class Statistics:
    """Second moments and what follows from them. A beam says how to get one moment; the rest is here."""

    reference: Reference

    def mean_of(self, i: int) -> Any:
        """Return the mean of coordinate `i`."""
        raise NotImplementedError

    def covariance_of(self, i: int, j: int) -> Any:
        """Return the covariance of coordinates `i` and `j`."""
        raise NotImplementedError

    def sigma(self, name: str) -> Any:
        """Return the rms of the coordinate of that name, about the mean."""
        i = _index(name)
        square = self.covariance_of(i, i)
        return array_namespace(square).sqrt(square)

    sigma_x = property(lambda self: self.sigma("x"), doc="Rms size [m].")
    sigma_px = property(lambda self: self.sigma("px"), doc="Rms of px.")
    sigma_y = property(lambda self: self.sigma("y"), doc="Rms size [m].")
    sigma_py = property(lambda self: self.sigma("py"), doc="Rms of py.")
    sigma_z = property(lambda self: self.sigma("z"), doc="Rms length [m].")
    sigma_pz = property(lambda self: self.sigma("pz"), doc="Rms relative momentum spread.")
    mean_x = property(lambda self: self.mean_of(0), doc="Mean position [m].")
    mean_px = property(lambda self: self.mean_of(1), doc="Mean px.")
    mean_y = property(lambda self: self.mean_of(2), doc="Mean position [m].")
    mean_py = property(lambda self: self.mean_of(3), doc="Mean py.")
    mean_z = property(lambda self: self.mean_of(4), doc="Mean z [m].")
    mean_pz = property(lambda self: self.mean_of(5), doc="Mean relative momentum deviation.")

    def emittance(self, plane: str) -> Any:
        """Return the projected geometric emittance [m rad] in ``"x"``, ``"y"`` or ``"z"``; dispersion counts."""
        i, j = _plane(plane)
        area = self.covariance_of(i, i) * self.covariance_of(j, j) - self.covariance_of(i, j) ** 2
        return _root(area)

    def normalized_emittance(self, plane: str) -> Any:
        """Return the projected emittance times the reference's p0c / (m c^2) [m rad]."""
        return self.emittance(plane) * (self.reference.p0c / self.reference.species.mass)

    emittance_x = property(lambda self: self.emittance("x"), doc="Projected geometric emittance [m rad].")
    emittance_y = property(lambda self: self.emittance("y"), doc="Projected geometric emittance [m rad].")
    emittance_z = property(lambda self: self.emittance("z"), doc="Projected geometric emittance [m].")
    normalized_emittance_x = property(lambda self: self.normalized_emittance("x"), doc="Projected, normalized [m rad].")
    normalized_emittance_y = property(lambda self: self.normalized_emittance("y"), doc="Projected, normalized [m rad].")
    normalized_emittance_z = property(lambda self: self.normalized_emittance("z"), doc="Projected, normalized [m].")

    def twiss(self, plane: str) -> Twiss:
        """Return the Twiss parameters in ``"x"``, ``"y"`` or ``"z"``, in x and y with dispersion taken out.

        Raises
        ------
        InputError
            If the beam has no emittance there.
        """
        found = self.twiss_anyhow(plane)
        known = backend_of(found.emittance).value(found.emittance)
        if known is not None and not (known > 0).all():
            raise InputError(f"the beam has no emittance in {plane}, so it has no Twiss parameters there")
        return found

    def twiss_anyhow(self, plane: str) -> Twiss:
        """Return the same unchecked: beta, alpha and gamma are NaN where some of a batch have no emittance."""
        i, j = _plane(plane)
        a, b, d = self.covariance_of(i, i), self.covariance_of(i, j), self.covariance_of(j, j)
        xp = array_namespace(a)
        eta = etap = xp.zeros_like(a)
        if plane != "z":
            spread = self.covariance_of(5, 5)
            spread = xp.where(spread > 0, spread, xp.ones_like(spread))
            eta, etap = self.covariance_of(i, 5) / spread, self.covariance_of(j, 5) / spread
            a, b, d = a - eta * eta * spread, b - eta * etap * spread, d - etap * etap * spread
        emittance = _root(a * d - b * b)
        area = xp.where(emittance > 0, emittance, xp.full_like(emittance, float("nan")))
        return Twiss(a / area, -b / area, d / area, emittance, eta, etap)


def _root(area: Any) -> Any:
    """Square root of a determinant that rounding may have made slightly negative."""
    xp = array_namespace(area)
    positive = area > 0
    return xp.where(positive, xp.sqrt(xp.where(positive, area, xp.ones_like(area))), xp.zeros_like(area))


def _index(name: str) -> int:
    if name not in Coordinates._fields:
        raise UnknownNameError(f"no coordinate {name!r}{suggest(name, Coordinates._fields)}")
    return Coordinates._fields.index(name)


def _plane(plane: str) -> tuple[int, int]:
    if plane not in _PLANES:
        raise UnknownNameError(f"no plane {plane!r}; there are x, y and z")
    return _PLANES[plane]
