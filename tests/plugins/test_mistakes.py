"""What somebody who writes a first plugin does wrong, and what is said about it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import caraval as cv


class Thing(cv.Element):
    """An element of a plugin."""

    k: cv.Parameter = 0.0


class Untyped(cv.Element):
    """An element whose parameter has no type."""

    k = 0.5


def effect(track: Any) -> cv.Composite:
    return cv.Composite(lambda element, method, number: (cv.Step(collective=cv.Collective(track=track)),))


def tuple_of_two(c: Any, q: Any, xp: Any) -> Any:
    return q.x, q.px


def nothing(c: Any, q: Any, xp: Any) -> None:
    return None


def places(constants: Any, beam: Any, backend: Any) -> Any:
    return beam.x


def whole_beam(constants: Any, beam: Any, backend: Any) -> Any:
    return beam


@pytest.mark.parametrize(
    ("method", "message"),
    [
        (cv.Routine(track=tuple_of_two), r"tuple_of_two returned tuple, not coordinates: return q\._replace\(px=\.\.\.\)"),
        (cv.Routine(track=nothing), r"nothing returned NoneType, not coordinates"),
        (effect(places), r"places returned ndarray, not coordinates: return beam\.coordinates\._replace\(px=\.\.\.\)"),
        (effect(whole_beam), r"whole_beam returned ParticleBeam, not coordinates"),
    ],
)
def test_what_is_returned(method, message, plugin):
    plugin("things", register_tracking_methods=lambda: {(Thing, "kick"): method})
    with pytest.raises(cv.InputError, match=message):
        cv.Lattice([Thing(k=1.0)]).track(cv.ParticleBeam(x=np.zeros(3), p0c=1e8))


def test_a_parameter_without_a_type():
    with pytest.raises(cv.UnknownNameError, match=r"for it has no type: write k: cv\.Parameter = 0\.5 in the class"):
        Untyped(k=1.0)


def test_a_reader_that_knows_no_lines(plugin, tmp_path):
    plugin("readers", register_readers=lambda: [cv.Reader("things", (".things",), lambda path: cv.Lattice([cv.Drift()]))])
    path = tmp_path / "a.things"
    path.write_text("things")
    with pytest.raises(cv.PluginError, match=r"takes no line and no branch; write it as read\(path, line=None, branch=None\)"):
        cv.load(path)


def test_no_method_at_all():
    with pytest.raises(cv.MethodError, match=r'a plugin returns \{\(Thing, "kick_drift_kick"\): cv\.Routine\(track=\.\.\.\)\}'):
        cv.Lattice([Thing(k=1.0)]).track(cv.ParticleBeam(x=np.zeros(3), p0c=1e8))
