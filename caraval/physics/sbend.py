"""Dipole bends, sector and rectangular."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, pi
from typing import Any, ClassVar, Literal, NamedTuple

from caraval.core import scalar
from caraval.core.arrays import is_number, is_zero, namespace
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element, End, Parameter
from caraval.core.errors import InputError
from caraval.core.hookspecs import hookimpl
from caraval.core.loss import BEYOND
from caraval.core.maps import LinearMap
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step, Unknown

from . import curvilinear, drift, fringes, steps
from .integrator import Share, body_kick_body, kick_body_kick
from .multipoles import Magnet, changed, field, integrated, orders
from .special import arcsine_ratio, paraxial_lag, path_lag, quotient, root, stumpff


class SBend(Magnet):
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
    tilt: ClassVar[float] = 0.0  # type: ignore[misc]

    shorthands = {  # noqa: RUF012
        **Magnet.shorthands,
        "g": lambda values: {"angle": values["g"] * values["length"]},
        "rho": lambda values: {"angle": values["length"] / values["rho"]},
    }
    extensive = (*Magnet.extensive, "angle")
    fields = {**Magnet.fields, "dg": "db_field", "k1": "b1_gradient", "k2": "b2_gradient"}  # noqa: RUF012

    @property
    def g(self) -> Any:
        """Curvature of the reference trajectory [1/m]."""
        return quotient(self.angle, self.length, namespace(self.angle, self.length))

    def design(self) -> tuple[Any, Any, Any]:
        """Return curvature, tilt and roll; of a bend given by its field, the field stands for the curvature until it is known."""
        return self.g if self.b_field is None else self.b_field, self.ref_tilt, self.roll

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
        return changed(bend, {"angle": self.b_field / reference.rigidity * self.length, "b_field": None})

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


# -------------------------------------------------------------------- bodies


class SectorConstants(NamedTuple):
    """Length [m], curvature [1/m], sine and cosine of the angle, ``sine / g``, ``(1 - cosine) / g`` [m], ``(m c / P0)^2``."""

    length: Any
    g: Any
    sine: Any
    cosine: Any
    straight: Any
    sagitta: Any
    mass2: Any


def sector(c: SectorConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Bend in a field that follows the design curvature, exactly (Forest, "Beam Dynamics", 12.2).

    Written in differences from the reference trajectory, so that nothing is divided by the curvature.
    """
    px, py, pz = q.px, q.py, q.pz
    momentum = 1 + pz
    in_plane2 = momentum * momentum - py * py
    ps = root(in_plane2 - px * px, xp)
    excess = (pz * (2 + pz) - px * px - py * py) / (ps + 1)  # ps - 1
    turned = px * c.sagitta - (excess - c.g * q.x) * c.straight  # (px - px_out) / g
    px_out = px - c.g * turned
    left = in_plane2 - px_out * px_out
    gained = turned * (px + px_out) / (root(left, xp) + ps)  # (ps_out - ps) / g
    x = q.x * c.cosine + gained + excess * c.sagitta + px * c.straight
    sine = (px * gained + turned * ps) / in_plane2
    detour = sine * arcsine_ratio((c.g * sine) * (c.g * sine), xp)  # path over in-plane momentum, minus the length
    return Coordinates(
        xp.where(left > 0, x, BEYOND),
        px_out,
        q.y + py * (c.length + detour),
        py,
        q.z + path_lag(pz, momentum, c.mass2, c.length, xp) - c.length * pz - momentum * detour,
        pz,
    )


class BendConstants(NamedTuple):
    """As :class:`SectorConstants`, for a `field` [1/m] that need not follow the design curvature."""

    length: Any
    field: Any
    sine: Any
    cosine: Any
    straight: Any
    sagitta: Any
    mass2: Any


def uniform(c: BendConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Move in a uniform field while the frame turns by an angle about a centre of its own (Bmad manual, "Bend Tracking").

    The chord of the particle's arc runs from ``(x, 0)``, seen in the turned frame, by `reach` forward and `across` sideways.
    With length zero this is a wedge of field, and without field a rotation of the frame.
    """
    px, py = q.px, q.py
    momentum = 1 + q.pz
    in_plane2 = momentum * momentum - py * py
    ps = root(in_plane2 - px * px, xp)
    reach = q.x * c.sine + c.straight
    px_seen = px * c.cosine + ps * c.sine
    ps_seen = ps * c.cosine - px * c.sine
    px_out = px_seen - c.field * reach
    left = in_plane2 - px_out * px_out
    ps_out = root(left, xp)
    ahead = ps_seen > 0  # else the frame turned by more than a right angle, and there must be a field
    slope = xp.where(ahead, px_seen + px_out, 0.0 * px) / xp.where(ahead, ps_seen + ps_out, 1.0)
    field = xp.where(c.field == 0, 1.0, c.field)
    across = xp.where(ahead, reach * slope, (ps_out - ps_seen) / field)
    chord = xp.where(ahead, reach * xp.sqrt(1 + slope * slope), xp.sqrt(xp.where(ahead, 1.0, reach * reach + across * across)))
    half_sine2 = c.field * c.field * chord * chord / (4 * in_plane2)
    path = chord * arcsine_ratio(xp.where(left > 0, half_sine2, 0.0), xp) / root(in_plane2, xp)
    return Coordinates(
        xp.where(left > 0, q.x * c.cosine - c.sagitta + across, BEYOND),
        px_out,
        q.y + py * path,
        py,
        q.z + path_lag(q.pz, momentum, c.mass2, c.length, xp) + (c.length - momentum * path),
        q.pz,
    )


class CombinedConstants(NamedTuple):
    """Length [m], design curvature and field [1/m], gradient [1/m^2], ``(m c / P0)^2``."""

    length: Any
    g: Any
    field: Any
    k1: Any
    mass2: Any


def combined(c: CombinedConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Solve the paraxial Hamiltonian of a bend with a gradient (Bmad manual, "Bend Tracking", combined function).

    Bmad's closed form about the dispersive orbit, expanded so that nothing is divided by the focusing strength.
    """
    length = c.length
    momentum = 1 + q.pz
    i = 1 / momentum
    focusing = c.k1 + c.g * c.field
    push = c.g * momentum - c.field
    cx, sx, versine, lag = stumpff(focusing * i * (length * length))
    sx, versine, lag = sx * length, versine * (length * length), lag * (length * length * length)
    cy, sy, _, _ = stumpff(-c.k1 * i * (length * length))
    sy = sy * length
    u, v = q.px * i, q.py * i
    bow = (versine * length + cx * lag) * i  # (length - cx sx) / focusing
    centre = focusing * q.x - push  # focusing times the distance from the dispersive orbit
    x = cx * q.x + sx * u + push * versine * i
    px = cx * q.px - sx * centre
    z = (
        q.z
        - c.g * (sx * q.x + versine * u + push * lag * i)
        - 0.25 * i * bow * centre * centre
        + 0.5 * i * sx * sx * centre * u
        - 0.25 * (length + cx * sx) * u * u
        + 0.25 * c.k1 * i * (length - cy * sy) * q.y * q.y
        - 0.5 * c.k1 * i * sy * sy * q.y * v
        - 0.25 * (length + cy * sy) * v * v
        + paraxial_lag(q.pz, momentum, c.mass2, length, xp)
    )
    return Coordinates(x, px, cy * q.y + sy * v, cy * q.py + c.k1 * sy * q.y, z, q.pz)


class EitherConstants(NamedTuple):
    """Those of both bodies, and of the paraxial one without gradient."""

    uniform: BendConstants
    combined: CombinedConstants
    flat: CombinedConstants


WEAK = 1e-10
"""Integrated gradient [1/m] below which Bmad takes the exact body and kicks."""


def either(c: EitherConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Bend with a gradient whose value is not known beforehand: paraxial, but exact where there is none, as Bmad is.

    The difference of the two at zero gradient is added there, so that derivatives by the gradient are right, too.
    """
    out = combined(c.combined, q, xp)
    exact = uniform(c.uniform, q, xp)
    paraxial = combined(c.flat, q, xp)
    weak = xp.abs(c.combined.k1 * c.combined.length) < WEAK
    return Coordinates(*(xp.where(weak, o + (e - p), o) for o, e, p in zip(out, exact, paraxial)))  # noqa: B905 - Numba


# -------------------------------------------------------------------- their constants


def _uniform_constants(length: Any, angle: Any, strength: Any, reference: Reference, xp: Any) -> BendConstants:
    _, straight, sagitta, _ = stumpff(angle * angle)
    return BendConstants(
        length, strength, xp.sin(angle), xp.cos(angle), length * straight, length * angle * sagitta, drift.mass2(reference)
    )


def _sector_part(share: float) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> SectorConstants:
        c = _uniform_constants(bend.length * share, bend.angle * share, bend.g, reference_in, xp)
        return SectorConstants(*c)

    return Routine(track=sector, prepare=prepare, undo=_undo_bend)


def _uniform_part(share: float) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> BendConstants:
        return _uniform_constants(bend.length * share, bend.angle * share, dipole(bend, xp), reference_in, xp)

    return Routine(track=uniform, prepare=prepare, undo=_undo_bend)


def _undo_bend(c: Any) -> Any:
    return c._replace(length=-c.length, sine=-c.sine, straight=-c.straight)


def _combined_constants(bend: SBend, share: float, reference: Reference, xp: Any) -> CombinedConstants:
    found = bend.strengths(xp)
    k1 = quotient(found[1][1], bend.length, xp) if 1 in found else 0.0
    return CombinedConstants(bend.length * share, bend.g, dipole(bend, xp), k1, drift.mass2(reference))


def _combined_part(share: float) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> CombinedConstants:
        return _combined_constants(bend, share, reference_in, xp)

    return Routine(track=combined, prepare=prepare, undo=drift.undo_length)


def _either_part(share: float) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> EitherConstants:
        paraxial = _combined_constants(bend, share, reference_in, xp)
        exact = _uniform_constants(bend.length * share, bend.angle * share, dipole(bend, xp), reference_in, xp)
        return EitherConstants(exact, paraxial, paraxial._replace(k1=0.0))

    return Routine(track=either, prepare=prepare)


def dipole(bend: SBend, xp: Any) -> Any:
    """Return the curvature of the field on the axis [1/m]: the design's, and what errors and kicks add."""
    found = bend.strengths(xp)
    if 0 not in found:
        return bend.g
    return bend.g + quotient(found[0][1], bend.length, xp)


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


def _undo_curved_kick(c: curvilinear.CurvedKick) -> curvilinear.CurvedKick:
    return curvilinear.CurvedKick(*(tuple(tuple(-v for v in row) for row in part) for part in c))


def _bend_kicks(those: list[int], in_body: tuple[int, ...], *, maxwell: bool = False) -> Share | None:
    """Return what makes a share of the kicks; the normal multipoles of the orders `in_body` are no kicks.

    Bmad stretches straight multipoles by ``1 + g x``; `maxwell` asks for those that belong in a bend.
    """
    if not those:
        return None
    size = max(those) + 1

    def strengths(bend: SBend, weight: float, xp: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        found = bend.strengths(xp)
        pairs = [found.get(n, (0.0, 0.0)) for n in range(size)]
        normal = tuple(0.0 if n in in_body else b * weight for n, (_, b) in enumerate(pairs))
        return normal, tuple(a * weight for a, _ in pairs)

    def share(weight: float) -> Routine:
        def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
            normal, skew = strengths(bend, weight, xp)
            if not maxwell:
                return BendKick(normal, skew, bend.g)
            return curvilinear.constants(normal, skew, bend.g, vertical=bend.exact_multipoles == "vertically_pure")

        track = curvilinear.curved_kick if maxwell else bend_kick
        return Routine(track=track, prepare=prepare, undo=_undo_curved_kick if maxwell else _undo_bend_kick)

    return share


def _kicking(bend: SBend, in_body: tuple[int, ...]) -> list[int]:
    """Return the orders that kick: all that are there, but normal multipoles `in_body`."""
    skew = {n for n in orders(bend) if bend.multipoles_on and not is_zero(getattr(bend, f"a{n}"))}
    if not all(map(is_zero, (bend.hkick, bend.vkick, bend.bl_hkick, bend.bl_vkick))):
        skew.add(0)
    normal = set(orders(bend))
    for order, given in enumerate(((bend.dg, bend.db_field), (bend.k1, bend.b1_gradient), (bend.k2, bend.b2_gradient))):
        if not all(map(is_zero, given)):
            normal.add(order)
    return sorted(skew | (normal - set(in_body)))


# -------------------------------------------------------------------- edges


def _dipole_edge(side: int) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> fringes.DipoleEdge:
        e, fint, hgap = _face(bend, side)
        if bend.fringe_type != "basic_bend":
            fint = 0.0
        strength = bend.g + bend.dg
        t, cosine = xp.tan(e), xp.cos(e)
        b = strength / (cosine * cosine)
        f = 2 * fint * hgap * b * strength * (1 + xp.sin(e) ** 2) / cosine
        return fringes.DipoleEdge(strength, t, strength * t, strength * t * t, b, bend.k1 * t, f)

    return Routine(track=fringes.entering_dipole if side > 0 else fringes.leaving_dipole, prepare=prepare)


def _linear_edge(side: int) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> fringes.LinearEdge:
        e, fint, hgap = _face(bend, side)
        strength = bend.g + bend.dg
        bent = 2 * fint * hgap * strength * (1 + xp.sin(e) ** 2) / xp.cos(e)
        return fringes.LinearEdge(strength * xp.tan(e), strength * xp.tan(e - bent))

    def undo(c: fringes.LinearEdge) -> fringes.LinearEdge:
        return fringes.LinearEdge(-c.x, -c.y)

    return Routine(track=fringes.linear_edge, prepare=prepare, undo=undo)


def _soft_edge(side: int) -> Routine:
    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> fringes.SoftDipole:
        _, fint, hgap = _face(bend, side)
        extent = 12 * fint * hgap
        strength = side * (bend.g + bend.dg)
        octupole = quotient(2 * strength * strength, 3 * extent, xp)
        return fringes.SoftDipole(extent * extent * strength / 24, extent * strength * strength / 6, octupole)

    return Routine(track=fringes.soft_dipole, prepare=prepare)


def _exact_edge(side: int) -> fringes.Chain:
    """Return rotation to the face, fringe, and wedge back to the sector; in the opposite order on leaving."""

    def turn(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> BendConstants:
        return _uniform_constants(0.0, _face(bend, side)[0], 0.0, reference_in, xp)

    def wedge(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> BendConstants:
        return _uniform_constants(0.0, -_face(bend, side)[0], bend.g + bend.dg, reference_in, xp)

    def fringe(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> fringes.ExactEdge:
        _, fint, hgap = _face(bend, side)
        strength = side * (bend.g + bend.dg)
        return fringes.ExactEdge(strength, 2 * strength * fint * hgap)

    chain = (
        Routine(track=uniform, prepare=turn, undo=_undo_bend),
        Routine(track=fringes.exact_edge, prepare=fringe),
        Routine(track=uniform, prepare=wedge, undo=_undo_bend),
    )
    return chain if side > 0 else chain[::-1]


def _face(bend: SBend, side: int) -> tuple[Any, Any, Any]:
    """Return face angle, field integral and half gap at the entrance (+1) or the exit (-1)."""
    if side > 0:
        return bend.e1, bend.fint, bend.hgap
    fintx = bend.fint if bend.fintx is None else bend.fintx
    return bend.e2, fintx, bend.hgap if bend.hgapx is None else bend.hgapx


def _edge(bend: SBend, side: int) -> fringes.Chain:
    kind = bend.fringe_type
    if kind in ("basic_bend", "hard_edge_only"):
        return (_dipole_edge(side),)
    if kind == "linear_edge":
        return (_linear_edge(side),)
    soft = () if is_zero(_face(bend, side)[1]) or is_zero(_face(bend, side)[2]) else (_soft_edge(side),)
    if kind == "soft_edge_only":
        return soft
    if kind == "sad_full":
        hard = (_dipole_edge(side),)
        return (*soft, *hard) if side > 0 else (*hard, *soft)
    if kind == "full":
        gradient = () if is_zero(bend.k1) and is_zero(bend.b1_gradient) else (fringes.multipole_edge(1, lambda e: e.k1, side),)
        return (*gradient, *_exact_edge(side)) if side > 0 else (*_exact_edge(side), *gradient)
    return ()


def edges(bend: SBend) -> tuple[fringes.Chain, fringes.Chain]:
    """Return the edges where the bend has them (Bmad manual, "Fringe Fields")."""
    return fringes.at_ends(bend, _edge(bend, +1), _edge(bend, -1))


# -------------------------------------------------------------------- methods

TURN = pi
"""Largest angle of one slice of an exact body: beyond it the chord does not tell the arc."""


def count(bend: SBend, method: TrackingMethod, reference: Reference | None) -> int:
    """Return Bmad's number of steps, or where nothing kicks into how many slices a very long bend must be cut."""
    bend = steps.normalised(bend, reference)
    if not _kicking(bend, (0, 1) if bend.exact_multipoles == "off" else ()):
        try:
            return max(1, ceil(abs(steps.number(bend.angle)) / TURN))
        except Unknown:  # hidden by a trace: nobody tunes a bend beyond half a turn
            return 1
    given = steps.given(method, bend.length)
    if given or is_zero(bend.length):
        return given or 1
    plain = steps.plain(bend)
    found = plain.strengths(scalar)
    dipole_, gradient, main = (steps.magnitude(n, *found.get(n, (0.0, 0.0))) for n in range(3))
    curvature = dipole_ / plain.length + max(abs(plain.g), abs(plain.g + plain.dg))
    radius = plain.r0_mag or steps.REFERENCE_RADIUS
    return steps.by_strength(plain.length, curvature, gradient + radius * main + plain.length * curvature**2)


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
        return (Step((_switched_off(),)),)
    exact = bend.exact_multipoles != "off" and not is_zero(bend.design()[0])
    gradient = "none" if exact else _gradient_is(bend)
    in_body: tuple[int, ...] = (0,) if gradient == "none" else (0, 1)
    if exact:  # a dipole error then acts in the body and once more in the kicks, as in Bmad
        in_body = ()
    if is_zero(bend.length):
        kick = _bend_kicks(_kicking(bend, ()), ())
        return kick_body_kick(_sector_part, kick, 1, *edges(bend), thin=True)
    if gradient == "none":
        body = _sector_part if _follows_design(bend) else _uniform_part
    else:
        body = _combined_part if gradient == "strong" else _either_part
    kick = _bend_kicks(_kicking(bend, in_body), in_body, maxwell=exact)
    if kick is None and number > 1:
        entrance, exit = edges(bend)
        whole = (Step((body(1.0 / number),)),) * number
        return (Step(entrance), *whole, Step(exit)) if entrance or exit else whole
    return kick_body_kick(body, kick, number, *edges(bend))


def _follows_design(bend: SBend) -> bool:
    """Whether the field on the axis is that of the design."""
    normal_dipole = not is_zero(bend.b0) and bend.multipoles_on
    extra = (bend.dg, bend.db_field, bend.hkick, bend.vkick, bend.bl_hkick, bend.bl_vkick)
    return all(map(is_zero, extra)) and not normal_dipole


def _switched_off() -> Routine:
    """Return the body of a bend without field, along its curved reference."""

    def prepare(bend: SBend, reference_in: Reference, reference_out: Reference, xp: Any) -> BendConstants:
        return _uniform_constants(bend.length, bend.angle, 0.0, reference_in, xp)

    return Routine(track=uniform, prepare=prepare, undo=_undo_bend)


def kick_drift_kick(bend: SBend, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Exact slices of dipole, and kicks of all other multipoles; exact edges in place of second-order ones."""
    if not bend.is_on:
        return (Step((_switched_off(),)),)
    if bend.fringe_type == "basic_bend":
        bend = bend.replace(fringe_type="full")
    body = _sector_part if _follows_design(bend) else _uniform_part
    kick = _bend_kicks(_kicking(bend, (0,)), (0,), maxwell=True)
    if is_zero(bend.length):
        return kick_body_kick(body, _bend_kicks(_kicking(bend, ()), ()), 1, *edges(bend), thin=True)
    return body_kick_body(body, kick, number, method.order, *edges(bend))


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
    before, after = (_edge_matrix(bend, side, xp) for side in (+1, -1))
    if bend.fringe_at in ("entrance_end", "both_ends") and before is not None:
        body = before.then(body)
    if bend.fringe_at in ("exit_end", "both_ends") and after is not None:
        body = body.then(after)
    return body


def _edge_matrix(bend: SBend, side: int, xp: Any) -> LinearMap | None:
    if bend.fringe_type == "none":
        return None
    e, fint, hgap = _face(bend, side)
    t, sine, cosine = xp.tan(e), xp.sin(e), xp.cos(e)
    bent = 2 * fint * hgap * bend.g * (1 + sine * sine) / cosine
    if bend.fringe_type == "linear_edge":
        vertical = xp.tan(e - bent)
    else:
        vertical = t if bend.fringe_type == "hard_edge_only" else t - bent / (cosine * cosine)
    return LinearMap.from_blocks(x=[[1.0, 0.0], [bend.g * t, 1.0]], y=[[1.0, 0.0], [-bend.g * vertical, 1.0]])


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's bodies and edges, the symplectic splitting, and the matrix."""
    return {
        (SBend, "bmad_standard"): Composite(bmad_standard, count),
        (SBend, "kick_drift_kick"): Composite(kick_drift_kick, lambda e, m, r: m.num_steps),
        (SBend, "linear"): linear,
    }
