from __future__ import annotations

import math

import numpy as np
import pytest

from caraval.core import scalar
from caraval.core.arrays import expand, is_number, is_zero, library, mixed, namespace, shape_of, stack
from caraval.core.errors import BackendError
from caraval.core.registry import registry


def test_numbers_and_arrays():
    assert [is_number(v) for v in (1, 1.0, np.float64(1), True, None, np.ones(2), "1")] == [
        True,
        True,
        True,
        False,
        False,
        False,
        False,
    ]
    assert [is_zero(v) for v in (0, 0.0, -0.0, None, 1.0, np.zeros(()), np.zeros(2))] == [True] * 4 + [False] * 3


def test_library(backend, array):
    assert library(array([1.0], backend)) == backend


def test_the_namespace_of_numbers_is_that_of_numbers(backend, array):
    assert namespace(1.0, None, 2) is scalar
    xp = namespace(1.0, array([1.0], backend))
    assert xp is namespace(array([2.0], backend))
    assert xp.arrays is registry().backend(backend).xp or xp.arrays.__name__ == registry().backend(backend).xp.__name__


def test_mixed_backends_are_refused(array):
    with pytest.raises(BackendError, match="arrays of different backends come together: numpy, torch"):
        namespace(np.ones(1), array([1.0], "torch"))


FUNCTIONS = ["acos", "asin", "atan", "cos", "cosh", "exp", "floor", "log", "sin", "sinh", "sqrt", "tan", "tanh", "abs"]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_of_one_argument(name, backend, dtype, epsilon, array, to_numpy):
    xp = mixed(registry().backend(backend).xp)
    of_number = getattr(xp, name)(0.4)
    assert type(of_number) in (float, int)
    expected = {"abs": abs}.get(name) or getattr(math, name)
    assert of_number == expected(0.4)
    of_array = getattr(xp, name)(array([0.4], backend, dtype))
    assert str(of_array.dtype).endswith(dtype)
    assert to_numpy(of_array) == pytest.approx([expected(0.4)], rel=4 * epsilon)


@pytest.mark.parametrize("name", ["atan2", "hypot", "maximum", "minimum"])
def test_functions_of_two_arguments_mix(name, backend, dtype, epsilon, array, to_numpy):
    xp = mixed(registry().backend(backend).xp)
    function = getattr(xp, name)
    expected = {"atan2": math.atan2, "hypot": math.hypot, "maximum": max, "minimum": min}[name](0.4, -2.0)
    assert function(0.4, -2.0) == expected
    first, second = (array([value], backend, dtype) for value in (0.4, -2.0))
    for arguments in ((first, -2.0), (0.4, second), (first, second)):
        result = function(*arguments)
        assert str(result.dtype).endswith(dtype)
        assert to_numpy(result) == pytest.approx([expected], rel=4 * epsilon)


def test_where_mixes(backend, dtype, array, to_numpy):
    xp = mixed(registry().backend(backend).xp)
    a = array([1.0, -1.0], backend, dtype)
    assert xp.where(True, 1.0, 2.0) == 1.0
    assert xp.where(False, a, 2.0) == 2.0
    assert xp.where(True, a, 2.0) is a
    for result in (xp.where(a > 0, a, 5.0), xp.where(a > 0, 1.0, 5.0 * a * a)):
        assert str(result.dtype).endswith(dtype)
        assert to_numpy(result).tolist() == [1.0, 5.0]
    assert to_numpy(xp.where(a > 0, 1.0, 5.0)).tolist() == [1.0, 5.0]


def test_constants_pass_through():
    assert mixed(registry().backend("numpy").xp).pi == scalar.pi == math.pi


def test_mixed_namespaces_are_kept():
    xp = registry().backend("numpy").xp
    assert mixed(xp) is mixed(xp)
    assert mixed(xp).sin is mixed(xp).sin


def test_expand(backend, array):
    assert expand(1.5) == 1.5
    assert expand(None) is None
    assert tuple(expand(array(1.0, backend)).shape) == ()
    assert tuple(expand(array([1.0, 2.0], backend)).shape) == (2, 1)


def test_shape_of(backend, array):
    assert shape_of(3.0) == ()
    assert shape_of(array([[1.0, 2.0]], backend)) == (1, 2)


def test_stack(backend, dtype, array, to_numpy):
    a, b = array([1.0, 2.0], backend, dtype), array([[3.0], [4.0]], backend, dtype)
    result = stack([a, 5.0, b])
    assert type(result) is type(a)
    assert str(result.dtype).endswith(dtype)
    assert to_numpy(result).tolist() == [[[1, 5, 3], [2, 5, 3]], [[1, 5, 4], [2, 5, 4]]]
    assert to_numpy(stack([a, 5.0], axis=0)).tolist() == [[1, 2], [5, 5]]


def test_stack_of_numbers_is_numpys():
    assert np.array_equal(stack([1, 2.0]), [1.0, 2.0])
    assert stack([1, 2]).dtype == np.float64


@pytest.mark.parametrize("name", scalar.__all__)
def test_the_scalar_namespace_is_part_of_the_standard(name, backend):
    assert hasattr(registry().backend(backend).xp, name)


def test_numbers_chosen_by_a_condition_keep_their_precision():
    torch = pytest.importorskip("torch")
    chosen = mixed(__import__("array_api_compat.torch", fromlist=["torch"])).where(torch.tensor([True, False]), 0.1, 0.2)
    assert chosen.tolist() == [0.1, 0.2]
