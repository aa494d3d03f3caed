"""Through the field of a wiggler step by step, by an explicit symplectic integrator.

The paraxial Hamiltonian ``((px - a_x)^2 + (py - a_y)^2) / (2 (1 + pz)) - a_s`` is split into its three terms; the first two
are solved exactly, by taking the vector potential off the momenta and putting it back (Wu, Forest and Robin, Phys. Rev. E
68, 046502; Bmad manual, "Symplectic Integration"). The fields are those of the Bmad manual, "Periodic Type Wigglers", and
the potential of a planar one that of "Symplectic Tracking with Cartesian Modes". Momenta are canonical ones, also at the
ends; at those of a planar wiggler with a whole number of periods they are the kinetic ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from caraval.core.coordinates import Coordinates
from caraval.core.reference import Reference
from caraval.core.routine import Routine, Step

from ... import drift
from ..integrator import WEIGHTS, Share
from ..special import double_angle, half_versine, path_lag
from .field import Field

Detour = Callable[[Any, Any], Any]


def hyperbolic(k: Any, u: Any) -> tuple[Any, Any]:
    """Return ``cosh ku - 1`` and ``sinh ku``, exact to rounding up to ``ku = 8``."""
    versine, ratio = _round(-(k * u) * (k * u))
    return -versine, k * u * ratio


def _round(v: Any) -> tuple[Any, Any]:
    """Return ``1 - cos sqrt v`` and ``sin(sqrt v) / sqrt v``."""
    versine, ratio = half_versine(v * 0.015625)
    for _ in range(3):
        versine, ratio = double_angle(versine, ratio)
    return versine, ratio


class PlanarConstants(NamedTuple):
    """Of a slice of a planar wiggler.

    Length [m], and that of the reference's detour in it [m]; wave numbers [1/m]; the normalised field with the cosine of the
    phase at the slice's middle [1/m], and with its sine times ``kz / ky`` and times ``kz / ky^2``; ``(m c / P0)^2``.
    """

    length: Any
    detour: Any
    kx: Any
    ky: Any
    cosine: Any
    sine: Any
    tilted: Any
    mass2: Any


def planar(c: PlanarConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Move through a slice, where ``a_y = -b kz / ky sin(kx x) / kx sinh(ky y) sin(kz s)``.

    And ``a_s = -b sin(kx x) / kx cosh(ky y) cos(kz s)``. What the vector potential does to `px` on the way depends on the
    ends of the steps in y alone. Of what is added to a coordinate in many slices, each part is one number: it rounds once.
    """
    momentum = 1 + q.pz
    inverse = 1 / momentum
    step = 0.5 * c.length * inverse
    x = q.x + step * q.px
    versine, ratio = _round((c.kx * x) * (c.kx * x))
    wave = x * ratio
    before, sinh = hyperbolic(c.ky, q.y)
    first = q.py + c.sine * wave * sinh
    middle, sinh = hyperbolic(c.ky, q.y + step * first)
    last = first - c.length * c.cosine * c.ky * wave * sinh
    y = q.y + step * (first + last)
    after, sinh = hyperbolic(c.ky, y)
    px = q.px - (1 - versine) * (c.length * c.cosine * (1 + middle) + c.tilted * (after - before))
    path = 0.5 * step * inverse * (q.px * q.px + px * px + first * first + last * last) - c.detour
    gain = path_lag(q.pz, momentum, c.mass2, c.length + c.detour, xp) - path
    return Coordinates(q.x + step * (q.px + px), px, y, last - c.sine * wave * sinh, q.z + gain, q.pz)


class HelicalConstants(NamedTuple):
    """Of a slice of a helical wiggler.

    Length [m], and that of the reference's detour in it [m]; wave number [1/m]; the normalised field with cosine and sine of
    the phase at the slice's middle [1/m]; ``(m c / P0)^2``.
    """

    length: Any
    detour: Any
    k: Any
    cosine: Any
    sine: Any
    mass2: Any


def helical(c: HelicalConstants, q: Coordinates, xp: Any) -> Coordinates:
    """Move through a slice, where ``a_x = b (cosh(ky) - 1) sin(ks) / k`` and ``a_y = -b (cosh(kx) - 1) cos(ks) / k``.

    And ``a_s = -b (x cos(ks) + y sin(ks))``. The divergence across the axis is zero, so that the ends obey Maxwell.
    """
    momentum = 1 + q.pz
    inverse = 1 / momentum
    step = 0.5 * c.length * inverse
    versine, sinh = hyperbolic(c.k, q.y)
    before = q.px - c.sine / c.k * versine
    x = q.x + step * before
    py = q.py + c.sine * sinh * (step * before)
    versine, sinh = hyperbolic(c.k, x)
    along = c.cosine / c.k * versine
    first = py + along
    last = first - c.length * c.sine
    up = step * (first + last)
    px = q.px - (c.length * c.cosine + c.cosine * sinh * up)
    versine, sinh = hyperbolic(c.k, q.y + up)
    after = px - c.sine / c.k * versine
    py = last - along + c.sine * sinh * (step * after)
    path = 0.5 * step * inverse * (before * before + first * first + last * last + after * after) - c.detour
    gain = path_lag(q.pz, momentum, c.mass2, c.length + c.detour, xp) - path
    return Coordinates(q.x + step * (before + after), px, q.y + up, py, q.z + gain, q.pz)


def undo_slice(c: Any) -> Any:
    """Return the constants of a slice backwards; it is symmetric about its middle."""
    return c._replace(length=-c.length, detour=-c.detour)


# -------------------------------------------------------------------- the field itself


class PlanarField(NamedTuple):
    """Wave numbers [1/m], and the normalised field with the cosine of the phase, and with its sine over ``ky / kz`` [1/m]."""

    kx: Any
    ky: Any
    cosine: Any
    sine: Any


def planar_value(c: PlanarField, q: Coordinates, xp: Any) -> tuple[Any, Any, Any]:
    """Return the field of a planar wiggler. Its polarity does not count, as in Bmad."""
    a, b = c.kx * q.x, c.ky * q.y
    wave, rise = xp.cos(a), xp.sinh(b)
    return -c.cosine * c.kx / c.ky * xp.sin(a) * rise, c.cosine * wave * xp.cosh(b), -c.sine * wave * rise


class HelicalField(NamedTuple):
    """Wave number [1/m], and the normalised field with cosine and sine of the phase [1/m]."""

    k: Any
    cosine: Any
    sine: Any


def helical_value(c: HelicalField, q: Coordinates, xp: Any) -> tuple[Any, Any, Any]:
    """Return the field of a helical wiggler."""
    a, b = c.k * q.x, c.k * q.y
    return -c.sine * xp.cosh(a), c.cosine * xp.cosh(b), -(c.cosine * xp.sinh(a) + c.sine * xp.sinh(b))


def _at(wiggler: Any, place: float, reference: Reference, xp: Any) -> Any:
    kz, cosine, sine = _wave(wiggler, place, reference, xp)
    if wiggler.is_helical():
        return HelicalField(kz, cosine, sine)
    ky = xp.sqrt(wiggler.kx * wiggler.kx + kz * kz)
    return PlanarField(wiggler.kx, ky, cosine, kz / ky * sine)


PLANAR, HELICAL = (Field(v, _at, varies=True) for v in (planar_value, helical_value))


# -------------------------------------------------------------------- steps


def _wave(wiggler: Any, place: float, reference: Reference, xp: Any) -> tuple[Any, Any, Any]:
    """Return the wave number along [1/m], and the normalised field with cosine and sine of the phase there [1/m]."""
    whole = wiggler.length if wiggler.slice_of is None else wiggler.slice_of
    start = 0.0 if wiggler.slice_start is None else wiggler.slice_start
    kz = 1 / wiggler.reduced_period(xp)
    phase = kz * (start + place * wiggler.length - whole / 2)
    field = wiggler.g_max * reference.species.charge
    return kz, field * xp.cos(phase), field * xp.sin(phase)


def part(share: float, middle: float, track: Any, detour: Detour) -> Routine:
    """Return the slice of a share of the length whose middle is `middle` lengths from the entrance."""

    def prepare(wiggler: Any, reference_in: Reference, reference_out: Reference, xp: Any) -> Any:
        kz, *waves = _wave(wiggler, middle, reference_in, xp)
        cosine, sine = (wiggler.polarity * wave for wave in waves)
        length, longer = wiggler.length * share, detour(wiggler, xp) * share
        if wiggler.is_helical():
            return HelicalConstants(length, longer, kz, cosine, sine, drift.mass2(reference_in))
        ky = xp.sqrt(wiggler.kx * wiggler.kx + kz * kz)
        sine = kz / ky * sine
        return PlanarConstants(length, longer, wiggler.kx, ky, cosine, sine, sine / ky, drift.mass2(reference_in))

    return Routine(track=track, prepare=prepare, undo=undo_slice)


def steps(track: Any, detour: Detour, kick: Share | None, number: int, order: int) -> Sequence[Step]:
    """Return the steps through the field, each with half of its share of the kicks before and after each of its slices.

    Parameters
    ----------
    track : callable
        :func:`planar` or :func:`helical`.
    detour : callable
        ``(wiggler, xp) -> length`` by which the path of the reference is longer than the wiggler [m].
    kick : callable, optional
        Makes the kick of a share of the multipoles.
    number : int
        Of steps.
    order : 2, 4 or 6
        Of the composition.
    """
    kicking = [() if kick is None else (kick(0.5 * weight / number),) for weight in WEIGHTS[order]]
    out, place = [], 0.0
    for _ in range(number):
        chain: list[Routine] = []
        for weight, half in zip(WEIGHTS[order], kicking, strict=True):
            chain += [*half, part(weight / number, place + 0.5 * weight / number, track, detour), *half]
            place += weight / number
        out.append(Step(tuple(chain)))
    return out
