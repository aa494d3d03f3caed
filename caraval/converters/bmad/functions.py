"""The functions and constants that expressions know (Bmad manual, "Intrinsic Functions", "Units and Constants")."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from scipy import constants

from caraval.core.errors import InputError
from caraval.core.reference import C_LIGHT, as_species


class Function(NamedTuple):
    """A function, and the least and the largest number of its arguments."""

    compute: Callable[..., float]
    least: int = 1
    most: int = 1


def nearest(x: float) -> float:
    """Round to the nearest whole number, halves away from zero."""
    return math.copysign(math.floor(abs(x) + 0.5), x)


def factorial(n: float) -> float:
    """Return ``n!`` of a whole number."""
    if n != int(n) or n > 170:
        raise ValueError
    return math.factorial(int(n))


FUNCTIONS: dict[str, Function] = {
    "sqrt": Function(math.sqrt),
    "log": Function(math.log),
    "exp": Function(math.exp),
    "sin": Function(math.sin),
    "cos": Function(math.cos),
    "tan": Function(math.tan),
    "asin": Function(math.asin),
    "acos": Function(math.acos),
    "sinh": Function(math.sinh),
    "cosh": Function(math.cosh),
    "tanh": Function(math.tanh),
    "asinh": Function(math.asinh),
    "acosh": Function(math.acosh),
    "atanh": Function(math.atanh),
    "floor": Function(math.floor),
    "atan": Function(lambda y, x=1.0: math.atan2(y, x) if x != 1.0 else math.atan(y), 1, 2),
    "atan2": Function(math.atan2, 2, 2),
    "cot": Function(lambda x: 1 / math.tan(x)),
    "coth": Function(lambda x: 1 / math.tanh(x)),
    "acoth": Function(lambda x: math.atanh(1 / x)),
    "sinc": Function(lambda x: math.sin(x) / x if x else 1.0),
    "abs": Function(abs),
    "int": Function(math.trunc),
    "nint": Function(nearest),
    "ceiling": Function(math.ceil),
    "sign": Function(lambda x: float((x > 0) - (x < 0))),
    "modulo": Function(lambda a, p: a - math.floor(a / p) * p, 2, 2),
    "factorial": Function(factorial),
    "^": Function(math.pow, 2, 2),
}

RANDOM = ("ran", "ran_gauss")
"""Functions whose values differ whenever the file is read."""

ANOMALOUS_MOMENTS = {
    "electron": 0.00115965218128,
    "muon": 0.00116592089,
    "proton": 1.79284734463,
    "deuteron": -0.1425617662,
    "helion": -4.184153686,
}
"""The anomalous magnetic moments that Bmad has; those of composite particles are effective."""

_PARTICLES = {"positron": "electron", "antimuon": "muon", "antiproton": "proton"}


def anomalous_moment(species: str) -> float:
    """Return the anomalous magnetic moment of a species or its antiparticle.

    Raises
    ------
    InputError
        If it is not known.
    """
    name = as_species(species).name
    name = _PARTICLES.get(name, name)
    if name not in ANOMALOUS_MOMENTS:
        raise InputError(f"no anomalous magnetic moment is known for {species!r}; known are {', '.join(ANOMALOUS_MOMENTS)}")
    return ANOMALOUS_MOMENTS[name]


SPECIES_FUNCTIONS: dict[str, Callable[[str], float | str]] = {
    "mass_of": lambda name: as_species(name).mass,
    "charge_of": lambda name: as_species(name).charge,
    "anomalous_moment_of": anomalous_moment,
    "species": lambda name: as_species(name).name,
}


def _codata(name: str) -> float:
    return float(constants.physical_constants[name][0])


_MASSES = {name: as_species(name).mass for name in ("electron", "proton", "muon", "deuteron")}

CONSTANTS: dict[str, float] = {
    "pi": math.pi,
    "twopi": 2 * math.pi,
    "fourpi": 4 * math.pi,
    "e": math.e,
    "e_log": math.e,
    "sqrt_2": math.sqrt(2),
    "degrad": 180 / math.pi,
    "degrees": math.pi / 180,
    "raddeg": math.pi / 180,
    **{f"m_{name}": mass for name, mass in _MASSES.items()},
    "m_neutron": _codata("neutron mass energy equivalent in MeV") * 1e6,
    "m_pion_0": 134.9766e6,
    "m_pion_charged": 139.57018e6,
    "emass": _MASSES["electron"] * 1e-9,
    "pmass": _MASSES["proton"] * 1e-9,
    "c_light": C_LIGHT,
    "clight": C_LIGHT,
    "e_charge": constants.elementary_charge,
    "r_e": _codata("classical electron radius"),
    "r_p": _codata("classical electron radius") * _MASSES["electron"] / _MASSES["proton"],
    "h_planck": constants.Planck / constants.elementary_charge,
    "h_bar_planck": constants.hbar / constants.elementary_charge,
    "fine_struct_const": constants.fine_structure,
    **{f"anom_moment_{name}": moment for name, moment in ANOMALOUS_MOMENTS.items()},
    **{f"anom_mag_{name}": moment for name, moment in ANOMALOUS_MOMENTS.items()},
    "anom_moment_he3": ANOMALOUS_MOMENTS["helion"],
}
"""In SI units and electronvolts; `emass` and `pmass` in GeV, as in MAD."""
