from __future__ import annotations

import dataclasses
import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import caraval as cv
from caraval.core.errors import InputError, UnknownNameError


class Ring(cv.Element):
    """A kind with a required shape of fields: parameters, an optional one, an option."""

    strength: cv.Parameter = 0.0
    share: cv.Parameter = 2.0
    field: cv.Parameter | None = None
    turns: int = 1

    extensive = ("share",)


# -------------------------------------------------------------------- what a class declares


def test_a_subclass_is_a_dataclass_of_its_parameters_and_options():
    schema = Ring.schema()
    assert {"strength", "share", "field", "length", "x_offset"} <= set(schema.parameters)
    assert "turns" in schema.options
    assert "name" in schema.options
    assert [Ring(**{name: None}).parameters[name] for name in ("field", "slice_start")] == [None, None]
    assert {f.name for f in dataclasses.fields(Ring)} == {*schema.parameters, *schema.options}


def test_kind_is_the_name_of_the_class():
    assert Ring().kind == "Ring"
    assert cv.Quadrupole(name="q1").kind == "Quadrupole"


def test_defaults_are_those_declared():
    ring = Ring()
    assert (ring.name, ring.length, ring.strength, ring.share, ring.field, ring.turns) == ("", 0.0, 0.0, 2.0, None, 1)


def test_a_parameter_without_default_is_refused():
    class Bad(cv.Element):
        strength: cv.Parameter

    with pytest.raises(InputError, match=r"Bad\.strength needs a default"):
        Bad()


# -------------------------------------------------------------------- immutable


def test_elements_cannot_be_changed():
    quadrupole = cv.Quadrupole(k1=1.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        quadrupole.k1 = 2.0
    with pytest.raises(dataclasses.FrozenInstanceError):
        del quadrupole.k1
    assert quadrupole.k1 == 1.0


def test_replace_returns_a_new_element():
    old = cv.Quadrupole(name="q1", length=0.2, k1=1.0)
    new = old.replace(k1=2.0, tilt=0.1)
    assert (old.k1, old.tilt) == (1.0, 0.0)
    assert (new.k1, new.tilt, new.name, new.length) == (2.0, 0.1, "q1", 0.2)
    assert type(new) is cv.Quadrupole


def test_elements_do_not_share_their_metadata():
    first, second = Ring(name="a"), Ring(name="b")
    first.metadata["alias"] = "only the first"
    assert second.metadata == {}
    assert Ring().metadata == {}


def test_equal_elements_are_equal_and_hash_alike():
    a, b = cv.Quadrupole(name="q", k1=1.0), cv.Quadrupole(name="q", k1=1)
    assert a == b
    assert hash(a) == hash(b)
    assert a != a.replace(k1=1.1)
    assert a != a.replace(name="p")
    assert cv.Drift(length=1.0) != cv.Pipe(length=1.0)


def test_equality_compares_arrays_by_value(backend, array):
    make = lambda values: cv.Quadrupole(k1=array(values, backend))  # noqa: E731
    assert make([1.0, 2.0]) == make([1.0, 2.0])
    assert make([1.0, 2.0]) != make([1.0, 2.5])
    assert make([1.0, 2.0]) != make([1.0, 2.0, 3.0])
    assert make([1.0]) != cv.Quadrupole(k1=1.0)


def test_repr_shows_what_is_not_default_and_evaluates_to_the_element():
    element = cv.Quadrupole(name="q1", length=0.2, k1=1.3, tracking_method="linear", aperture_at="both_ends")
    assert repr(element) == "Quadrupole(name='q1', length=0.2, tracking_method='linear', aperture_at='both_ends', k1=1.3)"
    assert eval(repr(element), {"Quadrupole": cv.Quadrupole}) == element


# -------------------------------------------------------------------- values


@pytest.mark.parametrize("value", [1, 1.0, np.float64(1), np.float32(1), np.int64(1)])
def test_numbers_become_floats(value):
    k1 = cv.Quadrupole(k1=value).k1
    assert type(k1) is float
    assert k1 == 1.0


def test_lists_become_arrays_and_integer_arrays_real():
    assert np.array_equal(cv.Quadrupole(k1=[1, 2]).k1, [1.0, 2.0])
    assert cv.Quadrupole(k1=np.array([1, 2])).k1.dtype == np.float64
    assert cv.Quadrupole(k1=np.array([1, 2], dtype="float32")).k1.dtype == np.float32


def test_arrays_are_taken_as_they_are(backend, array):
    """But NumPy's, which others could change later, as a copy."""
    values = array([1.0, 2.0], backend)
    taken = cv.Quadrupole(k1=values).k1
    if backend == "numpy":
        values[0] = 7.0
        assert taken.tolist() == [1.0, 2.0]
    else:
        assert taken is values


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, np.float32("nan")])
def test_numbers_that_are_not_finite_are_refused(value):
    with pytest.raises(InputError, match=r"Quadrupole 'q1': k1 must be finite"):
        cv.Quadrupole(name="q1", k1=value)


def test_arrays_that_are_not_finite_are_refused(backend, array, make_beam):
    """Of NumPy at once; of others, whose values may be far away or traced, when a beam is tracked."""
    values = array([1.0, math.nan, math.inf], backend)
    with pytest.raises(InputError, match=r"Quadrupole 'q1': k1 must be finite; 2 of its values are not"):
        cv.Lattice([cv.Quadrupole(name="q1", k1=values)]).track(make_beam(backend))
    with pytest.raises(InputError, match=r"Quadrupole 'q1': k1 must be finite; 2 of its values are not"):
        cv.Quadrupole(name="q1", k1=[1.0, math.nan, math.inf])


NO_NUMBERS = [
    "1.3", None, True, 1j, np.complex128(1 + 1j), {"k1": 1}, object(), ["a"], np.array(["a"]), np.array([1j]), np.array([True]),
]  # fmt: skip


@pytest.mark.parametrize("value", NO_NUMBERS)
def test_what_is_no_number_is_refused(value):
    with pytest.raises(InputError, match="k1 must"):
        cv.Quadrupole(name="q1", k1=value)


def test_optional_parameters_may_be_absent():
    assert cv.Quadrupole(b1_gradient=None).b1_gradient is None
    assert cv.Quadrupole(b1_gradient=2).b1_gradient == 2.0


def test_unknown_parameters_come_with_a_suggestion():
    with pytest.raises(UnknownNameError, match=r"Quadrupole 'q1' has no parameter 'k_1'; did you mean 'k1'\?"):
        cv.Quadrupole(name="q1", k_1=1.0)
    with pytest.raises(UnknownNameError, match=r"Quadrupole 'q1' has no parameter 'lenght'; did you mean 'length'\?"):
        cv.Quadrupole(name="q1").replace(lenght=1.0)


def test_choices_are_checked_whatever_the_case_of_their_letters():
    assert cv.Drift(aperture_type="Elliptical ").aperture_type == "elliptical"
    with pytest.raises(InputError, match=r"Drift 'd': aperture_at must be one of .*'exit_end'.* did you mean 'exit_end'"):
        cv.Drift(name="d", aperture_at="exit")
    with pytest.raises(InputError, match="is_on must be one of True, False"):
        cv.Drift(is_on=1)


def test_a_tracking_method_may_be_a_name_or_an_object():
    assert cv.Quadrupole(tracking_method="kick_drift_kick").tracking_method == cv.KickDriftKick()
    assert cv.Quadrupole(tracking_method=cv.KickDriftKick(order=4)).tracking_method.order == 4
    assert cv.Quadrupole().tracking_method is None
    with pytest.raises(InputError, match="tracking method is a name or an object"):
        cv.Quadrupole(tracking_method=4)


# -------------------------------------------------------------------- shorthands


def test_shorthands_set_the_fields_that_they_stand_for():
    element = cv.Drift(x_limit=1e-3, y_limit=[1e-3, 2e-3])
    assert (element.x1_limit, element.x2_limit) == (1e-3, 1e-3)
    assert np.array_equal(element.y1_limit, [1e-3, 2e-3])
    assert element.replace(x_limit=2e-3).x2_limit == 2e-3
    assert cv.SBend(length=2.0, g=0.1).angle == pytest.approx(0.2, rel=1e-15)
    assert cv.SBend(length=2.0, rho=10.0).angle == pytest.approx(0.2, rel=1e-15)


def test_a_shorthand_uses_the_values_that_stay():
    assert cv.SBend(length=2.0, angle=0.3).replace(g=0.1).angle == pytest.approx(0.2, rel=1e-15)


def test_the_same_said_twice_is_refused():
    with pytest.raises(InputError, match="x_limit and x1_limit say the same; give one"):
        cv.Drift(x_limit=1e-3, x1_limit=1e-3)


def test_values_of_shorthands_are_checked():
    with pytest.raises(InputError, match="must be finite"):
        cv.Drift(x_limit=math.nan)


# -------------------------------------------------------------------- slices


def test_a_slice_has_its_share_and_knows_its_place():
    whole = Ring(name="r", length=2.0, share=6.0, strength=1.0, aperture_at="both_ends", x_limit=1e-3)
    first, middle, last = whole.cut(0.0, 0.5), whole.cut(0.5, 1.5), whole.cut(1.5, 2.0)
    assert [piece.length for piece in (first, middle, last)] == [0.5, 1.0, 0.5]
    assert [piece.share for piece in (first, middle, last)] == pytest.approx([1.5, 3.0, 1.5], rel=1e-15)
    assert {piece.strength for piece in (first, middle, last)} == {1.0}
    assert [piece.slice_start for piece in (first, middle, last)] == [0.0, 0.5, 1.5]
    assert {piece.slice_of for piece in (first, middle, last)} == {2.0}
    assert [piece.aperture_at for piece in (first, middle, last)] == ["entrance_end", "no_aperture", "exit_end"]


def test_a_slice_of_a_slice_still_knows_the_whole():
    piece = Ring(length=2.0).cut(0.5, 1.5).cut(0.25, 0.5)
    assert (piece.slice_start, piece.slice_of, piece.length) == (0.75, 2.0, 0.25)


def test_the_whole_cut_once_keeps_its_ends():
    whole = cv.Drift(length=2.0, aperture_at="both_ends", x_limit=1e-3)
    assert whole.cut(0.0, 2.0).aperture_at == "both_ends"


@pytest.mark.parametrize(("start", "end"), [(-0.1, 1.0), (0.0, 2.1), (1.0, 1.0), (1.5, 1.0)])
def test_impossible_cuts_are_refused(start, end):
    with pytest.raises(InputError, match=r"Ring 'r': cannot cut from .* out of 2.0 m"):
        Ring(name="r", length=2.0).cut(start, end)


@given(st.floats(0.05, 1.9), st.floats(0.05, 1.9))
def test_slices_add_up(a, b):
    start, end = sorted((a, b))
    edges = [0.0, start, end, 2.0] if start < end else [0.0, start, 2.0]
    whole = Ring(length=2.0, share=6.0)
    pieces = [whole.cut(*pair) for pair in pairwise(edges)]
    assert sum(piece.length for piece in pieces) == pytest.approx(2.0, rel=1e-15)
    assert sum(piece.share for piece in pieces) == pytest.approx(6.0, rel=1e-14)
