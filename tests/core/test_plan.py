from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pytest

import caraval as cv
from caraval.core import plan as planning
from caraval.core import resolve
from caraval.core.errors import InputError, MethodError
from caraval.core.plan import LookStage, MapStage, StepStage
from caraval.core.registry import registry
from caraval.core.routine import UnknownValueError

REFERENCE = cv.Reference("electron", p0c=1e8)


def stages(elements, looks=None):
    """Build a plan and return its stages in short: runs of maps by their elements, steps, looks."""
    short = []
    for stage in planning.build(registry(), elements, looks=looks).stages:
        if isinstance(stage, MapStage):
            short.append(("map", [i for i, _ in stage.parts]))
        elif isinstance(stage, LookStage):
            short.append(("look", stage.element))
        else:
            kind = "step" if stage.step.routines else "test"
            short.append((kind, stage.element))
    return short


def linear(kind=cv.Quadrupole, **values):
    return kind(length=0.1, tracking_method="linear", **values)


# -------------------------------------------------------------------- linear runs


def test_a_run_of_linear_elements_is_one_stage():
    assert stages([linear(k1=1.0), linear(cv.Drift), linear(k1=-1.0)]) == [("map", [0, 1, 2])]


def test_a_particle_step_ends_the_run():
    assert stages([linear(), cv.Quadrupole(length=0.1, k1=1.0), linear(), linear()]) == [
        ("map", [0]),
        ("step", 1),
        ("map", [2, 3]),
    ]


def test_an_aperture_ends_the_run():
    exit = [linear(), linear(x_limit=1e-3), linear()]
    assert stages(exit) == [("map", [0, 1]), ("test", 1), ("map", [2])]
    entrance = [linear(), linear(x_limit=1e-3, aperture_at="entrance_end"), linear()]
    assert stages(entrance) == [("map", [0]), ("test", 1), ("map", [1, 2])]
    both = [linear(), linear(x_limit=1e-3, aperture_at="both_ends"), linear()]
    assert stages(both) == [("map", [0]), ("test", 1), ("map", [1]), ("test", 1), ("map", [2])]


def test_an_aperture_that_is_nowhere_does_not():
    assert stages([linear(), linear(x_limit=1e-3, aperture_at="no_aperture"), linear()]) == [("map", [0, 1, 2])]


def test_a_look_ends_the_run():
    assert stages([linear()] * 3, looks=[False, True, False]) == [("map", [0, 1]), ("look", 1), ("map", [2])]
    assert stages([linear()] * 2, looks=[True, True]) == [("map", [0]), ("look", 0), ("map", [1]), ("look", 1)]


def test_markers_leave_no_trace():
    assert stages([linear(), cv.Marker(), linear()]) == [("map", [0, 2])]


def test_misaligned_linear_elements_are_maps_too():
    assert stages([linear(k1=1.0, x_offset=1e-3), linear(k1=1.0, x_pitch=1e-3), linear(cv.Sextupole, k2=1.0, tilt=0.1)]) == [
        ("map", [0, 1, 2])
    ]


def test_a_merged_run_is_its_elements_one_after_the_other(make_beam):
    elements = [
        linear(k1=1.0, x_offset=1e-3), linear(cv.Drift), linear(cv.SBend, angle=0.1, e1=0.05),
        linear(cv.Sextupole, k2=30.0, y_offset=2e-3),
    ]  # fmt: skip
    beam = make_beam(n=20)
    merged = cv.Lattice(elements).track(beam)
    one_by_one = beam
    for element in elements:
        one_by_one = cv.Lattice([element]).track(one_by_one)
    assert np.stack(merged.coordinates) == pytest.approx(np.stack(one_by_one.coordinates), rel=1e-12, abs=1e-17)


# -------------------------------------------------------------------- steps


class Comb(cv.Element):
    """Many equal kicks, to count what is prepared."""

    kick: cv.Parameter = 0.0
    teeth: int = 5


class CombConstants(NamedTuple):
    kick: float


@pytest.fixture
def prepared(plugin):
    """Return the list of elements that were prepared, with the kind `Comb` registered."""
    calls: list[str] = []

    def prepare(element, reference_in, reference_out, xp):
        calls.append(element.name)
        return CombConstants(element.kick / element.teeth)

    def track(c, q, xp):
        return q._replace(px=q.px + c.kick)

    tooth = cv.Routine(track=track, prepare=prepare)

    def steps(element, method, count):
        step = cv.Step((tooth,))
        return (step,) * count

    comb = cv.Composite(steps, count=lambda element, method, reference: element.teeth)
    plugin("combs", register_tracking_methods=lambda: {(Comb, "comb"): comb, (Comb, "tooth"): tooth})
    return calls


def test_a_repeated_step_is_prepared_once(prepared):
    lattice = cv.Lattice([Comb(name="a", kick=1e-3), Comb(name="b", kick=1e-3, teeth=3)])
    out = lattice.track(cv.ParticleBeam(x=[0.0], reference=REFERENCE))
    assert prepared == ["a", "b"]
    assert out.px[0] == pytest.approx(2e-3, rel=1e-15)
    assert len(planning.build(registry(), lattice.elements, counts=lattice.planner.counts()).stages) == 8


def test_plain_numbers_are_prepared_once_for_all_calls(prepared):
    lattice = cv.Lattice([Comb(name="a", kick=1e-3)])
    for seed in range(3):
        lattice.track(cv.ParticleBeam(x=[float(seed)], reference=REFERENCE))
    assert prepared == ["a"]
    lattice.track(cv.ParticleBeam(x=[0.0], p0c=2e8))
    assert prepared == ["a", "a"]


def test_arrays_are_prepared_in_every_call(prepared):
    """They may be changed in between, or hold a tape."""
    torch = pytest.importorskip("torch")
    kick = torch.tensor(1e-3, dtype=torch.float64, requires_grad=True)
    lattice = cv.Lattice([Comb(kick=kick, tracking_method="tooth")])
    beam = cv.ParticleBeam(x=torch.zeros(1, dtype=torch.float64), reference=REFERENCE)
    for _ in range(2):
        kick.grad = None
        lattice.track(beam).px.sum().backward()
        assert kick.grad == pytest.approx(0.2, rel=1e-15)


def test_linear_follows_from_a_particle_method(prepared):
    lattice = cv.Lattice([Comb(kick=1e-3, tracking_method="linear"), linear()])
    assert stages(lattice.elements) == [("map", [0, 1])]
    m = cv.Lattice([Comb(name="a", kick=1e-3, tracking_method="linear")]).transfer_map(REFERENCE)
    assert prepared == ["a"]
    assert np.array_equal(m.matrix, np.eye(6))
    assert m.offset[1] == pytest.approx(1e-3, rel=1e-15)


def test_every_element_ends_with_a_test_for_nonsense():
    plan = planning.build(registry(), [cv.Drift(length=1.0), cv.Quadrupole(length=1.0, k1=1.0)])
    assert all(stage.step.check is not None for stage in plan.stages)


# -------------------------------------------------------------------- how many steps


class Hidden(cv.Element):
    """A kind whose number of steps follows from a parameter."""

    strength: cv.Parameter = 0.0


@pytest.fixture
def hidden(plugin):
    """Register `Hidden`, which takes as many steps as its strength says."""
    from caraval.physics.shared.steps import number

    def count(element, method, reference):
        return int(number(element.strength))

    def steps(element, method, count):
        return (cv.Step((cv.Routine(track=lambda c, q, xp: q._replace(z=q.z + 1.0), prepare=lambda *_: ()),)),) * count

    plugin("hidden", register_tracking_methods=lambda: {(Hidden, "counted"): cv.Composite(steps, count)})


def test_the_number_of_steps_follows_from_the_numbers(hidden):
    lattice = cv.Lattice([Hidden(strength=3.0), cv.Drift()])
    assert lattice.planner.counts() == (3, 1)
    assert resolve.count(registry(), lattice[0], None) == 3


def test_the_number_of_steps_is_inherited_where_a_trace_hides_it(hidden):
    jax = pytest.importorskip("jax")
    lattice = cv.Lattice([Hidden(name="h", strength=3.0)])
    beam = cv.ParticleBeam(x=jax.numpy.zeros(100), p0c=1e8)

    def tracked(strength, lattice):
        return lattice.replace({"h.strength": strength}).track(beam).z[0]

    assert tracked(4.0, lattice) == 4.0  # known: counted anew
    assert jax.jit(tracked)(4.0, lattice) == 3.0  # hidden: as the lattice that it comes from
    assert jax.jit(lambda whole: whole.track(beam).z[0])(lattice) == 3.0  # of a whole lattice too

    def fresh(strength):
        return cv.Lattice([Hidden(name="h", strength=strength)]).track(beam).z[0]

    with pytest.raises(
        InputError, match=r"Hidden 'h' is divided depends on values that a trace hides; give num_steps .* or start from"
    ):
        jax.jit(fresh)(4.0)


def test_inheriting_goes_on_from_lattice_to_lattice(hidden):
    jax = pytest.importorskip("jax")
    lattice = cv.Lattice([Hidden(name="h", strength=3.0), cv.Drift(name="d")])
    beam = cv.ParticleBeam(x=jax.numpy.zeros(100), p0c=1e8)

    @jax.jit
    def tracked(strength, length):
        return lattice.replace({"h.strength": strength}).replace({"d.length": length}).track(beam).z[0]

    assert tracked(5.0, 1.0) == 3.0


def test_of_a_batch_the_largest_number_of_steps_is_taken(hidden):
    assert cv.Lattice([Hidden(strength=np.array([2.0, 4.0, 1.0]))]).planner.counts() == (4,)


def test_values_are_unknown_in_traces_only():
    jax = pytest.importorskip("jax")
    from caraval.physics.shared.steps import number

    assert number(jax.numpy.asarray([1.0, -3.0])) == -3.0
    with pytest.raises(UnknownValueError):
        jax.jit(lambda v: number(v))(1.0)


# -------------------------------------------------------------------- errors


def test_errors_in_preparing_name_the_element():
    lattice = cv.Lattice([cv.Drift(), cv.LCavity(name="cav", length=1.0, voltage=-2e8, rf_frequency=1e9)])
    with pytest.raises(InputError, match=r"LCavity 'cav': total energy .* is not above the rest energy"):
        lattice.track(cv.ParticleBeam(x=[0.0], p0c=1e8))


def test_a_kind_without_method_says_so(plugin):
    class Bare(cv.Element):
        pass

    plugin("bare", register_elements=lambda: [Bare])
    with pytest.raises(MethodError, match="Bare 'b' has no tracking method; register one for Bare"):
        cv.Lattice([Bare(name="b")]).track(cv.ParticleBeam(x=[0.0], p0c=1e8))


def test_a_plugin_may_wrap_steps(plugin):
    """As collective effects do: something before every quadrupole."""

    def push(c, q, xp):
        return q._replace(z=q.z + 1.0)

    before = cv.Step((cv.Routine(track=push, prepare=lambda *_: ()),))

    def wrap(element, steps):
        return (before, *steps) if element.kind == "Quadrupole" else steps

    beam = cv.ParticleBeam(x=[0.0], p0c=1e8)
    lattice = cv.Lattice([cv.Quadrupole(length=0.1), cv.Drift(length=1.0), cv.Quadrupole(length=0.1)])
    assert lattice.track(beam).z[0] == 0.0
    plugin("pusher", plan_steps=lambda: [wrap])
    assert lattice.track(beam).z[0] == 2.0  # the plan that was kept is not used with another registry
    assert isinstance(planning.build(registry(), lattice.elements).stages[0], StepStage)


@pytest.mark.parametrize("name", ["e", "the", "lens of the last cell"])
def test_errors_name_the_element_even_where_its_name_occurs_in_them(plugin, name):
    def prepare(element, reference_in, reference_out, xp):
        raise cv.InputError("the element is too long")

    plugin("long", register_tracking_methods=lambda: {(Long, "none"): cv.Routine(track=lambda c, q, xp: q, prepare=prepare)})
    with pytest.raises(cv.InputError, match=f"^Long '{name}': the element is too long$"):
        cv.Lattice([Long(name=name)]).track(cv.ParticleBeam(x=[0.0], p0c=1e8))


class Long(cv.Element):
    """An element that cannot be tracked."""
