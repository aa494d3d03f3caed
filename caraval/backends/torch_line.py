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
from caraval.core.rows import Row, Undo, Variant, unflatten

from .base import fused, moved, undone
from .loops import Looping

OPTIONS: dict[str, Any] = {"realize_opcount_threshold": 8, "max_fusion_size": 1000}
"""Of the compiler. By default it writes out what is used in several places for each of them, up to thirty operations: in the
derivatives of long formulas that made one program take two minutes to compile rather than ten seconds. And it splits a program
of more than 64 such pieces into several loops over memory."""

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
    backend : Looping
        Says how many particles to take at a time, and takes plain numbers through NumPy's loops.
    """

    rows: Sequence[Row]
    first: int
    tables: dict[int, torch.Tensor]
    open: dict[int, tuple[int, ...]]
    backend: Looping

    def stages(self, like: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Return the numbers of the stages: as tensors, which compiled programs take without compiling anew."""
        count = len(self.rows)
        numbers = torch.arange(self.first, self.first + count, dtype=like.dtype, device=like.device)
        return tuple(number.clone() for number in numbers)


def run(rows: Sequence[Row], q: Coordinates, lost: Any, first: int, backend: Looping) -> tuple[Coordinates, Any]:
    """Take particles through rows, see :meth:`caraval.backends.base.Backend.run`."""
    unique = {id(row): row for row in rows}
    shape = np.broadcast_shapes(*(a.shape for a in q), *(_batch(row) for row in unique.values()))
    state = tuple(a.expand(shape) for a in q)
    lost = torch.full_like(state[0], ALIVE) if lost is None else lost.expand(shape)
    graded = torch.is_grad_enabled()
    open_: dict[int, tuple[int, ...]] = {}
    wanted: list[torch.Tensor] = []
    for key, row in unique.items():
        values = row.values
        open_[key] = tuple(i for i, v in enumerate(values) if graded and not is_number(v) and v.requires_grad)
        wanted += [values[i] for i in open_[key]]
    tables = {key: _table(row, q.x) for key, row in unique.items()}
    line = Line(rows, first, tables, open_, backend)
    if wanted or (graded and any(a.requires_grad for a in state)):
        *out, lost = _Tracked.apply(line, lost, *state, *wanted)
    else:
        *out, lost = _forward(line, state, lost)
    return Coordinates(*out), lost


def _batch(row: Row) -> tuple[int, ...]:
    return np.broadcast_shapes(*(tuple(v.shape) for v in row.values if not is_number(v)))


def _table(row: Row, like: torch.Tensor) -> torch.Tensor:
    """Return a row's constants as one tensor ``(size, ...)`` without tape."""
    values = row.values or (0.0,)
    kind = {"dtype": like.dtype, "device": like.device}
    if all(map(is_number, values)):
        return torch.tensor(values, **kind)
    shape = _batch(row)
    full = [torch.full(shape, v, **kind) if is_number(v) else v.detach().to(**kind).expand(shape) for v in values]
    return torch.stack(full)


# Parts of arrays are cloned: for a view, a program is compiled anew if what it is a view of has another shape.


def _parts(n: int, chunk: int) -> Iterator[slice]:
    return (slice(start, min(start + chunk, n)) for start in range(0, n, chunk))


def _forward(line: Line, state: State, lost: torch.Tensor) -> State:
    """Return coordinates and stages of loss after a line; where derivatives are taken, the way there needs none of them."""
    looped = line.backend.looped(line.rows, Coordinates(*state), lost, line.first)
    if looped is not None:
        q, gone = looped
        return *q, torch.full_like(q.x, ALIVE) if gone is None else gone
    out = tuple(torch.empty_like(lost) for _ in range(7))
    stages = line.stages(lost)
    for part in _parts(lost.shape[-1], line.backend.chunk):
        q, gone = Coordinates(*(a[..., part].clone() for a in state)), lost[..., part].clone()
        for row, stage in zip(line.rows, stages, strict=True):
            q, gone = forwards(row.variant)(line.tables[id(row)], stage, q, gone)
        for target, source in zip(out, (*q, gone), strict=True):
            target[..., part] = source
    _stop_the_lost(line, state, out)
    return out


def _stop_the_lost(line: Line, state: State, out: State) -> None:
    """Give lost particles the coordinates that they were lost with: they are few, and take the way there once more."""
    gone = (out[6] != ALIVE).reshape(-1, out[6].shape[-1]).any(0).nonzero()[:, 0]
    stages = line.stages(out[6])
    for part in _parts(len(gone), line.backend.chunk):
        these = gone[part] if len(gone) > 1 else gone.expand(2)  # for a single particle programs are compiled anew
        lost = out[6][..., these]
        q = kept = Coordinates(*(a[..., these] for a in state))
        ends = _ends(line, lost)
        for number in range(max(ends, default=0)):
            row = line.rows[number]
            q, _ = forwards(row.variant)(line.tables[id(row)], stages[number], q, lost)
            if number + 1 in ends:
                kept = _chosen(lost == stages[number], q, kept)
        for target, source in zip(out, kept, strict=False):
            target[..., these] = torch.where(lost == ALIVE, target[..., these], source)


def _ends(line: Line, lost: torch.Tensor) -> set[int]:
    """Return after how many rows of the line particles were lost."""
    found = lost[lost != ALIVE].unique().tolist()
    return {int(stage) - line.first + 1 for stage in found if stage >= line.first}


def _chosen(condition: torch.Tensor, then: Coordinates, otherwise: Any) -> Coordinates:
    others = otherwise if isinstance(otherwise, tuple) else (otherwise,) * 6
    return Coordinates(*(torch.where(condition, a, b) for a, b in zip(then, others, strict=True)))


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
    chunk = line.backend.chunk
    if stored:
        chunk = max(1, min(chunk, KEPT // (6 * lost.element_size() * settings * len(stored))))
    stages = line.stages(lost)
    gradients = {key: torch.zeros_like(line.tables[key][list(places)]) for key, places in line.open.items() if places}
    upstream = [torch.empty_like(lost) for _ in range(6)] if by_beam else None
    for part in _parts(n, chunk):
        *ends, gone = (a[..., part].clone() for a in (*out, lost))
        end, end_slope = Coordinates(*ends), Coordinates(*(a[..., part].clone() for a in slopes))
        # the lost wait on the axis until the way back comes to where they were lost
        joining = _ends(line, gone)
        q, slope = (_chosen(gone == ALIVE, a, 0.0) for a in (end, end_slope)) if len(joining) else (end, end_slope)
        inputs = _inputs(line, stages, start, part, stored, gone) if stored else {}
        for k in range(len(line.rows) - 1, first - 1, -1):
            row = line.rows[k]
            if k + 1 in joining:
                here = gone == stages[k]
                q, slope = _chosen(here, end, q), _chosen(here, end_slope, slope)
            if not row.variant.tracks:
                continue
            table, places = line.tables[id(row)], line.open[id(row)]
            if k in inputs:
                q = inputs.pop(k)
                slope, found = kept_backwards(row.variant, places)(table, q, slope)
            else:
                q, slope, found = backwards(row.variant, row.undos, places)(table, q, slope)
            if places:
                gradients[id(row)] += found
        if upstream is not None:
            slope = _chosen(gone < line.first, end_slope, slope)
            for target, source in zip(upstream, slope, strict=True):
                target[..., part] = source
    flat = [gradient for key in line.open if key in gradients for gradient in gradients[key].unbind()]
    return upstream, flat


def _inputs(
    line: Line, stages: State, start: State, part: slice, stored: set[int], gone: torch.Tensor
) -> dict[int, Coordinates]:
    """Run a chunk forwards and return what goes into the rows whose inputs must be kept; the lost wait on the axis."""
    _, *state = (a[..., part].clone() for a in start)
    ending = _ends(line, gone)
    q = _chosen(gone >= line.first, Coordinates(*state), 0.0)
    found = {}
    for k, (row, stage) in enumerate(zip(line.rows, stages, strict=True)):
        if k in stored:
            found[k] = q
        q, _ = forwards(row.variant)(line.tables[id(row)], stage, q, gone)
        if k + 1 in ending:
            q = _chosen(gone > stage, q, 0.0)
    return found


# -------------------------------------------------------------------- programs


def _compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function compiled. The compiler counts recompilations by code object, so every program gets its own."""
    code = function.__code__
    own = FunctionType(code.replace(), function.__globals__, code.co_name, None, function.__closure__)
    return torch.compile(own, dynamic=True, fullgraph=True, options=OPTIONS)


@cache
def forwards(variant: Variant) -> Callable[..., Any]:
    """Return the program ``(table, stage, q, lost) -> (q, lost)`` of a variant."""
    step = fused(variant, xp)

    def forward(table: Any, stage: Any, q: Coordinates, lost: Any) -> Any:
        return step(table.unbind(0), stage, q, lost)

    return _compiled(forward)


def _vjp(variant: Variant, places: tuple[int, ...]) -> Callable[..., Any]:
    """Return ``(table, q, slope) -> (slope before, derivatives by the constants at these places)``."""
    move = moved(variant, xp)

    def pull(table: Any, q: Coordinates, slope: Coordinates) -> Any:
        values = list(table.unbind(0))

        def forward(opened: Any, q: State) -> State:
            for place, value in zip(places, opened, strict=True):
                values[place] = value
            return tuple(move(unflatten(variant.layout, iter(values)), Coordinates(*q)))

        opened = tuple(values[place] for place in places)
        _, back = torch.func.vjp(forward, opened, tuple(q))
        found, before = back(tuple(slope))
        return Coordinates(*before), torch.stack(found) if found else None

    return pull


@cache
def kept_backwards(variant: Variant, places: tuple[int, ...]) -> Callable[..., Any]:
    """Return the program ``(table, q before, slope after) -> (slope before, derivatives by constants)``."""
    return _compiled(_vjp(variant, places))


@cache
def backwards(variant: Variant, undos: tuple[Undo, ...], places: tuple[int, ...]) -> Callable[..., Any]:
    """Return the program ``(table, q after, slope after) -> (q before, slope before, derivatives)``."""
    pull, back = _vjp(variant, places), undone(variant, undos, xp)

    def backward(table: Any, q: Coordinates, slope: Coordinates) -> Any:
        before = back(unflatten(variant.layout, iter(table.unbind(0))), q)
        return before, *pull(table, before, slope)

    return _compiled(backward)
