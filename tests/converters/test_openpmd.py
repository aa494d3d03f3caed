from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.constants import elementary_charge, speed_of_light

import caraval as cv
from caraval.converters import openpmd
from caraval.core.errors import BackendError, InputError
from caraval.core.reference import as_species

h5py = pytest.importorskip("h5py")
pytest.importorskip("beamphysics")

REFERENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference"
CORPUS = REFERENCE / "corpus"
needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the reference data lie beside the repository, if at all")

EV_PER_C = elementary_charge / speed_of_light
ELECTRON = as_species("electron").mass


@pytest.fixture(scope="session")
def particle_group() -> Any:
    """The class that judges: of openpmd-beamphysics, whose plotting sets something that matplotlib will not have for ever."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", category=PendingDeprecationWarning)
        from beamphysics import ParticleGroup

        return ParticleGroup


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "bunch.h5"


def bunch(backend: str = "numpy", dtype: str = "float64", n: int = 200, **changes: Any) -> cv.ParticleBeam:
    """A late bunch far down the line with charges of its own and some particles lost."""
    values: dict[str, Any] = {
        "p0c": 1e8, "s": 12.34, "t": 0.12345678901234567, "sigma_x": 1e-3, "sigma_px": 1e-4, "sigma_y": 2e-4, "sigma_py": 1e-5,
        "sigma_z": 1e-5, "sigma_pz": 1e-6, "mean": (1e-3, -1e-4, 2e-3, 1e-5, 1e-4, 1e-3), "seed": 3, **changes,
    }  # fmt: skip
    beam = cv.ParticleBeam.gaussian(n, backend=backend, dtype=dtype, **values)
    lost = np.zeros(n, dtype=bool)
    lost[[3, 50]] = True
    charge = np.linspace(1, 2, n).astype(dtype) * 1e-12
    lost_s = np.where(lost, np.linspace(0.5, 9.5, n), np.inf)
    return beam.replace(alive=~lost, charge=charge, lost_s=lost_s.astype(dtype))


def relative(a: Any, b: Any) -> float:
    """Largest difference, each over its own value."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    return float(np.max(np.abs(a - b) / np.where(b == 0, 1.0, np.abs(b))))


# -------------------------------------------------------------------- Caraval's own files


def test_a_beam_survives_on_every_backend(path, backend, dtype, to_numpy):
    beam = bunch(backend, dtype)
    cv.save_beam(beam, path)
    back = cv.load_beam(path, backend=backend, dtype=dtype)
    assert back.backend == beam.backend
    assert back.dtype == beam.dtype
    assert back.reference == beam.reference
    for name in ("alive", "lost_s", "charge", "x", "y"):
        np.testing.assert_array_equal(to_numpy(getattr(back, name)), to_numpy(getattr(beam, name)))
    for name in ("px", "py", "z", "pz"):
        worst = relative(to_numpy(getattr(back, name)), to_numpy(getattr(beam, name)))
        assert worst <= (1e-15 if dtype == "float64" else 0.0), name


@settings(deadline=None, max_examples=100)
@given(data=st.data())
def test_any_particles_survive_to_the_last_digits(tmp_path_factory, data):
    """Each coordinate of each particle, relative to itself: however late the bunch and however small the deviation."""
    n = data.draw(st.integers(1, 4))
    size = st.floats(-1e-2, 1e-2, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-200)

    def some(values: Any) -> np.ndarray:
        return np.array(data.draw(st.lists(values, min_size=n, max_size=n)))

    beam = cv.ParticleBeam(
        *(some(size) for _ in range(5)),
        some(st.floats(-0.5, 2.0, allow_subnormal=False).filter(lambda v: v == 0 or abs(v) > 1e-200)),
        reference=cv.Reference(
            data.draw(st.sampled_from(["electron", "positron", "proton", "alpha", "muon"])),
            data.draw(st.floats(1e2, 1e14)),
            data.draw(st.floats(-1e6, 1e6)),
            data.draw(st.floats(-1e6, 1e6)),
        ),
        charge=some(st.floats(0.0, 1e-6)),
        alive=np.array(data.draw(st.lists(st.booleans(), min_size=n, max_size=n))),
    )
    path = tmp_path_factory.mktemp("openpmd") / "beam.h5"
    cv.save_beam(beam, path)
    back = cv.load_beam(path)
    assert back.reference == beam.reference
    for name in ("x", "y", "charge", "alive", "lost_s"):
        np.testing.assert_array_equal(getattr(back, name), getattr(beam, name))
    for name in ("px", "py", "z", "pz"):
        assert relative(getattr(back, name), getattr(beam, name)) < 2e-15


def test_the_same_beam_makes_the_same_bytes(tmp_path):
    for name in ("a.h5", "b.h5"):
        cv.save_beam(bunch(), tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()


@pytest.mark.parametrize(
    "species",
    [
        "positron",
        "antiproton",
        "deuteron",
        "helion",
        cv.Species("Pb/82+ ä", 1.9e11, 82),
        cv.Species("electron", 510998.9461, -1),
    ],
    ids=str,
)
def test_species_survive(path, species):
    cv.save_beam(cv.ParticleBeam(x=[0.0, 1e-3], species=species, p0c=1e9), path)
    assert cv.load_beam(path).species == as_species(species)


def test_lost_particles_survive_whatever_their_momentum(path):
    pz = np.array([0.0, -1.5, -1.0, 0.1])
    beam = cv.ParticleBeam(
        px=[0.0, 0.0, 0.0, 3.0], z=[1e-3, 2e-3, 0.0, 1e-3], pz=pz, p0c=1e8, alive=pz == 0, lost_s=[np.inf, 1, 2, 3]
    )
    cv.save_beam(beam, path)
    back = cv.load_beam(path)
    np.testing.assert_allclose(np.stack(back.coordinates), np.stack(beam.coordinates), rtol=1e-15)
    np.testing.assert_array_equal(back.lost_s, beam.lost_s)


def test_a_beam_without_living_particles_survives(path):
    beam = bunch().replace(alive=np.zeros(200, dtype=bool), lost_s=np.linspace(0, 9, 200))
    cv.save_beam(beam, path)
    back = cv.load_beam(path)
    assert back.reference == beam.reference
    assert not back.alive.any()
    np.testing.assert_array_equal(back.lost_s, beam.lost_s)


def test_tensors_with_a_tape_are_written(path):
    torch = pytest.importorskip("torch")
    x = torch.tensor([1e-3, 2e-3], dtype=torch.float64, requires_grad=True)
    p0c = torch.tensor(1e8, dtype=torch.float64, requires_grad=True)
    cv.save_beam(cv.ParticleBeam(x=x, reference=cv.Reference("electron", p0c)), path)
    np.testing.assert_array_equal(cv.load_beam(path).x, [1e-3, 2e-3])
    assert cv.load_beam(path).p0c == 1e8


# -------------------------------------------------------------------- what others see of them


def test_openpmd_beamphysics_sees_the_same_bunch(path, particle_group):
    beam = bunch()
    cv.save_beam(beam, path)
    group = particle_group(str(path))
    momentum = beam.p0c * (1 + beam.pz)
    beta = momentum / np.hypot(momentum, ELECTRON)
    assert group.species == "electron"
    assert group.in_z_coordinates
    np.testing.assert_array_equal(group.status == 1, beam.alive)
    np.testing.assert_array_equal(group.weight, beam.charge)
    np.testing.assert_array_equal(group.x, beam.x)
    np.testing.assert_array_equal(group.z, np.zeros(200))
    np.testing.assert_allclose(group.px, beam.px * beam.p0c, rtol=1e-14)
    np.testing.assert_allclose(group.p, momentum, rtol=1e-14)
    np.testing.assert_allclose(group.t - beam.t, -beam.z / beta / speed_of_light, rtol=0, atol=2e-17)  # half a digit of t
    theirs = group.to_bmad(p0c=beam.p0c, tref=beam.t)
    np.testing.assert_allclose(theirs["pz"], beam.pz, rtol=0, atol=1e-15)
    np.testing.assert_allclose(theirs["z"], beam.z, rtol=0, atol=6e-9)


def test_the_file_has_what_the_standard_asks_for(path):
    beam = bunch(species="alpha")
    cv.save_beam(beam, path)
    with h5py.File(path) as file:
        root = {name: value.decode() for name, value in file.attrs.items()}
        assert root["openPMD"] == "2.0.0"
        assert root["openPMDextension"] == "BeamPhysics;SpeciesType"
        assert (root["basePath"], root["iterationFormat"]) == ("/data/%T/", "/data/%T/")
        assert (root["iterationEncoding"], root["particlesPath"]) == ("groupBased", "particles/")
        assert dict(file["data/1"].attrs) == {"time": beam.t, "dt": 0.0, "timeUnitSI": 1.0}
        (group,) = file["data/1/particles"].values()
        assert group.attrs["speciesType"] == b"#4He"
        assert group.attrs["numParticles"] == 200
        assert group.attrs["totalCharge"] == pytest.approx(float(beam.charge.sum()), rel=1e-14)
        assert group.attrs["chargeLive"] == pytest.approx(float(beam.total_charge), rel=1e-14)
        assert group["chargeState"].attrs["value"] == 2
        assert group["timeOffset"].attrs["value"] == beam.t
        assert group["totalMomentumOffset"].attrs["value"] == beam.p0c
        np.testing.assert_array_equal(group["sPosition"], np.where(beam.alive, beam.s, beam.lost_s))
        records: list[Any] = []
        group.visititems(lambda name, item: records.append(item) if "unitSI" in item.attrs else None)
        assert len(records) == 14
        for record in records:
            assert record.attrs["unitDimension"].shape == (7,)
            assert record.attrs["unitDimension"].dtype == np.float64
            assert isinstance(record, h5py.Dataset) or {"value", "shape"} <= set(record.attrs)


# -------------------------------------------------------------------- files of others


def records(**changes: Any) -> dict[str, Any]:
    """Records of a bunch at one plane, as openpmd-beamphysics takes them."""
    n = 40
    values = np.random.default_rng(5).standard_normal((6, n))
    return {
        "x": 1e-3 * values[0], "y": 2e-3 * values[1], "z": np.full(n, 1.5),
        "px": 1e4 * values[2], "py": 2e4 * values[3], "pz": 5e6 + 1e4 * values[4],
        "t": 3e-9 + 1e-12 * values[5], "status": np.ones(n, dtype=int), "weight": np.linspace(1, 3, n) * 1e-13,
        "species": "electron", **changes,
    }  # fmt: skip


def write(particle_group: Any, path: Path, data: dict[str, Any]) -> Any:
    group = particle_group(data=data)
    with h5py.File(path, "w") as file:
        group.write(file)
    return group


def check_bmad(beam: cv.ParticleBeam, group: Any, atol: float = 1e-17) -> None:
    """Compare with what openpmd-beamphysics makes of a bunch at one plane."""
    theirs = group.to_bmad(p0c=beam.p0c, tref=beam.t)
    for name in ("x", "px", "y", "py"):
        np.testing.assert_allclose(getattr(beam, name), theirs[name], rtol=1e-13, atol=atol)
    np.testing.assert_allclose(beam.z, theirs["z"], rtol=0, atol=1e-14)
    np.testing.assert_allclose(beam.pz, theirs["pz"], rtol=0, atol=1e-15)
    np.testing.assert_allclose(beam.charge, group.weight, rtol=1e-15)


def test_a_bunch_at_one_plane(path, particle_group):
    group = write(particle_group, path, records())
    beam = cv.load_beam(path)
    check_bmad(beam, group)
    assert beam.p0c == pytest.approx(np.average(group.p, weights=group.weight), rel=1e-14)
    assert beam.t == pytest.approx(np.average(group.t, weights=group.weight), rel=1e-14)
    assert beam.s == 1.5
    assert abs(np.average(beam.pz, weights=beam.charge)) < 1e-15
    beta = group.p / np.hypot(group.p, ELECTRON)
    assert abs(np.average(beam.z / beta, weights=beam.charge)) < 1e-15


def test_a_bunch_at_one_time_flies_to_its_mean_plane(path, particle_group):
    data = records(z=0.7 + 1e-3 * np.random.default_rng(1).standard_normal(40), t=np.full(40, 3e-9))
    group = write(particle_group, path, data)
    beam = cv.load_beam(path)
    assert beam.s == pytest.approx(group["mean_z"], rel=1e-14)
    group.drift_to_z(group["mean_z"])
    check_bmad(beam, group)
    assert beam.t == pytest.approx(group["mean_t"], rel=1e-14)


def test_a_bunch_at_one_time_loses_no_digits_by_being_late(path, particle_group):
    """The time is a day; the distances in the bunch are exact all the same."""
    z = 1e-6 * np.arange(-20.0, 20.0)
    data = records(
        z=z, t=np.full(40, 86400.0), px=np.zeros(40), py=np.zeros(40), pz=np.full(40, 5e6), weight=np.full(40, 1e-13)
    )
    write(particle_group, path, data)
    np.testing.assert_allclose(cv.load_beam(path).z, z - z.mean(), rtol=1e-13)


def test_particles_anywhere_fly_to_a_plane(path, particle_group):
    rng = np.random.default_rng(2)
    group = write(particle_group, path, records(z=1e-3 * rng.standard_normal(40)))
    beam = cv.load_beam(path)
    group.drift_to_z(group["mean_z"])
    check_bmad(beam, group)


def test_particles_that_fly_backward_reach_no_plane(path, particle_group):
    data = records(z=np.linspace(0, 1, 40))
    data["pz"][[3, 4]] *= -1
    write(particle_group, path, data)
    with pytest.raises(InputError, match=r"bunch\.h5: .*2 of them do not move forward"):
        cv.load_beam(path)
    data["status"][[3, 4]] = 5
    write(particle_group, path, data)
    beam = cv.load_beam(path)
    assert beam.alive.sum() == 38
    np.testing.assert_array_equal(beam.x[[3, 4]], data["x"][[3, 4]])
    np.testing.assert_allclose(beam.lost_s[[3, 4]], data["z"][[3, 4]], rtol=1e-14)


def test_what_is_given_comes_first(path, particle_group):
    """The particles are the same, whatever they are described by."""
    group = write(particle_group, path, records())
    beam = cv.load_beam(path, p0c=4e6, t=2e-9, s=7.0)
    assert (beam.p0c, beam.t, beam.s) == (4e6, 2e-9, 7.0)
    check_bmad(beam, group)
    own = bunch()
    cv.save_beam(own, path)
    other = cv.load_beam(path, p0c=own.p0c * 1.01, t=own.t + 1e-12, s=1.0)
    assert other.s == 1.0
    np.testing.assert_allclose((1 + other.pz) * other.p0c, (1 + own.pz) * own.p0c, rtol=1e-15)
    np.testing.assert_allclose(other.px * other.p0c, own.px * own.p0c, rtol=1e-14)
    beta = own.p0c * (1 + own.pz) / np.hypot(own.p0c * (1 + own.pz), ELECTRON)
    np.testing.assert_allclose(other.z - own.z, beta * speed_of_light * (other.t - own.t), rtol=1e-10)


def test_the_lost_keep_their_place_and_do_not_count(path, particle_group):
    data = records()
    data["status"][[0, 7]] = 3, 0
    data["pz"][[0, 7]] = 1e9
    data["t"][[0, 7]] = 1.0
    data["z"][[0, 7]] = 0.25, 1.0
    write(particle_group, path, data)
    beam = cv.load_beam(path)
    living = np.ones(40, dtype=bool)
    living[[0, 7]] = False
    np.testing.assert_array_equal(beam.alive, living)
    np.testing.assert_array_equal(beam.lost_s[[0, 7]], [0.25, 1.0])
    assert np.isinf(beam.lost_s[living]).all()
    np.testing.assert_array_equal(beam.x, data["x"])
    assert beam.s == 1.5
    assert beam.p0c == pytest.approx(5e6, rel=0.01)
    assert beam.t == pytest.approx(3e-9, rel=0.01)
    np.testing.assert_array_equal(cv.load_beam(path, s=10.0).lost_s[[0, 7]], [8.75, 9.5])


def test_a_bunch_that_is_not_born_yet(path, particle_group):
    group = write(particle_group, path, records(status=np.zeros(40, dtype=int)))
    beam = cv.load_beam(path)
    assert not beam.alive.any()
    check_bmad(beam.replace(alive=True), group)


def test_means_of_particles_without_charge_are_plain(path, particle_group):
    group = write(particle_group, path, records(weight=np.zeros(40)))
    assert cv.load_beam(path).p0c == pytest.approx(np.mean(group.p), rel=1e-14)


def test_living_particles_without_charge_fly_along(path, particle_group):
    data = records()
    data["weight"][5] = 0.0
    data["z"][5] = 1.4
    group = write(particle_group, path, data)
    beam = cv.load_beam(path)
    group.drift_to_z(beam.s)
    check_bmad(beam, group)


def test_negative_charges_are_those_of_electrons(path, particle_group):
    write(particle_group, path, records(weight=np.full(40, -1e-13)))
    np.testing.assert_array_equal(cv.load_beam(path).charge, np.full(40, 1e-13))


@pytest.mark.parametrize(("name", "charge"), [("H-", -1), ("H2+", 1)])
def test_species_that_only_openpmd_beamphysics_knows(path, particle_group, name, charge):
    group = write(particle_group, path, records(species=name))
    species = cv.load_beam(path).species
    assert (species.name, species.mass, species.charge) == (name, group.mass, charge)


def test_a_species_that_nobody_knows_must_be_given(path, particle_group):
    write(particle_group, path, records(species="unobtainium"))
    with pytest.raises(InputError, match=r"bunch\.h5: .*'unobtainium'.*species="):
        cv.load_beam(path)
    own = cv.Species("unobtainium", 1e9, 3)
    assert cv.load_beam(path, species=own).species == own


# -------------------------------------------------------------------- layouts


def component(group: Any, name: str, values: Any, unit: float = 1.0, *, constant: bool = False) -> None:
    """Write a record as Bmad does: attributes are arrays of one, constants are groups."""
    if constant:
        item = group.create_group(name)
        item.attrs["value"] = [values[0]]
        item.attrs["shape"] = [len(values)]
    else:
        item = group.create_dataset(name, data=values)
    item.attrs["unitSI"] = [unit]
    item.attrs["unitDimension"] = np.zeros(7)


def fill(group: Any, data: dict[str, Any], species: Any = b"electron", *, p0c: float = 4e6, t: float = 2e-9) -> None:
    """Write a bunch as Bmad does, with its reference."""
    n = len(data["x"])
    group.attrs["speciesType"] = species
    group.attrs["numParticles"] = [n]
    group.attrs["totalCharge"] = [float(data["weight"].sum())]
    group.attrs["chargeUnitSI"] = [1.0]
    for axis in "xyz":
        component(group, f"position/{axis}", data[axis], constant=axis == "z")
        component(group, f"momentum/{axis}", data[f"p{axis}"], EV_PER_C)
    momentum = np.sqrt(data["px"] ** 2 + data["py"] ** 2 + data["pz"] ** 2)
    component(group, "time", data["t"] - t)
    component(group, "timeOffset", t * (1 + 1e-16 * np.arange(n)))
    component(group, "totalMomentum", momentum - p0c, EV_PER_C)
    component(group, "totalMomentumOffset", np.full(n, p0c), EV_PER_C, constant=True)
    component(group, "sPosition", np.full(n, 0.445), constant=True)
    component(group, "weight", data["weight"])


@pytest.fixture
def layout(path: Path) -> Iterator[Any]:
    """A file to fill, open."""
    with h5py.File(path, "w") as file:
        file.attrs.update({"openPMD": b"2.0.0", "openPMDextension": "BeamPhysics;SpeciesType", "basePath": b"/data/%T/"})
        file.attrs["particlesPath"] = "particles/"
        yield file


def test_bmads_layout_keeps_bmads_reference(layout, path, particle_group):
    data = records()
    fill(layout.create_group("data/00007/particles"), data)
    layout.close()
    beam = cv.load_beam(path)
    assert beam.reference == cv.Reference("electron", 4e6, 0.445, 2e-9)
    assert beam.alive.all()
    check_bmad(beam, particle_group(data=data))


def test_total_momenta_that_contradict_the_components_are_not_believed(layout, path, particle_group):
    data = records()
    group = layout.create_group("data/1/particles")
    fill(group, data)
    group["totalMomentum"][...] += 1e3
    layout.close()
    check_bmad(cv.load_beam(path), particle_group(data=data))


def test_offsets_of_position_and_momentum_count(layout, path, particle_group):
    data = records()
    group = layout.create_group("data/1/particles/electron")
    fill(group, {**data, "x": data["x"] - 0.5, "pz": data["pz"] - 4e6})
    del group["totalMomentum"]
    component(group, "positionOffset/x", np.full(40, 0.5), constant=True)
    component(group, "momentumOffset/z", np.full(40, 4e6), EV_PER_C)
    layout.close()
    check_bmad(cv.load_beam(path), particle_group(data=data), atol=1e-15)


def test_a_weight_for_all_or_only_a_total_charge(layout, path):
    data = records(weight=np.full(40, 2e-13))
    group = layout.create_group("data/1/particles")
    fill(group, data)
    del group["weight"]
    layout.flush()
    layout.close()
    np.testing.assert_allclose(cv.load_beam(path).charge, data["weight"], rtol=1e-15)
    with h5py.File(path, "a") as file:
        component(file["data/1/particles"], "weight", np.array([3e-13]))
    np.testing.assert_array_equal(cv.load_beam(path).charge, np.full(40, 3e-13))


def test_the_number_of_particles_may_be_left_out(layout, path):
    group = layout.create_group("data/1/particles")
    fill(group, records())
    del group.attrs["numParticles"]
    layout.close()
    assert len(cv.load_beam(path)) == 40
    with h5py.File(path, "a") as file:
        group = file["data/1/particles"]
        del group["position/x"]
        component(group, "position/x", np.zeros(40), constant=True)
    np.testing.assert_array_equal(cv.load_beam(path).x, np.zeros(40))


def test_without_times_all_are_at_one_time(layout, path):
    data = records(z=np.linspace(0.0, 1e-3, 40))
    group = layout.create_group("data/1/particles")
    fill(group, data)
    for name in ("time", "timeOffset", "position/z"):
        del group[name]
    component(group, "position/z", data["z"])
    layout.close()
    beam = cv.load_beam(path)
    assert np.ptp(beam.z) == pytest.approx(1e-3, rel=0.01)
    assert abs(beam.t) < 1e-14


def test_the_reference_time_of_a_bunch_at_one_time_is_that_of_no_plane(layout, path, particle_group):
    data = records(z=np.linspace(0.0, 1e-3, 40), t=np.full(40, 2e-9))
    group = layout.create_group("data/1/particles")
    fill(group, data, t=2e-9)
    del group["position/z"]
    component(group, "position/z", data["z"])
    layout.close()
    beam = cv.load_beam(path)
    theirs = particle_group(data=data)
    theirs.drift_to_z(theirs["mean_z"])
    check_bmad(beam, theirs)
    assert beam.t == pytest.approx(theirs["mean_t"], rel=1e-15)
    assert beam.t != 2e-9
    assert cv.load_beam(path, t=2e-9).t == 2e-9


def test_iterations_are_chosen(layout, path):
    for name, shift in (("3", 0.0), ("00012", 1.0), ("notes", 2.0)):
        data = records()
        fill(layout.create_group(f"data/{name}/particles"), {**data, "x": data["x"] + shift})
    layout.close()
    with pytest.raises(InputError, match=r"several iterations \(3, 12\); say iteration="):
        cv.load_beam(path)
    for wanted in (12, "12", "00012"):
        assert cv.load_beam(path, iteration=wanted).x.mean() > 0.9
    assert cv.load_beam(path, iteration=3).x.mean() < 0.1
    for wanted in (4, "notes"):
        with pytest.raises(InputError, match=f"no iteration {wanted!r}; there are 3, 12"):
            cv.load_beam(path, iteration=wanted)


def test_iterations_may_be_part_of_a_name(layout, path):
    layout.attrs["basePath"] = "/run/step_%T.out/data"
    fill(layout.create_group("run/step_5.out/data/particles/electron"), records())
    layout.create_group("run/other")
    layout.close()
    assert len(cv.load_beam(path)) == 40


def test_species_are_chosen(layout, path):
    particles = layout.create_group("data/1/particles")
    fill(particles.create_group("e"), records(), "electron")
    fill(particles.create_group("p"), records(), b"positron")
    layout.close()
    with pytest.raises(InputError, match=r"several species \(electron, positron\); say species="):
        cv.load_beam(path)
    assert cv.load_beam(path, species="positron").species.name == "positron"
    assert cv.load_beam(path, species=as_species("electron")).species.name == "electron"


@pytest.mark.parametrize(("base", "folder"), [("/", "."), ("/", "particles"), ("/", "/particles/"), ("/a/b/", "./")])
def test_paths_of_all_styles(layout, path, base, folder):
    layout.attrs.update({"basePath": base, "particlesPath": np.array([folder.encode()])})
    fill(layout.require_group(str(Path(base, folder.strip("/")))), records())
    layout.close()
    assert len(cv.load_beam(path)) == 40


# -------------------------------------------------------------------- files that cannot be read


def test_files_that_are_not_hdf5(path):
    for content in (b"", b"hello", b"\x89HDF\r\n\x1a\n"):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"bunch\.h5: "):
            cv.load_beam(path)
    with pytest.raises(FileNotFoundError):
        openpmd.read(path.with_name("none.h5"))


def test_files_that_are_cut_off(path):
    cv.save_beam(bunch(n=2000), path)
    path.write_bytes(path.read_bytes()[:20_000])
    with pytest.raises(InputError, match=r"bunch\.h5: no openPMD beam"):
        cv.load_beam(path)


def test_hdf5_that_is_not_openpmd(path):
    with h5py.File(path, "w"):
        pass
    assert not openpmd.recognises(path)
    with pytest.raises(InputError, match=r"bunch\.h5: .*not openPMD"):
        cv.load_beam(path)


def test_openpmd_files_are_recognised(path):
    cv.save_beam(bunch(), path)
    assert openpmd.recognises(path)
    path.write_bytes(b"nothing")
    assert not openpmd.recognises(path)


def spoil(file: Any, group: Any, what: str) -> None:
    if what in ("position/x", "momentum/y", "momentum"):
        del group[what]
    elif what == "nan":
        group["position/y"][3] = np.nan
    elif what == "length":
        del group["position/y"]
        component(group, "position/y", np.zeros(39))
    elif what == "text":
        del group["position/y"]
        group["position/y"] = np.array([b"a"] * 40)
    elif what in ("speciesType", "numParticles"):
        del group.attrs[what]
        group.attrs["numParticles"] = [0] if what == "numParticles" else [40]
    elif what in ("particlesPath", "openPMD"):
        del file.attrs[what]
    elif what == "path":
        file.attrs["particlesPath"] = "bunches/"
    elif what == "dataset":
        file.attrs["particlesPath"] = "particles/time"
    elif what == "folder":
        file.move("data/1/particles", "data/1/other")
        file.create_group("data/1/particles")
    elif what == "iterations":
        del file["data/1"]
    elif what == "version":
        group.attrs["caravalVersion"] = 99
    elif what == "own":
        group.attrs["caravalVersion"] = 1


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("position/x", "no record position/x"),
        ("momentum/y", "no record momentum/y"),
        ("momentum", "no record momentum/x"),
        ("nan", "1 of the 40 values of position/y are not finite"),
        ("length", r"position/y has the shape \(39,\), and there are 40"),
        ("text", "no openPMD beam can be read"),
        ("speciesType", "species of the particles is not said"),
        ("numParticles", "there are no particles"),
        ("particlesPath", "holds no particles"),
        ("openPMD", "not openPMD"),
        ("path", "no group /data/1/bunches"),
        ("dataset", "/data/1/particles/time, .* is no group"),
        ("folder", "there are no particles in /data/1/particles"),
        ("iterations", "no iterations in /data"),
        ("version", "later Caraval .*version 99"),
        ("own", "caravalP0c"),
    ],
)
def test_files_that_say_nonsense(layout, path, what, said):
    group = layout.create_group("data/1/particles")
    fill(group, records())
    spoil(layout, group, what)
    layout.close()
    with pytest.raises(InputError, match=said) as caught:
        cv.load_beam(path)
    assert str(caught.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "options", [{"p0c": 0.0}, {"p0c": -1e6}, {"p0c": "fast"}, {"t": np.nan}, {"s": [1, 2]}, {"dtype": "int8"}]
)
def test_options_that_make_no_sense(path, options):
    cv.save_beam(bunch(), path)
    with pytest.raises(InputError, match=next(iter(options))):
        cv.load_beam(path, **options)


@pytest.mark.parametrize("hidden", ["beamphysics", "h5py"])
def test_what_is_not_installed_is_named(path, monkeypatch, hidden):
    beam = bunch()
    for name in list(sys.modules):
        if name.partition(".")[0] in ("beamphysics", "pmd_beamphysics", hidden):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, hidden, None)
    monkeypatch.setitem(sys.modules, "pmd_beamphysics", None)
    path.write_bytes(b"")
    with pytest.raises(BackendError, match=r"pip install 'caraval\[beams\]'"):
        cv.load_beam(path)
    with pytest.raises(BackendError, match=r"pip install 'caraval\[beams\]'"):
        cv.save_beam(beam, path)
    assert path.read_bytes() == b""
    assert not openpmd.recognises(path)


# -------------------------------------------------------------------- beams that cannot be written


def nothing_is_left(path: Path) -> bool:
    return list(path.parent.iterdir()) == []


def test_batches_are_not_written(path):
    with pytest.raises(InputError, match=r"a batch \(2,\)"):
        cv.save_beam(cv.ParticleBeam(x=np.zeros((2, 3)), p0c=1e8), path)
    assert nothing_is_left(path)


def test_impossible_momenta_are_not_written(path):
    with pytest.raises(InputError, match="2 living particles"):
        cv.save_beam(cv.ParticleBeam(px=[0.5, 1.5, 0.0], pz=[0.0, 0.0, -1.5], p0c=1e8), path)
    assert nothing_is_left(path)


def test_values_that_are_not_finite_are_not_written(path):
    beam = cv.ParticleBeam.tree_unflatten(None, cv.ParticleBeam(x=[0.0, 1.0], p0c=1e8).tree_flatten()[0])
    beam.__dict__["coordinates"] = beam.coordinates._replace(y=np.array([0.0, np.nan]))
    with pytest.raises(InputError, match="y must be finite; 1 of 2"):
        cv.save_beam(beam, path)
    assert nothing_is_left(path)


def test_values_that_a_trace_hides_are_not_written(path):
    jax = pytest.importorskip("jax")

    def save(beam: cv.ParticleBeam) -> Any:
        with pytest.raises(BackendError, match="hidden by a trace"):
            cv.save_beam(beam, path)
        return beam.x

    jax.jit(save)(bunch("jax"))
    assert nothing_is_left(path)


# -------------------------------------------------------------------- beams of laboratories

SEEN = json.loads((REFERENCE / "beams" / "beams.json").read_text()) if CORPUS.is_dir() else {}
FILES = {file.parent.name: file for file in CORPUS.glob("openpmd/*/*.h5")}
READ = sorted(name for name in FILES if isinstance(SEEN.get(name, {}).get("pmd_beamphysics"), dict))


def moments(beam: cv.ParticleBeam) -> dict[str, float]:
    """What `beams.json` has of a bunch, from Caraval's coordinates."""
    mass, weight = beam.species.mass, beam.charge
    momentum = beam.p0c * (1 + beam.pz)
    energy = np.hypot(momentum, mass)
    px, py = beam.p0c * beam.px, beam.p0c * beam.py
    values = {
        "x": beam.x, "y": beam.y, "px": px, "py": py, "pz": np.sqrt(momentum**2 - px**2 - py**2), "energy": energy,
        "t": beam.t - beam.z * energy / momentum / speed_of_light,
    }  # fmt: skip
    out = {"n_particle": len(beam), "charge": float(weight.sum())}
    for name, value in values.items():
        mean = np.average(value, weights=weight)
        out[f"mean_{name}"] = mean
        out[f"sigma_{name}"] = np.sqrt(np.average((value - mean) ** 2, weights=weight))
    for axis in "xy":
        c = np.cov(values[axis], values[f"p{axis}"], aweights=weight)  # theirs are of a sample
        out[f"norm_emit_{axis}"] = np.sqrt(np.linalg.det(c)) / mass
    return out


@needs_corpus
@pytest.mark.parametrize("name", READ)
def test_moments_are_those_that_others_see(name):
    beam = cv.load_beam(FILES[name])
    theirs = SEEN[name]["pmd_beamphysics"]
    assert beam.species.name == theirs["species"]
    assert int(beam.alive.sum()) == theirs["n_alive"]
    ours = moments(beam)
    for key, value in ours.items():
        quantity = key.partition("_")[2]
        scale = abs(theirs[key]) + abs(theirs.get(f"sigma_{quantity}", 0.0))
        tolerance = 1e-9 * max(scale, 0.0) + (1e-24 if quantity == "t" else 0.0)
        if quantity == "energy":
            tolerance += 1e-14 * beam.species.mass * len(beam) ** 0.5  # rounding of the total beside a small spread
        if key.startswith("norm_emit"):  # so far below the product of the sizes it is rounding
            tolerance += 3e-8 * ours[f"sigma_{key[-1]}"] * ours[f"sigma_p{key[-1]}"] / beam.species.mass
        assert abs(value - theirs[key]) <= tolerance, key


@needs_corpus
def test_the_corpus_is_there():
    assert len(READ) >= 3


@needs_corpus
def test_bmads_reference_is_kept():
    beam = cv.load_beam(FILES["bp_bmad_particles"])
    assert beam.p0c == pytest.approx(41996891.31444237, rel=1e-15)
    assert beam.s == 0.445
    assert beam.t == pytest.approx(1.484470098649786e-09, rel=1e-12)


@needs_corpus
@pytest.mark.parametrize("name", sorted(set(FILES) - set(READ)))
def test_other_files_of_the_corpus_say_what_they_lack(name):
    with pytest.raises(InputError, match=r"holds no particles|several iterations"):
        cv.load_beam(FILES[name])


@needs_corpus
def test_a_bunch_among_several():
    beam = cv.load_beam(FILES["bmad_ecosystem_regression_tests_hdf5_test_bunch_old"], iteration=1)
    assert (beam.species.name, len(beam), beam.p0c) == ("positron", 10, pytest.approx(999999869.4400281, rel=1e-15))
    with pytest.raises(InputError, match="photon"):
        cv.load_beam(FILES["bmad_ecosystem_regression_tests_hdf5_test_bunch_old"], iteration=2)


@needs_corpus
@pytest.mark.parametrize("name", ["peer_written_particles_grid", "peer_written_sr_wakes_particles3"])
def test_one_bunch_at_one_time_and_at_one_plane(name):
    at_time, at_plane = (cv.load_beam(CORPUS / "astra" / name / f"beam_{how}.h5", t=0.0) for how in "tz")
    shift = at_time.s - at_plane.s  # they meet at planes that are as far from each other as rounding has it
    assert abs(shift) < 1e-8
    np.testing.assert_allclose(at_time.pz, at_plane.pz, rtol=0, atol=1e-13)
    np.testing.assert_allclose(at_time.x, at_plane.x + shift * at_plane.px, rtol=0, atol=1e-14)
    np.testing.assert_allclose(at_time.z, at_plane.z - shift, rtol=0, atol=2e-14)
