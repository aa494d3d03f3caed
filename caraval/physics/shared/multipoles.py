"""Kicks and multipoles: one mechanism that every magnet's body calls where Bmad calls it.

Magnetic multipoles are integrated over the element and have no factorial:
``dpx - i dpy = -sum (b_n + i a_n) (x + i y)^n`` (Bmad manual, "Multipole Fields").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import factorial
from typing import Any, ClassVar, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.reference import Reference
from caraval.core.routine import Routine
from caraval.core.schema import Parameter

from .fields.field_maps import Mapped


class Kicked(Mapped):
    """An element that may kick.

    Attributes
    ----------
    hkick, vkick : Parameter
        Integrated kick ``dpx``, ``dpy`` of the whole element, along axes that do not tilt with it.
    bl_hkick, bl_vkick : Parameter, optional
        The same as integrated fields [T m], instead.
    """

    hkick: Parameter = 0.0
    vkick: Parameter = 0.0
    bl_hkick: Parameter | None = None
    bl_vkick: Parameter | None = None

    extensive = ("hkick", "vkick", "bl_hkick", "bl_vkick")
    odd = ("hkick", "vkick", "bl_hkick", "bl_vkick")

    fields: ClassVar[Mapping[str, str]] = {"hkick": "bl_hkick", "vkick": "bl_vkick"}
    """Normalised strengths, and the field that each may be given as instead."""

    has_magnetic_kicks: ClassVar[bool] = True
    """Whether `hkick` and `vkick` are magnetic dipoles."""

    def validate(self) -> None:
        """Check that no strength is given twice."""
        super().validate()
        for strength, field in self.fields.items():
            if getattr(self, field) is not None and not is_zero(getattr(self, strength)):
                raise InputError(f"{self.label}: {strength} and {field} say the same; give one")

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element with normalised strengths in place of fields: field over rigidity."""
        given = {s: f for s, f in self.fields.items() if getattr(self, f) is not None}
        if not given:
            return self
        changes = {strength: getattr(self, field) / reference.rigidity for strength, field in given.items()}
        return self.with_values({**changes, **dict.fromkeys(given.values())})

    def is_plain(self) -> bool:
        """Whether nothing kicks."""
        return self.is_on and not orders(self)

    def strengths(self, xp: Any) -> dict[int, tuple[Any, Any]]:
        """Return all integrated multipoles ``{n: (a_n, b_n)}``, the main one and kicks included."""
        return integrated(self, xp)

    def kick_axes(self, xp: Any) -> tuple[Any, Any]:
        """Return cosine and sine of the angle by which the element's own axes are turned against those of the kicks."""
        return xp.cos(self.plane), xp.sin(self.plane)


HIGHEST_ORDER = 21
"""Highest order of a multipole (as in Bmad)."""

MULTIPOLES = tuple(f"{kind}{n}" for kind in "ab" for n in range(HIGHEST_ORDER + 1))
"""Names of all multipoles."""

_Multipoles: Any = type(
    "_Multipoles",
    (Kicked,),
    {
        "__module__": __name__,
        "__annotations__": dict.fromkeys(MULTIPOLES, Parameter | None),
        **dict.fromkeys(MULTIPOLES),
    },
)


class Magnet(_Multipoles):  # type: ignore[misc]
    """An element that may carry multipole errors.

    Attributes
    ----------
    a0 ... a21, b0 ... b21 : Parameter, optional
        Skew and normal multipoles; None: absent. Relative to the main strength, unless `scale_multipoles` is off.
    r0_mag : Parameter
        Radius [m] to which they refer; zero: 1 m.
    scale_multipoles, multipoles_on : bool
    field_master : bool
        Multipoles are fields rather than normalised strengths.
    """

    r0_mag: Parameter = 0.0
    scale_multipoles: bool = True
    multipoles_on: bool = True
    field_master: bool = False

    main: ClassVar[tuple[str, int] | None] = None
    """Parameter and order of the main strength: its ``n``-th derivative of the field, as Bmad's ``k1``, ``k2``, ..."""

    def main_strength(self, xp: Any) -> tuple[Any, int]:
        """Return the integrated main strength, and its order, to which multipoles are relative."""
        if self.main is None:
            return 1.0, 0
        name, order = self.main
        return getattr(self, name) * self.length, order

    def strengths(self, xp: Any) -> dict[int, tuple[Any, Any]]:
        """Return all integrated multipoles ``{n: (a_n, b_n)}``, the main one and kicks included."""
        found = integrated(self, xp)
        if self.main is not None:
            strength, order = Magnet.main_strength(self, xp)
            a, b = found.get(order, (0.0, 0.0))
            found[order] = (a, b + strength / factorial(order))
        return found

    def is_main_odd(self) -> bool:
        """Whether the main strength changes sign when the magnet is reversed, and with it what is relative to it."""
        return self.main is not None

    def turned(self) -> Element:
        """Return what a reversed magnet is to the particles: all its multipoles change sign, too."""
        if self.orientation == 1 or (self.scale_multipoles and self.is_main_odd()):
            return super().turned()
        return super().turned().with_values({n: -getattr(self, n) for n in MULTIPOLES if getattr(self, n) is not None})

    def cut(self, start: Any, end: Any) -> Element:
        """Return a slice; multipoles that are not relative to anything have their share, too."""
        piece = super().cut(start, end)
        if self.scale_multipoles or self.orientation == -1:  # a reversed one has come here turned
            return piece
        share = (end - start) / self.length
        return piece.replace(**{n: getattr(self, n) * share for n in MULTIPOLES if getattr(self, n) is not None})

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element with normalised strengths in place of fields."""
        element = super().at(reference, xp)
        if not self.field_master:
            return element
        given = {n: getattr(self, n) / reference.rigidity for n in MULTIPOLES if getattr(self, n) is not None}
        return element.with_values({**given, "field_master": False})


# -------------------------------------------------------------------- what an element has


def orders(element: Any) -> list[int]:
    """Return the orders of the multipoles that an element has besides its main strength, kicks included."""
    found = set()
    given = ("hkick", "vkick", "bl_hkick", "bl_vkick") if element.has_magnetic_kicks else ()
    if not all(is_zero(getattr(element, name)) for name in given):
        found.add(0)
    if getattr(element, "multipoles_on", False):
        held = vars(element)  # most are absent, and this is asked of all elements in every plan
        found |= {int(name[1:]) for name in MULTIPOLES if held[name] is not None and not is_zero(held[name])}
    return sorted(found)


def present(element: Any) -> list[int]:
    """Return the orders of all multipoles that an element has, its main strength included."""
    found = set(orders(element))
    main = getattr(element, "main", None)
    if main is not None:
        given_as = element.fields.get(main[0])
        if not is_zero(getattr(element, main[0])) or (given_as and not is_zero(getattr(element, given_as))):
            found.add(main[1])
    return sorted(found)


def integrated(element: Any, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the integrated ``(a_n, b_n)`` by order: multipoles as they scale, and kicks."""
    out: dict[int, tuple[Any, Any]] = {}
    if getattr(element, "multipoles_on", False):
        present = {int(n[1:]) for n in MULTIPOLES if not is_zero(getattr(element, n))}
        strength, main = element.main_strength(xp) if present and element.scale_multipoles else (1.0, 0)
        radius = element.r0_mag if element.scale_multipoles else 0.0
        if not is_zero(radius):
            radius = xp.where(radius == 0, 1.0, radius)
        for n in sorted(present):
            scale = strength if is_zero(radius) else strength * radius ** (main - n)
            a, b = (0.0 if v is None else v * scale for v in (getattr(element, f"a{n}"), getattr(element, f"b{n}")))
            out[n] = (a, b)
    hkick, vkick = element.hkick, element.vkick
    if element.has_magnetic_kicks and not (is_zero(hkick) and is_zero(vkick)):
        cosine, sine = element.kick_axes(xp)
        a, b = out.get(0, (0.0, 0.0))
        out[0] = (a - hkick * sine + vkick * cosine, b - hkick * cosine - vkick * sine)
    return out


# -------------------------------------------------------------------- the kick


class Kick(NamedTuple):
    """Integrated normal and skew strengths by order, from zero on."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]


def kick(c: Kick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by a sum of multipoles (Horner's scheme for the complex polynomial)."""
    real, imaginary = field(c, q)
    return q._replace(px=q.px - real, py=q.py + imaginary)


def field(c: Any, q: Coordinates) -> tuple[Any, Any]:
    """Return real and imaginary part of ``sum (b_n + i a_n) (x + i y)^n``."""
    highest = len(c.b) - 1
    real = c.b[highest]
    imaginary = c.a[highest]
    for n in range(highest - 1, -1, -1):
        real, imaginary = c.b[n] + q.x * real - q.y * imaginary, c.a[n] + q.x * imaginary + q.y * real
    return real, imaginary


def normal_kick(c: Kick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick horizontally and vertically by the dipole terms alone."""
    return q._replace(px=q.px - c.b[0], py=q.py + c.a[0])


Strengths = Callable[[Any, Any], Mapping[int, tuple[Any, Any]]]


def kicks(strengths: Strengths, those: list[int]) -> Callable[[float], Routine] | None:
    """Return what makes the kick of a share of an element's strengths; None if there are none.

    Parameters
    ----------
    strengths : callable
        ``(element, xp) -> {n: (a_n, b_n)}``, integrated.
    those : list of int
        The orders that may be there.
    """
    return partial(_kicks, strengths, max(those) + 1) if those else None


def _kicks(strengths: Strengths, size: int, weight: float) -> Routine:
    def prepare(element: Element, reference_in: Reference, reference_out: Reference, xp: Any) -> Kick:
        found = strengths(element, xp)
        pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
        return Kick(tuple(b * weight for _, b in pairs), tuple(a * weight for a, _ in pairs))

    return Routine(track=kick if size > 1 else normal_kick, prepare=prepare, undo=undo_kick)


def undo_kick(c: Kick) -> Kick:
    """Return the opposite kick."""
    return type(c)(*(tuple(-v for v in part) if isinstance(part, tuple) else part for part in c))
