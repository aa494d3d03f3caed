"""Statistics along a line, and their drawings."""

from __future__ import annotations

import re
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval import plot
from caraval.core.errors import BackendError, InputError


def beam(backend: str = "numpy", dtype: str = "float64", n: int = 200, **changes: Any) -> cv.ParticleBeam:
    settings: dict[str, Any] = {
        "beta_x": 5.0, "beta_y": 3.0, "emittance_x": 1e-8, "emittance_y": 1e-8, "sigma_z": 1e-3, "sigma_pz": 1e-3,
        "p0c": 1e8, "seed": 3, **changes,
    }  # fmt: skip
    return cv.ParticleBeam.from_twiss(n, backend=backend, dtype=dtype, **settings)


# -------------------------------------------------------------------- the table


def test_columns(line: cv.Lattice, backend: str, dtype: str, epsilon: float) -> None:
    bunch = beam(backend, dtype)
    table = plot.along(line, bunch)
    assert len(table) == len(line) + 1
    assert list(table.place) == list(range(-1, len(line)))
    assert list(table.name) == ["start", *line.names]
    out, history = line.track(bunch, observe="all")
    for name in ("q1", "col", "b1", "end"):
        [expected] = history[name]
        i = list(table.name).index(name)
        assert table.s[i] == pytest.approx(float(expected.s))
        assert table.energy[i] == pytest.approx(float(expected.reference.energy))
        assert table.transmission[i] == pytest.approx(float(expected.transmission))
        assert table.covariance_x_px[i] == pytest.approx(float(expected.covariance_of(0, 1)), rel=1e4 * epsilon)
        for column in (
            "mean_x", "mean_y", "sigma_x", "sigma_y", "sigma_z", "sigma_pz", "normalized_emittance_x", "normalized_emittance_y",
        ):  # fmt: skip
            assert getattr(table, column)[i] == pytest.approx(float(getattr(expected, column)), rel=1e4 * epsilon)
    assert table.transmission[-1] < 1
    assert float(table.beam.sigma_x) == pytest.approx(float(out.sigma_x), rel=10 * epsilon)
    assert all(isinstance(getattr(table, name), np.ndarray) for name in ("s", "sigma_x", "name", "place"))


def test_some_places(fodo: cv.Lattice) -> None:
    twice = fodo + fodo
    table = plot.along(twice, beam(), observe=["qd", "d2##1"])
    assert list(table.name) == ["start", "qd##1", "d2##1", "qd##2", "end"]
    assert list(table.place) == [-1, 2, 3, 6, 7]
    assert table.sigma_x[-1] == pytest.approx(table.beam.sigma_x, rel=1e-14)
    assert list(plot.along(twice, beam(), observe="d2").name) == ["start", "d2##1", "d2##2"]
    assert list(plot.along(twice, beam(), observe=()).name) == ["start", "end"]
    part = table.rows(table.place > 3)
    assert list(part.name) == ["qd##2", "end"]
    assert part.beam is table.beam


def test_names_of_elements_without() -> None:
    lattice = cv.Lattice([cv.Drift(length=1.0), cv.Monitor(name="m"), cv.Drift(length=1.0)])
    assert plot.element_labels(lattice) == ["Drift#0", "m", "Drift#2"]
    assert list(plot.along(lattice, beam()).name) == ["start", "Drift#0", "m", "Drift#2"]


def test_moments(fodo: cv.Lattice) -> None:
    particles, moments = (plot.along(fodo, bunch) for bunch in (beam(sigma_pz=0.0), beam(sigma_pz=0.0).to_moments()))
    assert moments.sigma_x == pytest.approx(particles.sigma_x, rel=1e-3)
    assert list(moments.transmission) == [1.0] * 5


@pytest.mark.parametrize("name", ["numpy", "torch", "jax"])
def test_compiled(line: cv.Lattice, name: str) -> None:
    pytest.importorskip({"numpy": "numba"}.get(name, name))
    if name == "torch":
        pytest.skip("compiles for a minute; it is the same call")
    eager = plot.along(line, beam(name), ["bpm1", "bpm2"])
    compiled = plot.along(line, beam(name), ["bpm1", "bpm2"], compiled=True)
    assert list(compiled.name) == list(eager.name)
    assert compiled.sigma_x == pytest.approx(eager.sigma_x, rel=1e-12)


def test_gradients_do_not_matter(fodo: cv.Lattice) -> None:
    torch = pytest.importorskip("torch")
    k1 = torch.tensor(1.3, dtype=torch.float64, requires_grad=True)
    table = plot.along(fodo.replace({"qf.k1": k1}), beam("torch"))
    assert table.sigma_x == pytest.approx(plot.along(fodo, beam()).sigma_x, rel=1e-12)


def test_progress(fodo: cv.Lattice) -> None:
    told: list[tuple[int, int]] = []
    table = plot.along(fodo, beam(), "qd", progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert list(table.name) == ["start", "qd", "end"]


def test_progress_is_told_seldom() -> None:
    told: list[int] = []
    lattice = cv.Lattice([cv.Drift(name="d", length=0.01)] * 1000)
    plot.along(lattice, beam(n=10), (), progress=lambda done, total: told.append(done))
    assert len(told) == 100
    assert told[-1] == 1000


def test_reference_of_the_beam(fodo: cv.Lattice) -> None:
    lattice = fodo.replace(reference=cv.Reference("electron", p0c=2e8))
    with pytest.raises(InputError, match="reference"):
        plot.along(lattice, beam())
    assert plot.along(lattice, beam(), reference="beam").energy[0] == pytest.approx(1e8, rel=1e-4)


def test_nobody_left() -> None:
    lattice = cv.Lattice([cv.Drift(length=1.0), cv.RCollimator(name="c", length=0.1, x_limit=1e-12), cv.Drift(length=1.0)])
    table = plot.along(lattice, beam())
    assert list(table.transmission) == [1, 1, 0, 0]
    assert np.isnan(table.sigma_x[2:]).all()
    assert table.s[-1] == pytest.approx(2.1)
    pytest.importorskip("matplotlib")
    assert len(plot.beam_sizes(table, lattice).axes) == 3


def test_batches_are_refused(fodo: cv.Lattice) -> None:
    batch = fodo.replace({"qf.k1": np.array([1.0, 1.1])})
    with pytest.raises(InputError, match=r"Quadrupole 'qf': k1 is a batch of shape \(2,\)"):
        plot.along(batch, beam())
    with pytest.raises(InputError, match=r"the beam is a batch of shape \(3,\)"):
        plot.along(fodo, cv.ParticleBeam(x=np.zeros((3, 10)), p0c=1e8))
    reference = cv.Reference("electron", p0c=np.array([1e8, 2e8]))
    with pytest.raises(InputError, match="the lattice's p0c is a batch"):
        plot.along(fodo.replace(reference=reference), beam())
    figure = pytest.importorskip("matplotlib.figure").Figure()
    with pytest.raises(InputError, match="batch"):
        plot.layout(batch, figure.subplots())


def test_unknown_places(fodo: cv.Lattice) -> None:
    with pytest.raises(cv.UnknownNameError, match="qx"):
        plot.along(fodo, beam(), "qx")


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1e-4, 2e-3, 1e-4], (1e-6, "µ")), ([0.0], (1.0, "")), (5e-3, (1e-3, "m")), ([np.nan, 1e8], (1e6, "M")),
     (1e-20, (1e-15, "f")), (9.999e-7, (1e-6, "µ")), (1e30, (1e12, "T"))],
)  # fmt: skip
def test_prefixes(values: Any, expected: tuple[float, str]) -> None:
    factor, prefix = plot.si_prefix(values)
    assert (pytest.approx(factor), prefix) == expected


# -------------------------------------------------------------------- drawings


@pytest.fixture
def axes() -> Any:
    return pytest.importorskip("matplotlib.figure").Figure().subplots()


def boxes(axes: Any) -> dict[str, list[Any]]:
    """Corners of the boxes in a drawing of a lattice, by what the legend calls them."""
    found: dict[str, list[Any]] = {}
    label = ""
    for collection in axes.collections:
        label = collection.get_label() if not collection.get_label().startswith("_") else label
        found.setdefault(label, []).extend(path.get_extents() for path in collection.get_paths())
    return found


def test_layout(axes: Any, line: cv.Lattice) -> None:
    plot.layout(line, axes)
    drawn = boxes(axes)
    counts = {label: len(found) for label, found in drawn.items()}
    assert counts == {
        "bend": 1, "quadrupole": 2, "sextupole": 1, "corrector": 2, "monitor": 2, "collimator": 2,
    }  # fmt: skip
    focusing, defocusing = drawn["quadrupole"]
    assert (focusing.y0, focusing.y1) == (0, 1)
    assert (defocusing.y0, defocusing.y1) == (-1, 0)
    [bend] = drawn["bend"]
    assert bend.y0 == -bend.y1
    assert (bend.x0, bend.x1) == pytest.approx((0.2 + 0.4 + 0.1 + 0.1, 0.2 + 0.4 + 0.1 + 0.1 + 1.0))


def test_layout_by_sign(axes: Any) -> None:
    lattice = cv.Lattice(
        [
            cv.Quadrupole(length=0.1, k1=0.0),
            cv.Quadrupole(length=0.1, b1_gradient=-1.0),  # focusing for an electron
            cv.Sextupole(length=0.1, k2=-3.0),
            cv.LCavity(length=1.0, voltage=1e6, rf_frequency=1e9),
            cv.Solenoid(length=0.2),
        ],
        reference=cv.Reference("electron", p0c=1e8, s=3.0),
    )
    plot.layout(lattice, axes)
    drawn = boxes(axes)
    assert sorted((box.y0, box.y1) for box in drawn["quadrupole"]) == [(-1, 0), (0, 1), (0, 1)]
    assert [box.y1 for box in drawn["sextupole"]] == [0]
    assert min(box.x0 for box in drawn["quadrupole"]) == 3.0
    assert set(drawn) == {"quadrupole", "sextupole", "cavity", "solenoid"}


def test_layout_of_other_kinds(axes: Any) -> None:
    class PlasmaCell(cv.Element):
        """A kind from a plugin."""

    plot.layout(cv.Lattice([PlasmaCell(length=1.0), cv.Drift(length=1.0)]), axes, start=5.0)
    assert [(box.x0, box.x1) for box in boxes(axes)["other"]] == [(5.0, 6.0)]


def test_many_elements_are_few_artists(axes: Any) -> None:
    cell = [cv.Quadrupole(length=0.1, k1=1.0), cv.Drift(length=1.0), cv.Quadrupole(length=0.1, k1=-1.0)]
    plot.layout(cv.Lattice(cell * 500), axes)
    assert len(axes.collections) == 2


def test_figure(fodo: cv.Lattice, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    table = plot.along(fodo, beam())
    figure = plot.beam_sizes(table, fodo)
    sizes, layout = figure.axes
    curves = {curve.get_label(): curve for curve in sizes.lines if not curve.get_label().startswith("_")}
    assert set(curves) == {r"$\sigma_x$", r"$\sigma_y$"}
    assert curves[r"$\sigma_x$"].get_linestyle() != curves[r"$\sigma_y$"].get_linestyle()  # for black and white
    assert sizes.get_ylabel() == "rms beam size [µm]"
    assert sizes.get_yscale() == "linear"
    assert sizes.get_title(loc="left") == "fodo"
    assert layout.get_xlabel() == "s [m]"
    assert sizes.get_xlim() == layout.get_xlim() == pytest.approx((0, 1.4))
    x, y = curves[r"$\sigma_x$"].get_data()
    assert len(x) > 500
    for s, size in zip(table.s, table.sigma_x, strict=True):
        i = np.argmin(abs(x - s))
        assert y[i] == pytest.approx(size * 1e6, rel=1e-9)
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["quadrupole"]
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_curves_show_waists() -> None:
    pytest.importorskip("matplotlib")
    bunch = beam(beta_x=1.0, alpha_x=2.0, sigma_pz=0.0)
    lattice = cv.Lattice([cv.Drift(length=2.0)])
    curve = plot.beam_sizes(plot.along(lattice, bunch), lattice).axes[0].lines[0]
    s, size = curve.get_data()
    cut = cv.Lattice([cv.Drift(length=0.02)] * 100)
    fine = plot.along(cut, bunch)
    assert size == pytest.approx(np.interp(s, fine.s, fine.sigma_x) * 1e6, rel=2e-3)
    assert size.min() < 0.6 * min(size[0], size[-1])


def test_sparse_places_are_points(fodo: cv.Lattice) -> None:
    pytest.importorskip("matplotlib")
    table = plot.along(fodo, beam(), "d1")  # not next to the start, nor to the end: what is between is not known
    sizes = plot.beam_sizes(table).axes[0]
    curve, points = sizes.lines[:2]
    assert list(curve.get_xdata()) == list(points.get_xdata()) == pytest.approx(list(table.s))
    assert points.get_marker() == "o"
    assert sizes.get_xlabel() == "s [m]"


def test_what_changes_has_a_panel() -> None:
    pytest.importorskip("matplotlib")
    lattice = cv.Lattice(
        [
            cv.LCavity(length=3.0, voltage=50e6, rf_frequency=2.856e9, phi0=0.1),
            cv.SBend(length=0.5, angle=0.3),
            cv.Drift(length=100.0),
            cv.RCollimator(length=0.1, x_limit=2e-3),
        ]
    )
    figure = plot.beam_sizes(plot.along(lattice, beam(sigma_pz=1e-2)), lattice, title="all of it")
    first, *labels = [axes.get_ylabel() for axes in figure.axes]
    assert re.fullmatch(r"rms beam size \[.m\]", first)
    assert labels == ["energy\n[MeV]", "bunch length\n[mm]", "transmission\n[%]", ""]
    assert figure.axes[0].get_title(loc="left") == "all of it"


def test_logarithmic_where_sizes_span_much() -> None:
    pytest.importorskip("matplotlib")
    lattice = cv.Lattice([cv.Drift(length=1000.0)])
    figure = plot.beam_sizes(plot.along(lattice, beam(beta_x=1.0)), lattice)
    assert figure.axes[0].get_yscale() == "log"
    figure.savefig(BytesIO())


@pytest.mark.parametrize("elements", [[cv.Marker(name="m")], [cv.Drift(length=1.0)]])
def test_little_to_draw(elements: list[cv.Element]) -> None:
    pytest.importorskip("matplotlib")
    lattice = cv.Lattice(elements)
    figure = plot.beam_sizes(plot.along(lattice, cv.ParticleBeam(x=[0.0, 0.0], p0c=1e8)), lattice)
    figure.savefig(BytesIO())


def test_optics_have_panels_for_what_there_is(fodo: cv.Lattice) -> None:
    fodo = fodo.replace(reference=cv.Reference("electron", p0c=1e8))
    start = {"beta_a": 4.0, "beta_b": 2.0}
    plain = plot.twiss_functions(cv.optics.twiss(fodo, start), fodo)
    assert [axes.get_ylabel() for axes in plain.axes] == ["beta [m]", ""]
    more = plot.twiss_functions(cv.optics.twiss(fodo, {**start, "eta_x": 0.2, "y": 1e-3}))
    assert [axes.get_ylabel().split()[0] for axes in more.axes] == ["beta", "dispersion", "orbit"]


def test_beta_functions_are_parabolas_in_drifts() -> None:
    line = cv.Lattice([cv.Drift(length=4.0)], reference=cv.Reference("electron", p0c=1e9))
    figure = plot.twiss_functions(cv.optics.twiss(line, {"beta_a": 5.0, "alpha_a": 2.0, "beta_b": 1.0}))
    s, beta = figure.axes[0].lines[0].get_data()
    np.testing.assert_allclose(beta, 5.0 - 4.0 * s + s**2, rtol=0, atol=1e-12)


def test_a_line_on_the_floor_is_seen_from_the_side_where_it_leaves_the_level() -> None:
    bend = cv.SBend(length=1.0, angle=0.3)
    reference = cv.Reference("electron", p0c=1e9)
    for tilt, panels in ((0.0, 1), (0.5, 2)):
        line = cv.Lattice([bend.replace(ref_tilt=tilt), bend], reference=reference)
        assert len(plot.floor_plan(cv.optics.survey(line)).axes) == panels


def test_no_state_is_left(fodo: cv.Lattice) -> None:
    pytest.importorskip("matplotlib")
    before = "matplotlib.pyplot" in sys.modules
    plot.beam_sizes(plot.along(fodo, beam()), fodo)
    assert ("matplotlib.pyplot" in sys.modules) == before


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch, fodo: cv.Lattice) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    table = plot.along(fodo, beam())
    with pytest.raises(BackendError, match=r"pip install 'caraval\[plot\]'"):
        plot.beam_sizes(table, fodo)
