"""Multipoles in a solenoid, as SAD has them."""

from __future__ import annotations

from collections.abc import Sequence
from math import factorial, sqrt
from typing import Any, ClassVar, Literal, NamedTuple

from caraval.core import scalar
from caraval.core.arrays import is_zero
from caraval.core.coordinates import Coordinates
from caraval.core.element import Element, End
from caraval.core.errors import MethodError
from caraval.core.hookspecs import hookimpl
from caraval.core.methods import KickDriftKick, TrackingMethod
from caraval.core.reference import Reference
from caraval.core.routine import Composite, Routine, Step
from caraval.core.schema import Parameter

from . import drift, solenoid
from .shared import sad_edge, steps
from .shared.integrator import body_kick_body, number_of_steps
from .shared.multipoles import HIGHEST_ORDER, Kicked, Magnet, kicks, orders
from .shared.sad_body import SkewBodyConstants, skew_body, undo_skew_body

STEP_RADIUS = 0.05
"""Amplitude [m] for which the rule for the number of steps provides (``bmad_com[sad_amp_max]``)."""

STEP_ERROR = 5e-3
"""Error that it allows, before `eps_step_scale` (``bmad_com[sad_eps_scale]``)."""

MOST_STEPS = 1000
"""``bmad_com[sad_n_div_max]``."""

PTC_EDGES = 1
"""Highest order of multipoles with a hard edge in PTC: the quadrupole (``ptc_com[max_fringe_order] = 2``, counted from one)."""


class SadMult(Magnet):
    """A multipole of all orders, alone or in a solenoid: what SAD calls MULT, without RF and bending (Bmad manual, "Sad_Mult").

    Its multipoles ``a0 ... b21`` are integrated strengths, and not relative to anything.

    Attributes
    ----------
    ks : Parameter
        Normalised field of the solenoid [1/m].
    bs_field : Parameter, optional
        Field of the solenoid [T], instead.
    fringe_type, fringe_at
        Edges: nonlinear hard ones, and soft ones of quadrupole and dipole.
    fq1, fq2 : Parameter
        Soft-edge integrals of the quadrupole [m^2, m^3].
    fb1, fb2 : Parameter
        Extent of the dipole's soft edge at entrance and exit [m].
    e1, e2 : Parameter
        Face angles [rad], for the dipole's edges. To Bmad's own tracking they make no difference; what PTC does with them is
        said nowhere, so `kick_drift_kick` refuses them where there is such an edge.
    x_offset_mult, y_offset_mult : Parameter
        Displacement of the multipoles [m], beside that of the whole; the solenoid stays.
    eps_step_scale : Parameter
        Scales the error that the number of steps allows; zero: steps of 0.2 m.
    """

    ks: Parameter = 0.0
    bs_field: Parameter | None = None
    fringe_type: Literal["none", "full", "hard_edge_only", "soft_edge_only"] = "none"
    fringe_at: End = "both_ends"
    fq1: Parameter = 0.0
    fq2: Parameter = 0.0
    fb1: Parameter = 0.0
    fb2: Parameter = 0.0
    e1: Parameter = 0.0
    e2: Parameter = 0.0
    x_offset_mult: Parameter = 0.0
    y_offset_mult: Parameter = 0.0
    eps_step_scale: Parameter = 1.0

    hkick: ClassVar[float] = 0.0  # type: ignore[misc]
    vkick: ClassVar[float] = 0.0  # type: ignore[misc]
    bl_hkick: ClassVar[None] = None  # type: ignore[misc]
    bl_vkick: ClassVar[None] = None  # type: ignore[misc]
    r0_mag: ClassVar[float] = 0.0  # type: ignore[misc]
    scale_multipoles: ClassVar[bool] = False  # type: ignore[misc]

    extensive = ()
    odd = ()
    displaced_by = (("x_offset", "x_offset_mult"), ("y_offset", "y_offset_mult"))
    fields = {"ks": "bs_field"}  # noqa: RUF012

    def turned(self) -> Element:
        """Return what a reversed one is to the particles: the dipole's edges change places, too."""
        if self.orientation == 1:
            return self
        return super().turned().with_values({"fb1": self.fb2, "fb2": self.fb1, "e1": self.e2, "e2": self.e1})

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element with the solenoid's normalised strength; multipoles are always normalised."""
        return Kicked.at(self, reference, xp)


def has_solenoid(element: SadMult) -> bool:
    """Whether there is a solenoid."""
    return not (is_zero(element.ks) and is_zero(element.bs_field))


# -------------------------------------------------------------------- body


def part(share: float) -> Routine:
    """Return the paraxial body with the solenoid and both gradients, of a share of the length."""

    def prepare(element: SadMult, reference_in: Reference, reference_out: Reference, xp: Any) -> SkewBodyConstants:
        a, b = element.strengths(xp)[1]
        return SkewBodyConstants(element.length * share, element.ks / 2, b * share, a * share, drift.mass2(reference_in))

    return Routine(track=skew_body, prepare=prepare, undo=undo_skew_body)


def errors(element: SadMult, xp: Any) -> dict[int, tuple[Any, Any]]:
    """Return the multipoles that kick: all but the quadrupole, which is in the body."""
    return {n: pair for n, pair in element.strengths(xp).items() if n != 1}


class Axis(NamedTuple):
    """What a displacement of the multipoles against the solenoid's axis does to canonical momenta."""

    px: Any
    py: Any


def to_other_axis(c: Axis, q: Coordinates, xp: Any) -> Coordinates:
    """Refer canonical momenta to another axis of the vector potential."""
    return q._replace(px=q.px + c.px, py=q.py + c.py)


def _axis(side: int) -> Routine:
    def prepare(element: SadMult, reference_in: Reference, reference_out: Reference, xp: Any) -> Axis:
        cosine, sine = xp.cos(element.tilt), xp.sin(element.tilt)
        x = element.x_offset_mult * cosine + element.y_offset_mult * sine
        y = element.y_offset_mult * cosine - element.x_offset_mult * sine
        return Axis(side * element.ks * y / 2, -side * element.ks * x / 2)

    return Routine(track=to_other_axis, prepare=prepare, undo=_undo_axis)


def _undo_axis(c: Axis) -> Axis:
    return Axis(-c.px, -c.py)


def ends(element: SadMult, highest: int = HIGHEST_ORDER) -> tuple[tuple[Routine, ...], tuple[Routine, ...]]:
    """Return what happens on entering and on leaving, with hard edges of multipoles up to the highest order."""
    entrance, exit = sad_edge.edges(element, orders(element), highest)
    if has_solenoid(element) and not (is_zero(element.x_offset_mult) and is_zero(element.y_offset_mult)):
        return (_axis(+1), *entrance), (*exit, _axis(-1))
    return entrance, exit


# -------------------------------------------------------------------- through the element


def count(element: SadMult, method: TrackingMethod, reference: Reference | None) -> int:
    """Return SAD's number of steps (Bmad manual, "Sad_Mult", `eps_step_scale`), unless the method says one."""
    given = steps.given(method, element.length)
    if given or is_zero(element.length):
        return given or 1
    plain = steps.plain(element)
    if plain.eps_step_scale <= 0:
        return steps.by_length(method, plain.length)
    most = 1
    for n, (a, b) in plain.strengths(scalar).items():
        if n > 1:
            strength = steps.magnitude(n, a, b) * plain.length * STEP_RADIUS ** (n - 1)
            allowed = 6 * plain.eps_step_scale * STEP_ERROR * factorial(n - 1)
            most = max(most, min(MOST_STEPS, 1 + int(sqrt(strength / allowed))))
    return most


def bmad_standard(element: SadMult, method: TrackingMethod, number: int) -> Sequence[Step]:
    """Edge, half a slice of body, kicks with slices between, half a slice, edge."""
    there = orders(element)
    kicking = kicks(errors, [n for n in there if n != 1])
    if not element.is_on:
        return drift.switched_off(element)
    if is_zero(element.length):
        kick = kicks(SadMult.strengths, there)
        return (Step((kick(1.0),)),) if kick else ()
    body = part if 1 in there else solenoid.part if has_solenoid(element) else drift.part
    return body_kick_body(body, kicking, number, 2, *ends(element))


def kick_drift_kick(element: SadMult, method: KickDriftKick, number: int) -> Sequence[Step]:
    """Slices of helix, which is exact with either split, and kicks of all multipoles; of hard edges, those PTC has.

    Raises
    ------
    MethodError
        If the dipole has faces at an angle.
    """
    if not element.is_on:
        return drift.switched_off(element)
    slanted = not (is_zero(element.e1) and is_zero(element.e2))
    if slanted and 0 in orders(element) and element.fringe_type != "none" and element.fringe_at != "no_end":
        raise MethodError(
            f"{element.label}: what kick_drift_kick does at faces of a dipole (a0, b0) at an angle (e1, e2) is not known; use "
            'bmad_standard, to which they make no difference, or fringe_type="none"'
        )
    kick = kicks(SadMult.strengths, orders(element))
    if is_zero(element.length):
        return (Step((kick(1.0),)),) if kick else ()
    body = solenoid.part if has_solenoid(element) else drift.part
    return body_kick_body(body, kick, number, method.order, *ends(element, PTC_EDGES))


@hookimpl
def register_tracking_methods() -> dict[tuple[type[Element], str], Any]:
    """Bmad's scheme, and the symplectic splitting."""
    return {
        (SadMult, "bmad_standard"): Composite(bmad_standard, count, lambda element: any(n != 1 for n in orders(element))),
        (SadMult, "kick_drift_kick"): Composite(kick_drift_kick, number_of_steps),
    }
