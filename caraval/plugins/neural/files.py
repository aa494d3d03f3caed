"""Networks in files: described, never executed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import caraval as cv

from .networks import Network, network_of
from .perceptron import Perceptron


def from_file(kind: type[cv.Element], data: Mapping[str, Any], modules: Mapping[str, Any]) -> cv.Element:
    """Return the element that a file describes.

    Parameters
    ----------
    kind : type of Element
    data : mapping
        Its fields; in the place of the network its description.
    modules : mapping
        Modules that were given for networks that no description can make, by the element's name or by their class.

    Raises
    ------
    InputError
        If a module is missing, or the weights of the file are not its.
    """
    fields = dict(data)
    described = fields.pop("network", None)
    if fields.get("base") is not None:
        fields.pop("length", None)  # the base's
    if described is None:
        return kind(**fields)
    saved = fields.pop("weights", None)
    label = f"{kind.__name__} {fields.get('name', '')!r}"
    if not isinstance(described, Mapping) or not isinstance(saved, Mapping):
        raise cv.InputError(f"{label}: a network is an object with its architecture, and its weights a mapping of arrays")
    network = _network(described, saved, label, fields.get("name", ""), modules)
    return kind(**fields, network=network, weights=network.loaded(saved))


def _network(
    described: Mapping[str, Any], saved: Mapping[str, Any], label: str, name: str, modules: Mapping[str, Any]
) -> Network:
    if described.get("architecture") == "perceptron":
        sizes, activation = described.get("sizes"), described.get("activation")
        if described.keys() != {"architecture", "sizes", "activation"} or not isinstance(sizes, list):
            raise cv.InputError(f"{label}: a perceptron has a list of sizes and an activation, not {dict(described)!r}")
        return Perceptron(tuple(sizes), activation)  # type: ignore[arg-type]
    class_ = str(described.get("class"))
    module = next((modules[key] for key in (name, class_) if key in modules), None)
    if module is None:
        raise cv.InputError(
            f"{label} has a network of class {class_} ({described.get('architecture')}), which no file can make; give one of "
            f"that architecture, and it gets the file's weights: cv.load(path, modules={{{name or class_!r}: ...}})"
        )
    network, weights = network_of(module)
    own, given = _shapes(network.saved(weights)), _shapes(saved)
    wrong = sorted(key for key in own.keys() | given.keys() if own.get(key) != given.get(key))
    if wrong:
        listed = ", ".join(f"{key} {given.get(key, 'not there')}" for key in wrong)
        raise cv.InputError(f"{label}: {network!r} is of another architecture than what the file has: {listed}")
    return network


def _shapes(arrays: Mapping[str, Any]) -> dict[str, tuple[int, ...]]:
    return {name: tuple(array.shape) for name, array in arrays.items()}
