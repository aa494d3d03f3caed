"""Drifts, markers, and what is either as long as nothing acts together."""

from __future__ import annotations

from collections.abc import Callable
from math import pi

from caraval.core.element import Element
from caraval.core.reference import C_LIGHT

from .attributes import Attributes
from .setting import Surroundings

Conversion = Callable[[Attributes, Surroundings], Element]

COLLECTIVE = {
    "wakes": "WAKE TRWAKE LRWAKE ZLONGIT ZTRANSVERSE RFMODE TRFMODE FRFMODE FTRFMODE CORGPIPE CORGPLATES SHRFDF",
    "coherent radiation": "CSRDRIFT",
    "space charge": "LSCDRIFT SCMULT",
    "ions": "IONEFFECTS",
    "scattering": "SCATTER DSCATTER TSCATTER IBSCATTER",
    "radiation": "SREFFECTS",
    "feedback": "TFBDRIVER",
}
"""Types that make particles act on each other, or on chance, by what is left out of them."""


def drift(a: Attributes, here: Surroundings) -> Element:
    """DRIF, EDRIFT."""
    return a.make("Drift")


def diagnostic(a: Attributes, here: Surroundings) -> Element:
    """A type that the beam does not feel."""
    return a.empty()


def collective(effect: str) -> Conversion:
    """Return the conversion of types with an effect that is left out."""

    def conversion(a: Attributes, here: Surroundings) -> Element:
        a.note("", a.element.type.name, f"tracked without {effect}")
        return a.empty()

    return conversion


def charge(a: Attributes, here: Surroundings) -> Element:
    """CHARGE: that of the beam is the beam's."""
    a.note("TOTAL", a.number("TOTAL") or a.number("PER_PARTICLE"), "the beam's own charge")
    return a.empty()


def energy(a: Attributes, here: Surroundings) -> Element:
    """ENERGY: the reference momentum from here on, in units of ``m c``, or that of the beam.

    elegant's ``CENTRAL_ENERGY`` is kinetic, in units of ``m c^2``, and comes before a momentum.
    """
    momentum, kinetic = a.number("CENTRAL_MOMENTUM"), a.number("CENTRAL_ENERGY")
    if a.integer("MATCH_PARTICLES"):
        a.physics("MATCH_PARTICLES", 1, "particles keep their momenta")
    if kinetic > 0:
        return a.make("Patch", e_tot_set=(1 + kinetic) * here.species.mass)
    if momentum > 0:
        return a.make("Patch", p0c_set=momentum * here.species.mass)
    if a.element.number("MATCH_BEAMLINE"):
        report = a.physics if here.has_own_gain else a.note
        report("MATCH_BEAMLINE", 1, "the reference momentum stays, rather than be the mean of the beam")
    return a.make("Marker")


def nothing_or_drift(*names: str) -> Conversion:
    """Return the conversion of types that are drifts while none of some parameters is given."""

    def conversion(a: Attributes, here: Surroundings) -> Element:
        if any(a.element.number(name) for name in names):
            return a.drift(a.element.type.name)
        return a.empty()

    return conversion


def momentum_filter(a: Attributes, here: Surroundings) -> Element:
    """PFILTER, which lets all particles pass while it has no limit."""
    if a.number("DELTALIMIT") > 0 or a.number("LOWERFRACTION") > 0 or a.number("UPPERFRACTION") > 0:
        return a.drift("PFILTER")
    return a.empty()


def wiggler(a: Attributes, here: Surroundings) -> Element:
    """WIGGLER: ``K`` is ``e B lambda / (2 pi m c)``."""
    poles, length = a.integer("POLES"), a.number("L")
    strength, field = a.number("K"), a.number("B")
    if a.number("RADIUS") and not (strength or field):
        a.physics("RADIUS", a.number("RADIUS"), "no field")
    a.passing("RADIUS")
    if not a.integer("FOCUSING"):
        a.physics("FOCUSING", 0, "a field that focuses")
    if poles < 1 or length <= 0:
        return a.make("Drift" if length else "Marker")
    wave_number = pi * poles / length
    b_max = strength * wave_number * here.species.mass / C_LIGHT if strength > 0 else field
    return a.make("Wiggler", b_max=b_max, n_period=poles / 2, **a.placed())


def sinusoidal_wiggler(a: Attributes, here: Surroundings) -> Element:
    """CWIGGLER, whose field is a sine."""
    periods, field, placed = a.integer("PERIODS"), a.number("B_MAX"), a.placed()
    fields = [a.number("BX_MAX"), a.number("BY_MAX")]
    files = [a.text(name) for name in ("BY_FILE", "BX_FILE")]
    if not field and not any(fields) and not any(files):
        return a.make("Drift")
    if any(fields) or any(files) or not a.integer("SINUSOIDAL") or periods < 1:
        return a.drift("CWIGGLER whose field is no plain sine")
    if a.integer("VERTICAL"):
        placed["tilt"] += pi / 2
    kind = "helical_model" if a.integer("HELICAL") else "planar_model"
    return a.make("Wiggler", b_max=field, n_period=periods, field_calc=kind, **placed)
