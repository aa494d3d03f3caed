"""Beam files of ASTRA, elegant, Bmad, Ocelot and GPT: particles worked out by hand, round trips, files of others, errors."""

from __future__ import annotations

import json
import math
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.core.errors import InputError, LatticeError, UnknownNameError

C = 299792458.0
ELECTRON = cv.Reference("electron", 1e6).species
MC2 = ELECTRON.mass

REFERENCE = Path(__file__).resolve().parents[2].parent / "shared" / "reference"

needs_reference = pytest.mark.skipif(not REFERENCE.is_dir(), reason="the reference data are not here")

SUFFIXES = {"astra": ".astra", "sdds": ".sdds", "bmad": ".beam", "ocelot": ".npz", "gpt": ".gdf", "openpmd": ".h5"}

KEEPS_THE_LOST = {"astra", "bmad", "openpmd"}

SAME = 1e-12
"""Coordinates agree to this, over the largest."""


def bunch(**changes: Any) -> cv.ParticleBeam:
    settings: dict[str, Any] = {
        "species": "electron", "p0c": 1e7, "sigma_x": 1e-3, "sigma_px": 2e-3, "sigma_y": 5e-4, "sigma_py": 1e-3,
        "sigma_z": 1e-3, "sigma_pz": 1e-2, "charge": 1e-9, "s": 3.0, "t": 1e-9, "seed": 4,
    }  # fmt: skip
    return cv.ParticleBeam.gaussian(50, **{**settings, **changes})


def difference(a: cv.ParticleBeam, b: cv.ParticleBeam) -> float:
    pairs = zip(a.coordinates, b.coordinates, strict=True)
    return max(float(np.abs(p - q).max() / np.abs(q).max()) for p, q in pairs)


def options(format: str, beam: cv.ParticleBeam) -> dict[str, Any]:
    """What the caller must say, for the format does not."""
    return {"gpt": {"p0c": beam.p0c, "t": beam.t}, "ocelot": {"t": beam.t}}.get(format, {})


# -------------------------------------------------------------------- round trips


@pytest.mark.parametrize("format", SUFFIXES)
def test_round_trip(format: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    beam, path = bunch(), tmp_path / f"beam{SUFFIXES[format]}"
    losses = cv.save_beam(beam, path)
    back = cv.load_beam(path, **options(format, beam))
    assert difference(back, beam) <= SAME
    assert back.reference == beam.reference
    np.testing.assert_allclose(back.charge, beam.charge, rtol=SAME)
    assert back.alive.all()
    said = {"gpt": {"p0c", "t"}, "ocelot": {"t"}}.get(format, set())
    assert {loss.attribute for loss in losses} == said
    assert capsys.readouterr().out == ""
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("format", SUFFIXES)
def test_the_lost(format: str, tmp_path: Path) -> None:
    beam = bunch()
    alive = np.ones(50, dtype=bool)
    alive[[3, 7]] = False
    lost_s = np.where(alive, np.inf, 2.5)
    beam = beam.replace(alive=alive, lost_s=lost_s)
    path = tmp_path / f"beam{SUFFIXES[format]}"
    losses = cv.save_beam(beam, path)
    back = cv.load_beam(path, **options(format, beam))
    if format in KEEPS_THE_LOST:
        assert list(back.alive) == list(alive)
        assert difference(back, beam) <= SAME
        assert list(back.lost_s) == list(np.where(alive, np.inf, 3.0) if format == "astra" else lost_s)
    else:
        assert len(back) == 48
        assert any(loss.attribute == "alive" and loss.value == "2 lost particles" for loss in losses)
    assert float(back.total_charge) == pytest.approx(48 / 50 * 1e-9, rel=SAME)
    with nullcontext() if format in KEEPS_THE_LOST else pytest.raises(InputError, match="no particle is alive"):
        cv.save_beam(beam.replace(alive=np.zeros(50, dtype=bool)), path)


@pytest.mark.parametrize("format", SUFFIXES)
def test_weights(format: str, tmp_path: Path) -> None:
    beam = bunch(charge=np.linspace(1e-12, 2e-12, 50))
    path = tmp_path / f"beam{SUFFIXES[format]}"
    if format == "sdds":
        with pytest.raises(LatticeError, match="equal charges"):
            cv.save_beam(beam, path)
        assert not path.exists()
        losses = cv.save_beam(beam, path, on_unsupported="drift")
        assert [(loss.attribute, loss.is_physics) for loss in losses] == [("charge", True)]
        assert float(cv.load_beam(path).total_charge) == pytest.approx(float(beam.total_charge), rel=SAME)
        return
    cv.save_beam(beam, path)
    np.testing.assert_allclose(cv.load_beam(path, **options(format, beam)).charge, beam.charge, rtol=SAME)


@pytest.mark.parametrize("species", ["positron", "proton", "#12C+6", cv.Species("strange", 3e9, -2)])
@pytest.mark.parametrize("format", SUFFIXES)
def test_species(format: str, species: Any, tmp_path: Path) -> None:
    beam, path = bunch(species=species, p0c=3e9), tmp_path / f"beam{SUFFIXES[format]}"
    is_unknown = not isinstance(species, str) or species.startswith("#")
    if format == "ocelot" or (format == "astra" and is_unknown):
        with pytest.raises(LatticeError, match=r"beam: species = .* cannot be carried"):
            cv.save_beam(beam, path)
        losses = cv.save_beam(beam, path, on_unsupported="drift")
        assert losses[0].attribute == "species"
        return
    cv.save_beam(beam, path)
    back = cv.load_beam(path, **options(format, beam))
    assert back.species.charge == beam.species.charge
    assert back.species.mass == pytest.approx(beam.species.mass, rel=SAME)
    assert back.species.name == ("custom" if format == "gpt" and is_unknown else beam.species.name)
    assert difference(back, beam) <= SAME


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_backends(backend: str, tmp_path: Path) -> None:
    pytest.importorskip(backend)
    beam = bunch(backend=backend)
    for format, suffix in SUFFIXES.items():
        cv.save_beam(beam, tmp_path / f"b{suffix}")
        back = cv.load_beam(tmp_path / f"b{suffix}", backend=backend, dtype="float32", **options(format, beam))
        assert back.backend == backend
        assert "float32" in str(back.dtype)


# -------------------------------------------------------------------- by hand


def test_astra_by_hand(tmp_path: Path) -> None:
    """A particle that is 1 mm ahead at the same time came by earlier; relative columns are relative."""
    momentum = 1e6
    beta = momentum / math.hypot(momentum, MC2)
    rows = [
        [0.0, 0.0, 2.0, 0.0, 0.0, 1e6, 5.0, 0.0, 1, 5],  # the reference, at z = 2 m and 5 ns
        [1e-3, 0.0, 1e-3, 0.0, 0.0, 0.0, 0.0, -1e-3, 1, 5],
        [0.0, 2e-3, 0.0, 3e3, 0.0, 1e4, 0.0, -2e-3, 1, 3],
        [0.0, 0.0, -0.5, 0.0, 0.0, 0.0, 0.0, -3e-3, 1, -15],
        [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, -4e-3, 1, 1],
    ]
    path = tmp_path / "run.0200.001"  # as ASTRA calls them
    path.write_text("".join(" ".join(f"{v:.12E}" for v in row[:8]) + f" {row[8]} {row[9]}\n" for row in rows))
    beam = cv.load_beam(path)
    assert (beam.p0c, beam.s, beam.t) == (1e6, 2.0, pytest.approx(5e-9))
    assert beam.z[0] == pytest.approx(1e-3, rel=1e-14)  # -beta c (t - t_ref), and it came by 1 mm / (beta c) earlier
    assert (-beam.z[0] / (beta * C)) == pytest.approx(-1e-3 / (beta * C))
    assert beam.pz[1] == pytest.approx(math.hypot(1.01e6, 3e3) / 1e6 - 1, rel=1e-13)
    assert (beam.x[1], beam.px[1]) == (0.0, pytest.approx(3e-3))
    np.testing.assert_allclose(beam.charge, [1e-12, 2e-12, 3e-12, 0.0], rtol=1e-14)
    assert list(beam.alive) == [True, True, False, True]
    assert beam.lost_s[2] == 1.5


def test_astra_from_the_cathode(tmp_path: Path) -> None:
    """Particles that have not started are at one plane when their clock says; a reference with a charge is one of them."""
    rows = "0 0 0 0 0 1e3 0 -1e-4 1 -1\n1e-3 0 0 0 0 0 2e-3 -1e-4 1 -1\n0 0 0 0 0 500 -1e-3 -1e-4 1 -3\n"
    path = tmp_path / "gun.ini"
    path.write_text(rows)
    beam = cv.load_beam(path)
    assert len(beam) == 3
    assert beam.alive.all()
    beta = 1e3 / math.hypot(1e3, MC2)
    assert list(beam.z[:2]) == [0.0, pytest.approx(-beta * C * 2e-12)]
    assert beam.pz[2] == pytest.approx(0.5)


def test_elegant_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "b.sdds"
    path.write_text(
        "SDDS1\n&parameter name=pCentral, type=double, &end\n&parameter name=Charge, type=double, units=C, &end\n"
        "&column name=x, units=m, type=double, &end\n&column name=xp, type=double, &end\n"
        "&column name=y, units=m, type=double, &end\n&column name=yp, type=double, &end\n"
        '&column name=t, units=s, type=double, &end\n&column name=p, units="m$be$nc", type=double, &end\n'
        "&data mode=ascii, &end\n100\n2e-9\n2\n1e-3 3e-2 0 4e-2 1e-12 101\n0 0 0 0 3e-12 100\n"
    )
    beam = cv.load_beam(path)
    assert beam.p0c == pytest.approx(100 * MC2)
    slope = math.sqrt(1 + 9e-4 + 16e-4)
    assert beam.px[0] == pytest.approx(1.01 * 3e-2 / slope, rel=1e-14)
    assert beam.py[0] == pytest.approx(1.01 * 4e-2 / slope, rel=1e-14)
    assert beam.pz[0] == pytest.approx(0.01, rel=1e-12)
    assert beam.t == pytest.approx(2e-12)
    assert beam.z[1] == pytest.approx(-100 / math.hypot(100, 1) * C * 1e-12, rel=1e-9)
    np.testing.assert_allclose(beam.charge, 1e-9)


def test_elegant_columns_by_hand(tmp_path: Path) -> None:
    import pysdds

    beam = cv.ParticleBeam(x=[1e-3], px=[3e-2], y=[0.0], py=[4e-2], z=[-1e-3], pz=[0.01], p0c=1e7, t=2e-9, charge=1e-9)
    cv.save_beam(beam, tmp_path / "b.sdds")
    file = pysdds.read(tmp_path / "b.sdds")
    longitudinal = math.sqrt(1.01**2 - 9e-4 - 16e-4)
    beta = 1.01e7 / math.hypot(1.01e7, MC2)
    expected = {"xp": 3e-2 / longitudinal, "yp": 4e-2 / longitudinal, "p": 1.01e7 / MC2, "t": 2e-9 + 1e-3 / (beta * C)}
    for name, value in expected.items():
        assert file.col(name).data[0][0] == pytest.approx(value, rel=1e-14)
    assert file.par("pCentral").data[0] == pytest.approx(1e7 / MC2)
    assert file.par("Charge").data[0] == 1e-9
    assert file.col("p").nm["units"] == "m$be$nc"


BMAD_NEW = """# species = proton
# p0c = 1e9 ! [eV]
# s_position = 12.5
# nonsense here
# my_own = 3
#! index x px y py z pz t charge state
1 1e-3 1e-4 0 0 -2e-3 0.01 1e-6 1e-12 alive
2 0 0 1D-3 0 0 0 1e-6 2e-12 Lost_Neg_X
3 0 0 0 0 0 0 1e-6 3e-12 pre_born
"""


def test_bmad_by_hand(tmp_path: Path) -> None:
    path = tmp_path / "b.beam"
    path.write_text(BMAD_NEW)
    beam = cv.load_beam(path)
    assert (beam.species.name, beam.p0c, beam.s) == ("proton", 1e9, 12.5)
    np.testing.assert_allclose(beam.pz, [0.01, 0.0, 0.0], atol=1e-16)
    beta = 1.01e9 / math.hypot(1.01e9, beam.species.mass)
    assert beam.t == pytest.approx(1e-6 - 2e-3 / (beta * C), rel=1e-14)
    assert list(beam.z) == [pytest.approx(-2e-3, rel=1e-12), 0.0, 0.0]
    assert list(beam.alive) == [True, False, True]
    np.testing.assert_allclose(beam.charge, [1e-12, 2e-12, 3e-12])


BMAD_OLD = """!ASCII::3
 0 ! ix_ele
 1 ! n_bunch
 2 ! n_particle
 BEGIN_BUNCH
   Positron
   3.0E-9 ! charge
   0.0 ! z_center
   0.0 ! t_center
   1e-3 1e-4 0 0 -2e-3 0.01 1e-12 1 1.0 0.0 0.0
   0 0 1e-3 0 0 0 2e-12 3 1.0 0.0 0.0
 END_BUNCH
"""


def test_bmad_old_format(tmp_path: Path) -> None:
    path = tmp_path / "beam_1.dat"
    path.write_text(BMAD_OLD)
    with pytest.raises(InputError, match="does not say the reference momentum"):
        cv.load_beam(path)
    beam = cv.load_beam(path, p0c=1e9)
    assert beam.species.name == "positron"
    np.testing.assert_allclose(beam.charge, [1e-9, 2e-9])  # the total wins
    assert list(beam.alive) == [True, False]
    assert beam.z[0] == pytest.approx(-2e-3, rel=1e-13)


def test_ocelot_by_hand(tmp_path: Path) -> None:
    """A particle with a positive tau is late; p counts energy over p0 c."""
    energy = 0.13
    p0c = math.sqrt((energy * 1e9) ** 2 - MC2**2)
    rows = np.array([[1e-3, 0.0], [2e-4, 0.0], [0.0, -1e-3], [0.0, 0.0], [1e-4, -1e-4], [1e-3, 0.0]])
    np.savez_compressed(tmp_path / "b.npz", rparticles=rows, q_array=np.array([1e-12, 2e-12]), E=energy, s=3.2)
    beam = cv.load_beam(tmp_path / "b.npz")
    assert beam.p0c == pytest.approx(p0c, rel=1e-15)
    assert (beam.s, beam.species.name) == (3.2, "electron")
    momentum = math.sqrt((energy * 1e9 + 1e-3 * p0c) ** 2 - MC2**2)
    assert beam.pz[0] == pytest.approx(momentum / p0c - 1, rel=1e-12)
    assert beam.z[0] == pytest.approx(-momentum / math.hypot(momentum, MC2) * 1e-4, rel=1e-14)
    assert beam.z[1] == pytest.approx(p0c / (energy * 1e9) * 1e-4, rel=1e-14)
    np.testing.assert_allclose(beam.charge, [1e-12, 2e-12])


def test_gpt_by_hand(tmp_path: Path) -> None:
    """Particles at one time, of which one is 1 mm behind, meet at the mean z; charge is that of so many electrons."""
    path = tmp_path / "b.gpt.txt"
    path.write_text(
        "x y z GBx GBy GBz t q m nmacro\n"
        "1e-3 0 1.0 0 0 20 1e-9 -1.602176634e-19 9.1093837139e-31 1e6\n"
        "0 0 0.999 0.2 0 20 1e-9 -1.602176634e-19 9.1093837139e-31 1e6\n"
    )
    beam = cv.load_beam(path, p0c=20 * MC2)
    assert beam.species == ELECTRON
    assert beam.s == pytest.approx(0.9995)
    assert beam.x[1] == pytest.approx(0.2 / 20 * 0.5e-3, rel=1e-9)
    assert beam.px[1] == pytest.approx(0.01)
    assert beam.z[0] == pytest.approx(0.5e-3, rel=1e-4)  # ahead
    np.testing.assert_allclose(beam.charge, 1.602176634e-13)


def test_gpt_outputs(tmp_path: Path) -> None:
    easygdf = pytest.importorskip("easygdf")
    here = {n: np.array(v) for n, v in {"x": [1e-3, 0.0], "y": [0.0, 0.0], "z": [1.0, 1.0], "Bx": [0.0, 0.0]}.items()}
    here |= {n: np.array(v) for n, v in {"By": [0.0, 0.0], "Bz": [0.6, 0.8], "G": [1.25, 1 / 0.6], "t": [0.0, 1e-12]}.items()}
    here |= {"m": np.full(2, 9.1093837139e-31), "q": np.full(2, -1.602176634e-19), "nmacro": np.full(2, 10.0)}
    children = [{"name": name, "value": values} for name, values in here.items()]
    blocks = [
        {"name": "position", "value": 1.0, "children": children},
        {"name": "position", "value": 2.0, "children": children},
    ]
    easygdf.save(str(tmp_path / "b.gdf"), blocks)
    with pytest.raises(InputError, match=r"say which output.*screen=2, tout=0"):
        cv.load_beam(tmp_path / "b.gdf")
    beam = cv.load_beam(tmp_path / "b.gdf", screen=1, p0c=MC2)
    np.testing.assert_allclose(1 + beam.pz, [0.75, 4 / 3])
    with pytest.raises(InputError, match="say which output"):
        cv.load_beam(tmp_path / "b.gdf", tout=0)


# -------------------------------------------------------------------- errors


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.astra", "", "there are no particles"),
        ("a.astra", "0 0 0 0 0 1e6 0 0 1 5\n1 2 x 4 5 6 7 8 1 5\n", r"line 2: 'x' is no number"),
        ("a.astra", "0 0 0 0 0 1e6 0 0 1 5\n1 2 3\n", r"line 2: 10 columns are expected, not 3"),
        ("a.astra", "0 0 0 0 0 1e6 0 0 1 5\n", "no particles besides the reference"),
        ("a.astra", "0 0 0 0 0 1e6 0 0 1 5\n0 0 0 0 0 0 0 1 2 5\n", "several species"),
        ("a.astra", "0 0 0 0 0 1e6 0 1 4 5\n", "index 4 does not say"),
        ("a.astra", "0 0 0 0 0 1e6 0 1 1 5\n0 0 nan 0 0 0 0 1 1 5\n", "row 2 of the table has a value that is not finite"),
        ("a.sdds", "SDDS1\n&column name=x, type=double, &end\n&data mode=ascii, &end\n1\n1.0\n", "there is no xp"),
        ("a.sdds", "nonsense", "no SDDS file"),
        ("a.beam", "#! x px y py z pz\n0 0 0 0 0 0\n", "does not say the reference momentum"),
        ("a.beam", "# p0c = many\n#! x px y py z pz\n0 0 0 0 0 0\n", "p0c must be a number, not 'many'"),
        ("a.beam", "# p0c = 1e9\n#! x px y py z pz\n0 2 0 0 0 0\n", "transverse momentum"),
        ("a.beam", "# p0c = 1e9\n#! x px y py z pz\n0 2 0 zero 0 0\n", "line 3: 'zero' is no number"),
        ("a.beam", "# p0c = 1e9\n", "there is no bunch 0"),
        ("a.npz", "nonsense", "no particle array of Ocelot's"),
        ("a.gdf", "x y z GBx GBy GBz\n0 0 0 0 0 1\n", "does not say mass and charge"),
        ("a.gdf", "x y z q m\n0 0 0 -1.6e-19 9.1e-31\n", "neither momenta"),
        ("a.gdf", "x y\n0 0\n", "has no z"),
    ],
)
def test_errors(name: str, text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        cv.load_beam(tmp_path / name)
    assert name in str(caught.value)


def test_batches_and_unknown_names(tmp_path: Path) -> None:
    batch = cv.ParticleBeam.gaussian(9, p0c=1e8, sigma_x=np.array([1e-3, 2e-3]), seed=1)
    for suffix in SUFFIXES.values():
        with pytest.raises(InputError, match="one bunch"):
            cv.save_beam(batch, tmp_path / f"b{suffix}")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "what.dat").write_text("1 2 3\n")
    with pytest.raises(UnknownNameError, match=r"no plugin can read beams with a name like 'what.dat'"):
        cv.load_beam(tmp_path / "what.dat")


def test_particles_that_go_across_have_no_slopes(tmp_path: Path) -> None:
    beam = cv.ParticleBeam(x=[0.0, 0.0], px=[0.0, 1.0], y=[0.0, 0.0], py=[0.0, 0.0], z=[0.0, 0.0], pz=[0.0, 0.0], p0c=1e8)
    with pytest.raises(InputError, match="1 particles do not move forward"):
        cv.save_beam(beam, tmp_path / "b.sdds")


# -------------------------------------------------------------------- files of others


@needs_reference
@pytest.mark.parametrize("name", ["peer_written_particles_grid", "peer_written_sr_wakes_particles3"])
def test_the_same_bunch_in_all_formats(name: str) -> None:
    """Bunches that openPMD-beamphysics wrote in all its formats, with twelve digits."""
    folder = REFERENCE / "corpus" / "astra" / name
    reference = cv.load_beam(folder / "beam_z.h5")
    for file in ("beam.astra", "beam.sdds", "beam.beam0", "beam_gpt.txt", "beam_t.h5"):
        species = {"species": reference.species} if file.endswith("sdds") else {}
        beam = cv.load_beam(folder / file, p0c=reference.p0c, **species)
        assert beam.species == reference.species
        assert len(beam) == len(reference)
        for name_of, scale in zip(("x", "px", "y", "py", "pz"), (1e-3, 1e-3, 1e-3, 1e-3, 1e-2), strict=True):
            np.testing.assert_allclose(getattr(beam, name_of), getattr(reference, name_of), atol=1e-8 * scale, rtol=0)
        z, expected = (b.z - b.z.mean() for b in (beam, reference))  # they disagree on which particle is the reference
        np.testing.assert_allclose(z, expected, atol=1e-11, rtol=0)
        assert float(beam.total_charge) == pytest.approx(float(reference.total_charge), rel=1e-11)


@needs_reference
@pytest.mark.parametrize(
    "name", ["dist_docs_examples_templates_apex_gun_astra_particles", "dist_docs_examples_templates_dcgun_generator_part"]
)
def test_astra_distributions(name: str) -> None:
    """The moments that openPMD-beamphysics finds; a reference with a charge counts as a particle here, and not there."""
    folder = REFERENCE / "corpus" / "astra" / name
    expected = json.loads((REFERENCE / "beams" / "beams.json").read_text())[name]["pmd_beamphysics"]
    path = next(path for path in folder.iterdir() if path.name != "README")
    beam = cv.load_beam(path)
    counts = len(beam) == expected["n_particle"] + 1
    assert len(beam) - counts == expected["n_particle"]
    if counts:  # take the reference particle out
        kept = slice(1, None)
        q = [np.asarray(c)[kept] for c in beam.coordinates]
        beam = cv.ParticleBeam(*q, reference=beam.reference, charge=beam.charge[kept])
    for ours, theirs in (("sigma_x", "sigma_x"), ("sigma_y", "sigma_y")):
        assert float(getattr(beam, ours)) == pytest.approx(expected[theirs], rel=1e-9)
    assert float(beam.sigma_px) * beam.p0c == pytest.approx(expected["sigma_px"], rel=1e-9)
    assert float(np.mean(beam.energy)) == pytest.approx(expected["mean_energy"], rel=1e-9)
    assert float(beam.total_charge) == pytest.approx(expected["charge"], rel=1e-9)
