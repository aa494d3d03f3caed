"""Lines with space charge: what they are made of, and that everything goes through them."""

from functools import partial

import numpy as np
import pytest

import caraval as cv
from caraval.core.plan import CollectiveStage
from caraval.core.registry import registry

from .bunches import at_rest, ball

GRID = (12, 12, 12)


def bunch(n: int = 2000, backend: str = "numpy", dtype: str = "float64", **changes) -> cv.ParticleBeam:
    settings = {
        "p0c": 1e7, "sigma_x": 1e-3, "sigma_y": 8e-4, "sigma_z": 1e-3, "sigma_px": 1e-4, "sigma_py": 1e-4, "sigma_pz": 1e-3,
        "charge": 1e-9, "seed": 1, **changes,
    }  # fmt: skip
    return cv.ParticleBeam.gaussian(n, backend=backend, dtype=dtype, **settings)


def plain(method: str = "bmad_standard") -> cv.Lattice:
    return cv.Lattice([
        cv.Drift(name="d", length=0.1),
        cv.Quadrupole(name="q", length=0.1, k1=5.0, tracking_method=method),
        cv.Marker(name="m"),
        cv.Drift(name="d", length=0.1),
        cv.Quadrupole(name="q", length=0.1, k1=-5.0, x_offset=1e-3, tracking_method=method),
    ])  # fmt: skip


def line(method: str = "bmad_standard") -> cv.Lattice:
    return plain(method).with_space_charge(every=0.05, grid=GRID)


def difference(a, b, to_numpy) -> float:
    """Return the largest difference of coordinates in units of their rms."""
    a, b = to_numpy(a.coordinates), to_numpy(b.coordinates)
    return float((np.abs(a - b).max(axis=-1) / b.std(axis=-1)).max())


def stages(lattice: cv.Lattice, beam: cv.ParticleBeam, looks=()) -> list[CollectiveStage]:
    plan = lattice.planner.plan(list(lattice.planner.stops(list(looks))), beam.reference)
    return [stage for stage in plan.stages if isinstance(stage, CollectiveStage)]


# -------------------------------------------------------------------- what a line is made of


@pytest.mark.parametrize("method", ["bmad_standard", "kick_drift_kick", "linear", "second_order"])
def test_half_kicks_at_both_ends_whatever_the_method(method, to_numpy):
    incoming = bunch()
    found = line(method).track(incoming)
    half = cv.SpaceChargeKick(effect_length=0.025, grid=GRID)
    by_hand = []
    for element in plain(method):
        if element.kind == "Marker":
            continue
        for a, b in ((0.0, 0.05), (0.05, 0.1)):
            by_hand += [half, element.cut(a, b), half]
    expected = cv.Lattice(by_hand).track(incoming)
    # two half kicks at one place are not quite one: the momenta in between differ
    assert difference(found, expected, to_numpy) < 1e-5
    assert difference(found, plain(method).track(incoming), to_numpy) > 0.01


def test_two_half_kicks_at_one_place_are_one():
    incoming = bunch(10)
    lattice = cv.Lattice([cv.Drift(length=0.1)] * 3).with_space_charge(every=0.05)
    assert len(stages(lattice, incoming)) == 7
    assert [len(stage.elements) for stage in stages(lattice, incoming)] == [1, 2, 2, 2, 2, 2, 1]
    assert len(stages(lattice, incoming, [0])) == 8  # who looks in between sees half


@pytest.mark.parametrize(("every", "number"), [(0.1, 1), (0.05, 2), (0.034, 3), (0.1 / 3, 3), (1.0, 1)])
def test_numbers_of_slices(every, number):
    assert plain().with_space_charge(every=every)["m"].num_slices == 1
    assert plain().with_space_charge(every=every).elements[0].num_slices == number


def test_where():
    lattice = plain().with_space_charge(where="Quadrupole")
    assert [bool(element.effects) for element in lattice] == [False, True, False, False, True]


def test_names_and_places_stay(to_numpy):
    incoming = bunch()
    lattice = line()
    assert lattice.names == plain().names
    out, history = lattice.track(incoming, observe=["q", "m", "d##2"])
    assert [float(beam.s) for beam in history["q"]] == pytest.approx([0.2, 0.4])
    assert [float(beam.s) for beam in (*history["m"], *history["d##2"])] == pytest.approx([0.2, 0.3])
    assert difference(history["q"][-1], out, to_numpy) == 0
    assert difference(lattice.track(incoming), out, to_numpy) < 1e-5  # half a kick, a look, and the other half
    changed = lattice.replace({"q##2.k1": 1.0})
    assert changed.elements[4].k1 == 1.0
    assert difference(changed.track(incoming), out, to_numpy) > 0.01
    assert difference(changed.replace({"q##2.k1": -5.0}).track(incoming), lattice.track(incoming), to_numpy) == 0


def test_patches_are_not_cut():
    lattice = cv.Lattice([cv.Drift(length=0.1), cv.Patch(length=0.1, user_sets_length=True), cv.Drift(length=0.1)])
    assert [e.num_slices for e in lattice.with_space_charge(every=0.02)] == [5, 1, 5]


def test_reference_is_that_of_the_place():
    """A cavity taken in slices accelerates as the whole does."""
    cavity = cv.LCavity(name="c", length=1.0, voltage=1e7, rf_frequency=1.3e9, n_rf_steps=20)
    beam = bunch(charge=1e-22)
    whole = cv.Lattice([cavity]).track(beam)
    sliced = cv.Lattice([cavity]).with_space_charge(every=0.1, grid=GRID).track(beam)
    assert sliced.p0c == pytest.approx(whole.p0c, rel=1e-14)
    assert sliced.sigma_px == pytest.approx(whole.sigma_px, rel=0.02)  # pieces have RF kicks of their own


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"every": 0.0}, "every must be a length"),
        ({"grid": (32, 32)}, "three numbers of nodes"),
        ({"grid": (32, 32, 2)}, "of 4 or more"),
        ({"extent": -1.0}, "positive number of standard deviations"),
    ],
)
def test_options_that_make_no_sense(options, message):
    with pytest.raises(cv.InputError, match=message):
        plain().with_space_charge(**options)


def test_elements_that_make_no_sense():
    with pytest.raises(cv.InputError, match=r"SpaceChargeKick 'k': grid"):
        cv.SpaceChargeKick(name="k", grid=(1, 2, 3))
    with pytest.raises(AttributeError, match="did you mean 'with_space_charge'"):
        plain().with_space_charg()
    lost = cv.Lattice([cv.Drift(name="d", length=1.0, effects={"space_chrage": {}})])
    with pytest.raises(cv.UnknownNameError, match="'d' has an effect 'space_chrage' that no plugin brings"):
        lost.track(bunch(10))


def test_files_keep_it(tmp_path, to_numpy):
    incoming = bunch()
    lattice = cv.Lattice([*line().elements, cv.SpaceChargeKick(effect_length=0.1, grid=GRID, extent=4.0)])
    cv.save(lattice, tmp_path / "line.json")
    again = cv.load(tmp_path / "line.json")
    assert again == lattice
    assert difference(again.track(incoming), lattice.track(incoming), to_numpy) == 0


# -------------------------------------------------------------------- what goes through


def test_backends_agree(backend, dtype, to_numpy):
    if backend == "array_api_strict":
        with pytest.raises(cv.BackendError, match="scatter_add"):
            line().track(bunch(10, backend))
        return
    found = line().track(bunch(backend=backend, dtype=dtype))
    assert difference(found, line().track(bunch()), to_numpy) < (1e-9 if dtype == "float64" else 2e-3)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_compiled(library, to_numpy):
    pytest.importorskip({"numpy": "numba"}.get(library, library))
    tracker = line("kick_drift_kick").compile(library, parameters=["q.k1"], observe=["m"])
    found, history = tracker(bunch(backend=library), {"q.k1": 3.0})
    expected = line("kick_drift_kick").replace({"q.k1": 3.0}).track(bunch())
    assert difference(found, expected, to_numpy) < 1e-9
    assert len(history["m"]) == 1


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_batches_are_loops(library, to_numpy):
    if library != "numpy":
        pytest.importorskip(library)
    strengths = np.array([4.0, -2.0])
    offsets = np.array([1.0, 1.3])
    one = bunch(500)
    beam = cv.ParticleBeam(
        *(np.stack([a * f for f in offsets]) for a in one.coordinates), reference=one.reference, charge=one.charge
    ).to(backend=library)
    lattice = cv.Lattice([cv.Drift(length=0.1), cv.Quadrupole(name="q", length=0.1, k1=strengths), cv.Drift(length=0.1)])
    out = lattice.with_space_charge(every=0.05, grid=GRID).to(library).track(beam)
    for i in range(2):
        single = cv.ParticleBeam(*(a * offsets[i] for a in one.coordinates), reference=one.reference, charge=one.charge)
        alone = lattice.replace({"q.k1": float(strengths[i])}).with_space_charge(every=0.05, grid=GRID).track(single)
        np.testing.assert_allclose(to_numpy(out.coordinates)[:, i], to_numpy(alone.coordinates), rtol=0, atol=1e-12)


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_the_lost_do_nothing(library, to_numpy):
    if library != "numpy":
        pytest.importorskip(library)
    beam = bunch(1000)
    alive = np.ones(1000, dtype=bool)
    alive[::3] = False
    living = cv.ParticleBeam(*(a[alive] for a in beam.coordinates), reference=beam.reference, charge=beam.charge[alive])
    partly = beam.replace(alive=alive, lost_s=np.where(alive, np.inf, 0.0)).to(backend=library)
    out = line().track(partly)
    np.testing.assert_allclose(
        to_numpy(out.coordinates)[:, alive], to_numpy(line().track(living).coordinates), rtol=0, atol=1e-13
    )
    np.testing.assert_array_equal(to_numpy(out.coordinates)[:, ~alive], to_numpy(beam.coordinates)[:, ~alive])


def test_those_lost_on_the_way_stop_pushing():
    scraper = cv.Lattice([cv.RCollimator(length=0.0, x_limit=1e-3), *line().elements])
    out = scraper.track(bunch())
    assert 0 < (~out.alive).sum() < 1000
    assert (out.lost_s[~out.alive] == 0).all()
    survivors = bunch()
    kept = np.abs(survivors.x) <= 1e-3
    coordinates = (a[kept] for a in survivors.coordinates)
    alone = cv.ParticleBeam(*coordinates, reference=survivors.reference, charge=survivors.charge[kept])
    np.testing.assert_allclose(
        np.array(out.coordinates)[:, kept], np.array(line().track(alone).coordinates), rtol=0, atol=1e-13
    )


@pytest.mark.parametrize("n", [1, 2, 7])
def test_few_particles(n):
    beam = cv.ParticleBeam(x=np.linspace(0, 1e-3, n), p0c=1e7, charge=1e-12)
    out = line().track(beam)
    assert np.isfinite(np.array(out.coordinates)).all()


def test_nobody_left():
    beam = bunch(5).replace(alive=np.zeros(5, dtype=bool), lost_s=np.zeros(5))
    np.testing.assert_array_equal(np.array(line().track(beam).coordinates), np.array(beam.coordinates))


def test_macro_charges():
    """Particles of twice the charge are as good as two."""
    beam = bunch(500)
    twice = cv.ParticleBeam(*(np.repeat(a, 2) for a in beam.coordinates), reference=beam.reference, charge=1e-9)
    out, pairs = line().track(beam), line().track(twice)
    np.testing.assert_allclose(pairs.px[::2], out.px, rtol=0, atol=1e-15)


def test_neutral_particles_drift():
    beam = bunch(50, species=cv.Species("atom", 1e9, 0), charge=1.0)
    drift = cv.Lattice([cv.Drift(length=0.1)])
    moved, alone = drift.with_space_charge(grid=GRID).track(beam), drift.track(beam)
    np.testing.assert_allclose(np.array(moved.coordinates), np.array(alone.coordinates), rtol=0, atol=1e-15)


# -------------------------------------------------------------------- moments


@pytest.mark.parametrize("library", ["numpy", "torch", "jax"])
def test_moments_expand_as_a_uniform_bunch(library, to_numpy):
    if library != "numpy":
        pytest.importorskip(library)
    beam = at_rest(1e-3 * ball(2**14) * np.array([1, 0.7, 2])[:, None], 1e7, charge=2e-10)
    lattice = cv.Lattice([cv.Drift(length=0.5)]).with_space_charge(every=0.05)
    particles, moments = lattice.track(beam), lattice.track(beam.to_moments().to(library))
    for name in ("sigma_x", "sigma_px", "sigma_y", "sigma_py", "sigma_z", "sigma_pz"):
        assert float(getattr(moments, name)) == pytest.approx(getattr(particles, name), rel=4e-3)
    assert particles.sigma_x > 1.1 * beam.sigma_x


def test_effects_without_moments_refuse_them(plugin):
    def nothing(constants, beam, backend):
        return beam.coordinates

    effect = cv.Collective(track=partial(nothing), prepare=lambda *a: ())

    def wrap(element, steps):
        return [cv.Step(collective=effect), *steps] if "idle" in element.effects else steps

    plugin(
        "idle",
        plan_steps=lambda: [wrap],
        register_effects=lambda: {"idle": lambda lattice: lattice},
    )
    lattice = cv.Lattice([cv.Drift(length=1.0, effects={"idle": {}})])
    assert lattice.track(bunch(10)).s == 1.0
    with pytest.raises(cv.InputError, match=r"nothing acts on ParticleBeams alone"):
        lattice.track(bunch(10).to_moments())


def test_single_particles_do_not_push_themselves():
    reference = cv.Reference("electron", p0c=1e7)
    np.testing.assert_allclose(line().transfer_matrix(reference), plain().transfer_matrix(reference), rtol=0, atol=1e-12)


# -------------------------------------------------------------------- the registry


def test_two_plugins_with_one_effect(plugin):
    with pytest.raises(cv.PluginError, match=r"the effect 'space_charge' is claimed by two plugins"):
        plugin("other", register_effects=lambda: {"space_charge": lambda lattice: lattice})


def test_what_is_no_effect(plugin):
    with pytest.raises(cv.PluginError, match="an effect is a name and a function"):
        plugin("other", register_effects=lambda: {"space charge": 3})


def test_the_plugin_uses_public_hooks():
    assert registry().effects["space_charge"].plugin == "caraval.plugins.space_charge"
    assert cv.SpaceChargeKick is registry().kind("SpaceChargeKick")


# -------------------------------------------------------------------- in the rest of the package


def test_turns(to_numpy):
    lattice, incoming = line(), bunch(500)
    out = lattice.track(incoming, turns=3)
    by_hand = incoming
    for _ in range(3):
        by_hand = lattice.track(by_hand.replace(reference=incoming.reference))
    assert difference(out, by_hand, to_numpy) == 0


def test_optics_are_those_of_a_single_particle():
    reference = cv.Reference("electron", p0c=1e7)
    bare = plain().replace({"q.x_offset": 0.0}, reference=reference, beginning=dict.fromkeys(("beta_a", "beta_b"), 1.0))
    pushed = cv.Lattice([*bare.with_space_charge(every=0.05).elements, cv.SpaceChargeKick(effect_length=1.0)])
    pushed = pushed.replace(reference=reference, beginning=bare.beginning)
    found, expected = (cv.optics.twiss(lattice) for lattice in (pushed, bare))
    assert found.beta_a[len(bare) - 1] == pytest.approx(expected.beta_a[len(bare) - 1], rel=1e-12)


@pytest.mark.parametrize("suffix", ["bmad", "madx", "lte"])
def test_other_formats_cannot_say_it(suffix, tmp_path):
    lattice = cv.Lattice([cv.Drift(name="d", length=0.1)], reference=cv.Reference("electron", p0c=1e7)).with_space_charge()
    with pytest.raises(cv.LatticeError, match=r"d: effects = .* cannot be carried"):
        cv.save(lattice, tmp_path / f"line.{suffix}")
