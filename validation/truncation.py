"""Optics by the maps of MAD-X's TWISS: of second order about the axis of a magnet, wherever the orbit is.

MAD-X follows the orbit by these maps, and its matrices are their derivatives at the orbit, made symplectic again. What has no
length is exact. Thick correctors, octupoles and cavities are kicks in the middle. Shown by the matrices that MAD-X's sectormap
has off the axis.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial, reduce
from typing import Any

import numpy as np

import caraval as cv
from caraval.core import tracking
from caraval.core.expansion import Piece
from caraval.core.maps import SecondOrderMap, apply
from caraval.core.registry import registry
from caraval.optics.along import Optics, columns
from caraval.optics.line import Line
from caraval.optics.table import Table
from caraval.physics.shared.modes import Modes, periodic

KICKS = ("HKicker", "VKicker", "Kicker", "Octupole", "RFCavity", "CrabCavity")
"""Kinds that are a kick in the middle."""

UNIT = np.kron(np.eye(3), [[0.0, 1.0], [-1.0, 0.0]])

Step = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From an orbit to the orbit after it and the matrix about it, in MAD-X's coordinates."""


class Truncated(Line):
    """A line as TWISS has it, in the coordinates ``x, px, y, py, t, pt``."""

    way = None

    def __init__(self, lattice: cv.Lattice) -> None:
        super().__init__(lattice)
        self._ready: dict[int, tuple[Step, ...]] = {}
        self._known: dict[tuple[int, bytes], tuple[np.ndarray, np.ndarray]] = {}

    def pieces(self, start: Sequence[Any]) -> Iterator[Piece]:
        """Yield the matrix of every element about the orbit that begins at `start`; dispersion stays one by the first `pt`."""
        for place, (orbit, matrix) in enumerate(self.maps(start)):
            yield Piece(place, [*matrix[:5].tolist(), [0.0, 0.0, 0.0, 0.0, 0.0, 1.0]], tuple(orbit.tolist()))

    def maps(self, start: Sequence[float]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the orbit after every element, and the element's matrix about it."""
        orbit = np.array(start, float)
        for element in self.lattice.elements:
            key = (id(element), orbit.tobytes())
            if key not in self._known:
                self._known[key] = self._passed(self._steps(element), orbit)
            orbit, matrix = self._known[key]
            yield orbit, matrix

    def _steps(self, element: cv.Element) -> tuple[Step, ...]:
        """Return what an element is made of."""
        if id(element) not in self._ready:
            self._ready[id(element)] = tuple(self._made(element))
        return self._ready[id(element)]

    def _made(self, element: cv.Element) -> Iterator[Step]:
        alone = partial(cv.Lattice, reference=self.reference)
        if element.length == 0:
            yield partial(_exact, alone([element]))
        elif element.kind in KICKS:
            half = alone([cv.Drift(length=element.length / 2)])
            yield partial(_truncated, _second_order(half))
            yield partial(_exact, alone([_thin(element)]))
            yield partial(_truncated, _second_order(half))
        else:
            axis = [getattr(element, name, 0.0) for name in ("x_offset", "y_offset")]
            yield partial(_truncated, _second_order(alone([element]), *axis))

    @staticmethod
    def _passed(steps: Sequence[Step], orbit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        total = np.eye(6)
        for step in steps:
            orbit, matrix = step(orbit)
            total = matrix @ total
        return orbit, total


def twiss(lattice: cv.Lattice, orbit: Sequence[float], start: Mapping[str, float] | None) -> Table:
    """Return optics along a line, with phases, and dispersions by ``pt``.

    Parameters
    ----------
    lattice : Lattice
    orbit : six numbers
        At the start, in MAD-X's coordinates.
    start : mapping, optional
        Twiss parameters there; the periodic ones, if left out.
    """
    line = Truncated(lattice)
    found = columns(line, _begun(line, orbit, start))
    return Table({"s": np.array([here.s for here in line.prepared.references]), **found})


def _begun(line: Truncated, orbit: Sequence[float], start: Mapping[str, float] | None) -> Optics:
    if start is not None:
        return Optics(Modes(start["beta_a"], 0.0, start["beta_b"], 0.0), (0.0, 0.0), [0.0] * 4 + [None], orbit)
    matrix = reduce(lambda total, one: one[1] @ total, line.maps(orbit), np.eye(6))
    dispersion = np.linalg.solve(np.eye(4) - matrix[:4, :4], matrix[:4, 5])
    return Optics(periodic(matrix[:4, :4].tolist(), np), (0.0, 0.0), [*dispersion.tolist(), None], orbit)


# -------------------------------------------------------------------- parts of elements


def _thin(element: cv.Element) -> cv.Element:
    """Return the kick of a magnet."""
    if element.kind != "Octupole":
        return element.replace(length=0.0)
    return cv.Multipole(k3l=element.k3 * element.length, t3=element.tilt)  # type: ignore[attr-defined]


def _truncated(by: SecondOrderMap, orbit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    return apply(by, orbit), _symplectic(by.jacobian(orbit))


def _symplectic(matrix: np.ndarray) -> np.ndarray:
    """Return the symplectic matrix whose Cayley transform is the symmetric part of a matrix's."""
    one = np.eye(6)
    form = UNIT @ (one - matrix) @ np.linalg.inv(one + matrix)
    half = UNIT @ (form + form.T) / 2
    return (one + half) @ np.linalg.inv(one - half)


def _exact(lattice: cv.Lattice, orbit: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the orbit after an element, and its matrix about it, from the element's own tracking."""
    assert lattice.reference is not None
    start, entrance = _from_madx(orbit, lattice.reference)
    line = Line(lattice)
    (piece,) = line.pieces(start.tolist())
    after, exit = _to_madx(np.array(piece.orbit), lattice.reference)
    return after, exit @ np.array(piece.matrix) @ entrance


def _second_order(lattice: cv.Lattice, x: float = 0.0, y: float = 0.0) -> SecondOrderMap:
    """Return the map of an element about its axis, as a function of the coordinates, in those of MAD-X."""
    prepared = lattice.planner.plan([], lattice.reference).prepare(lattice.planner.pieces(), lattice.reference, particles=False)
    axis = np.array([x, 0.0, y, 0.0, 0.0, 0.0])
    about = tracking.second_order_map_of(prepared, registry().backend("numpy"), axis)
    shifted = SecondOrderMap(
        about.matrix - 2 * about.quadratic @ axis,
        about.offset - about.matrix @ axis + about.quadratic @ axis @ axis,
        about.quadratic,
    )
    beta, slip = lattice.reference.beta, 1 / lattice.reference.gamma**2
    first, second = np.diag([1, 1, 1, 1, beta, 1 / beta]), np.zeros((6, 6, 6))
    second[4, 4, 5] = second[4, 5, 4] = slip / 2
    second[5, 5, 5] = -slip / (2 * beta**2)
    back, bent = np.diag([1, 1, 1, 1, 1 / beta, beta]), np.zeros((6, 6, 6))
    bent[4, 4, 5] = bent[4, 5, 4] = -slip / (2 * beta)
    bent[5, 5, 5] = beta * slip / 2
    inside = _after(shifted, SecondOrderMap(first, np.zeros(6), second))
    return _after(SecondOrderMap(back, np.zeros(6), bent), inside)


def _after(outer: SecondOrderMap, inner: SecondOrderMap) -> SecondOrderMap:
    """Return one map after another, to second order."""
    slope = outer.matrix + 2 * outer.quadratic @ inner.offset
    quadratic = np.einsum("ij,jkl->ikl", slope, inner.quadratic)
    quadratic += np.einsum("ijk,jl,km->ilm", outer.quadratic, inner.matrix, inner.matrix)
    return SecondOrderMap(slope @ inner.matrix, apply(outer, inner.offset), quadratic)


# -------------------------------------------------------------------- coordinates


def _from_madx(orbit: np.ndarray, reference: cv.Reference) -> tuple[np.ndarray, np.ndarray]:
    """Return Caraval's coordinates, and their derivatives by MAD-X's."""
    beta = reference.beta
    t, pt = orbit[4:]
    total, energy = np.sqrt(1 + 2 * pt / beta + pt**2), 1 / beta + pt
    found, slopes = orbit.copy(), np.eye(6)
    found[4:] = t * total / energy, (2 * pt / beta + pt**2) / (1 + total)
    slopes[4, 4:] = total / energy, t * (1 / total - total / energy**2)
    slopes[5, 5] = energy / total
    return found, slopes


def _to_madx(orbit: np.ndarray, reference: cv.Reference) -> tuple[np.ndarray, np.ndarray]:
    """Return MAD-X's coordinates, and their derivatives by Caraval's."""
    beta, pz = reference.beta, orbit[5]
    pt = (2 * pz + pz**2) / (np.hypot(1 + pz, 1 / (beta * reference.gamma)) + 1 / beta)
    found = np.array([*orbit[:4], orbit[4] * (1 / beta + pt) / (1 + pz), pt])
    return found, np.linalg.inv(_from_madx(found, reference)[1])
