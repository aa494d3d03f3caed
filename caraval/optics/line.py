"""A lattice made ready for optics: the plan of its own tracking, looked at after every element."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from itertools import accumulate
from typing import Any

import numpy as np

from caraval.core.arrays import arrays, is_number, namespace
from caraval.core.element import deciding
from caraval.core.errors import InputError
from caraval.core.expansion import Piece, pieces, rows_of
from caraval.core.jet import Jet
from caraval.core.lattice import Lattice
from caraval.core.maps import IDENTITY
from caraval.core.plan import Prepared
from caraval.core.reference import Reference
from caraval.core.registry import backend_of, registry
from caraval.core.responses import is_felt
from caraval.core.rows import Row
from caraval.physics.lcavity import LCavity
from caraval.physics.match import Match, matrix_of
from caraval.physics.rfcavity import RFCavity
from caraval.physics.shared.modes import multiplied

from .equations import jet, slope_of, value_of
from .following import fixed_along


class Line:
    """A lattice with the numbers of its tracking filled in once, for passes of single orbits.

    Parameters
    ----------
    lattice : Lattice
        With a reference, and with what effects do to single particles.
    closed : bool, optional
        Whether the beam goes round; left out: as the lattice says. Where no cavity is on to make up for the energy that is lost
        in a turn, none is lost (as in Bmad).

    Raises
    ------
    InputError
        If the lattice has no reference.
    """

    def __init__(self, lattice: Lattice, *, closed: bool | None = None) -> None:
        if lattice.reference is None:
            raise InputError(
                "the lattice has no reference; give one: lattice.replace(reference=cv.Reference('electron', p0c=1e9))"
            )
        self.lattice = lattice
        self.reference: Reference = lattice.reference
        self.closed = lattice.geometry == "closed" if closed is None else closed
        self.conserves = self.closed and not has_rf(lattice)

    @cached_property
    def prepared(self) -> Prepared:
        """The plan with its numbers, which looks at every element."""
        self.lattice.planner.libraries()
        plan = self.lattice.planner.plan(self._ends, self.reference, conserves=self.conserves)
        return self.lattice.planner.filled(plan, self.reference, particles=False)

    @cached_property
    def _ends(self) -> list[int]:
        """The last piece of every element, of those that are in slices."""
        return [after - 1 for after in accumulate(element.num_slices for element in self.lattice)]

    @cached_property
    def references(self) -> list[Reference]:
        """The reference at the start and after every element."""
        first, *after = self.prepared.references
        return [first, *(after[end] for end in self._ends)]

    @cached_property
    def dissipates(self) -> bool:
        """Whether something in it takes energy away for good."""
        return any(isinstance(stage, Row) and stage.dissipates for stage in self.prepared.stages)

    def without_rf(self) -> Line:
        """Return the line with storage-ring cavities off."""
        return Line(without_rf(self.lattice), closed=self.closed) if has_rf(self.lattice) else self

    def about(self, orbit: Sequence[Any], *, rf: bool = True) -> Line:
        """Return the line for optics about an orbit that begins there: what dissipates is a fixed change of that orbit.

        Parameters
        ----------
        orbit : six numbers, or jets
        rf : bool
            Whether storage-ring cavities focus. If not, they are off; where something dissipates, what they do to the orbit
            stays.
        """
        flat = self if rf else self.without_rf()
        if not self.dissipates:
            return flat
        off = set() if rf else {place for place, element in enumerate(self.lattice) if isinstance(element, RFCavity)}
        line = Line(self.lattice, closed=self.closed)
        line.__dict__["prepared"] = fixed_along(self.prepared, [value_of(v) for v in orbit], self.backend, flat.prepared, off)
        return line

    @cached_property
    def arrays(self) -> list[Any]:
        """The arrays among its settings and weights and in its reference; weights of NumPy go with every library."""
        found = deciding(self.lattice)
        return arrays([*found, self.reference.p0c, self.reference.s, self.reference.t])

    @cached_property
    def backend(self) -> Any:
        """The backend of the lattice's arrays; NumPy if it has none."""
        return backend_of(self.arrays[0]) if self.arrays else registry().backend("numpy")

    @cached_property
    def is_plain(self) -> bool:
        """Whether there are plain numbers alone."""
        return not self.arrays

    @cached_property
    def is_hidden(self) -> bool:
        """Whether a trace hides values, or the lanes of a `vmap`."""
        return any(self.backend.shown(value) is None for value in self.arrays)

    @cached_property
    def is_felt(self) -> bool:
        """Whether something in it acts on every particle by itself, and is no routine: a network."""
        return any(map(is_felt, self.prepared.stages))

    @cached_property
    def way(self) -> Any:
        """What expands all elements at once; None if one has a map of its own, beside its tracking, or is no routine."""
        if self.is_felt or any(isinstance(element, Match) and element.lands() for element in self.lattice):
            return None
        return self.backend.way(rows_of(self.prepared))

    def goes_at_once(self, start: Sequence[Any]) -> bool:
        """Whether all elements are expanded at once about an orbit that begins there: six numbers or jets."""
        found = arrays([part for v in start for part in (value_of(v), slope_of(v))])
        if any(isinstance(v, Jet) for v in start) and not self.backend.has_derivatives:
            return False
        return all(backend_of(array).name == self.backend.name for array in found) and self.way is not None

    def pieces(self, start: Sequence[Any]) -> Iterator[Piece]:
        """Yield the map of every element about the orbit that begins at `start`, six numbers or jets.

        That of a match which takes all particles to one orbit is the map of its optics.
        """
        if self.goes_at_once(start) and not any(isinstance(v, Jet) for v in start):
            matrices, orbits = self.way.maps(start)
            yield from map(Piece, range(len(self.lattice)), _nested(matrices, 3), _nested(orbits, 2))
            return
        for place, piece in enumerate(pieces(self.prepared, start, self.backend)):
            element, matrix = self.prepared.elements[piece.place], piece.matrix
            if isinstance(element, Match) and element.lands():
                matrix = tuple(map(tuple, matrix_of(element, namespace(*element.parameter_values()))))
            yield Piece(place, matrix, piece.orbit)

    def turn(self, start: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        """Return the map of the whole line about an orbit, entry by entry, and where the orbit ends."""
        if self.goes_at_once(start):
            return self._turn_at_once(start)
        total: Any = IDENTITY.tolist()
        orbit = tuple(start)
        by_entries = not (self.is_plain and all(map(is_number, start)))
        for piece in self.pieces(start):
            total = multiplied(piece.matrix, total) if by_entries else np.array(piece.matrix) @ total
            orbit = piece.orbit
        return total if by_entries else np.asarray(total).tolist(), orbit

    def _turn_at_once(self, start: Sequence[Any]) -> tuple[Any, tuple[Any, ...]]:
        values, slopes = [value_of(v) for v in start], [slope_of(v) for v in start]
        if not any(isinstance(v, Jet) for v in start):
            matrix, end = self.way.turn(values)
            return _nested(matrix, 2), tuple(_nested(end, 1))
        (matrix, end), (steeper, off) = self.backend.push(self.way.turn, values, slopes)
        rows = [[jet(v, d) for v, d in zip(*pair, strict=True)] for pair in zip(matrix, steeper, strict=True)]
        return rows, tuple(jet(v, d) for v, d in zip(end, off, strict=True))


def _nested(array: Any, axes: int) -> Any:
    """Return nested lists, so many deep, of plain numbers or of arrays of settings."""
    if isinstance(array, np.ndarray) and array.ndim == axes:
        return array.tolist()
    return [_nested(part, axes - 1) for part in array] if axes else array


def has_rf(lattice: Lattice) -> bool:
    """Whether cavities act on a beam that goes round and round."""
    return any(isinstance(element, RFCavity) and _acts(element) for element in lattice)


def has_longitudinal_focusing(lattice: Lattice) -> bool:
    """Whether cavities of any kind act; those that accelerate leave closed orbits in four dimensions, as in Bmad."""
    return has_rf(lattice) or any(isinstance(element, LCavity) and _acts(element) for element in lattice)


def without_rf(lattice: Lattice) -> Lattice:
    """Return the lattice with its storage-ring cavities switched off; always the same one, with its plans."""
    if not has_rf(lattice):
        return lattice
    known = lattice.planner.derived
    if "without_rf" not in known:
        known["without_rf"] = lattice.replace({"RFCavity::*.is_on": False})
    flat: Lattice = known["without_rf"]
    return flat


def _acts(cavity: RFCavity | LCavity) -> bool:
    return cavity.is_on and not (is_number(cavity.voltage) and cavity.voltage == 0)
