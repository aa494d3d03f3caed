"""Benchmark cases that ImpactX checks itself by, restated in JSON: beams, lines, and the moments that must come out."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import takewhile
from math import radians, sqrt
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.constants import speed_of_light

import caraval as cv

DISTRIBUTIONS = {"Waterbag": "waterbag", "Kurth6D": "kurth", "Triangle": "triangle"}
"""Distributions of ImpactX, and their names here."""


class Outcome(NamedTuple):
    """A case: its largest deviation in units of the tolerance, or why it is not done."""

    name: str
    worst: float
    quantity: str = ""
    problem: str = ""


class MissingError(Exception):
    """Something that a case needs is not there."""


def outcomes(folder: Path, backend: str = "numpy", particles: int = 100_000) -> list[Outcome]:
    """Return what becomes of all cases in a folder."""
    return [outcome(json.loads(path.read_text()), backend, particles) for path in sorted(folder.glob("*.json"))]


def outcome(case: dict[str, Any], backend: str, particles: int) -> Outcome:
    """Track a case and compare its moments."""
    name = case["name"].partition("__run_")[2]
    try:
        out = tracked(case, backend, particles)
    except MissingError as missing:
        return Outcome(name, float("nan"), problem=str(missing))
    worst, quantity = 0.0, ""
    for expected in case["expected_final"]:
        measured = _moments(out) | _losses(out)
        for key, value in expected["quantities"].items():
            if key == "lost_at_s":
                value = _place_of_losses(case)
            if key not in measured:
                continue
            allowed = expected["rtol"] * abs(value) + (
                expected["atol"] if isinstance(expected["atol"], float) else _noise(key, out)
            )
            deviation = abs(measured[key] - value) / max(allowed, np.finfo(float).tiny)
            if not deviation <= worst:
                worst, quantity = deviation, key
    return Outcome(name, worst, quantity)


def tracked(case: dict[str, Any], backend: str, particles: int) -> cv.ParticleBeam:
    """Return the beam at the end of a case's line.

    Raises
    ------
    MissingError
        If something of it is not known here.
    """
    reference = _reference(case["reference"])
    line = cv.Lattice(_elements(case["lattice"], reference) * case["num_periods"], reference=reference)
    beam = _beam(case, reference, particles)
    if case["numerics"].get("space_charge"):
        line = line.with_space_charge(every=_longest_slice(case["lattice"]), grid=tuple(case["numerics"]["n_cell"]))
    return line.track(beam.to(backend=backend)).to(backend="numpy")


# -------------------------------------------------------------------- beams


def _reference(given: dict[str, Any]) -> cv.Reference:
    species = cv.Species(given["species"], given["mass_MeV"] * 1e6, int(given["charge_qe"]))
    return cv.Reference(species, species.mass * given["beta_gamma0"])


def _beam(case: dict[str, Any], reference: cv.Reference, particles: int) -> cv.ParticleBeam:
    """Return a sample whose second moments are exactly those of the distribution; coordinates of ImpactX made Bmad's."""
    given = case["distribution"]
    if given["kind"] not in DISTRIBUTIONS:
        raise MissingError(f"a {given['kind']} distribution")
    covariance = np.zeros((6, 6))
    for plane, (position, slope) in enumerate((("X", "Px"), ("Y", "Py"), ("T", "Pt"))):
        scale = np.diag([given[f"lambda{position}"], given[f"lambda{slope}"]])
        mu = given.get(f"mu{position.lower()}{slope.lower()}", 0.0)
        part = slice(2 * plane, 2 * plane + 2)
        covariance[part, part] = scale @ np.linalg.inv(np.array([[1.0, mu], [mu, 1.0]])) @ scale
    kind = DISTRIBUTIONS[given["kind"]]
    sample = cv.ParticleBeam.from_distribution(kind, particles, p0c=reference.p0c, covariance=covariance, seed=1)
    x, px, y, py, t, pt = sample.coordinates
    t, pt = -t, -pt  # which count backwards
    momentum = np.sqrt(1 - 2 * pt / reference.beta + pt**2)
    beta = momentum / (reference.energy / reference.p0c - pt)
    return cv.ParticleBeam(x, px, y, py, -beta * t, momentum - 1, reference=reference, charge=case["bunch_charge_C"])


def _moments(beam: cv.ParticleBeam) -> dict[str, float]:
    """Return the moments by ImpactX's names, in its coordinates."""
    reference = beam.reference
    momentum = 1 + beam.pz
    energy = np.sqrt(momentum**2 + (reference.species.mass / reference.p0c) ** 2)
    planes = {
        "x": (beam.x, beam.px),
        "y": (beam.y, beam.py),
        "t": (-beam.z * energy / momentum, 1 / reference.beta - energy),
    }
    found = {"s_ref": float(beam.s), "gamma_ref": float(reference.gamma)}
    for name, pair in planes.items():
        position, slope = (np.asarray(values)[np.asarray(beam.alive)] for values in pair)
        covariance = np.cov(position, slope, ddof=0)
        found |= {f"mean{name}": position.mean(), f"meanp{name}": slope.mean(), f"sig{name}": sqrt(covariance[0, 0])}
        found |= {f"sigp{name}": sqrt(covariance[1, 1]), f"emittance_{name}": sqrt(max(np.linalg.det(covariance), 0.0))}
    return found


def _losses(beam: cv.ParticleBeam) -> dict[str, float]:
    """Return where particles were lost, if they were all lost at one place."""
    places = np.unique(np.asarray(beam.lost_s)[~np.asarray(beam.alive)])
    return {"lost_at_s": float(places[0]) if len(places) == 1 else float("nan")} if len(places) else {}


def _place_of_losses(case: dict[str, Any]) -> float:
    before = takewhile(lambda part: part["type"] != "Aperture", case["lattice"])
    return sum(part.get("ds", 0.0) for part in before)


def _noise(key: str, beam: cv.ParticleBeam) -> float:
    """Return three times the standard error of a mean, with ImpactX's own number of particles."""
    return 3 * _moments(beam)[key.replace("mean", "sig")] / sqrt(10_000)


# -------------------------------------------------------------------- lines


def _elements(given: list[dict[str, Any]], reference: cv.Reference) -> list[cv.Element]:
    """Return the elements, edges joined with their bends."""
    found: list[cv.Element] = []
    waiting: dict[str, Any] | None = None
    for part in given:
        kind = part["type"]
        if kind == "DipEdge":
            last = found[-1] if found else None
            if isinstance(last, cv.SBend) and waiting is None:
                found[-1] = last.replace(e2=part["psi"], fringe_at="both_ends", **_gap(part, "x"))
            else:
                waiting = part
            continue
        if kind not in KINDS:
            raise MissingError(f"an element {kind}")
        element = KINDS[kind](part, reference)
        if waiting is not None and isinstance(element, cv.SBend):
            element = element.replace(e1=waiting["psi"], fringe_at="entrance_end", **_gap(waiting, ""))
            waiting = None
        if waiting is not None:
            raise MissingError("an edge without a bend")
        found += [_placed(element, part)] * (_slices(part) if kind in PIECES else 1)
    return found


def _slices(part: dict[str, Any]) -> int:
    return int(part.get("nslice") or 1)


def _longest_slice(given: list[dict[str, Any]]) -> float:
    return max(part.get("ds", 0.0) / _slices(part) for part in given)


def _gap(edge: dict[str, Any], end: str) -> dict[str, float]:
    """Return the fringe of an edge; its gap is the full one, and Bmad's the half."""
    return {f"fint{end}": edge.get("K2", 1.0) if edge.get("g") else 0.0, f"hgap{end}": (edge.get("g") or 0.0) / 2}


def _placed(element: cv.Element, part: dict[str, Any]) -> cv.Element:
    moved = {"x_offset": part.get("dx"), "y_offset": part.get("dy"), "tilt": radians(part.get("rotation") or 0.0)}
    return element.replace(**{name: value for name, value in moved.items() if value})


def _strength(part: dict[str, Any], reference: cv.Reference) -> float:
    """Return k1 [1/m^2], which may be given as a gradient [T/m]; it focuses in x whatever the charge."""
    rigidity = reference.p0c / speed_of_light * np.sign(reference.species.charge)
    return float(part["k"] / rigidity if part.get("unit") else part["k"])


def _aperture(part: dict[str, Any], reference: cv.Reference) -> cv.Element:
    kind = cv.RCollimator if part["shape"] == "rectangular" else cv.ECollimator
    return kind(x_limit=part["aperture_x"], y_limit=part["aperture_y"])


def _multipole(part: dict[str, Any], reference: cv.Reference) -> cv.Element:
    """ImpactX counts from the dipole, and kicks by ``(K_n + i K_s) (x + i y)^n / n!``."""
    n = part["multipole"] - 1
    factorial = float(np.prod(np.arange(1, n + 1)))
    return cv.ABMultipole(**{f"b{n}": part["K_normal"] / factorial, f"a{n}": part["K_skew"] / factorial})


def _rotation(part: dict[str, Any], reference: cv.Reference) -> cv.Element:
    """Turn the reference plane about the vertical axis."""
    return cv.Patch(x_pitch=radians(part["phi_out"] - part["phi_in"]))


def _buncher(part: dict[str, Any], reference: cv.Reference) -> cv.Element:
    """A thin cavity at the zero crossing, linear: it focuses along and, as Maxwell has it, defocuses across."""
    kick = part["k"] * part["V"]
    across = kick / (2 * (reference.beta * reference.gamma) ** 2)
    return cv.Taylor(terms={"tt21": across, "tt43": across, "tt65": -kick / reference.beta**2})


def _channel(part: dict[str, Any], reference: cv.Reference) -> cv.Element:
    """Return a slice of a channel that focuses linearly in all three directions: ``x'' = -kx^2 x``, ``t'' = -kt^2 t``."""
    length, terms = part["ds"] / _slices(part), {}
    # t' = pt / (beta gamma)^2, and z = -beta t, pz = -pt / beta
    slopes = {"kx": 1.0, "ky": 1.0, "kt": 1 / reference.gamma**2}
    for i, (name, slope) in zip((1, 3, 5), slopes.items(), strict=True):
        k = part[name]
        cosine, sine = np.cos(k * length), np.sin(k * length)
        terms |= {f"tt{i}{i}": cosine, f"tt{i}{i + 1}": sine / k * slope}
        terms |= {f"tt{i + 1}{i}": -k * sine / slope, f"tt{i + 1}{i + 1}": cosine}
    return cv.Taylor(length=length, terms=terms)


PIECES = ("ConstF",)
"""Elements that become as many as they have slices."""

KINDS: dict[str, Callable[[dict[str, Any], cv.Reference], cv.Element]] = {
    "BeamMonitor": lambda part, reference: cv.Marker(name="monitor"),
    "Drift": lambda part, reference: cv.Drift(length=part["ds"], tracking_method="linear"),
    "ExactDrift": lambda part, reference: cv.Drift(length=part["ds"]),
    "Quad": lambda part, reference: cv.Quadrupole(length=part["ds"], k1=part["k"], tracking_method="linear"),
    "ExactQuad": lambda part, reference: cv.Quadrupole(
        length=part["ds"], k1=_strength(part, reference), tracking_method=cv.KickDriftKick(order=6, num_steps=20)
    ),
    "Sbend": lambda part, reference: cv.SBend(
        length=part["ds"], angle=part["ds"] / part["rc"], tracking_method="linear", fringe_at="no_end"
    ),
    "Sol": lambda part, reference: cv.Solenoid(length=part["ds"], ks=part["ks"], tracking_method="linear"),
    "Kicker": lambda part, reference: cv.Kicker(hkick=part["xkick"], vkick=part["ykick"]),
    "Multipole": _multipole,
    "Aperture": _aperture,
    "PRot": _rotation,
    "Buncher": _buncher,
    "ConstF": _channel,
}
"""Elements of ImpactX, and what they are here."""
