"""Networks that are symplectic whatever their weights.

A chain of shears: each moves particles along one direction of phase space, by a function of what the move does not change. That
is the exact flow of a Hamiltonian ``f(k . q)``, so it is symplectic to rounding, and it is undone by its own negative. With k
among the positions or the momenta alone they are the gradient modules of P. Jin et al., Neural Networks 132, 166 (2020),
chains of which approximate every symplectic map on a compact set; with any k, the ridge functions of B. K. Tapley,
arXiv:2408.09821 (2024).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from math import prod, sqrt
from typing import Any, NamedTuple

import numpy as np

import caraval as cv

from .scaling import Scaling


class Shear(NamedTuple):
    """The flow of ``a ln cosh(k . q + b) + c (k . q)^2 / 2``."""

    kx: Any
    kpx: Any
    ky: Any
    kpy: Any
    kz: Any
    kpz: Any
    b: Any
    a: Any
    c: Any


def shear(c: Shear, q: Any, xp: Any) -> Any:
    """Move particles along ``(kpx, -kx, kpy, -ky, kpz, -kz)``, on which ``k . q`` is the same."""
    along = c.kx * q.x + c.kpx * q.px + c.ky * q.y + c.kpy * q.py + c.kz * q.z + c.kpz * q.pz
    slope = c.a * xp.tanh(along + c.b) + c.c * along
    return q._replace(
        x=q.x + c.kpx * slope,
        px=q.px - c.kx * slope,
        y=q.y + c.kpy * slope,
        py=q.py - c.ky * slope,
        z=q.z + c.kpz * slope,
        pz=q.pz - c.kz * slope,
    )


def undo(c: Shear) -> Shear:
    """Return the shear that takes a shear back."""
    return c._replace(a=-c.a, c=-c.c)


class SymplecticNetwork(cv.Element):
    """A network that is symplectic by construction, and trained where it stands.

    Attributes
    ----------
    nodes : int
        How many shears it is made of.
    scale : tuple of six float
        Typical sizes of the coordinates, in units of which the weights are.
    seed : int
        Of the weights to begin with, where none are given: the network is then nearly the identity.
    weights : mapping of str to array
        ``"directions"`` (nodes, 6), ``"biases"``, ``"amplitudes"`` and ``"slopes"`` (nodes,): k, b, a and c of each. Those of
        NumPy act on beams of every backend.
    """

    nodes: int = 32
    scale: tuple | list = (1.0,) * 6  # type: ignore[type-arg]
    seed: int = 0
    weights: cv.ArrayTree = None

    can_be_cut = False

    def __init__(self, **values: Any) -> None:
        super().__init__(**values)
        if self.weights is None:
            self.__dict__["weights"] = initial(self.nodes, self.seed)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shapes of the weights by name."""
        n = self.nodes
        return {"directions": (n, 6), "biases": (n,), "amplitudes": (n,), "slopes": (n,)}

    def validate(self) -> None:
        """Check that everything fits together."""
        if isinstance(self.nodes, bool) or self.nodes < 1:
            raise cv.InputError(f"{self.label}: nodes must be a positive whole number, not {self.nodes!r}")
        Scaling.check(f"{self.label}: scale", self.scale)
        if self.orientation != 1 or self.num_slices != 1:
            raise cv.InputError(f"{self.label}: a network can neither be reversed nor cut")
        if self.weights is None:
            return
        if not isinstance(self.weights, Mapping) or self.weights.keys() != self.shapes.keys():
            raise cv.InputError(f"{self.label}: weights must be a mapping of arrays {', '.join(self.shapes)}")
        for name, shape in self.shapes.items():
            found = tuple(getattr(self.weights[name], "shape", ()))
            if found != shape:
                raise cv.InputError(f"{self.label}: the weights {name!r} must have shape {shape}, not {found}")


def initial(nodes: int, seed: int) -> dict[str, np.ndarray]:
    """Return weights to begin with: directions and biases of order one, moves small, so that nothing much happens."""
    rng = np.random.default_rng(seed)
    return {
        "directions": rng.normal(size=(nodes, 6)) / sqrt(3),
        "biases": rng.uniform(-1, 1, size=nodes),
        "amplitudes": 1e-2 * rng.normal(size=nodes) / sqrt(nodes),
        "slopes": np.zeros(nodes),
    }


def prepare(node: int, element: SymplecticNetwork, reference_in: Any, reference_out: Any, xp: Any) -> Shear:
    """Return a shear with the units of its coordinates in its weights.

    A Hamiltonian of coordinates in units s may have any unit; the geometric mean of the products of conjugate units makes moves
    of the order of s.
    """
    scale = [float(value) for value in element.scale]
    unit = abs(prod(scale)) ** (1 / 3)
    k, b, a, c = (_plain(element.weights[name][node]) for name in element.shapes)
    direction = [k[i] / scale[i] for i in range(6)]
    return Shear(*[*direction, b, unit * a, unit * c])


def _plain(value: Any) -> Any:
    """Return numbers of NumPy as plain ones, which go with every library."""
    return value.tolist() if isinstance(value, (np.ndarray, np.generic)) else value


@lru_cache(maxsize=4096)
def step_of(node: int) -> cv.Step:
    """Return the step through a node: one object, whatever the network."""
    return cv.Step((cv.Routine(track=shear, prepare=partial(prepare, node), undo=undo),))


def steps(element: SymplecticNetwork, method: Any, number: int) -> Sequence[cv.Step]:
    """Return the shears, one after the other: rows of one program, short to compile and to differentiate."""
    return tuple(map(step_of, range(element.nodes))) if element.is_on else ()
