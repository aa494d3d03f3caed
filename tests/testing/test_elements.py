"""The kit finds what is wrong with an element, and nothing wrong with Caraval's own."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np
import pytest

import caraval as cv
from caraval.testing import CheckFailedError, check_element, element_checks, results

from ..cases import ELEMENTS, every_method, methods

SINGULAR: dict[str, tuple[str, ...]] = {
    "SBend": ("fint", "fintx", "hgap", "hgapx", "length"),  # PTC has no edge of finite extent without one; b_field
    "LCavity": ("length", "rf_frequency"),  # the gradient is voltage over length, and Bmad has no cavity of zero frequency
    "SadMult": ("length",),  # its multipoles are integrated ones over the length
    "ELSeparator": ("length",),  # Bmad's does nothing without length
}
"""Settings whose zero stands for something else."""

OWN = {name: element for name, element in ELEMENTS.items() if methods(element)}
TRACKED = every_method()


def checks_of(name: str, **how: Any) -> list[Any]:
    element = OWN[name].replace(name=name)
    singular = (*SINGULAR.get(element.kind, ()), "r0_mag")
    known = [method for case, method in TRACKED if case == name]
    return element_checks(element, methods=known, singular=singular, **how)


# -------------------------------------------------------------------- elements with one mistake each


class Lens(cv.Element):
    """A thin lens; `k1l` [1/m]: strength."""

    k1l: cv.Parameter = 0.0
    can_be_cut: ClassVar[bool] = False


class ThickLens(cv.Element):
    """A lens whose strength is integrated, which it does not say."""

    k1l: cv.Parameter = 0.0


class Forgetful(Lens):
    """A lens with a field that no file can keep."""

    function: Any = None


def kick(lens: Any, q: Any, xp: Any) -> Any:
    return q._replace(px=q.px - lens.k1l * q.x, py=q.py - lens.k1l * q.y)


def back(lens: Any) -> Any:
    return lens.replace(k1l=-lens.k1l)


def half_back(lens: Any) -> Any:
    return lens.replace(k1l=-lens.k1l / 2)


def branching(lens: Any, q: Any, xp: Any) -> Any:
    return kick(lens, q, xp) if q.x[0] >= 0 else q


def with_numpy(lens: Any, q: Any, xp: Any) -> Any:
    return q._replace(px=q.px - lens.k1l * np.sin(np.asarray(q.x)))


def in_one_plane(lens: Any, q: Any, xp: Any) -> Any:
    return q._replace(px=q.px - lens.k1l * q.y)


def singular_at_zero(lens: Any, q: Any, xp: Any) -> Any:
    return kick(lens, q, xp)._replace(z=q.z * lens.k1l / xp.sqrt(lens.k1l * lens.k1l + 0.0 * q.x))


def cancelling(lens: Any, q: Any, xp: Any) -> Any:
    return kick(lens, q, xp)._replace(z=q.z + (xp.sqrt(1 + q.px * q.px) - 1) * 1e3)


def summing(lens: Any, q: Any, xp: Any) -> Any:
    return q._replace(px=q.px - lens.k1l * (q.x - xp.mean(q.x)))


def steeper(lens: Any, reference_in: Any, reference_out: Any, xp: Any) -> cv.LinearMap:
    focus = [[1, 0], [-1.1 * lens.k1l, 1]]
    return cv.LinearMap.from_blocks(x=focus, y=focus, xp=xp)


MISTAKES: dict[str, tuple[type[cv.Element], dict[str, Any], str, str]] = {
    "branch on data": (Lens, {"kick_drift_kick": cv.Routine(branching)}, "compiles[jax]", "no branch on data"),
    "another library": (Lens, {"kick_drift_kick": cv.Routine(with_numpy)}, "differentiates[torch]", "divide by no setting"),
    "not symplectic": (Lens, {"kick_drift_kick": cv.Routine(in_one_plane)}, "symplectic", "by the same potential"),
    "wrong inverse": (Lens, {"kick_drift_kick": cv.Routine(kick, inverse=half_back)}, "undoes", "runs backwards"),
    "wrong map": (Lens, {"linear": steeper, "kick_drift_kick": cv.Routine(kick)}, "is the derivative", "'kick_drift_kick'"),
    "singular": (Lens, {"singular": cv.Routine(singular_at_zero)}, "zero is finite[torch]", "divide by no setting"),
    "cancellation": (Lens, {"cancelling": cv.Routine(cancelling)}, "keeps digits[numpy]", "one small number"),
    "sum over particles": (Lens, {"summing": cv.Routine(summing)}, "batches[numpy]", "no sums over axes"),
    "not extensive": (ThickLens, {"thick": cv.Routine(kick)}, "splits", "`extensive`"),
    "not in files": (Forgetful, {"kick": cv.Routine(kick)}, "is kept in files", "fields must be numbers"),
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_found_and_explained(mistake, plugin):
    for needed in ("torch", "jax", "array_api_strict"):
        pytest.importorskip(needed)
    kind, routines, check, advice = MISTAKES[mistake]
    plugin("lenses", register_tracking_methods=lambda: {(kind, name): r for name, r in routines.items()})
    values = {"length": 0.3} if kind is ThickLens else {"function": len} if kind is Forgetful else {}
    found = element_checks(kind(k1l=2.0, **values))
    (wrong,) = [c for c in found if c.name == check and c.subject.split()[-1] == (next(iter(routines)))]
    with pytest.raises(CheckFailedError, match=f"(?s){check.partition('[')[0]}.*") as caught:
        wrong()
    assert advice in str(caught.value)


def test_a_sound_lens_passes_everything(plugin):
    plugin("lenses", register_tracking_methods=lambda: {(Lens, "kick_drift_kick"): cv.Routine(kick, inverse=back)})
    found = check_element(Lens(k1l=2.0), methods=["kick_drift_kick"])
    names = {result.check.name for result in found}
    assert {"tracks", "compiles[numpy]", "undoes", "symplectic", "is kept in files"} <= names
    assert all(not result.failure for result in found)


def test_all_failures_are_told_at_once(plugin):
    plugin("lenses", register_tracking_methods=lambda: {(Lens, "kick_drift_kick"): cv.Routine(in_one_plane, inverse=half_back)})
    with pytest.raises(CheckFailedError, match=r"(?s)2 of \d+ checks failed:\n- .*symplectic.*\n- .*undoes") as caught:
        check_element(Lens(name="lens", k1l=2.0), methods=["kick_drift_kick"], backends=["numpy"], compiled=False)
    assert "Lens lens kick_drift_kick" in str(caught.value)


def test_checks_name_themselves():
    first, *_ = element_checks(OWN["quadrupole"].replace(name="q1"), backends=["numpy"])
    assert first.__name__ == str(first) == "Quadrupole-q1-bmad_standard-tracks"


def test_a_kind_without_methods_is_told_how_to_get_them():
    with pytest.raises(cv.MethodError, match="return it from the hook register_tracking_methods"):
        element_checks(Lens(k1l=2.0))


# -------------------------------------------------------------------- Caraval's own

KNOWN = {
    ("rfcavity", "bmad_standard splits"),  # Bmad's kicks stand at places that depend on the length
    ("crab_cavity", "bmad_standard splits"),
    ("wiggler", "bmad_standard splits"),  # Bmad's averages over a whole element
    ("wiggler_kicks", "bmad_standard splits"),
    ("wiggler_helical", "bmad_standard splits"),
    ("undulator", "bmad_standard splits"),
    ("ac_kicker_table", "bmad_standard expands"),  # the reference comes just when the table has a corner
    ("ac_kicker_table", "kick_drift_kick expands"),
    *(
        ("ac_kicker_table", f"{m} differentiates[torch]")
        for m in ("bmad_standard", "kick_drift_kick", "linear", "second_order")
    ),
}
"""What is not as the kit would have it, and why."""

AT_ONCE = {"center_phase splits"}
"""Methods that take the phase at the centre of what they are given, so that slices come closer to the truth than the whole."""


def unknown(name: str, checks: list[Any]) -> list[str]:
    """Return what failed that is not known, and what is known and did not fail."""
    outcome = {f"{r.check.subject.split()[-1]} {r.check.name}": r.failure for r in results(checks)}
    known = {what for case, what in KNOWN if case == name}
    wrong = [failure for what, failure in outcome.items() if failure and what not in known | AT_ONCE]
    return wrong + sorted(what for what in known if outcome.get(what) == "")


@pytest.mark.parametrize("name", OWN)
def test_every_kind_passes_on_numpy(name):
    assert unknown(name, checks_of(name, backends=["numpy"], compiled=False)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", OWN)
def test_every_kind_passes_on_torch(name):
    pytest.importorskip("torch")
    assert unknown(name, checks_of(name, backends=["numpy", "torch"], compiled=False)) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["quadrupole_misaligned", "sextupole", "rcollimator", "lcavity"])
def test_some_pass_everywhere(name):
    """With their first method, compiled and on JAX, which takes a minute each; tests/backends has all of them in lines."""
    for needed in ("torch", "jax", "numba"):
        pytest.importorskip(needed)
    assert unknown(name, element_checks(OWN[name].replace(name=name), methods=["bmad_standard"])) == []
