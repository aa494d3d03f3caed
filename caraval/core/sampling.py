"""Samples of distributions that have exactly the moments asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from array_api_compat import array_namespace

from .arrays import is_number, stack
from .coordinates import Coordinates
from .distributions import distribution
from .errors import InputError

WHITEN_FROM = 7
"""Six coordinates of fewer particles than this cannot have any covariance one likes."""


def standard(n: int, seed: int | None, name: str = "gaussian") -> np.ndarray:
    """Return ``(6, n)`` numbers of a distribution with zero mean and unit covariance in the sample itself.

    Raises
    ------
    InputError
        If `n` is not a positive whole number, or there is no such distribution.
    """
    if not isinstance(n, (int, np.integer)) or isinstance(n, bool) or n < 1:
        raise InputError(f"the number of particles must be a positive whole number, not {n!r}")
    sample = distribution(name)(int(n), np.random.default_rng(seed))
    if n < WHITEN_FROM:
        return sample
    sample -= sample.mean(axis=-1, keepdims=True)
    triangle = np.linalg.cholesky(sample @ sample.T / n)
    return np.linalg.solve(triangle, sample)


def sampled(
    name: str,
    n: int,
    sigmas: Sequence[Any],
    mean: Any,
    covariance: Any,
    seed: int | None,
    backend: Any,
    kind: dict[str, Any],
) -> Coordinates:
    """Return the coordinates of `n` particles of a distribution, as arrays of `backend`.

    Differentiable with respect to mean and sigmas, or covariance.
    """
    base = [backend.asarray(row, **kind) for row in standard(n, seed, name)]
    as_arrays = [_on(backend, value, kind) for value in (sigmas if covariance is None else ())]
    if covariance is not None:
        if any(not (is_number(sigma) and sigma == 0) for sigma in sigmas):
            raise InputError("give the sigmas or the covariance, not both")
        triangle = _cholesky(_on(backend, covariance, kind), backend)
        spread = [sum(triangle[..., i, j, None] * base[j] for j in range(i + 1)) for i in range(6)]
    else:
        for name, sigma in zip(Coordinates._fields, sigmas, strict=True):
            if is_number(sigma) and not 0 <= sigma < float("inf"):
                raise InputError(f"sigma_{name} must not be negative, and finite, not {sigma!r}")
        spread = [sigma[..., None] * b for sigma, b in zip(as_arrays, base, strict=True)]
    centre = [mean[..., i] for i in range(6)] if hasattr(mean, "shape") else list(mean)
    if len(centre) != 6:
        raise InputError(f"mean must have six values, not {len(centre)}")
    return Coordinates(*(s + _on(backend, m, kind)[..., None] for s, m in zip(spread, centre, strict=True)))


def _on(backend: Any, value: Any, kind: dict[str, Any]) -> Any:
    return backend.asarray(value, **kind)


def _cholesky(covariance: Any, backend: Any) -> Any:
    """Return a lower triangle whose square is the covariance, which may be singular, row by row (Cholesky-Banachiewicz)."""
    if tuple(covariance.shape[-2:]) != (6, 6):
        raise InputError(f"covariance must have shape (..., 6, 6), not {tuple(covariance.shape)}")
    _check_covariance(backend.value(covariance))
    xp = array_namespace(covariance)
    zero = xp.zeros_like(covariance[..., 0, 0])
    rows: list[list[Any]] = [[zero] * 6 for _ in range(6)]
    for i in range(6):
        for j in range(i + 1):
            rest = covariance[..., i, j] - sum((rows[i][k] * rows[j][k] for k in range(j)), zero)
            if i == j:
                some = rest > _SINGULAR * covariance[..., i, i]
                rows[i][i] = xp.where(some, xp.sqrt(xp.where(some, rest, xp.ones_like(rest))), zero)
            else:
                pivot = rows[j][j]
                some = pivot > 0
                rows[i][j] = xp.where(some, rest / xp.where(some, pivot, xp.ones_like(pivot)), zero)
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


_SINGULAR = 1e-14
"""A variance that is this little of its whole is what rounding left of a coordinate that follows from the others."""


def _check_covariance(values: np.ndarray | None) -> None:
    if values is None:
        return
    if not np.isfinite(values).all():
        raise InputError("covariance must be finite")
    if not np.allclose(values, np.swapaxes(values, -1, -2), rtol=100 * np.finfo(values.dtype).eps, atol=0):
        raise InputError("covariance must be symmetric")
    tolerance = 100 * np.finfo(values.dtype).eps
    values = values.astype(np.float64)
    scale = np.sqrt(np.clip(np.einsum("...ii->...i", values), 1e-300, None))
    smallest = np.linalg.eigvalsh(values / scale[..., :, None] / scale[..., None, :])[..., 0].min()
    if smallest < -tolerance:
        raise InputError("covariance must have no negative eigenvalue: a variance is negative, or a correlation above one")


def twiss_covariance(x: Sequence[Any], y: Sequence[Any], z: Sequence[Any]) -> Any:
    """Return the covariance ``(..., 6, 6)`` of Twiss parameters.

    Parameters
    ----------
    x, y : (beta, alpha, emittance, eta, etap)
    z : (sigma_z, sigma_pz, covariance_zpz)
    """
    for name, (beta, _, emittance, *_rest) in (("x", x), ("y", y)):
        if is_number(beta) and not beta > 0:
            raise InputError(f"beta_{name} must be positive, not {beta!r}")
        if is_number(emittance) and emittance < 0:
            raise InputError(f"emittance_{name} must not be negative, not {emittance!r}")
    sigma_z, sigma_pz, z_pz = z
    c: list[list[Any]] = [[0.0] * 6 for _ in range(6)]
    c[4][4], c[5][5] = sigma_z * sigma_z, sigma_pz * sigma_pz
    c[4][5] = c[5][4] = z_pz
    dispersions = [x[3], x[4], y[3], y[4]]
    for i, a in enumerate(dispersions):
        c[i][5] = c[5][i] = a * c[5][5]
        c[i][4] = c[4][i] = a * z_pz
        for j, b in enumerate(dispersions):
            c[i][j] = a * b * c[5][5]
    for i, (beta, alpha, emittance, *_rest) in ((0, x), (2, y)):
        c[i][i] = c[i][i] + emittance * beta
        c[i][i + 1] = c[i + 1][i] = c[i][i + 1] - emittance * alpha
        c[i + 1][i + 1] = c[i + 1][i + 1] + emittance * (1 + alpha * alpha) / beta
    flat = stack([value for row in c for value in row])
    return array_namespace(flat).reshape(flat, (*flat.shape[:-1], 6, 6))
