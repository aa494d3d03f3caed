"""Radiation integrals, and what follows from them: damping, equilibrium emittances, energy spread.

(Bmad manual, "Synchrotron Radiation Integrals"; Helm et al., IEEE Trans. Nucl. Sci. 20, 900.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from array_api_compat import array_namespace

from caraval.core.arrays import namespace
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.reference import C_LIGHT
from caraval.core.registry import backend_of
from caraval.physics.sbend import SBend
from caraval.physics.shared.emission import QUANTUM, mean_loss, reduced_wavelength

from .curvature import Bending, Bent, Look, bends
from .line import Line, without_rf
from .longitudinal import slip_of
from .table import Table, column
from .twiss import begun, twiss


class RadiationIntegrals(NamedTuple):
    """Integrals once around the ring, of the curvature ``g`` of the orbit, dispersion and Twiss parameters.

    Attributes
    ----------
    i0 : number
        ``gamma`` times that of ``g``.
    i1, i2, i3 : number
        Of ``g . eta`` [m], ``g^2`` [1/m], ``|g|^3`` [1/m^2].
    i4_a, i4_b : number
        Of ``(g^2 g + grad g^2) . eta`` of each mode [1/m].
    i5_a, i5_b : number
        Of ``|g|^3 H`` of each mode [1/m].
    i6_b : number
        Of ``|g|^3 beta_b`` [1/m]: the opening of the radiation.
    """

    i0: Any
    i1: Any
    i2: Any
    i3: Any
    i4_a: Any
    i4_b: Any
    i5_a: Any
    i5_b: Any
    i6_b: Any


class Equilibrium(NamedTuple):
    """What a stored beam comes to.

    Attributes
    ----------
    emittance_a, emittance_b : number
        Geometric, of the two modes [m rad]; that of b is at least what the opening of the radiation gives.
    energy_spread : number
        Rms, relative.
    energy_loss : number
        In a turn [eV].
    j_a, j_b, j_z : number
        Damping partition numbers.
    damping_a, damping_b, damping_z : number
        Times in which amplitudes fall to 1/e [s].
    momentum_compaction, phase_slip : number
        ``(dL / L) / dpz`` and ``(dT / T) / dpz``, of the tracking.
    """

    emittance_a: Any
    emittance_b: Any
    energy_spread: Any
    energy_loss: Any
    j_a: Any
    j_b: Any
    j_z: Any
    damping_a: Any
    damping_b: Any
    damping_z: Any
    momentum_compaction: Any
    phase_slip: Any


def radiation_integrals(lattice: Lattice) -> RadiationIntegrals:
    """Return the radiation integrals of a ring, or of a line.

    What bends is what Bmad counts: bends with their gradients and pole faces, wigglers and undulators, correctors, everything
    with `hkick` or `vkick`, and quadrupoles where the orbit is off their axis. What higher multipoles and solenoids bend is
    left out.

    A wiggler tracked by ``bmad_standard`` has the mean motion alone: as in Bmad, its Twiss parameters and dispersion are those
    of that motion, and the first integrals are in closed form. (Bmad's own `i0` and `i1` lack the wiggler's length.) Tracked by
    ``kick_drift_kick`` it has the dispersion of the wiggling as well.

    Parameters
    ----------
    lattice : Lattice
        With a reference. Arrays of settings give arrays; of wigglers, which decide where to look, they may not be batches.
    """
    elements, magnets = _cut(lattice)
    table = twiss(lattice.replace(elements=elements))
    parts = [_inside(magnets, table), _at_faces(magnets, table)]
    parts += [(*magnet.bending.wiggled(), *5 * (0.0,)) for magnet in magnets if magnet.bending.is_mean]
    i0, *others = (sum(values) for values in zip(*parts, strict=True))
    return RadiationIntegrals(*map(_plain, (i0 * lattice.reference.gamma, *others)))  # type: ignore[union-attr]


def equilibrium(lattice: Lattice) -> Equilibrium:
    """Return what a stored beam comes to, by its radiation integrals.

    Parameters
    ----------
    lattice : Lattice
        A ring, with a reference; arrays of settings as in :func:`radiation_integrals`.
    """
    i = radiation_integrals(lattice)
    line = Line(without_rf(lattice), closed=True)
    reference, length = line.reference, lattice.length
    gamma = reference.gamma
    quantum = 3 / 4 * QUANTUM * reduced_wavelength(reference.species)
    loss = mean_loss(reference) * reference.energy * i.i2
    j_a, j_b = 1 - i.i4_a / i.i2, 1 - i.i4_b / i.i2
    j_z = 4 - j_a - j_b
    time = 2 * reference.energy / loss * length / (reference.beta * C_LIGHT)
    begin = begun(line, None, closed=True)
    slip = -slip_of(line.turn(begin.orbit)[0]) / length
    spread = quantum * gamma**2 * i.i3 / (2 * i.i2 + i.i4_a + i.i4_b)
    return Equilibrium(
        emittance_a=quantum * gamma**2 * i.i5_a / (i.i2 - i.i4_a),
        emittance_b=quantum * (gamma**2 * i.i5_b + 13 / 55 * i.i6_b) / (i.i2 - i.i4_b),
        energy_spread=namespace(spread).sqrt(spread),
        energy_loss=loss,
        j_a=j_a, j_b=j_b, j_z=j_z,
        damping_a=time / j_a, damping_b=time / j_b, damping_z=time / j_z,
        momentum_compaction=slip + 1 / gamma**2, phase_slip=slip,
    )  # fmt: skip


def _plain(value: Any) -> Any:
    """Return a number where an array has just that, of NumPy."""
    return float(value) if isinstance(value, (np.ndarray, np.generic)) and np.ndim(value) == 0 else value


class Magnet(NamedTuple):
    """A magnet that is cut, and the row of a table at its entrance and at its exit."""

    bending: Bending
    first: int
    last: int

    def looks(self) -> Iterator[tuple[Look, int]]:
        """Yield where one looks, and the row there."""
        row = self.first
        for look in self.bending.looks:
            cuts = len(look.edges)
            yield look, row + 1 + cuts // 2
            row += cuts


def _cut(lattice: Lattice) -> tuple[list[Element], list[Magnet]]:
    """Return the elements with magnets cut where one looks, and those magnets."""
    line = Line(lattice)
    orbits = [(0.0, 0.0), *((piece.orbit[0], piece.orbit[2]) for piece in line.pieces(begun(line, None).orbit))]
    elements: list[Element] = []
    magnets: list[Magnet] = []
    for place, element in enumerate(lattice):
        reference = line.references[place]
        xp = namespace(*element.parameter_values(), reference.p0c)
        magnet: Any = element.at(reference, xp).turned()
        if not bends(magnet, orbits[place : place + 2]):
            elements.append(element)
            continue
        bending, first = Bending(magnet, reference), len(elements)
        edges = [0.0, *(edge for look in bending.looks for edge in look.edges), element.length]
        elements += [element.cut(a, b) for a, b in pairwise(edges)]
        magnets.append(Magnet(bending, first, len(elements)))
    return elements, magnets


def _inside(magnets: Sequence[Magnet], table: Table) -> Sequence[Any]:
    """Return the integrals along magnets; the first four of mean motions are others."""
    looks = [(magnet, look, row) for magnet in magnets for look, row in magnet.looks()]
    if not looks:
        return (0.0,) * 9
    bent = Bent(*_columns([magnet.bending.at(look) for magnet, look, _ in looks], table))
    rows = np.array([row for *_, row in looks])
    orbit = table.x[..., rows], table.y[..., rows]
    last = table.rows - 1
    after, before = np.minimum(rows + 1, last), rows - 1
    bend = bent.curvature(orbit, (table.px[..., after] - table.px[..., before], table.py[..., after] - table.py[..., before]))
    xp = array_namespace(bend[0])
    square = bend[0] * bend[0] + bend[1] * bend[1]
    size = xp.where(square > 0, xp.sqrt(xp.where(square > 0, square, xp.ones_like(square))), 0.0 * square)
    (a, b), slope = _dispersions(table, rows), bent.gradient(bend)
    counts = _columns([(0.0 if magnet.bending.is_mean else 1.0,) for magnet, *_ in looks], table)[0]
    densities = (
        counts * size, counts * (_dot(bend, a) + _dot(bend, b)), counts * square, counts * square * size,
        *(square * _dot(bend, eta) + _dot(slope, eta) for eta in (a, b)),
        *(square * size * _invariant(table, rows, mode) for mode in "ab"), square * size * table.beta_b[..., rows],
    )  # fmt: skip
    return [xp.sum(bent.weight * density, axis=-1) for density in densities]


def _at_faces(magnets: Sequence[Magnet], table: Table) -> Sequence[Any]:
    """Return what pole faces give to the integrals, to the fourth alone."""
    faces = []
    for bending, first, last in magnets:
        magnet = bending.magnet
        if isinstance(magnet, SBend):
            square = (magnet.g + magnet.dg) ** 2
            faces += [
                (-square * bending.xp.tan(angle), bending.cosine, bending.sine, row)
                for angle, row in ((magnet.e1, first), (magnet.e2, last))
            ]
    if not faces:
        return (0.0,) * 9
    strength, cosine, sine = _columns([face[:3] for face in faces], table)
    found = _dispersions(table, np.array([row for *_, row in faces]))
    xp = array_namespace(strength)
    fourth = (xp.sum(strength * _dot((cosine, sine), eta), axis=-1) for eta in found)
    return (*4 * (0.0,), *fourth, *3 * (0.0,))


def _columns(rows: Sequence[Sequence[Any]], table: Table) -> list[Any]:
    """Return the numbers of rows as arrays ``(..., rows)`` beside those of a table."""
    found = [column(list(values)) for values in zip(*rows, strict=True)]
    like = next((array for array in (table.beta_a, *found) if not isinstance(array, np.ndarray)), None)
    if like is None:
        return found
    return [backend_of(like).beside(array, like) if isinstance(array, np.ndarray) else array for array in found]


def _dot(one: Sequence[Any], other: Sequence[Any]) -> Any:
    return one[0] * other[0] + one[1] * other[1]


def _dispersions(table: Table, rows: np.ndarray) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Return the dispersion of each mode in x and y."""
    a, pa, b, pb = (table[name][..., rows] for name in ("eta_a", "etap_a", "eta_b", "etap_b"))
    g, c11, c12, c22 = (table[name][..., rows] for name in ("gamma_c", "c11_mat", "c12_mat", "c22_mat"))
    flip = table.mode_flip[..., rows]
    xp = array_namespace(a)

    def chosen(then: Any, otherwise: Any) -> Any:
        return xp.where(flip, then, otherwise)

    one, two = (chosen(b, a), chosen(pb, pa)), (chosen(a, b), chosen(pa, pb))
    first = g * one[0], -c22 * one[0] + c12 * one[1]
    second = c11 * two[0] + c12 * two[1], g * two[0]
    return (
        (chosen(second[0], first[0]), chosen(second[1], first[1])),
        (chosen(first[0], second[0]), chosen(first[1], second[1])),
    )


def _invariant(table: Table, rows: np.ndarray, mode: str) -> Any:
    """Return ``H`` of a mode [m]."""
    beta, alpha, eta, etap = (table[f"{name}_{mode}"][..., rows] for name in ("beta", "alpha", "eta", "etap"))
    return (eta**2 + (alpha * eta + beta * etap) ** 2) / beta
