"""Single magnets against several codes at once: MAD-NG, PTC, Xsuite, elegant, and how far they are from one another."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import caraval as cv

CODES = {"madng_exact": "MAD-NG", "ptc_exact": "PTC", "xtrack_exact": "Xsuite", "elegant_exact": "elegant"}
"""Of what is in the file: the exact models, and whose they are. In PTC and MAD-NG bends have their edges of first order."""

EXACT = cv.KickDriftKick(order=6, num_steps=40)

KINDS = {
    "drift": cv.Drift,
    "quadrupole": cv.Quadrupole,
    "sbend": cv.SBend,
    "sextupole": cv.Sextupole,
    "octupole": cv.Octupole,
    "solenoid": cv.Solenoid,
    "hkicker": cv.HKicker,
}
"""MAD-X's names of the kinds."""


class Outcome(NamedTuple):
    """A magnet: the largest difference of a coordinate from each code, and of MAD-NG from PTC."""

    name: str
    differences: dict[str, float]
    among: float


def outcomes(file: Path, backend: str = "numpy") -> list[Outcome]:
    """Return how the symplectic integrator compares with the codes, magnet by magnet."""
    content = json.loads(file.read_text())
    reference = cv.Reference(cv.Species("electron", content["mass_eV"], -1), content["p0c_eV"])
    beam = cv.ParticleBeam(*np.array(content["particles_in"]).T, reference=reference).to(backend=backend)
    found = []
    for name, elements in content["cases"].items():
        lattice = cv.Lattice([_element(*given) for given in elements], reference=reference)
        out = np.array([np.asarray(values) for values in lattice.track(beam).coordinates]).T
        theirs = {code: np.array(content["results"][name][key]) for key, code in CODES.items()}
        differences = {code: float(np.abs(out - values).max()) for code, values in theirs.items()}
        found.append(Outcome(name, differences, float(np.abs(theirs["MAD-NG"] - theirs["PTC"]).max())))
    return found


def _element(kind: str, parameters: dict[str, Any]) -> cv.Element:
    """Return an element from MAD-X's names; its length is ``l``."""
    given = {{"l": "length"}.get(name, name): value for name, value in parameters.items()}
    if kind == "sbend":
        given["fringe_type"] = "basic_bend"
    return KINDS[kind](**given, tracking_method=EXACT)
