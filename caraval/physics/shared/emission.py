"""How strongly a charge radiates where it is bent.

(Bmad manual, "Radiation Damping and Excitation"; Jowett, AIP Conf. Proc. 153, 864.)
"""

from __future__ import annotations

from math import sqrt
from typing import Any

from scipy import constants

from caraval.core.arrays import is_zero
from caraval.core.element import Element
from caraval.core.reference import C_LIGHT, Reference
from caraval.core.species import Species

from .multipoles import Kicked

EFFECT = "radiation"
"""Name of the effect in elements that radiate; its option `scale` is a factor of the energy that is lost."""

ELECTRON_VOLT_METRE = constants.hbar * C_LIGHT / constants.elementary_charge
"""``hbar c`` [eV m]."""

QUANTUM = 55 / (24 * sqrt(3))
"""Factor of ``r_c hbar / (m c) gamma^5 g^3`` in the spread of the energy that is radiated."""


def classical_radius(species: Species) -> float:
    """Return ``q^2 / (4 pi epsilon_0 m c^2)`` [m]."""
    return constants.alpha * ELECTRON_VOLT_METRE / species.mass * species.charge**2


def reduced_wavelength(species: Species) -> float:
    """Return ``hbar / (m c)`` [m]."""
    return ELECTRON_VOLT_METRE / species.mass


def mean_loss(reference: Reference) -> Any:
    """Return ``k_d`` [m]: what part of its energy a particle of the reference's loses per length and ``g^2``."""
    return 2 / 3 * classical_radius(reference.species) * reference.gamma**3


def mean_loss_in(element: Element, reference: Reference) -> Any:
    """Return the same as the effect in an element has it, with its factor."""
    return element.effects[EFFECT].get("scale", 1.0) * mean_loss(reference)


def radiating(element: Element, scale: float = 1.0) -> Element:
    """Return an element with the effect, if it is a magnet with a length; others as they are."""
    if not isinstance(element, Kicked) or is_zero(element.length):
        return element
    return element.replace(effects={**element.effects, EFFECT: {"scale": scale}})
