from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.constants import elementary_charge

import caraval as cv
from caraval.core.errors import BackendError, InputError, UnknownNameError

NAMES = ("x", "px", "y", "py", "z", "pz")


def values(n=4):
    return {name: np.linspace(-1, 1, n) * 1e-3 * (i + 1) for i, name in enumerate(NAMES)}


# -------------------------------------------------------------------- making


def test_a_beam_holds_what_it_was_given(backend, dtype, array, to_numpy):
    given = {name: array(value, backend, dtype) for name, value in values().items()}
    beam = cv.ParticleBeam(**given, p0c=1e8, species="positron", charge=1e-9, s=2.0, t=1e-9)
    for name, value in given.items():
        assert np.array_equal(to_numpy(getattr(beam, name)), to_numpy(value))
        assert getattr(beam, name).dtype == value.dtype
    assert (beam.backend, len(beam), beam.n, beam.shape) == (backend, 4, 4, ())
    assert str(beam.dtype).endswith(dtype)
    assert (beam.species.name, beam.p0c, beam.s, beam.t) == ("positron", 1e8, 2.0, 1e-9)
    assert to_numpy(beam.alive).tolist() == [True] * 4
    assert to_numpy(beam.lost_s).tolist() == [math.inf] * 4


def test_what_is_left_out_is_zero(backend, array, to_numpy):
    beam = cv.ParticleBeam(x=array([1.0, 2.0, 3.0], backend), p0c=1e8)
    assert to_numpy(beam.coordinates).tolist() == [[1.0, 2.0, 3.0], *[[0.0] * 3] * 5]


def test_numbers_lists_and_integers_become_float64():
    beam = cv.ParticleBeam(x=[1, 2], pz=np.array([3, 4]), p0c=1e8)
    assert beam.x.dtype == beam.pz.dtype == np.float64
    assert len(cv.ParticleBeam(x=1e-3, p0c=1e8)) == 1


def test_leading_axes_broadcast():
    beam = cv.ParticleBeam(x=np.zeros((3, 1, 5)), y=np.ones((2, 5)), p0c=1e8)
    assert beam.shape == (3, 2)
    assert beam.x.shape == beam.z.shape == beam.alive.shape == beam.charge.shape == (3, 2, 5)


def test_one_of_momentum_and_energy():
    assert cv.ParticleBeam(x=[0.0], energy=1e9).reference.energy == pytest.approx(1e9, rel=1e-15)
    for given in ({}, {"p0c": 1e8, "energy": 1e8}):
        with pytest.raises(InputError, match="p0c or its reference energy"):
            cv.ParticleBeam(x=[0.0], **given)
        with pytest.raises(InputError, match="p0c or its reference energy"):
            cv.ParticleBeam.gaussian(10, **given)
        with pytest.raises(InputError, match="p0c or its reference energy"):
            cv.ParticleBeam.from_twiss(10, **given)


def test_a_reference_instead_of_its_parts():
    reference = cv.Reference("proton", p0c=1e9, s=3.0)
    assert cv.ParticleBeam(x=[0.0], reference=reference).reference is reference


@pytest.mark.parametrize("part", [{"p0c": 2e9}, {"energy": 2e9}, {"s": 1.0}, {"species": "electron"}])
def test_a_reference_and_its_parts_contradict(part):
    with pytest.raises(InputError, match="reference"):
        cv.ParticleBeam(x=[0.0], reference=cv.Reference("proton", p0c=1e9), **part)


@pytest.mark.parametrize("energy", [5e5, -1e9, 0.0, math.nan])
def test_energies_below_the_rest_energy_are_refused(energy):
    with pytest.raises(InputError, match="not above the rest energy of the electron"):
        cv.ParticleBeam(x=[0.0], energy=energy)


@pytest.mark.parametrize("p0c", [0.0, -1e8, math.nan, math.inf])
def test_impossible_momenta_are_refused(p0c):
    with pytest.raises(InputError, match="p0c must be"):
        cv.ParticleBeam(x=[0.0], p0c=p0c)


def test_unknown_species_are_refused():
    with pytest.raises(UnknownNameError, match=r"unknown species 'protn'; did you mean 'proton'\?"):
        cv.ParticleBeam(x=[0.0], p0c=1e8, species="protn")


# -------------------------------------------------------------------- charge


def test_a_number_is_the_charge_of_the_bunch(backend, array, to_numpy):
    beam = cv.ParticleBeam(x=array([0.0] * 4, backend), p0c=1e8, charge=1e-9)
    assert to_numpy(beam.charge) == pytest.approx([2.5e-10] * 4, rel=1e-15)
    assert float(beam.total_charge) == pytest.approx(1e-9, rel=1e-15)


def test_an_array_is_the_charge_of_each_particle(backend, array, to_numpy):
    beam = cv.ParticleBeam(x=array([0.0] * 3, backend), p0c=1e8, charge=array([1e-12, 2e-12, 5e-12], backend))
    assert to_numpy(beam.charge).tolist() == [1e-12, 2e-12, 5e-12]
    assert float(beam.total_charge) == pytest.approx(8e-12, rel=1e-15)


def test_without_charge_each_is_one_particle():
    assert cv.ParticleBeam(x=[0.0] * 3, p0c=1e8).charge == pytest.approx([elementary_charge] * 3, rel=1e-15)
    assert cv.ParticleBeam(x=[0.0], p0c=1e9, species="alpha").charge == pytest.approx([2 * elementary_charge], rel=1e-15)


def test_a_batch_of_bunches_has_the_charge_each():
    beam = cv.ParticleBeam(x=np.zeros((2, 4)), p0c=1e8, charge=1e-9)
    assert beam.total_charge == pytest.approx([1e-9, 1e-9], rel=1e-15)


@pytest.mark.parametrize("charge", [-1e-9, 0.0, [1e-12, -1e-12], math.nan, [math.nan, 1e-12], math.inf])
def test_charge_is_positive(charge):
    with pytest.raises(InputError, match="charge"):
        cv.ParticleBeam(x=[0.0, 1.0], p0c=1e8, charge=charge)


# -------------------------------------------------------------------- wrong shapes and values


@pytest.mark.parametrize(
    "wrong",
    [
        {"x": np.zeros(4), "y": np.zeros(5)},
        {"x": np.zeros((2, 4)), "y": np.zeros((3, 4))},
        {"x": np.zeros(4), "y": np.zeros(1)},
        {"x": np.zeros((4, 2)), "y": np.zeros(4)},
        {"x": np.array(1.0)},
    ],
)
def test_coordinates_have_one_shape(wrong):
    with pytest.raises(InputError, match=r"coordinates must have one shape \(\.\.\., n\)"):
        cv.ParticleBeam(**wrong, p0c=1e8)


@pytest.mark.parametrize("field", ["charge", "alive", "lost_s"])
@pytest.mark.parametrize("shape", [(3,), (2, 4), (4, 1)])
def test_what_goes_with_the_coordinates_has_their_shape(field, shape):
    with pytest.raises(InputError, match=f"{field} has shape"):
        cv.ParticleBeam(x=np.zeros(4), p0c=1e8, **{field: np.ones(shape)})


def test_there_are_particles():
    with pytest.raises(InputError, match="at least one particle"):
        cv.ParticleBeam(x=[], p0c=1e8)
    with pytest.raises(InputError, match="at least one coordinate"):
        cv.ParticleBeam(p0c=1e8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_coordinates_are_finite(backend, array, name, bad):
    with pytest.raises(InputError, match=f"{name} must be finite; 1 of 3 values are not"):
        cv.ParticleBeam(**{name: array([0.0, bad, 1.0], backend)}, p0c=1e8)


NO_COORDINATES = ["many", ["a", "b"], {"x": 1}, np.array([1j]), np.array([True, False]), np.zeros(2, dtype="float16")]


@pytest.mark.parametrize("value", NO_COORDINATES)
def test_coordinates_are_real_numbers(value):
    with pytest.raises(InputError):
        cv.ParticleBeam(x=value, p0c=1e8)


def test_mixed_backends_are_refused(array):
    with pytest.raises(BackendError, match="coordinates of different backends: x is numpy, y is torch"):
        cv.ParticleBeam(x=np.zeros(2), y=array([0.0, 0.0], "torch"), p0c=1e8)


@pytest.mark.parametrize("field", ["charge", "alive", "lost_s"])
@pytest.mark.parametrize(("here", "there"), [("numpy", "torch"), ("torch", "jax"), ("jax", "torch")])
def test_mixed_backends_are_refused_beside_the_coordinates(array, field, here, there):
    with pytest.raises(BackendError, match=f"(?s){here}.*{there}|{there}.*{here}"):
        cv.ParticleBeam(x=array([0.0, 0.0], here), p0c=1e8, **{field: array([1.0, 1.0], there)})


def test_values_of_no_backend_are_refused():
    class Foreign:
        shape = (2,)

    with pytest.raises(BackendError, match=r"no backend for values of type .*Foreign; there are numpy"):
        cv.ParticleBeam(x=Foreign(), p0c=1e8)


# -------------------------------------------------------------------- immutable, and changed


def test_beams_cannot_be_changed(make_beam):
    beam = make_beam()
    for name in ("x", "coordinates", "charge", "colour"):
        with pytest.raises(AttributeError):
            setattr(beam, name, 0.0)


def test_replace(make_beam, backend, array, to_numpy):
    old = make_beam(backend, n=3)
    new = old.replace(x=array([1.0, 2.0, 3.0], backend), charge=3e-9, alive=array([1.0, 0.0, 1.0], backend))
    assert to_numpy(new.x).tolist() == [1.0, 2.0, 3.0]
    assert to_numpy(new.charge) == pytest.approx([1e-9] * 3, rel=1e-15)
    assert to_numpy(new.alive).tolist() == [True, False, True]
    assert np.array_equal(to_numpy(new.px), to_numpy(old.px))
    assert to_numpy(old.alive).all()
    assert old.replace(reference=cv.Reference("proton", 1e9)).species.name == "proton"


def test_replace_of_something_unknown(make_beam):
    with pytest.raises(InputError, match="a beam has no colour; it has x, px"):
        make_beam().replace(colour="red")


def test_a_beam_given_with_lost_particles_says_where():
    beam = cv.ParticleBeam(x=[0.0, 1.0], p0c=1e8, alive=[True, False], s=4.0)
    assert beam.lost_s.tolist() == [math.inf, 4.0]


# -------------------------------------------------------------------- to


@pytest.mark.parametrize("there", ["numpy", "torch", "jax", "array_api_strict"])
def test_to_another_backend_and_back(make_beam, backend, there, to_numpy):
    old = make_beam(backend, n=5, charge=1e-9, s=2.0).replace(alive=make_beam(backend, n=5).x > 0)
    new = old.to(backend=there)
    assert new.backend == there
    assert new.reference == old.reference
    for a, b in ((old, new), (old, new.to(backend))):
        for field in ("coordinates", "charge", "alive", "lost_s"):
            assert np.array_equal(to_numpy(getattr(a, field)), to_numpy(getattr(b, field)))
        assert str(b.dtype).endswith("float64")


def test_to_another_precision(make_beam, backend, to_numpy):
    beam = make_beam(backend, n=5)
    single = beam.to(dtype="float32")
    assert single.backend == backend
    assert str(single.dtype).endswith("float32")
    assert str(single.charge.dtype).endswith("float32")
    assert np.array_equal(to_numpy(single.coordinates), to_numpy(beam.coordinates).astype("float32"))
    assert str(beam.to("numpy", dtype="float32").dtype) == "float32"


def test_to_brings_batched_references(array, backend, to_numpy):
    beam = cv.ParticleBeam(x=np.zeros((2, 3)), p0c=np.array([1e8, 2e8])).to(backend)
    assert to_numpy(beam.p0c).tolist() == [1e8, 2e8]
    assert type(beam.p0c) is type(beam.x)


def test_devices_are_honoured(make_beam):
    for backend in ("numpy", "torch", "jax"):
        assert str(make_beam(backend, n=2, device="cpu").device).lower().startswith(("cpu", "tfrtcpu"))
    assert str(make_beam("jax", n=2).to(device="cpu").device).lower().startswith(("cpu", "tfrtcpu"))


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_unknown_devices_are_refused(make_beam, backend):
    with pytest.raises(BackendError, match="abacus"):
        make_beam(backend, n=2, device="abacus")


def test_unknown_backends_and_precisions_are_refused(make_beam):
    with pytest.raises(BackendError, match=r"unknown backend 'pytorch'; did you mean 'torch'\?"):
        make_beam("pytorch")
    with pytest.raises(BackendError, match="unknown backend 'abacus'; known are numpy, torch, jax"):
        make_beam().to("abacus")
    with pytest.raises(InputError, match="dtype must be float64 or float32, not 'float16'"):
        make_beam(dtype="float16")
    with pytest.raises(InputError, match="dtype must be float64 or float32"):
        make_beam().to(dtype="int64")


def test_float64_on_jax_without_its_64_bit_mode_is_an_error(make_beam):
    jax = pytest.importorskip("jax")
    beam = make_beam("numpy", n=3)
    jax.config.update("jax_enable_x64", False)
    try:
        with pytest.raises(BackendError, match="jax_enable_x64"):
            make_beam("jax", n=3)
        with pytest.raises(BackendError, match="jax_enable_x64"):
            beam.to("jax")
        assert make_beam("jax", dtype="float32", n=3).x.dtype == np.float32
        assert beam.to("jax", dtype="float32").x.dtype == np.float32
    finally:
        jax.config.update("jax_enable_x64", True)


# -------------------------------------------------------------------- what it is


def test_energy_of_each_particle(backend, array, to_numpy):
    pz = np.array([-0.5, 0.0, 0.5])
    beam = cv.ParticleBeam(pz=array(pz, backend), p0c=1e6)
    mass = beam.species.mass
    assert to_numpy(beam.energy) == pytest.approx(np.hypot((1 + pz) * 1e6, mass), rel=1e-15)


def test_energy_in_a_batch_of_references():
    beam = cv.ParticleBeam(pz=np.zeros((2, 3)), p0c=np.array([1e6, 2e6]))
    assert beam.energy == pytest.approx(np.hypot([[1e6] * 3, [2e6] * 3], beam.species.mass), rel=1e-15)


def test_transmission_weighs_charge():
    beam = cv.ParticleBeam(x=[0.0] * 3, p0c=1e8, charge=[1e-12, 2e-12, 5e-12], alive=[True, True, False])
    assert beam.total_charge == pytest.approx(3e-12, rel=1e-15)
    assert beam.transmission == pytest.approx(3 / 8, rel=1e-15)


def test_repr_says_what_it_is(make_beam):
    assert (
        repr(make_beam("torch", n=5, p0c=1e8)) == "ParticleBeam(5 x electron, p0c=100000000.0 eV, s=0.0 m, torch torch.float64)"
    )
    assert "2 x 3 x 5 x electron" in repr(cv.ParticleBeam(x=np.zeros((2, 3, 5)), p0c=1e8))
