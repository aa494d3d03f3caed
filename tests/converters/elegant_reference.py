"""What elegant itself makes of the lattices of the corpus, and how far a lattice of ours is from that.

The data are beside the repository (``../shared/reference``, see its README) and carry their own licences. elegant ran with its
collective elements taken out: an RFCW there is an RFCA without voltage, a CSRCSBEND a CSBEND with the default number of slices.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

import caraval as cv
from caraval.core.reference import as_species

REFERENCE = Path(__file__).resolve().parents[3] / "shared" / "reference"

ELECTRON = cv.Species("electron", 510999.06, -1)
"""With elegant's mass, that of CODATA 1986; Caraval has that of 2022."""

C_LIGHT = 299792458.0

PASSIVE = ("RFCW", "CSRCSBEND")
"""Types that elegant ran as something simpler."""


@cache
def corpus() -> dict[str, Path]:
    """Main files of the corpus, by name."""
    entries = json.loads((REFERENCE / "index.json").read_text())["elegant"]
    return {entry["name"]: REFERENCE / "corpus" / "elegant" / entry["name"] / entry["main"][0] for entry in entries}


def made(name: str) -> dict[str, Any]:
    """What elegant makes of a lattice."""
    with gzip.open(REFERENCE / "lattices" / "elegant" / f"{name}.json.gz") as file:
        return json.load(file)


def reference(expected: dict[str, Any]) -> cv.Reference:
    return cv.Reference(ELECTRON, expected["p0_mc"] * ELECTRON.mass)


def type_of(element: cv.Element) -> str:
    return str(element.metadata["elegant_type"])


# -------------------------------------------------------------------- elements


def element_differences(lattice: cv.Lattice, expected: dict[str, Any]) -> list[str]:
    """Say which elements are not as elegant has them: names, types, positions, lengths, and what they are set to."""
    run = expected["runs"]["o1"]
    theirs = run["elements"][1:]
    if lattice.names != [element["name"] for element in theirs]:
        return [f"other elements: {lattice.names[:5]} ..."]
    found = []
    s = 0.0
    for mine, their in zip(lattice.elements, theirs, strict=True):
        s += mine.length
        if abs(s - their["s_end"]) > 1e-9:
            found.append(f"{mine.name} ends at {s}, not {their['s_end']}")
        if type_of(mine) != their["type"] and (type_of(mine), their["type"]) not in TRANSMUTED:
            found.append(f"{mine.name} is a {type_of(mine)}, not a {their['type']}")
        given = run["element_params_nondefault"].get(mine.name, {}).get("params", {})
        if type_of(mine) not in (*PASSIVE, "MAXAMP"):
            found += [f"{mine.name}: {text}" for text in parameter_differences(mine, given)]
    return found


TRANSMUTED = {
    ("RFCW", "RFCA"), ("CSRCSBEND", "CSBEND"), ("CSRDRIFT", "DRIF"), ("LSCDRIFT", "DRIF"), *(
        (name, "MARK") for name in ("WATCH", "WAKE", "TRWAKE", "SCATTER", "SREFFECTS", "IBSCATTER", "TSCATTER", "ZLONGIT",
                                     "ZTRANSVERSE", "HISTOGRAM")
    ), ("LSRMDLTR", "DRIF"), ("SCRIPT", "DRIF"), ("SCRIPT", "MARK"),
}  # fmt: skip
"""What became of types before elegant ran."""

SAME = {
    "L": "length", "ANGLE": "angle", "K1": "k1", "K2": "k2", "K3": "k3", "HGAP": "hgap", "VOLT": "voltage", "KICK": "kick",
    "VOLTAGE": "voltage", "HKICK": "hkick", "VKICK": "vkick", "FREQ": "rf_frequency", "FREQUENCY": "rf_frequency",
    "X_MAX": "x1_limit", "Y_MAX": "y2_limit", "DX": "x_offset", "DY": "y_offset", "B_MAX": "b_max",
}  # fmt: skip
"""Parameters that mean what an attribute of ours means."""


def parameter_differences(mine: Any, given: dict[str, Any]) -> list[str]:
    """Say which of the settings that elegant lists are other ones here."""
    found = []
    type = type_of(mine)
    for name, value in given.items():
        wanted: dict[str, Any] = {}
        if name in SAME and SAME[name] in mine.schema().parameters:
            wanted[SAME[name]] = value
        elif name == "TILT":
            wanted["ref_tilt" if mine.kind == "SBend" else "tilt"] = value
        elif name == "PHASE" and mine.kind != "Drift":
            offset = {"LCavity": value - 90, "RFCavity": 180 - value, "CrabCavity": 90 - value}[mine.kind]
            wanted["phi0"] = offset / 360
        elif name in ("E1", "E2") and mine.kind == "SBend":
            if abs(mine.e1 - value) > 1e-9 and abs(mine.e2 - value) > 1e-9:  # the other one, if the bend is reversed
                found.append(f"{name} is {mine.e1} or {mine.e2}, not {value}")
        elif name == "FINT" and given.get("HGAP"):
            wanted["fint"] = value
        if type in ("MALIGN", "ECOL", "RCOL") and name in ("X_MAX", "Y_MAX", "DX", "DY") and mine.kind in ("Taylor", "Marker"):
            wanted = {f"tt{1 if name == 'DX' else 3}": value} if mine.kind == "Taylor" else {}
            found += [f"{k} is not {v}" for k, v in wanted.items() if abs(mine.terms.get(k, 0.0) - v) > 1e-9]
            continue
        for attribute, target in wanted.items():
            is_value = getattr(mine, attribute)
            if abs(is_value - target) > 1e-9 * max(1.0, abs(target)):
                found.append(f"{attribute} is {is_value}, not {target}")
    return found


# -------------------------------------------------------------------- the floor


def floor(lattice: cv.Lattice) -> tuple[np.ndarray, np.ndarray]:
    """Where a lattice ends, and its axes there as columns."""
    at, axes = np.zeros(3), np.eye(3)
    for element in lattice.elements:
        e: Any = element
        if e.kind == "SBend" and e.angle:
            about = _turn(e.ref_tilt)
            rho = e.length / e.angle
            c, s = np.cos(e.angle), np.sin(e.angle)
            at = at + axes @ about @ np.array([rho * (c - 1), 0.0, rho * s])
            axes = axes @ about @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]]) @ about.T
        else:
            at = at + axes[:, 2] * e.length
            if e.kind == "Patch":
                axes = axes @ _turn(e.tilt)
    return at, axes


def _turn(angle: float) -> np.ndarray:
    c, s = np.cos(angle), np.sin(angle)
    return np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def floor_difference(lattice: cv.Lattice, expected: dict[str, Any]) -> float:
    """How far the end is from where elegant has it [m], and its axis from elegant's."""
    end = expected["runs"]["o1"]["floor_end"]
    at, axes = floor(lattice)
    forward = np.array(
        [np.cos(end["phi"]) * np.sin(end["theta"]), np.sin(end["phi"]), np.cos(end["phi"]) * np.cos(end["theta"])]
    )
    where = np.array([end["X"], end["Y"], end["Z"]])
    return float(max(np.abs(at - where).max(), np.abs(axes[:, 2] - forward).max()))


# -------------------------------------------------------------------- as elegant ran it


def as_run(lattice: cv.Lattice, *, matrices: bool) -> cv.Lattice:
    """Return the lattice that elegant ran: with passive cavities, and its matrices or its integrators.

    Its matrices of bends have linear edges at first order, those of cavities have no steps, and nothing radiates in them.
    """
    elements = []
    for element in lattice.elements:
        e: Any = element
        if type_of(e) == "RFCW":
            e = cv.Drift(name=e.name, length=e.length, metadata=e.metadata)
        elif e.kind == "SBend":
            changes: dict[str, Any] = {"fringe_type": "linear_edge"} if matrices or type_of(e) in ("SBEN", "CSRCSBEND") else {}
            steps = 4 if type_of(e) in ("SBEN", "CSRCSBEND") else getattr(e.tracking_method, "num_steps", 4)
            method = cv.KickDriftKick(order=4, num_steps=steps, split="free")
            e = e.replace(**changes, tracking_method="bmad_standard" if matrices else method)
        elif type_of(e) == "WIGGLER":  # whose field is in units of the mass
            e = e.replace(b_max=e.b_max * ELECTRON.mass / as_species("electron").mass)
        elif matrices and isinstance(e.tracking_method, cv.KickDriftKick):
            e = e.replace(tracking_method="bmad_standard")
        elif not matrices and type_of(e) in ("QUAD", "SEXT", "OCTU"):
            e = e.replace(tracking_method=cv.KickDriftKick(order=4, num_steps=1))
        elements.append(e)
    run = lattice.replace(elements=elements)
    return run.without_effects() if matrices else run


def particle_difference(lattice: cv.Lattice, expected: dict[str, Any], run: str, least: float = 1e-4) -> float:
    """Largest difference of tracked particles, over the largest value of each coordinate, at least `least`.

    Infinite: others are lost.
    """
    start = reference(expected)
    x, xp, y, yp, ct, delta = np.array(expected["particles_in"]).T
    momentum = (1 + delta) / np.sqrt(1 + xp**2 + yp**2)
    out = as_elegant(lattice, cv.ParticleBeam(x, xp * momentum, y, yp * momentum, -ct, delta, reference=start))
    theirs = {int(row[0]) - 1: np.array(row[1:]) for row in expected["runs"][run]["particles_out"]}
    if set(np.flatnonzero(out.alive)) != set(theirs):
        return float("inf")
    p0 = out.reference.p0c / ELECTRON.mass
    forward = np.sqrt((1 + out.pz) ** 2 - out.px**2 - out.py**2)
    mine = np.array([out.x, out.px / forward, out.y, out.py / forward, p0 * (1 + out.pz)]).T
    alive = sorted(theirs)
    end = np.array([theirs[i] for i in alive])[:, [0, 1, 2, 3, 5]]
    return float((np.abs(mine[alive] - end).max(axis=0) / np.maximum(np.abs(end).max(axis=0), least)).max())


def as_elegant(lattice: cv.Lattice, beam: cv.ParticleBeam) -> cv.ParticleBeam:
    """Track a beam as elegant does: cavities are phased for the mean arrival in their middle.

    They, and ENERGY where it matches the beamline to the beam, leave the mean momentum.
    """
    run: list[cv.Element] = []
    for element in lattice.elements:
        is_cavity = element.kind in ("LCavity", "RFCavity", "CrabCavity") and bool(element.voltage)  # type: ignore[attr-defined]
        if is_cavity:
            beam, run = phased(through(run, beam), element.length / 2), []
        run.append(element)
        if (element.kind == "LCavity" and is_cavity) or element.metadata.get("MATCH_BEAMLINE"):
            beam, run = centred(through(run, beam)), []
    return through(run, beam)


def through(elements: list[cv.Element], beam: cv.ParticleBeam) -> cv.ParticleBeam:
    with np.errstate(all="ignore"):  # of particles that are lost on the way
        return cv.Lattice(elements).track(beam, reference="beam") if elements else beam


def phased(beam: cv.ParticleBeam, ahead: float) -> cv.ParticleBeam:
    """Return a beam whose living arrive `ahead` [m] when the reference does, on average."""
    momentum, rest = 1 + beam.pz, ELECTRON.mass / beam.reference.p0c
    slowness = np.sqrt(1 + (rest / momentum) ** 2)
    late = ahead * (slowness - np.sqrt(1 + rest**2)) - beam.z * slowness
    return beam.replace(z=beam.z + late[beam.alive.astype(bool)].mean() / slowness)


def centred(beam: cv.ParticleBeam) -> cv.ParticleBeam:
    """Return a beam whose reference has the mean momentum of the living."""
    reference, momentum = beam.reference, 1 + beam.pz
    scale = momentum[beam.alive.astype(bool)].mean()
    values = {"px": beam.px / scale, "py": beam.py / scale, "pz": momentum / scale - 1}
    return beam.replace(**values, reference=cv.Reference(ELECTRON, reference.p0c * scale, reference.s, reference.t))


def own_error(expected: dict[str, Any]) -> float:
    """How far from its own orbit elegant's integrators take the particle that starts on the axis, in the same units."""
    orbit = np.array(expected["runs"]["o1"]["C_total"])[:4]
    first = expected["runs"]["exact"]["particles_out"][0]
    return float(np.abs(np.array(first[1:5]) - orbit).max() / 1e-4) if first[0] == 1 else float("nan")
