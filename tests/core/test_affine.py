"""Chains of small linear maps, all places at once."""

from __future__ import annotations

import numpy as np
import pytest

from caraval.core.affine import chained, folded, image, times

SETTINGS = [(), (2,), (2, 3)]


def numbers(*shape):
    return np.random.default_rng(7).normal(size=shape)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("count", [1, 2, 7, 8])
def test_vectors_go_from_place_to_place(count, settings):
    matrices, drives, vector = numbers(count, 3, 3, *settings), numbers(count, 3, *settings), numbers(3, *settings)
    found = chained(matrices, drives, vector)
    assert found.shape == (count + 1, 3, *settings)
    for i in range(count):
        np.testing.assert_allclose(found[i], vector, rtol=0, atol=1e-10)
        vector = np.einsum("ij...,j...->i...", matrices[i], vector) + drives[i]
    np.testing.assert_allclose(found[count], vector, rtol=0, atol=1e-10)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("lengths", [[1], [5], [1, 1, 1], [3, 1, 8, 2]])
def test_products_of_stretches(lengths, settings):
    matrices = numbers(sum(lengths), 3, 3, *settings)
    ends = np.cumsum(lengths)
    for product, end, length in zip(folded(matrices, lengths), ends, lengths, strict=True):
        expected = matrices[end - length]
        for one in matrices[end - length + 1 : end]:
            expected = np.einsum("ij...,jk...->ik...", one, expected)
        np.testing.assert_allclose(product, expected, rtol=0, atol=1e-10)


def test_images_are_products_of_one_column():
    a, v = numbers(4, 3, 3, 2), numbers(4, 3, 2)
    np.testing.assert_allclose(image(a, v), times(a, v[:, :, None])[:, :, 0], rtol=0, atol=0)
