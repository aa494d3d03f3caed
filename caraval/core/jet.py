"""Truncated power series: values that carry their derivatives with respect to the six coordinates.

A routine run on jets instead of arrays returns, beside the coordinates, their exact first derivatives: the linear map of
any element, on any backend, and itself differentiable there (Berz, "Differential algebraic description of beam dynamics
to very high orders", Part. Accel. 24, 109). Derivatives known to be zero are not computed.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from array_api_compat import array_namespace

from .arrays import is_number
from .coordinates import Coordinates
from .maps import LinearMap

DIMENSIONS = 6

NOTHING = (None,) * DIMENSIONS
"""Derivatives of a constant."""


class Jet:
    """A value and its six derivatives; None stands for a derivative that is zero."""

    __slots__ = ("slopes", "value")
    __array_ufunc__ = None  # NumPy arrays leave arithmetic with jets to the jets

    def __init__(self, value: Any, slopes: tuple[Any, ...]) -> None:
        self.value = value
        self.slopes = slopes

    def chain(self, value: Any, slope: Any) -> Jet:
        """Return a function of this jet from its value and its derivative here."""
        return Jet(value, tuple(_times(slope, s) for s in self.slopes))

    def __add__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(_plus(self.value, other), self.slopes)
        return Jet(_plus(self.value, other.value), tuple(map(_plus, self.slopes, other.slopes)))

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet(-self.value, tuple(None if s is None else -s for s in self.slopes))

    def __pos__(self) -> Jet:
        return self

    def __sub__(self, other: Any) -> Jet:
        return self + (-other)

    def __rsub__(self, other: Any) -> Jet:
        return other + (-self)

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return self.chain(self.value * other, other)
        slopes = (_plus(_times(other.value, a), _times(self.value, b)) for a, b in zip(self.slopes, other.slopes, strict=True))
        return Jet(self.value * other.value, tuple(slopes))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value / other, tuple(None if s is None else s / other for s in self.slopes))
        return self * other._reciprocal()

    def __rtruediv__(self, other: Any) -> Jet:
        return self._reciprocal() * other

    def _reciprocal(self) -> Jet:
        inverse = 1 / self.value
        return self.chain(inverse, -inverse * inverse)

    def __pow__(self, power: Any) -> Jet:
        if isinstance(power, Jet):
            raise TypeError("a jet to the power of a jet is not defined; write exp(b * log(a))")
        if power == 0:
            return self * 0.0 + 1.0
        if power == 2:
            return self * self
        return self.chain(self.value**power, power * self.value ** (power - 1))

    def __abs__(self) -> Jet:
        return self.chain(abs(self.value), _sign(self.value))

    def __eq__(self, other: object) -> Any:
        return self.value == _value(other)

    def __ne__(self, other: object) -> Any:
        return self.value != _value(other)

    __hash__ = None  # type: ignore[assignment]

    def __lt__(self, other: Any) -> Any:
        return self.value < _value(other)

    def __le__(self, other: Any) -> Any:
        return self.value <= _value(other)

    def __gt__(self, other: Any) -> Any:
        return self.value > _value(other)

    def __ge__(self, other: Any) -> Any:
        return self.value >= _value(other)


def _value(a: Any) -> Any:
    return a.value if isinstance(a, Jet) else a


def _sign(a: Any) -> Any:
    """Sign of a number or an array, which counts zero as positive."""
    if is_number(a):
        return 1.0 if a >= 0 else -1.0
    xp = array_namespace(a)
    return xp.where(a >= 0, xp.ones_like(a), -xp.ones_like(a))


def _plus(a: Any, b: Any) -> Any:
    """Sum in which None is zero."""
    if a is None:
        return b
    if b is None:
        return a
    return a + b


def _times(factor: Any, slope: Any) -> Any:
    """Product with a derivative, for which None, or a factor that is a plain zero, means zero."""
    if slope is None or (is_number(factor) and factor == 0):
        return None
    return slope if is_number(factor) and factor == 1 else factor * slope


_DERIVATIVES: dict[str, Callable[[Any, Any, Any], Any]] = {
    "sqrt": lambda xp, v, f: 0.5 / f,
    "sin": lambda xp, v, f: xp.cos(v),
    "cos": lambda xp, v, f: -xp.sin(v),
    "tan": lambda xp, v, f: 1 + f * f,
    "asin": lambda xp, v, f: 1 / xp.sqrt(1 - v * v),
    "acos": lambda xp, v, f: -1 / xp.sqrt(1 - v * v),
    "atan": lambda xp, v, f: 1 / (1 + v * v),
    "sinh": lambda xp, v, f: xp.cosh(v),
    "cosh": lambda xp, v, f: xp.sinh(v),
    "tanh": lambda xp, v, f: 1 - f * f,
    "exp": lambda xp, v, f: f,
    "log": lambda xp, v, f: 1 / v,
    "abs": lambda xp, v, f: _sign(v),
}
"""Derivatives ``(xp, v, f(v))`` of the functions that routines may use."""


class JetNamespace:
    """The functions of `xp` for jets."""

    def __init__(self, xp: Any) -> None:
        self.xp = xp

    def __getattr__(self, name: str) -> Any:
        function = getattr(self.xp, name)
        derivative = _DERIVATIVES.get(name)
        if derivative is None:
            return function
        xp = self.xp

        def of_jet(a: Any) -> Any:
            if not isinstance(a, Jet):
                return function(a)
            value = function(a.value)
            return a.chain(value, derivative(xp, a.value, value))

        setattr(self, name, of_jet)
        return of_jet

    def where(self, condition: Any, then: Any, otherwise: Any) -> Any:
        """Choose value and derivatives alike."""
        if not isinstance(then, Jet) and not isinstance(otherwise, Jet):
            return self.xp.where(condition, then, otherwise)
        a = then if isinstance(then, Jet) else Jet(then, NOTHING)
        b = otherwise if isinstance(otherwise, Jet) else Jet(otherwise, NOTHING)
        slopes = (
            None if s is None and t is None else self.xp.where(condition, 0.0 if s is None else s, 0.0 if t is None else t)
            for s, t in zip(a.slopes, b.slopes, strict=True)
        )
        return Jet(self.xp.where(condition, a.value, b.value), tuple(slopes))

    def maximum(self, a: Any, b: Any) -> Any:
        """Return the larger, with its derivatives."""
        return self.where(_value(a) > _value(b), a, b)

    def minimum(self, a: Any, b: Any) -> Any:
        """Return the smaller, with its derivatives."""
        return self.where(_value(a) < _value(b), a, b)

    def atan2(self, y: Any, x: Any) -> Any:
        """Return the angle of a point."""
        if not isinstance(y, Jet) and not isinstance(x, Jet):
            return self.xp.atan2(y, x)
        a, b = _value(y), _value(x)
        square = a * a + b * b
        change = Jet(0.0, y.slopes) * (b / square) if isinstance(y, Jet) else Jet(0.0, NOTHING)
        if isinstance(x, Jet):
            change = change - Jet(0.0, x.slopes) * (a / square)
        return Jet(self.xp.atan2(a, b), change.slopes)

    def hypot(self, a: Any, b: Any) -> Any:
        """Return the length of a vector."""
        return self.sqrt(a * a + b * b)


@cache
def jet_namespace(xp: Any) -> JetNamespace:
    """Return the one :class:`JetNamespace` over `xp`."""
    return JetNamespace(xp)


def seed(values: Any) -> Coordinates:
    """Return coordinates at `values` (six numbers or arrays), each with derivative one with respect to itself."""
    return Coordinates(*(Jet(v, tuple(1.0 if i == j else None for j in range(DIMENSIONS))) for i, v in enumerate(values)))


def lifted(constants: Any) -> Any:
    """Return constants with their arrays as jets without derivatives: not every library leaves arithmetic to jets."""
    if isinstance(constants, tuple):
        parts = [lifted(part) for part in constants]
        return type(constants)(*parts) if hasattr(constants, "_fields") else tuple(parts)
    return constants if is_number(constants) else Jet(constants, NOTHING)


def expansion(q: Any) -> tuple[list[Any], list[list[Any]]]:
    """Return the values and the derivatives (zeros filled in) of coordinates."""
    values, rows = [], []
    for a in q:
        values.append(_value(a))
        slopes = a.slopes if isinstance(a, Jet) else NOTHING
        rows.append([0.0 if s is None else s for s in slopes])
    return values, rows


def linear_map(q: Any) -> LinearMap:
    """Return the map whose expansion about zero coordinates is `q`."""
    values, rows = expansion(q)
    return LinearMap.from_entries(rows, values)
