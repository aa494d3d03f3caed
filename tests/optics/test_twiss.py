"""Orbits, Twiss parameters, tunes and chromaticities: closed forms, tracking, and gradients."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.core.expansion import pieces
from caraval.core.maps import stack_entries
from caraval.optics import chromaticities, closed_orbit, tunes, twiss
from caraval.optics.line import Line

from . import rings
from .rings import FOCAL, HALF


def test_a_fodo_cell_of_thin_lenses_is_that_of_the_textbooks():
    """Wiedemann, "Particle Accelerator Physics", "FODO lattice"."""
    lattice = rings.thin_cell()
    phase = 2 * np.arcsin(HALF / (2 * FOCAL))
    table = twiss(lattice)
    assert tunes(lattice)[:2] == pytest.approx((phase / (2 * np.pi), phase / (2 * np.pi)), rel=1e-13)
    assert tunes(lattice).c is None
    sine = np.sin(phase / 2)
    largest, smallest = (2 * HALF * (1 + sign * sine) / np.sin(phase) for sign in (1, -1))
    assert [table.beta_a[0], table.beta_b[0], table.alpha_a[0]] == pytest.approx([largest, smallest, 0.0], abs=1e-12)
    assert [table.beta_a[-1], table.phi_b[-1]] == pytest.approx([largest, phase], rel=1e-12)
    natural = -np.tan(phase / 2) / np.pi
    assert chromaticities(lattice, exact=True) == pytest.approx((natural, natural), rel=1e-9)
    assert table.name[0] == "beginning"
    assert table.s[-1] == 2 * HALF


def test_drifts_from_a_waist():
    lattice = cv.Lattice([cv.Drift(length=length) for length in (0.7, 2.0)], reference=rings.REFERENCE)
    table = twiss(lattice, {"beta_a": 0.5, "beta_b": 3.0, "eta_x": 0.1, "etap_x": -0.2})
    for mode, beta in (("a", 0.5), ("b", 3.0)):
        np.testing.assert_allclose(table[f"beta_{mode}"], beta + table.s**2 / beta, rtol=1e-14)
        np.testing.assert_allclose(table[f"alpha_{mode}"], -table.s / beta, rtol=0, atol=1e-14)
        np.testing.assert_allclose(table[f"phi_{mode}"], np.arctan(table.s / beta), rtol=1e-14)
    np.testing.assert_allclose(table.eta_x, 0.1 - 0.2 * table.s, rtol=0, atol=1e-15)


def test_the_closed_orbit_closes_in_tracking_with_and_without_cavities():
    bumped = cv.Lattice(
        [cv.Kicker(hkick=3e-4, vkick=-2e-4), *rings.ring(rf=True)], reference=rings.REFERENCE, geometry="closed"
    )
    for dimensions in (4, 6):
        orbit = closed_orbit(bumped, dimensions)
        lattice = bumped if dimensions == 6 else bumped.replace({"rf.is_on": False})
        beam = cv.ParticleBeam(*([value] for value in orbit), reference=rings.REFERENCE)
        after = np.array(lattice.track(beam).coordinates)[:dimensions, 0]
        np.testing.assert_allclose(after, orbit[:dimensions], rtol=0, atol=1e-13)
        assert abs(orbit.y) > 1e-4
    assert abs(orbit.z) > 0.1  # a phase of one half is not the stable one above transition
    assert tunes(bumped).c < 0


def test_an_orbit_of_another_momentum_follows_the_dispersion():
    lattice = rings.ring()
    step = 1e-5
    above, below = (np.array(closed_orbit(lattice, pz=pz)) for pz in (step, -step))
    table = twiss(lattice, chromatic=True)
    eta = [table[name][0] for name in ("eta_x", "etap_x", "eta_y", "etap_y")]
    np.testing.assert_allclose((above - below)[:4] / (2 * step), eta, rtol=0, atol=1e-8)
    curved = (above + below - 2 * np.array(closed_orbit(lattice)))[:2] / step**2
    np.testing.assert_allclose(curved, [table.deta_x_dpz[0], table.detap_x_dpz[0]], rtol=1e-4)


def test_normal_modes_of_a_coupled_ring_are_the_eigenvalues_of_its_map():
    lattice = rings.coupled()
    orbit = closed_orbit(lattice)
    beam = cv.MomentBeam(np.array(orbit), 1e-12 * np.eye(6), reference=rings.REFERENCE)
    assert np.abs(np.array(orbit)[:4] - lattice.track(beam).mean[:4]).max() < 1e-13
    step = 1e-6  # the map by differences of tracking, not by what is tested
    starts = np.array(orbit)[:, None] + step * np.hstack([np.eye(6)[:, :4], -np.eye(6)[:, :4]])
    ends = np.array(lattice.track(cv.ParticleBeam(*starts, reference=rings.REFERENCE)).coordinates)
    matrix = ((ends[:, :4] - ends[:, 4:]) / (2 * step))[:4]
    phases = np.abs(np.angle(np.linalg.eigvals(matrix))) / (2 * np.pi)
    fractions = [abs(tune - round(tune)) for tune in tunes(lattice)[:2]]
    np.testing.assert_allclose(sorted(phases)[::2], sorted(fractions), rtol=0, atol=1e-9)
    table = twiss(lattice)
    assert np.abs(table.c12_mat).max() > 0.04
    np.testing.assert_allclose(
        table.gamma_c**2 + table.c11_mat * table.c22_mat - table.c12_mat * table.c21_mat, 1.0, rtol=0, atol=1e-13
    )
    for name in ("beta_a", "alpha_b", "c12_mat", "eta_y", "x", "y"):
        assert table[name][-1] == pytest.approx(table[name][0], abs=1e-9)


def test_modes_that_exchange_the_planes():
    """A solenoid of half a turn leaves nothing of x in x: modes are named anew, and their betas are those of the exchange."""
    solenoid = cv.Solenoid(length=3.8, ks=np.pi / 3.8)
    table = twiss(cv.Lattice([solenoid], reference=rings.REFERENCE), {"beta_a": 10.0, "beta_b": 20.0})
    focal = 2 / solenoid.ks  # from x to py, and back
    assert table.mode_flip[-1]
    np.testing.assert_allclose(table.gamma_c[-1], 1.0, rtol=0, atol=1e-14)
    np.testing.assert_allclose([table.beta_a[-1], table.beta_b[-1]], [focal**2 / 10, focal**2 / 20], rtol=1e-12)


def test_chromaticities_by_difference_and_exact():
    lattice = rings.ring()
    difference, exact = chromaticities(lattice), chromaticities(lattice, exact=True)
    coarser = chromaticities(lattice, delta=2e-4)
    for mode in range(2):  # what is left of the difference is of second order
        assert difference[mode] == pytest.approx(exact[mode], abs=1e-5)
        extrapolated = (4 * difference[mode] - coarser[mode]) / 3
        assert extrapolated == pytest.approx(exact[mode], abs=3e-10)


def test_many_machines_at_once_are_each_as_alone():
    strengths = np.array([1.0, 1.1, 1.15])
    lattice = rings.coupled()
    many = lattice.replace({"qf.k1": strengths})
    orbit, found, table = closed_orbit(many), tunes(many), twiss(many)
    for i, strength in enumerate(strengths):
        one = lattice.replace({"qf.k1": float(strength)})
        assert [value[i] for value in orbit[:4]] == pytest.approx(closed_orbit(one)[:4], abs=1e-13)
        assert (found.a[i], found.b[i]) == pytest.approx(tunes(one)[:2], abs=1e-12)
        np.testing.assert_allclose(table.beta_b[i], twiss(one).beta_b, rtol=1e-10)


NAMES = ("qf.k1", "qd.x_offset", "qs.tilt")
AT = np.array([1.1, 1e-4, 0.7])


def measured(settings):
    """Optical functions of a coupled cell with these settings."""
    lattice = rings.coupled().replace(dict(zip(NAMES, settings, strict=True)))
    table, orbit, found = twiss(lattice), closed_orbit(lattice), tunes(lattice)
    return [orbit.x, orbit.py, found.a, found.b, table.beta_a[3], table.phi_b[5], table.eta_x[4], table.c12_mat[2]]


def differences():
    """Derivatives of the same by central differences."""
    rows = []
    for i, step in enumerate((1e-5, 1e-6, 1e-5)):
        above, below = (np.array(measured([float(v) for v in AT + sign * step * np.eye(3)[i]])) for sign in (1, -1))
        rows.append((above - below) / (2 * step))
    return np.array(rows).T


def test_gradients_on_torch_are_those_of_finite_differences():
    torch = pytest.importorskip("torch")
    settings = [torch.tensor(value, dtype=torch.float64, requires_grad=True) for value in AT]
    values = measured(settings)
    assert [value.item() for value in values] == pytest.approx(measured([float(v) for v in AT]), rel=1e-12, abs=1e-15)
    found = [[float(g) for g in torch.autograd.grad(value, settings, retain_graph=True)] for value in values]
    expected = differences()
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-8)


def found_by(torch, settings):
    return torch.stack(measured(list(settings)))


@pytest.mark.parametrize("name", ["jacfwd", "jacrev"])
def test_transformations_of_torch_differentiate_optics(name):
    torch = pytest.importorskip("torch")
    jacobian = getattr(torch.func, name)(lambda settings: found_by(torch, settings))
    np.testing.assert_allclose(jacobian(torch.tensor(AT)), differences(), rtol=1e-6, atol=1e-8)


def test_optics_on_torch_under_vmap_are_each_as_alone():
    torch = pytest.importorskip("torch")
    several = torch.tensor(np.array([AT, 1.01 * AT]))
    found = torch.func.vmap(lambda settings: found_by(torch, settings))(several)
    np.testing.assert_allclose(found, [measured(one.tolist()) for one in several], rtol=1e-10, atol=1e-14)
    slopes = torch.func.vmap(torch.func.grad(lambda settings: found_by(torch, settings)[4]))(several)
    np.testing.assert_allclose(slopes[0], differences()[4], rtol=1e-6)


def test_cavities_and_synchrotron_tunes_on_torch_under_vmap():
    torch = pytest.importorskip("torch")
    ring = rings.ring(2, rf=True).replace({"b##1.dg": 1e-4})

    def found(voltage):
        changed = ring.replace({"rf.voltage": voltage})
        orbit = closed_orbit(changed, 6)
        return [orbit.x, orbit.z, orbit.pz, tunes(changed).c]

    voltages = torch.tensor([2e5, 2.5e5], dtype=torch.float64)
    expected = [found(2e5), found(2.5e5)]
    stacked = torch.func.vmap(lambda voltage: torch.stack(found(voltage)))
    np.testing.assert_allclose(stacked(voltages), expected, rtol=1e-9, atol=1e-12)
    slopes = torch.func.jacrev(lambda voltage: torch.stack(found(voltage)))(voltages[0])
    ends = [np.array(found(2e5 + step)) for step in (20.0, -20.0)]
    np.testing.assert_allclose(slopes, (ends[0] - ends[1]) / 40.0, rtol=1e-6, atol=1e-14)


def test_second_derivatives_on_torch_are_differences_of_first_ones():
    torch = pytest.importorskip("torch")

    def slopes(settings):
        settings = settings.detach().requires_grad_()
        found = found_by(torch, settings)
        return settings, [torch.autograd.grad(found[i], settings, create_graph=True)[0] for i in (0, 2, 4)]

    at, found = slopes(torch.tensor(AT))
    step = 1e-5 * torch.eye(3, dtype=torch.float64)[0]
    above, below = (torch.stack(slopes(at + sign * step)[1]).detach() for sign in (1, -1))
    second = [torch.autograd.grad(slope[0], at, retain_graph=True)[0] for slope in found]
    np.testing.assert_allclose(torch.stack(second), (above - below) / 2e-5, rtol=2e-5, atol=1e-7)


def test_exact_chromaticities_on_torch_have_gradients():
    torch = pytest.importorskip("torch")
    lattice, step = rings.coupled(), 1e-5
    k2 = torch.tensor(4.0, dtype=torch.float64, requires_grad=True)
    value = chromaticities(lattice.replace({"sf.k2": k2}), exact=True).a
    (slope,) = torch.autograd.grad(value, k2)
    plain, above, below = (chromaticities(lattice.replace({"sf.k2": 4.0 + s}), exact=True).a for s in (0.0, step, -step))
    assert value.item() == pytest.approx(plain, rel=1e-10)
    assert slope.item() == pytest.approx((above - below) / (2 * step), rel=1e-6)


def test_all_elements_at_once_are_as_one_by_one():
    """Of a line that is plain, of many machines, and of rows by the dozen in an element."""
    plain = rings.coupled().with_tracking("kick_drift_kick", where="Quadrupole")
    for lattice in (plain, plain.replace({"qf.k1": np.array([1.0, 1.1, 1.15])})):
        line = Line(lattice)
        start = (1e-3, 2e-4, -1e-3, 1e-4, 0.0, 1e-3)
        assert line.goes_at_once(start)
        alone = pieces(line.prepared, start, line.backend)
        for one, other in zip(line.pieces(start), alone, strict=True):
            for mine, theirs in ((one.matrix, other.matrix), ([one.orbit], [other.orbit])):
                np.testing.assert_allclose(*np.broadcast_arrays(*map(stack_entries, (mine, theirs))), rtol=0, atol=1e-13)


def test_gradients_on_jax_are_those_of_finite_differences():
    jax = pytest.importorskip("jax")
    names = ("l.b1", "d##1.length")

    def found(settings):
        lattice = rings.thin_cell().replace(dict(zip(names, settings, strict=True)))
        return [*tunes(lattice)[:2], twiss(lattice).beta_a[2]]

    at = np.array([-1 / FOCAL, HALF])
    program = pytest.importorskip("caraval.backends.jax_maps").program
    compiled = program.cache_info().misses
    derivatives = jax.jacfwd(lambda settings: jax.numpy.stack(found(list(settings))))(jax.numpy.asarray(at))
    assert program.cache_info().misses == compiled  # values are known: NumPy expands the elements
    steps = 1e-6 * np.eye(2)
    expected = [np.subtract(found([*map(float, at + s)]), found([*map(float, at - s)])) / 2e-6 for s in steps]
    np.testing.assert_allclose(derivatives, np.array(expected).T, rtol=1e-8, atol=1e-9)


def test_optics_on_jax_under_jit_and_vmap():
    jax = pytest.importorskip("jax")
    lattice = rings.thin_cell()

    def found(b1):
        changed = lattice.replace({"l.b1": b1, "h##1.a1": 0.01, "h##1.b0": 1e-4})
        orbit, table = closed_orbit(changed, pz=1e-3), twiss(changed)
        return [*tunes(changed)[:2], orbit.x, orbit.px, table.beta_a[2], table.c22_mat[3], table.phi_b[3]]

    strengths = [-1 / FOCAL, -0.19]
    expected = np.array([found(b1) for b1 in strengths])
    several = jax.numpy.asarray(strengths)
    np.testing.assert_allclose(jax.vmap(lambda b1: jax.numpy.stack(found(b1)))(several), expected, rtol=1e-10)
    np.testing.assert_allclose(jax.jit(lambda b1: jax.numpy.stack(found(b1)))(several[1]), expected[1], rtol=1e-10)


@pytest.mark.slow
def test_exact_chromaticities_on_jax_have_gradients():
    jax = pytest.importorskip("jax")
    lattice, step = rings.thin_cell(), 1e-5

    def found(b2):
        return chromaticities(lattice.replace({"l.b2": b2, "h##1.b0": 1e-4}), exact=True).a

    value, slope = jax.value_and_grad(found)(0.1)
    assert float(value) == pytest.approx(found(0.1), rel=1e-10)
    assert float(slope) == pytest.approx((found(0.1 + step) - found(0.1 - step)) / (2 * step), rel=1e-7)


def test_equal_tunes_have_gradients_on_jax():
    jax = pytest.importorskip("jax")
    step = 1e-6
    lattice = rings.thin_cell()  # its tunes are equal: nothing tells its modes from any others, but nothing couples them
    found = jax.grad(lambda b1: tunes(lattice.replace({"h*.b1": b1})).a)(0.5 / FOCAL)
    ends = [tunes(lattice.replace({"h*.b1": 0.5 / FOCAL + sign * step})).a for sign in (1, -1)]
    assert float(found) == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-8)


def test_orbits_with_cavities_and_synchrotron_tunes_on_jax_under_jit_and_vmap():
    jax = pytest.importorskip("jax")
    lattice = rings.thin_cell()
    bend, cavity = cv.SBend(name="b", length=1.0, angle=0.1), cv.RFCavity(name="rf", rf_frequency=1e8, voltage=2e5, phi0=0.5)
    ring = cv.Lattice([*lattice, bend, cavity], reference=rings.REFERENCE, geometry="closed")

    def found(voltage):
        changed = ring.replace({"rf.voltage": voltage, "h##1.b0": 1e-4})
        orbit = closed_orbit(changed, 6)
        return [orbit.x, orbit.z, orbit.pz, tunes(changed).c]

    voltages = [2e5, 2.5e5]
    expected = np.array([found(voltage) for voltage in voltages])
    assert abs(expected[0, 1]) > 0.1
    several = jax.numpy.asarray(voltages)
    stacked = jax.jit(jax.vmap(lambda voltage: jax.numpy.stack(found(voltage))))
    np.testing.assert_allclose(stacked(several), expected, rtol=1e-9, atol=1e-12)
    slopes = jax.jit(jax.jacfwd(lambda voltage: jax.numpy.stack(found(voltage))))(2e5)
    ends = [np.array(found(2e5 + step)) for step in (20.0, -20.0)]
    np.testing.assert_allclose(slopes, (ends[0] - ends[1]) / 40.0, rtol=1e-6, atol=1e-14)


@pytest.mark.slow
def test_gradients_on_jax_with_coupling():
    jax = pytest.importorskip("jax")
    found = jax.jacfwd(lambda settings: jax.numpy.stack(measured(list(settings))))(jax.numpy.asarray(AT))
    np.testing.assert_allclose(found, differences(), rtol=1e-6, atol=1e-8)


# -------------------------------------------------------------------- what cannot be


def test_what_has_no_optics_says_why():
    strong = rings.ring().replace({"qf.k1": 9.0})
    with pytest.raises(cv.LatticeError, match="unstable: half the trace"):
        twiss(strong)
    with pytest.raises(cv.LatticeError, match="no closed orbit"):
        closed_orbit(cv.Lattice([cv.Drift(length=1.0)], reference=rings.REFERENCE))
    with pytest.raises(cv.InputError, match="no reference"):
        tunes(cv.Lattice([cv.Drift(length=1.0)]))
    line = cv.Lattice([cv.Drift(length=1.0)], reference=rings.REFERENCE)
    with pytest.raises(cv.InputError, match="beta_a at the start"):
        twiss(line)
    with pytest.raises(cv.UnknownNameError, match="start has no 'beta_q'; did you mean"):
        twiss(line, {"beta_q": 1.0})
    with pytest.raises(cv.InputError, match="dimensions must be 4 or 6"):
        closed_orbit(line, 5)


def test_closed_orbits_are_found_with_shorter_steps_where_whole_ones_lead_astray(monkeypatch: pytest.MonkeyPatch) -> None:
    """Far from the axis, between strong sextupoles."""
    crooked = rings.ring(1).replace({"qf.x_offset": 1e-2, "qd.y_offset": 5e-3, "sf.k2": 60.0})
    found = closed_orbit(crooked)
    out = crooked.track(cv.ParticleBeam(*([value] for value in found), reference=crooked.reference))
    np.testing.assert_allclose(np.array(out.coordinates)[:4, 0], found[:4], rtol=0, atol=1e-12)
    monkeypatch.setattr("caraval.optics.orbit.HALVINGS", 0)
    with pytest.raises(cv.LatticeError, match="no closed orbit was found"):
        closed_orbit(crooked)


def test_in_six_dimensions_something_must_hold_a_beam_together() -> None:
    with pytest.raises(cv.LatticeError, match="no cavity is on: switch one on, or ask for 4 dimensions"):
        closed_orbit(rings.ring(1), 6)
    weak = rings.ring(1, rf=True).replace({"rf.voltage": 1e3}).with_radiation()
    with pytest.raises(cv.LatticeError, match="make up for the energy that is lost"):
        closed_orbit(weak, 6)


def test_arrays_without_optics_say_why_too() -> None:
    torch = pytest.importorskip("torch")
    strong = rings.ring(1).replace({"qf.k1": torch.tensor(9.0, dtype=torch.float64)})
    with pytest.raises(cv.LatticeError, match="unstable: half the trace"):
        tunes(strong)


def test_tables_have_columns_places_and_files(tmp_path):
    table = twiss(rings.thin_cell())
    assert table["beta_a"] is table.beta_a
    assert table.at("l")["beta_b"] == table.beta_b[3]
    with pytest.raises(cv.UnknownNameError, match="beta_a"):
        table["beta_aa"]
    with pytest.raises(AttributeError, match="no column"):
        _ = table.nothing
    table.to_csv(tmp_path / "t.csv")
    read = np.genfromtxt(tmp_path / "t.csv", delimiter=",", names=True, dtype=None, encoding="utf-8")
    np.testing.assert_array_equal(read["beta_a"], table.beta_a)
    assert list(read["name"]) == list(table.name)


def accelerated(phi0: float, voltage: Any = 2e5) -> cv.Lattice:
    """A ring in which an LCavity gives the reference nothing, and others that come at another time something."""
    cavity = cv.LCavity(name="c", length=0.4, rf_frequency=1e8, voltage=voltage, phi0=phi0)
    return cv.Lattice([*rings.ring(), cavity], reference=rings.REFERENCE, geometry="closed")


def test_cavities_that_accelerate_make_a_longitudinal_tune():
    """That of the storage-ring cavity of the same slope; none, where the slope is the other one."""
    assert tunes(accelerated(0.25)).c == pytest.approx(tunes(rings.ring(rf=True)).c, rel=1e-6)
    assert tunes(accelerated(-0.25)).c == 0
    assert tunes(accelerated(0.25, 0.0)).c is None
    both = tunes(accelerated(0.25, np.array([2e5, -2e5, 1e5]))).c
    assert both == pytest.approx([tunes(accelerated(0.25)).c, 0.0, tunes(accelerated(0.25, 1e5)).c], rel=1e-12)
