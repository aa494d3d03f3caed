"""Networks as elements."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field
from typing import Any, Literal

import caraval as cv

from .effect import effect_of
from .files import from_file
from .model import BEAM, INPUTS, Model
from .networks import Network, network_of
from .perceptron import Perceptron
from .scaling import Scaling


def _taken_apart(values: dict[str, Any]) -> dict[str, Any]:
    network, weights = network_of(values["module"])
    return {"network": network, "weights": weights}


def _with_its_length(values: dict[str, Any]) -> dict[str, Any]:
    base = values["base"]
    return {"base": base, "length": base.length} if isinstance(base, cv.Element) else {"base": base}


CHUNK = 4096
"""Particles at a time, of perceptrons: with layers some tens wide they fit in a core's own cache."""


class NeuralElement(cv.Element):
    """A network that acts on particles, or on moments; alone, or as a correction of what another element does.

    ``NeuralElement(module=...)`` takes

    - a PyTorch module, called with an array ``(..., n, 6)``. Its weights stay the module's own parameters: an optimiser that
      changes them changes the element;
    - a JAX callable that has its weights inside (an Equinox module), or a pair ``(function, weights)``, the function being
      ``(weights, values) -> values`` (a Flax module's ``apply`` with its variables); called for one particle, ``(6,)``, and
      mapped over all.

    :meth:`perceptron` makes one of a kind that every array library runs and that a file describes whole.

    The reference particle passes through: its energy stays, and it takes its time for the length.

    Attributes
    ----------
    weights : mapping of str to array
        What is trained: ``lattice.replace({"nn.weights": ...})``, ``lattice.compile("jax", parameters=["nn.weights"])``.
    network : Network, optional
        What the module is without them.
    base : Element, optional
        The element that is corrected: particles go through it first, and the network's output is added. Its misalignment,
        kicks and method are its own, and so is the length.
    residual : bool
        Without a base: whether the output is added to what came in (else it takes its place).
    acts_on : "coordinates" or "moments"
        Moments are 27 numbers: the mean, and the covariance's upper triangle, row by row.
    sees : mapping of str to float
        What else the network is told, after the coordinates or moments: names of parameters (of the base, or the element's
        own), or of a beam's numbers (``"total_charge"``, ``"p0c"``, ``"sigma_x"``, ...), and the unit that each is given in.
    centre, scale : tuple of six float
        Of the coordinates, which are given as ``(q - centre) / scale``.
    output_centre, output_scale : tuple of six float, optional
        The network's outputs times this scale (and plus this centre, unless they are added) are coordinates; left out: those
        of the input.
    chunk : int
        How many particles the network is given at a time, on the libraries without a compiler that sees to it; 0: all. What is
        at work then fits in the cache; not for networks that look at several particles.
    """

    weights: cv.ArrayTree = None
    network: Network | None = None
    base: cv.ArrayTree = None
    residual: bool = False
    acts_on: Literal["coordinates", "moments"] = "coordinates"
    sees: Mapping = field(default_factory=dict)  # type: ignore[type-arg]
    centre: tuple | list = (0.0,) * 6  # type: ignore[type-arg]
    scale: tuple | list = (1.0,) * 6  # type: ignore[type-arg]
    output_centre: tuple | list | None = None  # type: ignore[type-arg]
    output_scale: tuple | list | None = None  # type: ignore[type-arg]
    chunk: int = 0

    can_be_cut = False
    feels_misalignment = False
    shorthands = {**cv.Element.shorthands, "module": _taken_apart, "base": _with_its_length}  # noqa: RUF012

    @classmethod
    def perceptron(
        cls, hidden: Sequence[int] = (32, 32), activation: str = "tanh", *, seed: int = 0, backend: str = "numpy", **fields: Any
    ) -> NeuralElement:
        """Return an element with a perceptron, which every backend runs and a file describes whole.

        Parameters
        ----------
        hidden : sequence of int
            Widths of the hidden layers.
        activation : str
            ``"tanh"``, ``"sin"``, ``"relu"`` or ``"softplus"``.
        seed : int
            Of the weights. The last layer starts at zero where its output is added, so that nothing is corrected at first.
        backend : str
            Where the weights live, in double precision. Those of NumPy act on beams of every backend, and are not trained.
        **fields
            Of the element.
        """
        bare = cls(**{"chunk": CHUNK, **fields})
        numbers = INPUTS[bare.acts_on]
        network = Perceptron((numbers + len(bare.sees), *hidden, numbers), activation)
        element = bare.replace(network=network, weights=network.random(seed, bare.adds))
        return cv.Lattice([element]).to(backend)[0]  # type: ignore[return-value]

    @property
    def module(self) -> Any:
        """The module with its weights, as its author knows it.

        Raises
        ------
        InputError
            If it is a PyTorch module and the weights are others than its own.
        """
        return None if self.network is None else self.network.module(self.weights)

    @property
    def adds(self) -> bool:
        """Whether the network's output is added to what comes in, or out of the base."""
        return self.residual or self.base is not None

    def replace(self, **changes: Any) -> cv.Element:
        """Return the element with some fields changed; a base brings its length."""
        base = changes.get("base")
        if isinstance(base, cv.Element) and "length" in changes and _same(base.length, changes["length"]):
            del changes["length"]
        return super().replace(**changes)

    def validate(self) -> None:
        """Check that everything fits together."""
        if self.base is not None and not isinstance(self.base, cv.Element):
            raise cv.InputError(f"{self.label}: base must be an element, not {self.base!r}")
        if self.base is not None and self.base.length is not self.length and not _same(self.base.length, self.length):
            raise cv.InputError(f"{self.label}: its length is that of its base; change that")
        if self.network is not None:
            if not isinstance(self.weights, Mapping):
                raise cv.InputError(f"{self.label}: weights must be a mapping of names to arrays, not {self.weights!r}")
            self.network.check(self.label, self.weights)
            self._check_weights()
        elif self.weights is not None:
            raise cv.InputError(f"{self.label}: weights without a network; give both at once: module=...")
        for name in ("centre", "scale", "output_centre", "output_scale"):
            Scaling.check(f"{self.label}: {name}", self.__dict__[name])
        self._check_sees()
        for name in ("x_offset", "y_offset", "z_offset", "x_pitch", "y_pitch", "tilt"):
            if not (isinstance(self.__dict__[name], float) and self.__dict__[name] == 0):
                raise cv.InputError(f"{self.label}: a network stands where it was trained; {name} may be that of its base")
        if isinstance(self.chunk, bool) or self.chunk < 0:
            raise cv.InputError(f"{self.label}: chunk must be a number of particles, or 0 for all, not {self.chunk!r}")
        if self.orientation != 1 or self.num_slices != 1:
            raise cv.InputError(f"{self.label}: a network can neither be reversed nor cut")

    def _check_weights(self) -> None:
        wanted = self.network.library  # type: ignore[union-attr]
        for name, array in self.weights.items():
            library = type(array).__module__.partition(".")[0].removesuffix("lib")
            if wanted is not None and library not in (wanted, "numpy"):
                raise cv.BackendError(
                    f"{self.label}: its network is {self.network!r}, and its weights {name} a {library} array"
                )

    def _check_sees(self) -> None:
        known = [*(self.base.parameters if self.base is not None else ()), *self.parameters, *BEAM]
        for name, unit in self.sees.items():
            if name not in known:
                raise cv.UnknownNameError(f"{self.label}: the network cannot see {name!r}; there are {', '.join(known)}")
            if isinstance(unit, bool) or not isinstance(unit, (int, float)) or not 0 < abs(unit) < float("inf"):
                raise cv.InputError(f"{self.label}: the unit in which {name} is seen must be a number, not {unit!r}")

    def check_library(self, library: str) -> None:
        """Refuse beams that the network cannot act on."""
        wanted = None if self.network is None else self.network.library
        if wanted not in (None, library):
            raise cv.BackendError(f"{self.label} holds {self.network!r}, and the beam is on {library}; use beam.to({wanted!r})")

    def to_data(self) -> dict[str, Any]:
        """Return the fields as a file has them: the network described, with its weights."""
        data = super().to_data()
        if self.network is not None:
            data |= {"network": self.network.described(), "weights": self.network.saved(self.weights)}
        return data

    @classmethod
    def from_data(cls, data: Mapping[str, Any], modules: Mapping[str, Any]) -> cv.Element:
        """Return the element that a file describes; modules of no known architecture are among those given."""
        return from_file(cls, data, modules)


def _same(a: Any, b: Any) -> bool:
    """Whether two lengths are the same number; of arrays nobody can tell inside a trace."""
    return hasattr(a, "shape") or hasattr(b, "shape") or a == b


def steps(element: NeuralElement, method: Any, number: int) -> Sequence[cv.Step]:
    """Return the network's action, after the base's."""
    if element.network is None and element.base is None:
        raise cv.InputError(f"{element.label} has no network; give module=..., or make it with NeuralElement.perceptron(...)")
    if not element.is_on and element.base is None:
        return ()
    return (cv.Step(collective=effect_of(Model.of(element))),)


def reference(element: NeuralElement, reference: cv.Reference, xp: Any) -> cv.Reference:
    """Return the reference after the base, or after the length."""
    if element.base is None:
        return reference.drifted(element.length)
    whole = cv.Lattice([element.base, cv.Marker()], reference=reference)
    return whole[1:].reference  # type: ignore[return-value]
