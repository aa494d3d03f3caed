"""From a sequence or a line, as it stands, to a lattice."""

from __future__ import annotations

from itertools import accumulate
from math import pi
from typing import TYPE_CHECKING, Literal, NamedTuple

from caraval.core.element import Element
from caraval.core.lattice import Lattice
from caraval.physics.floor_shift import FloorShift
from caraval.physics.multipole import Multipole
from caraval.physics.sbend import SBend

from . import errors, expansion, unrolling
from .definitions import Sequence, Used
from .elements import Converter
from .names import Names
from .values import Surroundings

if TYPE_CHECKING:
    from .interpreter import Interpreter

ROUND = 1e-3
"""How well the bends of a ring must add up to a whole turn [rad]."""


class Built(NamedTuple):
    """A lattice, the names of what stands in its sequence, and how many elements there are up to the end of each of these."""

    lattice: Lattice
    names: Names
    ends: list[int]


def built(state: Interpreter, used: Used) -> Built:
    """Return a sequence or a line as a lattice, and what of it is what."""
    sequence = sequence_of(state, used.name)
    beam = state.beam_of(used.name)
    numbers = beam.numbers()
    place = beam.place or used.place
    state.report("beam", "energy", beam.doubts, place)
    if numbers.get("radiate"):
        state.losses.note("beam", "radiate", "synchrotron radiation", place=place)
    for effect in used.effects:
        state.losses.physics(effect.command, "", effect.what, place=effect.place)
    row = _of_range(state, expansion.expand(state, sequence), used)
    length = sum(placed.length for placed in row)
    around = Surroundings(
        beam.reference(), -1.0 if numbers["bv"] < 0 else 1.0, beam.charge, numbers["npart"], length, state.thin_foc
    )
    converter = Converter(state, around)
    assigned = errors.of_row(state, used, row)
    made = [converter.elements(placed, assigned.get(number)) for number, placed in enumerate(row)]
    elements = [element for part in made for element in part]
    lattice = Lattice(elements, name=used.name, geometry=geometry_of(elements), reference=around.reference)
    return Built(lattice, Names(used.name, (placed.element.name for placed in row)), list(accumulate(map(len, made))))


def _of_range(state: Interpreter, row: list[expansion.Placed], used: Used) -> list[expansion.Placed]:
    """Return the part of a row that is used."""
    if not used.range:
        return row
    first, last = Names(used.name, (placed.element.name for placed in row)).range(used.range)
    if first > last:
        state.losses.physics(used.name, "range", f"{used.range!r}, which is not there", "the whole", place=used.place)
        return row
    return row[first : last + 1]


def geometry_of(elements: list[Element]) -> Literal["open", "closed"]:
    """Return what MAD-X leaves open: a lattice that bends once round is a ring."""
    plane = [element.angle for element in elements if isinstance(element, SBend) and element.ref_tilt == 0]
    thin = [element.k0l or 0.0 for element in elements if isinstance(element, Multipole)]
    more = [-element.x_pitch for element in elements if isinstance(element, FloorShift)]
    return "closed" if abs(abs(sum(plane) + sum(thin) + sum(more)) - 2 * pi) < ROUND else "open"


def sequence_of(state: Interpreter, name: str) -> Sequence:
    """Return a sequence, or a line as one."""
    return state.sequences[name] if name in state.sequences else unrolling.unrolled(state, state.lines[name])
