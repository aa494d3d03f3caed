"""What makes a scan the same scan when it goes on later."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.element import Element
from caraval.core.methods import TrackingMethod
from caraval.core.moments import MomentBeam

from .outputs import on_numpy

if TYPE_CHECKING:
    from .scans import Scan


def identity(scan: Scan) -> dict[str, str]:
    """Return digests of all that decides the results of a scan, by what they are of."""
    import caraval

    work = scan.work
    kind = work.backend, work.dtype, work.reference
    parts = {
        "settings": scan.settings, "lattice": (work.lattice.elements, work.lattice.reference), "beam": work.beam,
        "outputs": work.outputs, "places observed": work.observe, "backend or precision": kind,
        "version of Caraval": caraval.__version__,
    }  # fmt: skip
    return {name: sha256(json.dumps(_plain(part)).encode()).hexdigest() for name, part in parts.items()}


def _plain(value: Any) -> Any:
    """Return a value as lists and texts that are the same in every process."""
    if value is None or isinstance(value, (str, int, float)):
        return value
    if isinstance(value, Mapping):
        return [[str(name), _plain(value[name])] for name in value]
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, Element):
        options = {name: option for name, option in value.options.items() if name != "metadata"}
        return [value.kind, _plain(value.parameters), _plain(value.trees), _plain(options)]
    if isinstance(value, (ParticleBeam, MomentBeam)):
        return [type(value).__name__, _plain(value.tree_flatten()[0])]
    if isinstance(value, TrackingMethod):
        return [value.name, _plain(value.options)]
    if is_dataclass(value):
        return [type(value).__name__, *(_plain(getattr(value, field.name)) for field in fields(value))]
    if callable(value):
        return f"{value.__module__}.{value.__qualname__}"
    if not hasattr(value, "shape"):
        return repr(value)
    array = np.ascontiguousarray(on_numpy(value))
    return [str(array.dtype), list(array.shape), sha256(array.tobytes()).hexdigest()]
