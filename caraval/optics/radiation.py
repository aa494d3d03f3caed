"""Radiation integrals, and what follows from them: damping, equilibrium emittances, energy spread.

(Bmad manual, "Synchrotron Radiation Integrals"; Helm et al., IEEE Trans. Nucl. Sci. 20, 900.)
"""

from __future__ import annotations

from itertools import pairwise
from math import sqrt, tan
from typing import Any, NamedTuple

import numpy as np

from caraval.core import scalar
from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.core.reference import C_LIGHT
from caraval.physics.sbend import SBend
from caraval.physics.shared.emission import QUANTUM, mean_loss, reduced_wavelength

from .curvature import Bending, Look, bends
from .line import Line, without_rf
from .longitudinal import slip_of
from .table import Table
from .twiss import begun, twiss


class RadiationIntegrals(NamedTuple):
    """Integrals once around the ring, of the curvature ``g`` of the orbit, dispersion and Twiss parameters.

    Attributes
    ----------
    i0 : float
        ``gamma`` times that of ``g``.
    i1, i2, i3 : float
        Of ``g . eta`` [m], ``g^2`` [1/m], ``|g|^3`` [1/m^2].
    i4_a, i4_b : float
        Of ``(g^2 g + grad g^2) . eta`` of each mode [1/m].
    i5_a, i5_b : float
        Of ``|g|^3 H`` of each mode [1/m].
    i6_b : float
        Of ``|g|^3 beta_b`` [1/m]: the opening of the radiation.
    """

    i0: float
    i1: float
    i2: float
    i3: float
    i4_a: float
    i4_b: float
    i5_a: float
    i5_b: float
    i6_b: float


class Equilibrium(NamedTuple):
    """What a stored beam comes to.

    Attributes
    ----------
    emittance_a, emittance_b : float
        Geometric, of the two modes [m rad]; that of b is at least what the opening of the radiation gives.
    energy_spread : float
        Rms, relative.
    energy_loss : float
        In a turn [eV].
    j_a, j_b, j_z : float
        Damping partition numbers.
    damping_a, damping_b, damping_z : float
        Times in which amplitudes fall to 1/e [s].
    momentum_compaction, phase_slip : float
        ``(dL / L) / dpz`` and ``(dT / T) / dpz``, of the tracking.
    """

    emittance_a: float
    emittance_b: float
    energy_spread: float
    energy_loss: float
    j_a: float
    j_b: float
    j_z: float
    damping_a: float
    damping_b: float
    damping_z: float
    momentum_compaction: float
    phase_slip: float


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
        With a reference; not a batch.
    """
    elements, magnets = _cut(lattice)
    table = twiss(lattice.replace(elements=elements))
    total = np.zeros(9)
    for bending, first, edges in magnets:
        part = np.sum(
            [look.weight * _density(bending, look, table, first + edges.index(look.s)) for look in bending.looks], axis=0
        )
        if bending.is_mean:
            part[:4] = bending.wiggled()
        total += part
        magnet = bending.magnet
        if isinstance(magnet, SBend):
            ends = ((magnet.e1, first), (magnet.e2, first + len(edges) - 1))
            total[[4, 5]] += np.sum([_edge(bending, angle, table, row) for angle, row in ends], axis=0)
    total[0] *= Line(lattice).reference.gamma
    return RadiationIntegrals(*map(float, total))


def equilibrium(lattice: Lattice) -> Equilibrium:
    """Return what a stored beam comes to, by its radiation integrals.

    Parameters
    ----------
    lattice : Lattice
        A ring, with a reference; not a batch.
    """
    i = radiation_integrals(lattice)
    line = Line(without_rf(lattice), closed=True)
    reference, length = line.reference, float(lattice.length)
    gamma = reference.gamma
    quantum = 3 / 4 * QUANTUM * reduced_wavelength(reference.species)
    loss = mean_loss(reference) * reference.energy * i.i2
    j_a, j_b = 1 - i.i4_a / i.i2, 1 - i.i4_b / i.i2
    j_z = 4 - j_a - j_b
    time = 2 * reference.energy / loss * length / (reference.beta * C_LIGHT)
    begin = begun(line, None, closed=True)
    slip = -float(slip_of(line.turn(begin.orbit)[0])) / length
    return Equilibrium(
        emittance_a=quantum * gamma**2 * i.i5_a / (i.i2 - i.i4_a),
        emittance_b=quantum * (gamma**2 * i.i5_b + 13 / 55 * i.i6_b) / (i.i2 - i.i4_b),
        energy_spread=sqrt(quantum * gamma**2 * i.i3 / (2 * i.i2 + i.i4_a + i.i4_b)),
        energy_loss=loss,
        j_a=j_a, j_b=j_b, j_z=j_z,
        damping_a=time / j_a, damping_b=time / j_b, damping_z=time / j_z,
        momentum_compaction=slip + 1 / gamma**2, phase_slip=slip,
    )  # fmt: skip


def _cut(lattice: Lattice) -> tuple[list[Element], list[tuple[Bending, int, list[float]]]]:
    """Return the elements with magnets cut where one looks, and the magnets with the rows before them, and their cuts [m]."""
    line = Line(lattice)
    orbits = [(0.0, 0.0), *((piece.orbit[0], piece.orbit[2]) for piece in line.pieces(begun(line, None).orbit))]
    elements: list[Element] = []
    magnets: list[tuple[Bending, int, list[float]]] = []
    for place, element in enumerate(lattice):
        reference = line.references[place]
        magnet: Any = element.at(reference, scalar).turned()
        if not bends(magnet, orbits[place : place + 2]):
            elements.append(element)
            continue
        bending = Bending(magnet, reference)
        edges = [0.0, *(edge for look in bending.looks for edge in look.edges), float(element.length)]
        magnets.append((bending, len(elements), edges))
        elements += [element.cut(a, b) for a, b in pairwise(edges)]
    return elements, magnets


def _density(bending: Bending, look: Look, table: Table, row: int) -> np.ndarray:
    """Return what is integrated, at a row of the table."""
    bend = bending.curvature(look, table, row)
    slope = bending.gradient(bend)
    size = float(np.hypot(*bend))
    etas = _dispersions(table, row)
    fourth = [size**2 * bend @ etas[mode] + slope @ etas[mode] for mode in "ab"]
    return np.array([size, bend @ (etas["a"] + etas["b"]), size**2, size**3, *fourth,
                     *(size**3 * _invariant(table, row, mode) for mode in "ab"), size**3 * table.beta_b[row]])  # fmt: skip


def _edge(bending: Bending, angle: Any, table: Table, row: int) -> np.ndarray:
    """Return what a pole face gives to the fourth integrals."""
    g = bending.magnet.g + bending.magnet.dg
    return np.array([-(g**2) * tan(angle) * (bending.axes[0] @ eta) for eta in _dispersions(table, row).values()])


def _dispersions(table: Table, row: int) -> dict[str, np.ndarray]:
    """Return the dispersion of each mode in x and y."""
    a, pa, b, pb = (table[name][row] for name in ("eta_a", "etap_a", "eta_b", "etap_b"))
    g, c11, c12, c22 = (table[name][row] for name in ("gamma_c", "c11_mat", "c12_mat", "c22_mat"))
    one, two = ((b, pb), (a, pa)) if table.mode_flip[row] else ((a, pa), (b, pb))
    first = np.array([g * one[0], -c22 * one[0] + c12 * one[1]])
    second = np.array([c11 * two[0] + c12 * two[1], g * two[0]])
    return {"a": second, "b": first} if table.mode_flip[row] else {"a": first, "b": second}


def _invariant(table: Table, row: int, mode: str) -> float:
    """Return ``H`` of a mode [m]."""
    beta, alpha, eta, etap = (table[f"{name}_{mode}"][row] for name in ("beta", "alpha", "eta", "etap"))
    return float((eta**2 + (alpha * eta + beta * etap) ** 2) / beta)
