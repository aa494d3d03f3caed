"""Multipoles on the way to elegant, which has one order in an element."""

from __future__ import annotations

from math import atan2, factorial, hypot

from caraval.converters.shared.line import Said
from caraval.converters.shared.weighed import WeighedFields
from caraval.core import scalar
from caraval.physics import multipole as thin

from .saying_parts import WITHOUT_ORDER, finished, gradients, method_of, multipoles, placed


def multipole(f: WeighedFields) -> list[Said]:
    """Multipole: a MULT for each order; one that bends the reference is none."""
    if f.length:
        return []
    found = thin.strengths(f.element, scalar)
    if 0 in found:
        return []
    f.passing(*thin.NORMAL, *thin.SKEW, *thin.ANGLES, "tilt", "field_master", "multipoles_on", "k0l_status")
    return _each(f, {n: (factorial(n) * b, factorial(n) * a) for n, (a, b) in found.items()}, 0.0)


def skew_multipole(f: WeighedFields) -> list[Said]:
    """ABMultipole: a MULT for each order."""
    strengths = multipoles(f)
    if f.length:
        return []
    gradients(f)
    f.note("", "ABMultipole", "multipoles") if strengths else None
    return _each(f, strengths, f.number("tilt"))


def thick_multipole(f: WeighedFields) -> list[Said]:
    """ThickMultipole of one order, tracked by a symplectic integrator."""
    strengths, steps = multipoles(f), method_of(f)
    if steps is None or len(strengths) != 1 or steps.values["INTEGRATION_ORDER"] != WITHOUT_ORDER:
        return []
    (n, (normal, skew)), *_ = strengths.items()
    if n == 0:
        return []
    gradients(f)
    strength, tilt = _turned(n, normal, skew)
    where = placed(f)
    values = {**where, "ORDER": n, "KNL": strength, "TILT": where["TILT"] + tilt, **steps.values}
    return finished(f, "MULT", values, steps.method)


def _each(f: WeighedFields, strengths: dict[int, tuple[float, float]], tilt: float) -> list[Said]:
    where = placed(f)
    if where["DZ"] and not f.are_alike(z_offset=0.0):
        f.physics("z_offset", where["DZ"])
    said = []
    for n, pair in strengths.items():
        strength, turn = _turned(n, *pair)
        values = {"DX": where["DX"], "DY": where["DY"], "ORDER": n, "KNL": strength, "TILT": tilt + turn}
        said.append(finished(f, "MULT", values, ending=f"_{n}" if len(strengths) > 1 else "")[0])
    return said or finished(f, "MARK", {})


def _turned(n: int, normal: float, skew: float) -> tuple[float, float]:
    """Return strength and tilt of a multipole: ``k + i k_s = strength exp(-i (n + 1) tilt)``."""
    if skew == 0:
        return normal, 0.0
    return hypot(normal, skew), -atan2(skew, normal) / (n + 1)
