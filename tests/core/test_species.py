"""Species by the names that Bmad gives them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import constants

import caraval as cv
from caraval.core.errors import InputError, UnknownNameError
from caraval.core.species import ATOMIC_MASS, ELECTRON_MASS, as_species, atoms

U = constants.physical_constants["atomic mass constant energy equivalent in MeV"][0] * 1e6

# name, name that it gets, mass [eV], charge; masses of light nuclei by CODATA, of pions by Bmad's manual
SUBATOMIC = [
    ("electron", "electron", 0.51099895069e6, -1),
    ("E+", "positron", 0.51099895069e6, 1),
    ("Proton", "proton", 938.27208943e6, 1),
    ("p+", "proton", 938.27208943e6, 1),
    ("p-", "antiproton", 938.27208943e6, -1),
    ("neutron", "neutron", 939.56542194e6, 0),
    ("mu+", "antimuon", 105.6583755e6, 1),
    ("PION-", "pion-", 139.57018e6, -1),
    ("pion0", "pion0", 134.9766e6, 0),
    ("anti_deuteron", "anti_deuteron", 1875.612945e6, -1),
    ("deuterium", "deuteron", 1875.612945e6, 1),
    ("triton", "triton", 2808.92113668e6, 1),
    ("He3", "helion", 2808.39161112e6, 2),
    ("alpha", "alpha", 3727.3794118e6, 2),
]

# name, name that it gets, mass of the neutral atom [u] (AME2020), charge
IONS = [
    ("#12C+6", "#12C+6", 12.0, 6),
    ("#12C+++", "#12C+3", 12.0, 3),
    ("#1H-", "#1H-", 1.007825031898, -1),
    ("#3He++", "#3He+2", 3.01602932197, 2),
    ("#238U+28", "#238U+28", 238.050786936, 28),
    ("#208Pb+82", "#208Pb+82", 207.976652005, 82),
    ("Au+79", "Au+79", 196.966570103, 79),
    ("D+", "D+", 2.014101777844, 1),
    ("T2+", "T2+", 2 * 3.01604928132, 1),
    ("P+", "P+", 30.97376199768, 1),
    ("@M37.54++", "@M37.54+2", 37.54, 2),
    ("C2H3@M28.4+", "C2H3@M28.4+", 28.4, 1),
    ("#12C", "#12C", 12.0, 0),
]


@pytest.mark.parametrize(("given", "name", "mass", "charge"), SUBATOMIC)
def test_subatomic_particles(given, name, mass, charge):
    species = as_species(given)
    assert (species.name, species.charge) == (name, charge)
    assert species.mass == pytest.approx(mass, rel=1e-15)


@pytest.mark.parametrize(("given", "name", "mass", "charge"), IONS)
def test_ions_have_the_mass_of_the_atom_less_its_missing_electrons(given, name, mass, charge):
    species = as_species(given)
    assert (species.name, species.charge) == (name, charge)
    assert species.mass == pytest.approx(mass * U - charge * 0.51099895069e6, rel=1e-14)
    assert as_species(species.name) == species


def test_without_a_number_of_nucleons_it_is_the_natural_mixture():
    carbon, chlorine = 12 * 0.988922 + 13.00335483534 * 0.011078, 34.968852694 * 0.757647 + 36.965902584 * 0.242353
    assert as_species("C+6").mass == pytest.approx(carbon * U - 6 * ELECTRON_MASS, rel=1e-12)
    assert as_species("Cl-").mass == pytest.approx(chlorine * U + ELECTRON_MASS, rel=1e-9)
    assert as_species("CCl4+").mass == pytest.approx((carbon + 4 * chlorine) * U - ELECTRON_MASS, rel=1e-9)


def test_helium_weighs_what_it_weighs_in_bmad():
    """Of a beam of He+ with 100 MeV/c, Bmad says that its energy is 3729230163.987 eV."""
    assert as_species("He+").mass == pytest.approx(3727889163.587, abs=0.01)


def test_natural_mixtures_agree_with_the_standard_atomic_weights():
    """IUPAC's abridged weights of 2021 (Prohaska et al., Pure Appl. Chem. 94, 573), which vary in nature in the last digit."""
    weights = {
        "H": 1.008,
        "Li": 6.94,
        "B": 10.81,
        "N": 14.007,
        "O": 15.999,
        "Ar": 39.95,
        "Fe": 55.845,
        "Xe": 131.29,
        "Pb": 207.2,
    }
    for symbol, weight in weights.items():
        assert atoms()[symbol].average() == pytest.approx(weight, rel=1e-3)


def test_antimatter_takes_its_mass_from_matter():
    gold, anti = as_species("Au+79"), as_species("antiAu-79")
    assert anti.mass == gold.mass
    assert anti.charge == -79


def test_the_nuclei_of_light_atoms_differ_from_codata_by_the_electrons_binding_alone():
    """13.6 eV in hydrogen, 79.0 eV in helium."""
    assert as_species("proton").mass - as_species("#1H+").mass == pytest.approx(13.6, abs=1.0)
    assert as_species("helion").mass - as_species("#3He++").mass == pytest.approx(79.0, abs=2.0)
    assert as_species("alpha").mass - as_species("#4He++").mass == pytest.approx(79.0, abs=2.0)


def test_every_isotope_weighs_about_as_much_as_its_nucleons():
    for symbol, atom in atoms().items():
        shares = [isotope.abundance for isotope in atom.isotopes.values()]
        assert sum(shares) == pytest.approx(1.0, abs=2e-4) or not any(shares)  # rounded in the source
        for nucleons, isotope in atom.isotopes.items():
            assert nucleons >= atom.number
            assert isotope.mass == pytest.approx(nucleons, rel=0.02), f"{nucleons}{symbol}"
    assert len(atoms()) == 110
    assert [atom.number for atom in atoms().values()] == list(range(1, 111))
    assert pytest.approx(931.49410372e6, rel=1e-15) == ATOMIC_MASS


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("protron", "did you mean 'proton'"),
        ("Xx+", "unknown species 'Xx\\+'"),
        ("#12", "unknown species '#12'"),
        ("+", "unknown species"),
        ("", "unknown species"),
        ("c+6", "unknown species 'c\\+6'"),
        ("#99C+", r"the mass of #99C is not known; known are #8C, .*#12C"),
        ("Tc+", "nature has no Tc; say which, from #"),
        ("C+7", "there are only 6 electrons to take away"),
        ("#12CO+", "a number of nucleons goes with a single atom"),
    ],
)
def test_what_is_no_species_says_so(name, message):
    with pytest.raises(UnknownNameError, match=message):
        as_species(name)


def test_ions_are_references_and_beams():
    beam = cv.ParticleBeam(x=np.zeros(3), species="#12C+6", p0c=12 * 500e6)
    assert beam.species.charge == 6
    assert beam.reference.rigidity == pytest.approx(12 * 500e6 / (6 * constants.speed_of_light), rel=1e-15)
    out = cv.Lattice([cv.Quadrupole(length=0.2, b1_gradient=3.0)]).track(beam)
    assert out.species.name == "#12C+6"


def test_neutral_particles_have_no_rigidity():
    with pytest.raises(InputError, match="neutron is neutral"):
        _ = cv.Reference("neutron", 1e9).rigidity
    beam = cv.ParticleBeam(px=[1e-3], species="neutron", p0c=1e9, charge=1e-15)
    assert cv.Lattice([cv.Drift(length=1.0)]).track(beam).x[0] == pytest.approx(1e-3, rel=1e-6)
