"""Taylor maps: what an element does, term by term."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import field, replace
from functools import lru_cache
from typing import Any, NamedTuple

from caraval.core.arrays import is_number, is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

TERM = re.compile(r"tt([1-6])([1-6]*)")
"""Name of a term: the coordinate that it adds to, and those of which it is the product."""

UNIT = {f"tt{i}{i}": 1.0 for i in range(1, 7)}
"""The terms of the map that changes nothing."""


class Taylor(Element):
    """An element given by the terms of its map (Bmad manual, "Taylor").

    The map is that of particles which come along the line, also of a reversed element (Bmad manual, "Reversed Elements and
    Tracking"): only its misalignment is the other way round.

    Attributes
    ----------
    terms : mapping
        Coefficients by Bmad's names: ``{"tt11": 0.9, "tt2336": 2.7}`` for ``x = 0.9 x`` and ``px = px + 2.7 y^2 pz``. They
        take the place of those of the unit map.
    x_ref, px_ref, y_ref, py_ref, z_ref, pz_ref : Parameter
        Coordinates about which the map is expanded.
    delta_e_ref : Parameter
        Change of the reference energy [eV]; the map takes account of it.
    delta_ref_time : Parameter
        Time that the reference particle takes [s], which counts where there is no length.
    """

    terms: Mapping[str, float] = field(default_factory=dict)
    x_ref: Parameter = 0.0
    px_ref: Parameter = 0.0
    y_ref: Parameter = 0.0
    py_ref: Parameter = 0.0
    z_ref: Parameter = 0.0
    pz_ref: Parameter = 0.0
    delta_e_ref: Parameter = 0.0
    delta_ref_time: Parameter = 0.0

    def validate(self) -> None:
        """Check the terms."""
        seen: dict[str, str] = {}
        for name, value in self.terms.items():
            found = TERM.fullmatch(name) if isinstance(name, str) else None
            if found is None:
                raise InputError(f'{self.label}: a term is called "tt" and digits from 1 to 6, not {name!r}')
            if not is_number(value) or value - value != 0:
                raise InputError(f"{self.label}: {name} must be a finite number, not {value!r}")
            other = seen.setdefault(ordered(name), name)
            if other != name:
                raise InputError(f"{self.label}: {other} and {name} are the same term; give one")

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice; the whole map is in the first."""
        piece = super().cut(start, end)
        if start <= 0:
            return piece
        nothing = dict.fromkeys((f"{name}_ref" for name in Coordinates._fields), 0.0)  # about which the rest is nothing
        return piece.replace(terms={}, delta_e_ref=0.0, **nothing)


def ordered(name: str) -> str:
    """Return the name of a term with its factors in order."""
    return name[:3] + "".join(sorted(name[3:]))


def reference(taylor: Taylor, reference_in: Reference, xp: Any) -> Reference:
    """Return the reference at the exit: it has its new energy all the way."""
    out = reference_in
    if not is_zero(taylor.delta_e_ref):
        out = out.with_energy(out.energy + taylor.delta_e_ref)
    if is_zero(taylor.length):
        return replace(out, t=out.t + taylor.delta_ref_time)
    return out.drifted(taylor.length)


# -------------------------------------------------------------------- the map


class TaylorConstants(NamedTuple):
    """Coefficients, and coordinates about which the map is expanded."""

    terms: tuple[Any, ...]
    orbit: tuple[Any, ...]


Terms = tuple[tuple[str, ...], ...]
"""For each coordinate, the factors of its terms as digits."""


@lru_cache(maxsize=256)
def evaluator(terms: Terms) -> Any:
    """Return the `track` function of a map with these terms: straight code, which multiplies each product once."""
    lines = ["def taylor(c, q, xp):"]
    lines += [f"    d{i} = q.{name} - c.orbit[{i - 1}]" for i, name in enumerate(Coordinates._fields, 1)]
    products: dict[str, str] = {str(i): f"d{i}" for i in range(1, 7)}
    for factors in sorted({factors for row in terms for factors in row}, key=len):
        for length in range(2, len(factors) + 1):
            if factors[:length] not in products:
                name = products[factors[:length]] = f"d{factors[:length]}"
                lines.append(f"    {name} = {products[factors[: length - 1]]} * d{factors[length - 1]}")
    sums, number = [], 0
    for i, row in enumerate(terms, 1):
        parts = []
        for factors in row:
            parts.append(f"c.terms[{number}]" + (f" * {products[factors]}" if factors else ""))
            number += 1
        sums.append(" + ".join(parts) if any(row) else " + ".join([*parts, f"0.0 * d{i}"]))
    lines.append(f"    return Coordinates({', '.join(sums)})")
    namespace: dict[str, Any] = {"Coordinates": Coordinates}
    exec(compile("\n".join(lines), "<terms of a Taylor map>", "exec"), namespace)
    return namespace["taylor"]


def rows(taylor: Taylor) -> list[dict[str, float]]:
    """Return the coefficients by the factors of their terms, for each coordinate."""
    found = {**UNIT, **{ordered(name): value for name, value in taylor.terms.items()}}
    return [{name[3:]: float(value) for name, value in found.items() if name[2] == digit} for digit in "123456"]


def _prepare(taylor: Taylor, reference_in: Reference, reference_out: Reference, xp: Any) -> TaylorConstants:
    coefficients = tuple(value for row in rows(taylor) for value in row.values())
    return TaylorConstants(coefficients, tuple(getattr(taylor, f"{name}_ref") for name in Coordinates._fields))


def bmad_standard(taylor: Taylor, method: Any, number: int) -> Sequence[Step]:
    """Return one step through the map."""
    if not taylor.is_on:
        return ()
    return (Step((Routine(track=evaluator(tuple(map(tuple, rows(taylor)))), prepare=_prepare),)),)


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """The map."""
    return {(Taylor, "bmad_standard"): Composite(bmad_standard, reference=reference)}
