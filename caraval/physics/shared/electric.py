"""Electric multipoles: kicks of a transverse electric field, and what its potential does to the energy at the edges.

``E_x - i E_y = sum (b_n - i a_n) (x + i y)^n`` (Bmad manual, "Electric Multipole Fields"); the field is the same all along.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from caraval.core import scalar
from caraval.core.arrays import is_number, is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import End
from caraval.core.errors import InputError
from caraval.core.loss import BEYOND
from caraval.core.reference import Reference
from caraval.core.routine import Routine, UnknownValueError
from caraval.core.schema import Parameter

from .. import drift
from . import fringes, steps
from .integrator import Chain, ChainShare, Share
from .multipoles import HIGHEST_ORDER, Magnet, field
from .special import root

NAMES = tuple(f"{kind}{n}_elec" for kind in "ab" for n in range(HIGHEST_ORDER + 1))
"""Names of all electric multipoles."""

_ElectricMultipoles: Any = type(
    "_ElectricMultipoles",
    (Magnet,),
    {
        "__module__": __name__,
        "__annotations__": dict.fromkeys(NAMES, Parameter | None),
        **dict.fromkeys(NAMES),
    },
)


class ElectricMagnet(_ElectricMultipoles):  # type: ignore[misc]
    """A magnet that may carry electric multipoles, too.

    Attributes
    ----------
    a0_elec ... a21_elec, b0_elec ... b21_elec : Parameter, optional
        Skew and normal electric multipoles [V/m^(n+1)]; None: absent.
    r0_elec : Parameter
        Radius [m] at which they are fields [V/m] instead, if `scale_multipoles` is on; zero: not so.
    fringe_at
        Ends at which particles pass the potential of the edge.
    """

    r0_elec: Parameter = 0.0
    fringe_at: End = "both_ends"

    def is_plain(self) -> bool:
        """Whether there is neither a magnetic nor an electric multipole."""
        return super().is_plain() and not orders(self)


def orders(element: Any) -> list[int]:
    """Return the orders of the electric multipoles that an element has."""
    if not (isinstance(element, ElectricMagnet) and element.multipoles_on):
        return []
    held = vars(element)  # most are absent
    return sorted({int(name[1:-5]) for name in NAMES if held[name] is not None and not is_zero(held[name])})


def strengths(element: Any, reference: Reference, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the force over the reference momentum ``{n: (a_n, b_n)}`` [1/m^(n+1)]."""
    scale = reference.species.charge / reference.p0c
    radius = element.r0_elec if element.scale_multipoles else 0.0
    if not is_zero(radius):
        radius = xp.where(radius == 0, 1.0, radius)
    found = {}
    for n in orders(element):
        factor = scale if is_zero(radius) else scale / radius**n
        found[n] = tuple(0.0 if v is None else v * factor for v in (getattr(element, f"{k}{n}_elec") for k in "ab"))
    return found  # type: ignore[return-value]


def refuse(element: Any, method: str) -> None:
    """Say that a method knows no electric multipoles, if there are any.

    Raises
    ------
    InputError
    """
    if orders(element):
        raise InputError(f"{element.label}: {method} has no electric multipoles; use bmad_standard or linear")


# -------------------------------------------------------------------- in Bmad's rule for the number of steps


def normalised(element: Any, reference: Reference | None) -> Any:
    """Return an element of plain numbers with the force over the reference momentum in place of electric multipoles.

    Raises
    ------
    UnknownValueError
        If there are any, and the momentum is not known.
    """
    if not orders(element):
        return element
    if reference is None or not is_number(reference.p0c):
        raise UnknownValueError
    found = strengths(element, reference, scalar)
    return element.with_values({f"{kind}{n}_elec": v for n, pair in found.items() for kind, v in zip("ab", pair, strict=True)})


def step_terms(element: Any) -> tuple[float, float]:
    """Return what normalised electric multipoles add to curvature [1/m] and gradient in Bmad's rule for the number of steps."""
    pairs = [(getattr(element, f"a{n}_elec"), getattr(element, f"b{n}_elec")) for n in range(3)]
    dipole, gradient, main = (sum(abs(v or 0.0) for v in pair) for pair in pairs)
    return dipole, gradient + (element.r0_elec or steps.REFERENCE_RADIUS) * main


# -------------------------------------------------------------------- kicks


class ElectricKick(NamedTuple):
    """Integrated force over the reference momentum, ``F_x - i F_y = sum (b_n + i a_n) (x + i y)^n``; ``(m c / P0)^2``."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    mass2: Any


class BentElectricKick(NamedTuple):
    """As :class:`ElectricKick`, and the design curvature [1/m]."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    mass2: Any
    g: Any


def electric_kick(c: ElectricKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick for as long as the particle takes, at unchanged longitudinal momentum."""
    momentum = 1 + q.pz
    time = xp.sqrt(momentum * momentum + c.mass2) / momentum
    real, imaginary = field(c, q)
    return kicked(time * real, -time * imaginary, c.mass2, q, xp)


def bent_electric_kick(c: BentElectricKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick for as long as the particle takes, which in a bend depends on where it goes."""
    real, imaginary = field(c, q)
    time = time_in_bend(c, q, xp)
    return kicked(time * real, -time * imaginary, c.mass2, q, xp)


def time_in_bend(c: Any, q: Coordinates, xp: Any) -> Any:
    """Return how long a particle takes for a unit of the reference's path, over what light takes."""
    momentum = 1 + q.pz
    forward = root(momentum * momentum - q.px * q.px - q.py * q.py, xp)
    return (1 + c.g * q.x) * xp.sqrt(momentum * momentum + c.mass2) / forward


def kicked(dx: Any, dy: Any, mass2: Any, q: Coordinates, xp: Any) -> Coordinates:
    """Return coordinates of particles with more transverse momentum, and the energy that belongs to it."""
    rise = dx * (2 * q.px + dx) + dy * (2 * q.py + dy)  # of the momentum squared
    return at_momentum(rise, mass2, q._replace(px=q.px + dx, py=q.py + dy), xp)


def at_momentum(rise: Any, mass2: Any, q: Coordinates, xp: Any) -> Coordinates:
    """Return coordinates of particles whose squared momentum rises, at the same time; one that is stopped is lost."""
    momentum = 1 + q.pz
    left = momentum * momentum + rise
    after = root(left, xp)
    z = q.z * (after / momentum) * xp.sqrt((momentum * momentum + mass2) / (after * after + mass2))
    x = xp.where(left > 0, q.x, BEYOND)
    return q._replace(x=x, z=z, pz=q.pz + rise / (momentum + after))


def gained(gain: Any, mass2: Any, q: Coordinates, xp: Any) -> Coordinates:
    """Return coordinates of particles that gain energy, at the same place, time and transverse momentum.

    Parameters
    ----------
    gain : array
        Energy over the reference momentum.
    mass2 : number or array
        ``(m c / P0)^2``.
    """
    momentum = 1 + q.pz
    return at_momentum(gain * (2 * xp.sqrt(momentum * momentum + mass2) + gain), mass2, q, xp)


def with_electric(kick: Share | None, element: Any, model: Model | None = None) -> Share | ChainShare | None:
    """Return what makes a share of the kicks: the magnetic one that is given, if any, and then that of electric multipoles."""
    those = orders(element)
    if not those or is_zero(element.length):
        return kick
    electric = partial((model or STRAIGHT).kick, max(those) + 1)
    if kick is None:
        return electric
    return lambda weight: (kick(weight), electric(weight))


def _kick(bent: bool, size: int, weight: float) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        found = strengths(element, reference_in, xp)
        pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
        length = element.length * weight
        b, a = tuple(b * length for _, b in pairs), tuple(-a * length for a, _ in pairs)
        mass2 = drift.mass2(reference_in)
        return BentElectricKick(b, a, mass2, element.g) if bent else ElectricKick(b, a, mass2)

    return Routine(track=bent_electric_kick if bent else electric_kick, prepare=prepare)


# -------------------------------------------------------------------- edges


class ElectricEdge(NamedTuple):
    """Energy gained over the reference momentum, as a polynomial ``Re sum (b_n + i a_n) (x + i y)^n``; ``(m c / P0)^2``."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    mass2: Any


def electric_edge(c: ElectricEdge, q: Coordinates, xp: Any) -> Coordinates:
    """Pass the potential at an edge."""
    gain, _ = field(c, q)
    return gained(gain, c.mass2, q, xp)


def undo_edge(c: ElectricEdge) -> ElectricEdge:
    """Return the same edge the other way."""
    return ElectricEdge(tuple(-v for v in c.b), tuple(-v for v in c.a), c.mass2)


def _edge(size: int, side: int) -> Routine:
    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> ElectricEdge:
        found = strengths(element, reference_in, xp)
        pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
        b = (0.0, *(side * b / (n + 1) for n, (_, b) in enumerate(pairs)))
        a = (0.0, *(-side * a / (n + 1) for n, (a, _) in enumerate(pairs)))
        return ElectricEdge(b, a, drift.mass2(reference_in))

    return Routine(track=electric_edge, prepare=prepare, undo=undo_edge)


class Model(NamedTuple):
    """How electric multipoles act: makers of the kick of a share, and of the edge on a side, of multipoles below an order."""

    kick: Callable[[int, float], Routine]
    edge: Callable[[int, int], Routine]


STRAIGHT = Model(partial(_kick, False), _edge)
BENT = Model(partial(_kick, True), _edge)
"""Fields of a straight element, there and in a bend."""


def with_edges(element: Any, edges: tuple[Chain, Chain] = ((), ()), model: Model = STRAIGHT) -> tuple[Chain, Chain]:
    """Return the edges of an element, with those of its electric field inside the magnetic ones that are given."""
    those = orders(element)
    if not those or is_zero(element.length):
        return edges
    inner = fringes.at_ends(element, *((model.edge(max(those) + 1, side),) for side in (+1, -1)))
    return (*edges[0], *inner[0]), (*inner[1], *edges[1])
