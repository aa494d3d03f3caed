"""Caraval: particle beams through accelerators, on NumPy, PyTorch and JAX."""

from __future__ import annotations

from .core.beam import ParticleBeam
from .core.coordinates import Coordinates
from .core.element import Element, Parameter
from .core.hookspecs import hookimpl
from .core.lattice import Lattice
from .core.maps import LinearMap
from .core.methods import BmadStandard, KickDriftKick, Linear, SecondOrder, TrackingMethod
from .core.moments import MomentBeam
from .core.reference import Reference, Species
from .core.routine import Composite, Routine, Step
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
from .io import load, load_beam, save, save_beam
