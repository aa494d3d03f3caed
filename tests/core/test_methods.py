from __future__ import annotations

import dataclasses
from typing import ClassVar

import pytest

import caraval as cv
from caraval.core.errors import InputError
from caraval.core.methods import as_method


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("linear", cv.Linear),
        ("second_order", cv.SecondOrder),
        ("bmad_standard", cv.BmadStandard),
        ("kick_drift_kick", cv.KickDriftKick),
    ],
)
def test_a_name_means_the_method_with_its_defaults(name, cls):
    assert as_method(name) == cls()
    assert as_method(f" {name.upper()} ") == cls()
    assert str(cls()) == name
    assert cls().name == name


def test_a_method_is_taken_as_it_is():
    method = cv.KickDriftKick(order=6)
    assert as_method(method) is method


def test_names_of_plugins_need_no_class():
    method = as_method("neural")
    assert isinstance(method, cv.TrackingMethod)
    assert method == as_method("neural")
    assert method != as_method("other")
    assert str(method) == "neural"
    assert method.options == {}


def test_a_subclass_is_found_by_its_name():
    @dataclasses.dataclass(frozen=True)
    class Leapfrog(cv.TrackingMethod):
        name: ClassVar[str] = "leapfrog_of_this_test"
        steps: int = 3

    assert as_method("leapfrog_of_this_test") == Leapfrog()
    assert as_method("Leapfrog_Of_This_Test").options == {"steps": 3}


def test_options_and_how_they_are_shown():
    method = cv.KickDriftKick(order=4, num_steps=3)
    assert method.options == {"order": 4, "num_steps": 3, "split": "drift", "paraxial": False}
    assert str(method) == "kick_drift_kick(order=4, num_steps=3)"
    assert str(cv.BmadStandard(ds_step=0.1)) == "bmad_standard(ds_step=0.1)"
    assert str(cv.RungeKutta(order=5, num_steps=4)) == "runge_kutta(order=5, num_steps=4)"


@pytest.mark.parametrize("options", [{"order": 4}, {"num_steps": 0}, {"ds_step": 0.0}])
def test_what_no_integrator_can_be(options):
    with pytest.raises(InputError, match=next(iter(options))):
        cv.RungeKutta(**options)


def test_defaults_are_those_of_the_design():
    assert cv.KickDriftKick() == cv.KickDriftKick(order=2, num_steps=10, split="drift")
    assert cv.BmadStandard() == cv.BmadStandard(num_steps=None, ds_step=None)


def test_methods_are_immutable_and_hashable():
    with pytest.raises(dataclasses.FrozenInstanceError):
        cv.KickDriftKick().order = 4
    assert len({cv.KickDriftKick(), cv.KickDriftKick(order=2), cv.KickDriftKick(order=4)}) == 2


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("order", 3),
        ("order", "2"),
        ("num_steps", 0),
        ("num_steps", -1),
        ("num_steps", 2.5),
        ("num_steps", None),
        ("split", "kick"),
    ],
)
def test_impossible_options_of_the_integrator_are_refused(option, value):
    with pytest.raises(InputError, match=option):
        cv.KickDriftKick(**{option: value})


@pytest.mark.parametrize(
    ("option", "value"), [("num_steps", 0), ("num_steps", 1.5), ("ds_step", 0.0), ("ds_step", -0.1), ("ds_step", float("nan"))]
)
def test_impossible_options_of_bmads_methods_are_refused(option, value):
    with pytest.raises(InputError, match=option):
        cv.BmadStandard(**{option: value})


@pytest.mark.parametrize("value", [None, 3, cv.KickDriftKick])
def test_what_is_no_method_is_refused(value):
    with pytest.raises(InputError, match="tracking method is a name or an object"):
        as_method(value)
