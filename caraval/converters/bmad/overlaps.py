"""From slaves to elements of Caraval: slices of elements, and elements that do what several do together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from caraval.core.element import Element as CaravalElement
from caraval.core.errors import CaravalError
from caraval.core.losses import Losses
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.physics.sad_mult import SadMult
from caraval.physics.sbend import SBend

from . import apertures, bends, combining
from .definitions import Branch, Element, Part, Setting, Slave
from .sharing import FIELD, MINOR
from .stepping import Stepping

EDGES_OF_SLICES: dict[str, Literal["none", "soft_edge_only"]] = {
    "full": "soft_edge_only", "soft_edge_only": "soft_edge_only", "hard_edge_only": "none", "none": "none",
}  # fmt: skip
"""What is left of the edges of a `sad_mult` that Bmad has cut: by a defect, the quadrupole's soft one alone."""

Convert = Callable[[Element], CaravalElement]
"""Makes an element of Caraval."""


def slice_of(slave: Slave, convert: Convert) -> CaravalElement:
    """Return the slice of the element from which a slave has its class.

    Raises
    ------
    LatticeError
        If Caraval has no such element, or cannot cut it.
    """
    if slave.keyword == FIELD and len(slave.parts) > 1:
        of = ", ".join(part.element.name for part in slave.parts)
        settings = {"l": Setting(slave.length, slave.place), "descrip": Setting(f"fields of {of}", slave.place)}
        return convert(Element(slave.name, FIELD, slave.place, settings))
    piece = cut(slave.main, convert).replace(name=slave.name)
    if isinstance(piece, SBend):
        return bends.without_inner_faces(piece)
    if isinstance(piece, SadMult) and piece.slice_of is not None:
        return piece.replace(fringe_type=EDGES_OF_SLICES[piece.fringe_type], fb1=0.0, fb2=0.0)
    return piece


def told(
    branch: Branch, elements: Sequence[CaravalElement], reference: Reference, convert: Convert, losses: Losses
) -> list[CaravalElement]:
    """Return elements whose slaves do what all do that lie there, in steps as long as those of the whole elements.

    Parameters
    ----------
    branch : Branch
        With the elements as the file has them.
    elements : sequence of Element
        The same in Caraval, with slices for slaves.
    reference : Reference
        At the beginning.
    convert : callable
    losses : Losses

    Raises
    ------
    LatticeError
        If no element of Caraval does what several do together, and that may not be lost.
    """
    out = list(elements)
    numbers = [i for i, said in enumerate(branch.elements) if isinstance(said, Slave) and said.keyword != FIELD]
    references = reference_pass(registry(), elements, reference) if numbers else ()
    stepping = Stepping()
    for i in numbers:
        slave = branch.elements[i]
        assert isinstance(slave, Slave)
        try:
            made = _together(slave, out[i], references[i], convert, losses)
            out[i] = stepping.divided(made, [convert(part.element) for part in slave.parts], references[i])
        except CaravalError as error:
            if not losses.are_allowed:
                raise slave.place.error(str(error)) from None
            others = " and ".join(part.element.label for part in slave.parts if part is not slave.main)
            losses.physics(slave.name, "", f"{error}; {others}", f"{slave.main.element.label} alone", place=slave.place)
    return out


def cut(part: Part, convert: Convert) -> CaravalElement:
    """Return what of an element lies in a slave."""
    whole = convert(part.element)
    if part.start == 0 and part.end == whole.length:
        return whole
    try:
        return whole.cut(part.start, min(part.end, whole.length))
    except CaravalError as error:
        raise part.element.place.error(str(error)) from None


def _together(slave: Slave, first: CaravalElement, here: Reference, convert: Convert, losses: Losses) -> CaravalElement:
    """Return the element that does what all do that lie in a slave."""
    if len(slave.parts) == 1:
        return first
    pieces = [first if part is slave.main else cut(part, convert) for part in slave.parts]
    fields = [piece for piece, part in zip(pieces, slave.parts, strict=True) if part.element.keyword not in MINOR]
    if len(fields) > 1:
        made = combining.combined(slave, fields, here)
    else:
        made = combining.kicked(first, [piece for piece in pieces if piece is not first], here)
    return apertures.together(slave, made, pieces, losses)
