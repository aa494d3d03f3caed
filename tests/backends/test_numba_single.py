"""Numbers in routines are brought to single precision where the particles are."""

import numpy as np
import pytest

import caraval as cv

pytest.importorskip("numba")

from caraval.backends import numba as numba_backend
from caraval.backends.numba_single import in_single
from caraval.core.loss import ALIVE
from caraval.core.rows import row_of

COEFFICIENTS = (1.0, 0.5, 0.25)
HALF = 0.5


def polynomial(x):
    """Return a polynomial, with whole numbers in all their places."""
    total = 0.0
    for j in range(2, -1, -1):
        total = COEFFICIENTS[j] + x * total
    return 2 * total + (1 / 720) * x**2 if x > 0 else HALF - 1.5 * total


def last(coefficients):
    return coefficients[len(coefficients) - 1]


def last_of(coefficients):
    top = len(coefficients) - 1
    return coefficients[top] if top > 0 else coefficients[0]


@pytest.mark.parametrize("function", [last, last_of])
def test_places_stay_whole(function):
    assert in_single(function)((1.0, 2.0, 3.0)) == 3.0


def how_many(coefficients):
    return len(coefficients)


def kick(c, q, xp):
    return q._replace(px=q.px + 0.5 * c[how_many(c) - 1])


def test_where_a_place_is_taken_for_a_number_the_routine_stays_as_it_is():
    row = row_of((kick,), None, ((1.0, 2.0),), (None,))
    run = numba_backend.driver((row.variant,), "float32")
    state = np.zeros((7, 3), dtype=np.float32)
    state[6] = ALIVE
    run(np.array([0]), np.array([0]), 1, np.array(row.values, dtype=np.float32), state)
    assert (state[1] == 1.0).all()


def outer(factor):
    def inner(x):
        return factor * x + 1

    return inner


@pytest.mark.parametrize("x", [-0.3, 0.7])
def test_numbers_in_a_routine_become_single(x):
    function = in_single(polynomial)
    value = function(np.float32(x))
    assert isinstance(value, np.float32)
    assert value == pytest.approx(polynomial(x), rel=1e-6)


def test_numbers_that_enclose_a_routine_become_single():
    assert isinstance(in_single(outer(0.1))(np.float32(1.0)), np.float32)


def test_a_file_that_has_changed_is_not_believed(monkeypatch):
    monkeypatch.setattr("inspect.getsource", lambda function: "def polynomial(x):\n    return 3.0 * x\n")
    assert in_single(polynomial) is polynomial


def test_what_has_no_source_of_its_own_stays_as_it_is():
    function = eval("lambda x: 0.5 * x")
    assert in_single(function) is function


def test_no_number_is_doubled_in_single_precision(monkeypatch):
    made = []
    original = numba_backend.driver
    monkeypatch.setattr(numba_backend, "driver", lambda *a: made.append(original(*a)) or made[-1])
    place = {"x_offset": 1e-4, "tilt": 0.1}
    edges = {"e1": 0.02, "e2": 0.03, "fringe_type": "linear_edge", "hgap": 0.02, "fint": 0.5}
    elements = [
        cv.Quadrupole(length=0.2, k1=3.0, **place),
        cv.SBend(length=0.5, angle=0.05, **edges),
        cv.Drift(length=0.3, x_limit=1e-2, y_limit=1e-2),
    ]
    incoming = cv.ParticleBeam.gaussian(100, p0c=1e8, sigma_x=1e-3, sigma_pz=1e-3, seed=1, dtype="float32")
    lattice = cv.Lattice(elements)
    out = lattice.compile("numpy")(incoming)
    (program,) = made
    assert "fpext" not in program.inspect_llvm(program.signatures[0])
    truth = lattice.track(incoming.to(dtype="float64"))
    np.testing.assert_allclose(out.x, truth.x, rtol=0, atol=1e-6 * truth.sigma_x)
