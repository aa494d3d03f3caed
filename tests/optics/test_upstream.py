"""Matches that depend on the optics upstream, forks and multipass lines: what the optics make of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.core.plan import reference_pass
from caraval.core.reference import C_LIGHT
from caraval.core.registry import registry
from caraval.optics import resolved, survey, twiss

from . import rings

BEGINNING = {"beta_a": 8.0, "alpha_a": -0.6, "beta_b": 5.0, "alpha_b": 0.3, "eta_x": 0.2, "etap_x": 0.01, "cmat_12": 0.1}
ASKED = {"beta_a1": 3.0, "alpha_a1": 0.2, "beta_b1": 7.0, "alpha_b1": -0.4, "eta_y1": 0.1, "c11_mat1": 0.2}
KICKED = {"x": 3e-3, "px": 4e-4, "y": -2e-3, "pz": 1e-3}


def line(k1: Any = 0.8, orbit: dict[str, float] | None = None, **match: Any) -> cv.Lattice:
    """Return a line with a match behind quadrupoles, a skew one among them, and a sextupole."""
    given = {"matrix": "match_twiss", **ASKED, **match}
    elements = [
        cv.Quadrupole(name="q", length=0.5, k1=k1), cv.Drift(length=1.0), cv.Sextupole(name="s", length=0.2, k2=5.0),
        cv.Quadrupole(name="r", length=0.2, k1=-0.6, tilt=0.2), cv.Match(name="m", **given), cv.Drift(length=0.7),
    ]  # fmt: skip
    metadata = {"particle_start": orbit} if orbit else {}
    return cv.Lattice(elements, reference=rings.REFERENCE, geometry="open", beginning=BEGINNING, metadata=metadata)


def behind(lattice: cv.Lattice, names: Sequence[str], place: int = 5) -> list[Any]:
    table = twiss(lattice)
    return [table[name][..., place] for name in names]


# -------------------------------------------------------------------- matches


@pytest.mark.parametrize("orbit", [None, KICKED])
def test_behind_a_match_are_the_optics_it_asks_for(orbit: dict[str, float] | None) -> None:
    """Also about an orbit off the axis, where sextupoles focus, and with momenta."""
    found = behind(line(orbit=orbit), [name[:-1] for name in ASKED])
    np.testing.assert_allclose(found, list(ASKED.values()), rtol=0, atol=1e-12)


def test_a_trombone_turns_phases_alone_about_any_orbit() -> None:
    lattice = line(orbit=KICKED, matrix="phase_trombone", dphi_a=0.3, dphi_b=1.1)
    table = twiss(lattice)
    for name in ("beta_a", "alpha_a", "beta_b", "alpha_b", "eta_x", "etap_x", "eta_y", "etap_y", "c12_mat", "c22_mat"):
        assert table[name][5] == pytest.approx(table[name][4], abs=1e-12), name
    assert [table[f"phi_{mode}"][5] - table[f"phi_{mode}"][4] for mode in "ab"] == pytest.approx([0.3, 1.1], abs=1e-12)


def test_matches_behind_matches() -> None:
    """The second one takes what the first one makes, though the first one takes all particles to one orbit."""
    first = line(kick0="match_orbit", x1=1e-3, px1=-2e-4)
    second = cv.Match(name="n", matrix="match_twiss", beta_a1=2.0, beta_b1=9.0, px0=1e-4, pz0=2e-3)
    both = first.replace(elements=[*first.elements, second])
    table = twiss(both)
    assert [table.x[5], table.px[5]] == [1e-3, -2e-4]
    for name, value in {"beta_a": 2.0, "alpha_a": 0.0, "beta_b": 9.0, "eta_x": 0.0, "etap_x": 0.0, "eta_y": 0.0}.items():
        assert table[name][-1] == pytest.approx(value, abs=1e-12), name


SETTINGS = [0.8, 0.5, -0.3]


@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_settings_as_a_batch_are_those_one_by_one(backend: str) -> None:
    if backend != "numpy":
        pytest.importorskip(backend)
    k1 = registry().backend(backend).asarray(np.array(SETTINGS))
    table = twiss(line(k1, KICKED))
    alone = [twiss(line(value, KICKED)) for value in SETTINGS]
    for name in ("beta_a", "alpha_b", "eta_x", "eta_y", "phi_a", "c11_mat", "x"):
        found = np.broadcast_to(np.asarray(table[name]), (len(SETTINGS), 7))
        np.testing.assert_allclose(found, [one[name] for one in alone], rtol=0, atol=1e-12, err_msg=name)
    asked = np.broadcast_to(np.asarray(table.beta_a)[..., 5], len(SETTINGS))
    np.testing.assert_allclose(asked, ASKED["beta_a1"], rtol=1e-13)


def tracked(k1: Any) -> Any:
    """Return where a particle is behind the match, whose matrix depends on what is upstream."""
    return line(k1).transfer_map().matrix[0, 1]


def slope() -> float:
    step = 1e-5
    return float((tracked(0.8 + step) - tracked(0.8 - step)) / (2 * step))


def test_gradients_by_strengths_upstream_on_torch() -> None:
    torch = pytest.importorskip("torch")
    k1 = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    (found,) = torch.autograd.grad(tracked(k1), k1)
    assert abs(slope()) > 1e-2
    assert float(found) == pytest.approx(slope(), rel=1e-7)
    asked = twiss(line(k1)).beta_a[5]
    assert float(torch.autograd.grad(asked, k1)[0]) == pytest.approx(0.0, abs=1e-12)


def test_gradients_by_strengths_upstream_on_jax() -> None:
    jax = pytest.importorskip("jax")
    assert float(jax.grad(tracked)(0.8)) == pytest.approx(slope(), rel=1e-7)


@pytest.mark.slow
def test_gradients_by_strengths_upstream_where_a_trace_hides_whether_modes_are_flipped() -> None:
    jax = pytest.importorskip("jax")
    assert float(jax.jit(jax.grad(tracked))(0.8)) == pytest.approx(slope(), rel=1e-7)


def test_a_match_follows_what_changes_upstream() -> None:
    """In new lattices, in trackers that are compiled once, and in parts of the line; one that is resolved stays as it was."""
    before = line(0.7).with_tracking("linear")
    after, fixed = (lattice.replace({"q.k1": 0.8}) for lattice in (before, resolved(before)))
    np.testing.assert_allclose(twiss(after).beta_a[5], ASKED["beta_a1"], rtol=1e-13)
    assert abs(twiss(fixed).beta_a[5] - ASKED["beta_a1"]) > 1e-2
    beam = cv.ParticleBeam(x=[1e-4, 0.0], px=[0.0, 2e-5], reference=before.reference)
    expected = after.track(beam)
    tracker = before.compile(parameters=["q.k1"])
    assert float(np.abs(tracker(beam, {"q.k1": 0.6}).x - expected.x).max()) > 1e-6
    np.testing.assert_allclose(tracker(beam, {"q.k1": 0.8}).x, expected.x, rtol=0, atol=1e-16)
    np.testing.assert_allclose(after[4:].track(after[:4].track(beam)).x, expected.x, rtol=0, atol=1e-16)


def test_gradients_of_what_is_tracked_through_a_match() -> None:
    """By a strength upstream, which changes the match; again and again, as in training."""
    torch = pytest.importorskip("torch")
    k1 = torch.tensor(0.8, dtype=torch.float64, requires_grad=True)
    trained = line(k1)
    beam = cv.ParticleBeam(x=[1e-4], px=[3e-5], reference=trained.reference)
    up, down = (line(0.8 + step).track(beam).x[0] for step in (1e-5, -1e-5))
    for _ in range(2):
        (found,) = torch.autograd.grad(trained.track(beam.to("torch")).x[0], k1)
        assert float(found) == pytest.approx((up - down) / 2e-5, rel=1e-6)


# -------------------------------------------------------------------- forks

FORKS = """
    parameter[particle] = electron; parameter[e_tot] = 1e9; parameter[geometry] = open
    beginning[beta_a] = 8; beginning[alpha_a] = -0.6; beginning[beta_b] = 5; beginning[alpha_b] = 0.3; beginning[eta_x] = 0.2
    beginning[cmat_12] = 0.1; particle_start[x] = 1e-3; particle_start[py] = 2e-4
    q: quadrupole, l = 0.5, k1 = 0.8
    r: quadrupole, l = 0.2, k1 = -0.6, tilt = 0.2
    s: sextupole, l = 0.2, k2 = 5
    d: drift, l = 1
    m: match, matrix = match_twiss, beta_a1 = 3, beta_b1 = 7
    c: lcavity, l = 1, voltage = 1e7, rf_frequency = 1.3e9
    f: fork, to_line = side
    main: line = (q, d, s, r, f, d, q)
    side: line = (q, d, s, c)
    whole: line = (q, d, s, r, q, d, s, c)
"""
CARRIED = ("beta_a", "alpha_a", "beta_b", "alpha_b", "eta_x", "etap_x", "eta_y", "etap_y", "c11_mat", "c12_mat", "c21_mat",
           "c22_mat", "x", "px", "y", "py", "z", "pz")  # fmt: skip


def read(folder: Path, text: str, branch: str | None = None) -> cv.Lattice:
    file = folder / "lattice.bmad"
    file.write_text(text)
    return cv.load(file, branch=branch)


def test_optics_and_orbit_go_on_through_a_fork(tmp_path: Path) -> None:
    side = twiss(read(tmp_path, FORKS + "use, main", "side"))
    whole = twiss(read(tmp_path, FORKS + "use, whole"))
    assert abs(whole.x[4]) > 1e-4
    for name in CARRIED:
        np.testing.assert_allclose(side[name][1:5], whole[name][5:9], rtol=1e-12, atol=1e-15, err_msg=name)
    assert side.p0c[-1] == pytest.approx(whole.p0c[-1], rel=1e-14)


def test_a_match_behind_a_fork(tmp_path: Path) -> None:
    text = FORKS.replace("side: line = (q, d, s, c)", "side: line = (q, d, m); side[geometry] = open")
    table = twiss(read(tmp_path, text + "use, main", "side"))
    assert [table[name][3] for name in ("beta_a", "alpha_a", "beta_b", "eta_x")] == pytest.approx(
        [3.0, 0.0, 7.0, 0.0], abs=1e-12
    )


@pytest.mark.parametrize("own", ["side[beta_a] = 4; side[beta_b] = 2", "side[e_tot] = 2e9", "side[inherit_from_fork] = F"])
def test_a_branch_with_optics_or_an_energy_of_its_own_takes_none(tmp_path: Path, own: str) -> None:
    side = read(tmp_path, f"{FORKS}{own}\nuse, main", "side")
    assert side.beginning.get("beta_a", 0.0) in (0.0, 4)
    assert "eta_x" not in side.beginning


def test_a_fork_in_a_ring_takes_the_periodic_optics(tmp_path: Path) -> None:
    text = """
        parameter[particle] = electron; parameter[e_tot] = 1e9; side[geometry] = open
        q: quadrupole, l = 0.5, k1 = 0.8; r: quadrupole, l = 0.5, k1 = -0.8; d: drift, l = 1; h: kicker, hkick = 1e-4
        f: fork, to_line = side
        main: line = (q, d, h, r, d, f); side: line = (d, q); use, main; main[geometry] = closed
    """
    text = text.replace("side[geometry] = open", "").replace("use, main", "side[geometry] = open; use, main")
    ring, side = twiss(read(tmp_path, text)), twiss(read(tmp_path, text, "side"))
    assert abs(ring.x[0]) > 1e-5
    for name in CARRIED:
        assert side[name][0] == pytest.approx(ring[name][6], rel=1e-12, abs=1e-15), name


def test_a_match_at_the_beginning(tmp_path: Path) -> None:
    text = """
        parameter[e_tot] = 1e9; parameter[geometry] = open; beginning[beta_a] = 8; beginning[beta_b] = 5
        m: match, matrix = match_twiss, beta_a1 = 3, beta_b1 = 4; l: line = (m); use, l
    """
    table = twiss(read(tmp_path, text))
    assert [table.beta_a[1], table.beta_b[1]] == pytest.approx([3, 4], rel=1e-14)


# -------------------------------------------------------------------- multipass


def test_passes_have_their_energies_and_times(tmp_path: Path) -> None:
    """Twice through one cavity: the same focusing field, weaker by the momentum; and the time of each pass."""
    text = """
        parameter[particle] = electron; parameter[e_tot] = 1e8; parameter[geometry] = open
        beginning[beta_a] = 8; beginning[beta_b] = 5
        q: quadrupole, l = 0.5, k1 = 0.8; d: drift, l = 3; c: lcavity, l = 1, voltage = 1e8, rf_frequency = 1.3e9
        m: line[multipass] = (c, q); l: line = (m, d, m); use, l
    """
    lattice = read(tmp_path, text)
    table = twiss(lattice)
    first, second = lattice["q\\1"], lattice["q\\2"]
    np.testing.assert_allclose(np.sqrt(table.p0c**2 + 510998.95069**2)[[0, 1, 2, 3, 4]], [1e8, 2e8, 2e8, 2e8, 3e8], rtol=1e-13)
    assert second.k1 * table.p0c[4] == pytest.approx(first.k1 * table.p0c[1], rel=1e-14)
    alone = twiss(cv.Lattice([cv.Quadrupole(length=0.5, k1=second.k1)], reference=cv.Reference("electron", table.p0c[4])),
                  {name: table[name][4] for name in ("beta_a", "alpha_a", "beta_b", "alpha_b", "pz")})  # fmt: skip
    assert [table.beta_a[5], table.alpha_b[5]] == pytest.approx([alone.beta_a[-1], alone.alpha_b[-1]], rel=1e-12)
    times = [reference.t for reference in reference_pass(registry(), lattice.elements, lattice.reference)]
    beta = table.p0c / np.sqrt(table.p0c**2 + 510998.95069**2)
    assert times[3] - times[1] == pytest.approx(3.5 / (beta[1] * C_LIGHT), rel=1e-13)
    assert times[5] - times[4] == pytest.approx(0.5 / (beta[4] * C_LIGHT), rel=1e-13)
    assert survey(lattice).z[-1] == pytest.approx(6.0, abs=1e-14)
