"""What conversions cannot carry: reported, warned of, or an error."""

from pathlib import Path

import pytest

import caraval as cv
from caraval.core.formats import Reader, Writer
from caraval.core.hookspecs import hookimpl
from caraval.core.registry import unregister_plugin


class Lossy:
    """A format that has drifts alone, and no place for comments."""

    @staticmethod
    def read(path, *, line=None, branch=None, losses):
        losses.note("d1", "comment", "blue paint", place=(str(path), 3))
        losses.physics("w1", "", "wiggler", "a drift", place=(str(path), 7, 2))
        return cv.Lattice([cv.Drift(name="d1", length=1.0), cv.Drift(name="w1", length=2.0)])

    @staticmethod
    def write(lattice, path, *, losses, digits=3):
        for element in lattice:
            if element.kind != "Drift":
                losses.physics(element.name, "", element.kind, "a drift")
        path.write_text("drifts")

    @hookimpl
    def register_readers(self):
        return [Reader("lossy", (".lossy",), self.read)]

    @hookimpl
    def register_writers(self):
        return [Writer("lossy", (".lossy",), self.write)]


@pytest.fixture
def file(tmp_path):
    cv.register_plugin(Lossy(), name="lossy")
    path = tmp_path / "machine.lossy"
    path.write_text("")
    yield path
    unregister_plugin("lossy")


def test_what_changes_the_tracking_is_an_error_at_first(file):
    with pytest.raises(
        cv.LatticeError, match=r"machine.lossy:7:2: w1: wiggler changes the tracking and cannot be carried; .*a drift"
    ):
        cv.load(file)


def test_losses_are_with_the_lattice(file):
    lattice = cv.load(file, on_unsupported="drift")
    note, physics = lattice.losses
    assert note == cv.Loss("d1", "comment", "blue paint", "left out", is_physics=False, place=f"{file}:3")
    assert str(physics) == "w1: wiggler cannot be carried; a drift"
    assert physics.is_physics
    assert lattice.replace({"d1.length": 3.0}).losses == lattice.losses


def test_losses_that_are_allowed_can_warn(file):
    with pytest.warns(cv.LossWarning, match="7:2: w1: wiggler") as caught:
        cv.load(file, on_unsupported="warn")
    assert [Path(warning.filename).name for warning in caught] == [Path(__file__).name]  # the line that asked for it


def test_writers_report_losses(file):
    line = cv.Lattice([cv.Drift(name="d", length=1.0), cv.Quadrupole(name="q", length=0.1)])
    with pytest.raises(cv.LatticeError, match="q: Quadrupole changes the tracking"):
        cv.save(line, file)
    assert file.read_text() == ""
    (loss,) = cv.save(line, file, on_unsupported="drift", digits=5)
    assert (loss.element, loss.value, loss.instead) == ("q", "Quadrupole", "a drift")


def test_unknown_ways_and_options_are_errors(file):
    with pytest.raises(cv.InputError, match="on_unsupported must be error, warn, drift, not 'drft'; did you mean 'drift'"):
        cv.load(file, on_unsupported="drft")
    with pytest.raises(cv.UnknownNameError, match="has no option 'losses'"):
        cv.save(cv.Lattice([cv.Drift(length=1.0)]), file, losses=[])
