from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caraval.core import scalar
from caraval.core.arrays import mixed
from caraval.core.coordinates import Coordinates
from caraval.core.jet import Jet, expansion, jet_namespace, linear_map, seed

# function, where to evaluate it, and its derivative in closed form
FUNCTIONS = {
    "sqrt": (0.7, lambda v: 1 / (2 * math.sqrt(v))),
    "sin": (0.7, math.cos),
    "cos": (0.7, lambda v: -math.sin(v)),
    "tan": (0.7, lambda v: 1 / math.cos(v) ** 2),
    "asin": (0.3, lambda v: 1 / math.sqrt(1 - v * v)),
    "acos": (0.3, lambda v: -1 / math.sqrt(1 - v * v)),
    "atan": (0.3, lambda v: 1 / (1 + v * v)),
    "sinh": (0.7, math.cosh),
    "cosh": (0.7, math.sinh),
    "tanh": (0.7, lambda v: 1 / math.cosh(v) ** 2),
    "exp": (0.7, math.exp),
    "log": (0.7, lambda v: 1 / v),
    "abs": (-0.7, lambda v: -1.0),
}

X, Y = 0.7, -0.4
# operator, and its derivatives by x and y in closed form
OPERATORS = {
    "x + y": (1.0, 1.0),
    "x + 2.5": (1.0, 0.0),
    "2.5 + x": (1.0, 0.0),
    "x - y": (1.0, -1.0),
    "x - 2.5": (1.0, 0.0),
    "2.5 - x": (-1.0, 0.0),
    "-x": (-1.0, 0.0),
    "+x": (1.0, 0.0),
    "x * y": (Y, X),
    "x * 2.5": (2.5, 0.0),
    "2.5 * x": (2.5, 0.0),
    "x * 0.0": (0.0, 0.0),
    "x * 1.0": (1.0, 0.0),
    "x / y": (1 / Y, -X / Y**2),
    "x / 2.5": (0.4, 0.0),
    "2.5 / x": (-2.5 / X**2, 0.0),
    "x ** 2": (2 * X, 0.0),
    "x ** 3": (3 * X**2, 0.0),
    "x ** -1.5": (-1.5 * X**-2.5, 0.0),
    "x ** 0": (0.0, 0.0),
    "x ** 1": (1.0, 0.0),
    "abs(y)": (0.0, -1.0),
    "abs(x)": (1.0, 0.0),
    "x * y * y - x / y + 2 * x": (Y * Y - 1 / Y + 2, 2 * X * Y + X / Y**2),
    "xp.where(x > y, x * y, x)": (Y, X),
    "xp.where(x < y, x * y, 3.0)": (0.0, 0.0),
    "xp.where(x < y, 3.0, x)": (1.0, 0.0),
    "xp.where(x >= y, x, y)": (1.0, 0.0),
    "xp.where(x <= y, x, y)": (0.0, 1.0),
    "xp.maximum(x, y)": (1.0, 0.0),
    "xp.maximum(y, 2.0)": (0.0, 0.0),
    "xp.minimum(x, y)": (0.0, 1.0),
    "xp.minimum(2.0, x)": (1.0, 0.0),
    "xp.hypot(x, y)": (X / math.hypot(X, Y), Y / math.hypot(X, Y)),
    "xp.atan2(y, x)": (-Y / (X * X + Y * Y), X / (X * X + Y * Y)),
    "xp.atan2(y, 2.0)": (0.0, 2.0 / (4 + Y * Y)),
    "xp.atan2(2.0, x)": (-2.0 / (4 + X * X), 0.0),
}


def slopes(jet, n=2):
    return [0.0 if s is None else float(s) for s in jet.slopes[:n]]


def evaluated(expression, x, y, xp):
    return eval(expression, {"x": x, "y": y, "xp": xp, "abs": abs})


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_numbers(name):
    at, derivative = FUNCTIONS[name]
    result = getattr(jet_namespace(scalar), name)(seed((at, 0.0, 0.0, 0.0, 0.0, 0.0)).x)
    assert result.value == pytest.approx(abs(at) if name == "abs" else getattr(math, name)(at), rel=1e-15)
    assert slopes(result, 1) == pytest.approx([derivative(at)], rel=1e-14)
    assert all(s is None for s in result.slopes[1:])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_arrays(name, backend, array, to_numpy):
    at, derivative = FUNCTIONS[name]
    points = np.array([at, at * 1.1])
    xp = jet_namespace(mixed(_namespace(backend)))
    result = getattr(xp, name)(Jet(array(points, backend), (array([2.0, 3.0], backend), *(None,) * 5)))
    expected = [derivative(p) * factor for p, factor in zip(points.tolist(), (2.0, 3.0), strict=True)]
    assert to_numpy(result.slopes[0]) == pytest.approx(expected, rel=1e-14)
    assert result.slopes[1] is None


def test_functions_that_a_namespace_has_work_on_numbers_too():
    xp = jet_namespace(scalar)
    assert xp.sin(0.5) == math.sin(0.5)
    assert xp.atan2(1.0, 2.0) == math.atan2(1.0, 2.0)
    assert xp.where(True, 1.0, 2.0) == 1.0
    assert xp.maximum(1.0, 2.0) == 2.0
    assert xp.pi == math.pi


@pytest.mark.parametrize("expression", OPERATORS)
def test_operators_on_numbers(expression):
    x, _, y, *_ = seed((X, 0.0, Y, 0.0, 0.0, 0.0))
    result = evaluated(expression, x, y, jet_namespace(scalar))
    by_x, by_y = OPERATORS[expression]
    assert result.value == pytest.approx(evaluated(expression, X, Y, scalar), rel=1e-15)
    assert [0.0 if result.slopes[i] is None else result.slopes[i] for i in (0, 2)] == pytest.approx([by_x, by_y], rel=1e-14)


@pytest.mark.parametrize("expression", OPERATORS)
def test_operators_on_arrays(expression, backend, array, to_numpy):
    xp = mixed(_namespace(backend))
    x, _, y, *_ = seed([array([v, v], backend) for v in (X, 0.0, Y, 0.0, 0.0, 0.0)])
    result = evaluated(expression, x, y, jet_namespace(xp))
    assert to_numpy(result.value) + np.zeros(2) == pytest.approx([evaluated(expression, X, Y, scalar)] * 2, rel=1e-15)
    for i, expected in zip((0, 2), OPERATORS[expression], strict=True):
        slope = result.slopes[i]
        assert (0.0 if slope is None else to_numpy(slope)) + np.zeros(2) == pytest.approx([expected] * 2, rel=1e-14)


@pytest.mark.parametrize("expression", ["c * x", "x * c", "c + x", "x + c", "c - x", "x - c", "c / x", "x / c"])
@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_arrays_of_settings_meet_jets_from_either_side(expression, backend, array, to_numpy):
    """These libraries let a jet on the right have its turn; the standard does not ask for it (see test_standard)."""
    c = np.array([2.0, -3.0])
    x = Jet(X, (1.0, *(None,) * 5))
    result = eval(expression, {"c": array(c, backend), "x": x})
    h = 1e-6
    high, low = (eval(expression, {"c": c, "x": X + d}) for d in (h, -h))
    assert to_numpy(result.value) == pytest.approx(eval(expression, {"c": c, "x": X}), rel=1e-15)
    # central difference: 1e-12 of truncation, 1e-10 of rounding
    assert to_numpy(result.slopes[0]) + np.zeros(2) == pytest.approx((high - low) / (2 * h), rel=1e-8)


def test_comparisons_are_those_of_the_values():
    x, _, y, *_ = seed((X, 0.0, Y, 0.0, 0.0, 0.0))
    assert (x > y, x >= y, x < y, x <= y) == (True, True, False, False)
    assert (x > 0.7, x >= 0.7, x < 0.7, x <= 0.7) == (False, True, False, True)
    assert (x > 0.5, x < 0.5) == (True, False)


def test_equality_is_that_of_the_values():
    x = seed((0.0,) * 6).x
    assert bool(x == 0.0)
    assert not bool(x != 0.0)
    assert not bool(x + 1.0 == 0.0)


def test_jets_to_the_power_of_jets_are_refused():
    x = seed((X,) * 6).x
    with pytest.raises(TypeError, match="jet to the power of a jet"):
        x**x


@given(st.lists(st.floats(-2, 2), min_size=6, max_size=6))
def test_chains_of_operations_against_finite_differences(point):
    def function(x, px, y, py, z, pz, xp):
        u = xp.sqrt(2 + x * x + px * py) * xp.exp(-y * y)
        return xp.sin(u + z) / (3 + pz) + xp.atan(x * pz) * (1 - u) ** 2

    xp = jet_namespace(scalar)
    try:
        jet = function(*seed(point), xp)
    except ValueError:  # the square root of a negative number
        return
    h = 1e-6
    for i in range(6):
        high, low = ([v + d * (i == j) for j, v in enumerate(point)] for d in (h, -h))
        try:
            difference = (function(*high, scalar) - function(*low, scalar)) / (2 * h)
        except ValueError:
            return
        if 2 + point[0] ** 2 + point[1] * point[3] > 0.01:  # away from the singularity of the square root
            assert (jet.slopes[i] or 0.0) == pytest.approx(difference, rel=1e-5, abs=1e-6)


def test_jets_agree_with_automatic_differentiation():
    """The same function by torch's tape: to rounding."""
    torch = pytest.importorskip("torch")
    from caraval.core.registry import registry

    def function(q, xp):
        k = q.px / (1 + q.pz)
        return xp.where(q.x > 0, xp.cos(q.x) * k + xp.hypot(q.y, q.z), q.y * q.py) + xp.atan2(q.x, 1 + q.y * q.y)

    point = torch.tensor([0.3, -0.2, 0.5, 0.1, -0.4, 0.02], dtype=torch.float64)
    jacobian = torch.autograd.functional.jacobian(
        lambda v: function(Coordinates(*v.unbind()), registry().backend("torch").xp), point
    )
    jet = function(seed(point.unbind()), jet_namespace(mixed(registry().backend("torch").xp)))
    assert [0.0 if s is None else float(s) for s in jet.slopes] == pytest.approx(jacobian.tolist(), rel=1e-14, abs=1e-16)


def test_derivatives_known_to_be_zero_are_not_computed():
    q = seed((1.0,) * 6)
    assert (q.x * 0.0).slopes == (None,) * 6
    assert (q.x + q.y).slopes[1] is None
    assert (q.x * 2.0 + 1.0).slopes == (2.0, *(None,) * 5)


def test_expansion_fills_in_zeros():
    q = seed((1.0, 2.0, 3.0, 4.0, 5.0, 6.0))
    values, rows = expansion(q._replace(x=q.x + 2 * q.px, py=7.0))
    assert values == [5.0, 2.0, 3.0, 7.0, 5.0, 6.0]
    expected = np.eye(6)
    expected[0, 1], expected[3, 3] = 2.0, 0.0
    assert np.array_equal(rows, expected)


def test_linear_map_of_an_expansion():
    q = seed((0.0,) * 6)
    m = linear_map(q._replace(x=q.x * 2.0 + q.pz + 0.5))
    expected = np.eye(6)
    expected[0, 0], expected[0, 5] = 2.0, 1.0
    assert np.array_equal(m.matrix, expected)
    assert m.offset.tolist() == [0.5, 0.0, 0.0, 0.0, 0.0, 0.0]


def _namespace(backend):
    from caraval.core.registry import registry

    return registry().backend(backend).xp
