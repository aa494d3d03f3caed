"""Many settings at once are what they are one by one."""

from __future__ import annotations

import multiprocessing
import os
import tracemalloc
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import InputError, UnknownNameError
from caraval.scanning import DEFAULT, QUANTITIES, Scan
from caraval.scanning import scans as module

OUTPUTS = (
    "sigma_x",
    "mean_x",
    "transmission",
    "beta_y",
    "eta_x",
    "covariance_x_px",
    "normalized_emittance_y",
    "energy",
    "s",
    "charge",
)
SETTINGS = {
    "q1.k1": np.linspace(1.0, 2.0, 7),
    "b1.e1": np.linspace(0.0, 0.1, 7),
    "h1.kick": np.linspace(-1e-4, 1e-4, 7),
    "q2.x_offset": np.linspace(-1e-4, 1e-4, 7),
    "d2.length": np.linspace(0.2, 0.8, 7),
}


@pytest.fixture
def short() -> cv.Lattice:
    """Return two quadrupoles behind an aperture."""
    return cv.Lattice(
        [
            cv.Quadrupole(name="q1", length=0.2, k1=1.3, x_limit=3e-4, y_limit=3e-4),
            cv.Drift(name="d1", length=0.5),
            cv.Monitor(name="bpm"),
            cv.Quadrupole(name="q2", length=0.2, k1=-1.3),
            cv.Monitor(name="bpm"),
            cv.Monitor(name="screen"),
        ]
    )


def one_by_one(lattice, beam, settings, outputs=OUTPUTS):
    """Track without scan: the truth."""
    rows = []
    for i in range(len(next(iter(settings.values())))):
        out = lattice.replace({name: float(column[i]) for name, column in settings.items()}).track(beam)
        moments = out.to_moments() if isinstance(out, cv.ParticleBeam) else out
        transmission = out.transmission if isinstance(out, cv.ParticleBeam) else 1.0
        found = {
            "transmission": transmission, "beta_y": moments.twiss("y").beta, "eta_x": moments.twiss("x").eta,
            "covariance_x_px": moments.covariance[0, 1], "energy": out.reference.energy, "s": out.reference.s,
        }  # fmt: skip
        rows.append([float(found[name] if name in found else getattr(moments, name)) for name in outputs])
    return dict(zip(outputs, np.array(rows).T, strict=True))


def assert_table(table, settings, expected, rtol=1e-9):
    assert list(table) == [*settings, *expected]
    for name, column in settings.items():
        np.testing.assert_array_equal(table[name], column)
    for name, column in expected.items():
        assert isinstance(table[name], np.ndarray)
        np.testing.assert_allclose(table[name], column, rtol=rtol, atol=1e-15, err_msg=name)


# -------------------------------------------------------------------- the same as one by one


@pytest.mark.parametrize("chunk", [None, 3, 7, 1])
def test_moments(line, make_beam, backend, chunk):
    beam = make_beam().to_moments()
    table = cv.scan(line, beam, SETTINGS, OUTPUTS, backend=backend, chunk=chunk)
    assert_table(table, SETTINGS, one_by_one(line, beam, SETTINGS))


@pytest.mark.parametrize("chunk", [None, 3])
@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_particles(line, make_beam, name, chunk):
    pytest.importorskip(name)
    beam = make_beam()
    expected = one_by_one(line, beam, SETTINGS)
    assert len(set(expected["transmission"])) > 2  # the collimator takes some, how many depends on the setting
    table = cv.scan(line, beam.to(name), SETTINGS, OUTPUTS, chunk=chunk, compiled=False)
    assert_table(table, SETTINGS, expected)


@pytest.mark.parametrize("name", ["numpy", pytest.param("torch", marks=pytest.mark.slow), "jax"])
def test_compiled_particles(short, make_beam, name):
    pytest.importorskip("numba" if name == "numpy" else name)
    settings = {"q1.k1": np.linspace(1.0, 2.0, 5), "q2.k1": np.linspace(-2.0, -1.0, 5)}
    table = cv.scan(short, make_beam(), settings, OUTPUTS, backend=name, chunk=2)
    assert_table(table, settings, one_by_one(short, make_beam(), settings))


def test_single_precision(short, make_beam):
    settings = {"q1.k1": np.linspace(1.0, 2.0, 5)}
    table = cv.scan(short, make_beam(dtype="float32"), settings, ["sigma_x"], compiled=False)
    assert table["sigma_x"].dtype == np.float32
    assert_table(table, settings, one_by_one(short, make_beam(), settings, ["sigma_x"]), rtol=1e-5)


def test_without_a_compiler(short, make_beam, monkeypatch):
    monkeypatch.setattr("caraval.backends.numpy.find_spec", lambda name: None)
    settings = {"q1.k1": np.linspace(1.0, 2.0, 5)}
    with pytest.warns(UserWarning, match="Numba is not installed"):
        table = cv.scan(short, make_beam(), settings, OUTPUTS)
    assert_table(table, settings, one_by_one(short, make_beam(), settings))


def test_all_quantities(short, make_beam):
    """Each by its own name, at the value that the tracked beam says."""
    beam = make_beam(n=20)
    table = cv.scan(short, beam, {"q1.k1": [1.0]}, list(QUANTITIES), compiled=False)
    out = short.replace({"q1.k1": 1.0}).track(beam)
    for name in QUANTITIES:
        stem, _, plane = name.rpartition("_")
        if name.startswith("covariance"):
            a, b = (cv.Coordinates._fields.index(part) for part in name.split("_")[1:])
            expected = out.covariance[a, b]
        elif stem in ("beta", "alpha", "gamma", "eta", "etap"):
            expected = getattr(out.twiss(plane), stem)
        elif name in ("charge", "energy"):
            expected = {"charge": out.total_charge, "energy": out.reference.energy}[name]
        else:
            expected = getattr(out, name)
        np.testing.assert_allclose(table[name], [float(expected)], rtol=1e-9, err_msg=name)


def test_default_outputs(short, make_beam):
    assert tuple(cv.scan(short, make_beam().to_moments(), {"q1.k1": [1.0]})) == ("q1.k1", *DEFAULT)


# -------------------------------------------------------------------- settings that lose all


def test_settings_that_nothing_comes_through(short, make_beam):
    settings = {"q1.x_limit": np.array([3e-4, 1e-9, 4e-4])}
    table = cv.scan(short, make_beam(), settings, ["transmission", "sigma_x", "beta_x", "s"], compiled=False)
    assert table["transmission"][1] == 0
    np.testing.assert_array_equal(np.isnan(table["sigma_x"]), [False, True, False])
    np.testing.assert_array_equal(np.isnan(table["beta_x"]), [False, True, False])
    assert np.isfinite(table["s"]).all()


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_nothing_comes_through_at_all(short, make_beam, name):
    pytest.importorskip(name)
    settings = {"q1.x_limit": np.array([1e-9, 1e-10])}
    table = cv.scan(short, make_beam(), settings, ["transmission", "sigma_x"], compiled=False, backend=name)
    np.testing.assert_array_equal(table["transmission"], [0, 0])
    assert np.isnan(table["sigma_x"]).all()


def test_settings_that_go_astray(make_beam):
    """Others are as they are, and nobody is told of overflow but by the table."""
    cell = [cv.Quadrupole(name="q", length=0.2, k1=1.3), cv.Drift(length=0.5)]
    settings = {"q.k1": np.array([1.0, -1e4, 1.2])}
    table = cv.scan(cv.Lattice(cell * 80), make_beam().to_moments(), settings, ["sigma_x", "transmission"])
    np.testing.assert_array_equal(np.isfinite(table["sigma_x"]), [True, False, True])
    assert (table["transmission"] == 1).all()


# -------------------------------------------------------------------- places, functions, grids


def test_places(short, make_beam):
    beam = make_beam()
    settings = {"q1.k1": np.linspace(1.0, 2.0, 4)}
    table = cv.scan(short, beam, settings, ["sigma_x"], observe=["bpm", "screen"], chunk=3, compiled=False)
    assert list(table) == ["q1.k1", "sigma_x", "bpm##1.sigma_x", "bpm##2.sigma_x", "screen.sigma_x"]
    for i, k1 in enumerate(settings["q1.k1"]):
        out, history = short.replace({"q1.k1": float(k1)}).track(beam, observe=["bpm"])
        expected = [out.sigma_x, history["bpm"][0].sigma_x, history["bpm"][1].sigma_x, out.sigma_x]
        np.testing.assert_allclose([table[name][i] for name in list(table)[1:]], expected, rtol=1e-12)


def test_a_function_of_what_comes_out(short, make_beam, differentiable):
    beam = make_beam().to_moments()
    settings = {"q1.k1": np.linspace(1.0, 2.0, 4)}
    table = cv.scan(
        short,
        beam,
        settings,
        lambda out: {"mean": out.mean, "area": out.sigma_x * out.sigma_y},
        chunk=3,
        backend=differentiable,
    )
    assert table["mean"].shape == (4, 6)
    out = short.replace(settings).track(beam)
    np.testing.assert_allclose(table["area"], out.sigma_x * out.sigma_y, rtol=1e-12)


def test_a_function_of_places(short, make_beam):
    beam = make_beam().to_moments()
    table = cv.scan(
        short,
        beam,
        {"q1.k1": [1.0, 2.0]},
        lambda out, history: {"growth": out.sigma_x / history["bpm"][0].sigma_x},
        observe="bpm",
    )
    assert table["growth"].shape == (2,)
    assert len(set(table["growth"])) == 2


def test_grids(short, make_beam):
    settings = cv.grid({"q1.k1": [1.0, 2.0], "q2.k1": np.linspace(-2, -1, 3), "d1.length": 0.4})
    np.testing.assert_array_equal(settings["q1.k1"], [1, 1, 1, 2, 2, 2])
    np.testing.assert_array_equal(settings["q2.k1"], [-2, -1.5, -1, -2, -1.5, -1])
    np.testing.assert_array_equal(settings["d1.length"], [0.4] * 6)
    assert len(cv.scan(short, make_beam().to_moments(), settings)["sigma_x"]) == 6


def test_columns_of_a_backend(short, make_beam, array, differentiable):
    settings = {"q1.k1": array([1.0, 2.0], differentiable)}
    table = cv.scan(short, make_beam().to_moments(), settings, ["sigma_x"])
    assert_table(
        table, {"q1.k1": np.array([1.0, 2.0])}, one_by_one(short, make_beam().to_moments(), {"q1.k1": [1.0, 2.0]}, ["sigma_x"])
    )


# -------------------------------------------------------------------- chunks


def test_chunks_are_alike_and_complete(short, make_beam):
    work = Scan(short, make_beam().to_moments(), {"q1.k1": np.arange(10.0)}, chunk=4)
    assert [(c.start, c.rows, c.size) for c in work.chunks] == [(0, 4, 4), (4, 4, 4), (8, 2, 4)]
    assert len(Scan(short, make_beam().to_moments(), {"q1.k1": np.arange(9.0)}, chunk=4).chunks[0].settings["q1.k1"]) == 3


def test_progress(short, make_beam):
    told = []
    cv.scan(short, make_beam().to_moments(), {"q1.k1": np.arange(10.0)}, chunk=4, progress=lambda *so_far: told.append(so_far))
    assert told == [(0, 10), (4, 10), (8, 10), (10, 10)]


def test_big_beams_have_small_chunks(short, make_beam):
    few = module.settings_at_once(short, make_beam(n=100_000), ["q1.k1"])
    many = module.settings_at_once(short, make_beam(n=100), ["q1.k1"])
    assert few * 100_000 * module.PARTICLE_BYTES <= module.MEMORY
    assert many > 900 * few
    assert module.settings_at_once(short, make_beam(n=600_000), ["q1.k1"]) == 1


def test_what_changes_the_energy_changes_all_behind_it(make_beam):
    def at_once(parameter):
        cavity = cv.LCavity(name="c", length=1.0, voltage=1e6, rf_frequency=1e9)
        return module.settings_at_once(
            cv.Lattice([cv.Drift(name="d"), cavity, *[cv.Drift()] * 100]), make_beam().to_moments(), [parameter]
        )

    assert at_once("c.voltage") < at_once("d.x_offset") / 4


def test_threads(short, make_beam):
    settings = {"q1.k1": np.linspace(1.0, 2.0, 20)}
    expected = cv.scan(short, make_beam(), settings, chunk=3, compiled=False)
    with ThreadPoolExecutor(2) as pool:
        table = cv.scan(short, make_beam(), settings, chunk=3, compiled=False, map=pool.map)
    for name, column in expected.items():
        np.testing.assert_array_equal(table[name], column)


def test_processes(short, make_beam, monkeypatch):
    """Fresh ones, which know nothing but what they are sent."""
    monkeypatch.setenv("PYTHONPATH", str(Path(cv.__file__).parents[1]))
    settings = {"q1.k1": np.linspace(1.0, 2.0, 20)}
    short.track(make_beam())
    expected = cv.scan(short, make_beam(), settings, which, chunk=3, compiled=False)
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
        table = cv.scan(short, make_beam(), settings, which, chunk=3, compiled=False, map=pool.map)
    assert (table["process"] != os.getpid()).all()
    np.testing.assert_array_equal(table["sigma_x"], expected["sigma_x"])
    by_process = {n: set(table["work"][table["process"] == n]) for n in set(table["process"])}
    assert all(len(works) == 1 for works in by_process.values())  # made ready once, whatever the number of chunks


def which(out):
    """Say what came out, in which process, and from which beam."""
    from caraval.scanning import work

    (received,) = work._received.values() if os.getpid() != PARENT else (None,)
    return {"sigma_x": out.sigma_x, "process": np.array(os.getpid()), "work": np.array(id(received))}


PARENT = os.getpid() if multiprocessing.parent_process() is None else 0


def test_memory_is_bounded(make_beam):
    """A hundred thousand settings take a chunk's memory and the table's."""
    lattice = cv.Lattice(
        [cv.Quadrupole(name="q1", length=0.2, k1=1.3), cv.Drift(length=0.5), cv.Quadrupole(name="q2", length=0.2, k1=-1.3)]
    )
    beam, n = make_beam().to_moments(), 100_000
    settings = {"q1.k1": np.linspace(1, 2, n), "q2.k1": np.linspace(-2, -1, n)}

    def peak(**how):
        tracemalloc.start()
        table = cv.scan(lattice, beam, settings, ["sigma_x"], **how)
        peaked = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return table["sigma_x"], peaked

    own, bounded = peak()
    assert bounded < module.MEMORY / 2
    small, less = peak(chunk=2_000)
    assert less < 15e6
    np.testing.assert_allclose(small, own, rtol=1e-12)


# -------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({}, "nothing to scan"),
        ({"q1.x_ofset": [1.0]}, "Quadrupole 'q1' has no parameter 'x_ofset'; did you mean 'x_offset'"),
        ({"qq1.k1": [1.0]}, "no element 'qq1' in the lattice; did you mean 'q1'"),
        ({"k1": [1.0]}, "names no parameter"),
        ({"q1.aperture_type": [1.0]}, "is no number"),
        ({"q1.k1": [1.0, 2.0], "q2.k1": [1.0]}, "q1.k1 has 2, q2.k1 has 1"),
        ({"q1.k1": []}, "q1.k1 have no values"),
        ({"q1.k1": 1.0}, "a column of values, not an array of shape ()"),
        ({"q1.k1": ["a"]}, "must hold numbers"),
        ({"q1.k1": [1.0, np.nan]}, "is nan in setting 1"),
    ],
)  # fmt: skip
def test_wrong_settings(short, make_beam, settings, message):
    with pytest.raises((InputError, UnknownNameError)) as caught:
        cv.scan(short, make_beam(), settings)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ({"outputs": ["sigma_q"]}, "no output 'sigma_q'; did you mean"),
        ({"outputs": []}, "a scan needs outputs"),
        ({"chunk": 0}, "chunk must be a positive whole number"),
        ({"backend": "nump"}, "unknown backend 'nump'"),
        ({"observe": "bqm"}, "did you mean 'bpm'"),
        ({"outputs": lambda out: out.sigma_x}, "must return a mapping"),
        ({"outputs": lambda out: {"sizes": out.mean[:1]}}, "output 'sizes' has shape"),
        ({"outputs": lambda out: {"q1.k1": out.sigma_x}}, "has the name of a setting"),
    ],
)  # fmt: skip
def test_wrong_requests(short, make_beam, how, message):
    with pytest.raises(cv.CaravalError) as caught:
        cv.scan(short, make_beam().to_moments(), {"q1.k1": [1.0, 2.0]}, **how)
    assert message in str(caught.value)


def test_batches_are_refused(short, make_beam):
    with pytest.raises(InputError, match="a scan is of one beam"):
        cv.scan(short, short.replace({"q1.k1": np.ones(3)}).track(make_beam()), {"q1.k1": [1.0]})
    with pytest.raises(InputError, match="Quadrupole 'q2': k1 is a batch"):
        cv.scan(short.replace({"q2.k1": np.ones(3)}), make_beam(), {"q1.k1": [1.0]})
    assert cv.scan(short.replace({"q1.k1": np.ones(3)}), make_beam().to_moments(), {"q1.k1": [1.0]})["sigma_x"].shape == (1,)


def test_errors_say_which_settings(make_beam):
    cavity = cv.Lattice([cv.LCavity(name="cav1", length=1.0, voltage=1e6, rf_frequency=1e9)])
    beam = make_beam().to_moments()
    with pytest.raises(cv.InputError, match=r"setting 5 \(cav1.voltage = -1000000000.0\): .*rest energy"):
        cv.scan(cavity, beam, {"cav1.voltage": [1e6, 2e6, 1e6, 1e6, 1e6, -1e9, 1e6]}, chunk=4)
    with pytest.raises(cv.InputError, match=r"settings 2 to 3: .*rest energy"):
        cv.scan(cavity, beam, {"cav1.voltage": [1e6, 2e6, -1e9, -1e9, 1e6, 1e6, 1e6, 1e6]})
