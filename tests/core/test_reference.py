from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import constants

import caraval as cv
from caraval.core.errors import InputError, UnknownNameError
from caraval.core.reference import as_species, reference_from

ELECTRON = 510998.95069  # [eV], CODATA 2022
PROTON = 938272089.43


def test_rest_energies_and_charges_are_codatas():
    assert as_species("electron").mass == pytest.approx(ELECTRON, rel=1e-10)
    assert as_species("proton").mass == pytest.approx(PROTON, rel=1e-10)
    charges = {"electron": -1, "positron": +1, "proton": +1, "antiproton": -1, "muon": -1, "alpha": +2, "helion": +2}
    assert {name: as_species(name).charge for name in charges} == charges


@pytest.mark.parametrize(
    ("name", "meant"),
    [("e-", "electron"), ("E+", "positron"), (" Proton", "proton"), ("mu+", "antimuon"), ("pbar", "antiproton")],
)
def test_species_have_other_names(name, meant):
    assert as_species(name) is as_species(meant)


def test_own_species_are_welcome():
    ion = cv.Species("C12 6+", mass=11.174862e9, charge=6)
    assert as_species(ion) is ion
    assert cv.Reference(ion, p0c=1e9).rigidity == pytest.approx(1e9 / 6 / constants.c, rel=1e-15)


@pytest.mark.parametrize("mass", [0.0, -1.0, math.nan, math.inf])
def test_species_need_a_mass(mass):
    with pytest.raises(InputError, match="mass must be a positive rest energy"):
        cv.Species("nothing", mass=mass, charge=1)


def test_unknown_species_come_with_a_suggestion():
    with pytest.raises(UnknownNameError, match=r"unknown species 'electon'; did you mean 'electron'\?"):
        as_species("electon")


@given(st.floats(1e4, 1e12))
def test_momentum_energy_gamma_and_beta_belong_together(p0c):
    reference = cv.Reference("electron", p0c=p0c)
    mass = reference.species.mass
    assert reference.energy == pytest.approx(math.hypot(p0c, mass), rel=1e-15)
    assert reference.gamma * reference.beta * mass == pytest.approx(p0c, rel=1e-15)
    assert reference.rigidity == pytest.approx(-p0c / constants.c, rel=1e-15)


@given(st.floats(1.0, 1e12))
def test_energy_just_above_the_rest_energy_keeps_its_digits(kinetic):
    mass = as_species("electron").mass
    reference = cv.Reference.from_energy("electron", mass + kinetic)
    exact = math.sqrt(((mass + kinetic) - mass) * ((mass + kinetic) + mass))
    assert reference.p0c == pytest.approx(exact, rel=1e-15)


@pytest.mark.parametrize("energy", [0.0, ELECTRON / 2, as_species("electron").mass, -1e8, math.nan])
def test_energies_not_above_the_rest_energy_are_refused(energy):
    with pytest.raises(InputError, match="not above the rest energy of the electron"):
        cv.Reference.from_energy("electron", energy)


def test_energies_in_a_batch_are_checked_too():
    with pytest.raises(InputError, match="rest energy"):
        cv.Reference.from_energy("electron", np.array([1e8, 1e5]))


@pytest.mark.parametrize("p0c", [0.0, -1e8, math.nan, math.inf, np.array([1e8, -1e8]), "1e8", None])
def test_impossible_momenta_are_refused(p0c):
    with pytest.raises(InputError, match="p0c"):
        cv.Reference("electron", p0c=p0c)


@pytest.mark.parametrize("value", [np.float64(1e8), np.array(1e8), 100_000_000])
def test_single_numbers_become_floats(value):
    assert type(cv.Reference("electron", p0c=value).p0c) is float


def test_exactly_one_of_momentum_and_energy():
    for both in ((None, None), (1e8, 1e8)):
        with pytest.raises(InputError, match="p0c or its reference energy"):
            reference_from("electron", *both, 0.0, 0.0)
    assert reference_from("electron", None, 1e8, 1.0, 2.0).energy == pytest.approx(1e8, rel=1e-15)


def test_a_drift_takes_time():
    reference = cv.Reference("electron", p0c=1e6, s=2.0, t=1e-9)
    after = reference.drifted(3.0)
    beta = 1e6 / math.hypot(1e6, reference.species.mass)
    assert after.s == 5.0
    assert after.t == pytest.approx(1e-9 + 3.0 / (beta * constants.c), rel=1e-15)
    assert after.p0c == reference.p0c
    assert reference.drifted(0.0) is reference


def test_another_energy_at_the_same_place_and_time():
    reference = cv.Reference("proton", p0c=1e8, s=2.0, t=1e-9).with_energy(2e9)
    assert reference.energy == pytest.approx(2e9, rel=1e-15)
    assert (reference.s, reference.t, reference.species.name) == (2.0, 1e-9, "proton")


def test_a_reference_may_be_a_batch(backend, array, to_numpy):
    momenta = np.array([1e6, 1e8, 1e10])
    reference = cv.Reference("electron", p0c=array(momenta, backend))
    single = [cv.Reference("electron", p0c=p) for p in momenta.tolist()]
    for name in ("energy", "gamma", "beta", "rigidity"):
        assert to_numpy(getattr(reference, name)) == pytest.approx([getattr(r, name) for r in single], rel=1e-15)
    after = reference.drifted(3.0)
    assert to_numpy(after.t) == pytest.approx([r.drifted(3.0).t for r in single], rel=1e-15)
    assert tuple(reference.expanded().p0c.shape) == (3, 1)


def test_references_are_immutable_equal_and_hashable():
    a, b = cv.Reference("electron", p0c=1e8), cv.Reference("e-", p0c=100_000_000)
    assert a == b
    assert hash(a) == hash(b)
    assert a != cv.Reference("positron", p0c=1e8)
    with pytest.raises(AttributeError):
        a.p0c = 2e8
