"""Truncated power series: values that carry their derivatives with respect to the six coordinates.

A routine run on jets instead of arrays returns, beside the coordinates, their exact first derivatives: the linear map of
any element, on any backend, and itself differentiable there (Berz, "Differential algebraic description of beam dynamics
to very high orders", Part. Accel. 24, 109). Derivatives known to be zero are not computed.

Jets of jets carry second derivatives (nested forward mode; Griewank and Walther, "Evaluating Derivatives", 13): value and
slopes of the outer jet are themselves jets, and what is written here for arrays holds for them as it stands.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from array_api_compat import array_namespace

from .arrays import is_number
from .coordinates import Coordinates
from .maps import LinearMap, SecondOrderMap
from .tree import tree

DIMENSIONS = 6

Slopes = tuple[Any, ...]

NOTHING: Slopes = (None,) * DIMENSIONS
"""Derivatives of a constant."""


@tree
class Jet:
    """A value and its six derivatives, numbers, arrays or jets; None stands for a derivative that is zero."""

    __slots__ = ("slopes", "value")
    __array_ufunc__ = None  # NumPy arrays leave arithmetic with jets to the jets

    def __init__(self, value: Any, slopes: Slopes) -> None:
        self.value = value
        self.slopes = slopes

    def tree_flatten(self) -> tuple[tuple[Any, ...], None]:
        """Value and slopes."""
        return (self.value, *self.slopes), None

    @classmethod
    def tree_unflatten(cls, rest: None, children: Any) -> Jet:
        """Put together again."""
        value, *slopes = children
        return cls(value, NOTHING if all(s is None for s in slopes) else tuple(slopes))

    def chain(self, value: Any, slope: Any) -> Jet:
        """Return a function of this jet from its value and its derivative here."""
        return Jet(value, _scaled(slope, self.slopes))

    def __add__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value + other, self.slopes)
        return Jet(self.value + other.value, _sum(self.slopes, other.slopes))

    __radd__ = __add__

    def __neg__(self) -> Jet:
        return Jet(-self.value, tuple([None if s is None else -s for s in self.slopes]))

    def __pos__(self) -> Jet:
        return self

    def __sub__(self, other: Any) -> Jet:
        return self + (-other)

    def __rsub__(self, other: Any) -> Jet:
        return other + (-self)

    def __mul__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return self.chain(self.value * other, other)
        slopes = _sum(_scaled(other.value, self.slopes), _scaled(self.value, other.slopes))
        return Jet(self.value * other.value, slopes)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Jet:
        if not isinstance(other, Jet):
            return Jet(self.value / other, tuple([None if s is None else s / other for s in self.slopes]))
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


def _slopes(a: Any) -> Slopes:
    return a.slopes if isinstance(a, Jet) else NOTHING


def _sign(a: Any) -> Any:
    """Sign of a number, an array or a jet, which counts zero as positive: a constant."""
    if isinstance(a, Jet):
        return Jet(_sign(a.value), NOTHING)
    if is_number(a):
        return 1.0 if a >= 0 else -1.0
    xp = array_namespace(a)
    return xp.where(a >= 0, xp.ones_like(a), -xp.ones_like(a))


def _sum(first: Slopes, second: Slopes) -> Slopes:
    """Return the sums of derivatives."""
    if second is NOTHING:
        return first
    if first is NOTHING:
        return second
    return tuple([b if a is None else a if b is None else a + b for a, b in zip(first, second, strict=True)])


def _scaled(factor: Any, slopes: Slopes) -> Slopes:
    """Return multiples of derivatives, zero where the factor is a plain zero."""
    if slopes is NOTHING:
        return slopes
    if is_number(factor):
        if factor == 0:
            return NOTHING
        if factor == 1:
            return slopes
    return tuple([None if s is None else factor * s for s in slopes])


DERIVATIVES: dict[str, Callable[[Any, Any, Any], Any]] = {
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
        derivative = DERIVATIVES.get(name)
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
            return lifted(self.xp.where(condition, then, otherwise))
        a = then if isinstance(then, Jet) else Jet(then, NOTHING)
        b = otherwise if isinstance(otherwise, Jet) else Jet(otherwise, NOTHING)
        if isinstance(condition, bool):
            return Jet(self.xp.where(condition, a.value, b.value), (a if condition else b).slopes)
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
        slopes = _sum(_scaled(b / square, _slopes(y)), _scaled(-a / square, _slopes(x)))
        return Jet(self.xp.atan2(a, b), slopes)

    def floor(self, a: Any) -> Any:
        """Return the whole number below, which is constant but for its jumps."""
        return Jet(self.floor(a.value), NOTHING) if isinstance(a, Jet) else self.xp.floor(a)

    def hypot(self, a: Any, b: Any) -> Any:
        """Return the length of a vector."""
        return self.sqrt(a * a + b * b)


@cache
def jet_namespace(xp: Any, order: int = 1) -> JetNamespace:
    """Return the one namespace for jets over `xp`, nested `order` times."""
    return JetNamespace(xp if order == 1 else jet_namespace(xp, order - 1))


def seed(values: Any, order: int = 1) -> Coordinates:
    """Return coordinates at `values` (six numbers or arrays), each with derivative one with respect to itself.

    Parameters
    ----------
    values : iterable of six
    order : int
        Of the highest derivatives that they are to carry.
    """
    if order > 1:
        values = seed(values, order - 1)
    return Coordinates(*(Jet(v, tuple(1.0 if i == j else None for j in range(DIMENSIONS))) for i, v in enumerate(values)))


def lifted(constants: Any, order: int = 1) -> Any:
    """Return constants with their arrays as jets without derivatives: not every library leaves arithmetic to jets."""
    if isinstance(constants, tuple):
        parts = [lifted(part, order) for part in constants]
        return type(constants)(*parts) if hasattr(constants, "_fields") else tuple(parts)
    if is_number(constants):
        return constants
    return Jet(constants if order == 1 else lifted(constants, order - 1), NOTHING)


def expansion(q: Any) -> tuple[list[Any], list[list[Any]]]:
    """Return the values and the derivatives (zeros filled in) of coordinates."""
    values, rows = [], []
    for a in q:
        values.append(_value(a))
        rows.append([0.0 if s is None else s for s in _slopes(a)])
    return values, rows


def second_expansion(q: Any) -> tuple[list[Any], list[list[Any]], list[list[list[Any]]]]:
    """Return the values, the derivatives, and half the second derivatives of coordinates that are jets of jets."""
    values, first = expansion(_value(a) for a in q)
    second = []
    for a in q:
        found = [[0.0 if s is None else 0.5 * s for s in _slopes(slope)] for slope in _slopes(a)]
        # both orders of differentiation are there; one of them is taken, so that symmetry is exact
        second.append([[found[max(j, k)][min(j, k)] for k in range(DIMENSIONS)] for j in range(DIMENSIONS)])
    return values, first, second


def linear_map(q: Any) -> LinearMap:
    """Return the map whose expansion about zero coordinates is `q`."""
    values, rows = expansion(q)
    return LinearMap.from_entries(rows, values)


def second_order_map(q: Any) -> SecondOrderMap:
    """Return the map whose expansion about zero coordinates is `q`, of jets of jets."""
    return SecondOrderMap.from_entries(*second_expansion(q))
