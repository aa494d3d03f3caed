"""What an element is cut into (MAD-X manual, "Slicing a sequence into thin lenses").

Thin slices of magnets are multipoles, of solenoids and separators thin ones, of what is passive the same without length. Bends
leave their edges to dipedges at their ends, unless that is not wanted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from math import cos, sin
from typing import TYPE_CHECKING, NamedTuple

from . import lengths
from .definitions import Deferred, Element, Quantity, Setting
from .expressions import Number, Product
from .vocabulary import MISALIGNMENT, has

if TYPE_CHECKING:
    from .interpreter import Interpreter

_NOT_COPIED = frozenset(("l", "at", "from", "lrad", "slice", "thick", "slot_id", "assembly_id", "comments"))
_EDGES = frozenset(("e1", "e2", "fint", "fintx", "h1", "h2", "hgap"))
_KILLS = ("kill_ent_fringe", "kill_exi_fringe")
_SHARED = ("kick", "hkick", "vkick", "chkick", "cvkick", "current")
"""Attributes of what is passive that slices share; a voltage is not among them."""

_WIRE = ("xma", "yma", "closed_orbit", "current", "l_phy", "l_int")
"""Attributes that a collimator has for the wire in it."""


class Slice(NamedTuple):
    """A part of an element, and where its middle is, from the middle of the whole, as a share of the length."""

    element: Element
    shift: float


# -------------------------------------------------------------------- where slices are


def _simple(n: int, i: int) -> float:
    return (2 * i - 1) / (2 * n) - 0.5


def _teapot(n: int, i: int) -> float:
    """Burkhardt, De Maria, Giovannozzi, Risselada, IPAC'13, MOPWO027."""
    return 0.5 * n * (1 - 2 * i + n) / (1 - n * n)


def _collim(n: int, i: int) -> float:
    return (i - 1) / (n - 1) - 0.5


STYLES: dict[str, Callable[[int, int], float]] = {
    "teapot": _teapot,
    "simple": _simple,
    "collim": _collim,
    "hybrid": lambda n, i: _simple(n, i) if n > 4 else _teapot(n, i),
}
"""Where the i-th of n > 1 thin slices is, as a share of the length from the middle."""


def _thick_shares(n: int, teapot: bool) -> list[float]:
    """Return how long the n thick slices are between which thin ones would stand, as shares of the length."""
    thin = n - 1
    if n < 3:
        return [1 / n] * n
    ends, inner = (1 / (2 * (1 + thin)), thin / (thin * thin - 1)) if teapot else (1 / (2 * thin), 1 / thin)
    return [ends, *[inner] * (n - 2), ends]


# -------------------------------------------------------------------- elements


class Cut:
    """An element that is being cut.

    Parameters
    ----------
    state : Interpreter
    element : Element
    style : str
        One of `STYLES`.
    count : int
        How many slices there are.
    """

    def __init__(self, state: Interpreter, element: Element, style: str, count: int) -> None:
        self._state = state
        self._style = style
        self.count = count
        self.length = lengths.length(state, element)
        self.thick = self._sector(element) if element.keyword == "rbend" else element

    def magnet(self) -> list[Slice]:
        """Return multipoles."""
        strengths = {**self._copied("multipole", {"angle", *_KILLS}), **self._strengths()}
        return self._thin("multipole", strengths)

    def solenoid(self) -> list[Slice]:
        """Return thin solenoids."""
        given = self._copied("solenoid", _KILLS)
        given |= self._scaled({"ksi": "ks"}, self.length / self.count)
        return self._thin("solenoid", given)

    def separator(self) -> list[Slice]:
        """Return thin separators."""
        given = self._copied("elseparator") | self._scaled({"ex_l": "ex", "ey_l": "ey"}, self.length / self.count)
        return self._thin("elseparator", given)

    def passive(self) -> list[Slice]:
        """Return the same without length: one in the middle, or the first and the last at the ends; and wires by themselves."""
        keyword = self.thick.keyword
        given = self._copied(keyword, _KILLS) | self._scaled({name: name for name in _SHARED}, 1 / self.count)
        self._style = "collim"
        if keyword != "collimator" or "current" not in given:
            return self._thin(keyword, given)
        wires = {name: setting for name, setting in given.items() if name in _WIRE}
        others = {name: setting for name, setting in given.items() if name not in _WIRE}
        found = []
        for number, part in enumerate(self._thin(keyword, others), 1):
            found.append(part)
            if not self._is_marker(part):
                ending = f"..{number}" if self.count > 1 else ""
                found.append(Slice(self._element(f"{self.thick.name}_wire{ending}", "wire", wires), part.shift))
        return found

    def slabs(self) -> list[Slice]:
        """Return thick slices of a quadrupole, a solenoid or a bend."""
        shares = _thick_shares(self.count, self._style == "teapot")
        endings = ["_bo"] if self.count == 1 else ["_en", *["_bo"] * (self.count - 2), "_ex"]
        known: dict[str, Element] = {}
        found, before = [], 0.0
        for ending, share in zip(endings, shares, strict=True):
            name = self.thick.name + ending
            shift = before + share / 2 - 0.5
            element = known.get(name) if not self._is_misplaced() else None
            if element is None:
                given = self._copied(self.thick.keyword) | self._scaled({"angle": "angle"}, share)
                given |= self._edges_of(ending, given) | self._moved(shift - share / 2 + 0.5)
                element = known[name] = self._element(name, self.thick.keyword, given, share * self.length)
            found.append(Slice(element, shift))
            before += share
        return found

    def edges(self) -> tuple[Slice | None, Slice | None]:
        """Take the edges of a bend away, and return them as dipedges; none where they are switched off."""
        entrance = self._edge("_den", "e1", ("fint",), "h1", -0.5) if not self._flag(_KILLS[0]) else None
        exit = self._edge("_dex", "e2", ("fintx", "fint"), "h2", 0.5) if not self._flag(_KILLS[1]) else None
        place = self.thick.place
        settings = {name: setting for name, setting in self.thick.settings.items() if name not in _EDGES}
        settings |= {name: Setting(True, place) for name in _KILLS}
        self.thick = Element(self.thick.name, self.thick.keyword, self.thick.parent, place, settings)
        return entrance, exit

    def marker(self, ending: str, shift: float) -> Slice:
        """Return a marker with the aperture of the element."""
        return Slice(self._element(self.thick.name + ending, "marker", self._copied("marker")), shift)

    # ---------------------------------------------------------------- parts of them

    def _thin(self, keyword: str, given: dict[str, Setting]) -> list[Slice]:
        """Return slices without length, with a marker in the middle where there are several."""
        n, name = self.count, self.thick.name
        shifts = [STYLES[self._style](n, i) for i in range(1, n + 1)] if n > 1 else [0.0]
        lrad = Setting(Quantity(self.length / n), self.thick.place)
        found = []
        for number, shift in enumerate(shifts, 1):
            if n > 1 and number == n // 2 + 1:
                found.append(self.marker("", 0.0))
            settings = {**given, "lrad": lrad, **self._moved(shift + 0.5)}
            found.append(Slice(self._element(f"{name}..{number}" if n > 1 else name, keyword, settings), shift))
        return found

    def _element(self, name: str, keyword: str, settings: dict[str, Setting], length: float = 0.0) -> Element:
        known = {name: setting for name, setting in settings.items() if has(keyword, name)}
        if length:
            known["l"] = Setting(Quantity(length), self.thick.place)
        parent = self.thick.parent if keyword == self.thick.keyword else keyword
        return Element(name, keyword, parent, self.thick.place, known)

    def _is_marker(self, part: Slice) -> bool:
        return part.element.keyword == "marker"

    def _copied(self, keyword: str, without: Iterable[str] = ()) -> dict[str, Setting]:
        left_out = _NOT_COPIED | {*without}
        return {n: s for n, s in self.thick.settings.items() if n not in left_out and has(keyword, n)}

    def _scaled(self, names: dict[str, str], factor: float) -> dict[str, Setting]:
        """Return attributes that are others times a factor."""
        found = {}
        for name, other in names.items():
            setting = self.thick.settings.get(other)
            if setting is not None and isinstance(setting.value, (Quantity, list)):
                value = setting.value
                scaled = [_times(q, factor) for q in value] if isinstance(value, list) else _times(value, factor)
                found[name] = Setting(scaled, setting.place)
        return found

    def _strengths(self) -> dict[str, Setting]:
        """Return ``knl`` and ``ksl`` of a slice; a bend has the field of its angle where it has no other."""
        n, length, place = self.count, self.length, self.thick.place
        normal, skew = ([self._quantity(f"k{order}{ending}") for order in range(4)] for ending in ("", "s"))
        angle, along, found = self._quantity("angle"), [length] * 4, {}
        if angle is not None:
            bending = 0.0 if normal[0] is None else self._state.number(normal[0])[0]
            if abs(bending) < _NOTHING:
                normal[0], along[0] = angle, 1.0
            elif abs(bending * length - self._state.number(angle)[0]) > _NOTHING:
                found["angle"] = Setting(_times(angle, 1 / n), place)
        for name, strengths in (("knl", normal), ("ksl", skew)):
            if any(strengths):
                parts = [Quantity(0.0) if k is None else _times(k, part / n) for k, part in zip(strengths, along, strict=True)]
                found[name] = Setting(parts, place)
        return found

    def _edge(self, ending: str, face: str, fringes: tuple[str, ...], curvature: str, shift: float) -> Slice:
        given = {name: s for name, s in self._copied("dipedge").items() if name not in ("e1", "fint")}
        field = self._scaled({"h": "k0"}, 1.0) or self._scaled({"h": "angle"}, 1 / self.length)
        fringe = next((name for name in fringes if name in self.thick.settings), "")
        said = {"e1": face, "fint": fringe, "he": curvature}
        given |= field | {n: self.thick.settings[other] for n, other in said.items() if other in self.thick.settings}
        return Slice(self._element(self.thick.name + ending, "dipedge", given), shift)

    def _edges_of(self, ending: str, given: dict[str, Setting]) -> dict[str, Setting]:
        """Return what a thick slice of a bend has of its edges: inside none, at the ends those that are there."""
        if self.thick.keyword != "sbend":
            return {}
        nothing, place = Setting(Quantity(0.0), self.thick.place), self.thick.place
        killed = {"_en": _KILLS[1:], "_ex": _KILLS[:1], "_bo": _KILLS}[ending]
        found = {name: Setting(True, place) for name in killed}
        gone = {"_en": ("e2", "h2"), "_ex": ("e1", "h1"), "_bo": tuple(_EDGES)}[ending]
        return found | {name: nothing for name in gone if name in given}

    def _sector(self, element: Element) -> Element:
        """Return a rectangular bend as a sector bend."""
        angle, doubts = lengths.value_of(self._state, element, "angle")
        settings = dict(element.settings)
        for name in ("e1", "e2") if angle else ():
            value, more = lengths.value_of(self._state, element, name)
            place = settings[name].place if name in settings else element.place
            settings[name] = Setting(Quantity(value + angle / 2, (*doubts, *more)), place)
        parent = "sbend" if element.parent == "rbend" else element.parent
        return Element(element.name, "sbend" if angle else "rbend", parent, element.place, settings)

    # ---------------------------------------------------------------- misalignment

    def _is_misplaced(self) -> bool:
        return any(lengths.value_of(self._state, self.thick, name)[0] for name in MISALIGNMENT)

    def _moved(self, share: float) -> dict[str, Setting]:
        """Return where a slice is misplaced that begins at a share of the length: it moves with the whole."""
        if not self._is_misplaced():
            return {}
        place = self.thick.place
        dx, dy, ds, theta, phi, _ = (lengths.value_of(self._state, self.thick, name)[0] for name in MISALIGNMENT)
        if self.thick.keyword == "sbend":
            self._state.losses.physics(
                self.thick.name, "dx", "a misplaced bend that is cut", "each slice moved alike", place=place
            )
            return {}
        s = share * self.length
        moved = {"dx": dx + s * sin(theta) * cos(phi), "dy": dy + s * sin(phi), "ds": ds + s * (cos(theta) * cos(phi) - 1)}
        return {name: Setting(Quantity(value), place) for name, value in moved.items()}

    # ---------------------------------------------------------------- settings

    def _quantity(self, name: str) -> Quantity | None:
        setting = self.thick.settings.get(name)
        return setting.value if setting is not None and isinstance(setting.value, Quantity) else None

    def _flag(self, name: str) -> bool:
        return bool(lengths.value_of(self._state, self.thick, name)[0])


_NOTHING = 1e-15
"""Fields and angles are the same if they differ by less, as in MAD-X."""


def _times(quantity: Quantity, factor: float) -> Quantity:
    """Return a quantity times a number; an expression is one still."""
    if not isinstance(quantity.value, Deferred):
        return quantity._replace(value=quantity.value * factor)
    node, source = quantity.value
    product = Product(node.offset, node.depth + 1, [("*", node), ("*", Number(node.offset, 1, factor))])
    return quantity._replace(value=Deferred(product, source))
