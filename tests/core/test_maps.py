from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import caraval as cv
from caraval.core import maps
from caraval.core.coordinates import Coordinates
from caraval.testing.derivatives import S

numbers = st.floats(-3, 3)


def random_map(seed, batch=()):
    rng = np.random.default_rng(seed)
    return cv.LinearMap(rng.standard_normal((*batch, 6, 6)), rng.standard_normal((*batch, 6)))


def applied(m, q):
    """What a map does, written with einsum."""
    return np.einsum("...ij,...jn->...in", m.matrix, q) + m.offset[..., None]


@given(st.integers(0, 2**32 - 1))
def test_then_is_one_after_the_other(seed):
    first, second = random_map(seed), random_map(seed + 1)
    q = np.random.default_rng(seed + 2).standard_normal((6, 5))
    both = first.then(second)
    assert applied(both, q) == pytest.approx(applied(second, applied(first, q)), rel=1e-12, abs=1e-12)


def test_then_is_associative_and_the_identity_is_neutral():
    a, b, c = (random_map(seed) for seed in range(3))
    left, right = a.then(b).then(c), a.then(b.then(c))
    assert left.matrix == pytest.approx(right.matrix, rel=1e-12, abs=1e-12)
    assert left.offset == pytest.approx(right.offset, rel=1e-12, abs=1e-12)
    nothing = cv.LinearMap(maps.IDENTITY, np.zeros(6))
    for same in (a.then(nothing), nothing.then(a)):
        assert np.array_equal(same.matrix, a.matrix)
        assert np.array_equal(same.offset, a.offset)


def test_then_broadcasts_batches():
    a, b = random_map(1, (3, 1)), random_map(2, (2,))
    both = a.then(b)
    assert both.matrix.shape == (3, 2, 6, 6)
    for i in range(3):
        for j in range(2):
            single = cv.LinearMap(a.matrix[i, 0], a.offset[i, 0]).then(cv.LinearMap(b.matrix[j], b.offset[j]))
            assert both.matrix[i, j] == pytest.approx(single.matrix, rel=1e-12, abs=1e-14)
            assert both.offset[i, j] == pytest.approx(single.offset, rel=1e-12, abs=1e-14)


def test_then_brings_plain_numbers_to_the_other_library(backend, array, to_numpy):
    a, b = random_map(1), random_map(2)
    there = cv.LinearMap(*(array(part, backend) for part in b))
    both = a.then(there)
    assert type(both.matrix) is type(there.matrix)
    assert to_numpy(both.matrix) == pytest.approx(a.then(b).matrix, rel=1e-13, abs=1e-13)
    assert to_numpy(there.then(a).offset) == pytest.approx(b.then(a).offset, rel=1e-13, abs=1e-13)


def unit_determinant(a, b, c):
    """A 2 x 2 matrix of determinant one."""
    return (np.array([[1, a], [0, 1]]) @ np.array([[1, 0], [b, 1]]) @ np.array([[1, c], [0, 1]])).tolist()


@given(*[numbers] * 9, st.lists(numbers, min_size=4, max_size=4), numbers, numbers)
def test_from_blocks_is_symplectic(a, b, c, d, e, f, g, h, i, dispersion, r56, extra):
    m = cv.LinearMap.from_blocks(
        x=unit_determinant(a, b, c),
        y=unit_determinant(d, e, f),
        z=[[1.0, r56], [0.0, 1.0]],
        dispersion=dispersion,
    ).matrix
    # entries go up to some hundred, so that their products do to 1e5 and round at 1e-11
    assert np.abs(m.T @ S @ m - S).max() < 1e-14 * max(1.0, np.abs(m).max() ** 2)


def test_from_blocks_puts_the_blocks_in_their_place():
    m = cv.LinearMap.from_blocks(
        x=[[1, 2], [3, 7]], y=[[5, 2], [2, 1]], z=[[1, 6], [0, 1]], dispersion=(0.5, 0.25, 0.125, 2.0), offset=range(6)
    )
    assert m.matrix[:2, :2].tolist() == [[1, 2], [3, 7]]
    assert m.matrix[2:4, 2:4].tolist() == [[5, 2], [2, 1]]
    assert m.matrix[4:, 4:].tolist() == [[1, 6], [0, 1]]
    assert m.matrix[:4, 5].tolist() == [0.5, 0.25, 0.125, 2.0]
    assert m.matrix[:4, 4].tolist() == [0.0] * 4
    assert np.array_equal(m.offset, np.arange(6.0))
    # of the fifth row, the symplectic condition: -dispersion^T S block, written out by hand
    assert m.matrix[4, :4].tolist() == [3 * 0.5 - 1 * 0.25, 7 * 0.5 - 2 * 0.25, 2 * 0.125 - 5 * 2.0, 1 * 0.125 - 2 * 2.0]


def test_without_blocks_it_is_the_identity():
    m = cv.LinearMap.from_blocks()
    assert np.array_equal(m.matrix, np.eye(6))
    assert np.array_equal(m.offset, np.zeros(6))


def test_from_blocks_takes_batches_beside_numbers(backend, array, to_numpy):
    k = array([0.5, 1.5, 2.5], backend)
    m = cv.LinearMap.from_blocks(x=[[1, 0], [-1 * k, 1]], y=[[1, 0], [k, 1]])
    assert type(m.matrix) is type(k)
    assert tuple(m.matrix.shape) == (3, 6, 6)
    for i, value in enumerate((0.5, 1.5, 2.5)):
        single = cv.LinearMap.from_blocks(x=[[1, 0], [-value, 1]], y=[[1, 0], [value, 1]])
        assert np.array_equal(to_numpy(m.matrix)[i], single.matrix)


def test_apply_to_a_vector_and_to_particles(backend, array, to_numpy):
    m = random_map(3)
    q = np.random.default_rng(4).standard_normal((6, 5))
    expected = applied(m, q)
    there = cv.LinearMap(*(array(part, backend) for part in m))
    assert to_numpy(maps.apply(there, array(q.T, backend))) == pytest.approx(expected.T, rel=1e-13, abs=1e-13)
    tracked = maps.track(maps.constants(m), Coordinates(*(array(row, backend) for row in q)), None)
    assert to_numpy(tracked) == pytest.approx(expected, rel=1e-13, abs=1e-13)


def test_entries_of_batches_have_an_axis_for_the_particles():
    m = random_map(3, (2,))
    q = np.random.default_rng(4).standard_normal((2, 6, 5))
    c = maps.constants(m)
    assert c.r00.shape == (2, 1)
    tracked = np.stack(maps.track(c, Coordinates(*np.moveaxis(q, 1, 0)), None), axis=1)
    assert tracked == pytest.approx(applied(m, q), rel=1e-13, abs=1e-13)


def test_entries_of_one_map_are_plain_numbers():
    assert {type(value) for value in maps.constants(random_map(3))} == {float}
