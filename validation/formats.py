"""Lattice files of several languages against what the codes that define them make of them, by the comparisons of the tests."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import caraval as cv
from caraval.core import scalar, tracking
from caraval.core.plan import reference_pass
from caraval.core.registry import registry
from caraval.physics.floor import Frame, rotation, standing
from caraval.physics.shared.emission import EFFECT
from caraval.plugins.radiation.bends import half_loss
from tests.converters import elegant_matrices, elegant_reference, madx_comparison
from tests.converters import test_bmad_reference as bmad_reference
from tests.converters.test_elegant_reference import explained
from tests.converters.test_madx_reference import KNOWN

from . import optics

SAME = 1e-9
"""Elements, floor coordinates [m] and transfer matrices agree to this, relatively where they are large."""

TRACKED = {"Bmad": 1e-10, "elegant": 1e-6, "MAD-X": 1e-8}
"""Tracked particles agree to this, relatively where they are large."""

FEW = 4
"""So many losses are named."""

OPTICS = 1e-8
"""Twiss parameters and dispersions agree to this along the line, relatively where they are large."""

CHECKS = ("elements", "floor", "matrix", "optics", "particles")


class Found(NamedTuple):
    """What became of a lattice: how far each check is off; None: the code recorded nothing to compare with.

    Attributes
    ----------
    loads : str
        ``"yes"``; ``"with losses"``: only where physics may be lost; or why it does not.
    differences : dict
        By check.
    about : str
        What is known about them.
    """

    name: str
    loads: str
    differences: dict[str, float | None]
    about: str = ""

    def agrees(self, code: str, check: str) -> bool | None:
        """Return whether a check is passed; None: there is none."""
        difference = self.differences.get(check)
        return None if difference is None else difference <= {"particles": TRACKED[code], "optics": OPTICS}.get(check, SAME)


def outcomes(code: str) -> list[Found]:
    """Return what becomes of the lattices of a code's language."""
    return list(_CODES[code]())


def _loaded(path: Path, **options: Any) -> tuple[cv.Lattice | None, str]:
    """Return a lattice, if it can be loaded at all, and how."""
    try:
        return cv.load(path, **options), "yes"
    except cv.CaravalError as strict:
        try:
            return cv.load(path, **options, on_unsupported="drift"), "with losses"
        except cv.CaravalError:
            return None, _reason(str(strict))


def _reason(message: str) -> str:
    """Return what a message says, without the place in the file."""
    return message.rpartition(".bmad:")[2].partition(": ")[2] or message


def _off(problems: list[str]) -> float:
    """Return a difference for what is listed in words."""
    return float("inf") if problems else 0.0


# -------------------------------------------------------------------- Bmad


def bmad() -> Iterator[Found]:
    """Compare the first branches of Bmad's lattices."""
    for name, path in bmad_reference.corpus().items():
        lattice, how = _loaded(path, format="bmad")
        if lattice is None:
            yield Found(name, how, {})
            continue
        branch = bmad_reference.loaded(bmad_reference.REFERENCE / "lattices" / "bmad" / f"{name}.json.gz")["branches"][0]
        yield Found(
            name,
            how,
            _of_branch(lattice, branch, bmad_reference.expected_of(name)),
            _lost(lattice) or bmad_reference.known(lattice, name)[1],
        )


def _lost(lattice: cv.Lattice) -> str:
    """Say which physics is lost, in a few words."""
    lost = sorted({f"{loss.attribute} {loss.value}".strip() for loss in lattice.losses if loss.is_physics})
    return "lost: " + ", ".join(text[:60] for text in lost[:FEW]) + " and more" * (len(lost) > FEW) if lost else ""


def _of_branch(lattice: cv.Lattice, branch: dict[str, Any], expected: Any) -> dict[str, float | None]:
    elements = bmad_reference.lattice_differences(lattice, expected)
    same = lattice.names == bmad_reference.names(expected)
    radiates = any(loss.element == "bmad_com" for loss in lattice.losses)
    return {
        "elements": _off(elements),
        "floor": _floor(lattice, branch["elements"][: branch["n_ele_track"] + 1]) if same else float("inf"),
        "matrix": _matrix(lattice, branch.get("R_total")),
        "optics": None,  # recorded about the axis, wherever the orbit is: tests compare those of rings where it is there
        "particles": None if radiates else _particles(lattice, expected),
    }


def _particles(lattice: cv.Lattice, expected: Any) -> float:
    """Return how far particles are off; infinite, if others are lost, or if there is no way to track them."""
    try:
        found = bmad_reference.particle_differences(lattice, expected)
    except cv.CaravalError:  # what Bmad tracks through field maps
        return float("inf")
    by = found[0].rpartition("differ by ")[2] if found else "0"
    return float(by) if by[:1].isdigit() else float("inf")


def _floor(lattice: cv.Lattice, recorded: list[dict[str, Any]]) -> float:
    """Return how far the ends of elements are from where Bmad has them, and the axes there from Bmad's."""
    start, *expected = (Frame(np.array(element["floor"][:3]), rotation(*element["floor"][3:])) for element in recorded)
    references = reference_pass(registry(), lattice.elements, lattice.reference)
    elements = [element.at(here, scalar) for element, here in zip(lattice.elements, references, strict=False)]
    worst = 0.0
    for mine, theirs in zip(standing(elements, start), expected, strict=True):
        scale = max(1.0, float(np.abs(theirs.origin).max()))
        off = float(np.abs(mine.exit.origin - theirs.origin).max()) / scale
        worst = max(worst, off, float(np.abs(mine.exit.axes - theirs.axes).max()))
    return worst


def _matrix(lattice: cv.Lattice, expected: Any) -> float | None:
    """Return how far the matrix is off: the product of those of the elements about the axis, as recorded.

    Those of the slices of an element are about the orbit that comes on the axis to the first of them.
    """
    if expected is None:
        return None
    total, known = np.eye(6), {}
    references = iter(reference_pass(registry(), lattice.elements, lattice.reference))
    try:
        for elements in _together(lattice.elements):
            here, *_ = [next(references) for _ in elements]
            key = (*map(id, elements), here.p0c)
            if key not in known:
                with np.errstate(all="ignore"):
                    known[key] = _about(elements, here)
            total = known[key] @ total
    except cv.CaravalError:
        return float("inf")
    return float(np.abs(total - np.array(expected)).max() / max(1.0, np.abs(expected).max()))


def _about(elements: Sequence[cv.Element], here: cv.Reference) -> np.ndarray:
    """Return the matrix of elements about the axis.

    Of a bend that radiates, Bmad's is about the orbit after the loss before it, and has not the derivative of the losses.
    """
    first = elements[0]
    if EFFECT not in first.effects:
        return np.array(cv.Lattice(elements).transfer_map(here).matrix)
    start = half_loss(first.at(here, scalar), "entrance_end", here, scalar).offset  # type: ignore[arg-type]
    lattice = cv.Lattice(elements).without_effects()
    planner = lattice.planner
    prepared = planner.plan([], here).prepare(planner.pieces(), here, particles=False)
    return np.array(tracking.transfer_map(prepared, registry().backend("numpy"), start).matrix)


def _together(elements: Sequence[cv.Element]) -> Iterator[list[cv.Element]]:
    """Yield each element by itself, but the slices of an element together with the markers between them."""
    run: list[cv.Element] = []
    behind: list[cv.Element] = []
    for element in elements:
        if element.slice_of is not None and element.slice_start > 0 and run:
            run, behind = [*run, *behind, element], []
        elif element.length == 0 and run:
            behind.append(element)
        else:
            yield from ([run] if run else [])
            yield from ([one] for one in behind)
            run, behind = [element], []
    yield from ([run] if run else [])
    yield from ([one] for one in behind)


# -------------------------------------------------------------------- elegant


def elegant() -> Iterator[Found]:
    """Compare the beamlines that elegant ran, with its matrices and its integrators."""
    for name, path in elegant_reference.corpus().items():
        expected = elegant_reference.made(name)
        lattice, how = _loaded(path, format="elegant", line=expected["beamline"])
        if lattice is None:
            yield Found(name, how, {})
            continue
        floor_off = elegant_reference.floor_difference(lattice, expected)
        differences: dict[str, float | None] = {
            "elements": _off(elegant_reference.element_differences(lattice, expected)),
            "floor": floor_off / max(1.0, lattice.length),
            "matrix": elegant_matrices.matrix_difference(elegant_reference.as_run(lattice, matrices=True), expected),
            "optics": optics.elegant(elegant_reference.as_run(lattice, matrices=True), expected),
            "particles": None
            if _radiates_at_random(expected)
            else elegant_reference.particle_difference(
                elegant_reference.as_run(lattice, matrices=False), expected, "exact", least=1.0
            ),
        }
        yield Found(name, how, differences, _about_elegant(name))


ELEGANT = {
    "FLASH1": "Bmad's wiggler has a term of the third order, elegant's is linear",
    "RFTMEZ0": "RFTMEZ0, a field map of a cavity, is not understood",
    "linearize2": "REMCOR takes correlations out of a beam, and is not understood",
}
"""Why particles are elsewhere, by part of the lattice's name."""


def _about_elegant(name: str) -> str:
    """Return what is known about a beamline's differences."""
    about = next((reason for part, reason in ELEGANT.items() if part in name), "")
    return explained(name) or optics.KNOWN.get(name) or about


def _radiates_at_random(expected: dict[str, Any]) -> bool:
    """Whether particles lost energy by chance, so that there is nothing to compare with."""
    given = expected["runs"]["o1"]["element_params_nondefault"].values()
    return any(element["params"].get("SYNCH_RAD") and element["params"].get("ISR") for element in given)


# -------------------------------------------------------------------- MAD-X


def madx() -> Iterator[Found]:
    """Compare the sequences of MAD-X's files; PTC tracked the particles."""
    for name, paths in madx_comparison.corpus().items():
        _, how = _loaded(paths[0], format="madx")
        try:
            cases = madx_comparison.cases(name)
        except cv.CaravalError:
            yield Found(name, how, {})
            continue
        for case in cases:
            different = madx_comparison.element_differences(case)
            differences: dict[str, float | None] = {
                "elements": _off(different),
                "matrix": madx_comparison.map_difference(case),
                "optics": optics.madx(case),
                "particles": madx_comparison.particle_difference(case),
            }
            yield Found(case.name, how, differences, KNOWN.get(case.name) or optics.KNOWN.get(case.name, ""))


_CODES: dict[str, Callable[[], Iterator[Found]]] = {"Bmad": bmad, "elegant": elegant, "MAD-X": madx}

CODES = tuple(_CODES)
"""The codes whose lattice files are compared."""
