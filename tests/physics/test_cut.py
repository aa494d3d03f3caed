"""Slices of an element do together what the whole does."""

from itertools import pairwise

import numpy as np
import pytest

import caraval as cv

from ..cases import ELEMENTS, REFERENCES, beam

CLOSED_FORM = [
    "drift", "pipe", "quadrupole", "quadrupole_shifted", "quadrupole_misaligned", "quadrupole_edges", "sbend", "sbend_plain",
    "sbend_misaligned", "sbend_vertical", "sbend_exact_edges", "sbend_linear_edges", "sbend_half_turn", "rbend", "solenoid",
    "instrument", "sol_quad", "sol_quad_misaligned", "elseparator", "elseparator_field",
]  # fmt: skip


def sliced(element: cv.Element, edges: list[float]) -> cv.Lattice:
    places = [0.0, *(e * element.length for e in edges), element.length]
    return cv.Lattice([element.cut(a, b) for a, b in pairwise(places)])


@pytest.mark.parametrize("name", CLOSED_FORM)
@pytest.mark.parametrize("reference", ["electron_10MeV", "proton_1GeV"])
def test_slices_track_as_the_whole(name, reference):
    incoming = beam(REFERENCES[reference])
    element = ELEMENTS[name]
    whole = cv.Lattice([element]).track(incoming)
    pieces = sliced(element, [0.2, 0.5, 0.9]).track(incoming)
    np.testing.assert_allclose(np.array(pieces.coordinates), np.array(whole.coordinates), rtol=0, atol=2e-15)
    assert pieces.s == pytest.approx(whole.s, rel=1e-15)
    assert pieces.t == pytest.approx(whole.t, rel=1e-14)


@pytest.mark.parametrize("name", CLOSED_FORM)
@pytest.mark.parametrize("number", [2, 7, 60])
def test_any_number_of_slices_track_as_the_whole(name, number):
    incoming = beam(REFERENCES["electron_10MeV"])
    element = ELEMENTS[name]
    whole = cv.Lattice([element]).track(incoming)
    pieces = sliced(element, [i / number for i in range(1, number)]).track(incoming)
    # rounding of 4e-19 to 4e-18 in each slice, and orbits of a few centimetres in a misaligned half turn
    np.testing.assert_allclose(np.array(pieces.coordinates), np.array(whole.coordinates), rtol=0, atol=1e-15 + 1e-16 * number)


ON_AXIS = [
    "drift", "pipe", "instrument", "quadrupole", "quadrupole_edges", "sbend", "sbend_plain", "sbend_vertical",
    "sbend_exact_edges", "sbend_linear_edges", "rbend",
]  # fmt: skip
"""Where the reference stays on the axis inside, about which the maps of slices are made."""


@pytest.mark.parametrize("method", ["linear", "second_order"])
@pytest.mark.parametrize("name", ON_AXIS)
@pytest.mark.parametrize("number", [2, 5])
def test_slices_have_the_maps_of_the_whole(name, method, number):
    reference = REFERENCES["electron_10MeV"]
    element = ELEMENTS[name].replace(tracking_method=method)
    whole = cv.Lattice([element]).transfer_map(reference, order=2)
    pieces = sliced(element, [i / number for i in range(1, number)]).transfer_map(reference, order=2)
    np.testing.assert_allclose(pieces.matrix, whole.matrix, rtol=0, atol=1e-14)
    np.testing.assert_allclose(pieces.quadratic, whole.quadratic, rtol=0, atol=1e-14 * max(1.0, np.abs(whole.quadratic).max()))
    assert (np.abs(whole.quadratic).max() > 0.01) == (method == "second_order")


@pytest.mark.parametrize("name", CLOSED_FORM)
def test_slices_expand_as_the_whole_about_the_orbit(name):
    """Misaligned or not: of the particle routines, whose derivatives follow the orbit from slice to slice."""
    reference = REFERENCES["electron_10MeV"]
    whole = cv.Lattice([ELEMENTS[name]]).transfer_map(reference, order=2)
    pieces = sliced(ELEMENTS[name], [0.2, 0.5, 0.9]).transfer_map(reference, order=2)
    for found, truth in zip(pieces, whole, strict=True):
        np.testing.assert_allclose(found, truth, rtol=0, atol=1e-14 * max(1.0, np.abs(truth).max()))


@pytest.mark.parametrize("name", ["sextupole", "kicker", "quadrupole_kicks", "sbend_kicks", "hkicker"])
def test_slices_of_a_stepped_element_converge_to_the_same_solution(name):
    fine = cv.BmadStandard(num_steps=200)
    element = ELEMENTS[name].replace(tracking_method=fine)
    incoming = beam(scale=0.3)
    whole = cv.Lattice([element]).track(incoming)
    pieces = sliced(element, [0.3]).track(incoming)
    # both have an error of second order in the step, (1/200)^2 of the kick
    np.testing.assert_allclose(np.array(pieces.coordinates), np.array(whole.coordinates), rtol=0, atol=2e-8)


def test_a_slice_keeps_edges_and_aperture_only_at_true_ends():
    bend = cv.SBend(length=1.0, angle=0.1, e1=0.1, e2=0.2, x_limit=1e-2, aperture_at="both_ends", name="b")
    first, middle, last = bend.cut(0.0, 0.3), bend.cut(0.3, 0.6), bend.cut(0.6, 1.0)
    assert (first.fringe_at, middle.fringe_at, last.fringe_at) == ("entrance_end", "no_end", "exit_end")
    assert (first.aperture_at, middle.aperture_at, last.aperture_at) == ("entrance_end", "no_aperture", "exit_end")
    assert first.angle == pytest.approx(0.03)
    assert bend.cut(0.0, 1.0).replace(slice_start=None, slice_of=None) == bend


def test_a_slice_of_a_slice_is_a_slice_of_the_whole():
    quadrupole = ELEMENTS["quadrupole_misaligned"]
    once = quadrupole.cut(0.1, 0.2)
    twice = quadrupole.cut(0.05, 0.3).cut(0.05, 0.15)
    assert twice.slice_start == pytest.approx(once.slice_start)
    assert twice.slice_of == once.slice_of == 0.5


@pytest.mark.parametrize(("start", "end"), [(-0.1, 0.2), (0.2, 0.1), (0.1, 0.1), (0.2, 0.6)])
def test_a_cut_outside_is_refused(start, end):
    with pytest.raises(cv.InputError, match="cannot cut"):
        ELEMENTS["quadrupole"].cut(start, end)
