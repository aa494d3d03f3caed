"""Multipoles in a bend, as Maxwell has them there.

In coordinates that bend with curvature g the field ``sum b_n x^n`` on the midplane goes on off the plane in its own way.
With ``h = 1 + g x`` the kick is the gradient of a potential psi that obeys ``h (psi_xx + psi_yy) = g psi_x`` (the
longitudinal vector potential times h; Forest, "Beam Dynamics", 12.3). As power series cut at one total degree the kick is
symplectic to rounding.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates

BEYOND_MAIN = 7
"""Powers kept beyond those of the highest multipole: the first one left out is ``(g x)^8``."""


Rows = tuple[tuple[Any, ...], ...]
"""Coefficients of a polynomial: for each power of ``y^2``, those of the powers of x, filled up to one length."""


class NormalKick(NamedTuple):
    """Coefficients of ``d psi / dx`` and of ``d psi / dy`` over y, for a potential even in y."""

    x: Rows
    y: Rows


class CurvedKick(NamedTuple):
    """As :class:`NormalKick`, and for the odd part of the potential ``d psi / dx`` over y and ``d psi / dy``."""

    x: Rows
    y: Rows
    skew_x: Rows
    skew_y: Rows


def normal_kick(c: NormalKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by the gradient of a potential even in y."""
    y2 = q.y * q.y
    return q._replace(px=q.px - polynomial(c.x, q.x, y2), py=q.py - q.y * polynomial(c.y, q.x, y2))


def curved_kick(c: CurvedKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by the gradient of any potential."""
    along_x, along_y = gradient(c, q)
    return q._replace(px=q.px - along_x, py=q.py - along_y)


def gradient(c: CurvedKick, q: Coordinates) -> tuple[Any, Any]:
    """Return the derivatives of a potential by x and by y."""
    y2 = q.y * q.y
    along_x = polynomial(c.x, q.x, y2) + q.y * polynomial(c.skew_x, q.x, y2)
    return along_x, q.y * polynomial(c.y, q.x, y2) + polynomial(c.skew_y, q.x, y2)


def polynomial(rows: Rows, x: Any, y2: Any) -> Any:
    """Return a polynomial in two variables (Horner's scheme)."""
    total = 0.0 * x
    for row in rows[::-1]:
        inner = 0.0 * x
        for coefficient in row[::-1]:
            inner = inner * x + coefficient
        total = total * y2 + inner
    return total


def vertically_pure(b: tuple[Any, ...], a: tuple[Any, ...], g: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Return the midplane series of multipoles that are pure off the plane (McMillan; Bmad manual, "Exact Multipole Fields").

    On the midplane the normal one of order n is ``g^-n F_n(g x)``, the skew one ``g^-n F'_{n+1}(g x) / (n + 1)``.
    """
    size = len(b) + BEYOND_MAIN
    normal, skew = [0.0] * size, [0.0] * size
    for n in range(len(b)):
        own, next_ = mcmillan(n, size + 1), mcmillan(n + 1, size + 1)
        for m in range(n, size):
            normal[m] = normal[m] + b[n] * own[m] * g ** (m - n)
            skew[m] = skew[m] + a[n] * next_[m + 1] * (m + 1) / (n + 1) * g ** (m - n)
    return tuple(normal), tuple(skew)


def mcmillan(n: int, size: int) -> list[float]:
    """Return the power series of ``F_n``: ``F_0 = 1``, ``F_1 = ln(1 + u)``, ``F_n'' + F_n' / (1 + u) = n (n - 1) F_{n-2}``."""
    if n == 0:
        return [1.0] + [0.0] * (size - 1)
    f = [0.0] * size
    if n == 1:
        return [0.0] + [(-1) ** (m + 1) / m for m in range(1, size)]
    lower = mcmillan(n - 2, size)
    for k in range(size - 2):
        source = lower[k] + (lower[k - 1] if k else 0.0)
        f[k + 2] = (n * (n - 1) * source - (k + 1) ** 2 * f[k + 1]) / ((k + 2) * (k + 1))
    return f


def potential(b: tuple[Any, ...], a: tuple[Any, ...], g: Any, degree: int) -> dict[tuple[int, int], Any]:
    """Return the coefficients ``{(i, j): c}`` of ``x^i y^j`` in psi for ``sum b_n x^n`` and ``sum a_n x^n`` on the midplane."""
    c: dict[tuple[int, int], Any] = {}
    for n in range(len(b)):  # psi_x = h sum b_n x^n and psi_y = -h sum a_n x^n on the midplane
        c[n + 1, 0] = c.get((n + 1, 0), 0.0) + b[n] / (n + 1)
        c[n + 2, 0] = g * b[n] / (n + 2)
        c[n, 1] = c.get((n, 1), 0.0) - a[n]
        c[n + 1, 1] = -g * a[n]
    return off_midplane(c, g, degree, magnetic=True)


def off_midplane(c: dict[tuple[int, int], Any], g: Any, degree: int, *, magnetic: bool) -> dict[tuple[int, int], Any]:
    """Return a potential given by its value and its slope on the midplane, with all coefficients up to a degree.

    It obeys ``h (psi_xx + psi_yy) = g psi_x`` if it is `magnetic`; an electric one ``-g psi_x`` instead.
    """
    by_slope = 1 if magnetic else -1
    for j in range(degree - 1):
        for i in range(degree - j - 1):
            falling = -(i + 2) * (i + 1) * c.get((i + 2, j), 0.0) + g * (i + 1) * (by_slope - i) * c.get((i + 1, j), 0.0)
            c[i, j + 2] = falling / ((j + 2) * (j + 1)) - g * c.get((i - 1, j + 2), 0.0)
    return c


def constants(b: tuple[Any, ...], a: tuple[Any, ...], g: Any, *, skew: bool, vertical: bool = False) -> Any:
    """Return the constants of :func:`normal_kick`, or with `skew` of :func:`curved_kick`.

    Parameters
    ----------
    b, a : tuple
        Integrated normal and skew multipoles by order, from zero on.
    g : number or array
        Curvature [1/m].
    skew : bool
        Whether there may be skew multipoles.
    vertical : bool
        Whether multipoles are pure off the plane, rather than on the midplane.
    """
    degree = len(b) + BEYOND_MAIN
    if vertical:
        b, a = vertically_pure(b, a, g)
    found = gradient_of(potential(b, a, g, degree), degree)
    return found if skew else NormalKick(found.x, found.y)


def gradient_of(c: dict[tuple[int, int], Any], degree: int) -> CurvedKick:
    """Return the coefficients of the gradient of a potential."""

    def rows(along_x: bool, odd: int) -> Rows:
        def coefficient(i: int, j: int) -> Any:
            return (i + 1) * c.get((i + 1, j), 0.0) if along_x else (j + 1) * c.get((i, j + 1), 0.0)

        return tuple(tuple(coefficient(i, j) for i in range(degree)) for j in range(odd, degree, 2))

    return CurvedKick(rows(True, 0), rows(False, 1), rows(True, 1), rows(False, 0))
