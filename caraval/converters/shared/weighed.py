"""Fields on their way into a file, of which those that find no place are weighed by what they do to particles."""

from __future__ import annotations

from collections.abc import Mapping
from math import factorial
from typing import Any

from caraval.core import scalar
from caraval.core.element import Element
from caraval.core.errors import InputError
from caraval.core.losses import Losses
from caraval.core.methods import TrackingMethod, as_method
from caraval.core.reference import Reference
from caraval.physics.shared.multipoles import MULTIPOLES, integrated
from caraval.physics.shared.rf.cavity import Cavity, CoupledCavity

from .alike import STAND_IN, track_alike
from .fields import Fields
from .plain import changed
from .slices import whole

NEVER = ("name", "length", "metadata", "orientation", "tracking_method")
"""WeighedFields that are not looked for among those that are left."""

OF_MULTIPOLES = (*MULTIPOLES, "scale_multipoles", "multipoles_on", "r0_mag", "field_master")
OF_KICKS = ("hkick", "vkick")


class WeighedFields(Fields):
    """An element's fields, of which those that are left are weighed: whether particles are tracked differently without them.

    Parameters
    ----------
    element : Element
        With plain numbers, forward, given by strengths.
    reference : Reference, optional
        At its entrance.
    losses : Losses
        Hears of what is not said.
    """

    def __init__(self, element: Element, reference: Reference | None, losses: Losses) -> None:
        super().__init__(element, losses)
        self.given_reference = reference
        self.reference = reference or STAND_IN

    @property
    def length(self) -> float:
        """Length of the element [m]."""
        return self.element.length  # type: ignore[no-any-return]

    def number(self, name: str) -> float:
        """Return a number; zero, where the kind has no such field or it is not given."""
        return self[name]  # type: ignore[no-any-return]

    def get(self, name: str) -> Any:
        """Return a field; None, where the kind has none of that name."""
        self._carried.add(name)
        return getattr(self.element, name, None)

    def strengths(self) -> dict[int, tuple[float, float]]:
        """Return the integrated multipoles ``{n: (k_n l, k_n s l)}`` besides the main strength, kicks included.

        ``k_n l`` has the factorial: it is ``n! b_n``.
        """
        is_cavity = isinstance(self.element, Cavity)
        if not hasattr(self.element, "a0") or is_cavity:
            return {}
        self.passing(*OF_MULTIPOLES, *OF_KICKS)
        found = integrated(self.element, scalar)
        return {n: (factorial(n) * b, factorial(n) * a) for n, (a, b) in found.items() if a or b}

    def method(self) -> TrackingMethod | None:
        """Return the tracking method; None: the kind's default."""
        chosen = self.element.tracking_method
        return None if chosen is None else as_method(chosen)

    # ---------------------------------------------------------------- what is lost

    def are_alike(self, **changes: Any) -> bool:
        """Whether the element tracks the same with other values of some fields."""
        return track_alike(self.element, self.element.with_values(changes), self.reference)

    def report_rest(self, method: TrackingMethod | None) -> None:
        """Report what has not been said.

        Parameters
        ----------
        method : TrackingMethod, optional
            That with which a reader of the file tracks the element; None: the kind's default.
        """
        defaults = self.element.schema().defaults
        for name, value in changed(self.element).items():
            if name in self._carried or name in NEVER:
                continue
            report = self.note if self.are_alike(**{name: defaults[name]}) else self.physics
            report(name, value)
        if self.method() != method and not self.are_alike(tracking_method=method):
            self.physics("tracking_method", str(self.method() or "the default"), str(method or "the format's own way"))

    def report_metadata(self, carried: Mapping[str, Any]) -> None:
        """Report the metadata but for those that the file carries."""
        for name, value in self.element.metadata.items():
            if name not in carried:
                self.note(str(name), value)


def forward(element: Element, reference: Reference | None, losses: Losses) -> Element:
    """Return an element as those formats can say it that know neither reversed elements nor fields in tesla.

    Parameters
    ----------
    element : Element
        With plain numbers.
    reference : Reference, optional
        At its entrance.
    losses : Losses
    """
    name = element.name or element.label
    if element.orientation == -1:
        element = _turned(element, reference, losses)
    element = whole(element, reference, losses)
    fields = [*getattr(element, "fields", {}).values(), "b_field"]
    given = [field for field in fields if getattr(element, field, None) is not None]
    if not (given or getattr(element, "field_master", False)):
        return element
    for field in given or ["field_master"]:
        losses.note(name, field, getattr(element, field), "strengths at the reference momentum")
    return element.at(reference or STAND_IN, scalar)


def _turned(element: Element, reference: Reference | None, losses: Losses) -> Element:
    """Return what a reversed element is to the beam."""
    name = element.name or element.label
    try:
        turned = element.turned()
    except InputError:  # a kind that cannot be reversed
        turned = None
    if turned is None or not track_alike(element, turned, reference):
        losses.physics(name, "orientation", -1, "as if it were not reversed")
        return element.with_values({"orientation": 1})
    losses.note(name, "orientation", -1, "what it is to the beam the other way round")
    return turned


def phase_seen(f: WeighedFields) -> float:
    """Return the phase of a cavity that the reference sees [2 pi], whatever it is made up of."""
    f.passing("phi0", "phi0_multipass", "pass_delay", "absolute_time_tracking")
    cavity: Any = f.element
    return cavity.turns if isinstance(cavity, CoupledCavity) else cavity.phi0 + cavity.phi0_multipass  # type: ignore[no-any-return]
