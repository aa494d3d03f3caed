"""Cheetah's own objects, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.libraries import needed
from caraval.core.losses import Losses

from ..shared.items import Item, plain
from .reading import WHOLE, converted
from .writing import line_of

BESIDES = {"BPM": ("misalignment",), "Screen": ("is_blocking",)}
"""Parameters that Cheetah leaves out of its files."""


def from_cheetah(segment: Any, *, losses: Losses | None = None) -> Lattice:
    """Return a lattice from a segment of Cheetah's.

    Parameters
    ----------
    segment : cheetah.Segment
        Segments inside it are put in line. Tensors of one number that nothing is differentiated by become numbers, all others
        stay as they are, batches and derivatives included.
    losses : Losses, optional
        What becomes of things that cannot be carried, see :func:`caraval.load`; they are in ``lattice.losses``.

    Raises
    ------
    LatticeError
        If something changes the tracking, is not understood and may not be left out.
    """
    if not hasattr(segment, "elements"):
        raise InputError(f"this takes a cheetah.Segment, not a {type(segment).__name__}")
    losses = losses or Losses()
    elements = converted(_items(segment), losses)
    return Lattice(elements, name=str(getattr(segment, "name", "") or ""), losses=losses.found)


def _items(segment: Any) -> Iterator[Item]:
    for element in segment.elements:
        if hasattr(element, "elements"):
            yield from _items(element)
        else:
            yield _item(element)


def _item(element: Any) -> Item:
    kind = type(element).__name__
    settings: dict[str, Any] = {}
    for name in (*element.defining_features, *BESIDES.get(kind, ())):
        value = getattr(element, name, None)
        if name.endswith("_element"):
            settings[name] = _item(value)
        elif name != "name" and value is not None:
            settings[name] = value if isinstance(value, (bool, str)) or name in WHOLE else plain(value)
    return Item(kind, str(element.name), settings, dict(getattr(element, "metadata", None) or {}))


def to_cheetah(lattice: Lattice, *, losses: Losses | None = None, dtype: Any = None, device: Any = None) -> Any:
    """Return a lattice as a segment of Cheetah's.

    Parameters
    ----------
    lattice : Lattice
    losses : Losses, optional
        What becomes of things that cannot be carried, see :func:`caraval.save`; ``losses.found`` lists them.
    dtype, device : optional
        Of the tensors; PyTorch's own defaults, if left out.

    Returns
    -------
    cheetah.Segment

    Raises
    ------
    BackendError
        If Cheetah is not installed.
    LatticeError
        If something changes the tracking, cannot be said in Cheetah and may not be left out.
    """
    cheetah, torch = (needed(name, "segments need Cheetah", "cheetah-accelerator") for name in ("cheetah", "torch"))

    def tensor(value: Any) -> Any:
        return torch.as_tensor(value, dtype=dtype or torch.get_default_dtype(), device=device)

    def made(item: Item) -> Any:
        values = {n: v if isinstance(v, (bool, str)) or n in WHOLE else tensor(v) for n, v in item.settings.items()}
        return getattr(cheetah, item.kind)(**values, name=item.name, sanitize_name=False, metadata=dict(item.metadata))

    line = line_of(lattice, losses or Losses())
    elements = {item.name: made(item) for item in line.definitions}
    return cheetah.Segment([elements[name] for name in line.members], name=line.name, sanitize_name=False)
