"""Recorded functions, and their derivatives as programs."""

import array_api_compat.numpy as xp
import numpy as np
import pytest

from caraval.core import recording
from caraval.core.adjoint import adjoint
from caraval.core.arrays import mixed, namespace
from caraval.core.jet import Jet, jet_namespace, seed
from caraval.core.recording import FUNCTIONS, Constant, UnrecordableError, generalised, record

FUNCTION = {
    "polynomial": lambda a, b: (a * b - 2.5 * a + b / a, -a + 3),
    "powers": lambda a, b: (a**3 * b**0.5 + a**-2 + b**7, a**0 * b**1),
    "roots": lambda a, b: (FUNCTIONS.sqrt(a * a + b), FUNCTIONS.hypot(a, b), abs(a - b)),
    "circular": lambda a, b: (FUNCTIONS.sin(a) * FUNCTIONS.cos(b), FUNCTIONS.tan(a), FUNCTIONS.atan2(a, b)),
    "inverse": lambda a, b: (FUNCTIONS.asin(0.3 * a) + FUNCTIONS.acos(0.2 * b), FUNCTIONS.atan(a * b)),
    "hyperbolic": lambda a, b: (FUNCTIONS.sinh(a), FUNCTIONS.cosh(b), FUNCTIONS.tanh(a * b)),
    "exponential": lambda a, b: (FUNCTIONS.exp(-a), FUNCTIONS.log(a + b)),
    "choices": lambda a, b: (
        FUNCTIONS.where((a > b) | ~(a >= 0.9) & (b != 1), a * b, b),
        FUNCTIONS.maximum(a, b) * FUNCTIONS.minimum(a, 2 * b),
        FUNCTIONS.floor(a) * b,
    ),
}

A, B = np.array([0.7, 1.3, 1.1]), np.array([1.2, 0.4, 0.6])


def ours(name, functions):
    """The same function on whatever namespace."""
    function = FUNCTION[name]
    scope = {**function.__globals__, "FUNCTIONS": functions}
    return type(function)(function.__code__, scope)


@pytest.mark.parametrize("name", FUNCTION)
def test_a_program_does_what_the_function_does(name):
    program = record(lambda values: FUNCTION[name](*values), 2)
    expected = ours(name, xp)(A, B)
    for found, one in zip(program.run([A, B], [], xp), expected, strict=True):
        np.testing.assert_allclose(found, one, rtol=1e-15)


@pytest.mark.parametrize("name", FUNCTION)
def test_derivatives_are_those_of_jets(name):
    program, numbers = generalised(record(lambda values: FUNCTION[name](*values), 2))
    weights = [np.array([1.0, -2.0, 0.5]) * (i + 1) for i in range(len(program.outputs))]
    found = adjoint(program).run([A, B, *weights], numbers, xp)
    first, second, *_ = seed((A, B, 0.0, 0.0, 0.0, 0.0))
    jets = ours(name, jet_namespace(mixed(xp)))(first, second)
    for k in range(2):
        slopes = ((w, jet.slopes[k]) for w, jet in zip(weights, jets, strict=True) if isinstance(jet, Jet))
        expected = sum(w * slope for w, slope in slopes if slope is not None)
        np.testing.assert_allclose(found[k], expected, rtol=1e-13)


def test_functions_that_differ_in_constants_alone_share_a_program():
    programs = [generalised(record(lambda v, c=c: [c * v[0] + 1, c], 1)) for c in (2.5, -0.3)]
    (one, numbers), (other, _) = programs
    assert one == other
    assert numbers == (2.5, 2.5)
    assert one.outputs[1] == 2  # the second number
    assert generalised(record(lambda v: [1 * v[0] + 1, 1], 1))[0] != one


def test_what_is_known_is_not_computed():
    program = record(lambda v: [0.0 * v[0] + v[1] * 1 - 0, v[0] / v[1] * 0, 0 - v[0]], 2)
    assert program.outputs == (1, Constant(0.0), 2)
    assert [operation.name for operation in program.operations] == ["neg"]


def test_constants_are_not_places():
    assert record(lambda v: [1.0 - v[0]], 2) != record(lambda v: [v[1] - v[0]], 2)


def test_numbers_are_folded_and_constants_are_functions_of_the_namespace():
    program = record(lambda v: [namespace(v[0]).sqrt(4.0) * v[0], namespace(v[0]).where(True, v[0], 1.0)], 1)
    assert program.run([A], [], xp)[0] == pytest.approx(2 * A)
    assert program.outputs[1] == 0


@pytest.mark.parametrize(
    "function",
    [
        lambda v: [v[0] ** 0.3],
        lambda v: [1.0 if v[0] > 0 else 2.0],
        lambda v: [float(v[0])],
        lambda v: [FUNCTIONS.expm1(v[0])],
        lambda v: [v[0], "text"],
    ],
)
def test_what_cannot_be_recorded_says_so(function):
    with pytest.raises(UnrecordableError):
        record(function, 1)


def test_long_programs_are_refused(monkeypatch):
    monkeypatch.setattr(recording, "MOST", 10)
    record(lambda v: [v[0] + v[1] + v[0]], 2)
    with pytest.raises(UnrecordableError, match="10 operations"):
        record(lambda v: [sum(v[i % 2] for i in range(20))], 2)
