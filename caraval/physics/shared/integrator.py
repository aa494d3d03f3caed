"""How bodies and kicks alternate through an element."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from caraval.core.reference import Reference
from caraval.core.routine import Routine, Step, UnknownValueError

from .steps import nearest, number

Share = Callable[[float], Routine]
"""Makes the routine of a share of the whole element."""

Chain = tuple[Routine, ...]

ChainShare = Callable[[float], Chain]
"""As :data:`Share`, where it takes several routines."""


def cycle(before: Chain, repeated: Chain, closing: Chain, times: int) -> Sequence[Step]:
    """Return `times` cycles, the last of them `closing`, with `before` fused into the first."""
    if times == 1:
        return (Step((*before, *closing)),)
    middle = Step(repeated)
    return (Step((*before, *repeated)), *(middle,) * (times - 2), Step(closing))


def kick_body_kick(
    body: Share | ChainShare,
    kick: Share | ChainShare | None,
    steps: int,
    entrance: Chain = (),
    exit: Chain = (),
    *,
    thin: bool = False,
) -> Sequence[Step]:
    """Return Bmad's scheme: half a kick, a slice of body, a kick, ..., a slice of body, half a kick.

    Without kicks the body is one slice; a thin element is one kick (Bmad manual, "Multipole
    Tracking").
    """
    if thin:
        return (Step((*entrance, *(_chain(kick(1.0)) if kick else ()), *exit)),)
    if kick is None:
        return _body_alone(body, entrance, exit)
    half, whole, piece = _chain(kick(0.5 / steps)), _chain(kick(1.0 / steps)), _chain(body(1.0 / steps))
    return cycle((*entrance, *half), (*piece, *whole), (*piece, *half, *exit), steps)


def _body_alone(body: Share | ChainShare, entrance: Chain = (), exit: Chain = ()) -> Sequence[Step]:
    pieces = _chain(body(1.0))
    return cycle(entrance, pieces[:1], (pieces[-1], *exit), len(pieces))


_CUBE_ROOT = 2.0 ** (1 / 3)

WEIGHTS: dict[int, tuple[float, ...]] = {
    2: (1.0,),
    4: (1 / (2 - _CUBE_ROOT), -_CUBE_ROOT / (2 - _CUBE_ROOT), 1 / (2 - _CUBE_ROOT)),
    6: (0.784513610477560, 0.235573213359357, -1.17767998417887, 1.315186320683906,
        -1.17767998417887, 0.235573213359357, 0.784513610477560),
}  # fmt: skip
"""Shares of the second-order steps that make a symmetric integrator of each order (Yoshida, Phys. Lett. A 150, 262:
eq. 2.11, and table 1, solution A; the middle one of order 6 from their sum being one)."""


def body_kick_body(
    body: Share | ChainShare,
    kick: Share | ChainShare | None,
    steps: int,
    order: int,
    entrance: Chain = (),
    exit: Chain = (),
) -> Sequence[Step]:
    """Return the symmetric splitting of an order: half a body, a kick, half a body, composed by :data:`WEIGHTS`.

    Without kicks the body is one slice, which is exact.
    """
    if kick is None:
        return _body_alone(body, entrance, exit)
    weights = WEIGHTS[order]
    first, last = _chain(body(0.5 * weights[0] / steps)), _chain(body(0.5 * weights[-1] / steps))
    inside: list[Routine] = []
    for weight, following in zip(weights, (*weights[1:], None), strict=True):
        inside.extend(_chain(kick(weight / steps)))
        if following is not None:
            inside.extend(_chain(body(0.5 * (weight + following) / steps)))
    joint = _chain(body(0.5 * (weights[-1] + weights[0]) / steps))
    return cycle((*entrance, *first), (*inside, *joint), (*inside, *last, *exit), steps)


def _chain(found: Routine | Chain) -> Chain:
    return found if isinstance(found, tuple) else (found,)


def around(kick: Share | None, rest: Share) -> ChainShare:
    """Return what goes between slices of a linear body: the rest of the motion, with the kick in its middle if there is one."""

    def share(weight: float) -> Chain:
        if kick is None:
            return (rest(weight),)
        half = rest(0.5 * weight)
        return (half, kick(weight), half)

    return share


_RULES: dict[int, tuple[tuple[float, ...], tuple[float, ...]]] = {
    2: ((1.0,), (1 / 2, 1 / 2)),
    4: ((1 / 6, 4 / 6, 1 / 6), (0.0, 1 / 2, 1 / 2, 0.0)),
    6: ((7 / 90, 32 / 90, 12 / 90, 32 / 90, 7 / 90), (0.0, 7 / 90, 38 / 90, 38 / 90, 7 / 90, 0.0)),
}
"""Weights of kicks, and lengths of the bodies before, between and after them: PTC's "matrix kick" of each order. The kicks
are those of the midpoint rule, of Simpson's and of Boole's; these integrate a force that depends on s alone."""


def quadrature(body: Share, kick: Share | None, steps: int, order: int) -> Sequence[Step]:
    """Return PTC's "matrix kick" through an element without linear focusing.

    Symplectic, but unlike :func:`body_kick_body` its error falls with the square of the step, whatever the order: kicks far
    from a step's middle are not where the rule has its nodes.
    """
    if kick is None:
        return _body_alone(body)
    kicks, lengths = _RULES[order]
    routines: list[Routine] = []
    for length, weight in zip(lengths, (*kicks, None), strict=True):
        if length:
            routines.append(body(length / steps))
        if weight is not None:
            routines.append(kick(weight / steps))
    return (Step(tuple(routines)),) * steps


def number_of_steps(element: Any, method: Any, reference: Reference | None) -> int:
    """Return the number of steps that `method` asks for; a slice has its share of them, the nearest whole number as in Bmad."""
    if element.slice_of is None:
        return method.num_steps
    try:
        part, whole = number(element.length), number(element.slice_of)
    except UnknownValueError:  # hidden by a trace
        return method.num_steps
    share = part / whole if whole else 1.0
    return max(1, nearest(method.num_steps * share * (1 + 1e-9)))  # halves upwards, whatever their last digits are
