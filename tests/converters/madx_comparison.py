"""Compares what lattice files of MAD-X become here with what MAD-X and PTC make of them."""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import caraval as cv
from caraval.converters.madx import building
from caraval.converters.madx.beams import Beam
from caraval.converters.madx.definitions import Used
from caraval.converters.madx.interpreter import Interpreter
from caraval.converters.madx.lengths import value_of
from caraval.converters.madx.source import Place
from caraval.core.losses import Losses
from caraval.core.registry import registry

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"

SAME = 1e-9
"""Lengths, positions and strengths agree to this, relatively where they are large."""

MAP = 1e-9
"""Transfer matrices agree to this, relative to their largest term."""

TRACKED = 1e-8
"""Particles that PTC tracks agree to this, relatively where they are far out."""

PTC = cv.KickDriftKick(order=6, num_steps=10)
"""What PTC was asked for: exact, split into drifts and kicks, of sixth order in ten steps."""

KINDS = {
    "collimator": "ECollimator RCollimator", "dipedge": "SBend", "elseparator": "ELSeparator Kicker",
    "hacdipole": "Marker Drift", "hmonitor": "Monitor",
    "matrix": "Taylor", "placeholder": "Instrument", "rbend": "SBend", "rfmultipole": "CrabCavity RFCavity Marker Drift",
    "solenoid": "Solenoid Marker Taylor", "srotation": "Patch", "tkicker": "Kicker", "translation": "Patch",
    "twcavity": "Drift", "vacdipole": "Marker Drift", "vmonitor": "Monitor", "wire": "Marker Drift",
    "xrotation": "Patch", "yrotation": "Patch",
}  # fmt: skip
"""What the elements of MAD-X are here, where that is not called so."""

STRENGTHS = {
    "sbend": {"angle": "angle", "e1": "e1", "e2": "e2", "hgap": "hgap", "fint": "fint", "k1": "k1", "k2": "k2",
              "tilt": "ref_tilt"},
    "rbend": {"angle": "angle", "hgap": "hgap", "fint": "fint", "k1": "k1", "k2": "k2", "tilt": "ref_tilt"},
    "dipedge": {"h": "dg", "e1": "e1", "hgap": "hgap", "fint": "fint"},
    "solenoid": {"ks": "ks"},
    "hkicker": {"kick": "kick", "tilt": "tilt"},
    "vkicker": {"kick": "kick", "tilt": "tilt"},
    "kicker": {"hkick": "hkick", "vkick": "vkick", "tilt": "tilt"},
    "tkicker": {"hkick": "hkick", "vkick": "vkick", "tilt": "tilt"},
}  # fmt: skip
"""Attributes of MAD-X that are fields here."""

EITHER = {"quadrupole": ("k1", "k1s", 2), "sextupole": ("k2", "k2s", 3), "octupole": ("k3", "k3s", 4)}
"""Normal and skew strength, which are one strength and a tilt here; and how often a turn repeats."""


class Case(NamedTuple):
    """A sequence as MAD-X has it, and what became of it here.

    `direction` is what the beam says of it, and turns strengths; `rolls` are misalignments of elements about their axes, which
    are in the tilts here and not in what was recorded.
    """

    name: str
    direction: float
    expected: dict[str, Any]
    starts: np.ndarray
    lattice: cv.Lattice
    rolls: dict[str, float]


# -------------------------------------------------------------------- reading


@cache
def corpus() -> dict[str, list[Path]]:
    """Main files of the corpus, by name."""
    entries = json.loads((REFERENCE / "index.json").read_text())["madx"]
    return {
        entry["name"]: [REFERENCE / "corpus" / "madx" / entry["name"] / part for part in entry["main"]] for entry in entries
    }


def loaded(name: str) -> Any:
    with gzip.open(REFERENCE / "lattices" / "madx" / f"{name}.json.gz") as file:
        return json.load(file)


def interpreted(name: str) -> Interpreter:
    state = Interpreter(Losses("drift"))
    for path in corpus()[name]:
        state.read(path, path.name)
    return state


def cases(name: str) -> list[Case]:
    """The sequences of a file, with the beam and without the errors that they were recorded with."""
    state, recorded = interpreted(name), loaded(name)
    found = []
    for sequence, expected in recorded["sequences"].items():
        if "elements" not in expected:
            continue
        beam, place = expected["beam"], Place(name, 1, 1)
        said = state.beam_of(sequence)
        state.beams[sequence] = Beam(
            "as MAD-X has it", beam["mass"], beam["charge"], beam["energy"], {**said.others, "radiate": 0.0}, place
        )
        lattice = building.built(state, Used(sequence, place)).lattice
        rolls = {key: value_of(state, element, "dpsi")[0] for key, element in state.elements.items()}
        starts = np.array(recorded["particles_in"], float)
        found.append(Case(f"{name}:{sequence}", said.numbers()["bv"], expected, starts, lattice, rolls))
    return found


# -------------------------------------------------------------------- what differs


def same(a: float, b: float, tolerance: float = SAME) -> bool:
    return bool(abs(a - b) <= tolerance * max(1.0, abs(b)))


def element_differences(case: Case) -> list[str]:
    """What is not as MAD-X has it."""
    mine = [element for element in case.lattice.elements if not element.name.endswith(("_focus", "_kick", "_turn"))]
    theirs = case.expected["elements"]
    if [element.name for element in mine] != [element["name"] for element in theirs]:
        return [f"{len(mine)} elements, not {len(theirs)}"]
    found = []
    position, positions = 0.0, (case.expected.get("twiss_init") or {}).get("s") or [None] * len(theirs)
    for element, expected, end in zip(mine, theirs, positions, strict=True):
        position += element.length if element.kind != "Patch" else 0.0
        if element.kind.lower() not in KINDS.get(expected["type"], expected["type"]).lower().split():
            found.append(f"{element.name} is a {element.kind}, not a {expected['type']}")
        if element.kind != "Patch" and not same(element.length, expected["L"]):
            found.append(f"{element.name} is {element.length} m long, not {expected['L']}")
        if end is not None and not same(position, end):
            found.append(f"{element.name} ends at {position}, not {end}")
        found += strength_differences(element, expected, case.direction, case.rolls.get(element.name, 0.0))
    return found


def strength_differences(element: cv.Element, expected: dict[str, Any], direction: float, roll: float) -> list[str]:
    kind, found = expected["type"], {}
    for theirs, mine in STRENGTHS.get(kind, {}).items():
        sign = 1.0 if theirs in ("tilt", "hgap", "fint") else direction
        found[theirs] = getattr(element, mine, 0.0), sign * expected.get(theirs, 0.0)
    if kind in EITHER and element.kind != "Drift":
        normal, skew, times = EITHER[kind]
        turned = getattr(element, normal) * np.exp(-1j * times * (element.tilt - roll))
        given = (
            direction
            * (expected.get(normal, 0.0) + 1j * expected.get(skew, 0.0))
            * np.exp(-1j * times * expected.get("tilt", 0.0))
        )
        found |= {normal: (turned.real, given.real), skew: (turned.imag, given.imag)}
    if kind == "multipole":
        tilt = expected.get("tilt", 0.0)
        for letter in ("n", "s"):
            for n, given in enumerate(expected.get(f"k{letter}l", [])):
                found[f"k{letter}l[{n}]"] = getattr(element, f"k{n}l" if letter == "n" else f"k{n}sl") or 0.0, direction * given
                if given:
                    found[f"tilt {n}"] = getattr(element, f"t{n}"), tilt
    if kind == "rfcavity":
        found["volt"] = element.voltage / 1e6, expected.get("volt", 0.0)
        found["lag"] = 0.5 - element.phi0, expected.get("lag", 0.0) if direction > 0 else 0.5 - expected.get("lag", 0.0)
        if expected.get("freq"):
            found["freq"] = element.rf_frequency / 1e6, expected["freq"]
    return [f"{element.name}: {name} is {a}, not {b}" for name, (a, b) in found.items() if not same(a, b)]


def to_bmad(madx: np.ndarray, reference: cv.Reference) -> np.ndarray:
    """From x, px, y, py, t, pt to Caraval's coordinates."""
    x, px, y, py, t, pt = madx.T
    pz = np.sqrt(1 + 2 * pt / reference.beta + pt**2) - 1
    return np.array([x, px, y, py, t * (1 + pz) / (1 / reference.beta + pt), pz])


def to_madx(bmad: np.ndarray, reference: cv.Reference) -> np.ndarray:
    """From Caraval's coordinates to x, px, y, py, t, pt."""
    x, px, y, py, z, pz = bmad
    pt = np.sqrt((1 + pz) ** 2 + (1 / reference.beta**2 - 1)) - 1 / reference.beta
    return np.array([x, px, y, py, z * (1 / reference.beta + pt) / (1 + pz), pt]).T


def map_difference(case: Case) -> float | None:
    """How far the transfer matrix is from MAD-X's, where that is about the axis; with the closer of two methods."""
    twiss, expected = case.expected.get("twiss_init"), case.expected.get("R_total")
    if not (twiss and expected) or any(
        abs(value) > 1e-12 for name in ("x", "px", "y", "py", "t", "pt") for value in twiss[name]
    ):
        return None
    reference = case.lattice.reference
    scale = np.diag([1, 1, 1, 1, reference.beta, 1 / reference.beta])
    found = []
    for lattice in (case.lattice, symplectic(case.lattice)):
        with np.errstate(all="ignore"):
            mine = np.linalg.inv(scale) @ np.array(lattice.transfer_matrix()) @ scale
        found.append(np.abs(mine - np.array(expected)).max() / np.abs(expected).max())
        if found[-1] < MAP:
            break
    return float(min(found))


def particle_difference(case: Case) -> float | None:
    """How far tracked particles are from PTC's, in time against the first of them; infinite if others are lost."""
    expected = np.array(case.expected.get("ptc_exact_out") or ())
    if not expected.size:
        return None
    lattice, reference = as_ptc(case), case.lattice.reference
    with np.errstate(all="ignore"):  # of particles that are lost on the way
        out = lattice.track(cv.ParticleBeam(*to_bmad(case.starts, reference), reference=reference))
    numbers = expected[:, 0].astype(int) - 1
    if set(numbers) != set(np.flatnonzero(out.alive)):
        return float("inf")
    mine, theirs = to_madx(np.array(out.coordinates), reference)[numbers], expected[:, 2:].copy()
    if numbers[0] == 0:
        mine[:, 4] -= mine[0, 4]
        theirs[:, 4] -= theirs[0, 4]
    return float((np.abs(mine - theirs) / np.maximum(1.0, np.abs(theirs))).max())


def symplectic(lattice: cv.Lattice) -> cv.Lattice:
    """The lattice with PTC's method, where elements have it; but in cavities it has a transverse field, and PTC has none."""
    names = registry().method_names
    has = {kind for kind in map(type, lattice.elements) if "kick_drift_kick" in names(kind)} - {cv.RFCavity, cv.CrabCavity}
    return lattice.with_tracking(PTC, where=lambda element: type(element) in has) if has else lattice


def as_ptc(case: Case) -> cv.Lattice:
    """The lattice as PTC was asked to track it, which was without misalignments and the tilts of bends."""
    left_out = ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "ref_tilt")
    elements = []
    for element in case.lattice.elements:
        known = set() if element.kind == "Patch" else set(left_out) & set(element.schema().parameters)
        roll = case.rolls.get(element.name)
        tilt = {"tilt": element.tilt - roll} if roll and element.kind not in ("Patch", "SBend") else {}
        elements.append(element.replace(**dict.fromkeys(known, 0.0), **tilt))
    return symplectic(case.lattice.replace(elements=elements))


def compared(name: str) -> dict[str, tuple[str, float | None, float | None]]:
    """By sequence: what differs, and by how much the transfer matrix and tracked particles do, where that was recorded."""
    found = {}
    for case in cases(name):
        different = element_differences(case)
        maps, particles = (None, None) if different else (map_difference(case), particle_difference(case))
        if maps is not None and not maps <= MAP:
            different.append(f"the transfer matrix differs by {maps:.1e}")
        if particles is not None and not particles <= TRACKED:
            different.append(f"particles differ by {particles:.1e}")
        found[case.name] = "; ".join(different[:2]), maps, particles
    return found
