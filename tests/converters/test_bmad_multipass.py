"""Elements of Bmad's lattice files that the beam passes several times."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import LatticeError
from caraval.core.plan import reference_pass
from caraval.core.registry import registry

Load = Callable[..., cv.Lattice]

ENERGY = "parameter[particle] = electron; parameter[geometry] = open; parameter[e_tot] = 10e6\n"
ELEMENTS = """
    q: quadrupole, l = 1, k1 = 2, b3 = 5
    s: sbend, l = 1, g = 0.1, dg = 0.01, k1 = 0.3, hkick = 1e-4
    c: lcavity, l = 1, rf_frequency = 1.3e9, voltage = 10e6
    a: ab_multipole, b2 = 3
    k: multipole, k1l = 3, k2sl = 1
    o: solenoid, l = 1, bs_field = 0.1
    e: elseparator, l = 1, hkick = 1e-3
    d: drift, l = 1
"""


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Load a text after elements."""

    def load(text: str, branch: str | int | None = None) -> cv.Lattice:
        path = tmp_path / "lattice.bmad"
        path.write_text(f"{ENERGY}{ELEMENTS}{text}")
        return cv.load(path, format="bmad", branch=branch)

    return load


def names(lattice: cv.Lattice) -> str:
    return " ".join(lattice.names[:-1])


# -------------------------------------------------------------------- which elements are the same


@pytest.mark.parametrize(
    ("lines", "expected"),
    [  # the cases of the manual, "Multipass Fundamentals"
        ("m: line[multipass] = (q, q, d); l: line = (m, m)", r"q\1 q\1 d\1 q\2 q\2 d\2"),
        ("n: line = (q); m: line[multipass] = (n, n, d); l: line = (m, m)", r"q\1 q\1 d\1 q\2 q\2 d\2"),
        ("m: line[multipass] = (q, s); n: line = (m); l: line = (m, d, --n)", r"q\1 s\1 d s\2 q\2"),
        ("n: line[multipass] = (q); m: line[multipass] = (n, n, d); l: line = (m, m)", r"q\1 q\2 d\1 q\3 q\4 d\2"),
        ("m: line[multipass] = (q, q, d); l: line = (m)", r"q\1 q\1 d\1"),
        ("m: line[multipass] = (q, d); l: line = (3*m)", r"q\1 d\1 q\2 d\2 q\3 d\3"),
    ],
)
def test_passes(load: Load, lines: str, expected: str) -> None:
    assert names(load(f"{lines}; use, l")) == expected


def test_passes_of_several_branches(load: Load) -> None:
    text = "m: line[multipass] = (q, d); l: line = (s, m, s); n: line = (--m); use, l, n"
    assert names(load(text)) == r"s q\1 d\1 s"
    assert names(load(text, branch="n")) == r"d\2 q\2"
    assert load(text, branch="n")["q\\2"].orientation == -1


# -------------------------------------------------------------------- what they share

TWICE = "m: line[multipass] = (q); l: line = (m, d, m); use, l; expand_lattice\n"


def test_the_whole_is_set(load: Load) -> None:
    lattice = load(TWICE + "q[k1] = 7; q\\2[num_steps] = 5")
    assert [lattice[f"q\\{i}"].k1 for i in (1, 2)] == [7.0, 7.0]
    assert lattice["q\\1"].tracking_method is None
    assert lattice["q\\2"].tracking_method == cv.BmadStandard(num_steps=5)


def test_a_pass_cannot_differ(load: Load) -> None:
    with pytest.raises(LatticeError, match=re.escape("'q\\\\2' is a pass of 'q'; set q[k1]")):
        load(TWICE + "q\\2[k1] = 7")


@pytest.mark.parametrize("meant", ["q", "quad::*", "*", "q##1", "l>>q"])
def test_controllers_act_on_the_whole(load: Load, meant: str) -> None:
    lattice = load(TWICE.replace("expand_lattice", f"v: overlay = {{{meant}[k1]: a}}, var = {{a}}, a = 6") + "\n")
    assert [lattice[f"q\\{i}"].k1 for i in (1, 2)] == [6.0, 6.0]


def test_edges_of_the_whole_move_once(load: Load) -> None:
    lattice = load(
        "m: line[multipass] = (d, q, s); l: line = (m, m); use, l; g: group = {q[start_edge]: a}, var = {a}, a = 0.1"
    )
    assert [element.length for element in lattice.elements[:3]] == pytest.approx([1.1, 0.9, 1.0])
    assert [element.length for element in lattice.elements[3:6]] == pytest.approx([1.1, 0.9, 1.0])


def test_girders_carry_all_passes(load: Load) -> None:
    lattice = load(TWICE.replace("expand_lattice", "g: girder = {q}, tilt = 0.2, x_offset = 1e-3"))
    assert [(lattice[f"q\\{i}"].tilt, lattice[f"q\\{i}"].x_offset) for i in (1, 2)] == [(0.2, 1e-3)] * 2


# -------------------------------------------------------------------- the same field at every energy


def passes(lattice: cv.Lattice, name: str) -> list[tuple[cv.Element, cv.Reference]]:
    """The passes of an element, and the reference of each."""
    references = reference_pass(registry(), lattice.elements, lattice.reference)
    return [pair for pair in zip(lattice.elements, references, strict=False) if pair[0].name.startswith(name + "\\")]


FASTER = "m: line[multipass] = (a, k, q, s, o, e); l: line = (m, c, m); use, l\n"


@pytest.mark.parametrize(
    ("name", "attribute"), [("q", "k1"), ("s", "k1"), ("s", "hkick"), ("a", "b2"), ("k", "k1l"), ("k", "k2sl")]
)
def test_strengths_fall_with_the_momentum(load: Load, name: str, attribute: str) -> None:
    (first, before), (second, after) = passes(load(FASTER), name)
    assert after.p0c > 1.9 * before.p0c
    assert getattr(second, attribute) * after.p0c == pytest.approx(getattr(first, attribute) * before.p0c, rel=1e-14)


def test_what_does_not_fall(load: Load) -> None:
    lattice = load(FASTER)
    (first, before), (second, after) = passes(lattice, "s")
    assert second.angle == first.angle  # the design orbit; the rest of the field is in dg
    assert (second.g + second.dg) * after.p0c == pytest.approx((first.g + first.dg) * before.p0c, rel=1e-14)
    assert lattice["q\\2"].b3 == 5  # relative to k1
    assert lattice["o\\2"].bs_field == 0.1
    (first, before), (second, after) = passes(lattice, "e")
    assert second.hkick * after.p0c * after.beta == pytest.approx(first.hkick * before.p0c * before.beta, rel=1e-14)


@pytest.mark.parametrize("said", ["p0c = 2e9", "e_tot = 2e9"])
def test_an_energy_for_the_whole(load: Load, said: str) -> None:
    (first, before), _ = passes(load(f"{FASTER}q[{said.split()[0]}] = 2e9"), "q")
    assert first.k1 * before.p0c == pytest.approx(2 * 2e9, rel=1e-6)
    with pytest.raises(LatticeError, match="p0c must be a positive momentum"):
        load(f"{FASTER}q[p0c] = -5")


def test_other_species_see_the_same_field(load: Load) -> None:
    text = "m: line[multipass] = (q); l: line = (m); n: line = (m); n[particle] = positron; n[p0c] = 5e6; use, l, n"
    ((first, before),) = passes(load(text), "q")
    ((second, after),) = passes(load(text, branch=1), "q")
    assert second.k1 * after.rigidity == pytest.approx(first.k1 * before.rigidity, rel=1e-14)
    assert second.k1 < 0 < first.k1


# -------------------------------------------------------------------- cavities

RECOVERY = "m: line[multipass] = (c); l: line = (m, d, m); use, l; expand_lattice\nc\\2[phi0_multipass] = 0.5\n"


def test_energy_recovery(load: Load) -> None:
    lattice = load(RECOVERY)
    references = reference_pass(registry(), lattice.elements, lattice.reference)
    assert [reference.energy for reference in references] == pytest.approx([10e6, 20e6, 20e6, 10e6, 10e6], rel=1e-13)
    first, second = lattice["c\\1"], lattice["c\\2"]
    assert first.field_autoscale == second.field_autoscale != 1.0
    assert max(map(abs, first.slips)) < 1e-2


def test_a_reference_that_is_kicked_as_it_comes_has_the_design_energy(load: Load) -> None:
    first = load(RECOVERY)["c\\1"]
    gained = sum(first.gain_at(step) for step in range(first.n_rf_steps + 1))
    assert gained == pytest.approx(first.gain, rel=1e-11)


@pytest.mark.parametrize(("waves", "sign"), [(3.0, 1), (3.5, -1)])
def test_absolute_time_counts_from_the_first_pass(load: Load, waves: float, sign: int) -> None:
    """Half a wave more between the passes, and the cavity decelerates."""
    text = f"bmad_com[absolute_time_tracking] = T; w: drift, l = {waves} * c_light / 1.3e9 - 1\n"
    lattice = load(text + "m: line[multipass] = (c); l: line = (m, w, m); use, l")
    assert lattice["c\\1"].pass_delay == 0.0
    at = np.zeros(1)
    beam = cv.ParticleBeam(at, at, at, at, at, at, reference=lattice.reference)
    _, history = lattice.track(beam, observe=["w", "c\\2"])
    before, after = (float(((1 + seen.pz) * seen.reference.p0c)[0]) for (seen,) in (history["w"], history["c\\2"]))
    assert after - before == pytest.approx(sign * 10e6, rel=0.02)


# -------------------------------------------------------------------- flexible patches


def test_a_flexible_patch_leads_back(load: Load) -> None:
    text = "m: line[multipass] = (q, s); p: patch, flexible = T; l: line = (d, m, d, p, m); use, l"
    patch = load(text)["p"]
    back = cv.Patch(
        **{name: getattr(patch, name) for name in ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")}
    )
    assert back.x_pitch == pytest.approx(0.1)  # the bend turned by as much
    assert patch.length == pytest.approx(back.length)
    chord, arc = 2 * np.sin(0.05) / 0.1, 0.05
    across, along = chord * np.sin(arc), 1 + chord * np.cos(arc) + np.cos(0.1)  # from the quadrupole's entrance, on the floor
    assert patch.x_offset == pytest.approx(np.cos(0.1) * (across + np.sin(0.1)) - np.sin(0.1) * along)
    assert patch.z_offset == pytest.approx(-np.sin(0.1) * (across + np.sin(0.1)) - np.cos(0.1) * along)


def test_a_flexible_patch_that_leads_nowhere(load: Load) -> None:
    with pytest.raises(
        LatticeError, match="patch 'p': a flexible patch is understood before an element that the line has passed"
    ):
        load("p: patch, flexible = T; l: line = (d, p, q); use, l")


def test_a_flexible_patch_can_be_passed_several_times(load: Load) -> None:
    """As it stands in energy recovery linacs, beside bends that a field of zero does not bend."""
    lattice = load(
        "m: line[multipass] = (q, s); p: patch, flexible = T; b0: sbend, l = 1, b_field = 0; r: line[multipass] = (b0, p); "
        "l: line = (m, r, m, r, m); use, l"
    )
    assert [element.name for element in lattice.elements[2:4]] == ["b0\\1", "p\\1"]
    first, second = lattice["p\\1"], lattice["p\\2"]
    assert first.x_pitch == pytest.approx(0.1)
    assert second.z_offset == pytest.approx(first.z_offset)
