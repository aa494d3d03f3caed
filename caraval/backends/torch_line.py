"""Compiled PyTorch: one program per variant, and derivatives of a whole line whose memory does not grow with it.

Forwards nothing is kept but what comes out. Backwards every row's input is rebuilt from its output, by the same routines run
with the constants that undo them; where a routine cannot be undone, and in single precision, inputs are kept for a few
particles at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache
from types import FunctionType
from typing import Any, NamedTuple

import array_api_compat.torch as xp
import numpy as np
import torch

from caraval.core.arrays import is_number
from caraval.core.coordinates import Coordinates
from caraval.core.loss import ALIVE
from caraval.core.rows import Row, Undo, Variant, flatten, unflatten

from .base import fused, moved, undone

KEPT = 2**27
"""Bytes of inputs kept at a time, where rows cannot be undone."""

State = tuple[Any, ...]
"""Six coordinates."""


class Line(NamedTuple):
    """Rows ready to run.

    Attributes
    ----------
    rows : sequence of Row
    first : int
        Number of the first row's stage.
    tables : dict
        Of each different row, by its identity, all constants: a tensor ``(size, ...)`` without tape.
    open : dict
        Of each different row the places of the constants that derivatives are wanted of.
    chunk : int
        Particles at a time.
    """

    rows: Sequence[Row]
    first: int
    tables: dict[int, torch.Tensor]
    open: dict[int, tuple[int, ...]]
    chunk: int

    def stages(self, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the numbers of the stages: as tensors, which compiled programs take without compiling anew."""
        count = len(self.rows)
        return torch.arange(self.first, self.first + count, dtype=like.dtype, device=like.device).unbind()


def run(rows: Sequence[Row], q: Coordinates, lost: Any, first: int, chunk: int) -> tuple[Coordinates, Any]:
    """Take particles through rows, see :meth:`caraval.backends.base.Backend.run`."""
    unique = {id(row): row for row in rows}
    shape = np.broadcast_shapes(*(a.shape for a in q), *(_batch(row) for row in unique.values()))
    state = tuple(a.expand(shape) for a in q)
    lost = torch.full_like(state[0], ALIVE) if lost is None else lost.expand(shape)
    graded = torch.is_grad_enabled()
    open_: dict[int, tuple[int, ...]] = {}
    wanted: list[torch.Tensor] = []
    for key, row in unique.items():
        values = flatten(row.constants)
        open_[key] = tuple(i for i, v in enumerate(values) if graded and not is_number(v) and v.requires_grad)
        wanted += [values[i] for i in open_[key]]
    tables = {key: _table(row, q.x) for key, row in unique.items()}
    line = Line(rows, first, tables, open_, chunk)
    if wanted or (graded and any(a.requires_grad for a in state)):
        *out, lost = _Tracked.apply(line, lost, *state, *wanted)
    else:
        *out, lost = _forward(line, state, lost)
    return Coordinates(*out), lost


def _batch(row: Row) -> tuple[int, ...]:
    return np.broadcast_shapes(*(tuple(v.shape) for v in flatten(row.constants) if not is_number(v)))


def _table(row: Row, like: torch.Tensor) -> torch.Tensor:
    """Return a row's constants as one tensor ``(size, ...)`` without tape."""
    values = flatten(row.constants) or [0.0]
    kind = {"dtype": like.dtype, "device": like.device}
    if all(map(is_number, values)):
        return torch.tensor(values, **kind)
    shape = _batch(row)
    full = [torch.full(shape, v, **kind) if is_number(v) else v.detach().to(**kind).expand(shape) for v in values]
    return torch.stack(full)


def _parts(n: int, chunk: int) -> Iterator[slice]:
    return (slice(start, min(start + chunk, n)) for start in range(0, n, chunk))


def _forward(line: Line, state: State, lost: torch.Tensor) -> State:
    """Return coordinates and stages of loss after a line."""
    n = lost.shape[-1]
    out = tuple(torch.empty_like(lost) for _ in range(7))
    stages = line.stages(lost)
    for part in _parts(n, line.chunk):
        q, gone = Coordinates(*(a[..., part].contiguous() for a in state)), lost[..., part].contiguous()
        for row, stage in zip(line.rows, stages, strict=True):
            q, gone = forwards(row.variant)(line.tables[id(row)], stage, q, gone)
        for target, source in zip(out, (*q, gone), strict=True):
            target[..., part] = source
    return out


class _Tracked(torch.autograd.Function):  # type: ignore[misc]
    """A line with derivatives. Its inputs: line, stages of loss, six coordinates, all open constants."""

    @staticmethod
    def forward(line: Line, lost: torch.Tensor, *tensors: torch.Tensor) -> State:
        return _forward(line, tensors[:6], lost)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: State) -> None:
        ctx.line, lost, *tensors = inputs
        ctx.shapes = [t.shape for t in tensors]
        ctx.mark_non_differentiable(output[6])
        ctx.set_materialize_grads(True)
        kept = (lost, *tensors[:6]) if _stored(ctx.line, lost) else ()
        ctx.save_for_backward(*output, *kept)

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *slopes: torch.Tensor) -> Any:
        saved = ctx.saved_tensors
        upstream, gradients = _backward(ctx.line, saved[:6], saved[6], slopes[:6], saved[7:], any(ctx.needs_input_grad[2:8]))
        found = [*(upstream or [None] * 6), *gradients]
        return None, None, *(None if g is None else g.sum_to_size(s) for g, s in zip(found, ctx.shapes, strict=True))


def _stored(line: Line, like: torch.Tensor) -> set[int]:
    """Return the positions of the rows whose inputs must be kept: those that cannot be undone, all in single precision."""
    single = like.dtype != torch.float64
    return {k for k, row in enumerate(line.rows) if row.variant.tracks and (single or None in row.undos)}


def _backward(
    line: Line, out: State, lost: torch.Tensor, slopes: State, start: State, by_beam: bool
) -> tuple[list[torch.Tensor] | None, list[torch.Tensor]]:
    """Return the derivatives by the six coordinates at the start, and by the open constants of all rows."""
    stored = _stored(line, lost)
    first = 0 if by_beam else min((k for k, row in enumerate(line.rows) if line.open[id(row)]), default=len(line.rows))
    n, settings = lost.shape[-1], lost[..., 0].numel()
    chunk = line.chunk if not stored else max(1, min(line.chunk, KEPT // (6 * lost.element_size() * settings * len(stored))))
    stages = line.stages(lost)
    gradients = {key: torch.zeros_like(line.tables[key][list(places)]) for key, places in line.open.items() if places}
    upstream = [torch.empty_like(lost) for _ in range(6)] if by_beam else None
    for part in _parts(n, chunk):
        q = Coordinates(*(a[..., part].contiguous() for a in out))
        gone = lost[..., part].contiguous()
        slope = Coordinates(*(a[..., part].contiguous() for a in slopes))
        inputs = _inputs(line, stages, start, part, stored) if stored else {}
        for k in range(len(line.rows) - 1, first - 1, -1):
            row = line.rows[k]
            if not row.variant.tracks:
                continue
            table, places = line.tables[id(row)], line.open[id(row)]
            if k in inputs:
                q = inputs.pop(k)
                slope, found = kept_backwards(row.variant, places)(table, stages[k], q, gone, slope)
            else:
                q, slope, found = backwards(row.variant, row.undos, places)(table, stages[k], q, gone, slope)
            if places:
                gradients[id(row)] += found
        if upstream is not None:
            for target, source in zip(upstream, slope, strict=True):
                target[..., part] = source
    flat = [gradient for key in line.open if key in gradients for gradient in gradients[key].unbind()]
    return upstream, flat


def _inputs(line: Line, stages: State, start: State, part: slice, stored: set[int]) -> dict[int, Coordinates]:
    """Run a chunk forwards and return what goes into the rows whose inputs must be kept."""
    gone, *state = (a[..., part].contiguous() for a in start)
    q = Coordinates(*state)
    found = {}
    for k, (row, stage) in enumerate(zip(line.rows, stages, strict=True)):
        if k in stored:
            found[k] = q
        q, gone = forwards(row.variant)(line.tables[id(row)], stage, q, gone)
    return found


# -------------------------------------------------------------------- programs


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function compiled. The compiler counts recompilations by code object, so every program gets its own."""
    code = function.__code__
    own = FunctionType(code.replace(), function.__globals__, code.co_name, None, function.__closure__)
    return torch.compile(own, dynamic=True, fullgraph=True)


@cache
def forwards(variant: Variant) -> Callable[..., Any]:
    """Return the program ``(table, stage, q, lost) -> (q, lost)`` of a variant."""
    step = fused(variant, xp)

    def forward(table: Any, stage: Any, q: Coordinates, lost: Any) -> Any:
        return step(table.unbind(0), stage, q, lost)

    return _compiled(forward)


def _vjp(variant: Variant, places: tuple[int, ...]) -> Callable[..., Any]:
    """Return ``(table, there, q, slope) -> (slope before, derivatives by the constants at these places)``."""
    move = moved(variant, xp)

    def pull(table: Any, there: Any, q: Coordinates, slope: Coordinates) -> Any:
        values = list(table.unbind(0))

        def forward(opened: Any, q: State) -> State:
            for place, value in zip(places, opened, strict=True):
                values[place] = value
            return tuple(move(unflatten(variant.layout, iter(values)), there, Coordinates(*q)))

        opened = tuple(values[place] for place in places)
        _, back = torch.func.vjp(forward, opened, tuple(q))
        found, before = back(tuple(slope))
        return Coordinates(*before), torch.stack(found) if found else None

    return pull


@cache
def kept_backwards(variant: Variant, places: tuple[int, ...]) -> Callable[..., Any]:
    """Return the program ``(table, stage, q before, lost, slope after) -> (slope before, derivatives by constants)``."""
    pull = _vjp(variant, places)

    def backward(table: Any, stage: Any, q: Coordinates, lost: Any, slope: Coordinates) -> Any:
        return pull(table, lost >= stage, q, slope)

    return _compiled(backward)


@cache
def backwards(variant: Variant, undos: tuple[Undo, ...], places: tuple[int, ...]) -> Callable[..., Any]:
    """Return the program ``(table, stage, q after, lost, slope after) -> (q before, slope before, derivatives)``."""
    pull, back = _vjp(variant, places), undone(variant, undos, xp)

    def backward(table: Any, stage: Any, q: Coordinates, lost: Any, slope: Coordinates) -> Any:
        there = lost >= stage
        before = back(unflatten(variant.layout, iter(table.unbind(0))), there, q)
        return before, *pull(table, there, before, slope)

    return _compiled(backward)
