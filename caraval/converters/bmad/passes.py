"""Passes of one element in Caraval's elements: the same field at every energy (Bmad manual, "Multipass")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from caraval.core import scalar
from caraval.core.element import Element as CaravalElement
from caraval.core.errors import CaravalError
from caraval.core.plan import reference_pass
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.physics.lcavity import LCavity
from caraval.physics.multipole import NORMAL, SKEW, Multipole
from caraval.physics.sbend import SBend
from caraval.physics.shared.multipoles import MULTIPOLES, Magnet
from caraval.physics.shared.rf.cavity import CoupledCavity
from caraval.physics.shared.rf.lcavity_passes import Timing, slips, timing
from caraval.physics.shared.rf.lcavity_plateaus import whole_exit

from .definitions import Branch, Element, Physical, Slave, body
from .multipass import ENERGIES
from .overlaps import Convert, slice_of

First = Callable[[Physical], tuple[CaravalElement, Reference]]
"""The first pass of an element in another branch, and the reference there."""


def told(
    branch: Branch, elements: Sequence[CaravalElement], reference: Reference, elsewhere: First, convert: Convert
) -> tuple[list[CaravalElement], Convert]:
    """Return elements of which the passes do with the reference of each what the whole does, and what converts others so.

    Parameters
    ----------
    branch : Branch
        With the elements as the file has them.
    elements : sequence of Element
        The same in Caraval, or the first of them.
    reference : Reference
        At the beginning.
    elsewhere : callable
        Returns the first pass of what is passed first in another branch, and the reference there.
    convert : callable
        Makes an element of Caraval, for what is cut.
    """
    out = list(elements)
    here = _Passes(elsewhere)
    cut: dict[int, CaravalElement] = {}

    def known(element: Element) -> CaravalElement:
        return cut[id(element)] if id(element) in cut else convert(element)

    if all(body(element).lord is None for element in branch.elements):
        return out, known
    for i, said in enumerate(branch.elements[: len(out)]):
        now = reference
        if isinstance(said, Slave):
            for part in said.parts:
                if part.element.lord is not None and id(part.element) not in cut:
                    cut[id(part.element)] = here.adapted(part.element, part.element.lord, convert(part.element), now)
            out[i] = slice_of(said, known)
        elif said.lord is not None:
            out[i] = here.adapted(said, said.lord, out[i], now)
        reference = reference_pass(registry(), out[i : i + 1], now)[-1]
    return out, known


class _Passes:
    """Goes along a branch and remembers what the first pass of each element was like."""

    def __init__(self, elsewhere: First) -> None:
        self._elsewhere = elsewhere
        self._first: dict[int, tuple[CaravalElement, Reference]] = {}
        self._timing: dict[int, Timing] = {}

    def adapted(self, said: Element, whole: Physical, element: Any, reference: Reference) -> CaravalElement:
        """Return a pass of an element."""
        if whole.passes[0] is said:
            self._first[id(whole)] = element, reference
        elif id(whole) not in self._first:
            self._first[id(whole)] = self._elsewhere(whole)
        first, arrival = self._first[id(whole)]
        design = _design(whole, arrival)
        element = _with_field(element, first, design, reference)
        if not isinstance(element, CoupledCavity):
            return element  # type: ignore[no-any-return]
        if isinstance(element, LCavity) and element.n_rf_steps and element.length:
            if id(whole) not in self._timing:
                self._timing[id(whole)] = timing(first.replace(phi0_multipass=0.0), design)  # type: ignore[arg-type]
            timed = self._timing[id(whole)]
            element = element.replace(field_autoscale=timed.autoscale, slips=slips(element, reference, timed))
        return element.replace(pass_delay=reference.t - arrival.t)


def _design(whole: Physical, arrival: Reference) -> Reference:
    """Return the reference for which the strengths of an element are: as it says, or that of the first pass.

    Raises
    ------
    LatticeError
        If the energy is impossible.
    """
    given = next((name for name in ENERGIES if name in whole.settings), None)
    if given is None:
        return arrival
    setting = whole.settings[given]
    value = setting.number(given)
    try:
        if given.startswith("p0c"):
            return Reference(arrival.species, value, arrival.s, arrival.t)
        return Reference.from_energy(arrival.species, value, arrival.s, arrival.t)
    except CaravalError as error:
        raise setting.place.error(str(error)) from None


def _with_field(element: Any, first: Any, design: Reference, reference: Reference) -> Any:
    """Return an element that has the same field for a reference as its first pass has for that of the design.

    What is given by fields stays; so does the curvature of a bend, and its `dg` makes up for that.
    """
    fields = getattr(element, "fields", {})
    if isinstance(element, LCavity):
        design, reference = whole_exit(first, design, scalar), whole_exit(element, reference, scalar)
    if not (fields or isinstance(element, (Magnet, Multipole))):
        return element
    ratio = _stiffness(element, design) / _stiffness(element, reference)
    if ratio == 1:
        return element
    changes = {name: getattr(element, name) * ratio for name, field in fields.items() if getattr(element, field) is None}
    if isinstance(element, SBend) and element.b_field is None:
        changes["dg"] = (element.g + element.dg) * ratio - element.g
    scaled = element.replace(**changes)
    names = (*NORMAL, *SKEW) if isinstance(element, Multipole) else MULTIPOLES if _are_absolute(element, scaled) else ()
    given = [name for name in names if getattr(element, name) is not None]
    is_by_fields = getattr(element, "field_master", False)
    return scaled if is_by_fields else scaled.replace(**{name: getattr(element, name) * ratio for name in given})


def _stiffness(element: Any, reference: Reference) -> Any:
    """Return how hard it is to deflect a reference particle in the kind of field that an element has."""
    is_magnetic = getattr(element, "has_magnetic_kicks", True)
    return reference.rigidity if is_magnetic else reference.rigidity * reference.beta


def _are_absolute(element: Any, scaled: Any) -> bool:
    """Whether multipoles are relative to nothing that has been scaled."""
    if not isinstance(element, Magnet):
        return False
    before, after = (kind.main_strength(scalar)[0] for kind in (element, scaled))
    return not element.scale_multipoles or before == after
