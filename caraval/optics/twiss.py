"""Twiss parameters, dispersion and orbit along a line; tunes and chromaticities of rings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import pi
from typing import Any, NamedTuple

from caraval.core.arrays import is_number, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.errors import InputError, UnknownNameError, suggest
from caraval.core.lattice import Lattice
from caraval.physics.match import COUPLINGS, DISPERSIONS
from caraval.physics.shared.modes import Modes, columns_of, modes_of, periodic
from caraval.physics.shared.upstream import ETA_Z, at_beginning

from .along import Optics, columns, namespace_of, phases
from .equations import jet, slope_of, solved_jets
from .line import Line, has_longitudinal_focusing, has_rf, without_rf
from .longitudinal import synchrotron_tune
from .orbit import closed_on
from .table import Table, column

CHROM_DELTA_E = 1e-4
"""Bmad's own step of pz in chromaticities (Bmad manual, ``bmad_com`` and ``chrom_calc``)."""

START = "beginning"
"""The name of the place before the first element."""


class Tunes(NamedTuple):
    """Phase advances of one turn over 2 pi, whole turns included.

    Attributes
    ----------
    a, b : number
        Of the two transverse modes.
    c : number, optional
        Of the longitudinal mode, where cavities (RFCavity, LCavity) are on; negative above transition, as in Bmad, and zero
        where that mode is not stable.
    """

    a: Any
    b: Any
    c: Any = None


class Chromaticities(NamedTuple):
    """Derivatives of the tunes with respect to pz.

    Attributes
    ----------
    a, b : number
    """

    a: Any
    b: Any


def twiss(lattice: Lattice, start: Mapping[str, Any] | None = None, *, chromatic: bool = False) -> Table:
    """Return Twiss parameters at the start and after every element, about the orbit.

    The modes are those of Edwards and Teng, as in Bmad (see :mod:`caraval.physics.shared.modes`); beta, alpha and phi of modes
    a and b are those of x and y where nothing is coupled. Maps are the derivatives of the elements' own tracking.

    Parameters
    ----------
    lattice : Lattice
        With a reference. Closed: the periodic solution about the closed orbit, in six dimensions where cavities are on. Open:
        from ``lattice.beginning``, and the orbit from ``lattice.metadata["particle_start"]``, as in Bmad.
    start : mapping, optional
        Twiss parameters at the start instead: ``beta_a``, ``alpha_a``, ``beta_b``, ``alpha_b``, and what is not zero of
        ``eta_x``, ``etap_x``, ``eta_y``, ``etap_y``, ``eta_z``, ``c11_mat`` to ``c22_mat``, ``mode_flip``, ``x``, ``px``,
        ``y``, ``py``, ``z``, ``pz``.
    chromatic : bool
        Whether to add derivatives by pz: of beta, alpha and phi (``dbeta_a_dpz``, ...), and second-order dispersion
        (``deta_x_dpz``: the second derivative of x). They are exact, and those of the periodic solution where there is one.

    Returns
    -------
    Table
        ``s`` [m], ``name`` (``"beginning"`` first), ``beta_a`` [m], ``alpha_a``, ``phi_a`` [rad], the same of b, ``eta_x`` [m],
        ``etap_x`` (of px), ``eta_y``, ``etap_y``, ``deta_x_ds``, ``deta_y_ds`` (of the slopes), ``eta_a``, ``etap_a``,
        ``eta_b``, ``etap_b`` (in the modes), ``x``, ``px``, ``y``, ``py``, ``z``, ``pz`` (the orbit), ``gamma_c``, ``c11_mat``
        to ``c22_mat``, ``mode_flip``, ``p0c`` [eV].

    Raises
    ------
    InputError
        If the lattice has no reference, or nothing is known at the start of an open line.
    LatticeError
        If there is no closed orbit, or the motion is unstable.
    UnknownNameError
        If `start` has a name that means nothing.
    """
    line = Line(lattice)
    begin = begun(line, start)
    found = columns(line, begin)
    if chromatic:
        slopes = columns(line, _off_momentum(line, begin, start), slope_of)
        found |= {derivative: slopes[name] for name, derivative in _CHROMATIC.items()}
    names = {"s": column([r.s for r in line.references]), "name": column([START, *lattice.names])}
    return Table({**names, **found, "p0c": column([r.p0c for r in line.references])})


_CHROMATIC = {f"{name}_{mode}": f"d{name}_{mode}_dpz" for mode in "ab" for name in ("beta", "alpha", "phi")} | {
    name: f"d{name}_dpz" for name in DISPERSIONS
}
"""Columns of derivatives by pz, and of what."""


def tunes(lattice: Lattice) -> Tunes:
    """Return the tunes of a ring: phase advances of a turn over 2 pi, whole turns included.

    Parameters
    ----------
    lattice : Lattice
        With a reference; it need not say that it is closed.

    Raises
    ------
    InputError
        If the lattice has no reference.
    LatticeError
        If there is no closed orbit, or the motion is unstable.
    """
    line = Line(lattice, closed=True)
    begin = begun(line, None, closed=True)
    a, b = (phase / (2 * pi) for phase in phases(line, begin))
    if not has_longitudinal_focusing(lattice):
        return Tunes(a, b)
    return Tunes(a, b, synchrotron_tune(line.about(begin.orbit).turn(begin.orbit)[0]))


def chromaticities(lattice: Lattice, *, exact: bool = False, delta: float = CHROM_DELTA_E) -> Chromaticities:
    """Return the chromaticities of a ring: derivatives of its tunes by pz, cavities off.

    Parameters
    ----------
    lattice : Lattice
        With a reference.
    exact : bool
        False: Bmad's central difference of the tunes at ``pz = delta`` and ``-delta``. True: the derivative itself.
    delta : float
        Of the difference.

    Raises
    ------
    InputError
        If the lattice has no reference.
    LatticeError
        If there is no closed orbit, or the motion is unstable.
    """
    line = Line(without_rf(lattice), closed=True)
    if exact:
        begin = _off_momentum(line, begun(line, None, closed=True), None)
        return Chromaticities(*(slope_of(phase) / (2 * pi) for phase in phases(line, begin)))
    above, below = (phases(line, _around(line, closed_on(line, 4, pz))) for pz in (delta, -delta))
    return Chromaticities(*((up - down) / (4 * pi * delta) for up, down in zip(above, below, strict=True)))


# -------------------------------------------------------------------- where it begins


def begun(line: Line, start: Mapping[str, Any] | None, *, closed: bool = False) -> Optics:
    """Return the optics at the start of a line: what is given, the periodic solution, or what the lattice says."""
    if start is None and (closed or line.lattice.geometry == "closed"):
        return _around(line, closed_on(line, 6 if has_rf(line.lattice) else 4))
    if start is None:
        orbit = line.lattice.metadata.get("particle_start", {})
        return _given({**at_beginning(line.lattice), **{n: orbit[n] for n in Coordinates._fields if n in orbit}})
    names = [*Modes._fields, *DISPERSIONS, ETA_Z, *Coordinates._fields]
    for name in start:
        if name not in names:
            raise UnknownNameError(f"start has no {name!r}{suggest(name, names)}")
    return _given(start)


def _given(start: Mapping[str, Any]) -> Optics:
    """Return the optics of given Twiss parameters."""
    full = {**dict.fromkeys((*COUPLINGS, *DISPERSIONS, ETA_Z, *Coordinates._fields), 0.0), "mode_flip": False, **start}
    for name in ("beta_a", "beta_b"):
        value = full.get(name, 0.0)
        if is_number(value) and not value > 0:
            raise InputError(
                f"{name} at the start is {value}, and must be positive: say it in the lattice's beginning, or "
                "twiss(lattice, start={'beta_a': 10.0, 'beta_b': 10.0}); a ring says geometry='closed'"
            )
    orbit = [full[name] for name in Coordinates._fields]
    xp = namespace(*(value for name, value in full.items() if name != "mode_flip" and value is not None))
    twiss = {"alpha_a": 0.0, "alpha_b": 0.0, **full}
    modes, _ = modes_of(columns_of(twiss, xp), full["mode_flip"], xp)
    return Optics(modes, (0.0, 0.0), [full[name] for name in (*DISPERSIONS, ETA_Z)], orbit)


def _around(line: Line, orbit: Sequence[Any]) -> Optics:
    """Return the periodic optics about a closed orbit: that of a turn with cavities off, as in Bmad."""
    matrix, _ = line.about(orbit, rf=False).turn(orbit)
    transverse = [list(row[:4]) for row in matrix[:4]]
    xp = namespace_of(transverse)
    modes = periodic(transverse, xp)
    size = range(4)
    closing = [[(1.0 if i == j else 0.0) - transverse[i][j] for j in size] for i in size]
    dispersion = solved_jets(closing, [matrix[i][5] for i in size], line.backend)
    return Optics(modes, (0.0, 0.0), [*dispersion, None], orbit)


def _off_momentum(line: Line, begin: Optics, start: Mapping[str, Any] | None) -> Optics:
    """Return the optics at the start as jets by pz: periodic where it is, else with the parameters as they are."""
    along = [*begin.dispersion[:4], 0.0, 1.0]
    orbit = [jet(value, slope) for value, slope in zip(begin.orbit, along, strict=True)]
    if start is None and line.lattice.geometry == "closed":
        return _around(line, orbit)
    return begin._replace(orbit=orbit)
