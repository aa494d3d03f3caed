"""Steps in slaves, which Bmad makes as long as those of the whole elements (Bmad manual, "Integration Methods")."""

from __future__ import annotations

from collections.abc import Sequence

from caraval.core import scalar
from caraval.core.element import Element
from caraval.core.methods import BmadStandard, as_method
from caraval.core.reference import Reference
from caraval.core.registry import registry
from caraval.core.routine import Composite
from caraval.physics.sad_mult import SadMult
from caraval.physics.shared.rf.cavity import Cavity
from caraval.physics.shared.steps import nearest

OWN_RULE = (Cavity, SadMult)
"""Kinds whose slices are divided by a rule of their own."""


class Stepping:
    """Divides slaves; it looks the methods of each kind up once."""

    def __init__(self) -> None:
        self._methods: dict[type[Element], Composite | None] = {}

    def divided(self, made: Element, wholes: Sequence[Element], here: Reference) -> Element:
        """Return a slave in steps as long as the shortest of those of whole elements, where it would take others by itself.

        Parameters
        ----------
        made : Element
            The slave.
        wholes : sequence of Element
            What lies there.
        here : Reference
            At the entrance.
        """
        method = self._method(made)
        if method is None or isinstance(made, OWN_RULE) or not (method.stepped is None or method.stepped(made)):
            return made
        steps = [whole.length / number for whole in wholes if (number := self._number(whole, here))]
        if not steps or self._number(made, here) == max(1, nearest(made.length / min(steps))):
            return made
        return made.replace(tracking_method=BmadStandard(ds_step=min(steps)))

    def _number(self, element: Element, here: Reference) -> int:
        """Return into how many steps an element is divided by itself; zero: that is not Bmad's to say."""
        method, chosen = self._method(element), element.tracking_method
        if method is None or method.count is None or element.length == 0:
            return 0
        return method.count(element.at(here, scalar), BmadStandard() if chosen is None else chosen, here)

    def _method(self, element: Element) -> Composite | None:
        """Return Bmad's method of an element that is tracked by it in steps."""
        chosen, kind = element.tracking_method, type(element)
        if chosen is not None and not isinstance(as_method(chosen), BmadStandard):
            return None
        if kind not in self._methods:
            method = registry().methods_of(kind).get(BmadStandard.name)
            self._methods[kind] = method if isinstance(method, Composite) else None
        return self._methods[kind]
