"""What the magnets of MAD-X are in Caraval.

Multipoles have the same signs in both: ``dpx - i dpy = -sum (k_nl + i k_nsl) (x + i y)^n / n!``. The beam's `bv` multiplies all
strengths (MAD-X manual, "BV Flag").
"""

from __future__ import annotations

from itertools import zip_longest
from math import atan2, cos, factorial, hypot, pi, sin
from typing import Any

from caraval.physics.floor import angles, rotation

from .values import Made, Values

HIGHEST_ORDER = 21

ENDS = {(True, True): "both_ends", (True, False): "entrance_end", (False, True): "exit_end", (False, False): "no_end"}
"""Where a bend has fringes, by whether the entrance has one, and the exit."""


def bend(v: Values) -> Made:
    """Bend, sector or rectangular (MAD-X manual, "Bending Magnet"): angles of faces count from those of a sector here."""
    bv, taper = v.around.direction, 1 + v.number("ktap")
    angle, given = bv * v.number("angle"), bv * v.number("k0")
    if v.length == 0:
        if angle:
            v.lose("angle", angle, "no bend: it has no length")
        return Made("Marker", {})
    k0 = (given or angle / v.length) * taper
    face = angle / 2 if v.element.keyword == "rbend" else 0.0
    fint, fintx = _fint(v, "fint", 0.0), _fint(v, "fintx", -1.0)
    values = {
        "angle": angle,
        "dg": k0 - angle / v.length if given or taper != 1 else 0.0,
        "e1": bv * v.number("e1") + face,
        "e2": bv * v.number("e2") + face,
        "k1": bv * v.number("k1") * taper,
        "k2": bv * v.number("k2") * taper,
        "hgap": v.number("hgap"),
        "fint": fint,
        "ref_tilt": v.number("tilt"),
        "fringe_at": _fringes(v),
        **({"fintx": fintx} if fintx >= 0 else {}),
    }
    v.refuse("k0s", "h1", "h2")
    skew = {1: "k1s", 2: "k2s", 3: "k3s"}
    more = {n: (v.number(name) * v.length, 0.0) for n, name in skew.items()}
    more[3] = (more[3][0], v.number("k3") * v.length)
    return Made("SBend", {**values, **_errors(v, more)})


def quadrupole(v: Values) -> Made:
    """Quadrupole; a skew strength is a turn."""
    strength, tilt = _turned(v, "k1", "k1s", 1)
    return Made("Quadrupole", {"k1": strength, "tilt": tilt, **_errors(v, {})})


def sextupole(v: Values) -> Made:
    """Sextupole; a skew strength is a turn."""
    strength, tilt = _turned(v, "k2", "k2s", 2)
    return Made("Sextupole", {"k2": strength, "tilt": tilt, **_errors(v, {})})


def octupole(v: Values) -> Made:
    """Octupole; a skew strength is a turn."""
    strength, tilt = _turned(v, "k3", "k3s", 3)
    return Made("Octupole", {"k3": strength, "tilt": tilt, **_errors(v, {})})


def multipole(v: Values) -> Made:
    """Thin multipole (MAD-X manual, "General Thin Multipole"); a dipole bends the reference.

    If by another angle than its field's, other momenta are turned by the field still, as in TWISS and TRACK.
    """
    factor, tilt = v.around.direction * (1 + v.number("ktap")), v.number("tilt")
    normal, skew = v.numbers("knl"), v.numbers("ksl")
    values: dict[str, Any] = {}
    for n, (kn, ks) in enumerate(zip_longest(*_with_errors(v, normal, skew), fillvalue=0.0)):
        if n > HIGHEST_ORDER and (kn or ks):
            v.lose("knl", f"{kn}, {ks} of order {n}")
        elif kn or ks:
            values |= {f"k{n}l": factor * kn, f"t{n}": tilt}
            if ks:
                values[f"k{n}sl"] = factor * ks
    angle, lrad = v.around.direction * v.number("angle"), v.number("lrad")
    field, across = (factor * (strengths[0] if strengths else 0.0) for strengths in (normal, skew))
    if angle and across:
        v.lose("angle", angle, "the reference bends as the field does")
    turn = field if across or not angle else angle
    if field or across:
        values["k0l_status"] = "bends_reference"
    behind = {}
    if lrad > 0 and v.around.thin_foc and (turn * field or across):
        weak = _weak_focusing((turn * field + across * across) / lrad, tilt - atan2(across, turn))
        behind["_focus"] = Made("Taylor", {"terms": weak})
    if turn != field:
        behind["_kick"] = Made("Kicker", {"hkick": turn - field, "tilt": tilt})
        behind["_turn"] = Made("FloorShift", _turn(turn - field, tilt))
    return Made("Multipole", values, behind)


def solenoid(v: Values) -> Made:
    """Solenoid; a thin one turns and focuses in first order (MAD-X manual, "Solenoid")."""
    ks = v.around.direction * v.number("ks")
    if v.length == 0:
        turn = v.around.direction * v.number("ksi") / 2
        if not turn:
            return Made("Marker", {})
        return Made("Taylor", {"terms": _thin_solenoid(turn, ks / 2)})
    v.number("ksi")
    return Made("Solenoid", {"ks": ks, **_errors(v, {})})


def hkicker(v: Values) -> Made:
    """Horizontal corrector."""
    return Made("HKicker", _kick(v, "h"))


def vkicker(v: Values) -> Made:
    """Vertical corrector."""
    return Made("VKicker", _kick(v, "v"))


def kicker(v: Values) -> Made:
    """Corrector in both planes."""
    v.refuse("sinkick")
    bv = v.around.direction
    kicks = {f"{plane}kick": bv * (v.number(f"{plane}kick") + v.number(f"c{plane}kick")) for plane in "hv"}
    return Made("Kicker", {**kicks, "tilt": v.number("tilt")})


def dipedge(v: Values) -> Made:
    """Edge of a bend, to first order (MAD-X manual, "Dipole edge"): a bend of no length with nothing but its entrance."""
    bv = v.around.direction
    v.refuse("he")
    values = {
        "dg": bv * v.number("h"),
        "e1": bv * v.number("e1"),
        "fint": _fint(v, "fint", 0.0),
        "hgap": v.number("hgap"),
        "ref_tilt": v.number("tilt"),
        "fringe_type": "linear_edge",
        "fringe_at": "entrance_end",
    }
    return Made("SBend", values)


# -------------------------------------------------------------------- what they share


def _kick(v: Values, plane: str) -> dict[str, float]:
    """Return what a corrector of one plane has: its kick, or where that is zero, the one that kickers have by another name."""
    v.refuse("sinkick")
    kick, other = v.number("kick"), v.number(f"{plane}kick")
    return {"kick": v.around.direction * ((kick or other) + v.number(f"c{plane}kick")), "tilt": v.number("tilt")}


def _fint(v: Values, name: str, default: float) -> float:
    """Return a fringe field integral; said without a value, it is a half."""
    value = v.number(name, default)
    return 0.5 if v.has(name) and v.element.settings[name].value is True else value


def _turn(angle: float, tilt: float) -> dict[str, float]:
    """Return a bend of the floor alone: as far as, in MAD-X, the angle of a thin dipole is not that of its field."""
    axes = rotation(0.0, 0.0, tilt) @ rotation(-angle, 0.0, 0.0) @ rotation(0.0, 0.0, -tilt)
    return dict(zip(("x_pitch", "y_pitch", "tilt"), angles(axes), strict=True))


def _weak_focusing(strength: float, tilt: float) -> dict[str, float]:
    """Return the map of the focusing that a bend has in its plane, of which nothing is left where it has no length."""
    c, s = cos(tilt), sin(tilt)
    return {"tt21": -strength * c * c, "tt23": -strength * c * s, "tt41": -strength * c * s, "tt43": -strength * s * s}


def _thin_solenoid(turn: float, half: float) -> dict[str, float]:
    """Return the map of a thin solenoid of half the field `half`: focusing in both planes, and a turn."""
    c, s, focus = cos(turn), sin(turn), half * turn
    terms = {f"tt{i}{i}": c for i in range(1, 5)} | {"tt13": s, "tt24": s, "tt31": -s, "tt42": -s}
    return terms | {"tt21": -focus * c, "tt23": -focus * s, "tt41": focus * s, "tt43": -focus * c}


def _fringes(v: Values) -> str:
    """Return at which ends a bend has fringes."""
    return ENDS[not v.number("kill_ent_fringe"), not v.number("kill_exi_fringe")]


def _turned(v: Values, normal: str, skew: str, order: int) -> tuple[float, float]:
    """Return strength and tilt of a magnet with a normal and a skew strength."""
    factor = v.around.direction * (1 + v.number("ktap"))
    k, ks, tilt = factor * v.number(normal), factor * v.number(skew), v.number("tilt")
    if ks == 0:
        return k, tilt
    if k == 0:
        return ks, tilt - pi / (2 * (order + 1))
    return hypot(k, ks), tilt - atan2(ks, k) / (order + 1)


def _errors(v: Values, more: dict[int, tuple[float, float]]) -> dict[str, Any]:
    """Return multipoles on top of a thick magnet: `knl` and `ksl`, and `more` as integrated skew and normal strengths."""
    bv = v.around.direction
    values: dict[str, Any] = {}
    for n, (kn, ks) in enumerate(zip_longest(*_with_errors(v, v.numbers("knl"), v.numbers("ksl")), fillvalue=0.0)):
        skew, normal = more.get(n, (0.0, 0.0))
        more[n] = skew + ks, normal + kn
    for n, (skew, normal) in more.items():
        if n > HIGHEST_ORDER and (skew or normal):
            v.lose("knl", f"{normal}, {skew} of order {n}")
            continue
        values |= {f"{kind}{n}": bv * k / factorial(n) for kind, k in (("a", skew), ("b", normal)) if k}
    return {**values, "scale_multipoles": False} if values else {}


def _with_errors(v: Values, normal: list[float], skew: list[float]) -> tuple[list[float], list[float]]:
    """Return integrated strengths with the field errors of the element."""
    if v.errors is None:
        return normal, skew
    pairs = ((normal, v.errors.normal), (skew, v.errors.skew))
    first, second = ([a + b for a, b in zip_longest(*pair, fillvalue=0.0)] for pair in pairs)
    return first, second
