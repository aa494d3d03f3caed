"""Poisson's equation with nothing around: a convolution with the field of a single cell, by Fourier transforms.

J. Qiang et al., Phys. Rev. ST Accel. Beams 9, 044204 (2006) and erratum 10, 129901 (2007), for the integrated Green's function;
R. W. Hockney, Methods Comput. Phys. 9, 136 (1970), for the grid of twice the size.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import cos, pi, prod
from typing import Any

from array_api_compat import device

AXES = (-3, -2, -1)

QUICK = (2, 3, 5, 7, 11)
"""Factors that libraries of Fourier transforms have programs for."""

SMOOTHING = 1 / 6 + 1 / 6 + 1 / 12
"""Variance in units of the spacing squared, see :func:`sharpening`."""


def green(spacing: Sequence[Any], grid: Sequence[int], backend: Any) -> Any:
    """Return the potential of cells that are uniformly filled with a charge of one: the mean of 1 / r over each [1/m].

    Parameters
    ----------
    spacing : sequence of array (..., 1)
        Sides of a cell [m].
    grid : sequence of int
        Cells in each dimension.
    backend : Backend

    Returns
    -------
    array (..., nx + 1, ny + 1, nz + 1)
        By how many cells away, from none to as many as there are.
    """

    def whole(logarithms: list[Any], angles: list[Any]) -> list[Any]:
        return [sum(logarithms) - 0.5 * sum(angles)]

    return _means(whole, spacing, grid, backend)[0]


def green_slopes(spacing: Sequence[Any], grid: Sequence[int], backend: Any) -> tuple[Any, list[Any]]:
    """Return the potential of cells as :func:`green` does, and its derivatives by the logarithm of each side.

    The derivative of the antiderivative by x is the potential of a plate: the same terms once more.
    """

    def each(logarithms: list[Any], angles: list[Any]) -> list[Any]:
        total = sum(logarithms)
        return [total - 0.5 * sum(angles), *(total - a - b for a, b in zip(logarithms, angles, strict=True))]

    whole, *slopes = _means(each, spacing, grid, backend)
    return whole, [slope - whole for slope in slopes]


def _means(
    made: Callable[[list[Any], list[Any]], list[Any]], spacing: Sequence[Any], grid: Sequence[int], backend: Any
) -> list[Any]:
    """Return the means over cells of antiderivatives, which are odd in every direction, made of what :func:`_terms` returns."""
    x, *across = _corners(spacing, grid, backend.xp)
    whole = backend.by_planes(lambda x: made(*_terms((x, *across), backend.xp)), [x], -3)
    volume = (spacing[0] * spacing[1] * spacing[2])[..., None, None]
    return [_over_cells(a, backend.xp) / volume for a in whole]


def _corners(spacing: Sequence[Any], grid: Sequence[int], xp: Any) -> list[Any]:
    """Return the far corners of cells, counted from the middle of the first, each dimension along an axis of its own."""
    corners = []
    for axis, h, n in zip(AXES, spacing, grid, strict=True):
        numbers = xp.arange(n + 1, dtype=h.dtype, device=device(h)) + 0.5
        corners.append(h[..., None, None] * xp.reshape(numbers, (-1, *(1,) * (-axis - 1))))
    return corners


def _terms(corners: Sequence[Any], xp: Any) -> tuple[list[Any], list[Any]]:
    """Return what the integral of 1 / r over the box from the origin to the corners of cells is made of.

    It is the sum of the first three terms less half the sum of the others::

        y z ln(x + r), ...      x^2 atan(y z / (x r)), ...

    Integrals over a box are differences of it between the corners. In Qiang's form with ln(x + r) - ln sqrt(y^2 + z^2), which
    is odd in x, for ln(x + r): their difference does not depend on x.
    """
    x, y, z = corners
    xx, yy, zz = x * x, y * y, z * z
    r = xp.sqrt(xx + yy + zz)
    across_z, across_y = xp.atan(x * y / (z * r)), xp.atan(x * z / (y * r))
    across_x = pi / 2 - across_z - across_y  # three faces that meet in a corner fill an octant
    logarithms = [
        y * z * xp.log((x + r) / xp.sqrt(yy + zz)),
        x * z * xp.log((y + r) / xp.sqrt(xx + zz)),
        x * y * xp.log((z + r) / xp.sqrt(xx + yy)),
    ]
    return logarithms, [xx * across_x, yy * across_y, zz * across_z]


def _over_cells(a: Any, xp: Any) -> Any:
    """Return the differences over cells in each direction; the corner before the first is the first, negative."""
    for axis in AXES:
        rest = _part(a, axis, slice(1, None)) - _part(a, axis, slice(None, -1))
        a = xp.concat((2 * _part(a, axis, slice(0, 1)), rest), axis=axis)
    return a


def _part(a: Any, axis: int, part: slice) -> Any:
    return a[(..., part, *(slice(None),) * (-axis - 1))]


def sharpening(cells: Sequence[int], like: Any, xp: Any) -> Any:
    """Return factors for cosine transforms of potentials of a cell, that take off what smooths them.

    Clouds as wide as a cell, twice (on the way to the grid and back), and the cell itself smooth the potential as convolutions
    do whose variances are h^2 / 6, twice, and h^2 / 12. Half their sum times the second derivative is taken off again: what is
    left is of fourth order (R. W. Hockney and J. W. Eastwood, Computer Simulation Using Particles, chapter 5). The second
    difference is one of what is even and periodic, which changes the outermost entries alone, that nobody looks at.
    """
    factor = 1.0
    for axis, n in zip(AXES, cells, strict=True):
        rises = [1 - cos(pi * i / n) for i in range(n + 1)]
        along = xp.asarray(rises, dtype=like.dtype, device=device(like))
        factor = factor + SMOOTHING * xp.reshape(along, (-1, *(1,) * (-axis - 1)))
    return factor


def potential(charge: Any, spacing: Sequence[Any], grid: Sequence[int], backend: Any) -> Any:
    """Return the potential at the nodes of a grid of charges, times 4 pi epsilon_0.

    Parameters
    ----------
    charge : array (..., nx, ny, nz)
        At the nodes [C].
    spacing : sequence of array (..., 1)
        [m]
    grid : sequence of int
        Nodes in each dimension that may have a charge, in the middle of the others.

    Returns
    -------
    array (..., nx, ny, nz)
        [C/m]
    """
    # from any node with a charge to any other node, and one more
    cells = tuple(_quick((nodes + charged) // 2) for nodes, charged in zip(charge.shape[-3:], grid, strict=True))

    def solved(backend: Any, charge: Any, *spacing: Any) -> tuple[Any]:
        (kernel,) = backend.in_double(lambda *h: [green(h, cells, backend)], *spacing)
        return (convolved(charge, backend.cosine_transform(kernel, AXES) * sharpening(cells, charge, backend.xp), backend),)

    def pulled(backend: Any, given: Sequence[Any], slopes: Sequence[Any]) -> list[Any]:
        xp, (charge, *spacing), (slope,) = backend.xp, given, slopes

        def kernels(*h: Any) -> list[Any]:
            whole, parts = green_slopes(h, cells, backend)
            return [whole, *parts]

        kernel, *parts = backend.in_double(kernels, *spacing)
        sharp = sharpening(cells, charge, xp)
        # what pushes is pushed alike: the convolution is its own transpose
        before = convolved(slope, backend.cosine_transform(kernel, AXES) * sharp, backend)
        by_kernel = correlated(charge, slope, sharp, backend)
        return [before, *(xp.sum(by_kernel * part, axis=AXES)[..., None] / h for part, h in zip(parts, spacing, strict=True))]

    return backend.derived(solved, pulled)(charge, *spacing)[0]


# -------------------------------------------------------------------- convolutions

# Twice the size in each dimension, but what is empty or not looked at is not transformed; and between the transforms along z,
# planes of a spectrum are worked on one after the other.


def convolved(charge: Any, spectrum: Any, backend: Any) -> Any:
    """Return the convolution of what is on a grid with an even function, without wrapping around.

    Parameters
    ----------
    charge : array (..., nx, ny, nz)
    spectrum : array (..., mx + 1, my + 1, mz + 1)
        Cosine transform of the function, from no nodes away to m, which is more than half of n.
    """
    xp, fft = backend.xp, backend.fft
    (nx, ny, nz), cells = charge.shape[-3:], tuple(n - 1 for n in spectrum.shape[-3:])
    along = fft.rfft(charge, n=2 * cells[2], axis=-1)

    def across(some: Any, factor: Any) -> list[Any]:
        factor = _mirrored(_mirrored(factor, -3, xp), -2, xp)
        some = fft.ifft(_across(some, cells, fft) * factor, axis=-3)
        return [_part(fft.ifft(_part(some, -3, slice(0, nx)), axis=-2), -2, slice(0, ny))]

    (planes,) = backend.by_planes(across, [along, spectrum], -1)
    return fft.irfft(planes, n=2 * cells[2], axis=-1)[..., :nz]


def correlated(charge: Any, other: Any, factor: Any, backend: Any) -> Any:
    """Return the sum of products of what is on two grids at all nodes that are so far apart, in whatever direction.

    That is the derivative of :func:`convolved` by the even function, if `other` is that by its result, and if the function's
    cosine transform was multiplied by a factor.

    Parameters
    ----------
    charge, other : array (..., nx, ny, nz)
    factor : array (mx + 1, my + 1, mz + 1)

    Returns
    -------
    array (..., mx + 1, my + 1, mz + 1)
    """
    xp, fft = backend.xp, backend.fft
    cells = tuple(n - 1 for n in factor.shape)
    rows = [fft.rfft(both, n=2 * cells[2], axis=-1) for both in (charge, other)]

    def across(*some: Any) -> list[Any]:
        a, b = (_across(part, cells, fft) for part in some)
        return [_folded(_folded(xp.real(xp.conj(a) * b), -3, xp), -2, xp)]

    (spectrum,) = backend.by_planes(across, rows, -1)
    found = backend.cosine_transform(spectrum * (factor / (8 * prod(cells))), AXES)
    for axis, n in zip(AXES, cells, strict=True):  # all but the ends stand for both directions
        ends = _part(found, axis, slice(0, 1)), _part(found, axis, slice(n, n + 1))
        found = xp.concat((ends[0], 2 * _part(found, axis, slice(1, n)), ends[1]), axis=axis)
    return found


def _across(a: Any, cells: Sequence[int], fft: Any) -> Any:
    """Return the transform in x and y of grids of twice the size."""
    return fft.fft(fft.fft(a, n=2 * cells[1], axis=-2), n=2 * cells[0], axis=-3)


def _folded(a: Any, axis: int, xp: Any) -> Any:
    """Return the even part of what is periodic, its first half with both ends."""
    n = a.shape[axis] // 2
    other = xp.concat((_part(a, axis, slice(0, 1)), xp.flip(_part(a, axis, slice(n, None)), axis=axis)), axis=axis)
    return (_part(a, axis, slice(0, n + 1)) + other) / 2


@cache
def _quick(n: int) -> int:
    """Return the next number of which twice as much has no large factors: such transforms are quick."""
    rest = n
    for factor in QUICK:
        while rest % factor == 0:
            rest //= factor
    return n if rest == 1 else _quick(n + 1)


def _mirrored(a: Any, axis: int, xp: Any) -> Any:
    """Return all of what is even and periodic, given its first half with both ends."""
    return xp.concat((a, xp.flip(_part(a, axis, slice(1, -1)), axis=axis)), axis=axis)


# -------------------------------------------------------------------- fields


def field(potential: Any, spacing: Sequence[Any], backend: Any) -> list[Any]:
    """Return the field at the nodes but the two outermost: minus the gradient, by central differences of fourth order."""
    return [_central(potential, axis, h, backend.xp) for axis, h in zip(AXES, spacing, strict=True)]


def _central(a: Any, axis: int, h: Any, xp: Any) -> Any:
    near = _part(a, axis, slice(1, -3)) - _part(a, axis, slice(3, -1))
    far = _part(a, axis, slice(None, -4)) - _part(a, axis, slice(4, None))
    edge = xp.zeros_like(_part(a, axis, slice(0, 2)))
    return xp.concat((edge, (8 * near - far) / (12 * h[..., None, None]), edge), axis=axis)
