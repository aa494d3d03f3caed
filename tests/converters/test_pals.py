"""Lattices of the Particle Accelerator Lattice Standard: there and back."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.core.arrays import same
from caraval.core.registry import registry

pytest.importorskip("yaml")


def through(lattice: cv.Lattice, tmp_path: Path) -> cv.Lattice:
    cv.save(lattice, tmp_path / "x.pals.yaml")
    return cv.load(tmp_path / "x.pals.yaml")


def assert_survives(lattice: cv.Lattice, tmp_path: Path) -> cv.Lattice:
    back = through(lattice, tmp_path)
    assert (back.names, back.kinds) == (lattice.names, lattice.kinds)
    assert (back.name, back.geometry, back.reference) == (lattice.name, lattice.geometry, lattice.reference)
    assert same(back.beginning, lattice.beginning)
    assert same(back.metadata, lattice.metadata)
    for ours, read in zip(lattice, back, strict=True):
        for name, value in ours.__dict__.items():
            if name == "metadata":
                assert read.metadata == {"pals_kind": read.metadata["pals_kind"], **value}
            elif name == "tracking_method":
                assert read.tracking_method == (value if value is None else cv.core.methods.as_method(value))
            else:
                assert same(value, read.__dict__[name]) or value == read.__dict__[name], (ours.label, name)
    return back


def test_every_kind_survives_with_all_its_choices_and_numbers(tmp_path: Path) -> None:
    chosen = []
    for name, entry in registry().kinds.items():
        schema = entry.value.schema()
        if schema.trees:
            continue
        chosen.append(entry.value(name=name))
        for field in schema.fields:
            for choice in schema.choices(field):
                with suppress(cv.InputError):  # of a choice that is refused alone
                    chosen.append(entry.value(name=f"{name}_{field}_{choice}", **{field: choice}))
        numbers = [n for n in schema.parameters if not n.startswith("slice")]
        for field in numbers:
            for values in ({field: 0.125}, {"length": 0.5, field: 0.125}):
                with suppress(cv.InputError):  # of one that cannot be without another
                    chosen.append(entry.value(name=f"{name}_{field}_{len(values)}", **values))
    assert len(chosen) > 1000
    assert_survives(cv.Lattice(chosen), tmp_path)


def test_networks_are_refused_or_drifts(tmp_path: Path) -> None:
    lattice = cv.Lattice([cv.SymplecticNetwork(name="here", length=0.2)], reference=cv.Reference("electron", 1e8))
    with pytest.raises(cv.LatticeError, match="here: SymplecticNetwork changes the tracking and cannot be carried"):
        cv.save(lattice, tmp_path / "a.pals.yaml")
    cv.save(lattice, tmp_path / "a.pals.yaml", on_unsupported="drift")
    assert cv.load(tmp_path / "a.pals.yaml")["here"].kind == "Drift"


@pytest.fixture
def machine() -> cv.Lattice:
    """One of each of the elements that the standard has, as they are used."""
    quadrupole = cv.Quadrupole(
        name="q", length=0.2, k1=1.3, tilt=0.1, x_offset=1e-3, y_pitch=2e-3, b3=0.2, scale_multipoles=False
    )
    return cv.Lattice(
        [
            cv.Drift(name="d", length=0.5),
            quadrupole,
            quadrupole.replace(orientation=-1),
            cv.Drift(name="d", length=0.7, tracking_method="linear"),
            cv.Quadrupole(name="q2", length=0.2, b1_gradient=1.3, x_limit=1e-2, y_limit=2e-2, aperture_at="both_ends"),
            cv.Sextupole(name="s 1", length=0.2, k2=3.0, tracking_method=cv.KickDriftKick(order=4, num_steps=3)),
            cv.SBend(
                name="b", length=1.0, angle=0.1, e1=0.01, e2=0.02, fint=0.4, hgap=0.02, dg=1e-3, k1=0.2, ref_tilt=0.3, roll=1e-3
            ),
            cv.Solenoid(name="sol", length=0.3, ks=0.7),
            cv.SolQuad(name="sq", length=0.3, ks=0.7, k1=0.4),
            cv.HKicker(name="h", length=0.1, kick=1e-3),
            cv.VKicker(name="v", length=0.1, kick=1e-3),
            cv.Kicker(name="hv", length=0.1, hkick=1e-3, vkick=2e-3),
            cv.Multipole(name="m", k2l=0.3, t2=0.1),
            cv.ABMultipole(name="ab", a1=0.1, b3=0.2),
            cv.LCavity(name="l", length=1.0, voltage=1e7, phi0=0.1, rf_frequency=1.3e9, field_calc="custom"),
            cv.RFCavity(name="rf", length=0.5, voltage=1e6, phi0=0.1, rf_frequency=5e8),
            cv.CrabCavity(name="c", length=0.5, voltage=1e6, phi0=0.1, rf_frequency=5e8),
            cv.Patch(name="p", x_offset=1e-3, x_pitch=2e-3, tilt=0.1, e_tot_offset=1e3),
            cv.Taylor(name="t", terms={"tt12": 0.3, "tt2113": 0.5}),
            cv.Undulator(name="u", length=1.0, l_period=0.1, b_max=0.5),
            cv.Monitor(name="bpm"),
            cv.ECollimator(name="ec", x_limit=1e-2, y_limit=2e-2),
            cv.Fork(name="f", to_line="dump", to_element="start"),
            cv.Marker(name="end"),
        ],
        name="cell",
        reference=cv.Reference("electron", 1e8, s=1.0, t=1e-9),
        beginning={"beta_a": 10.0, "alpha_b": -1.0, "x_position": 0.5, "emittance": 1e-9},
    )


def test_a_machine_survives(machine: cv.Lattice, tmp_path: Path) -> None:
    back = assert_survives(machine, tmp_path)
    np.testing.assert_array_equal(back.transfer_matrix(), machine.transfer_matrix())
    assert_survives(machine.replace(geometry="closed"), tmp_path)


def without_our_part(node: Any) -> Any:
    """Return what other programs read."""
    if isinstance(node, dict):
        return {key: without_our_part(value) for key, value in node.items() if key != "TrackingP"}
    return [without_our_part(item) for item in node] if isinstance(node, list) else node


def test_other_programs_read_the_same_machine(machine: cv.Lattice, tmp_path: Path) -> None:
    import yaml

    lost = ("Undulator", "Fork")  # the standard has no words for the field of an undulator
    lattice = cv.Lattice([e for e in machine if e.kind not in lost], reference=machine.reference)
    cv.save(lattice, tmp_path / "x.pals.yaml")
    plain = without_our_part(yaml.safe_load((tmp_path / "x.pals.yaml").read_text()))
    (tmp_path / "y.pals.yaml").write_text(yaml.safe_dump(plain, sort_keys=False))
    usual = lattice.replace(elements=[e.replace(tracking_method=None) for e in lattice])
    back = cv.load(tmp_path / "y.pals.yaml")
    np.testing.assert_allclose(back.transfer_matrix(), usual.transfer_matrix(), rtol=0, atol=1e-12)


def test_what_other_programs_will_not_find_is_said(tmp_path: Path) -> None:
    undulator = cv.Undulator(name="u", length=1.0, l_period=0.1, b_max=0.5)
    losses = cv.save(cv.Lattice([undulator, cv.Drift(name="d", length=1.0)]), tmp_path / "x.pals.yaml")
    assert {(loss.element, loss.attribute) for loss in losses} == {("u", "l_period"), ("u", "b_max")}
    assert not any(loss.is_physics for loss in losses)


def test_arrays_and_odd_texts_survive(tmp_path: Path) -> None:
    quadrupole = cv.Quadrupole(name="1 q!", length=0.2, k1=np.array([1.0, 2.0]), metadata={"MetaP": {"ID": "1e5", "on": "no"}})
    kicker = cv.ACKicker(name="on", length=0.1, frequencies=((1e6, 0.5, 0.0), (2e6, 0.25, 0.1)))
    lattice = cv.Lattice(
        [quadrupole, kicker, cv.Drift(length=0.1)], name="2nd line", metadata={"title": "1.5", "notes": ["a: b"]}
    )
    assert_survives(lattice, tmp_path)


def test_slices_survive(tmp_path: Path) -> None:
    whole = cv.Quadrupole(name="q", length=0.3, k1=2.0, fringe_type="full", x_offset=1e-3, hkick=1e-4, x_limit=0.01)
    assert_survives(cv.Lattice([whole.cut(0.0, 0.1), whole.cut(0.1, 0.2), whole.cut(0.2, 0.3)]), tmp_path)
