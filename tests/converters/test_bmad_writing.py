"""Bmad lattice files that Caraval writes: they say the same as the lattice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import LatticeError
from caraval.core.losses import LossWarning
from caraval.physics.match import Match
from caraval.physics.patch import Patch
from tests.converters import round_trips
from tests.converters.round_trips import MATRIX, REFERENCE, SAME, through

ELECTRON = cv.Reference("electron", 1e8)

FORKS = {"Fork", "PhotonFork"}

FOREIGN = {"NeuralElement", "SpaceChargeKick", "SymplecticNetwork"}
"""Kinds that Bmad has no element for."""

MIXED = {"field_master", "b_field", "pass_delay", "bl_hkick", "bl_vkick", "hkick", "vkick", "db_field", "dg"} | {
    f"{name}" for name in ("b1_gradient", "k1", "b2_gradient", "k2", "b3_gradient", "k3", "bs_field", "ks")
}
"""Fields that may be another way of saying the same."""

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")


def line(*elements: cv.Element, **changes: object) -> cv.Lattice:
    return cv.Lattice(elements, **{"reference": ELECTRON, **changes})  # type: ignore[arg-type]


def text(lattice: cv.Lattice, folder: Path, **options: object) -> str:
    cv.save(lattice, folder / "out.bmad", **options)  # type: ignore[arg-type]
    return (folder / "out.bmad").read_text()


# -------------------------------------------------------------------- every field


@pytest.mark.parametrize("kind", [kind for kind in round_trips.kinds() if kind not in FORKS | FOREIGN])
def test_every_field_of_every_kind(kind: str, tmp_path: Path) -> None:
    """All elements of a kind in one file: fields are equal; where they are said another way, particles are."""
    methods = cv.core.registry.registry().method_names(cv.core.registry.registry().kind(kind))
    elements = [
        element.replace(name=f"e{number}")
        for number, element in enumerate(round_trips.elements(kind))
        if (element.tracking_method is None or element.tracking_method.name in methods)  # type: ignore[union-attr]
        and getattr(element.tracking_method, "split", "drift") != "free"
        and not getattr(element, "absolute_time_tracking", False)  # which is all cavities' or none's
        and not (isinstance(element, Match) and element.asks_upstream())  # which the reader answers
        and not (isinstance(element, Patch) and (element.against or element.orientation == -1))  # which the line says
    ]
    back, losses = through(line(*elements), tmp_path / "out.bmad")
    assert not [loss for loss in losses if loss.is_physics]
    assert len(back) == len(elements)
    for before, after in zip(elements, back, strict=True):
        different = round_trips.different_fields(before, after)
        if different:
            assert set(different) <= MIXED, (before, different)
            assert round_trips.tracked_difference(line(before), line(after)) <= SAME


@pytest.mark.parametrize("kind", sorted(FOREIGN))
def test_what_bmad_has_no_element_for_is_refused_or_a_drift(kind: str, tmp_path: Path) -> None:
    element = cv.core.registry.registry().kind(kind)(name="here", length=0.2)
    with pytest.raises(cv.LatticeError, match=f"here: {kind} changes the tracking and cannot be carried"):
        text(line(element), tmp_path)
    assert "here: drift, l = 0.2" in text(line(element), tmp_path, on_unsupported="drift")


@pytest.mark.parametrize("kind", sorted(FORKS))
def test_forks_become_markers(kind: str, tmp_path: Path) -> None:
    fork = getattr(cv, kind)(name="f", to_line="elsewhere", direction=-1)
    back, losses = through(line(cv.Drift(name="d", length=1.0), fork), tmp_path / "out.bmad")
    assert back["f"].kind == "Marker"
    assert {(loss.attribute, loss.value) for loss in losses} == {("", kind), ("to_line", "elsewhere"), ("direction", -1)}


# -------------------------------------------------------------------- what is said of the lattice


@pytest.mark.parametrize("species", ["electron", "antiproton", "#12C+6", "H2+"])
def test_reference(species: str, tmp_path: Path) -> None:
    reference = cv.Reference(species, 1.2345678901234567e9, s=3.5, t=-1e-9)
    back, losses = through(line(cv.Drift(name="d", length=1.0), reference=reference), tmp_path / "out.bmad")
    assert back.reference == reference
    assert losses == ()


def test_species_without_name(tmp_path: Path) -> None:
    reference = cv.Reference(cv.Species("strange", 3.21e9, 2), 1e9)
    back, losses = through(line(cv.Drift(name="d", length=1.0), reference=reference), tmp_path / "out.bmad")
    assert back.reference.species.mass == pytest.approx(3.21e9, rel=1e-14)
    assert back.reference.species.charge == 2
    assert [(loss.element, loss.attribute, loss.value) for loss in losses] == [("reference", "species", "strange")]


def test_without_reference(tmp_path: Path) -> None:
    lattice = line(cv.Drift(name="d", length=1.0), reference=None)
    with pytest.raises(LatticeError, match="reference = None"):
        cv.save(lattice, tmp_path / "out.bmad")
    assert list(tmp_path.iterdir()) == []
    with pytest.warns(LossWarning, match="positrons"):
        cv.save(lattice, tmp_path / "out.bmad", on_unsupported="warn")


def test_geometry_beginning_title_and_parameters(tmp_path: Path) -> None:
    beginning = {"beta_a": 1.5, "eta_x": -0.25, "theta_position": 0.1}
    metadata = {"title": "A ring", "parameter": {"machine": "pi", "n_part": 1e10}, "bmad_com": {"spin_tracking_on": True}}
    lattice = line(cv.Drift(name="d", length=1.0), name="ring", geometry="closed", beginning=beginning, metadata=metadata)
    back, losses = through(lattice, tmp_path / "out.bmad")
    assert (back.name, back.geometry, back.beginning) == ("ring", "closed", beginning)
    assert back.metadata["title"] == "A ring"
    assert back.metadata["parameter"]["machine"] == "pi"
    assert back.metadata["parameter"]["n_part"] == 1e10
    assert back.metadata["bmad_com"] == {"spin_tracking_on": True}
    assert losses == ()


def test_what_the_lattice_says_besides_is_listed(tmp_path: Path) -> None:
    lattice = line(cv.Drift(name="d", length=1.0), beginning={"nonsense": 1.0}, metadata={"origin": "there"})
    losses = cv.save(lattice, tmp_path / "out.bmad")
    assert [(loss.attribute, loss.value, loss.is_physics) for loss in losses] == [
        ("nonsense", 1.0, False),
        ("origin", "there", False),
    ]


def test_absolute_time(tmp_path: Path) -> None:
    cavity = cv.RFCavity(name="c", length=1.0, voltage=1e6, rf_frequency=1e9, absolute_time_tracking=True)
    back, _ = through(line(cavity), tmp_path / "out.bmad")
    assert back["c"].absolute_time_tracking is True
    with pytest.raises(LatticeError, match="absolute_time_tracking"):
        cv.save(line(cavity, cavity.replace(name="d", absolute_time_tracking=False)), tmp_path / "out.bmad")


# -------------------------------------------------------------------- names


def test_names_that_repeat(tmp_path: Path) -> None:
    q = cv.Quadrupole(name="q", length=0.1, k1=1.0)
    lattice = line(q, cv.Drift(name="q_2", length=1.0), q.replace(k1=2.0), q, q.replace(k1=2.0))
    back, losses = through(lattice, tmp_path / "out.bmad")
    assert back.names == ["q", "q_2", "q_3", "q", "q_3"]
    assert [element.k1 for element in back if element.kind == "Quadrupole"] == [1.0, 2.0, 1.0, 2.0]
    assert [(loss.element, loss.attribute, loss.instead) for loss in losses] == [("q", "name", "called q_3")]


def test_names_that_bmad_cannot_have(tmp_path: Path) -> None:
    names = ["B 1", "1b", "drift", "end", "Line", "a##b", "", "x1b"]
    back, losses = through(line(*(cv.Drift(name=name, length=1.0 + i) for i, name in enumerate(names))), tmp_path / "o.bmad")
    assert [element.length for element in back] == [1.0 + i for i in range(len(names))]
    assert len(set(back.names)) == len(names)
    renamed = {loss.value for loss in losses if loss.attribute == "name"}
    assert renamed == {"B 1", "1b", "drift", "Line", "a##b", ""}


def test_marker_at_the_end(tmp_path: Path) -> None:
    d, end = cv.Drift(name="d", length=1.0), cv.Marker(name="end")
    for elements in ((d, end), (d,), (end, d), (end, d, end), (d, end.replace(x_limit=0.1)), (end,)):
        back, _ = through(line(*elements), tmp_path / "out.bmad")
        assert back.elements == elements


# -------------------------------------------------------------------- what cannot be carried


def test_kinds_of_plugins_and_methods(tmp_path: Path) -> None:
    lattice = line(cv.Quadrupole(name="q", length=0.1, k1=1.0, tracking_method="second_order"))
    with pytest.raises(LatticeError, match=r"q: tracking_method = second_order changes the tracking"):
        cv.save(lattice, tmp_path / "out.bmad")
    back, losses = through(lattice, tmp_path / "out.bmad", "drift")
    assert back["q"].tracking_method is None
    assert [(loss.attribute, loss.is_physics) for loss in losses] == [("tracking_method", True)]


def test_bends_split_as_elegant_does(tmp_path: Path) -> None:
    free = cv.KickDriftKick(order=4, num_steps=5, split="free")
    bend = cv.SBend(name="b", length=1.0, angle=0.1, tracking_method=free)
    with pytest.raises(LatticeError, match="split='free'"):
        cv.save(line(bend), tmp_path / "out.bmad")
    back, losses = through(line(bend), tmp_path / "out.bmad", "drift")
    assert back["b"].tracking_method == cv.KickDriftKick(order=4, num_steps=5)
    assert [(loss.attribute, loss.is_physics) for loss in losses] == [("tracking_method", True)]
    assert through(line(bend), tmp_path / "out.lte")[0]["b"].tracking_method == free
    straight = line(cv.Quadrupole(name="q", length=1.0, k1=1.0, tracking_method=free))  # where it is no other split
    assert through(straight, tmp_path / "out.bmad")[1][0].is_physics is False


@pytest.mark.parametrize("suffix", [".bmad", ".lte", ".madx"])
def test_slices(suffix: str, tmp_path: Path) -> None:
    """A slice is written as an element by itself, where it is tracked the same."""
    q = cv.Quadrupole(name="q", length=1.0, k1=1.0, x_offset=1e-3)
    pieces = [q.cut(0.0, 0.25), q.cut(0.25, 1.0).replace(name="r")]
    lattice = line(*pieces, cv.SBend(name="b", length=1.0, angle=0.1, e1=0.1, hgap=0.02, fint=0.5).cut(0.5, 1.0))
    back, losses = through(lattice, tmp_path / f"out{suffix}")
    assert not any(loss.is_physics for loss in losses)
    assert round_trips.tracked_difference(lattice, back) <= SAME


def test_slices_that_turn_about_the_middle_of_the_whole(tmp_path: Path) -> None:
    q = cv.Quadrupole(name="q", length=1.0, k1=1.0, x_pitch=0.01, y_pitch=-0.02, tracking_method=cv.KickDriftKick(num_steps=8))
    lattice = line(q.cut(0.25, 0.5))
    back, _ = through(lattice, tmp_path / "out.bmad", "drift")
    assert back["q"].tracking_method == cv.KickDriftKick(num_steps=2)
    assert round_trips.tracked_difference(lattice, back) <= SAME


def test_slices_of_cavities_are_lost(tmp_path: Path) -> None:
    cavity = cv.LCavity(name="c", length=1.0, voltage=1e6, rf_frequency=1e9).cut(0.25, 0.5)
    with pytest.raises(LatticeError, match="slice_of"):
        cv.save(line(cavity), tmp_path / "out.bmad")


def test_patches_that_turn_the_beam_back(tmp_path: Path) -> None:
    """Which way the beam goes follows from the line."""
    q = cv.Quadrupole(name="q", length=0.5, k1=1.0, orientation=-1)
    there = cv.Patch(name="p", x_pitch=np.pi)
    back_again = cv.Patch(name="r", x_pitch=np.pi, against=True)
    lattice = line(cv.Drift(name="d", length=1.0), there, q, back_again, cv.Drift(name="f", length=1.0))
    back, _ = through(lattice, tmp_path / "out.bmad")
    assert [element.against for element in back if isinstance(element, Patch)] == [False, True]
    with pytest.raises(LatticeError, match="r: against = False"):
        cv.save(lattice.replace({"r.against": False}), tmp_path / "out.bmad")


def test_batches(tmp_path: Path) -> None:
    with pytest.raises(LatticeError, match=r"'q': k1 is a batch of shape \(2,\)"):
        cv.save(line(cv.Quadrupole(name="q", length=1.0, k1=np.array([1.0, 2.0]))), tmp_path / "out.bmad")
    assert "k1 = 1.5" in text(line(cv.Quadrupole(name="q", length=1.0, k1=np.array(1.5))), tmp_path)


def test_metadata(tmp_path: Path) -> None:
    known = {"type": 'the "long" one', "alias": "pi", "descrip": "a, b; c", "r_custom(1)": 0.5, "spin_tracking_method": "off"}
    unknown = {"k1": 3.0, "origin": "there", "type ": "x"}
    back, losses = through(line(cv.Quadrupole(name="q", length=1.0, metadata={**known, **unknown})), tmp_path / "out.bmad")
    assert back["q"].metadata == known
    assert back["q"].k1 == 0.0
    assert {loss.attribute: loss.value for loss in losses} == unknown


def test_strengths_and_fields_together(tmp_path: Path) -> None:
    q = cv.Quadrupole(name="q", length=0.5, k1=1.0, bl_hkick=1e-3)
    cavity = cv.LCavity(name="c", length=1.0, voltage=1e8, rf_frequency=1e9)
    lattice = line(q, cavity, q)
    back, losses = through(lattice, tmp_path / "out.bmad")
    assert back.names == ["q", "c", "q_2"]
    assert {loss.attribute for loss in losses} == {"bl_hkick", "name"}
    assert round_trips.tracked_difference(lattice, back) <= SAME


# -------------------------------------------------------------------- real lattices


@needs_reference
@pytest.mark.parametrize("name", round_trips.SAMPLE.split())
def test_sample_of_the_corpus(name: str, tmp_path: Path) -> None:
    lattice = round_trips.corpus_lattice(name, round_trips.corpus()[name])
    if any(element.tracking_method == cv.CenterPhase() for element in lattice):
        with pytest.raises(cv.LatticeError, match="center_phase changes the tracking"):
            through(lattice, tmp_path / "out.bmad")
    lattice = lattice.with_tracking("bmad_standard", where=lambda e: e.tracking_method == cv.CenterPhase())
    back, losses = through(lattice, tmp_path / "out.bmad")
    assert not any(loss.is_physics for loss in losses)
    assert round_trips.matrix_difference(lattice, back) <= MATRIX


@needs_reference
@pytest.mark.slow
def test_the_whole_corpus(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever loads is the same after a Bmad file; prints what was lost."""
    wrong = round_trips.go_through_corpus(tmp_path / "out.bmad", capsys)
    assert wrong == {}
