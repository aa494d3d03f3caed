from __future__ import annotations

import math

import numpy as np
import pytest

import caraval as cv

WHERE = {"aperture_at": "exit_end"}
P0C = 1e9


def drift(**values):
    return cv.Drift(length=1.0, **values)


def rays(backend, array, dtype="float64"):
    """Four particles that diverge: the second and third leave a 2 mm pipe sooner or later, the last is fast and straight."""
    x = array([0.0, 1e-3, 1e-3, 0.0], backend, dtype)
    px = array([1e-4, 2e-3, 6e-4, 0.0], backend, dtype)
    pz = array([0.0, 0.0, 0.0, 0.5], backend, dtype)
    return cv.ParticleBeam(x=x, px=px, pz=pz, p0c=P0C, s=10.0)


PIPE = [drift(x_limit=2e-3), drift(x_limit=2e-3), drift(x_limit=2e-3), drift()]


def expected():
    """By hand: straight lines, to the planes where the particles meet the limit."""
    forward = [math.sqrt((1 + pz) ** 2 - px**2) for px, pz in ((1e-4, 0.0), (2e-3, 0.0), (6e-4, 0.0), (0.0, 0.5))]
    slope = [px / f for px, f in zip((1e-4, 2e-3, 6e-4, 0.0), forward, strict=True)]
    # after 1 m: 3 mm, lost; 1.6 mm, not yet; after 2 m: 2.2 mm, lost
    return {"x": [4 * slope[0], 1e-3 + slope[1], 1e-3 + 2 * slope[2], 0.0], "lost_s": [math.inf, 11.0, 12.0, math.inf]}


@pytest.mark.parametrize("aperture_type", ["rectangular", "elliptical"])
def test_a_lost_particle_keeps_the_coordinates_it_was_lost_with(backend, array, to_numpy, aperture_type):
    pipe = [e.replace(aperture_type=aperture_type, y_limit=e.x1_limit) for e in PIPE]
    out = cv.Lattice(pipe).track(rays(backend, array))
    assert to_numpy(out.x) == pytest.approx(expected()["x"], rel=1e-14)
    assert to_numpy(out.lost_s).tolist() == expected()["lost_s"]
    assert to_numpy(out.alive).tolist() == [True, False, False, True]
    assert to_numpy(out.px).tolist() == [1e-4, 2e-3, 6e-4, 0.0]


@pytest.mark.usefixtures("programs")
@pytest.mark.parametrize("compiled", ["numpy", "jax", pytest.param("torch", marks=pytest.mark.slow)])
def test_compiled_trackers_lose_the_same(array, to_numpy, compiled):
    if compiled == "numpy":
        pytest.importorskip("numba")
    out = cv.Lattice(PIPE).compile(compiled)(rays(compiled, array))
    assert to_numpy(out.x) == pytest.approx(expected()["x"], rel=1e-14)
    assert to_numpy(out.lost_s).tolist() == expected()["lost_s"]
    assert to_numpy(out.alive).tolist() == [True, False, False, True]
    assert to_numpy(out.px).tolist() == [1e-4, 2e-3, 6e-4, 0.0]


@pytest.mark.parametrize(
    ("at", "lost_s", "x"),
    [
        ("entrance_end", 1.0, 1e-3),
        ("exit_end", 2.0, 2e-3),
        ("both_ends", 1.0, 1e-3),
        ("continuous", 1.0, 1e-3),
        ("no_aperture", math.inf, 3e-3),
    ],
)
@pytest.mark.parametrize("method", ["linear", "bmad_standard", "kick_drift_kick"])
def test_lost_s_at_entrance_and_exit(at, lost_s, x, method):
    """A slope of 1 mrad, and half a millimetre of room in the second of three metres."""
    px = 1e-3 / math.hypot(1.0, 1e-3)  # of slope 1e-3
    line = cv.Lattice([drift(), drift(x_limit=5e-4, aperture_at=at), drift()]).with_tracking(method)
    out = line.track(cv.ParticleBeam(x=[0.0], px=[px], p0c=P0C))
    assert out.lost_s.tolist() == [lost_s]
    assert out.x[0] == pytest.approx(x, rel=1e-6 if method == "linear" else 1e-14)  # linearly, px is the slope


def test_the_edge_of_a_rectangle_is_inside_and_that_of_an_ellipse_is_not(backend, array, to_numpy):
    beam = cv.ParticleBeam(x=array([1e-3, -1e-3, 1.0000001e-3], backend), p0c=P0C)
    stop = lambda shape: cv.Lattice([cv.Drift(x_limit=1e-3, y_limit=1e-3, aperture_type=shape)])  # noqa: E731
    assert to_numpy(stop("rectangular").track(beam).alive).tolist() == [True, True, False]
    assert to_numpy(stop("elliptical").track(beam).alive).tolist() == [False, False, False]


@pytest.mark.parametrize(
    ("collimator", "alive"),
    [
        (cv.RCollimator(px_aperture_width2=2e-3), [True, True, False, True]),
        (cv.RCollimator(px_aperture_width2=2e-3, px_aperture_center=1e-3, x_limit=1.0), [True, False, True, True]),
        (cv.RCollimator(px_aperture_width2=3e-3, py_aperture_width2=2e-3), [True, True, True, False]),
        (cv.ECollimator(px_aperture_width2=3e-3, py_aperture_width2=2e-3), [True, False, True, False]),
        (cv.ECollimator(px_aperture_width2=2e-3, aperture_at="both_ends"), [True, True, False, True]),
        (cv.ECollimator(z_aperture_width2=1e-2, z_aperture_center=2e-2), [False, True, True, False]),
        (cv.ECollimator(z_aperture_width2=2e-2, pz_aperture_width2=1e-2, x_limit=1.0, y_limit=1.0), [True, False, False, True]),
        (cv.RCollimator(pz_aperture_width2=1e-4, aperture_at="no_aperture"), [True, True, True, True]),
    ],
)
def test_windows_of_momentum_and_time(backend, array, to_numpy, collimator, alive):
    """Of which the edges are outside; two of an elliptical collimator, of px and py or of z and pz, are an ellipse."""
    px, py = [0.0, -1.9e-3, 2e-3, 0.0], [0.0, 1.9e-3, 0.0, 2e-3]
    z, pz = [0.0, 1.5e-2, 1.5e-2, 0.0], [0.0, 9e-3, 9e-3, 9e-3]
    beam = cv.ParticleBeam(*(array(v, backend) for v in ([0.0] * 4, px, [0.0] * 4, py, z, pz)), p0c=P0C)
    assert to_numpy(cv.Lattice([collimator]).track(beam).alive).tolist() == alive


def test_limits_on_one_side_only():
    line = cv.Lattice([cv.Drift(x2_limit=1e-3, y1_limit=2e-3)])
    beam = cv.ParticleBeam(x=[0.9e-3, 1.1e-3, -5.0, 0.0, 0.0], y=[0.0, 0.0, 0.0, -2.1e-3, 5.0], p0c=P0C)
    assert line.track(beam).alive.tolist() == [True, False, True, False, True]


def test_particles_that_came_in_lost_stay_as_they_are(backend, array, to_numpy):
    beam = rays(backend, array).replace(
        alive=array([1.0, 0.0, 1.0, 0.0], backend), lost_s=array([math.inf, 3.0, math.inf, 4.5], backend)
    )
    out = cv.Lattice(PIPE).track(beam)
    assert to_numpy(out.alive).tolist() == [True, False, False, False]
    assert to_numpy(out.lost_s).tolist() == [math.inf, 3.0, 12.0, 4.5]
    assert to_numpy(out.x)[[1, 3]].tolist() == to_numpy(beam.x)[[1, 3]].tolist()
    assert to_numpy(out.pz)[3] == 0.5


def test_losses_one_line_after_the_other(array):
    first, second = cv.Lattice(PIPE[:1]), cv.Lattice(PIPE[1:])
    out = second.track(first.track(rays("numpy", array)))
    assert out.x == pytest.approx(expected()["x"], rel=1e-14)
    assert out.lost_s.tolist() == expected()["lost_s"]


def test_a_beam_that_is_lost_altogether(backend, array, to_numpy):
    line = cv.Lattice([cv.Drift(name="d", length=1.0, x_limit=1e-9), cv.Quadrupole(length=1.0, k1=1.0)])
    beam = cv.ParticleBeam(x=array([1e-3, 2e-3], backend), p0c=P0C)
    out = line.track(beam)
    assert not to_numpy(out.alive).any()
    assert float(out.transmission) == 0.0
    assert to_numpy(out.x).tolist() == [1e-3, 2e-3]
    assert out.s == 2.0


@pytest.mark.parametrize("why", ["sideways", "backwards", "far away"])
def test_nonsense_is_lost_rather_than_tracked(backend, array, to_numpy, why):
    """In a drift, without any aperture."""
    bad = {"sideways": {"px": [1.1, 0.0]}, "backwards": {"pz": [-1.5, 0.0]}, "far away": {"x": [1001.0, 0.0]}}[why]
    beam = cv.ParticleBeam(**{name: array(value, backend) for name, value in bad.items()}, p0c=P0C)
    out = cv.Lattice([cv.Drift(length=1.0), cv.Quadrupole(length=1.0, k1=1.0)]).track(beam)
    assert to_numpy(out.alive).tolist() == [False, True]
    assert to_numpy(out.lost_s).tolist() == [0.0, math.inf]
    assert np.array_equal(to_numpy(out.coordinates)[:, 0], to_numpy(beam.coordinates)[:, 0])


def test_losses_in_a_batch_of_settings(backend, array, to_numpy):
    """Kicked to either side, a particle is lost on one of them."""
    kick = array([[1e-3], [-1e-3]], backend)
    limit = array([5e-4, 2e-3], backend)
    line = cv.Lattice([cv.HKicker(kick=kick), cv.Drift(length=1.0, x2_limit=limit), cv.Drift(length=1.0)])
    out = line.track(cv.ParticleBeam(x=array([0.0, 1e-5, 0.9], backend), p0c=P0C))
    assert out.shape == (2, 2)
    assert to_numpy(out.alive).tolist() == [
        [[False, False, False], [True, True, False]],
        [[True, True, False], [True, True, False]],
    ]
    assert to_numpy(out.lost_s)[0, 0].tolist() == [1.0, 1.0, 1.0]
    assert to_numpy(out.x)[:, :, 0] == pytest.approx(np.array([[1e-3, 2e-3], [-2e-3, -2e-3]]), rel=1e-6)


def test_a_line_with_everything_loses_the_same_everywhere(line, make_beam, backend, to_numpy):
    reference = line.track(make_beam(n=400))
    out = line.track(make_beam(backend, n=400))
    assert 20 < (~reference.alive).sum() < 380
    assert len(set(reference.lost_s.tolist())) == 3  # two apertures, and infinity
    assert np.array_equal(to_numpy(out.alive), reference.alive)
    assert to_numpy(out.lost_s) == pytest.approx(reference.lost_s, rel=1e-15)
    lost = ~reference.alive
    assert to_numpy(out.coordinates)[:, lost] == pytest.approx(np.stack(reference.coordinates)[:, lost], rel=1e-12, abs=1e-18)


@pytest.mark.usefixtures("jax_programs")
@pytest.mark.parametrize("compiled", ["numpy", "jax"])
def test_a_line_with_everything_compiled_loses_the_same(line, make_beam, compiled, to_numpy):
    if compiled == "numpy":
        pytest.importorskip("numba")
    reference = line.track(make_beam(n=400))
    out = line.compile(compiled)(make_beam(compiled, n=400))
    assert np.array_equal(to_numpy(out.alive), reference.alive)
    assert to_numpy(out.lost_s) == pytest.approx(reference.lost_s, rel=1e-15)
    scale = np.abs(np.stack(reference.coordinates)).max(axis=-1, keepdims=True)
    assert (np.abs(to_numpy(out.coordinates) - np.stack(reference.coordinates)) / scale).max() < 1e-13


@pytest.mark.usefixtures("jax_programs")
def test_many_particles_go_in_pieces_and_come_out_whole(make_beam, array):
    """More than a chunk of any backend, with losses in some pieces and none in others."""
    n = 70_000
    x = np.zeros(n)
    x[:10] = x[-3:] = 1.0
    for backend in ("numpy", "torch"):
        out = cv.Lattice([drift(x_limit=1e-3), drift()]).track(cv.ParticleBeam(x=array(x, backend), p0c=P0C))
        assert (np.asarray(out.lost_s) == np.where(x > 0, 1.0, np.inf)).all()
        assert np.array_equal(np.asarray(out.x), x)
    if pytest.importorskip("jax"):
        out = cv.Lattice([drift(x_limit=1e-3), drift()]).compile("jax")(cv.ParticleBeam(x=array(x, "jax"), p0c=P0C))
        assert (np.asarray(out.lost_s) == np.where(x > 0, 1.0, np.inf)).all()
        assert np.array_equal(np.asarray(out.x), x)


def test_what_was_observed_before_a_loss_is_untouched(make_beam):
    line = cv.Lattice([cv.Drift(name="before", length=1.0), cv.Drift(name="stop", length=1.0, x_limit=1e-9)])
    _, history = line.track(make_beam(), observe="all")
    assert history["before"][0].alive.all()
    assert not history["stop"][0].alive.any()


def test_derivatives_of_the_survivors_are_finite(differentiable, array):
    """Losses, and what was lost sideways, leave no trace of NaN."""

    def size(k1, beam):
        line = cv.Lattice([drift(x_limit=2e-3), cv.Quadrupole(length=0.5, k1=k1), drift(x_limit=2e-3)])
        return line.track(beam).sigma_x

    x = array([0.0, 1e-3, 5e-3, 0.5e-3], differentiable)
    px = array([0.0, 1e-4, 1.5, 2e-4], differentiable)
    beam = cv.ParticleBeam(x=x, px=px, p0c=P0C)
    if differentiable == "torch":
        import torch

        k1 = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
        (slope,) = torch.autograd.grad(size(k1, beam), k1)
    else:
        import jax

        slope = jax.grad(size)(0.3, beam)
    h = 1e-5
    difference = (float(size(0.3 + h, beam)) - float(size(0.3 - h, beam))) / (2 * h)
    assert float(slope) == pytest.approx(difference, rel=1e-7)
