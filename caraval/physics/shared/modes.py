"""Normal modes of coupled motion in two planes (Edwards and Teng; Sagan and Rubin, Phys. Rev. ST Accel. Beams 2, 074001).

A 4 x 4 map ``M = V U V^-1`` has no coupling in the coordinates of its modes a and b: ``U`` is made of two 2 x 2 blocks, and

    V = [[gamma I, C], [-C^+, gamma I]]        gamma^2 + det C = 1

(Bmad manual, "Coupling and Normal Modes"). Where the modes are flipped, the columns of ``V`` are exchanged: a is then what is
nearer to y. Numbers may be plain, arrays of settings, or jets: all is written entry by entry.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from caraval.core.arrays import is_number
from caraval.core.errors import LatticeError
from caraval.core.maps import product
from caraval.core.registry import backend_of

from ..match import COUPLINGS, coupled

LEAST = 1e-10
"""Least ``gamma^2`` with which modes keep their names."""

Matrix = Sequence[Sequence[Any]]
Block = tuple[tuple[Any, Any], tuple[Any, Any]]


class Modes(NamedTuple):
    """Twiss parameters of both modes, and how they are coupled.

    Attributes
    ----------
    beta_a, beta_b : number
        [m]
    alpha_a, alpha_b : number
    c11_mat, c12_mat, c21_mat, c22_mat : number
        The matrix ``C``.
    gamma_c : number
        The cosine of the coupling.
    mode_flip : bool, or array of it
    """

    beta_a: Any
    alpha_a: Any
    beta_b: Any
    alpha_b: Any
    c11_mat: Any = 0.0
    c12_mat: Any = 0.0
    c21_mat: Any = 0.0
    c22_mat: Any = 0.0
    gamma_c: Any = 1.0
    mode_flip: Any = False


def columns_of(twiss: Mapping[str, Any], xp: Any) -> list[list[Any]]:
    """Return the matrix from normalised coordinates of the modes to those of the laboratory, from Twiss parameters."""
    normal: list[list[Any]] = [[0.0] * 4 for _ in range(4)]
    for i, mode in ((0, "a"), (2, "b")):
        root = xp.sqrt(twiss[f"beta_{mode}"])
        normal[i][i], normal[i + 1][i], normal[i + 1][i + 1] = root, -twiss[f"alpha_{mode}"] / root, 1 / root
    return multiplied(coupled([twiss[name] for name in COUPLINGS], twiss["mode_flip"], xp), normal)


def modes_of(columns: Matrix, flipped: Any, xp: Any) -> tuple[Modes, tuple[Any, Any]]:
    """Take the matrix from normalised coordinates to those of the laboratory apart.

    Modes exchange their names only where there is no other way. Of maps that are not quite symplectic, what is no map between
    modes is left out as Bmad does it: the determinant of all, then those of the blocks.

    Parameters
    ----------
    columns : 4 x 4 numbers
    flipped : bool or array
        Whether the modes were flipped before.
    xp : namespace

    Returns
    -------
    Modes
    phases : two numbers
        By how much the normalised coordinates are turned [rad], in (-pi, pi].

    Raises
    ------
    LatticeError
        If the map turns space inside out, or is no map between modes at all, as derivatives far from any orbit may be; in
        arrays of settings, those get NaN.
    """
    volume = determinant(columns)
    if is_number(volume) and not volume > 0:
        raise LatticeError(f"there are no normal modes: the determinant of the transverse map is {volume:.3g}, not about one")
    shrink = 1 / xp.sqrt(xp.sqrt(volume))
    (p, q), (r, s) = ([_scaled(_block(columns, i, j), shrink) for j in (0, 1)] for i in (0, 1))
    flipped = _flipped(p, q, flipped)
    over, other = _either(flipped, (q, p), (p, q), xp)
    under = _either(flipped, r, s, xp)
    coupling = _scaled(_times(other, conjugate(under)), 1 / xp.sqrt(det(over)))
    (beta_a, alpha_a, phase_a), (beta_b, alpha_b, phase_b) = (
        _ellipse(block, xp) for block in _either(flipped, (under, over), (over, under), xp)
    )
    square = 1 - det(coupling)
    if is_known_not(square, lambda value: value > 0):
        left = getattr(square, "value", square)
        raise LatticeError(f"there are no normal modes: the map is far from symplectic, gamma_c^2 would be {left:.3g}")
    twiss = Modes(beta_a, alpha_a, beta_b, alpha_b, *coupling[0], *coupling[1], xp.sqrt(square), flipped)
    return twiss, (phase_a, phase_b)


def _ellipse(block: Block, xp: Any) -> tuple[Any, Any, Any]:
    """Return beta, alpha and phase of a matrix from normalised coordinates."""
    (u, v), (pu, pv) = block
    area = det(block)
    return (u * u + v * v) / area, -(u * pu + v * pv) / area, xp.atan2(v, u)


def periodic(matrix: Matrix, xp: Any) -> Modes:
    """Return the modes of a map that is passed again and again.

    Parameters
    ----------
    matrix : 4 x 4 numbers
    xp : namespace

    Raises
    ------
    LatticeError
        If the motion is unstable; in arrays of settings, and where a trace hides it, those that are get NaN.
    """
    m, n = _block(matrix, 0, 1), _block(matrix, 1, 0)
    shared = _plus(m, conjugate(n))
    trace = matrix[0][0] + matrix[1][1] - matrix[2][2] - matrix[3][3]
    square = trace * trace + 4 * det(shared)
    if is_known_not(square, lambda value: value >= 0):
        raise LatticeError("the motion is unstable: the two transverse modes are on a sum resonance, and grow together")
    is_coupled = any(not (is_number(v) and v == 0) for row in shared for v in row)
    if not is_coupled or (is_number(square) and square == 0):
        gamma, c = 1.0, ((0.0, 0.0), (0.0, 0.0))
    else:
        gamma, factor = _coupling(shared, trace, square, xp)
        c = _scaled(shared, factor)
    couplings = [*c[0], *c[1]]
    there = coupled(couplings, False, xp)
    back = coupled([-v for v in couplings], False, xp)
    own = multiplied(multiplied(back, matrix), there)
    beta_a, alpha_a = _closed(_block(own, 0, 0), "a", xp)
    beta_b, alpha_b = _closed(_block(own, 1, 1), "b", xp)
    (c11, c12), (c21, c22) = c
    return Modes(beta_a, alpha_a, beta_b, alpha_b, c11, c12, c21, c22, gamma, False)


def _coupling(shared: Block, trace: Any, square: Any, xp: Any) -> tuple[Any, Any]:
    """Return gamma, and the factor of what the two halves of a map share in ``C``.

    Arrays may hold nothing that is shared: then gamma is one to second order, and the factor has values for any tunes.
    """
    is_array = not is_number(getattr(square, "value", square))
    root = xp.sqrt(xp.where(square == 0, 1.0, square) if is_array else square)
    gamma = xp.sqrt(0.5 + 0.5 * abs(trace) / root)
    if is_array:
        nothing: Any = True
        for value in (v for row in shared for v in row):
            nothing = nothing & (getattr(value, "value", value) == 0)
        gamma = xp.where(nothing, 1.0, gamma)
    return gamma, -xp.where(trace >= 0, 1.0, -1.0) / (gamma * root)


def _closed(block: Block, mode: str, xp: Any) -> tuple[Any, Any]:
    """Return beta and alpha of a 2 x 2 map that is passed again and again."""
    (a, b), (c, d) = _scaled(block, 1 / xp.sqrt(abs(det(block))))
    half = (a - d) / 2
    square = -b * c - half * half
    if is_known_not(square, lambda value: value > 0):
        trace = getattr(a + d, "value", a + d)
        cosine = float(trace if is_number(trace) else backend_of(trace).shown(trace)) / 2
        raise LatticeError(
            f"the motion in mode {mode} is unstable: half the trace of its map is {cosine:.6g}, and must be between -1 and 1"
        )
    if not is_number(getattr(square, "value", square)):
        square = xp.where(square > 0, square, float("nan"))
    sine = xp.where(b > 0, 1.0, -1.0) * xp.sqrt(square)
    return b / sine, half / sine


def is_known_not(value: Any, holds: Any) -> bool:
    """Whether a number is plain, an array without axes, or a jet of one, and something is known not to hold of it."""
    value = getattr(value, "value", value)
    if not is_number(value):
        value = backend_of(value).shown(value) if value.ndim == 0 else None
    return value is not None and not holds(value)


def dispersed(matrix: Matrix, dispersion: Sequence[Any]) -> list[Any]:
    """Return the dispersion after a map, by pz there.

    Parameters
    ----------
    matrix : 6 x 6 numbers
    dispersion : five numbers
        Derivatives of x, px, y, py, z by pz; that of z may be None, where it does not matter and stays so.
    """
    vector = [*(0.0 if value is None else value for value in dispersion), 1.0]
    image = [product(row, vector) for row in matrix]
    scaled = [value / image[5] for value in image[:5]]
    return scaled if dispersion[4] is not None else [*scaled[:4], None]


# -------------------------------------------------------------------- small matrices


def multiplied(a: Matrix, b: Matrix) -> list[list[Any]]:
    """Return the product of two matrices, entry by entry."""
    columns = list(zip(*b, strict=True))
    return [[product(row, column) for column in columns] for row in a]


def det(block: Matrix) -> Any:
    """Return the determinant of a 2 x 2 matrix."""
    return block[0][0] * block[1][1] - block[0][1] * block[1][0]


def determinant(matrix: Matrix) -> Any:
    """Return the determinant of a 4 x 4 matrix, by the minors of its upper and lower half."""
    (a, b, c, d), (e, f, g, h), (i, j, k, t), (m, n, o, p) = matrix
    upper = a * f - b * e, a * g - c * e, a * h - d * e, b * g - c * f, b * h - d * f, c * h - d * g
    lower = k * p - t * o, t * n - j * p, j * o - k * n, i * p - t * m, k * m - i * o, i * n - j * m
    return product(upper, lower)


def conjugate(block: Matrix) -> Block:
    """Return the symplectic conjugate of a 2 x 2 matrix: its inverse times its determinant."""
    (a, b), (c, d) = block
    return (d, -b), (-c, a)


def _block(matrix: Matrix, row: int, column: int) -> Block:
    i, j = 2 * row, 2 * column
    return (matrix[i][j], matrix[i][j + 1]), (matrix[i + 1][j], matrix[i + 1][j + 1])


def _plus(a: Block, b: Block) -> Block:
    return (a[0][0] + b[0][0], a[0][1] + b[0][1]), (a[1][0] + b[1][0], a[1][1] + b[1][1])


def _scaled(block: Block, factor: Any) -> Block:
    return (block[0][0] * factor, block[0][1] * factor), (block[1][0] * factor, block[1][1] * factor)


def _times(a: Block, b: Block) -> Block:
    first, second = multiplied(a, b)
    return (first[0], first[1]), (second[0], second[1])


def _flipped(straight: Block, crossed: Block, before: Any) -> Any:
    """Say whether the modes are flipped: the determinant of the first one's block is ``gamma^2``, and must be positive.

    Where it is next to nothing, as after a solenoid that exchanges the planes, rounding is all that is left of ``C``'s.
    """
    one, other = (getattr(value, "value", value) for value in (det(straight), det(crossed)))
    if isinstance(before, (bool, np.bool_)):
        flipped = other > LEAST if before else one <= LEAST
        return bool(flipped) if is_number(one) and is_number(other) else flipped
    return (before & (other > LEAST)) | (~before & (one <= LEAST))


def _either(condition: Any, then: Any, otherwise: Any, xp: Any) -> Any:
    """Choose one of two nests of numbers."""
    if isinstance(condition, (bool, np.bool_)):
        return then if condition else otherwise
    if isinstance(then, tuple):
        return tuple(_either(condition, a, b, xp) for a, b in zip(then, otherwise, strict=True))
    return xp.where(condition, then, otherwise)
