"""Windows of collimators, which limit momenta and times, in the coordinates of the line."""

import numpy as np
import pytest

import caraval as cv

from ..cases import REFERENCES, TILTED

REFERENCE = REFERENCES["electron_100MeV"]
WINDOWS = {
    "px_aperture_width2": 2e-3,
    "px_aperture_center": 1e-3,
    "py_aperture_width2": 1e-3,
    "z_aperture_width2": 0.02,
    "z_aperture_center": -0.01,
    "pz_aperture_width2": 0.1,
}
# px, py, z, pz, and whether they come through windows that are rectangles, and ellipses
PARTICLES = (
    (0.0, 0.0, 0.0, 0.0, True, True),
    (2.9e-3, 0.0, 0.0, 0.0, True, True),
    (-1.1e-3, 0.0, 0.0, 0.0, False, False),
    (2.9e-3, 5e-4, 0.0, 0.0, True, False),
    (0.0, -1.1e-3, 0.0, 0.0, False, False),
    (0.0, 0.0, 9e-3, 0.0, True, True),
    (0.0, 0.0, 1.1e-2, 0.0, False, False),
    (0.0, 0.0, -2.5e-2, 0.07, True, False),
    (0.0, 0.0, 0.0, -0.11, False, False),
)


def survivors(element: cv.Element) -> list[bool]:
    px, py, z, pz, *_ = np.array(PARTICLES).T
    return cv.Lattice([element]).track(cv.ParticleBeam(px=px, py=py, z=z, pz=pz, reference=REFERENCE)).alive.tolist()


@pytest.mark.parametrize(("kind", "column"), [(cv.RCollimator, 4), (cv.ECollimator, 5)])
@pytest.mark.parametrize("placed", [{}, TILTED])
@pytest.mark.parametrize("at", ["entrance_end", "exit_end"])
def test_windows_limit_momenta_and_times_wherever_the_collimator_stands(kind, column, placed, at):
    assert survivors(kind(**WINDOWS, aperture_at=at, **placed)) == [particle[column] for particle in PARTICLES]
    assert all(survivors(kind(**WINDOWS, aperture_at="no_aperture")))


def test_an_ellipse_needs_two_windows():
    assert survivors(cv.ECollimator(py_aperture_width2=1e-3)) == [abs(py) < 1e-3 for _, py, *_ in PARTICLES]


def test_particles_pass_both_windows_and_opening():
    beam = cv.ParticleBeam(x=[0.0, 3e-3, 0.0], px=[0.0, 0.0, 5e-3], reference=REFERENCE)
    collimator = cv.RCollimator(length=0.5, x_limit=2e-3, px_aperture_width2=4e-3, aperture_at="both_ends")
    out = cv.Lattice([collimator]).track(beam)
    assert (out.alive.tolist(), out.lost_s.tolist()) == ([True, False, False], [np.inf, 0.0, 0.0])


def test_windows_of_bmad_files(tmp_path):
    said = ", ".join(f"{name} = {value}" for name, value in WINDOWS.items())
    (tmp_path / "line.bmad").write_text(f"parameter[p0c] = 1e8\nc: ecollimator, l = 0.1, {said}\nl: line = (c)\nuse, l\n")
    lattice = cv.load(tmp_path / "line.bmad")
    assert {name: getattr(lattice["c"], name) for name in WINDOWS} == WINDOWS
    cv.save(lattice, tmp_path / "out.bmad")
    assert cv.load(tmp_path / "out.bmad")["c"] == lattice["c"]
    with pytest.raises(cv.LatticeError, match="px_aperture_width2"):
        cv.save(lattice, tmp_path / "out.lte")
