"""The work of a scan in pieces that may go anywhere: to the next call, to a thread, to a process, to another machine."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np

from caraval.core.errors import BackendError, CaravalError, InputError
from caraval.core.lattice import Lattice
from caraval.core.particles import everything
from caraval.core.planner import Observe
from caraval.core.registry import registry
from caraval.core.tracking import Beam

from . import outputs as reading
from .settings import Columns

_making = Lock()
"""Threads share a tracker: the first makes it."""

Outputs = tuple[str, ...] | Callable[..., Mapping[str, Any]]


class Chunk(NamedTuple):
    """Settings that are tracked at once.

    Attributes
    ----------
    start : int
        Row of the first one in the table.
    settings : dict of arrays
    size : int
        Rows that every chunk is tracked with, so that compiled programs see one shape; those that the last one lacks are
        filled up, and left out of the result.
    """

    start: int
    settings: Columns
    size: int

    @property
    def rows(self) -> int:
        """Number of settings."""
        return len(next(iter(self.settings.values())))

    def halves(self) -> tuple[Chunk, Chunk]:
        """Return the first and the second half."""
        half = self.rows // 2
        first = {name: column[:half] for name, column in self.settings.items()}
        second = {name: column[half:] for name, column in self.settings.items()}
        return self._replace(settings=first), self._replace(start=self.start + half, settings=second)

    def __str__(self) -> str:
        if self.rows > 1:
            return f"settings {self.start} to {self.start + self.rows - 1}"
        return f"setting {self.start} ({', '.join(f'{name} = {column[0]}' for name, column in self.settings.items())})"


def chunks(settings: Columns, size: int) -> Iterator[Chunk]:
    """Yield settings in chunks of at most `size`, as equal as can be."""
    rows = len(next(iter(settings.values())))
    size = -(-rows // -(-rows // size))
    for start in range(0, rows, size):
        yield Chunk(start, {name: column[start : start + size] for name, column in settings.items()}, size)


@dataclass(frozen=True, eq=False)
class Work:
    """What is done with a chunk of settings: a function from chunks to columns of outputs.

    Chunks and the work are plain things that pickle. A process that receives the work compiles it once, whatever the number
    of chunks.

    Attributes
    ----------
    lattice : Lattice
    beam : ParticleBeam or MomentBeam
        On NumPy.
    parameters : tuple of str
    outputs : tuple of str, or callable
    observe, reference
        As in :meth:`Lattice.track`.
    compiled : bool
        Whether to compile, where there is a compiler.
    backend, dtype, device : str
        Where to track.
    """

    lattice: Lattice
    beam: Beam
    parameters: tuple[str, ...]
    outputs: Outputs
    observe: Observe
    reference: str
    compiled: bool
    backend: str
    dtype: str
    device: Any

    def __call__(self, chunk: Chunk) -> Columns:
        """Return the outputs of a chunk: ``{name: array (rows, ...)}``.

        Raises
        ------
        CaravalError
            If something is wrong with these settings; the message says which they are.
        """
        try:
            return self._outputs(chunk)
        except CaravalError as error:
            chunk, error = self._narrowed(chunk, error)
            raise type(error)(f"{chunk}: {error}") from error

    @np.errstate(over="ignore", invalid="ignore")  # the table shows which settings go astray, or lose all
    def _outputs(self, chunk: Chunk) -> Columns:
        if callable(self.outputs):
            found = self._called(self._track(chunk, everything))
        elif self.observe is None:
            found = self._read(self._track(chunk, everything))
        else:
            out, history = self._track(chunk, self._read)
            found = reading.columns(self.outputs, self._read(out), history)
        return {name: _column(name, value, chunk) for name, value in found.items()}

    def _narrowed(self, chunk: Chunk, error: CaravalError) -> tuple[Chunk, CaravalError]:
        """Return the part of a chunk that an error is of, by halves, and the error there."""
        while chunk.rows > 1:
            halves = chunk.halves()
            errors = [self._error(half) for half in halves]
            wrong = [(half, found) for half, found in zip(halves, errors, strict=True) if found is not None]
            if len(wrong) != 1:  # of settings together, or of none
                break
            chunk, error = wrong[0]
        return chunk, error

    def _error(self, chunk: Chunk) -> CaravalError | None:
        try:
            self._outputs(chunk)
        except CaravalError as error:
            return error
        return None

    def _track(self, chunk: Chunk, keep: Callable[[Any], Any]) -> Any:
        with _making:
            track, beam = self._ready
        place = registry().backend(self.backend)
        kind = {"dtype": beam.dtype, "device": beam.device}
        fill = chunk.size - chunk.rows
        settings = {name: place.asarray(np.pad(column, (0, fill), "edge"), **kind) for name, column in chunk.settings.items()}
        return track(beam, settings, keep=keep, reference=self.reference)

    def _read(self, beam: Beam) -> dict[str, Any]:
        return reading.values(self.outputs, beam)  # type: ignore[arg-type]

    def _called(self, found: Any) -> Mapping[str, Any]:
        """Return what a function makes of what tracking returns."""
        assert callable(self.outputs)
        result = self.outputs(found) if self.observe is None else self.outputs(*found)
        if not isinstance(result, Mapping):
            raise InputError(
                f'the function of outputs must return a mapping, such as {{"size": out.sigma_x}}, not {type(result).__name__}'
            )
        return {name: reading.on_numpy(value) for name, value in result.items()}

    # ---------------------------------------------------------------- made once in each process

    @cached_property
    def _ready(self) -> tuple[Callable[..., Any], Beam]:
        """How to track, and the beam where it is tracked."""
        beam = self.beam.to(self.backend, device=self.device, dtype=self.dtype)
        if self.compiled:
            try:
                return self.lattice.compile(self.backend, parameters=self.parameters, observe=self.observe), beam
            except BackendError:  # no compiler: the same, slower
                pass
        return self._track_eagerly, beam

    def _track_eagerly(self, beam: Beam, settings: Mapping[str, Any], **how: Any) -> Any:
        return self.lattice.replace(settings).track(beam, observe=self.observe, **how)

    @cached_property
    def _packed(self) -> tuple[str, bytes]:
        """A name for this work in other processes, and the work itself, pickled once for all chunks."""
        return uuid4().hex, pickle.dumps({field.name: getattr(self, field.name) for field in fields(self)})

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, self._packed


_received: dict[str, Work] = {}
"""The work that this process is at: the last one that came."""


def _unpacked(name: str, packed: bytes) -> Work:
    work = _received.get(name)
    if work is None:
        work = Work(**pickle.loads(packed))
        _received.clear()
        _received[name] = work
    return work


def _column(name: str, value: Any, chunk: Chunk) -> np.ndarray[Any, Any]:
    """Return a column without the rows that were filled up."""
    if value.ndim == 0:
        value = np.broadcast_to(value, (chunk.size,))
    if len(value) != chunk.size:
        raise InputError(f"output {name!r} has shape {value.shape}, which does not begin with the {chunk.size} settings")
    return np.array(value[: chunk.rows])
