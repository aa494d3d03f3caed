from __future__ import annotations

import dataclasses
import types
import warnings
from importlib.metadata import EntryPoint

import numpy as np
import pytest

import caraval as cv
from caraval.backends.numpy import NumpyBackend
from caraval.core import discovery
from caraval.core import registry as registering
from caraval.core.errors import BackendError, MethodError, PluginError, PluginWarning, UnknownNameError
from caraval.core.formats import BeamReader, BeamWriter, Reader, Writer
from caraval.core.registry import registry


class Widget(cv.Element):
    strength: cv.Parameter = 0.0


def push(element, q, xp):
    return q._replace(px=q.px + element.strength)


def other_widget():
    """Return another class of the same name."""
    return type("Widget", (cv.Element,), {"__module__": __name__})


ROUTINE = cv.Routine(track=push)


def nothing(*arguments, **options):
    raise AssertionError("this is never called")


@pytest.fixture(autouse=True)
def registry_afterwards():
    """Check that a test leaves the registry as it found it."""
    before = registry().plugins
    yield
    assert registry().plugins == before


# -------------------------------------------------------------------- what is there


def test_the_registry_is_built_once():
    assert registry() is registry()


def test_the_registry_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        registry().kinds = {}
    for table in ("kinds", "methods", "references", "backends", "readers", "writers", "beam_readers", "beam_writers"):
        with pytest.raises(TypeError):
            getattr(registry(), table)["new"] = None


def test_the_built_in_kinds_come_by_the_same_hooks():
    found = registry()
    for name in (
        "Drift", "Pipe", "Quadrupole", "SBend", "Sextupole", "HKicker", "VKicker", "Kicker", "Marker", "Monitor", "Instrument",
        "RCollimator", "ECollimator", "LCavity",
    ):  # fmt: skip
        assert found.kinds[name].value is getattr(cv, name)
        assert found.kinds[name].plugin == f"caraval.physics.{name.lower()}"
        assert found.kinds[name].plugin in found.plugins
    assert {name: entry.plugin for name, entry in found.backends.items() if name in ("numpy", "torch", "jax")} == dict.fromkeys(
        ("numpy", "torch", "jax"), "caraval.backends"
    )


def test_a_kind_by_name_whatever_the_case_of_its_letters():
    assert registry().kind("Quadrupole") is registry().kind("quadrupole") is cv.Quadrupole
    with pytest.raises(UnknownNameError, match=r"unknown element kind 'Quadropole'; did you mean 'Quadrupole'\?"):
        registry().kind("Quadropole")


def test_methods_in_their_order():
    assert registry().method_names(cv.Quadrupole) == [
        "bmad_standard",
        "kick_drift_kick",
        "runge_kutta",
        "linear",
        "second_order",
    ]
    assert {"linear", "second_order"} <= set(registry().method_names(cv.Sextupole))  # derived


def test_rows(plugin):
    plugin("widgets", register_tracking_methods=lambda: {(Widget, "push"): ROUTINE})
    rows = registry().rows()
    assert rows == sorted(rows)
    assert ("Quadrupole", "linear", "caraval.physics.quadrupole") in rows
    assert ("Sextupole", "linear", "derived") in rows
    assert ("Widget", "push", "widgets") in rows
    assert {("Widget", "linear", "derived"), ("Widget", "second_order", "derived")} <= set(rows)
    assert len(set(rows)) == len(rows)


# -------------------------------------------------------------------- adding and taking away


def test_a_plugin_adds_a_kind_with_a_method(plugin):
    plugin("widgets", register_tracking_methods=lambda: {(Widget, "push"): ROUTINE})
    assert registry().kinds["Widget"].plugin == "widgets"
    assert registry().methods[Widget, "push"].plugin == "widgets"
    assert "widgets" in registry().plugins
    out = cv.Lattice([Widget(strength=0.5)]).track(cv.ParticleBeam(x=[0.0], p0c=1e8))
    assert out.px[0] == 0.5


def test_a_module_is_a_plugin_by_its_own_name():
    module = types.ModuleType("widgets_module")
    module.register_elements = cv.hookimpl(lambda: [Widget])
    registering.register_plugin(module)
    try:
        assert registry().kinds["Widget"].plugin == "widgets_module"
    finally:
        registering.unregister_plugin("widgets_module")
    assert "Widget" not in registry().kinds


def test_a_plugin_adds_a_method_to_a_kind_of_another(plugin):
    plugin(
        "pushers",
        register_tracking_methods=lambda: {(cv.Drift, "push"): cv.Routine(track=lambda c, q, xp: q._replace(z=q.z + 1))},
    )
    assert "push" in registry().method_names(cv.Drift)
    assert registry().kinds["Drift"].plugin == "caraval.physics.drift"
    out = cv.Lattice([cv.Drift(tracking_method="push")]).track(cv.ParticleBeam(x=[0.0], p0c=1e8))
    assert out.z[0] == 1.0


def test_the_first_method_is_the_default_and_bmads_goes_before(plugin):
    plugin(
        "widgets", register_tracking_methods=lambda: {(Widget, "push"): ROUTINE, (Widget, "other"): cv.Routine(track=nothing)}
    )
    assert registry().method_of(Widget()).name == "push"
    assert registry().method_of(cv.Quadrupole()).name == "bmad_standard"
    assert registry().method_of(cv.Quadrupole(tracking_method="linear")).name == "linear"


def test_a_kind_inherits_the_methods_of_its_base(plugin):
    class Better(Widget):
        pass

    plugin("widgets", register_tracking_methods=lambda: {(Widget, "push"): ROUTINE}, register_elements=lambda: [Better])
    assert registry().method_names(Better) == ["push", "linear", "second_order"]
    assert cv.Lattice([Better(strength=0.5)]).track(cv.ParticleBeam(x=[0.0], p0c=1e8)).px[0] == 0.5


def test_a_method_with_a_map_only(plugin):
    def thin(widget, reference_in, reference_out, xp):
        return cv.LinearMap.from_blocks(x=[[1.0, 0.0], [-1 * widget.strength, 1.0]])

    plugin("widgets", register_tracking_methods=lambda: {(Widget, "linear"): thin})
    lattice = cv.Lattice([Widget(name="w", strength=0.5)])
    assert lattice.track(cv.ParticleBeam(x=[1e-3], p0c=1e8)).px[0] == pytest.approx(-5e-4, rel=1e-15)
    with pytest.raises(MethodError, match="Widget 'w' has no tracking method 'bmad_standard'; it has linear"):
        lattice.with_tracking("bmad_standard")


def test_unregistering_something_unknown():
    with pytest.raises(UnknownNameError, match="no plugin 'widgets' was added"):
        registering.unregister_plugin("widgets")


def test_a_name_is_taken_once(plugin):
    plugin("widgets", register_elements=lambda: [])
    with pytest.raises(PluginError, match="there is a plugin 'widgets' already"):
        plugin("widgets", register_elements=lambda: [])


def test_one_object_under_two_names_is_an_error(plugin):
    module = types.ModuleType("twice")
    registering.register_plugin(module, "once")
    try:
        with pytest.raises(PluginError, match=r"(?s)once.*twice|twice.*once"):
            registering.register_plugin(module, "twice")
    finally:
        registering.unregister_plugin("once")


# -------------------------------------------------------------------- collisions


@pytest.mark.parametrize("hook", ["register_elements", "register_tracking_methods"])
def test_two_plugins_with_one_kind(plugin, hook):
    plugin("first", register_elements=lambda: [Widget])
    other = other_widget()
    claims = {"register_elements": lambda: [other], "register_tracking_methods": lambda: {(other, "push"): ROUTINE}}
    with pytest.raises(
        PluginError,
        match=r"the element kind 'Widget' is claimed by two plugins, .*CARAVAL_DISABLE_PLUGINS=",
    ) as caught:
        plugin("second", **{hook: claims[hook]})
    assert "'first'" in str(caught.value)
    assert "'second'" in str(caught.value)
    assert registry().kinds["Widget"].value is Widget  # the second was not added
    assert "second" not in registry().plugins


def test_a_kind_of_a_plugin_cannot_take_the_name_of_a_built_in_one(plugin):
    drift = type("Drift", (cv.Element,), {"__module__": __name__})
    with pytest.raises(PluginError, match=r"(?s)'Drift'.*'caraval\.physics\.drift' and 'mine'"):
        plugin("mine", register_elements=lambda: [drift])


def test_two_plugins_with_one_method(plugin):
    plugin("first", register_tracking_methods=lambda: {(Widget, "push"): ROUTINE})
    with pytest.raises(PluginError, match=r"the method 'push' of Widget is claimed by two plugins, 'first' and 'second'"):
        plugin("second", register_tracking_methods=lambda: {(Widget, "push"): ROUTINE})
    with pytest.raises(
        PluginError, match=r"the method 'linear' of Drift is claimed by .*'caraval\.physics\.drift' and 'third'"
    ):
        plugin("third", register_tracking_methods=lambda: {(cv.Drift, "linear"): nothing})


@pytest.mark.parametrize(
    ("hook", "cls", "what"),
    [
        ("register_readers", Reader, "reader"),
        ("register_writers", Writer, "writer"),
        ("register_beam_readers", BeamReader, "beam reader"),
        ("register_beam_writers", BeamWriter, "beam writer"),
    ],
)
def test_two_plugins_with_one_format(plugin, hook, cls, what):
    plugin("first", **{hook: lambda: [cls("punchcards", (".card",), nothing)]})
    with pytest.raises(PluginError, match=f"the {what} of format 'punchcards' is claimed by two plugins, 'first' and 'second'"):
        plugin("second", **{hook: lambda: [cls("punchcards", (".cards",), nothing)]})


def test_two_plugins_with_one_backend(plugin):
    with pytest.raises(PluginError, match=r"the backend 'numpy' is claimed by two plugins, 'caraval\.backends' and 'mine'"):
        plugin("mine", register_backends=lambda: {"numpy": "somewhere:Backend"})


def test_two_methods_that_change_the_reference_differently(plugin):
    faster = cv.Routine(track=push, reference=lambda e, r, xp: r.with_energy(r.energy * 2))
    plugin("first", register_tracking_methods=lambda: {(Widget, "push"): faster})
    with pytest.raises(PluginError, match="the change of the reference in Widget is claimed by"):
        plugin(
            "second", register_tracking_methods=lambda: {(Widget, "pull"): cv.Routine(track=push, reference=lambda e, r, xp: r)}
        )


# -------------------------------------------------------------------- what hooks must return


@pytest.mark.parametrize(
    ("hook", "value"),
    [
        ("register_tracking_methods", [(Widget, "push")]),
        ("register_tracking_methods", None),
        ("register_backends", ["cupy"]),
        ("register_elements", Widget),
        ("register_elements", 3),
        ("register_upstream", [Widget]),
        ("register_readers", None),
        ("register_readers", "bmad"),
        ("plan_steps", 3),
    ],
)
def test_a_hook_that_returns_something_else(plugin, hook, value):
    with pytest.raises(PluginError, match=rf"plugin 'wrong': {hook} returned"):
        plugin("wrong", **{hook: lambda: value})


@pytest.mark.parametrize(
    ("hook", "value"),
    [
        ("register_elements", [int]),
        ("register_elements", [Widget()]),
        ("register_elements", ["Widget"]),
        ("register_backends", {"cupy": NumpyBackend}),
        ("register_backends", {"cupy": "no_colon"}),
        ("register_upstream", {Widget: "no_colon"}),
        ("register_readers", ["bmad"]),
        ("register_readers", [("bmad2", (".b",), nothing)]),
        ("register_writers", [Reader("punchcards", (".card",), nothing)]),
        ("plan_steps", ["wrap"]),
    ],
)
def test_a_hook_that_returns_the_wrong_things_inside(plugin, hook, value):
    with pytest.raises(PluginError, match="'wrong'"):
        plugin("wrong", **{hook: lambda: value})


@pytest.mark.parametrize("key", [(int, "push"), Widget, (Widget,), ("Widget", "push"), (Widget, 3), (Widget, "a", "b")])
def test_methods_are_registered_under_class_and_name(plugin, key):
    with pytest.raises(PluginError, match=r"plugin 'wrong': a tracking method is registered under \(element class, name\)"):
        plugin("wrong", register_tracking_methods=lambda: {key: ROUTINE})


def test_methods_are_routines_composites_or_functions(plugin):
    with pytest.raises(
        PluginError, match=r"plugin 'wrong': Widget 'push' must be a Routine, a Composite or a map function, not 3"
    ):
        plugin("wrong", register_tracking_methods=lambda: {(Widget, "push"): 3})


def test_a_hook_that_raises_is_named(plugin):
    def broken():
        raise ZeroDivisionError("ouch")

    with pytest.raises(PluginError, match=r"(?s)'broken'.*ouch"):
        plugin("broken", register_elements=broken)


# -------------------------------------------------------------------- distributions (simulated; tests/plugins has real ones)


@pytest.fixture
def installed(monkeypatch):
    """Return a function that pretends that distributions with these entry points are installed."""

    def install(**points):
        module = types.ModuleType("pretended")
        for name, loaded in points.items():
            setattr(module, name, loaded)

        class Point(EntryPoint):
            def load(self):
                loaded = points[self.name]
                if isinstance(loaded, Exception):
                    raise loaded
                return loaded

        real = discovery.entry_points
        mine = [Point(name, f"pretended:{name}", "caraval") for name in points]
        monkeypatch.setattr(discovery, "entry_points", lambda group: [*real(group=group), *mine])
        registering.reset()

    yield install
    monkeypatch.undo()
    registering.reset()


def hooks(**functions):
    return type("Plugin", (), {name: staticmethod(cv.hookimpl(function)) for name, function in functions.items()})()


def test_a_distribution_is_found_by_its_entry_point(installed):
    installed(widgets=hooks(register_elements=lambda: [Widget]))
    assert registry().kinds["Widget"].plugin == "widgets"
    assert "widgets" in registry().plugins


@pytest.mark.parametrize("error", [ImportError("no module named 'wheels'"), SyntaxError("bad"), RuntimeError("ouch")])
def test_a_plugin_that_fails_to_import_is_left_out_with_a_warning(installed, error):
    installed(good=hooks(register_elements=lambda: [Widget]), bad=error)
    with pytest.warns(
        PluginWarning, match=rf"plugin 'bad' could not be loaded and is left out: {type(error).__name__}: {error}"
    ):
        found = registry()
    assert found.kinds["Widget"].plugin == "good"
    assert "bad" not in found.plugins


def test_a_plugin_whose_hook_takes_other_arguments_is_left_out_with_a_warning(installed):
    installed(bad=hooks(register_elements=lambda lattice: []))
    with pytest.warns(PluginWarning, match="plugin 'bad' could not be loaded"):
        assert "bad" not in registry().plugins


def test_plugins_on_the_block_list_are_not_even_imported(installed, monkeypatch):
    monkeypatch.setenv("CARAVAL_DISABLE_PLUGINS", " bad , other")
    installed(good=hooks(register_elements=lambda: [Widget]), bad=ImportError("no"), other=hooks(register_elements=nothing))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = registry()
    assert "good" in found.plugins
    assert not {"bad", "other"} & set(found.plugins)


def test_the_block_list_settles_a_collision(installed, monkeypatch):
    installed(first=hooks(register_elements=lambda: [Widget]), second=hooks(register_elements=lambda: [other_widget()]))
    with pytest.raises(
        PluginError, match=r"'first' and 'second'; uninstall one or leave it out: CARAVAL_DISABLE_PLUGINS=second"
    ):
        registry()
    monkeypatch.setenv("CARAVAL_DISABLE_PLUGINS", "second")
    registering.reset()
    assert registry().kinds["Widget"].value is Widget


def test_built_in_plugins_can_be_blocked_too(monkeypatch):
    monkeypatch.setenv("CARAVAL_DISABLE_PLUGINS", "caraval.physics.sextupole")
    registering.reset()
    try:
        assert "Sextupole" not in registry().kinds
        assert "Quadrupole" in registry().kinds
    finally:
        monkeypatch.undo()
        registering.reset()
    assert "Sextupole" in registry().kinds


def test_added_plugins_can_be_blocked(plugin, monkeypatch):
    plugin("widgets", register_elements=lambda: [Widget])
    monkeypatch.setenv("CARAVAL_DISABLE_PLUGINS", "widgets")
    registering.reset()
    assert "Widget" not in registry().kinds
    monkeypatch.undo()
    registering.reset()
    assert "Widget" in registry().kinds


# -------------------------------------------------------------------- backends


def test_a_plugin_adds_a_backend(plugin):
    plugin("punched", register_backends=lambda: {"punched": "caraval.backends.numpy:NumpyBackend"})
    assert isinstance(registry().backend("punched"), NumpyBackend)


def test_a_backend_whose_library_is_missing(plugin):
    plugin("missing", register_backends=lambda: {"abacus": "abacus_of_this_test:Backend"})
    with pytest.raises(
        BackendError, match=r"the abacus backend is not installed \(No module named 'abacus_of_this_test'\); try"
    ):
        registry().backend("abacus")


def test_backends_are_made_once():
    assert registry().backend("numpy") is registry().backend("numpy")
    assert registering.backend_of(np.zeros(1)) is registry().backend("numpy")


def test_values_without_backend():
    with pytest.raises(BackendError, match=r"no backend for values of type builtins\.str; there are numpy, torch, jax"):
        registering.backend_of("x")
