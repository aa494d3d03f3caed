"""Caraval: particle beams through accelerators, on NumPy, PyTorch and JAX."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .backends.base import Backend
from .core.arrays import expand, is_number
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
from .core.formats import BeamReader, BeamWriter, Reader, Writer
from .core.hookspecs import hookimpl
from .core.lattice import Lattice
from .core.losses import Loss, Losses, LossWarning
from .core.maps import LinearMap, SecondOrderMap
from .core.methods import BmadStandard, CenterPhase, KickDriftKick, Linear, RungeKutta, SecondOrder, TrackingMethod
from .core.moments import MomentBeam
from .core.reference import Reference, Species
from .core.registry import register_plugin, value_of
from .core.routine import Collective, Composite, Routine, Step
from .core.schema import ArrayTree, Parameter
from .io import load, load_beam, save, save_beam
from .physics.ab_multipole import ABMultipole
from .physics.ac_kicker import ACKicker
from .physics.beambeam import BeamBeam
from .physics.crab_cavity import CrabCavity
from .physics.drift import Drift
from .physics.e_gun import EGun
from .physics.ecollimator import ECollimator
from .physics.elseparator import ELSeparator
from .physics.em_field import EMField
from .physics.fiducial import Fiducial
from .physics.fixer import Fixer
from .physics.floor_shift import FloorShift
from .physics.fork import Fork, PhotonFork
from .physics.gkicker import GKicker
from .physics.hkicker import HKicker
from .physics.instrument import Instrument
from .physics.kicker import Kicker
from .physics.lcavity import LCavity
from .physics.marker import Marker
from .physics.mask import Mask
from .physics.match import Match
from .physics.monitor import Monitor
from .physics.multipole import Multipole
from .physics.octupole import Octupole
from .physics.patch import Patch
from .physics.pipe import Pipe
from .physics.quadrupole import Quadrupole
from .physics.rcollimator import RCollimator
from .physics.rfcavity import RFCavity
from .physics.sad_mult import SadMult
from .physics.sbend import RBend, SBend
from .physics.sextupole import Sextupole
from .physics.sol_quad import SolQuad
from .physics.solenoid import Solenoid
from .physics.taylor import Taylor
from .physics.thick_multipole import ThickMultipole
from .physics.undulator import Undulator
from .physics.vkicker import VKicker
from .physics.wiggler import Wiggler
from .scanning import grid, scan

__version__ = "0.1.0"

__all__ = [
    "ABMultipole",
    "ACKicker",
    "ArrayTree",
    "Backend",
    "BackendError",
    "BeamBeam",
    "BeamReader",
    "BeamWriter",
    "BmadStandard",
    "CaravalError",
    "CenterPhase",
    "Collective",
    "Composite",
    "Coordinates",
    "CrabCavity",
    "Drift",
    "ECollimator",
    "EGun",
    "ELSeparator",
    "EMField",
    "Element",
    "Fiducial",
    "Fixer",
    "FloorShift",
    "Fork",
    "GKicker",
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
    "Loss",
    "LossWarning",
    "Losses",
    "Marker",
    "Mask",
    "Match",
    "MethodError",
    "MomentBeam",
    "Monitor",
    "Multipole",
    "Octupole",
    "Parameter",
    "ParticleBeam",
    "Patch",
    "PhotonFork",
    "Pipe",
    "PluginError",
    "PluginWarning",
    "Quadrupole",
    "RBend",
    "RCollimator",
    "RFCavity",
    "Reader",
    "Reference",
    "Routine",
    "RungeKutta",
    "SBend",
    "SadMult",
    "SecondOrder",
    "SecondOrderMap",
    "Sextupole",
    "SolQuad",
    "Solenoid",
    "Species",
    "Step",
    "Taylor",
    "ThickMultipole",
    "TrackingMethod",
    "Undulator",
    "UnknownNameError",
    "VKicker",
    "Wiggler",
    "Writer",
    "expand",
    "grid",
    "hookimpl",
    "is_number",
    "load",
    "load_beam",
    "register_plugin",
    "save",
    "save_beam",
    "scan",
    "value_of",
]


_SUBMODULES = ("converters", "demo", "optics", "plot", "testing")
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
