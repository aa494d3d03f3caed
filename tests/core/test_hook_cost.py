"""What plugins cost: they are looked for once, and nothing is looked up for elements that are tracked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pluggy
import pytest

import caraval as cv
from caraval.core import discovery, hookspecs
from caraval.core import registry as registering
from caraval.core.registered import Registry
from caraval.core.registry import registry

from ..cases import ELEMENTS, beam

ROOT = Path(cv.__file__).parents[1]
LOOKUPS = ("kind", "methods_of", "method_names", "method_of", "particle_method", "reference_of")


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Return how often hooks are called, plugins looked for, and elements looked up."""
    calls: Counter[str] = Counter()

    def count(owner: Any, name: str, is_ours: Callable[[Any], bool] = lambda owner: True) -> None:
        original: Callable[..., Any] = getattr(owner, name)

        def counting(*arguments: Any, **options: Any) -> Any:
            if is_ours(arguments[0] if arguments else None):  # pytest is made of plugins, too
                calls[name] += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counting)

    for name in ("__call__", "get_hookimpls"):
        count(pluggy.HookCaller, name, lambda hook: hasattr(hookspecs, hook.name))
    for name in ("register", "get_plugins", "list_name_plugin"):
        count(pluggy.PluginManager, name, lambda manager: manager.project_name == hookspecs.PROJECT)
    count(discovery, "entry_points")
    for name in LOOKUPS:
        count(Registry, name)
    return calls


def line(cells: int) -> cv.Lattice:
    names = ("quadrupole_shifted", "drift", "sbend", "sextupole", "drift_aperture")
    cell = [*(ELEMENTS[name] for name in names), ELEMENTS["quadrupole"].replace(name="q", tracking_method="linear")]
    return cv.Lattice(cell * cells)


def test_the_counters_count(counted):
    registering.reset()
    registry()
    assert counted["entry_points"] == 1
    assert counted["get_hookimpls"] == 11  # once for each hook
    assert counted["__call__"] == 0
    counted.clear()
    line(1).track(beam())
    assert counted["method_of"] > 0


def test_building_a_plan_asks_the_registry_and_no_plugin(counted):
    registry()
    counted.clear()
    for _ in range(2):
        line(3).track(beam())
    assert set(counted) <= set(LOOKUPS)


@pytest.mark.parametrize("cells", [1, 4])
def test_tracking_again_looks_nothing_up(cells, counted):
    lattice, few = line(cells), beam(scale=0.01)

    def track() -> None:
        lattice.track(few)
        lattice.track(few.to_moments())
        lattice.track(few, observe=["q"], keep=lambda b: b.reference)

    track()  # moments, and places to look at, have plans and numbers of their own
    counted.clear()
    track()
    assert counted == {}


def test_a_compiled_tracker_with_new_settings_looks_up_nothing_of_plugins(counted):
    pytest.importorskip("numba")
    tracker = line(5).compile("numpy", parameters=["q.k1"])
    tracker(beam(), {"q.k1": 1.0})
    counted.clear()
    tracker(beam(), {"q.k1": 2.0})
    assert set(counted) <= {"reference_of"}  # how the new elements change the reference
    counted.clear()
    tracker(beam())
    assert counted == {}


COUNTING = """
import importlib.metadata
calls = []
original = importlib.metadata.entry_points
def entry_points(**how):
    calls.append(how)
    return original(**how)
importlib.metadata.entry_points = entry_points
"""


def test_importing_discovers_nothing_and_the_entry_points_are_read_once():
    code = f"""{COUNTING}
import caraval as cv
import caraval.testing, caraval.io, caraval.core.tracker
quadrupole = cv.Quadrupole(length=0.1, k1=1.0)
lattice = cv.Lattice([quadrupole] * 10)
of_caraval = lambda: [how for how in calls if how.get("group") == "caraval"]
print(len(of_caraval()), end=" ")
beam = cv.ParticleBeam(x=[1e-3], p0c=1e8)
for _ in range(3):
    lattice.track(beam)
    lattice.with_tracking("linear").track(beam)
    cv.Lattice([quadrupole]).transfer_matrix(beam.reference)
print(len(of_caraval()))
"""
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=env, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.split() == ["0", "1"]
