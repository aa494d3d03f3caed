"""The equations of motion in a field, integrated in s by explicit Runge-Kutta formulas of fixed steps.

With s as the independent variable, curvature g of the reference, momenta in units of the reference momentum, and fields over
the rigidity (Bmad manual, "Runge Kutta Tracking"): with ``1 / v = (1 + g x) / p_s``,

    x' = p_x / v,   p_x' = (p_y b_s - p_s b_y) / v + e_x t' + g p_s,   y' = p_y / v,   p_y' = (p_s b_x - p_x b_s) / v + e_y t',
    t' = E / v,   P' = (e . p) t' / P

where t is the time times the speed of light, and E the energy. In place of z goes by how much a particle comes later than the
reference, times the speed of light: that is what fields depend on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from math import ceil, sqrt
from types import FunctionType
from typing import Any, NamedTuple

from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.methods import RungeKutta
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.routine import Composite, Routine, Step

from ... import drift
from .. import maps, steps
from ..integrator import Chain, number_of_steps
from ..special import root
from .field import Field

STEP = 0.02
"""Length of a step [m] where the method does not say it: of magnets of any strength in use, an order of 8 leaves nothing."""

LEAST = 10
"""Number of steps that an element takes at least, where the method does not say it."""


# -------------------------------------------------------------------- formulas


class Tableau(NamedTuple):
    """A Runge-Kutta formula: where its stages stand in a step, what each has of those before, and the weights of all."""

    nodes: tuple[float, ...]
    rows: tuple[tuple[float, ...], ...]
    weights: tuple[float, ...]


CASH_KARP = Tableau(
    (0.0, 1 / 5, 3 / 10, 3 / 5, 1.0, 7 / 8),
    (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (3 / 10, -9 / 10, 6 / 5),
        (-11 / 54, 5 / 2, -70 / 27, 35 / 27),
        (1631 / 55296, 175 / 512, 575 / 13824, 44275 / 110592, 253 / 4096),
    ),
    (37 / 378, 0.0, 250 / 621, 125 / 594, 0.0, 512 / 1771),
)
"""Of order 5 (Cash and Karp, ACM Trans. Math. Softw. 16, 201): the one that Bmad has."""

_R = sqrt(21)

COOPER_VERNER = Tableau(
    (0.0, 1 / 2, 1 / 2, (7 + _R) / 14, (7 + _R) / 14, 1 / 2, (7 - _R) / 14, (7 - _R) / 14, 1 / 2, (7 + _R) / 14, 1.0),
    (
        (),
        (1 / 2,),
        (1 / 4, 1 / 4),
        (1 / 7, (-7 - 3 * _R) / 98, (21 + 5 * _R) / 49),
        ((11 + _R) / 84, 0.0, (18 + 4 * _R) / 63, (21 - _R) / 252),
        ((5 + _R) / 48, 0.0, (9 + _R) / 36, (-231 + 14 * _R) / 360, (63 - 7 * _R) / 80),
        ((10 - _R) / 42, 0.0, (-432 + 92 * _R) / 315, (633 - 145 * _R) / 90, (-504 + 115 * _R) / 70, (63 - 13 * _R) / 35),
        (1 / 14, 0.0, 0.0, 0.0, (14 - 3 * _R) / 126, (13 - 3 * _R) / 63, 1 / 9),
        (1 / 32, 0.0, 0.0, 0.0, (91 - 21 * _R) / 576, 11 / 72, (-385 - 75 * _R) / 1152, (63 + 13 * _R) / 128),
        (
            1 / 14, 0.0, 0.0, 0.0, 1 / 9, (-733 - 147 * _R) / 2205, (515 + 111 * _R) / 504, (-51 - 11 * _R) / 56,
            (132 + 28 * _R) / 245,
        ),
        (
            0.0, 0.0, 0.0, 0.0, (-42 + 7 * _R) / 18, (-18 + 28 * _R) / 45, (-273 - 53 * _R) / 72, (301 + 53 * _R) / 72,
            (28 - 28 * _R) / 45, (49 - 7 * _R) / 18,
        ),
    ),
    (1 / 20, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 49 / 180, 16 / 45, 49 / 180, 1 / 20),
)  # fmt: skip
"""Of order 8 (Cooper and Verner, SIAM J. Numer. Anal. 9, 389): eleven stages, which stand at five places."""

TABLEAUS = {5: CASH_KARP, 8: COOPER_VERNER}


# -------------------------------------------------------------------- equations of motion


class StepConstants(NamedTuple):
    """What a step needs besides its fields.

    Its length [m], curvature of the reference and what of the field that is [1/m], ``(m c / P0)^2``, by how much less time than
    along a straight line the reference takes over the length, and the fields.
    """

    step: Any
    g: Any
    design: Any
    mass2: Any
    slack: Any
    fields: tuple[Any, ...]


class Slope(NamedTuple):
    """Derivatives of the coordinates by s."""

    x: Any
    px: Any
    y: Any
    py: Any
    z: Any
    pz: Any


def lateness(c: StepConstants, q: Coordinates, momentum: Any, forward: Any, energy: Any, xp: Any) -> Any:
    """Return how much longer than the reference's a particle's time is, over the length, times ``p_s``.

    ``(1 + g x) E - E0 p_s``, without differences of nearly equal numbers.
    """
    energy0 = xp.sqrt(1 + 0.0 * momentum + c.mass2)
    transverse2 = q.px * q.px + q.py * q.py
    both = momentum + energy0 * energy
    slower = transverse2 / (momentum + forward) + c.mass2 * (1 + (momentum * momentum + 1 + c.mass2) / both)
    gained = q.pz * (2 + q.pz) * slower / ((energy + energy0) * (1 + forward))
    return energy0 * transverse2 / (1 + forward) - gained + c.g * q.x * energy + c.slack * forward


def bending(c: StepConstants, q: Coordinates, forward: Any) -> Any:
    """Return the derivative of `px` by the curvature and the design field: ``g p_s - (1 + g x) design``."""
    less = (q.px * q.px + q.py * q.py - q.pz * (2 + q.pz)) / (1 + forward)  # 1 - p_s
    return (c.g - c.design) * forward - c.design * (less + c.g * q.x)


def magnetic(c: StepConstants, local: Any, q: Coordinates, xp: Any) -> Slope:
    """Return the derivatives in a magnetic field."""
    momentum = 1 + q.pz
    forward = root(momentum * momentum - q.px * q.px - q.py * q.py, xp)
    longer = (1 + c.g * q.x) / forward
    bx, by, bs = value(local, q, xp)  # type: ignore[name-defined]  # noqa: F821 - bound by :func:`stepper`
    energy = xp.sqrt(momentum * momentum + c.mass2)
    return Slope(
        q.px * longer,
        longer * (q.py * bs - forward * by) + bending(c, q, forward),
        q.py * longer,
        longer * (forward * bx - q.px * bs),
        lateness(c, q, momentum, forward, energy, xp) / forward,
        0.0 * q.pz,
    )


def electromagnetic(c: StepConstants, local: Any, q: Coordinates, xp: Any) -> Slope:
    """Return the derivatives in an electric and a magnetic field."""
    momentum = 1 + q.pz
    forward = root(momentum * momentum - q.px * q.px - q.py * q.py, xp)
    longer = (1 + c.g * q.x) / forward
    ex, ey, es, bx, by, bs = value(local, q, xp)  # type: ignore[name-defined]  # noqa: F821 - bound by :func:`stepper`
    energy = xp.sqrt(momentum * momentum + c.mass2)
    time = longer * energy
    return Slope(
        q.px * longer,
        longer * (q.py * bs - forward * by) + bending(c, q, forward) + ex * time,
        q.py * longer,
        longer * (forward * bx - q.px * bs) + ey * time,
        lateness(c, q, momentum, forward, energy, xp) / forward,
        (ex * q.px + ey * q.py + es * forward) * time / momentum,
    )


@cache
def stepper(field: Field, order: int) -> Any:
    """Return the `track` function of a step in a field: the formula, written out."""
    rate: Any = electromagnetic if field.electric else magnetic
    slope = FunctionType(rate.__code__, {**rate.__globals__, "value": field.value}, rate.__name__)
    tableau = TABLEAUS[order]
    places = sorted(set(tableau.nodes)) if field.varies else [0.0]
    lines = ["def step(c, q, xp):"]
    for i, (node, row) in enumerate(zip(tableau.nodes, tableau.rows, strict=True)):
        lines.append(f"    q{i} = {_moved(row)}" if row else f"    q{i} = q")
        lines.append(f"    k{i} = slope(c, c.fields[{places.index(node) if field.varies else 0}], q{i}, xp)")
    lines.append(f"    return {_moved(tableau.weights)}")
    namespace: dict[str, Any] = {"Coordinates": Coordinates, "slope": slope}
    exec(compile("\n".join(lines), f"<Runge-Kutta of order {order}>", "exec"), namespace)
    return namespace["step"]


def _moved(weights: Sequence[float]) -> str:
    """Return the source of coordinates moved by weighted derivatives."""
    parts = []
    for name in Coordinates._fields:
        terms = " + ".join(f"{weight!r} * k{i}.{name}" for i, weight in enumerate(weights) if weight)
        parts.append(f"q.{name} + c.step * ({terms})")
    return f"Coordinates({', '.join(parts)})"


# -------------------------------------------------------------------- steps


class Mass(NamedTuple):
    """``(m c / P0)^2``."""

    mass2: Any


def to_time(c: Mass, q: Coordinates, xp: Any) -> Coordinates:
    """Put in place of z by how much a particle is late."""
    momentum = 1 + q.pz
    return q._replace(z=-q.z * xp.sqrt(momentum * momentum + c.mass2) / momentum)


def from_time(c: Mass, q: Coordinates, xp: Any) -> Coordinates:
    """Put z back."""
    momentum = 1 + q.pz
    return q._replace(z=-q.z * momentum / xp.sqrt(momentum * momentum + c.mass2))


def _mass(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Mass:
    return Mass(drift.mass2(reference_out))


TO_TIME, FROM_TIME = (Routine(track=track, prepare=_mass) for track in (to_time, from_time))


def part(field: Field, order: int, number: int, index: int, *, astray: bool) -> Routine:
    """Return a step of so many, counted from zero."""
    nodes = sorted(set(TABLEAUS[order].nodes)) if field.varies else [0.0]
    places = [(index + node) / number for node in nodes]

    def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> StepConstants:
        local = tuple(field.at(element, place, reference_out, xp) for place in places)
        mass2 = drift.mass2(reference_out)
        slack = xp.sqrt(1 + mass2) - (reference_out.t - reference_in.t) * C_LIGHT / element.length if astray else 0.0
        design = element.g if field.follows_design else 0.0
        return StepConstants(element.length / number, element.g, design, mass2, slack, local)

    return Routine(track=stepper(field, order), prepare=prepare)


def body(
    field: Field, order: int, number: int, entrance: Chain = (), exit: Chain = (), *, astray: bool = False
) -> Sequence[Step]:
    """Return the steps through a field, between its edges.

    Parameters
    ----------
    field : Field
    order, number : int
        Of the formula, and of steps.
    entrance, exit : tuple of Routine
    astray : bool
        Whether the reference leaves the straight line, or changes its speed, so that it takes a time of its own.
    """
    first = part(field, order, number, 0, astray=astray)
    parts = [part(field, order, number, i, astray=astray) if field.varies and i else first for i in range(number)]
    before, after = (*entrance, TO_TIME), (FROM_TIME, *exit)
    if number == 1:
        return (Step((*before, first, *after)),)
    middle = Step((first,))
    inner = [Step((routine,)) if field.varies else middle for routine in parts[1:-1]]
    return (Step((*before, first)), *inner, Step((parts[-1], *after)))


class Potential(NamedTuple):
    """Sign, and the field at the end."""

    sign: Any
    field: Any


@cache
def canonical(field: Field) -> tuple[Chain, Chain]:
    """Return what goes from canonical momenta to the others where a field begins, and back where it ends."""
    if field.potential is None:
        return (), ()

    def shift(c: Potential, q: Coordinates, xp: Any) -> Coordinates:
        ax, ay = potential(c.field, q, xp)  # type: ignore[name-defined]  # noqa: F821 - bound below
        return q._replace(px=q.px + c.sign * ax, py=q.py + c.sign * ay)

    track = FunctionType(shift.__code__, {**globals(), "potential": field.potential}, "shift")

    def end(sign: float, place: float) -> Routine:
        def prepare(element: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Potential:
            return Potential(sign, field.at(element, place, reference_out, xp))

        return Routine(track=track, prepare=prepare)

    return (end(-1.0, 0.0),), (end(1.0, 1.0),)


def count(element: Any, method: RungeKutta, reference: Reference | None) -> int:
    """Return the number of steps."""
    if method.num_steps is not None:
        return number_of_steps(element, method, reference)
    length = abs(steps.number(element.length))
    if method.ds_step is not None:
        return max(1, steps.nearest(length / method.ds_step))
    return max(LEAST, ceil(length / STEP * (1 - 1e-9)))


def late(element: Any, field: Field, chosen: RungeKutta, number: int, reference: Reference, xp: Any) -> Any:
    """Return how much later than the reference a particle comes that goes in on the axis, times the speed of light [m]."""
    undisturbed = reference.drifted(element.length)
    q = Coordinates(*(0.0,) * 6)
    for step in body(field, chosen.order, number):
        for routine in step.routines:
            q = q if routine is FROM_TIME else routine.track(routine.constants(element, reference, undisturbed, xp), q, xp)
    return q.z


Edges = Callable[[Any], tuple[Chain, Chain]]


def method(
    field_of: Callable[[Any], Field],
    edges: Edges | None = None,
    *,
    switched_off: Any = drift.switched_off,
    thin: Any = lambda element: (),
    count: Any = count,
    reference: Any = None,
) -> Composite:
    """Return the method of a kind.

    Parameters
    ----------
    field_of : callable
        ``element -> Field``.
    edges : callable, optional
        ``element -> (entrance, exit)``: what happens where the field begins and ends.
    switched_off : callable
        The steps of an element without field.
    thin : callable
        Those of an element without length.
    count, reference : callable, optional
        As in :class:`Composite`; a reference of its own have kinds in which it takes another time than along a straight line.
    """
    astray = reference is not None

    def through(element: Any, method: RungeKutta, number: int) -> Sequence[Step]:
        if not element.is_on:
            return switched_off(element)  # type: ignore[no-any-return]
        if is_zero(element.length):
            return thin(element)  # type: ignore[no-any-return]
        if element.field_maps:  # which have edges of their own
            field = maps.field_of(element)
            return body(field, method.order, number, *canonical(field), astray=astray)
        return body(field_of(element), method.order, number, *(edges(element) if edges else ()), astray=astray)

    return Composite(through, count, reference=reference)
