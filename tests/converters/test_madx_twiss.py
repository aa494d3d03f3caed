"""Single elements against MAD-X: matrix and orbit on the axis and off it, and where the line ends on the floor.

The sequences are this project's, one for each element and each kind of attribute; MAD-X 5.09.03 recorded TWISS with SECTORMAP,
and SURVEY. The orbits are the axis and one that is off it in all six coordinates. What is not to be compared is not recorded:
kinds that Caraval has not, and what MAD-X's manual has but its TWISS passes over (``knl`` of thick magnets, ``k1s`` of bends).
"""

from __future__ import annotations

import gzip
import json
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import caraval as cv
from caraval.optics import survey
from validation.optics import finely
from validation.truncation import Truncated

with gzip.open(Path(__file__).parents[1] / "data" / "madx_twiss.json.gz") as file:
    RECORDS: dict[str, Any] = json.load(file)

SAME = 1e-10
"""Matrices and orbits agree to this, in sextupoles and gradients of bends by integration in steps."""


@pytest.mark.parametrize("name", RECORDS)
def test_element(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.madx"
    path.write_text(RECORDS[name]["text"])
    lattice = cv.load(path)
    table = survey(lattice)
    for record in RECORDS[name]["twiss"]:
        off = min(difference(one, record) for one in (lattice, finely(lattice)))
        assert off < SAME
        end = [table[column][-1] for column in ("x", "y", "z", "theta", "phi", "psi")]
        np.testing.assert_allclose(end, record["survey"], rtol=0, atol=1e-14)


def difference(lattice: cv.Lattice, record: dict[str, Any]) -> float:
    """How far the matrix is from MAD-X's, and the orbit after the element."""
    parts = [element for element in lattice.elements if element.name.startswith("e1")]
    passed = list(Truncated(lattice.replace(elements=parts)).maps(record["orbit"]))
    matrix = reduce(lambda total, one: one[1] @ total, passed, np.eye(6))
    return max(np.abs(matrix - record["matrix"]).max(), np.abs(passed[-1][0] - record["after"]).max())
