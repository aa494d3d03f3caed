"""Girders: what moves elements together (Bmad manual, "Girder", "Girder Orientation")."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from caraval.core import scalar
from caraval.core.element import Element as CaravalElement
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.physics import floor
from caraval.physics.floor import Array, Frame, Standing
from caraval.physics.misalignment import rigid_motion
from caraval.physics.sbend import SBend

from .braces import members
from .definitions import Branch, Element, Lord, Slave, bodies, body
from .positions import Position
from .supports import Support, supported
from .syntax import Control

if TYPE_CHECKING:
    from .state import State

MOVES = ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt")
ORIGIN = ("dx_origin", "dy_origin", "dz_origin", "dtheta_origin", "dphi_origin", "dpsi_origin")
POINTS = ("entrance_end", "center", "exit_end")
OTHERS = ("origin_ele", "origin_ele_ref_pt", "is_on", "type", "alias", "descrip")

GLOBAL = "global_coordinates"
"""What the origin is called that is the floor's."""


@dataclass
class Girder(Lord):
    """A girder, and what it says that it supports."""

    listed: tuple[tuple[Position, str], ...] = ()

    def names(self, word: str, custom: set[str]) -> tuple[str, ...]:
        """Return the name of the attribute that a word means; none: there is none."""
        return (word,) if word in (*MOVES, *ORIGIN, *OTHERS) or word in custom else ()

    def known(self) -> tuple[str, ...]:
        """Return the names of the attributes."""
        return (*MOVES, *ORIGIN, *OTHERS)

    def entries(self) -> list[str]:
        """Return what it supports."""
        return [text for _, text in self.listed]

    def numbers(self, names: Sequence[str]) -> list[float]:
        """Return attributes, which are zero by default."""
        return [self.settings[name].number(name) if name in self.settings else 0.0 for name in names]

    def word(self, name: str, default: str) -> str:
        """Return an attribute that is a word."""
        return self.settings[name].word(name) if name in self.settings else default


class Motion(NamedTuple):
    """A rigid motion on the floor: ``turn @ place + step``."""

    turn: Array
    step: Array

    def after(self, first: Motion) -> Motion:
        """Return this motion after another."""
        return Motion(self.turn @ first.turn, self.turn @ first.step + self.step)


def defined(state: State, statement: Control) -> Girder:
    """Return a girder as it is defined.

    Raises
    ------
    Mistake
        If that makes no sense.
    """
    listed, *attributes = statement.attributes
    girder = Girder(statement.name, "girder", state.place(statement.position))
    girder.listed = tuple((position, text.lower()) for position, text in members(listed.value, listed.position))
    for given in attributes:
        if not state.give(girder, given):
            raise state.no_attribute(girder, given)
    return girder


def told(state: State, branch: Branch, elements: Sequence[CaravalElement], reference: Reference) -> list[CaravalElement]:
    """Return elements that stand where their girders carry them.

    Parameters
    ----------
    state : State
    branch : Branch
        With the elements as the file has them.
    elements : sequence of Element
        The same in Caraval.
    reference : Reference
        At the beginning.

    Raises
    ------
    LatticeError
        If a girder supports what is supported already, or its origin is unknown.
    """
    girders = [element for element in state.elements.values() if isinstance(element, Girder)]
    out = list(elements)
    if not girders:
        return out
    references = reference_pass(registry(), elements, reference)
    stand = floor.standing([element.at(here, scalar) for element, here in zip(elements, references, strict=False)])
    supports = supported(state, branch, girders)
    motions: dict[int, Motion] = {}
    passes: dict[int, list[int]] = {}
    for i, element in enumerate(branch.elements):
        passes.setdefault(_thing(i, element), []).append(i)
    for support in reversed(supports):  # those that support girders come after these
        girder = support.girder
        motion = _motion(girder, _frame(girder, support, branch, stand))
        for i in support.indices:
            motions[i] = motions[i].after(motion) if i in motions else motion
    for i, motion in motions.items():
        totals = _totals(elements[i], stand[i].center, motion)
        for j in passes[_thing(i, branch.elements[i])]:
            out[j] = out[j].replace(**totals)
    return out


def _last_part(branch: Branch, first: int) -> int:
    """Return the number of the last part of what begins at a number."""
    if not isinstance(branch.elements[first], Slave):
        return first
    whole = body(branch.elements[first])
    return max(i for i, element in enumerate(branch.elements) if body(element) is whole)


def _names(element: Element) -> set[str]:
    """Return the names by which an element is known: its own, and those of what it is a pass or a part of."""
    things = (element, *bodies(element))
    return {thing.name for thing in things} | {thing.lord.name for thing in things if thing.lord is not None}


def _thing(i: int, element: Element) -> int:
    """Return what is the same number for all passes and parts of one thing; what stands alone has its own."""
    whole = body(element)
    if whole.lord is not None:
        return id(whole.lord)
    return id(whole) if isinstance(element, Slave) else -1 - i


def _frame(girder: Girder, support: Support, branch: Branch, stand: Sequence[Standing]) -> Frame:
    """Return the frame from which a girder's moves count: its origin, and the shift from there."""
    origin = girder.word("origin_ele", "")
    if origin == GLOBAL:
        frame = floor.FLOOR
    elif origin:
        place = girder.settings["origin_ele"].place
        point = girder.word("origin_ele_ref_pt", "center")
        if point not in POINTS:
            raise girder.settings["origin_ele_ref_pt"].place.error(
                f"origin_ele_ref_pt must be {', '.join(POINTS)}, not {point!r}"
            )
        first = next((i for i, element in enumerate(branch.elements) if origin in _names(element)), None)
        if first is None:
            raise place.error(f"{girder.label}: there is no element {origin!r} in {branch.name!r} to be the origin")
        frame = stand[_last_part(branch, first) if point == POINTS[-1] else first][POINTS.index(point)]
    else:
        frame = _between(stand[support.first].entrance, stand[_last_part(branch, support.last)].exit)
    dx, dy, dz, *angles = girder.numbers(ORIGIN)
    return frame.moved([dx, dy, dz], floor.rotation(*angles))


def _between(start: Frame, end: Frame) -> Frame:
    """Return the frame halfway between two, turned the shortest way so that it looks from one to the other."""
    way = end.origin - start.origin
    length = np.linalg.norm(way)
    if length == 0:
        return start
    ahead, aim = start.axes[:, 2], way / length
    axis, cosine = np.cross(ahead, aim), float(ahead @ aim)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    turn = np.eye(3) + cross + cross @ cross / (1 + cosine)
    return Frame((start.origin + end.origin) / 2, turn @ start.axes)


def _motion(girder: Girder, frame: Frame) -> Motion:
    """Return how a girder is moved."""
    if "is_on" in girder.settings and not girder.settings["is_on"].logical("is_on"):
        return Motion(np.eye(3), np.zeros(3))
    x, y, z, *angles = girder.numbers(MOVES)
    turn = frame.axes @ floor.rotation(*angles) @ frame.axes.T
    return Motion(turn, frame.origin + frame.axes @ np.array([x, y, z]) - turn @ frame.origin)


def _totals(element: Any, center: Frame, motion: Motion) -> dict[str, float]:
    """Return offsets and angles of an element that stands as it did, and is then moved.

    As in Bmad, the arrow of a bend counts in what its total roll moves, as if the bend had no `ref_tilt`, and not in what
    its own roll does; and the particles in a bend of `bmad_standard` feel the bend's own pitches, not the girder's.
    """
    if not element.feels_misalignment:
        return {}
    is_bend = isinstance(element, SBend)
    about, untilted = ("roll", {"ref_tilt": 0.0}) if is_bend else ("tilt", {})
    own = floor.rotation(element.x_pitch, element.y_pitch, getattr(element, about))
    turn = center.axes.T @ motion.turn @ center.axes @ own
    angles = dict(zip(("x_pitch", "y_pitch", about), floor.angles(turn), strict=True))
    offset = np.array([getattr(element, name) for name in MOVES[:3]], dtype=float)
    place = motion.turn @ (center.axes @ offset + center.origin) + motion.step
    rolled = rigid_motion(element.replace(**dict.fromkeys(MOVES[:3], 0.0), **angles, **untilted), scalar)[1]
    total = center.axes.T @ (place - center.origin) - np.array(rolled, dtype=float)
    if is_bend and registry().method_of(element).name == "bmad_standard":
        del angles["x_pitch"], angles["y_pitch"]
    return {**angles, **dict(zip(MOVES[:3], map(float, total), strict=True))}
