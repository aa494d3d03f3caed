"""Scans: a lattice, a beam and many settings."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from caraval.core.beam import ParticleBeam
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.names import parameter_of
from caraval.core.planner import Observe
from caraval.core.registry import registry
from caraval.core.tracking import Beam, first_array

from .outputs import DEFAULT, check_names
from .settings import Columns, check_single, checked
from .stored import Parts, check_target, finished
from .work import Chunk, Outputs, Work, chunks

MEMORY = 256e6
"""Bytes that a chunk of settings may take on its way."""

PARTICLE_BYTES = 512
"""Of each particle in each setting: coordinates, charge and losses, and what a step and the statistics need besides."""

SETTING_BYTES = 4_000
"""Of each setting of moments: mean and covariance, six coordinates with six slopes, and what a step needs besides."""

CHANGED_BYTES = 400
"""Of each setting for each element whose numbers it changes: constants, or a matrix of 36 numbers with an offset."""

REFERENCE_BYTES = 24
"""Of each setting for each element: the reference behind it, where lengths or voltages change."""

Map = Callable[[Callable[[Chunk], Columns], Iterable[Chunk]], Iterable[Columns]]
Progress = Callable[[int, int], None]


class Scan:
    """A lattice tracked with many settings, chunk by chunk.

    Parameters
    ----------
    lattice, beam, settings, outputs, observe, chunk, backend, compiled, reference
        As of :func:`scan`.

    Attributes
    ----------
    settings : dict of arrays
    work : Work
        What is done with each chunk.
    chunks : list of Chunk
    """

    def __init__(
        self,
        lattice: Lattice,
        beam: Beam,
        settings: Mapping[str, Any],
        outputs: Sequence[str] | Callable[..., Mapping[str, Any]] = DEFAULT,
        *,
        observe: Observe = None,
        chunk: int | None = None,
        backend: str | None = None,
        compiled: bool = True,
        reference: Literal["lattice", "beam"] = "lattice",
    ) -> None:
        shape = tuple(first_array(beam).shape)
        if len(shape) > 1:
            raise InputError(f"the beam is a batch of shape {shape[:-1]}; a scan is of one beam")
        if chunk is not None and (not isinstance(chunk, (int, np.integer)) or isinstance(chunk, bool) or chunk < 1):
            raise InputError(f"chunk must be a positive whole number of settings, not {chunk!r}")
        self.settings = checked(lattice, settings)
        check_single(lattice, self.settings)
        lattice.planner.keys(observe)
        wanted: Outputs = outputs if callable(outputs) else check_names(outputs)
        target = backend or beam.backend
        registry().backend(target)
        self.work = Work(
            lattice, beam.to("numpy"), tuple(self.settings), wanted, observe, reference, compiled, target,
            str(beam.dtype).rpartition(".")[2], _device(beam) if target == beam.backend else None,
        )  # fmt: skip
        self.chunks = list(chunks(self.settings, chunk or settings_at_once(lattice, beam, list(self.settings))))

    def __len__(self) -> int:
        """Return the number of settings."""
        return len(next(iter(self.settings.values())))

    def results(
        self, map: Map = builtins.map, progress: Progress | None = None, done: Collection[int] = ()
    ) -> Iterator[tuple[int, Columns]]:
        """Track, and yield the number of each chunk with its outputs, in order, but for those that are done."""
        numbers = [number for number in range(len(self.chunks)) if number not in done]
        passed = sum(self.chunks[number].rows for number in done)
        if progress is not None:
            progress(passed, len(self))
        for number, columns in zip(numbers, map(self.work, [self.chunks[i] for i in numbers]), strict=True):
            yield number, columns
            passed += self.chunks[number].rows
            if progress is not None:
                progress(passed, len(self))

    def table(self, map: Map = builtins.map, progress: Progress | None = None) -> Columns:
        """Track, and return settings and outputs."""
        table: Columns = {}
        for number, columns in self.results(map, progress):
            chunk = self.chunks[number]
            for name, column in columns.items():
                if name not in table:
                    self._check_name(name)
                    table[name] = np.empty((len(self), *column.shape[1:]), column.dtype)
                table[name][chunk.start : chunk.start + chunk.rows] = column
        return {**self.settings, **table}

    def write(
        self, path: str | Path, *, resume: bool = False, map: Map = builtins.map, progress: Progress | None = None
    ) -> int:
        """Track, and write settings and outputs to a file, whole or not at all.

        Finished chunks are kept in a folder beside the file until it is complete.

        Parameters
        ----------
        path : str or Path
            ``.parquet``, ``.h5`` or ``.hdf5``.
        resume : bool
            Whether to go on where a scan was interrupted, rather than to begin.
        map, progress
            As of :func:`scan`.

        Returns
        -------
        int
            How many settings were tracked: not those that were there already.

        Raises
        ------
        InputError
            If an interrupted scan lies there and `resume` is not asked for, or if it was another scan.
        """
        path = Path(path)
        check_target(path)
        if resume and finished(self, path):
            return 0
        parts = Parts(path)
        parts.begin(self, resume=resume)
        tracked = 0
        for number, columns in self.results(map, progress, parts.done(len(self.chunks))):
            for name in columns:
                self._check_name(name)
            parts.keep(number, columns)
            tracked += self.chunks[number].rows
        parts.finish(self)
        return tracked

    def _check_name(self, name: str) -> None:
        if name in self.settings:
            raise InputError(f"output {name!r} has the name of a setting; give it another")


def scan(
    lattice: Lattice,
    beam: Beam,
    settings: Mapping[str, Any],
    outputs: Sequence[str] | Callable[..., Mapping[str, Any]] = DEFAULT,
    *,
    observe: Observe = None,
    chunk: int | None = None,
    backend: str | None = None,
    compiled: bool = True,
    reference: Literal["lattice", "beam"] = "lattice",
    map: Map = builtins.map,
    progress: Progress | None = None,
) -> Columns:
    """Track a beam with many settings of a lattice, in memory that does not grow with their number.

    Parameters
    ----------
    lattice : Lattice
    beam : ParticleBeam or MomentBeam
        One beam, not a batch.
    settings : mapping
        Columns of one length: ``{"q1.k1": array, "q2.k1": array}``; all combinations of values are ``cv.grid({...})``.
    outputs : sequence of str, or callable
        What to keep: quantities by name (``caraval.scanning.QUANTITIES``), NaN where no particle is left to have them; or a
        function of what tracking returns, with a leading axis of settings, to a mapping of arrays
        (``lambda out: {"size": out.sigma_x}``).
    observe : name, pattern, place, or sequence of them, optional
        Elements after which to keep the quantities as well, as ``bpm1.sigma_x``; a function gets ``(out, history)``.
    chunk : int, optional
        Settings at a time; left out: as many as fit in 256 MB. Several workers want at least a chunk each.
    backend : str, optional
        Left out: the beam's.
    compiled : bool
        Whether to compile first, where there is a compiler.
    reference : "lattice" or "beam"
        As in :meth:`Lattice.track`.
    map : callable, optional
        How to apply a function to the chunks, ``map(function, chunks)``, with results in the order of the chunks: the builtin
        one, or an executor's ``map``. Function, chunks and results pickle, so they may go to other processes and machines.
    progress : callable, optional
        Told on the way ``(settings done, number of settings)``.

    Returns
    -------
    dict of arrays
        NumPy columns, first the settings, then the outputs; a row per setting.

    Raises
    ------
    UnknownNameError
        If the lattice has no such element or parameter, or there is no such output.
    InputError
        If columns differ in length or are not finite, or lattice or beam are batches.
    """
    how: dict[str, Any] = {"observe": observe, "chunk": chunk, "backend": backend, "compiled": compiled}
    return Scan(lattice, beam, settings, outputs, **how, reference=reference).table(map, progress)


def settings_at_once(lattice: Lattice, beam: Beam, parameters: Sequence[str]) -> int:
    """Return how many settings fit in :data:`MEMORY`."""
    changed = {place for name in parameters for place in lattice.select(parameter_of(name)[0])}
    for place in sorted(changed):
        if registry().reference_of(type(lattice.elements[place])) is not None:  # then all behind it see another momentum
            changed.update(range(place, len(lattice)))
            break
    size = len(beam) * PARTICLE_BYTES if isinstance(beam, ParticleBeam) else SETTING_BYTES
    size += len(changed) * CHANGED_BYTES + len(lattice) * REFERENCE_BYTES
    return max(1, int(MEMORY / size))


def _device(beam: Beam) -> str:
    """Return the name of the device that a beam is on."""
    device = beam.device
    return f"{device.platform}:{device.id}" if hasattr(device, "platform") else str(device)
