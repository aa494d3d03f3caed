"""The linear method is the derivative of the particle routine, and the kinds' own matrices are that, too."""

import numpy as np
import pytest
import torch

import caraval as cv
from caraval.core.registry import registry
from caraval.physics import misalignment

from ..cases import ELEMENTS, REFERENCES, methods

WITH_OWN_MATRIX = [
    name
    for name, element in ELEMENTS.items()
    if (type(element), "linear") in registry().methods and element.is_plain() and misalignment.frame(element) is None
]


def jacobian_by_torch(element: cv.Element, reference: cv.Reference) -> tuple[np.ndarray, np.ndarray]:
    """Derivative on the reference orbit by PyTorch's automatic differentiation of the tracking, and the orbit's end."""
    lattice = cv.Lattice([element.replace(x_limit=0.0, y_limit=0.0, tracking_method="bmad_standard")])

    def track(start: torch.Tensor) -> torch.Tensor:
        beam = cv.ParticleBeam(*start[:, None].unbind(0), reference=reference)
        return torch.stack(lattice.track(beam).coordinates)[:, 0]

    start = torch.zeros(6, dtype=torch.float64)
    return torch.autograd.functional.jacobian(track, start).numpy(), track(start).numpy()


@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
@pytest.mark.parametrize("name", ELEMENTS)
def test_linear_is_the_derivative_of_the_element_as_it_stands(name, reference):
    reference = REFERENCES[reference]
    element = ELEMENTS[name].replace(tracking_method="linear")
    found = cv.Lattice([element]).transfer_map(reference)
    matrix, offset = jacobian_by_torch(element, reference)
    np.testing.assert_allclose(found.matrix, matrix, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(found.offset, offset, rtol=1e-12, atol=1e-17)


@pytest.mark.parametrize("name", WITH_OWN_MATRIX)
def test_a_kinds_own_matrix_is_the_derivative_of_its_routine(name):
    reference = REFERENCES["electron_10MeV"]
    routine = cv.Lattice([ELEMENTS[name].replace(tracking_method="bmad_standard")]).transfer_matrix(reference)
    own = cv.Lattice([ELEMENTS[name].replace(tracking_method="linear")]).transfer_matrix(reference)
    np.testing.assert_allclose(own, routine, rtol=1e-14, atol=2e-15)


def test_there_are_kinds_with_a_matrix_of_their_own():
    assert {"drift", "quadrupole", "sbend", "sbend_plain", "rbend", "marker"} <= set(WITH_OWN_MATRIX)


@pytest.mark.parametrize("name", ["quadrupole", "sbend", "kicker", "lcavity", "quadrupole_misaligned"])
def test_particles_go_through_the_matrix(name):
    reference = REFERENCES["electron_100MeV"]
    lattice = cv.Lattice([ELEMENTS[name].replace(tracking_method="linear")])
    found = lattice.transfer_map(reference)
    q = np.random.default_rng(1).normal(size=(6, 10)) * 1e-3
    out = np.array(lattice.track(cv.ParticleBeam(*q, reference=reference)).coordinates)
    np.testing.assert_allclose(out, found.matrix @ q + found.offset[:, None], rtol=1e-14, atol=1e-18)


def test_matrix_of_a_line_is_the_product_of_its_elements():
    reference = REFERENCES["electron_100MeV"]
    lattice = cv.Lattice([ELEMENTS[n] for n in ("drift", "quadrupole", "sbend_plain", "lcavity_traveling", "quadrupole")])
    straight = lattice.with_tracking("linear")
    product = np.eye(6)
    at = reference
    for element in straight:
        product = cv.Lattice([element]).transfer_matrix(at) @ product
        at = cv.Lattice([element]).track(cv.ParticleBeam(x=[0.0], reference=at)).reference
    np.testing.assert_allclose(straight.transfer_matrix(reference), product, rtol=1e-14, atol=1e-15)


def test_every_kind_can_be_tracked_linearly():
    assert [name for name, element in ELEMENTS.items() if "linear" not in methods(element)] == []
