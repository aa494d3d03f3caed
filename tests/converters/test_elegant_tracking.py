"""Elements against elegant's tracking: one by one, and cavities, where elegant's own matrices are not its derivatives.

Recorded of cavities are the transverse block that elegant's ``&matrix_output`` has (elegant 2025.1), and the central
differences of what ``&track`` makes of particles at +-1e-5. Beams are centred, so that the phase is that of the axis.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import caraval as cv
from tests.converters.elegant_matrices import matrix, slopes
from tests.converters.elegant_reference import ELECTRON, as_elegant

MOMENTUM = 50.0
"""At the entrance, in units of ``m c``."""

DIFFERENCES = 1e-10
"""How exact central differences are."""

MATRIX = 1e-14
"""Elegant's matrices agree to the last digits."""


class Recorded(NamedTuple):
    cavity: str
    matrix: list[list[float]]
    tracking: list[list[float]]


CAVITIES = {
    "a body that does not focus": Recorded(
        "L=1, VOLT=2e7, PHASE=80, FREQ=1.3e9, CHANGE_P0=1",
        [[1.0, 0.7413037290643758], [0.0, 0.5646606569949527]],
        [[1.0, 0.741308360555], [0.0, 0.564660656965]],
    ),
    "ends that focus": Recorded(
        "L=1, VOLT=2e7, PHASE=80, FREQ=1.3e9, CHANGE_P0=1, END1_FOCUS=1, END2_FOCUS=1",
        [[0.7143260125858475, 0.7413037290643758], [-0.06214193903150697, 0.725991489491335]],
        [[0.714324227754, 0.741308360555], [-0.0621423274666, 0.72599249743]],
    ),
    "a reference momentum that is kept": Recorded(
        "L=1, VOLT=2e7, PHASE=60, FREQ=1.3e9",
        [[1.0, 0.7634244185722582], [0.0, 0.5959516680617781]],
        [[1.0, 0.763428535122], [0.0, 0.595951667967]],
    ),
    "a body that focuses": Recorded(
        'L=1, VOLT=2e7, PHASE=80, FREQ=1.3e9, CHANGE_P0=1, END1_FOCUS=1, END2_FOCUS=1, BODY_FOCUS_MODEL="SRS"',
        [[0.6953359569028912, 0.7361750897515843], [-0.093571981975857, 0.7131116972441026]],
        [[0.695335956903, 0.736175089731], [-0.0935719819759, 0.713111697222]],
    ),
    "a zero crossing": Recorded(
        "L=0, VOLT=2e7, PHASE=180, FREQ=1.3e9",
        [[1.0, 0.0], [0.0, 1.000001565876143]],
        [[1.0, 0.0], [0.0, 1.0]],
    ),
}


@pytest.mark.parametrize("name", CAVITIES)
def test_matrices_of_cavities(name: str, tmp_path: Path) -> None:
    """Ours are the derivatives of elegant's tracking; and with what is known of elegant's beyond, they are those."""
    recorded = CAVITIES[name]
    path = tmp_path / "one.lte"
    path.write_text(f"c: rfca, {recorded.cavity}\nl: line=(c)\n")
    lattice = cv.load(path)
    here = cv.Reference(ELECTRON, MOMENTUM * ELECTRON.mass)
    found: Any = lattice.transfer_map(here)
    ours = slopes(np.asarray(found.offset)) @ np.asarray(found.matrix)
    assert ours[:2, :2] == pytest.approx(np.array(recorded.tracking), abs=DIFFERENCES)
    assert ours[2:4, 2:4] == pytest.approx(np.array(recorded.tracking), abs=DIFFERENCES)
    there = lattice.track(cv.ParticleBeam(0.0, 0.0, 0.0, 0.0, 0.0, 0.0, reference=here)).reference
    theirs = matrix(lattice.elements[0], here, there)
    assert theirs[:2, :2] == pytest.approx(np.array(recorded.matrix), abs=MATRIX)


# -------------------------------------------------------------------- one particle through one element

RECORDED = json.loads((Path(__file__).parents[1] / "data" / "elegant_elements.json").read_text())


@pytest.mark.parametrize("record", RECORDED["elements"], ids=lambda record: record["element"])
def test_elements_track_as_in_elegant(record: dict[str, Any], tmp_path: Path) -> None:
    """Nothing that elegant understands of an element is lost, and particles end where elegant's do; written again, too."""
    path, again = tmp_path / "one.lte", tmp_path / "again.lte"
    path.write_text(f"x: {record['element']}\nl: line=(x)\n")
    lattice = cv.load(path, format="elegant")
    *slopes_and_places, p = record["out"]
    theirs = pytest.approx([*slopes_and_places, p / RECORDED["momentum"]], rel=0, abs=record["within"])
    assert behind(lattice) == theirs
    cv.save(lattice, again)
    assert behind(cv.load(again)) == theirs


def behind(lattice: cv.Lattice) -> list[float]:
    """Return coordinates of elegant's behind a lattice."""
    here = cv.Reference(ELECTRON, RECORDED["momentum"] * ELECTRON.mass)
    x, xp, y, yp = (np.array([value]) for value in RECORDED["in"])
    momentum = (1 + RECORDED["delta"]) / np.sqrt(1 + xp**2 + yp**2)
    beam = cv.ParticleBeam(x, xp * momentum, y, yp * momentum, 0.0, np.array([RECORDED["delta"]]), reference=here)
    out = as_elegant(lattice, beam)
    forward = np.sqrt((1 + out.pz) ** 2 - out.px**2 - out.py**2)
    gained = out.reference.p0c / ELECTRON.mass * (1 + out.pz) / RECORDED["momentum"]
    return [float(value[0]) for value in (out.x, out.px / forward, out.y, out.py / forward, gained)]
