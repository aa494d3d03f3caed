"""The drawing of a lattice."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from caraval.core import scalar
from caraval.core.element import Element
from caraval.core.lattice import Lattice

from .table import check_single, number

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Spans = list[tuple[float, float]]
"""Where boxes begin, and their lengths [m]."""


class Drawing(NamedTuple):
    """How a kind of element is drawn: what the legend calls it, colour, height from and to (1: the full height), hatch."""

    label: str
    color: str
    low: float
    high: float
    hatch: str = ""


_BEND = Drawing("bend", "#3d6fb6", -0.45, 0.45)
_QUADRUPOLE = Drawing("quadrupole", "#b8322a", 0.0, 1.0)
_SEXTUPOLE = Drawing("sextupole", "#e9b44c", 0.0, 0.7, "////")
_CAVITY = Drawing("cavity", "#9fb8ad", -0.3, 0.3)
_SOLENOID = Drawing("solenoid", "#c9a0dc", -0.6, 0.6, "xxxx")
_CORRECTOR = Drawing("corrector", "#4c9a5b", -0.25, 0.25)
_MONITOR = Drawing("monitor", "#8c8c8c", -1.0, -0.7)
_MULTIPOLE = Drawing("multipole", "#8a5a2b", 0.0, 0.55, "\\\\\\\\")
_WIGGLER = Drawing("wiggler", "#5fb7c9", -0.5, 0.5, "||||")
_COLLIMATOR = Drawing("collimator", "#000000", 0.3, 1.0)
_OTHER = Drawing("other", "#dddddd", -0.35, 0.35, "....")

_DRAWN = {
    "SBend": _BEND, "Quadrupole": _QUADRUPOLE, "Sextupole": _SEXTUPOLE, "Octupole": _MULTIPOLE, "ThickMultipole": _MULTIPOLE,
    "Multipole": _MULTIPOLE, "ABMultipole": _MULTIPOLE, "SadMult": _MULTIPOLE, "LCavity": _CAVITY, "RFCavity": _CAVITY,
    "CrabCavity": _CAVITY, "Solenoid": _SOLENOID, "SolQuad": _SOLENOID, "Wiggler": _WIGGLER, "Undulator": _WIGGLER,
    "HKicker": _CORRECTOR, "VKicker": _CORRECTOR, "Kicker": _CORRECTOR, "ACKicker": _CORRECTOR,
    "ELSeparator": _CORRECTOR, "Monitor": _MONITOR, "Instrument": _MONITOR,
    "RCollimator": _COLLIMATOR, "ECollimator": _COLLIMATOR, "Mask": _COLLIMATOR,
}  # fmt: skip
_INK = "#333333"
_EMPTY = ("Drift", "Pipe", "Marker", "Fiducial", "FloorShift", "Fork", "PhotonFork", "Fixer", "Patch", "Match")
_SIGNS = {"Quadrupole": "k1", "Sextupole": "k2", "Octupole": "k3"}
"""Strength whose sign says whether an element stands above the axis or hangs below it."""


def layout(lattice: Lattice, axes: Axes, start: float | None = None) -> None:
    """Draw the elements of a lattice along the s axis, as boxes of their lengths; ``axes.legend()`` says what is what.

    Quadrupoles stand above the axis where they focus in x and hang below it where they defocus, sextupoles by the sign of
    k2. Drifts, pipes and markers are not drawn, and kinds that are not known here are boxes called "other".

    Parameters
    ----------
    lattice : Lattice
        One, not a batch.
    axes : matplotlib Axes
        Any; its s is in m.
    start : float, optional
        Where the lattice begins [m]; left out: where its reference says, else 0.
    """
    check_single(lattice)
    if start is None:
        start = 0.0 if lattice.reference is None else number(lattice.reference.s)
    axes.axhline(0.0, color="0.35", linewidth=0.7, zorder=0)
    for order, (drawing, (above, below)) in enumerate(_boxes(lattice, start).items()):
        label = drawing.label
        for boxes, low, high in ((above, drawing.low, drawing.high), (below, -drawing.high, -drawing.low)):
            if boxes:
                collection = axes.broken_barh(boxes, (low, high - low), label=label, hatch=drawing.hatch, zorder=1 + order)
                collection.set(facecolor=drawing.color, edgecolor=_INK if drawing.hatch else drawing.color, linewidth=0.6)
                label = "_nolegend_"
    axes.set_ylim(-1.15, 1.15)
    axes.set_yticks([])
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)


def _boxes(lattice: Lattice, start: float) -> dict[Drawing, tuple[Spans, Spans]]:
    """Return where boxes are above and below the axis, by how they are drawn, in the order of the legend."""
    found: dict[Drawing, tuple[Spans, Spans]] = {}
    for element in lattice:
        length = number(element.length)
        if element.kind not in _EMPTY:
            drawing = _DRAWN.get(element.kind, _OTHER)
            sides = found.setdefault(drawing, ([], []))
            for side in _sides(element, drawing, lattice):
                sides[side].append((start, length))
        start += length
    order = dict.fromkeys((*_DRAWN.values(), _OTHER))
    return {drawing: found[drawing] for drawing in order if drawing in found}


def _sides(element: Element, drawing: Drawing, lattice: Lattice) -> tuple[int, ...]:
    """On which sides of the axis an element is drawn: 0 above, 1 below."""
    if drawing is _COLLIMATOR:
        return 0, 1
    if element.kind not in _SIGNS:
        return (0,)
    if lattice.reference is not None:
        element = element.at(lattice.reference, scalar)  # only the sign counts, so the reference at the start will do
    strength = number(getattr(element, _SIGNS[element.kind]))
    return (0,) if strength > 0 else (1,) if strength < 0 else (0, 1)
