"""Particles that cannot go on inside an element are lost there, even if what follows would leave them sensible momenta."""

import numpy as np
import pytest

import caraval as cv

REFERENCE = cv.Reference("electron", 1e8)

# half a kick of -2 at x = 0.8, twice the momentum; behind a body that takes no notice, half a kick of 2 at x = -0.8
KICKED = {"length": 0.8, "b3": 7.8125, "scale_multipoles": False, "tracking_method": cv.BmadStandard(num_steps=1)}

# element, and the place (x, y) where its field is too much
CASES = {
    "solenoid": (cv.Solenoid(length=0.1, ks=4.0), (0.0, 0.6)),  # kinetic px is ks y / 2
    "solenoid_misaligned": (cv.Solenoid(length=0.1, ks=4.0, x_pitch=1e-3), (0.0, 0.6)),
    "drift": (cv.ThickMultipole(length=0.8, b3=7.8125, tracking_method=cv.BmadStandard(num_steps=1)), (0.8, 0.0)),
    "separator": (cv.ELSeparator(**KICKED, hkick=1e-9), (0.8, 0.0)),
    "bend": (cv.SBend(**KICKED, angle=1e-4, fringe_at="no_end"), (0.8, 0.0)),
    "bend_error": (cv.SBend(**KICKED, angle=1e-4, dg=1e-4, fringe_at="no_end"), (0.8, 0.0)),
}


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
@pytest.mark.parametrize("name", CASES)
def test_what_cannot_go_on_inside_is_lost(name, backend):
    pytest.importorskip(backend)
    element, (x, y) = CASES[name]
    nothing = np.zeros(2)
    beam = cv.ParticleBeam([x, 0.0], nothing, [y, 0.0], nothing, nothing, nothing, reference=REFERENCE).to(backend)
    out = cv.Lattice([element, cv.Drift(length=1.0)]).track(beam)
    assert np.asarray(out.alive).tolist() == [False, True]
    assert float(np.asarray(out.lost_s)[0]) == element.length


@pytest.mark.parametrize("method", [cv.BmadStandard(num_steps=5), "linear"])
@pytest.mark.filterwarnings("ignore:overflow:RuntimeWarning", "ignore:invalid value:RuntimeWarning")
def test_there_is_no_matrix_about_an_orbit_that_is_lost(method):
    """Fields that grow so fast send it so far that not even a lost particle's place is a number."""
    bend = cv.SBend(length=0.3, angle=0.1, vkick=1.5, b2=1e5, a3=1e9, r0_mag=1.0, tracking_method=method)
    with pytest.raises(cv.InputError, match="orbit is lost"):
        cv.Lattice([bend], reference=cv.Reference("electron", 4e6)).transfer_matrix()
