"""What a network does to a beam, as an effect that a plan can hold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from array_api_compat import is_numpy_array

import caraval as cv

from .networks import Network
from .scaling import Scaling, beside, like
from .slopes import jacobian, no_derivatives

if TYPE_CHECKING:
    from .element import NeuralElement

INPUTS = {"coordinates": 6, "moments": 27}
"""How many numbers a network acts on."""

BEAM = ("total_charge", "p0c", *(f"sigma_{name}" for name in ("x", "px", "y", "py", "z", "pz")))
"""What of a beam a network may see."""


@dataclass(frozen=True)
class Model:
    """A neural element without its numbers: hashable, so that what is compiled for it is found again.

    Attributes
    ----------
    label : str
        Kind and name of the element.
    network : Network or None
        None: switched off.
    sees : tuple of (name, unit, bool)
        And whether it is the beam's.
    inputs, outputs : Scaling
    moments, adds : bool
        Whether it acts on moments, and whether its output is added.
    chunk : int
        Particles at a time; 0: all.
    base : Lattice or None
        The element that is corrected, with zeros in the place of its arrays.
    rest : Fixed or None
        What of it is no array: its tree without leaves, which knows into how many steps the element is divided.
    open : tuple of str
        Names of the arrays.
    """

    label: str
    network: Network | None
    sees: tuple[tuple[str, float, bool], ...]
    inputs: Scaling
    outputs: Scaling
    moments: bool
    adds: bool
    chunk: int
    base: cv.Lattice | None
    rest: Any
    open: tuple[str, ...]

    @classmethod
    def of(cls, element: NeuralElement) -> Model:
        """Return an element's model."""
        inputs = Scaling(tuple(element.centre), tuple(element.scale))
        centre, scale = element.output_centre or inputs.centre, element.output_scale or inputs.scale
        outputs = Scaling((0.0,) * 6 if element.adds else tuple(centre), tuple(scale))
        base, rest, open_ = None, None, tuple(_arrays(element.base))
        if element.base is not None:
            base = cv.Lattice([element.base.with_values(dict.fromkeys(open_, 0.0))])
            rest = cv.Lattice([element.base]).tree_flatten()[1] if open_ else None
        own = {**element.parameters, **(element.base.parameters if element.base is not None else {})}
        return cls(
            label=element.label,
            network=element.network if element.is_on else None,
            sees=tuple((name, float(unit), name not in own) for name, unit in element.sees.items()),
            inputs=inputs,
            outputs=outputs,
            moments=element.acts_on == "moments",
            adds=element.adds,
            chunk=element.chunk,
            base=base,
            rest=rest,
            open=open_,
        )

    def constants(self, element: NeuralElement, reference_in: Any, reference_out: Any, xp: Any) -> tuple[Any, Any, Any]:
        """Return the weights, the parameters that the network sees, and the arrays of the base."""
        weights = () if self.network is None else tuple(element.weights[name] for name in self.network.names)
        own = {**element.parameters, **(element.base.parameters if element.base is not None else {})}
        arrays = _arrays(element.base)
        return weights, tuple(own[name] for name, _, is_beam in self.sees if not is_beam), tuple(arrays[n] for n in self.open)

    def after_base(self, arrays: tuple[Any, ...], beam: Any) -> Any:
        """Return a beam after the element that is corrected."""
        if self.base is None:
            return beam
        if not self.open:
            return self.base.track(beam, reference="beam")
        element = self.base[0].with_values(dict(zip(self.open, arrays, strict=True)))
        return cv.Lattice.tree_unflatten(self.rest, ((element,), None)).track(beam, reference="beam")

    def seen(self, settings: tuple[Any, ...], beam: Any) -> list[Any]:
        """Return what else the network sees, numbers or batches of settings (...), each in its unit."""
        own = iter(settings)
        return [(_number_of(beam, name) if is_beam else next(own)) / unit for name, unit, is_beam in self.sees]

    def acted(self, weights: tuple[Any, ...], seen: list[Any], values: Any) -> Any:
        """Return what becomes of coordinates (..., 6) or moments (..., 27); what is seen has the other axes, or fewer."""
        if self.network is None:
            return values
        centre, scale = (like(part, values) for part in self.inputs.of(self.moments))
        given = beside((values - centre) / scale, seen)
        out = self.network(dict(zip(self.network.names, weights, strict=True)), given)
        shape = (*given.shape[:-1], values.shape[-1])
        if tuple(getattr(out, "shape", ())) != shape:
            raise cv.InputError(
                f"{self.label}: of values of shape {tuple(given.shape)} the network must make an array of shape {shape}, "
                f"not {tuple(getattr(out, 'shape', ()))}"
            )
        centre, scale = (like(part, values) for part in self.outputs.of(self.moments))
        return (values if self.adds else centre) + scale * out

    def expanded(self, weights: tuple[Any, ...], seen: list[Any], values: Any) -> tuple[Any, Any]:
        """Return the derivatives (..., 6, 6) of what becomes of coordinates, and that itself (..., 6).

        Raises
        ------
        BackendError
            If neither the library nor the network knows derivatives.
        """
        if not is_numpy_array(values):
            return jacobian(lambda q: self.acted(weights, seen, q), values, self.label)
        size = values.shape[-1]
        same = np.eye(size, dtype=values.dtype)
        if self.network is None:
            return np.broadcast_to(same, (*values.shape, size)), values
        centre, scale = (like(part, values) for part in self.inputs.of(self.moments))
        named = dict(zip(self.network.names, weights, strict=True))
        found = self.network.slopes(named, beside((values - centre) / scale, seen))
        if found is None:
            raise no_derivatives(self.label)
        found = like(self.outputs.of(self.moments)[1], values)[:, None] * found[..., :size] / scale
        return (found + same if self.adds else found), self.acted(weights, seen, values)


def _number_of(beam: Any, name: str) -> Any:
    """Return what is known of a beam of either kind by one name."""
    return beam.charge if name == "total_charge" and isinstance(beam, cv.MomentBeam) else getattr(beam, name)


def _arrays(base: Any) -> dict[str, Any]:
    """Return the parameters of an element that are arrays."""
    if base is None:
        return {}
    return {name: value for name, value in base.parameters.items() if hasattr(value, "shape")}
