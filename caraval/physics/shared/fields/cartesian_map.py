"""Cartesian maps: fields as sums of terms, each of which solves Laplace's equation.

See the Bmad manual, "Cartesian Map Field Decomposition", and Sagan, Crittenden and Rubin, PAC 2003, 1023.
The twelve combinations of family and form in the manual are four: the field of a term is the gradient of
``P f(x + x0) g(y + y0) cos(kz s + phi_z)``, where f and g are each either ``c = cos kx`` or its integral ``s = sin(kx) / k``;
where the field grows rather than oscillates, these are the hyperbolic functions.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from caraval.core.errors import InputError

from .field_maps import CHECKS, check_numbers, part

KIND = "cartesian_map"

FAMILIES = ("x", "y", "qu", "sq")

CONSISTENT = 1e-5
"""Wave numbers must satisfy the condition of a form to this, relative to their squares (as in Bmad)."""

NUMBERS = ("A", "kx", "ky", "kz", "x0", "y0", "phi_z")


class Term(NamedTuple):
    """A term: its potential's strength, wave numbers [1/m], offsets [m], phase, family, and where it grows: x, y or xy."""

    strength: float
    kx: float
    ky: float
    kz: float
    x0: float
    y0: float
    phase: float
    family: str
    grows: str


def form(kx: float, ky: float, kz: float) -> str | None:
    """Return where a term grows: in y, in x and in y, or in x (the manual's hyper-y, -xy, -x); None: there is no such term."""
    x2, y2, z2 = kx * kx, ky * ky, kz * kz
    tolerance = CONSISTENT * (x2 + y2 + z2)
    found = {"y": y2 - x2 - z2, "xy": x2 + y2 - z2, "x": x2 - y2 - z2}
    return next((name for name, off in found.items() if abs(off) < tolerance), None)


def terms(given: Mapping[str, Any]) -> tuple[Term, ...]:
    """Return the terms of a map."""
    return _terms(tuple(map(tuple, given["terms"])))


@lru_cache(maxsize=64)
def _terms(rows: tuple[Any, ...]) -> tuple[Term, ...]:
    return tuple(_term(*row) for row in rows)


def _term(a: float, kx: float, ky: float, kz: float, x0: float, y0: float, phase: float, family: str) -> Term:
    grows = form(kx, ky, kz) or ""
    over = {"y": ky, "xy": kz, "x": kx}[grows]
    sign = -1.0 if (family, grows) == ("sq", "x") else 1.0
    waves = {"x": (kx,), "y": (ky,), "qu": (kx, ky), "sq": ()}[family]
    return Term(sign * a * prod(waves) / over, kx, ky, kz, x0, y0, phase, family, grows)


def _check(where: str, given: Mapping[str, Any]) -> None:
    if part(given, "field_type") != "magnetic":
        raise InputError(f"{where}: only magnetic cartesian maps are understood")
    rows = given.get("terms")
    if not isinstance(rows, (tuple, list)) or not rows:
        raise InputError(f"{where} needs terms, which are tuples ({', '.join(NUMBERS)}, family)")
    for number, row in enumerate(rows, 1):
        this = f"{where}: term {number}"
        if not isinstance(row, (tuple, list)) or len(row) != 8 or row[7] not in FAMILIES:
            raise InputError(
                f"{this} must be ({', '.join(NUMBERS)}, family), with a family of {', '.join(FAMILIES)}, not {row}"
            )
        check_numbers(this, row[:7])
        if form(*row[1:4]) is None or not any(row[1:4]):
            raise InputError(
                f"{this}: the square of one of kx, ky, kz must be the sum of the other squares, so that Laplace's equation is "
                f"solved; they are {row[1]}, {row[2]} and {row[3]}"
            )


CHECKS[KIND] = _check
