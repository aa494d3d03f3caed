"""Where a line stands on the floor."""

from __future__ import annotations

from math import pi
from typing import Any

import numpy as np

from caraval.core.arrays import arrays, namespace, shape_of, stack
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.plan import reference_pass
from caraval.core.registry import backend_of, registry
from caraval.physics.fiducial import Fiducial
from caraval.physics.floor import FLOOR, STEEP, Angles, Frame, angles, rotation, standing

from .table import Table, column
from .twiss import START

POSITION = ("x_position", "y_position", "z_position")
ORIENTATION = ("theta_position", "phi_position", "psi_position")


def survey(lattice: Lattice) -> Table:
    """Return where the reference orbit is on the floor, at the start and after every element.

    Coordinates are those of the Bmad manual, "Global Coordinates".

    Misalignments do not count: it is the line that is surveyed, not what stands in it.

    Parameters
    ----------
    lattice : Lattice
        With a reference. It begins where ``lattice.beginning`` says (``x_position`` [m], ``theta_position`` [rad], ...), or so
        that its first fiducial is where that says.

    Returns
    -------
    Table
        ``s`` [m], ``name`` (``"beginning"`` first), ``x``, ``y``, ``z`` [m], ``theta``, ``phi``, ``psi`` [rad]: azimuth, pitch
        and roll, which go on beyond a turn. A pitch beyond a right angle goes on where values are known, and is told as one
        below it with the others turned by half a turn where a trace hides them (`jax.jit`).

    Raises
    ------
    InputError
        If the lattice has no reference, is a batch, or has a floor shift or a fiducial from an origin that is not understood.
    """
    if lattice.reference is None:
        raise InputError("the lattice has no reference: bends that are given by fields need it; lattice.replace(reference=...)")
    for element in lattice:
        for name, value in element.parameters.items():
            if value is not None and shape_of(value):
                raise InputError(f"{element.label}: {name} is a batch of shape {shape_of(value)}; survey one lattice at a time")
    references = reference_pass(registry(), lattice.elements, lattice.reference)
    xp = namespace(*arrays(value for element in lattice for value in element.parameters.values()))
    elements = [element.at(here, xp) for element, here in zip(lattice, references, strict=False)]
    said = {name: float(lattice.beginning.get(name, 0.0)) for name in (*POSITION, *ORIENTATION)}
    begin = Frame(np.array([said[name] for name in POSITION]), rotation(*(said[name] for name in ORIENTATION)))
    frames = _from_fiducial(elements, [begin, *(element.exit for element in standing(elements, begin))])
    near: Angles = (said[ORIENTATION[0]], said[ORIENTATION[1]], said[ORIENTATION[2]])
    position = _stacked([frame.origin for frame in frames])
    turned = _oriented(_stacked([frame.axes for frame in frames]), near)
    return Table({
        "s": column([reference.s for reference in references]), "name": np.array([START, *lattice.names]),
        **{name: position[:, i] for i, name in enumerate("xyz")},
        **dict(zip(("theta", "phi", "psi"), turned, strict=True)),
    })  # fmt: skip


def _stacked(values: list[Any]) -> Any:
    """Return arrays as one, those of NumPy beside others in the library of those."""
    like = next((value for value in values if not isinstance(value, np.ndarray)), None)
    if like is None:
        return np.stack(values)
    backend = backend_of(like)
    return stack([backend.beside(v, like) if isinstance(v, np.ndarray) else v for v in values], axis=0)


def _oriented(axes: Any, near: Angles) -> list[Any]:
    """Return azimuth, pitch and roll of rotations ``(places, 3, 3)`` along a line; each is nearest to the one before."""
    known = backend_of(axes).shown(axes)
    told = None if known is None else _told(known, near)
    if told is not None and isinstance(axes, np.ndarray):
        return list(told)
    xp = namespace(axes)
    level = axes[:, 0, 2] ** 2 + axes[:, 2, 2] ** 2
    steep = level < STEEP**2  # there azimuth and roll are about the same axis, and have no derivatives
    one = xp.ones_like(level)
    theta = xp.atan2(xp.where(steep, 0.0 * one, axes[:, 0, 2]), xp.where(steep, one, axes[:, 2, 2]))
    phi = xp.atan2(axes[:, 1, 2], xp.sqrt(xp.where(steep, STEEP**2 * one, level)))
    psi = xp.atan2(xp.where(steep, 0.0 * one, axes[:, 1, 0]), xp.where(steep, one, axes[:, 1, 1]))
    if told is None:
        return [_unwrapped(angle, start, xp) for angle, start in zip((theta, phi, psi), near, strict=True)]
    backend = backend_of(axes)
    values = [backend.value(angle) for angle in (theta, phi, psi)]
    overhead = np.cos(told[1]) < 0
    phi = phi * backend.beside(np.where(overhead, -1.0, 1.0), axes)
    values[1] = np.where(overhead, -values[1], values[1])
    return [
        angle + backend.beside(wanted - value, axes)
        for angle, wanted, value in zip((theta, phi, psi), told, values, strict=True)
    ]


def _told(axes: np.ndarray, near: Angles) -> np.ndarray:
    """Return the angles of rotations that are known, ``(3, places)``."""
    found = []
    for one in axes:
        near = angles(one, near)
        found.append(near)
    return np.array(found).T


def _unwrapped(angle: Any, start: float, xp: Any) -> Any:
    """Return angles along a line with such whole turns added that each is near the one before."""
    before = xp.concat([0.0 * angle[:1] + start, angle[:-1]])
    return angle - 2 * pi * xp.cumulative_sum(xp.round((angle - before) / (2 * pi)))


def _from_fiducial(elements: list[Any], frames: list[Frame]) -> list[Frame]:
    """Return the frames, moved together so that the first fiducial is where it says."""
    found = next((place for place, element in enumerate(elements) if isinstance(element, Fiducial)), None)
    if found is None:
        return frames
    fiducial = elements[found]
    if fiducial.origin_ele not in ("", "global_coordinates"):
        raise InputError(f"{fiducial.label}: origin_ele {fiducial.origin_ele!r} is not understood; give the global position")
    turn = rotation(fiducial.dtheta_origin, fiducial.dphi_origin, fiducial.dpsi_origin)
    wanted = FLOOR.moved([fiducial.dx_origin, fiducial.dy_origin, fiducial.dz_origin], turn)
    here = frames[found]
    way = Frame(-here.axes.T @ here.origin, here.axes.T)  # the floor's origin, seen from the fiducial
    return [wanted.moved(*way).moved(*frame) for frame in frames]
