"""How bodies and kicks alternate through an element."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from caraval.core.routine import Routine, Step

Share = Callable[[float], Routine]
"""Makes the routine of a share of the whole element."""

Chain = tuple[Routine, ...]


def cycle(before: Chain, repeated: Chain, closing: Chain, times: int) -> Sequence[Step]:
    """Return `times` cycles, the last of them `closing`, with `before` fused into the first."""
    if times == 1:
        return (Step((*before, *closing)),)
    middle = Step(repeated)
    return (Step((*before, *repeated)), *(middle,) * (times - 2), Step(closing))


def kick_body_kick(
    body: Share,
    kick: Share | None,
    steps: int,
    entrance: Chain = (),
    exit: Chain = (),
    *,
    thin: bool = False,
    slices: int = 1,
) -> Sequence[Step]:
    """Return Bmad's scheme: half a kick, a slice of body, a kick, ..., a slice of body, half a kick.

    Without kicks the body is one slice, or as many as it must have; a thin element is one kick (Bmad manual, "Multipole
    Tracking").
    """
    if thin:
        return (Step((*entrance, *((kick(1.0),) if kick else ()), *exit)),)
    if kick is None:
        return _body_alone(body, slices, entrance, exit)
    steps = max(steps, slices)
    half, whole, piece = kick(0.5 / steps), kick(1.0 / steps), body(1.0 / steps)
    return cycle((*entrance, half), (piece, whole), (piece, half, *exit), steps)


def _body_alone(body: Share, slices: int, entrance: Chain, exit: Chain) -> Sequence[Step]:
    piece = (body(1.0 / slices),)
    return cycle(entrance, piece, (*piece, *exit), slices)


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
    body: Share, kick: Share | None, steps: int, order: int, entrance: Chain = (), exit: Chain = (), *, slices: int = 1
) -> Sequence[Step]:
    """Return the symmetric splitting of an order: half a body, a kick, half a body, composed by :data:`WEIGHTS`.

    Without kicks the body is one slice, which is exact, or as many as it must have.
    """
    if kick is None:
        return _body_alone(body, slices, entrance, exit)
    steps = max(steps, slices)
    weights = WEIGHTS[order]
    first, last = body(0.5 * weights[0] / steps), body(0.5 * weights[-1] / steps)
    inside: list[Routine] = []
    for weight, following in zip(weights, (*weights[1:], None), strict=True):
        inside.append(kick(weight / steps))
        if following is not None:
            inside.append(body(0.5 * (weight + following) / steps))
    joint = body(0.5 * (weights[-1] + weights[0]) / steps)
    return cycle((*entrance, first), (*inside, joint), (*inside, last, *exit), steps)
