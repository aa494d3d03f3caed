"""Optics of lines with networks: a network that kicks as a magnet does has the magnet's maps, optics and derivatives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import caraval as cv
from tests.optics import rings

from .networks import number

K1L, K2L = 0.02, 0.8
"""Of the thin magnet [1/m, 1/m^2]."""


def strengths(library: str) -> Any:
    """Return quadrupole and sextupole as an array, which on PyTorch is trained."""
    if library == "torch":
        import torch

        return torch.nn.Parameter(torch.tensor([K1L, K2L], dtype=torch.float64))
    import jax.numpy as jnp

    return jnp.asarray([K1L, K2L])


def kicks(k: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return the kicks of a thin quadrupole and sextupole."""
    return -k[0] * x - k[1] / 2 * (x**2 - y**2), k[0] * y + k[1] * x * y


def network(library: str, **fields: Any) -> cv.NeuralElement:
    """Return a network that is a thin quadrupole and sextupole."""
    if library == "torch":
        import torch

        class Magnet(torch.nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.k = strengths("torch")

            def forward(self, values):
                px, py = kicks(self.k, values[..., 0], values[..., 2])
                zero = torch.zeros_like(px)
                return torch.stack((zero, px, zero, py, zero, zero), -1)

        return cv.NeuralElement(name="nn", module=Magnet(), residual=True, **fields)
    import jax.numpy as jnp

    def magnet(weights, values):
        px, py = kicks(weights["k"], values[0], values[2])
        return jnp.stack((0.0 * px, px, 0.0 * px, py, 0.0 * px, 0.0 * px))

    return cv.NeuralElement(name="nn", module=(magnet, {"k": strengths("jax")}), residual=True, **fields)


def ring(magnet: cv.Element, *, rf: bool = False) -> cv.Lattice:
    """Return a ring of two cells with an orbit off the axis, and one magnet more."""
    cavity = [rings.ring(1, rf=True)["rf"]] if rf else []
    return rings.ring(2).replace(elements=[*rings.cell(), cv.Kicker(name="c", hkick=2e-4, vkick=1e-4), magnet, *cavity])


MAGNET = cv.Multipole(name="m", k1l=K1L, k2l=K2L)


def test_maps_of_second_order(differentiable, to_numpy):
    found = ring(network(differentiable)).transfer_map(order=2)
    expected = ring(MAGNET).transfer_map(order=2)
    for part, known in zip(found, expected, strict=True):
        np.testing.assert_allclose(to_numpy(part), known, rtol=1e-12, atol=1e-12 * np.abs(known).max())


@pytest.mark.parametrize("rf", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_optics(differentiable, rf):
    found, expected = (ring(magnet, rf=rf) for magnet in (network(differentiable), MAGNET))
    dimensions = 6 if rf else 4
    orbit, known = (cv.optics.closed_orbit(lattice, dimensions) for lattice in (found, expected))
    assert max(map(abs, known)) > 1e-4
    np.testing.assert_allclose(list(map(number, orbit)), known, rtol=1e-9, atol=1e-15)
    np.testing.assert_allclose(
        [number(q) for q in cv.optics.tunes(found) if q is not None],
        [q for q in cv.optics.tunes(expected) if q is not None],
        rtol=1e-9,
    )
    table, truth = (cv.optics.twiss(lattice) for lattice in (found, expected))
    for name in ("beta_a", "alpha_b", "phi_a", "eta_x", "x", "c11_mat"):
        column = np.array([number(value) for value in table[name]])
        np.testing.assert_allclose(column, truth[name], rtol=1e-8, atol=1e-11)


@pytest.mark.parametrize("exact", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_chromaticities(differentiable, exact):
    found, expected = (cv.optics.chromaticities(ring(m), exact=exact) for m in (network(differentiable), MAGNET))
    np.testing.assert_allclose(list(map(number, found)), expected, rtol=1e-8)
    without = cv.optics.chromaticities(ring(MAGNET.replace(k2l=0.0)), exact=exact)
    assert abs(expected.a - without.a) > 0.1


def thin(magnet: cv.Element) -> cv.Lattice:
    """Return a cell of thin lenses with an orbit off the axis, and one magnet more."""
    cell = rings.thin_cell()
    return cell.replace(elements=[*cell, cv.Kicker(name="c", hkick=2e-4), magnet])


def of_ring(lattice: cv.Lattice) -> Any:
    """Return a number that depends on the closed orbit, and on maps of first and second order about it."""
    found = cv.optics.chromaticities(lattice, exact=True)
    return found.a + 2 * found.b


def test_derivatives_by_weights(differentiable):
    """Those of the magnet by its strengths, from central differences."""
    if differentiable == "torch":
        element = network("torch")
        of_ring(thin(element)).backward()
        found = element.weights["k"].grad.numpy()
    else:
        import jax

        lattice = thin(network("jax"))
        found = jax.grad(lambda k: of_ring(lattice.replace({"nn.weights": {"k": k}})))(lattice["nn"].weights["k"])
    step = 1e-5
    for value, name in zip(found, ("k1l", "k2l"), strict=True):
        strength = getattr(MAGNET, name)
        up, down = (of_ring(thin(MAGNET.replace(**{name: strength + sign * step}))) for sign in (1, -1))
        assert float(value) == pytest.approx((up - down) / (2 * step), rel=2e-6)


def test_symplectic_networks(differentiable, to_numpy):
    """The same with weights of the library as with those of NumPy, which are plain numbers in maps."""
    weights = {
        "directions": np.eye(6)[[0, 1]],
        "biases": np.array([0.3, 0.0]),
        "amplitudes": np.array([0.02, 0.0]),
        "slopes": np.array([0.05, 0.1]),
    }
    plain = thin(cv.SymplecticNetwork(name="nn", nodes=2, weights=weights))
    trained = plain.to(differentiable)
    assert number(of_ring(trained)) == pytest.approx(of_ring(plain), rel=1e-9)
    np.testing.assert_allclose(
        to_numpy(trained.transfer_map(order=2).quadratic), plain.transfer_map(order=2).quadratic, rtol=1e-10, atol=1e-10
    )


def test_perceptrons_on_numpy():
    """Maps of first order, and optics, are there; derivatives by pz and maps of second order are said to be elsewhere."""
    perceptron = cv.NeuralElement.perceptron((8,), name="nn", residual=True, scale=(1e-3,) * 6, output_scale=(1e-7,) * 6)
    weights = {name: value + 0.1 for name, value in perceptron.weights.items()}
    lattice = ring(perceptron.replace(weights=weights))
    found = cv.optics.tunes(lattice)
    assert abs(found.a - cv.optics.tunes(ring(cv.Marker())).a) > 1e-6
    for name in ("torch", "jax"):
        pytest.importorskip(name)
        assert list(map(number, cv.optics.tunes(lattice.to(name))[:2])) == pytest.approx(list(found[:2]), rel=1e-10)
    assert all(isinstance(value, float) for value in cv.optics.closed_orbit(lattice))
    with pytest.raises(cv.BackendError, match=r"first derivative alone on numpy.*lattice\.to\('torch'\)"):
        lattice.transfer_map(order=2)
    with pytest.raises(cv.BackendError, match="first derivative alone on numpy"):
        cv.optics.chromaticities(lattice, exact=True)


def test_inside_a_trace_no_orbit_is_searched_for():
    jax = pytest.importorskip("jax")
    lattice = ring(network("jax"))
    with pytest.raises(cv.BackendError, match="hide: the lattice has a network"):
        jax.jit(lambda k: cv.optics.tunes(lattice.replace({"nn.weights": {"k": k}})).a)(lattice["nn"].weights["k"])
