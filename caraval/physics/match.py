"""Matches: linear maps from one set of Twiss parameters to another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import numpy as np

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.maps import LinearMap
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from .drift import mass2

Matrix = list[list[Any]]


class Match(Element):
    """A linear map with given Twiss parameters at its ends (Bmad manual, "Match").

    Attributes
    ----------
    beta_a0, beta_b0, beta_a1, beta_b1 : Parameter
        Of the two modes at the entrance (0) and at the exit (1) [m]; all four zero: nothing is matched.
    alpha_a0, alpha_b0, alpha_a1, alpha_b1 : Parameter
    dphi_a, dphi_b : Parameter
        Phase advances [rad].
    eta_x0, etap_x0, eta_y0, etap_y0, eta_x1, etap_x1, eta_y1, etap_y1 : Parameter
        Dispersion [m] and its derivative.
    c11_mat0, c12_mat0, c21_mat0, c22_mat0, c11_mat1, c12_mat1, c21_mat1, c22_mat1 : Parameter
        Coupling (Sagan and Rubin, Phys. Rev. ST Accel. Beams 2, 074001).
    mode_flip0, mode_flip1 : bool
        Whether the modes are exchanged.
    x0, px0, y0, py0, z0, pz0, x1, px1, y1, py1, z1, pz1 : Parameter
        The coordinates at the entrance that come to those at the exit.
    delta_time : Parameter
        How much later particles are [s].
    matrix : "standard", "identity", "match_twiss" or "phase_trombone"
        The last two take the Twiss parameters at the entrance from upstream, as they are there whenever the lattice is
        tracked; see :func:`caraval.optics.resolved`.
    kick0 : "standard", "zero" or "match_orbit"
        The last takes every particle to the coordinates at the exit, wherever it comes from.
    recalc : bool
        Whether something is taken from upstream at all; otherwise the parameters count as they are.
    late_after : bool
        Of what :meth:`turned` makes of a reversed match: particles are delayed after the map, not before it.
    """

    beta_a0: Parameter = 0.0
    alpha_a0: Parameter = 0.0
    beta_b0: Parameter = 0.0
    alpha_b0: Parameter = 0.0
    beta_a1: Parameter = 0.0
    alpha_a1: Parameter = 0.0
    beta_b1: Parameter = 0.0
    alpha_b1: Parameter = 0.0
    dphi_a: Parameter = 0.0
    dphi_b: Parameter = 0.0
    eta_x0: Parameter = 0.0
    etap_x0: Parameter = 0.0
    eta_y0: Parameter = 0.0
    etap_y0: Parameter = 0.0
    eta_x1: Parameter = 0.0
    etap_x1: Parameter = 0.0
    eta_y1: Parameter = 0.0
    etap_y1: Parameter = 0.0
    c11_mat0: Parameter = 0.0
    c12_mat0: Parameter = 0.0
    c21_mat0: Parameter = 0.0
    c22_mat0: Parameter = 0.0
    c11_mat1: Parameter = 0.0
    c12_mat1: Parameter = 0.0
    c21_mat1: Parameter = 0.0
    c22_mat1: Parameter = 0.0
    mode_flip0: bool = False
    mode_flip1: bool = False
    x0: Parameter = 0.0
    px0: Parameter = 0.0
    y0: Parameter = 0.0
    py0: Parameter = 0.0
    z0: Parameter = 0.0
    pz0: Parameter = 0.0
    x1: Parameter = 0.0
    px1: Parameter = 0.0
    y1: Parameter = 0.0
    py1: Parameter = 0.0
    z1: Parameter = 0.0
    pz1: Parameter = 0.0
    delta_time: Parameter = 0.0
    matrix: Literal["standard", "identity", "match_twiss", "phase_trombone"] = "standard"
    kick0: Literal["standard", "zero", "match_orbit"] = "standard"
    recalc: bool = True
    late_after: bool = False

    feels_misalignment = False
    can_be_cut = False

    def validate(self) -> None:
        """Check that betas are given together, and that time is not shifted while something is matched."""
        betas = [is_zero(getattr(self, name)) for name in BETAS]
        if self.matrix != "identity" and not self.asks_upstream() and any(betas) and not all(betas):
            missing = ", ".join(name for name in BETAS if is_zero(getattr(self, name)))
            raise InputError(f"{self.label}: {missing} must be given with the other betas")
        if self.recalc and not is_zero(self.delta_time) and (self.matrix == "match_twiss" or self.kick0 == "match_orbit"):
            raise InputError(f"{self.label}: delta_time needs a match of its own beside match_twiss and match_orbit")

    def is_plain(self) -> bool:
        """Whether the particles' own map, which takes all to one orbit, is not that of the optics."""
        return self.lands()

    def asks_upstream(self) -> bool:
        """Whether the Twiss parameters come from upstream."""
        return self.recalc and self.matrix in ("match_twiss", "phase_trombone")

    def turns_nothing(self) -> bool:
        """Whether it is a trombone that leaves the phases as they are."""
        return self.matrix == "phase_trombone" and is_zero(self.dphi_a) and is_zero(self.dphi_b)

    def lands(self) -> bool:
        """Whether every particle comes to the coordinates at the exit."""
        return self.kick0 == "match_orbit" and self.recalc

    def is_identity(self) -> bool:
        """Whether nothing is matched."""
        return self.matrix == "identity" or all(is_zero(getattr(self, name)) for name in BETAS)

    def turned(self) -> Element:
        """Return what a reversed match is to the particles: the way back, with momenta and times the other way round.

        Raises
        ------
        InputError
            If it depends on what is upstream, or takes all particles to one orbit: from there is no way back.
        """
        if self.orientation == 1:
            return self
        if self.asks_upstream() or self.lands():
            raise InputError(f"{self.label}: a match that depends on what comes in cannot be reversed; set recalc to false")
        swapped: dict[str, Any] = {}
        for name in ENDS:
            sign = -1.0 if name in MIRRORED else 1.0
            swapped |= {f"{name}0": sign * getattr(self, f"{name}1"), f"{name}1": sign * getattr(self, f"{name}0")}
        flips = {"mode_flip0": self.mode_flip1, "mode_flip1": self.mode_flip0}
        return super().turned().with_values({**swapped, **flips, "late_after": not self.late_after})

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice; the whole map is in the first."""
        piece = super().cut(start, end)
        return piece.replace(is_on=False) if start > 0 else piece


BETAS = ("beta_a0", "beta_b0", "beta_a1", "beta_b1")
COUPLINGS = ("c11_mat", "c12_mat", "c21_mat", "c22_mat")
DISPERSIONS = ("eta_x", "etap_x", "eta_y", "etap_y")
ORBIT = ("x", "px", "y", "py", "z", "pz")
ENDS = ("beta_a", "alpha_a", "beta_b", "alpha_b", *DISPERSIONS, *COUPLINGS, *ORBIT)
"""Names of the parameters of the entrance (0) and of the exit (1)."""

MIRRORED = ("alpha_a", "alpha_b", "etap_x", "etap_y", "c12_mat", "c21_mat", "px", "py", "z")
"""Those that change sign when motion is looked at backwards."""


class MatchConstants(NamedTuple):
    """By how much particles are delayed before and after the map [m], ``(m c / P0)^2``, and the map, row by row.

    A row has the factors of x, px, y, py and pz, and what is added; the unit diagonal of z and pz is not in it.
    """

    before: Any
    after: Any
    mass2: Any
    rows: tuple[tuple[Any, ...], ...]


def through(c: MatchConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Be late, and go through the map."""
    x, px, y, py, z, pz = c.rows
    after = q.pz + pz[5]
    late = c.before * speed(q.pz, c.mass2, xp) + c.after * speed(after, c.mass2, xp)
    return Coordinates(row(x, q), row(px, q), row(y, q), row(py, q), q.z - late + row(z, q), after)


def row(c: tuple[Any, ...], q: Coordinates) -> Any:
    """Return what a row makes of the coordinates."""
    return c[0] * q.x + c[1] * q.px + c[2] * q.y + c[3] * q.py + c[4] * q.pz + c[5]


def speed(pz: Any, mass2: Any, xp: Any) -> Any:
    """Return the speed over that of light."""
    momentum = 1 + pz
    return momentum / xp.sqrt(momentum * momentum + mass2)


def land(c: tuple[Any, ...], q: Coordinates, xp: Any) -> Coordinates:
    """Come to the one orbit."""
    return Coordinates(
        c[0] + 0.0 * q.x, c[1] + 0.0 * q.px, c[2] + 0.0 * q.y, c[3] + 0.0 * q.py, c[4] + 0.0 * q.z, c[5] + 0.0 * q.pz
    )


# -------------------------------------------------------------------- the map


def matrix_of(match: Match, xp: Any) -> Matrix:
    """Return the 6 x 6 matrix; what the delay does is not in it."""
    unit = [[1.0 if i == j else 0.0 for j in range(6)] for i in range(6)]
    if match.is_identity():
        return unit
    transverse = product(product(modes(match, "1", xp), phases(match, xp)), inverse(modes(match, "0", xp)))
    start, end = (_dispersion(match, which) for which in "01")
    column = [end[i] - dot(transverse[i], start) for i in range(4)]
    for i in range(4):
        unit[i][:4] = transverse[i]
        unit[i][5] = column[i]
        unit[4][i] = sum(transverse[j + 1][i] * column[j] - transverse[j][i] * column[j + 1] for j in (0, 2))
    return unit


def _dispersion(match: Match, end: str) -> list[Any]:
    """Return the derivatives of the transverse coordinates: `etap` is about the slope, and momenta grow with pz as well."""
    momentum = 1 + getattr(match, f"pz{end}")
    out = []
    for plane in "xy":
        eta, etap, p = (getattr(match, f"{name}{plane}{end}") for name in ("eta_", "etap_", "p"))
        out += [eta, etap * momentum + p / momentum]
    return out


def phases(match: Match, xp: Any) -> Matrix:
    """Return the uncoupled map of both modes."""
    blocks = []
    for mode in "ab":
        b0, a0, b1, a1 = (getattr(match, f"{name}_{mode}{end}") for end in "01" for name in ("beta", "alpha"))
        phase = getattr(match, f"dphi_{mode}")
        c, s = xp.cos(phase), xp.sin(phase)
        ratio, mean = xp.sqrt(b1 / b0), xp.sqrt(b0 * b1)
        blocks.append([[ratio * (c + a0 * s), mean * s], [-((a1 - a0) * c + (1 + a0 * a1) * s) / mean, (c - a1 * s) / ratio]])
    a, b = blocks
    return [[*a[0], 0.0, 0.0], [*a[1], 0.0, 0.0], [0.0, 0.0, *b[0]], [0.0, 0.0, *b[1]]]


def modes(match: Match, end: str, xp: Any) -> Matrix:
    """Return the matrix from the coordinates of the modes to the laboratory's at an end."""
    return coupled([getattr(match, name + end) for name in COUPLINGS], getattr(match, f"mode_flip{end}"), xp)


def coupled(c: Sequence[Any], flipped: Any, xp: Any) -> Matrix:
    """Return the matrix from the coordinates of the modes to the laboratory's (Bmad manual, "Coupling and Normal Modes")."""
    c11, c12, c21, c22 = c
    g = xp.sqrt(1 - (c11 * c22 - c12 * c21))
    rows = [[g, 0.0, c11, c12], [0.0, g, c21, c22], [-c22, c12, g, 0.0], [c21, -c11, 0.0, g]]
    exchanged = [[*line[2:], *line[:2]] for line in rows]
    if isinstance(flipped, (bool, np.bool_)):
        return exchanged if flipped else rows
    pairs = (zip(*lines, strict=True) for lines in zip(exchanged, rows, strict=True))
    return [[xp.where(flipped, a, b) for a, b in line] for line in pairs]


def product(a: Matrix, b: Matrix) -> Matrix:
    """Return the product of two 4 x 4 matrices."""
    return [[dot(a[i], [b[k][j] for k in range(4)]) for j in range(4)] for i in range(4)]


def dot(a: list[Any], b: list[Any]) -> Any:
    """Return the sum of the products, without those that are known to be zero."""
    return sum((u * v for u, v in zip(a, b, strict=True) if not (is_zero(u) or is_zero(v))), 0.0)


def inverse(a: Matrix) -> Matrix:
    """Return the inverse of a symplectic matrix."""
    size = range(len(a))
    return [[a[j ^ 1][i ^ 1] if i % 2 == j % 2 else -a[j ^ 1][i ^ 1] for j in size] for i in size]


def offset_of(match: Match, matrix: Matrix) -> list[Any]:
    """Return what the map adds to the coordinates."""
    if match.kick0 == "zero":
        return [0.0] * 6
    start, end = ([getattr(match, name + which) for name in ORBIT] for which in "01")
    return [end[i] - dot(matrix[i], start) for i in range(6)]


# -------------------------------------------------------------------- methods


def _rows(matrix: Matrix, offset: list[Any]) -> tuple[tuple[Any, ...], ...]:
    return tuple((*matrix[i][:4], matrix[i][5] if i < 5 else 0.0, offset[i]) for i in range(6))


def _prepare(match: Match, reference_in: Reference, reference_out: Reference, xp: Any) -> MatchConstants:
    matrix = matrix_of(match, xp)
    late = C_LIGHT * match.delta_time
    before, after = (0.0, late) if match.late_after else (late, 0.0)
    return MatchConstants(before, after, mass2(reference_in), _rows(matrix, offset_of(match, matrix)))


def _undo(c: MatchConstants) -> MatchConstants:
    forward = [[*line[:4], 1.0 if i == 4 else 0.0, 1.0 if i == 5 else line[4]] for i, line in enumerate(c.rows)]
    back = inverse(forward)
    return MatchConstants(-c.after, -c.before, c.mass2, _rows(back, [-dot(line, [r[5] for r in c.rows]) for line in back]))


def _prepare_landing(match: Match, reference_in: Reference, reference_out: Reference, xp: Any) -> tuple[Any, ...]:
    return tuple(getattr(match, f"{name}1") for name in ORBIT)


def bmad_standard(match: Match, method: Any, number: int) -> Sequence[Step]:
    """Return one step through the map."""
    if not match.is_on:
        return ()
    if match.lands():
        return (Step((Routine(track=land, prepare=_prepare_landing),)),)
    return (Step((Routine(track=through, prepare=_prepare, undo=_undo),)),)


def linear(match: Match, reference_in: Reference, reference_out: Reference, xp: Any) -> LinearMap:
    """Return the map of the optics, where the particles' own takes all of them to one orbit."""
    return LinearMap.from_entries(matrix_of(match, xp), _prepare_landing(match, reference_in, reference_out, xp))


@hookimpl
def register_upstream() -> dict[type[Element], str]:
    """Twiss parameters at the entrance, from upstream."""
    return {Match: "caraval.optics.upstream:from_upstream"}


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The linear map."""
    return {(Match, "bmad_standard"): Composite(bmad_standard), (Match, "linear"): linear}
