"""One element for several whose fields overlap (Bmad manual, "Superposition Fundamentals").

Strengths add up as what they are in the laboratory: those of tilted elements are turned back first.
"""

from __future__ import annotations

import cmath
from collections.abc import Sequence
from math import atan2, pi
from typing import Any

from caraval.core import scalar
from caraval.core.element import Element as CaravalElement
from caraval.core.errors import InputError
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.physics.shared import electric
from caraval.physics.shared.multipoles import integrated

from .definitions import Slave
from .sharing import KICKERS, SOLENOIDAL

MAGNETS = (*SOLENOIDAL, "sextupole", "octupole", *KICKERS)
"""Classes of slaves that several elements make together."""


def combined(slave: Slave, pieces: Sequence[CaravalElement], reference: Reference) -> CaravalElement:
    """Return the element that does what several do together.

    Parameters
    ----------
    slave : Slave
    pieces : sequence of Element
        What of each lies there.
    reference : Reference
        At the entrance.

    Raises
    ------
    InputError
        If there is none.
    """
    labels = " and ".join(piece.label for piece in pieces)
    if slave.keyword not in MAGNETS:
        raise InputError(f"{slave.label}: what {labels} do together is not understood")
    if any(electric.orders(piece) for piece in pieces):
        raise InputError(f"{slave.label}: electric multipoles of elements that overlap, {labels}, are not understood")
    methods = {piece.tracking_method if piece.tracking_method is None else str(piece.tracking_method) for piece in pieces}
    if len(methods) > 1:
        raise InputError(f"{slave.label}: {labels} overlap and are tracked by different methods; give them the same")
    kind: Any = registry().kind(slave.keyword.replace("_", ""))
    first: Any = pieces[0]
    values = {"name": slave.name, "length": first.length, "tracking_method": first.tracking_method}
    values["metadata"] = {name: value for piece in pieces for name, value in piece.metadata.items()}
    on: list[Any] = [piece.at(reference, scalar) for piece in pieces if piece.is_on]
    tilt = 0.0
    if getattr(kind, "main", None) is not None and slave.keyword not in KICKERS:
        name, order = kind.main
        values[name], tilt = _folded(sum(getattr(piece, name, 0.0) * _phase(order, piece.tilt) for piece in on), order)
    if "ks" in kind.schema().parameters:
        values["ks"] = sum(getattr(piece, "ks", 0.0) for piece in on)
    values.update(_kick(slave.keyword, sum(_kick_of(piece) for piece in on)))
    values.update(_multipoles(on, values.get("tilt", tilt)))
    values.update(_edges(slave, pieces, kind))
    return kind(**{"tilt": tilt, **values}, is_on=bool(on))  # type: ignore[no-any-return]


def kicked(piece: CaravalElement, others: Sequence[CaravalElement], reference: Reference) -> CaravalElement:
    """Return an element with the kicks of others added to its own."""
    kick = sum(_kick_of(other.at(reference, scalar)) for other in others if other.is_on)
    if kick == 0:
        return piece
    if "hkick" not in piece.schema().parameters:
        raise InputError(f"{piece.label}: elements of its kind cannot have the kicks of what it lies upon")
    found: Any = piece.at(reference, scalar)
    return piece.replace(
        **dict.fromkeys(piece.fields.values()) if hasattr(piece, "fields") else {},
        hkick=found.hkick + kick.real,
        vkick=found.vkick + kick.imag,
    )


def _phase(order: int, tilt: float) -> complex:
    return cmath.exp(1j * (order + 1) * tilt)


def _folded(strength: complex, order: int) -> tuple[float, float]:
    """Return a strength with sign, and the tilt of least magnitude with which it is so."""
    poles = order + 1
    size, tilt = abs(strength), cmath.phase(strength) / poles if strength else 0.0
    if abs(tilt) > pi / (2 * poles):
        return -size, tilt - pi / poles if tilt > 0 else tilt + pi / poles
    return size, tilt


def _kick_of(piece: Any) -> complex:
    """Return what an element kicks, in the laboratory: horizontally, and vertically as the imaginary part."""
    if piece.kind == "HKicker":
        return complex(piece.kick * cmath.exp(1j * piece.tilt))
    if piece.kind == "VKicker":
        return complex(1j * piece.kick * cmath.exp(1j * piece.tilt))
    kick = complex(getattr(piece, "hkick", 0.0), getattr(piece, "vkick", 0.0))
    return kick * cmath.exp(1j * piece.tilt) if piece.kind == "Kicker" else kick


def _kick(keyword: str, kick: complex) -> dict[str, float]:
    if keyword == "hkicker":
        return {"kick": abs(kick), "tilt": atan2(kick.imag, kick.real)}
    if keyword == "vkicker":
        return {"kick": abs(kick), "tilt": atan2(-kick.real, kick.imag)}
    return {"hkick": kick.real, "vkick": kick.imag}


def _multipoles(pieces: Sequence[Any], tilt: float) -> dict[str, Any]:
    """Return the integrated multipoles of elements as those of one with a tilt."""
    found: dict[int, complex] = {}
    for piece in pieces:
        bare = piece.with_values({name: 0.0 for name in ("hkick", "vkick") if name in piece.schema().parameters})
        for order, (a, b) in integrated(bare, scalar).items():
            found[order] = found.get(order, 0.0) + complex(b, a) * _phase(order, tilt - piece.tilt)
    if not found:
        return {}
    values = {f"b{n}": value.real for n, value in found.items()} | {f"a{n}": value.imag for n, value in found.items()}
    return {**values, "scale_multipoles": False}


def _edges(slave: Slave, pieces: Sequence[Any], kind: Any) -> dict[str, Any]:
    """Return the fringes of elements at their ends, which must be alike."""
    at = [piece for piece in pieces if getattr(piece, "fringe_at", "no_end") != "no_end"]
    with_type = [piece for piece in at if getattr(piece, "fringe_type", "none") != "none"]
    values: dict[str, Any] = {}
    if with_type:
        names = ("fringe_type", "fq1", "fq2")
        if "fringe_type" not in kind.schema().fields or len({tuple(getattr(p, n, None) for n in names) for p in with_type}) > 1:
            labels = " and ".join(piece.label for piece in pieces)
            raise InputError(f"{slave.label}: the fringes of {labels}, which overlap, are not understood")
        values = {name: getattr(with_type[0], name) for name in names if hasattr(with_type[0], name)}
        at = with_type
    if "fringe_at" in kind.schema().fields:
        values["fringe_at"] = ends({piece.fringe_at for piece in at}, "no_end")
    return values


def ends(found: set[str], nowhere: str) -> str:
    """Return at which ends something is that is at all of these."""
    found = found - {nowhere}
    if not found:
        return nowhere
    return found.pop() if len(found) == 1 else "both_ends"
