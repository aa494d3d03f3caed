"""The hooks through which everything comes into Caraval, its own elements, backends and converters included.

Each hook is called once, when the registry is built, and returns data. (pluggy; project name and entry-point group
``caraval``.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from pathlib import Path

    from .element import Element
    from .formats import BeamReader, BeamWriter, Reader, Writer
    from .lattice import Lattice
    from .routine import Composite, Routine, Step

PROJECT = "caraval"
hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)


@hookspec
def register_backends() -> Mapping[str, str]:  # type: ignore[empty-body]
    """Return backends: name to ``"module:Class"``, imported when first used. The name is that of the array library."""


@hookspec
def register_elements() -> Iterable[type[Element]]:  # type: ignore[empty-body]
    """Return element kinds that are not among the keys of `register_tracking_methods`."""


@hookspec
def register_tracking_methods() -> Mapping[tuple[type[Element], str], Routine | Composite | Callable[..., Any]]:  # type: ignore[empty-body]
    """Return ``{(kind, method name): routine, composite or map function}``; a kind's first method is its default."""


@hookspec
def register_upstream() -> Mapping[type[Element], str]:  # type: ignore[empty-body]
    """Return kinds that may depend on what is upstream: kind to ``"module:function"``, imported when first used.

    ``function(element, before)`` returns the element that stands by itself, given the lattice of all that comes before it. It
    is called of elements that say so (:meth:`Element.asks_upstream`), whenever a plan gets its numbers.
    """


@hookspec
def register_readers() -> Iterable[Reader]:  # type: ignore[empty-body]
    """Return readers of lattice formats."""


@hookspec
def register_writers() -> Iterable[Writer]:  # type: ignore[empty-body]
    """Return writers of lattice formats."""


@hookspec
def register_beam_readers() -> Iterable[BeamReader]:  # type: ignore[empty-body]
    """Return readers of beam formats."""


@hookspec
def register_beam_writers() -> Iterable[BeamWriter]:  # type: ignore[empty-body]
    """Return writers of beam formats."""


@hookspec
def register_effects() -> Mapping[str, Callable[..., Any]]:  # type: ignore[empty-body]
    """Return effects that act along elements: name to the function that adds one.

    ``lattice.with_NAME(...)`` is ``function(lattice, ...) -> lattice``. It leaves the name and the options, plain data, in the
    `effects` of elements, for a function of `plan_steps` to find.
    """


@hookspec
def register_examples() -> Iterable[Element | Lattice | Path]:  # type: ignore[empty-body]
    """Return what `caraval check` tries out: elements that do something, short lines with effects, and files for readers."""


@hookspec
def plan_steps() -> Iterable[Callable[[Element, Sequence[Step]], Sequence[Step]]]:  # type: ignore[empty-body]
    """Return functions ``(element, steps) -> steps`` that wrap an element's steps or put others between them."""
