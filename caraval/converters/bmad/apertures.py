"""Apertures of elements that lie upon each other: particles pass all of them (Bmad manual, "Superposition Fundamentals")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from caraval.core.element import Element as CaravalElement
from caraval.core.losses import Losses
from caraval.physics.shared.collimator import Collimator

from .combining import ends
from .definitions import Slave
from .sharing import MINOR

LIMITS = ("x1_limit", "x2_limit", "y1_limit", "y2_limit")
NOWHERE = "no_aperture"
SHAPE = ("aperture_type", "offset_moves_aperture")


def together(slave: Slave, made: CaravalElement, pieces: Sequence[CaravalElement], losses: Losses) -> CaravalElement:
    """Return an element with the apertures of all that lie there.

    Rectangles at the same end are one, the smallest; what an element cannot have is a loss. Where none acts, the limits are
    kept as Bmad has them: those of what has a field, or lies below.
    """
    for piece in pieces:
        if isinstance(piece, Collimator) and piece.windows() is not None:
            losses.physics(slave.name, "", f"windows of {piece.label}", "none", place=slave.place)
    with_aperture: list[Any] = [piece for piece in pieces if _has(piece)]
    if not with_aperture:
        fields = [i for i, part in enumerate(slave.parts) if part.element.keyword not in MINOR]
        bearer = pieces[fields[0] if fields else 0]
        limits = {name: getattr(bearer, name) if len(fields) < 2 else 0.0 for name in LIMITS}
        return made.replace(**limits, aperture_at=NOWHERE)
    first = with_aperture[0]
    values = {name: getattr(first, name) for name in (*LIMITS, *SHAPE, "aperture_at")}
    for other in with_aperture[1:]:
        same = all(getattr(other, name) == values[name] for name in (*LIMITS, *SHAPE))
        if same and not {other.aperture_at, values["aperture_at"]} & {"continuous"}:
            values["aperture_at"] = ends({other.aperture_at, values["aperture_at"]}, NOWHERE)
        elif other.aperture_at == values["aperture_at"] and all(_is_rectangle(piece) for piece in (first, other)):
            values.update({name: _least(values[name], getattr(other, name)) for name in LIMITS})
        else:
            what = f"apertures of {first.label} and {other.label}"
            losses.physics(slave.name, "", what, f"that of {first.label}", place=slave.place)
    return made.replace(**values)


def _has(piece: CaravalElement) -> bool:
    return piece.aperture_at != NOWHERE and any(getattr(piece, name) != 0 for name in LIMITS)


def _is_rectangle(piece: CaravalElement) -> bool:
    """Whether an aperture is a rectangle that stands upright in line."""
    moved = piece.offset_moves_aperture and (piece.x_offset != 0 or piece.y_offset != 0 or piece.tilt != 0)
    return piece.aperture_type == "rectangular" and not moved


def _least(a: float, b: float) -> float:
    """Return the smaller of two limits; zero is none."""
    return min(a, b) if a and b else a or b
