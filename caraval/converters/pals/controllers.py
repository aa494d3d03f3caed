"""Controllers: parameters that follow from variables (PALS, "Controllers")."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from .definitions import Control, Controller, Definition
from .names import matched
from .values import Scope, Values, split


def control(values: Values, elements: Sequence[Any], changed: Callable[[int], Definition]) -> None:
    """Set what absolute controllers control: the sum of what they all say. Relative ones leave the lattice as it is.

    Parameters
    ----------
    values : Values
    elements : sequence
        Of the branches.
    changed : callable
        Returns the definition of an element, to be changed.

    Raises
    ------
    LatticeError
        If a controller makes no sense, or they control each other in a ring.
    """
    controllers = values.document.controllers
    _Variables(values, controllers).settle()
    sums: dict[tuple[int, str], float] = {}
    for controller in controllers.values():
        for of in controller.controls if controller.is_absolute else []:
            pattern, path = split(of.parameter, of.place)
            if pattern in controllers:
                continue
            for i in matched(pattern, elements, of.place):
                value = _value(values, controller, of, elements[i].definition)
                sums[i, path] = sums.get((i, path), 0.0) + value
    for (i, path), value in sums.items():
        changed(i).put(path, value)


def _value(values: Values, controller: Controller, of: Control, itself: Definition | None = None) -> float:
    scope = Scope(
        values.document, itself, itself.at(split(of.parameter, of.place)[1]) if itself else None, controller.variables
    )
    value = values.expression(of.expression, of.place, scope)
    if isinstance(value, str):
        raise of.place.error(f"{of.expression!r} is no number")
    return value


class _Variables:
    """Variables of controllers that other controllers control, which are settled first."""

    def __init__(self, values: Values, controllers: dict[str, Controller]) -> None:
        self.values, self.controllers = values, controllers
        self.settled: set[str] = set()

    def settle(self) -> None:
        """Settle them all."""
        for name in self.controllers:
            self._settle(name, ())

    def _settle(self, name: str, inside: tuple[str, ...]) -> None:
        if name in inside:
            raise self.controllers[name].place.error(f"controllers control each other: {' > '.join((*inside, name))}")
        if name in self.settled:
            return
        sums: dict[str, float] = {}
        for master in self.controllers.values():
            for of in master.controls if master.is_absolute else []:
                pattern, variable = split(of.parameter, of.place)
                if pattern == name:
                    self._settle(master.name, (*inside, name))
                    sums[variable] = sums.get(variable, 0.0) + _value(self.values, master, of)
        self.controllers[name].variables.update(sums)
        self.settled.add(name)
