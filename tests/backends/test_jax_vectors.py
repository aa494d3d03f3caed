"""Options of JAX's compiler are used only where its functions are right with them."""

import jax.numpy as jnp
import numpy as np

from caraval.backends import jax_vectors


def test_the_inverse_of_the_tangent():
    x = np.concatenate([-np.logspace(10, -10, 41), [0.0], np.logspace(-10, 10, 41)])
    np.testing.assert_allclose(jax_vectors.xp.atan(x), np.arctan(x), rtol=4e-16, atol=0)


def test_what_routines_may_use_is_right_with_wide_registers():
    assert jax_vectors.options() == jax_vectors.WIDE


def test_a_wrong_function_is_noticed(monkeypatch):
    monkeypatch.setattr(jax_vectors.Functions, "atan", staticmethod(lambda x: jnp.arctan(x) * (1 + 1e-13)))
    assert jax_vectors.options.__wrapped__() is None
