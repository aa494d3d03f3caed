"""Poisson's equation with nothing around: a convolution with the field of a single cell, by Fourier transforms.

J. Qiang et al., Phys. Rev. ST Accel. Beams 9, 044204 (2006) and erratum 10, 129901 (2007), for the integrated Green's function;
R. W. Hockney, Methods Comput. Phys. 9, 136 (1970), for the grid of twice the size.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import pi
from typing import Any

from array_api_compat import array_namespace, device

AXES = (-3, -2, -1)

QUICK = (2, 3, 5, 7, 11)
"""Factors that libraries of Fourier transforms have programs for."""

SMOOTHING = 1 / 6 + 1 / 6 + 1 / 12
"""Variance in units of the spacing squared, see :func:`compensated`."""


def green(spacing: Sequence[Any], grid: Sequence[int]) -> Any:
    """Return the potential of cells that are uniformly filled with a charge of one: the mean of 1 / r over each [1/m].

    Parameters
    ----------
    spacing : sequence of array (..., 1)
        Sides of a cell [m].
    grid : sequence of int
        Cells in each dimension.

    Returns
    -------
    array (..., nx + 1, ny + 1, nz + 1)
        By how many cells away, from none to as many as there are.
    """
    xp = array_namespace(spacing[0])
    corners = []
    for axis, (h, n) in enumerate(zip(spacing, grid, strict=True)):
        numbers = xp.arange(n + 1, dtype=h.dtype, device=device(h)) + 0.5
        shape = [1, 1, 1]
        shape[axis] = n + 1
        corners.append(xp.reshape(h * numbers, (*h.shape[:-1], *shape)))
    x, y, z = corners
    whole = _antiderivative(x, y, z, xp)
    for axis in AXES:  # it is odd in every direction, so the corner before the first is the first, negative
        whole = _differences(whole, axis, xp)
    volume = spacing[0] * spacing[1] * spacing[2]
    return whole / volume[..., None, None]


def _antiderivative(x: Any, y: Any, z: Any, xp: Any) -> Any:
    """Return the integral of 1 / r over the box from the origin to a corner with positive coordinates.

    Integrals over a box are differences of it between the corners. In Qiang's form with ln(x + r) - ln sqrt(y^2 + z^2), which
    is odd in x, for ln(x + r): their difference does not depend on x.
    """
    xx, yy, zz = x * x, y * y, z * z
    r = xp.sqrt(xx + yy + zz)
    across_z, across_y = xp.atan(x * y / (z * r)), xp.atan(x * z / (y * r))
    across_x = pi / 2 - across_z - across_y  # three faces that meet in a corner fill an octant
    return (
        y * z * xp.log((x + r) / xp.sqrt(yy + zz))
        + x * z * xp.log((y + r) / xp.sqrt(xx + zz))
        + x * y * xp.log((z + r) / xp.sqrt(xx + yy))
        - 0.5 * (zz * across_z + yy * across_y + xx * across_x)
    )


def _part(a: Any, axis: int, part: slice) -> Any:
    return a[(..., part, *(slice(None),) * (-axis - 1))]


def _differences(a: Any, axis: int, xp: Any) -> Any:
    first = _part(a, axis, slice(0, 1))
    return xp.concat((2 * first, _part(a, axis, slice(1, None)) - _part(a, axis, slice(None, -1))), axis=axis)


def compensated(kernel: Any) -> Any:
    """Return the potential of a cell, without its first and last entry in each dimension, sharpened.

    Clouds as wide as a cell, twice (on the way to the grid and back), and the cell itself smooth the potential as convolutions
    do whose variances are h^2 / 6, twice, and h^2 / 12. Half their sum times the second derivative is taken off again: what is
    left is of fourth order (R. W. Hockney and J. W. Eastwood, Computer Simulation Using Particles, chapter 5).
    """
    middle = kernel[..., 1:-1, 1:-1, 1:-1]
    around = [
        _part(_inner(kernel, axis), axis, slice(2, None)) + _part(_inner(kernel, axis), axis, slice(None, -2)) for axis in AXES
    ]
    return middle - SMOOTHING / 2 * (around[0] + around[1] + around[2] - 6 * middle)


def _inner(a: Any, whole: int) -> Any:
    """Leave the first and the last entry out in all dimensions but one."""
    return a[(..., *(slice(None) if axis == whole else slice(1, -1) for axis in AXES))]


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
    xp, fft = backend.xp, backend.fft
    # from any node with a charge to any other node
    nx, ny, nz = (_quick((nodes + charged) // 2) for nodes, charged in zip(charge.shape[-3:], grid, strict=True))
    # differences of the antiderivative lose as many digits as there are cells
    kernel = green([backend.precise(h) for h in spacing], (nx + 1, ny + 1, nz + 1))
    for axis in AXES:
        kernel = xp.concat((_part(kernel, axis, slice(1, 2)), kernel), axis=axis)
    kernel = xp.astype(compensated(kernel), charge.dtype)
    kernel = _mirrored(backend.cosine_transform(kernel, AXES), -3, xp)
    # twice the size in each dimension, but what is empty or not looked at is not transformed
    spectrum = fft.fft(fft.rfft(charge, n=2 * nz, axis=-1), n=2 * ny, axis=-2)
    planes = []
    for part in _planes(2 * ny, backend):
        factor = xp.concat([_part(kernel, -2, slice(i, i + 1)) for i in (min(y, 2 * ny - y) for y in part)], axis=-2)
        some = fft.fft(_part(spectrum, -2, slice(part[0], part[-1] + 1)), n=2 * nx, axis=-3) * factor
        planes.append(_part(fft.ifft(some, axis=-3), -3, slice(0, charge.shape[-3])))
    spectrum = fft.ifft(planes[0] if len(planes) == 1 else xp.concat(planes, axis=-2), axis=-2)
    return fft.irfft(_part(spectrum, -2, slice(0, charge.shape[-2])), n=2 * nz, axis=-1)[..., : charge.shape[-1]]


def _planes(n: int, backend: Any) -> list[range]:
    """Return parts of the planes, as many at a time as the backend is quickest with."""
    some = backend.planes or n
    return [range(start, min(start + some, n)) for start in range(0, n, some)]


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


def field(potential: Any, spacing: Sequence[Any], backend: Any) -> list[Any]:
    """Return the field at the nodes but the two outermost: minus the gradient, by central differences of fourth order."""
    return [_central(potential, axis, h, backend.xp) for axis, h in zip(AXES, spacing, strict=True)]


def _central(a: Any, axis: int, h: Any, xp: Any) -> Any:
    near = _part(a, axis, slice(1, -3)) - _part(a, axis, slice(3, -1))
    far = _part(a, axis, slice(None, -4)) - _part(a, axis, slice(4, None))
    edge = xp.zeros_like(_part(a, axis, slice(0, 2)))
    return xp.concat((edge, (8 * near - far) / (12 * h[..., None, None]), edge), axis=axis)
