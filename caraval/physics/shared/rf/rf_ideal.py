"""The ideal particle of a cavity, whose energy rises steadily along the field, as seen from a slice of the cavity."""

from __future__ import annotations

from typing import Any

from caraval.core.arrays import is_number, is_zero
from caraval.core.reference import Reference

from ..fields.rf_field import active, of_energy
from ..special import quotient
from . import lcavity_plateaus

SAME_PLACE = 1e-9
"""Share of the length within which a cut is at an end of the field."""


class Sight:
    """A cavity, or a slice of one, and the ideal particle in it.

    Parameters
    ----------
    cavity : CoupledCavity
    reference_in : Reference or None
        At the entrance of the slice; None, if only places are asked for.
    xp : namespace

    Attributes
    ----------
    whole : CoupledCavity
    part : Active
        The active part of the whole.
    start, end : number or array
        Of the slice in the whole [m].
    first, last : number or array
        Shares of the active part before the slice, and before its end.
    begins, ends : number or array
        One where the field begins, and ends, in the slice, else zero.
    """

    def __init__(self, cavity: Any, reference_in: Any, xp: Any) -> None:
        self.cavity, self.reference, self.xp = cavity, reference_in, xp
        self.whole = cavity.whole()
        self.part = active(self.whole, xp)
        self.start = 0.0 if cavity.slice_of is None else cavity.slice_start
        self.end = self.start + cavity.length
        self.first, self.last, self.begins, self.ends = 0.0, 1.0, 1.0, 1.0
        if cavity.slice_of is not None:
            self._look()

    def _look(self) -> None:
        xp, near = self.xp, SAME_PLACE * self.whole.length
        begin, stop = self.part.pipe, self.part.pipe + self.part.length
        self.first, self.last = self._share(self.start), self._share(self.end)
        begins = (begin >= self.start - near) & (begin < self.end - near)
        ends = (stop > self.start + near) & (stop <= self.end + near)
        self.begins, self.ends = xp.where(begins, 1.0, 0.0), xp.where(ends, 1.0, 0.0)

    def _share(self, place: Any) -> Any:
        """Return the share of the active part before a place; without length all of it is in the middle of the cavity."""
        xp, begin, length = self.xp, self.part.pipe, self.part.length
        found = xp.minimum(xp.maximum(quotient(place - begin, length, xp), 0.0), 1.0)
        return xp.where(length == 0, xp.where(place > begin, 1.0, 0.0), found)

    @property
    def share(self) -> Any:
        """Share of the active part that is in the slice."""
        return self.last - self.first

    def is_constant(self) -> bool:
        """Whether the reference energy is known to stay."""
        return is_zero(self.whole.gain)

    def ideal(self, share: Any) -> Reference:
        """Return the ideal particle after a share of the active part."""
        if self.is_constant():
            return self.reference
        begun = self._begun()
        return of_energy(begun, begun.energy + share * self.whole.gain)

    def along(self, share: float) -> Reference:
        """Return the ideal particle after a share of what of the active part is in the slice."""
        return self.ideal(self.first + share * self.share)

    def _begun(self) -> Reference:
        """Return the reference at the entrance of the whole cavity."""
        if self.cavity.slice_of is None:
            return self.reference
        if self.cavity.n_rf_steps == 0:
            risen = self.start / self.whole.length * self.whole.gain
        else:
            risen = lcavity_plateaus.risen_at_start(lcavity_plateaus.window(self.cavity, self.xp), self.xp)
        return of_energy(self.reference, self.reference.energy - risen)

    def behind(self, place: Any, share: Any) -> Any:
        """Return by how much the ideal particle is later than the reference, as a length at the speed of light [m].

        Parameters
        ----------
        place : number or array
            [m]
        share : number or array
            Of the active part before it.
        """
        begun, here, part = self._begun(), self.ideal(share), self.part
        time = self.xp.minimum(1.0 * place, 1.0 * part.pipe) / begun.beta + share * part.length / between(begun, here).beta
        time = time + self.xp.maximum(place - part.pipe - part.length, 0.0) / here.beta
        if self.cavity.n_rf_steps == 0:
            exit = of_energy(begun, begun.energy + self.whole.gain * place / self.whole.length)
            return time - place / between(begun, exit).beta
        return time - lcavity_plateaus.elapsed(lcavity_plateaus.window(self.cavity, self.xp), self.reference, place, self.xp)


def between(before: Reference, after: Reference) -> Reference:
    """Return a reference of constant speed that takes the ideal particle's time.

    Its speed is ``(P1 + P2) / (E1 + E2)``, its energy over its mass ``(E1 + E2) / sqrt((E1 + E2)^2 - (P1 + P2)^2)``.
    """
    if before is after:
        return before
    p1, p2, e1, e2 = before.p0c, after.p0c, before.energy, after.energy
    square = 2 + 2 * (e1 * e1 + p2 * p2) / (e1 * e2 + p1 * p2)
    return of_energy(before, (e1 + e2) / square**0.5)


def is_settled(cavity: Any) -> bool:
    """Whether it is known by plain numbers where in the cavity a slice is."""
    return all(map(is_number, (cavity.length, cavity.rf_frequency, cavity.slice_start, cavity.slice_of)))
