"""Matching, orbit correction, and machines with errors."""

from __future__ import annotations

import numpy as np
import pytest

import caraval as cv
from caraval.optics import Target, closed_orbit, correct_orbit, match, orbit_response, tunes, twiss, with_errors

from . import rings


def test_a_cell_is_matched_to_tunes():
    pytest.importorskip("torch")
    ring = cv.Lattice(rings.cell(), reference=rings.REFERENCE, geometry="closed")
    wanted = tunes(ring.replace({"qf.k1": 1.25, "qd.k1": -1.02}))
    found = match(
        ring, [Target("tune_a", wanted.a), Target("tune_b", wanted.b, weight=2.0)], {"qf.k1": (0.5, 2.0), "qd.k1": None}
    )
    assert found.success
    assert found.settings == pytest.approx({"qf.k1": 1.25, "qd.k1": -1.02}, rel=1e-9)
    assert tunes(found.lattice)[:2] == pytest.approx(wanted[:2], abs=1e-11)
    assert found.deviations == pytest.approx({"tune_a": 0.0, "tune_b": 0.0}, abs=1e-11)


def test_a_line_is_matched_to_twiss_parameters_within_limits():
    pytest.importorskip("torch")
    quadrupoles = [cv.Quadrupole(name=f"q{i}", length=0.2, k1=(-1) ** i * 2.0) for i in range(4)]
    line = [part for q in quadrupoles for part in (q, cv.Drift(length=0.6))]
    lattice = cv.Lattice(line, reference=rings.REFERENCE, beginning={"beta_a": 4.0, "beta_b": 2.0, "alpha_a": 0.5})
    end = twiss(lattice.replace({"q0.k1": 1.7, "q1.k1": -1.6, "q2.k1": 2.1, "q3.k1": -2.3})).at(-1)
    names = ("beta_a", "alpha_a", "beta_b", "alpha_b")
    knobs = {f"q{i}.k1": (0.0, 4.0) if i % 2 == 0 else (-4.0, 0.0) for i in range(4)}
    found = match(lattice, [Target(name, end[name]) for name in names], knobs)
    after = twiss(found.lattice).at(-1)
    assert [after[name] for name in names] == pytest.approx([end[name] for name in names], abs=1e-8)
    limited = match(lattice, [Target("beta_a", 0.01, at="q2")], {"q0.k1": (1.9, 2.1)})
    assert 1.9 <= limited.settings["q0.k1"] <= 2.1
    assert abs(limited.deviations["beta_a at q2"]) > 0.1


@pytest.mark.parametrize("library", ["torch", "optax"])
def test_optimisers_of_others_come_to_the_same(library):
    torch = pytest.importorskip("torch")
    optimizer = lambda knobs: torch.optim.LBFGS(knobs, line_search_fn="strong_wolfe")  # noqa: E731
    if library == "optax":
        optax = pytest.importorskip("optax")
        optimizer = optax.adam(optax.exponential_decay(0.1, 10, 0.7))
    wanted = {"q0.k1": 1.7, "q1.k1": -1.6}
    lattice, end = doublet(wanted)
    knobs = {"q0.k1": (0.0, 4.0), "q1.k1": None}
    found = match(lattice, [Target(name, end[name]) for name in ("beta_a", "beta_b")], knobs, optimizer=optimizer, steps=60)
    assert found.settings == pytest.approx(wanted, abs=1e-4 if library == "torch" else 5e-3)
    assert found.success == (library == "torch")


def doublet(settings):
    """A line, and the optics at its end with other settings."""
    elements = [cv.Quadrupole(name="q0", length=0.2, k1=2.0), cv.Quadrupole(name="q1", length=0.2, k1=-2.0)]
    line = [part for quadrupole in elements for part in (quadrupole, cv.Drift(length=0.6))]
    lattice = cv.Lattice(line, reference=rings.REFERENCE, beginning={"beta_a": 4.0, "beta_b": 2.0, "alpha_a": 0.5})
    return lattice, twiss(lattice.replace(settings)).at(-1)


def test_optimisers_keep_to_limits_and_say_what_went_wrong():
    torch = pytest.importorskip("torch")
    ring = cv.Lattice(rings.cell(), reference=rings.REFERENCE, geometry="closed")
    targets = [Target("tune_a", 0.4)]
    slow = match(ring, targets, {"qf.k1": (1.0, 1.15)}, optimizer=lambda knobs: torch.optim.SGD(knobs, lr=1.0), steps=8)
    assert slow.settings["qf.k1"] == pytest.approx(1.15)
    wild = match(ring, targets, ["qf.k1"], optimizer=lambda knobs: torch.optim.SGD(knobs, lr=1e3), steps=8)
    assert not wild.success
    assert "no optics" in wild.message
    assert wild.settings["qf.k1"] == 1.1
    for wrong in ("adam", lambda knobs: knobs):
        with pytest.raises(cv.InputError, match=r"optimizer must make a torch\.optim\.Optimizer"):
            match(ring, targets, ["qf.k1"], optimizer=wrong)


def test_derivatives_of_targets_are_exact():
    torch = pytest.importorskip("torch")
    from caraval.core.registry import registry

    found = registry().backend("torch").jacobian(lambda x: [x[0] * x[1], torch.sin(x[0]), 3.0], np.array([2.0, 5.0]))
    np.testing.assert_allclose(found, [[5.0, 2.0], [np.cos(2.0), 0.0], [0.0, 0.0]], rtol=1e-15)


def test_matches_that_are_none():
    ring = cv.Lattice(rings.cell(), reference=rings.REFERENCE, geometry="closed")
    with pytest.raises(cv.InputError, match="at least one target and one knob"):
        match(ring, [], {"qf.k1": None})
    with pytest.raises(cv.UnknownNameError, match="no 'beta_q' to be a target"):
        match(ring, [Target("beta_q", 1.0)], ["qf.k1"])
    with pytest.raises(cv.InputError, match="have 2 values of k1"):
        match(ring, [Target("beta_a", 1.0)], ["q*.k1"])


# -------------------------------------------------------------------- orbits


def steered(cells: int = 4) -> cv.Lattice:
    line = [
        part
        for i in range(cells)
        for part in (*rings.cell(), cv.HKicker(name=f"h{i}"), cv.VKicker(name=f"v{i}", length=0.1), cv.Monitor(name=f"m{i}"))
    ]
    return cv.Lattice(line, reference=rings.REFERENCE, geometry="closed")


@pytest.mark.parametrize("geometry", ["closed", "open"])
def test_the_response_is_that_of_orbits_found_anew(geometry):
    lattice = steered().replace({"qf##2.x_offset": 2e-4, "qd##1.tilt": 0.05}, geometry=geometry)
    found = orbit_response(lattice, ["h*.kick", "v*.kick"], ["m*"])
    assert found.matrix.shape == (8, 8)
    start = {} if geometry == "closed" else {"start": {"beta_a": 1.0, "beta_b": 1.0}}
    rows = np.array(found.monitors) + 1
    for column, (place, name) in enumerate(found.correctors):
        ends = []
        for kick in (1e-5, -1e-5):
            elements = list(lattice.elements)
            elements[place] = elements[place].replace(**{name: kick})
            table = twiss(lattice.replace(elements=elements), **start)
            ends.append(np.array([*table.x[rows], *table.y[rows]]))
        np.testing.assert_allclose(found.matrix[:, column], (ends[0] - ends[1]) / 2e-5, rtol=0, atol=2e-7)
    table = twiss(lattice, **start)
    np.testing.assert_allclose(found.orbit, [*table.x[rows], *table.y[rows]], rtol=0, atol=1e-15)


def test_an_orbit_is_corrected():
    lattice = steered(6).replace({"qf##2.x_offset": 3e-4, "qd##4.y_offset": -2e-4, "qf##5.tilt": 0.01})
    corrected = correct_orbit(lattice, ["h*.kick", "v*.kick"], ["m*"])
    before, after = (orbit_response(each, ["h0.kick"], ["m*"]).orbit for each in (lattice, corrected))
    assert np.abs(before).max() > 1e-4
    assert np.abs(after).max() < 1e-10
    gently = correct_orbit(lattice, ["h*.kick", "v*.kick"], ["m*"], singular_values=3, rounds=1)
    rest = orbit_response(gently, ["h0.kick"], ["m*"]).orbit
    assert 1e-6 < np.linalg.norm(rest) < np.linalg.norm(before)


# -------------------------------------------------------------------- errors


def test_machines_with_errors_from_a_seed():
    ring = rings.ring(4)
    given = {"machines": 5, "seed": 7, "relative": {"qf.k1": 1e-3}}
    many = with_errors(ring, {"q*.x_offset": 1e-4}, **given)
    assert many["qf##1"].x_offset.shape == (5,)
    assert (many["qf##1"].x_offset != many["qf##2"].x_offset).all()
    assert many == with_errors(ring, {"q*.x_offset": 1e-4}, **given)
    alone = with_errors(ring, {"q*.x_offset": 1e-4}, machines=5, seed=7)
    np.testing.assert_array_equal(alone["qd##3"].x_offset, many["qd##3"].x_offset)
    assert alone["qf##1"].k1 == 1.1
    orbit = closed_orbit(many)
    assert orbit.x.shape == (5,)
    one = ring.replace({f"{name}##{i}.{what}": float(getattr(many[f"{name}##{i}"], what)[3])
                        for name in ("qf", "qd") for i in range(1, 5) for what in ("x_offset", "k1")
                        if np.shape(getattr(many[f"{name}##{i}"], what))})  # fmt: skip
    assert orbit.x[3] == pytest.approx(closed_orbit(one).x, abs=1e-13)


def test_errors_are_cut_and_have_their_size():
    line = cv.Lattice([cv.Quadrupole(name="q", length=0.1)], reference=rings.REFERENCE)
    drawn = with_errors(line, {"q.y_offset": 2e-4}, machines=20_000, seed=1, cut=2.0)["q"].y_offset
    assert np.abs(drawn).max() <= 4e-4
    assert np.std(drawn) == pytest.approx(0.8796 * 2e-4, rel=0.02)  # of a Gaussian cut at two
    with pytest.raises(cv.InputError, match="must be positive"):
        with_errors(line, {"q.y_offset": 2e-4}, machines=0, seed=1)
