"""Caraval: particle beams through accelerators, on NumPy, PyTorch and JAX."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .core.beam import ParticleBeam
from .core.coordinates import Coordinates
from .core.element import Element
from .core.errors import (
    BackendError,
    CaravalError,
    InputError,
    LatticeError,
    MethodError,
    PluginError,
    PluginWarning,
    UnknownNameError,
)
from .core.hookspecs import hookimpl
from .core.lattice import Lattice
from .core.maps import LinearMap
from .core.methods import BmadStandard, KickDriftKick, Linear, SecondOrder, TrackingMethod
from .core.moments import MomentBeam
from .core.reference import Reference, Species
from .core.registry import register_plugin
from .core.routine import Composite, Routine, Step
from .core.schema import Parameter
from .io import load, load_beam, save, save_beam
from .physics.drift import Drift
from .physics.ecollimator import ECollimator
from .physics.hkicker import HKicker
from .physics.instrument import Instrument
from .physics.kicker import Kicker
from .physics.lcavity import LCavity
from .physics.marker import Marker
from .physics.monitor import Monitor
from .physics.pipe import Pipe
from .physics.quadrupole import Quadrupole
from .physics.rcollimator import RCollimator
from .physics.sbend import RBend, SBend
from .physics.sextupole import Sextupole
from .physics.solenoid import Solenoid
from .physics.vkicker import VKicker

__version__ = "0.1.0"

__all__ = [
    "BackendError",
    "BmadStandard",
    "CaravalError",
    "Composite",
    "Coordinates",
    "Drift",
    "ECollimator",
    "Element",
    "HKicker",
    "InputError",
    "Instrument",
    "KickDriftKick",
    "Kicker",
    "LCavity",
    "Lattice",
    "LatticeError",
    "Linear",
    "LinearMap",
    "Marker",
    "MethodError",
    "MomentBeam",
    "Monitor",
    "Parameter",
    "ParticleBeam",
    "Pipe",
    "PluginError",
    "PluginWarning",
    "Quadrupole",
    "RBend",
    "RCollimator",
    "Reference",
    "Routine",
    "SBend",
    "SecondOrder",
    "Sextupole",
    "Solenoid",
    "Species",
    "Step",
    "TrackingMethod",
    "UnknownNameError",
    "VKicker",
    "hookimpl",
    "load",
    "load_beam",
    "register_plugin",
    "save",
    "save_beam",
]


_SUBMODULES = ("demo", "plot")
"""Modules that are imported when they are first used."""


def __getattr__(name: str) -> Any:
    """Find a module, or an element kind that a plugin brought: ``cv.PlasmaLens``."""
    if name in _SUBMODULES:
        return import_module(f"caraval.{name}")
    if name[:1].isupper():
        from .core.registry import registry

        if name in registry().kinds:
            return registry().kinds[name].value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
