"""Where a line stands on the floor."""

from __future__ import annotations

from typing import Any

import numpy as np

from caraval.core import scalar
from caraval.core.arrays import is_number, shape_of
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.plan import reference_pass
from caraval.core.registry import backend_of, registry
from caraval.physics.fiducial import Fiducial
from caraval.physics.floor import FLOOR, Angles, Frame, angles, rotation, standing

from .table import Table
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
        and roll, which go on beyond a turn. Numbers of NumPy, whatever the lattice's arrays are.

    Raises
    ------
    InputError
        If the lattice has no reference, is a batch, or has a floor shift or a fiducial from an origin that is not understood.
    """
    if lattice.reference is None:
        raise InputError("the lattice has no reference: bends that are given by fields need it; lattice.replace(reference=...)")
    references = reference_pass(registry(), lattice.elements, lattice.reference)
    elements = [
        element.with_values({name: _plain(element.label, name, value) for name, value in element.parameters.items()})
        for element in lattice
    ]
    elements = [element.at(here, scalar) for element, here in zip(elements, references, strict=False)]
    said = {name: float(lattice.beginning.get(name, 0.0)) for name in (*POSITION, *ORIENTATION)}
    begin = Frame(np.array([said[name] for name in POSITION]), rotation(*(said[name] for name in ORIENTATION)))
    stand = standing(elements, begin)
    frames = _from_fiducial(elements, [begin, *(element.exit for element in stand)])
    turned: list[Angles] = []
    near: Angles = (said[ORIENTATION[0]], said[ORIENTATION[1]], said[ORIENTATION[2]])
    for frame in frames:
        near = angles(frame.axes, near)
        turned.append(near)
    columns = np.array([[*frame.origin, *angle] for frame, angle in zip(frames, turned, strict=True)]).T
    s = np.array([_plain("the lattice", "s", reference.s) for reference in references])
    names = ("x", "y", "z", "theta", "phi", "psi")
    return Table({"s": s, "name": np.array([START, *lattice.names]), **dict(zip(names, columns, strict=True))})


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
    back = wanted.axes @ here.axes.T
    return [Frame(wanted.origin + back @ (frame.origin - here.origin), back @ frame.axes) for frame in frames]


def _plain(label: str, name: str, value: Any) -> Any:
    """Return a number, or the value of an array of one."""
    if value is None or is_number(value):
        return value
    if shape_of(value):
        raise InputError(f"{label}: {name} is a batch of shape {shape_of(value)}; survey one lattice at a time")
    return float(backend_of(value).to_numpy(value))
