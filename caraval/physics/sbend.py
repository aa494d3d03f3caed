"""Dipole bends, sector and rectangular."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, pi
from typing import Any, ClassVar, Literal, NamedTuple

from caraval.core import scalar
from caraval.core.arrays import is_number, is_zero, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element, End
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.maps import LinearMap
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step, UnknownValueError
from caraval.core.schema import Parameter

from . import drift
from .shared import curved_electric, curvilinear, electric, steps
from .shared.dipole.body import WEAK, arc_part, backwards_part, combined_part, either_part, free_part, sector_part
from .shared.dipole.edge import edge_matrix, edges
from .shared.dipole.symplectic_edge import SYMPLECTIC_MODELS
from .shared.electric import ElectricMagnet
from .shared.fields import magnet_field, runge_kutta
from .shared.integrator import Chain, ChainShare, Share, body_kick_body, kick_body_kick, number_of_steps
from .shared.multipoles import field, integrated, orders
from .shared.special import quotient, stumpff


class SBend(ElectricMagnet):
    """A dipole that bends the reference trajectory (Bmad manual, "Bends: Rbend and Sbend").

    Attributes
    ----------
    angle : Parameter
        Bending angle [rad], positive towards -x. Or give ``g`` [1/m] or ``rho`` [m]; then ``angle = g length``.
    b_field : Parameter, optional
        Field [T], instead.
    dg : Parameter
        Field beyond that of the design [1/m]; `db_field` [T] instead.
    e1, e2 : Parameter
        Face angles [rad], zero for a sector.
    fint, hgap, fintx, hgapx : Parameter
        Field integral and half gap [m] at the entrance; at the exit the same, unless `fintx`, `hgapx` are given.
    k1, k2 : Parameter
        Quadrupole [1/m^2] and sextupole [1/m^3]; `b1_gradient` [T/m], `b2_gradient` [T/m^2] instead.
    ref_tilt : Parameter
        Rotation of the plane of the design bend [rad].
    roll : Parameter
        Rotation of the magnet about its chord [rad], an error.
    fringe_type, fringe_at
        Model of the edges, and where they are.
    exact_multipoles
        Whether `bmad_standard` has multipoles as they are in a bend, pure on the midplane or off it; ``"off"``: straight
        ones, and the gradient in the paraxial body.
    met_backwards
        Of what :meth:`turned` makes of a reversed bend: `bmad_standard` has two defects there, which are reproduced.
    curvature : Parameter, optional
        Of what :meth:`at` makes of `b_field` [1/m], where the length may be zero: there the angle does not say it.
    """

    angle: Parameter = 0.0
    b_field: Parameter | None = None
    dg: Parameter = 0.0
    db_field: Parameter | None = None
    e1: Parameter = 0.0
    e2: Parameter = 0.0
    fint: Parameter = 0.0
    hgap: Parameter = 0.0
    fintx: Parameter | None = None
    hgapx: Parameter | None = None
    k1: Parameter = 0.0
    b1_gradient: Parameter | None = None
    k2: Parameter = 0.0
    b2_gradient: Parameter | None = None
    ref_tilt: Parameter = 0.0
    roll: Parameter = 0.0
    fringe_type: Literal["basic_bend", "none", "full", "hard_edge_only", "soft_edge_only", "linear_edge", "sad_full"] = (
        "basic_bend"
    )
    fringe_at: End = "both_ends"
    exact_multipoles: Literal["off", "horizontally_pure", "vertically_pure"] = "off"
    met_backwards: bool = False
    curvature: Parameter | None = None
    tilt: ClassVar[float] = 0.0  # type: ignore[misc]

    shorthands = {  # noqa: RUF012
        **ElectricMagnet.shorthands,
        "g": lambda values: {"angle": values["g"] * values["length"]},
        "rho": lambda values: {"angle": values["length"] / values["rho"]},
    }
    extensive = (*ElectricMagnet.extensive, "angle")
    odd = (*ElectricMagnet.odd, "k1", "b1_gradient", "k2", "b2_gradient")
    fields = {**ElectricMagnet.fields, "dg": "db_field", "k1": "b1_gradient", "k2": "b2_gradient"}  # noqa: RUF012

    @property
    def g(self) -> Any:
        """Curvature of the reference trajectory [1/m]."""
        if self.curvature is not None:
            return self.curvature
        return quotient(self.angle, self.length, namespace(self.angle, self.length))

    @property
    def plane(self) -> Any:
        """Angle [rad] by which the plane of the design bend is turned."""
        return self.ref_tilt

    @property
    def chord_roll(self) -> Any:
        """Rotation about the chord [rad]."""
        return self.roll

    def is_bent(self) -> bool:
        """Whether the reference trajectory may bend inside."""
        return not (is_zero(self.angle) and is_zero(self.b_field))

    def validate(self) -> None:
        """Check that no strength is given twice, and that there is a length to bend along."""
        super().validate()
        if self.b_field is not None and not is_zero(self.angle):
            raise InputError(f"{self.label}: angle and b_field say the same; give one")
        if is_zero(self.length) and is_number(self.angle) and self.angle != 0:
            raise InputError(f"{self.label}: angle is {self.angle} and length is zero; a bend needs a length")

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the bend with normalised strengths in place of fields."""
        bend = super().at(reference, xp)
        if self.b_field is None:
            return bend
        g = self.b_field / reference.rigidity
        known = is_number(self.length) and self.length != 0
        return bend.with_values({"angle": g * self.length, "b_field": None, "curvature": None if known else g})

    def is_main_odd(self) -> bool:
        """Whether multipoles change sign with the field that they are relative to."""
        return True

    def turned(self) -> Element:
        """Return what a reversed bend is to the particles: the same reference arc, faces swapped, in the opposite field."""
        if self.orientation == 1:
            return self
        faces: dict[str, Any] = {"e1": self.e2, "e2": self.e1, "met_backwards": not self.met_backwards}
        for first, second in (("fint", "fintx"), ("hgap", "hgapx")):
            given = getattr(self, second)
            faces |= {first: getattr(self, first) if given is None else given, second: getattr(self, first)}
        if self.b_field is None:
            field = {"dg": -(2 * self.g + self.dg), "db_field": None if self.db_field is None else -self.db_field}
        else:
            field = {"db_field": -(2 * self.b_field + (self.db_field or 0.0))}
        return super().turned().with_values({**faces, **field})

    def main_strength(self, xp: Any) -> tuple[Any, int]:
        """Return the integrated dipole strength, and the dipole's order."""
        return self.angle + self.dg * self.length, 0

    def strengths(self, xp: Any) -> dict[int, tuple[Any, Any]]:
        """Return all integrated multipoles beyond the design field."""
        found = integrated(self, xp)
        for order, strength in ((0, self.dg), (1, self.k1), (2, self.k2 / 2)):
            if not is_zero(strength):
                a, b = found.get(order, (0.0, 0.0))
                found[order] = (a, b + strength * self.length)
        return found

    def is_plain(self) -> bool:
        """Whether the field is that of the design, with at most a quadrupole, and edges as the matrix has them."""
        given = (self.dg, self.b_field, self.db_field, self.b1_gradient)
        return super().is_plain() and all(map(is_zero, given)) and self.fringe_type in _MATRIX_EDGES


_MATRIX_EDGES = ("none", "basic_bend", "hard_edge_only", "linear_edge")


def RBend(**parameters: Any) -> SBend:
    """Return a rectangular bend: an :class:`SBend` whose `e1`, `e2` count from parallel faces.

    `length` is the arc, not the chord.
    """
    bend = SBend(**parameters)
    half = bend.angle / 2
    return bend.replace(e1=bend.e1 + half, e2=bend.e2 + half)  # type: ignore[return-value]


# -------------------------------------------------------------------- kicks


class BendKick(NamedTuple):
    """Integrated strengths by order, from zero on, and the design curvature [1/m]."""

    b: tuple[Any, ...]
    a: tuple[Any, ...]
    g: Any


def bend_kick(c: BendKick, q: Coordinates, xp: Any) -> Coordinates:
    """Kick by multipoles, longer on the outside of the bend."""
    real, imaginary = field(c, q)
    stretch = 1 + c.g * q.x
    return q._replace(px=q.px - stretch * real, py=q.py + stretch * imaginary)


def _undo_bend_kick(c: BendKick) -> BendKick:
    return BendKick(tuple(-b for b in c.b), tuple(-a for a in c.a), c.g)


def _undo_curved_kick(c: Any) -> Any:
    return type(c)(*(tuple(tuple(-v for v in row) for row in part) for part in c))


def _bend_kicks(bend: SBend, in_body: tuple[int, ...], *, maxwell: bool = False, design: bool = False) -> Share | None:
    """Return what makes a share of the kicks; the normal multipoles of the orders `in_body` are no kicks.

    Bmad stretches straight multipoles by ``1 + g x``; `maxwell` asks for those that belong in a bend. With `design`, the field
    of the design is among the kicks.
    """
    skew, normal = _kicking(bend, in_body)
    if design:
        normal.add(0)
    those = sorted(skew | normal)
    if not those:
        return None
    size, has_skew = max(those) + 1, bool(skew)

    def strengths(bend: SBend, weight: float, xp: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        found = bend.strengths(xp)
        pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
        if design:
            pairs[0] = pairs[0][0], pairs[0][1] + bend.angle
        elif maxwell and bend.met_backwards:  # its error alone, without what makes the opposite of the design
            pairs[0] = pairs[0][0], pairs[0][1] + 2 * bend.angle
        normal = tuple(0.0 if n in in_body else b * weight for n, (_, b) in enumerate(pairs))
        return normal, tuple(a * weight for a, _ in pairs)

    def share(weight: float) -> Routine:
        def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
            normal, skew = strengths(bend, weight, xp)
            if not maxwell:
                return BendKick(normal, skew, bend.g)
            vertical = bend.exact_multipoles == "vertically_pure"
            return curvilinear.constants(normal, skew, bend.g, skew=has_skew, vertical=vertical)

        track: Any = bend_kick
        if maxwell:
            track = curvilinear.curved_kick if has_skew else curvilinear.normal_kick
        return Routine(track=track, prepare=prepare, undo=_undo_curved_kick if maxwell else _undo_bend_kick)

    return share


def _kicking(bend: SBend, in_body: tuple[int, ...]) -> tuple[set[int], set[int]]:
    """Return the orders of skew and of normal multipoles that kick: all that are there, but the normal ones `in_body`."""
    skew = {n for n in orders(bend) if bend.multipoles_on and not is_zero(getattr(bend, f"a{n}"))}
    if not all(map(is_zero, (bend.hkick, bend.vkick, bend.bl_hkick, bend.bl_vkick))):
        skew.add(0)
    normal = set(orders(bend))
    for order, given in enumerate(((bend.dg, bend.db_field), (bend.k1, bend.b1_gradient), (bend.k2, bend.b2_gradient))):
        if not all(map(is_zero, given)):
            normal.add(order)
    return skew, normal - set(in_body)


# -------------------------------------------------------------------- methods

TURN = 1.0
"""Largest angle [rad] of one arc of a field that does not follow the design: well within a right angle."""


def _in_arcs(part: Share, bend: SBend) -> ChainShare:
    """Return what makes a share of the body as several arcs one after the other, where it turns by much.

    An angle that is not known beforehand may be up to a full turn.
    """
    try:
        angle = abs(steps.number(bend.angle)) if bend.b_field is None else FULL_TURN
    except UnknownValueError:  # hidden by a trace
        angle = FULL_TURN

    def share(weight: float) -> Chain:
        number = max(1, ceil(angle * abs(weight) / TURN))
        return (part(weight / number),) * number

    return share


FULL_TURN = 2 * pi


def _switched_off(bend: SBend) -> Sequence[Step]:
    """Return the way of a bend without field, along its curved reference."""
    return (Step(_in_arcs(free_part, bend)(1.0)),)


def _body(bend: SBend) -> Share | ChainShare:
    """Return the exact body: along the design, or in a field that does not follow it."""
    return sector_part if _follows_design(bend) else _in_arcs(arc_part, bend)


def count(bend: SBend, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps."""
    given = steps.given(method, bend.length)
    if given or is_zero(bend.length):
        return given or 1
    plain = electric.normalised(steps.plain(steps.normalised(bend, reference)), reference)
    found = plain.strengths(scalar)
    dipole_, gradient, main = (steps.magnitude(n, *found.get(n, (0.0, 0.0))) for n in range(3))
    electric_curvature, electric_gradient = electric.step_terms(plain)
    curvature = dipole_ / plain.length + max(abs(plain.g), abs(plain.g + plain.dg)) + electric_curvature
    gradient = gradient + (plain.r0_mag or steps.REFERENCE_RADIUS) * main + plain.length * curvature**2
    return steps.by_strength(plain.length, curvature, gradient + electric_gradient)


def stepped(bend: SBend) -> bool:
    """Whether anything kicks, so that the number of steps matters."""
    return any(_kicking(bend, (0, 1) if bend.exact_multipoles == "off" else ())) or bool(electric.orders(bend))


def _gradient_is(bend: SBend) -> str:
    """Say whether a gradient is known to be there ("strong"), known to be negligible ("none"), or not known ("open")."""
    if is_zero(bend.b1_gradient) and is_number(bend.k1) and (is_zero(bend.b1) or not bend.multipoles_on):
        if is_number(bend.length):
            return "strong" if abs(bend.k1 * bend.length) >= WEAK else "none"
        return "none" if bend.k1 == 0 else "strong"
    return "open"


def bmad_standard(bend: SBend, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Bmad's steps: edge, half kick, slices of body with kicks between, half kick, edge."""
    if not bend.is_on:
        return _switched_off(bend)
    exact = bend.exact_multipoles != "off" and bend.is_bent()
    gradient = "none" if exact else _gradient_is(bend)
    in_body: tuple[int, ...] = (0,) if gradient == "none" else (0, 1)
    if exact:  # a dipole error then acts in the body and once more in the kicks, as in Bmad
        in_body = ()
    if is_zero(bend.length):
        kick = _bend_kicks(bend, ())
        return kick_body_kick(sector_part, kick, 1, *edges(bend), thin=True)
    body = _body(bend) if gradient == "none" else _gradient_body(bend, gradient)
    model = curved_electric.EXACT if exact else electric.BENT
    kicks = electric.with_electric(_bend_kicks(bend, in_body, maxwell=exact), bend, model)
    return kick_body_kick(body, kicks, number, *electric.with_edges(bend, edges(bend), model))


def _gradient_body(bend: SBend, gradient: str) -> Share | ChainShare:
    if bend.met_backwards:
        return backwards_part
    return combined_part if gradient == "strong" else _in_arcs(either_part, bend)


def _follows_design(bend: SBend) -> bool:
    """Whether the field on the axis is that of the design."""
    normal_dipole = not is_zero(bend.b0) and bend.multipoles_on
    extra = (bend.dg, bend.db_field, bend.hkick, bend.vkick, bend.bl_hkick, bend.bl_vkick)
    return all(map(is_zero, extra)) and not normal_dipole


def kick_drift_kick(bend: SBend, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Exact slices of dipole, and kicks of all other multipoles; exact edges in place of second-order ones.

    That is what PTC does with split "drift" and "matrix". Along a straight reference, and with "free", the dipole, too, is a
    kick between drifts, which follow the curve of the design (Forest, Reusch, Bruhwiler, Amiry, Part. Accel. 45, 65); a step
    must then turn by less than a right angle.
    """
    if not bend.is_on:
        return _switched_off(bend)
    electric.refuse(bend, method.name)
    entrance, exit = edges(bend, SYMPLECTIC_MODELS)
    if is_zero(bend.length):
        return kick_body_kick(drift.part, _bend_kicks(bend, ()), 1, entrance, exit, thin=True)
    if not bend.is_bent():
        return body_kick_body(drift.part, _bend_kicks(bend, ()), number, method.order, entrance, exit)
    if method.split == "free":
        body: Share | ChainShare = _in_arcs(free_part, bend)
        kick = _bend_kicks(bend, (), maxwell=True, design=True)
    else:
        body = _body(bend)
        kick = _bend_kicks(bend, (0,), maxwell=True)
    return body_kick_body(body, kick, number, method.order, entrance, exit)


def linear(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> LinearMap:
    """Return the matrix of a plain bend with its edges."""
    length, g, k1 = bend.length, bend.g, bend.k1
    focusing = k1 + g * g
    cx, sx, versine, lag = stumpff(focusing * length * length)
    cy, sy, _, _ = stumpff(-k1 * length * length)
    sx, sy = sx * length, sy * length
    gamma2 = 1 + 1 / drift.mass2(reference_in)
    body = LinearMap.from_blocks(
        x=[[cx, sx], [-focusing * sx, cx]],
        y=[[cy, sy], [k1 * sy, cy]],
        z=[[1.0, length / gamma2 - g * g * lag * length**3], [0.0, 1.0]],
        dispersion=(g * versine * length * length, g * sx, 0.0, 0.0),
    )
    before, after = (edge_matrix(bend, side, xp) for side in (+1, -1))
    if bend.fringe_at in ("entrance_end", "both_ends") and before is not None:
        body = before.then(body)
    if bend.fringe_at in ("exit_end", "both_ends") and after is not None:
        body = body.then(after)
    return body


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's bodies and edges, the symplectic splitting, and the matrix."""
    return {
        (SBend, "bmad_standard"): Composite(bmad_standard, count, stepped),
        (SBend, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
        (SBend, "runge_kutta"): runge_kutta.method(magnet_field.of, edges, switched_off=_switched_off),
        (SBend, "linear"): linear,
    }
