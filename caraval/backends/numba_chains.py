"""Numba's programs of recorded functions: loops over settings, a block at a time through a whole chain.

A block's numbers lie in one buffer, line by line, so that the compiler sees that no two of them overlap and takes several
settings at once in wide registers.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic

from caraval.core.adjoint import adjoint
from caraval.core.chains import Chain
from caraval.core.recording import Constant, Program, Term

from .numba import OPTIONS, _function, compiled_scalar, types

BLOCK = 128
"""Settings at a time: thirty numbers each are 30 kB, less than a core's first cache."""

LINE = BLOCK + 8
"""From one number of a block's settings to the next: not a power of two, of which caches hold few."""

WORTH_A_THREAD = 1_024
"""Settings that make it worth while to start another thread."""

SIGNS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "truediv": "{} / {}", "neg": "-{}",
    "lt": "{} < {}", "le": "{} <= {}", "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "ne": "{} != {}",
    "and": "{} & {}", "or": "{} | {}", "not": "not {}",
}  # fmt: skip


# -------------------------------------------------------------------- running


def run(chain: Chain, lines: Sequence[np.ndarray]) -> np.ndarray:
    """Return the open numbers ``(size, n)`` of a chain's map, for arrays ``(n,)``."""
    lines = list(map(np.ascontiguousarray, lines))
    kind, n = lines[0].dtype, lines[0].size
    start = np.array(chain.start, dtype=kind)
    out = np.empty((start.size, n), dtype=kind)
    work = forwards(chain.steps, start.size, str(kind))
    arguments = (chain.codes, chain.numbers.astype(kind), chain.sources, _addresses(lines), start, out)
    _shared(n, lambda low, high: work(*arguments, low, high))
    return out


def pull(chain: Chain, lines: Sequence[np.ndarray], slopes: np.ndarray) -> np.ndarray:
    """Return the derivatives ``(k, n)`` by the arrays, given those by the open numbers ``(size, n)``."""
    lines = list(map(np.ascontiguousarray, lines))
    kind, n = lines[0].dtype, lines[0].size
    start = np.array(chain.start, dtype=kind)
    out = np.zeros((len(lines), n), dtype=kind)
    work = backwards(chain.steps, start.size, str(kind))
    arguments = (chain.codes, chain.numbers.astype(kind), chain.sources, _addresses(lines), start, slopes, out)
    _shared(n, lambda low, high: work(*arguments, low, high))
    return out


def evaluate(program: Program, lines: Sequence[np.ndarray], numbers: np.ndarray, *, interleaved: bool = True) -> np.ndarray:
    """Return what a program makes of arrays ``(n,)``: `interleaved`, ``(n, outputs)``, or one after the other."""
    lines = list(map(np.ascontiguousarray, lines))
    kind, n = lines[0].dtype, lines[0].size
    shape = (n, len(program.outputs)) if interleaved else (len(program.outputs), n)
    out = np.empty(shape, dtype=kind)
    work = single(program, interleaved, str(kind))
    arguments = numbers.astype(kind), _addresses(lines), out
    _shared(n, lambda low, high: work(*arguments, low, high))
    return out


def _addresses(lines: Sequence[np.ndarray]) -> np.ndarray:
    """Return where arrays lie: so programs take any number of them."""
    assert all(line.flags.c_contiguous and line.dtype == lines[0].dtype and line.size == lines[0].size for line in lines)
    return np.array([line.ctypes.data for line in lines], dtype=np.uint64)


def _shared(n: int, work: Callable[[int, int], None]) -> None:
    """Share settings among the cores."""
    cores = max(1, min(os.cpu_count() or 1, n // WORTH_A_THREAD))
    if cores == 1:
        work(0, n)
        return
    edges = np.linspace(0, n, cores + 1).astype(int).tolist()
    with ThreadPoolExecutor(cores) as pool:
        list(pool.map(work, edges[:-1], edges[1:]))


# -------------------------------------------------------------------- programs


def _number_at(kind: str) -> Any:
    """Return the function ``(address, i) -> number`` for compiled code."""
    value_type = getattr(types, kind)

    def number_at(context: Any, address: Any, i: Any) -> Any:
        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            pointer = builder.inttoptr(arguments[0], context.get_value_type(value_type).as_pointer())
            return builder.load(cgutils.gep_inbounds(builder, pointer, arguments[1]))

        return value_type(types.uint64, types.int64), build

    return intrinsic(number_at)


@lru_cache(maxsize=1024)
def loop(program: Program, places: tuple[int, ...], targets: tuple[int, ...]) -> Callable[..., None]:
    """Return the compiled loop ``(numbers, w, n) -> None`` over the first `n` settings of a block.

    Parameters
    ----------
    program : Program
    places : tuple of int
        The lines of the buffer `w` that its arrays are in.
    targets : tuple of int
        The lines that its outputs go to.
    """
    first = program.arrays + program.numbers

    def name(term: Term) -> str:
        if isinstance(term, Constant):
            return repr(term.value)
        return f"a{term}" if term < program.arrays else f"k{term}" if term < first else f"v{term}"

    lines = ["def run(numbers, w, n):"]
    lines += [f"    k{program.arrays + i} = numbers[{i}]" for i in range(program.numbers)]
    lines += ["    for i in range(n):"]
    lines += [f"        a{i} = w[{place * LINE} + i]" for i, place in enumerate(places)]
    for place, (operation, terms) in enumerate(program.operations, first):
        names = list(map(name, terms))
        sign = SIGNS.get(operation)
        lines.append(f"        v{place} = " + (sign.format(*names) if sign else f"xp.{operation}({', '.join(names)})"))
    outputs = zip(targets, program.outputs, strict=True)
    lines += [f"        w[{target * LINE} + i] = {name(term)}" for target, term in outputs]
    return _jitted("run", lines, {"xp": compiled_scalar()})


@lru_cache(maxsize=64)
def forwards(steps: tuple[Program, ...], size: int, kind: str) -> Callable[..., None]:
    """Return the compiled ``(codes, numbers, sources, addresses, start, out, low, high) -> None`` of a chain."""
    names = [f"step{k}" for k in range(len(steps))]
    namespace: dict[str, Any] = {name: _step(s, size, size) for name, s in zip(names, steps, strict=True)}
    lines = [
        "def run(codes, numbers, sources, addresses, start, out, low, high):",
        f"    w = np.empty(({size} + sources.shape[1]) * {LINE}, out.dtype)",
        f"    for a in range(low, high, {BLOCK}):",
        f"        n = min({BLOCK}, high - a)",
        *_started(size),
        "        for e in range(codes.size):",
        *_taken(size),
        *_dispatched(names),
        f"        for j in range({size}):",
        "            for i in range(n):",
        f"                out[j, a + i] = w[j * {LINE} + i]",
    ]
    return _jitted("run", lines, {**namespace, "number_at": _number_at(kind)})


@lru_cache(maxsize=64)
def backwards(steps: tuple[Program, ...], size: int, kind: str) -> Callable[..., None]:
    """Return the compiled ``(codes, numbers, sources, addresses, start, slopes, out, low, high) -> None`` of derivatives.

    `slopes` are the derivatives by what the chain returns; those by the arrays are added to `out`. Of a block the maps before
    all links are kept.
    """
    names, back = [f"step{k}" for k in range(len(steps))], [f"back{k}" for k in range(len(steps))]
    namespace: dict[str, Any] = {"number_at": _number_at(kind)}
    for name, reverse, step in zip(names, back, steps, strict=True):  # lines: map, its slopes, what a link takes, their slopes
        end = size + step.arrays
        namespace[name] = _step(step, size, 2 * size)
        places = (*range(size), *range(2 * size, end), *range(size, 2 * size))
        namespace[reverse] = loop(adjoint(step), places, (*range(size, 2 * size), *range(end, end + step.arrays - size)))
    width = size * LINE
    lines = [
        "def run(codes, numbers, sources, addresses, start, slopes, out, low, high):",
        f"    w = np.empty(2 * ({size} + sources.shape[1]) * {LINE}, out.dtype)",
        f"    kept = np.empty((codes.size, {width}), out.dtype)",
        f"    for a in range(low, high, {BLOCK}):",
        f"        n = min({BLOCK}, high - a)",
        *_started(size),
        "        for e in range(codes.size):",
        f"            for i in range({width}):",
        "                kept[e, i] = w[i]",
        *_taken(2 * size),
        *_dispatched(names),
        f"        for j in range({size}):",
        "            for i in range(n):",
        f"                w[({size} + j) * {LINE} + i] = slopes[j, a + i]",
        "        for e in range(codes.size - 1, -1, -1):",
        f"            for i in range({width}):",
        "                w[i] = kept[e, i]",
        *_taken(2 * size),
        *_dispatched(back),
        "            for p in range(taken):",
        "                for i in range(n):",
        f"                    out[sources[e, p], a + i] += w[({2 * size} + taken + p) * {LINE} + i]",
    ]
    return _jitted("run", lines, namespace)


def _step(step: Program, size: int, taken: int) -> Callable[..., None]:
    """Return the loop of a step whose map is in the first lines, in place, and what its link takes from a line on."""
    return loop(step, (*range(size), *range(taken, taken + step.arrays - size)), tuple(range(size)))


@lru_cache(maxsize=256)
def single(program: Program, interleaved: bool, kind: str) -> Callable[..., None]:
    """Return the compiled ``(numbers, addresses, out, low, high) -> None`` of a single program."""
    lines_of = {term: program.arrays + i for i, term in enumerate(dict.fromkeys(program.outputs))}
    reduced = program._replace(outputs=tuple(lines_of))
    namespace = {
        "body": loop(reduced, tuple(range(program.arrays)), tuple(lines_of.values())),
        "number_at": _number_at(kind),
    }
    ends = [f"{lines_of[term] * LINE} + i" for term in program.outputs]
    lines = [
        "def run(numbers, addresses, out, low, high):",
        f"    w = np.empty({(program.arrays + len(lines_of)) * LINE}, out.dtype)",
        f"    for a in range(low, high, {BLOCK}):",
        f"        n = min({BLOCK}, high - a)",
        f"        for p in range({program.arrays}):",
        "            for i in range(n):",
        f"                w[p * {LINE} + i] = number_at(addresses[p], a + i)",
        "        body(numbers, w, n)",
    ]
    if interleaved:
        lines += ["        for i in range(n):", *(f"            out[a + i, {j}] = w[{end}]" for j, end in enumerate(ends))]
    else:
        for j, end in enumerate(ends):
            lines += ["        for i in range(n):", f"            out[{j}, a + i] = w[{end}]"]
    return _jitted("run", lines, namespace)


def _started(size: int) -> list[str]:
    return [
        f"        for j in range({size}):",
        "            for i in range(n):",
        f"                w[j * {LINE} + i] = start[j]",
    ]


def _taken(first: int) -> list[str]:
    """Return the source that brings what a link takes into lines of the buffer, and counts it."""
    return [
        "            taken = 0",
        "            while taken < sources.shape[1] and sources[e, taken] >= 0:",
        "                address = addresses[sources[e, taken]]",
        "                for i in range(n):",
        f"                    w[({first} + taken) * {LINE} + i] = number_at(address, a + i)",
        "                taken += 1",
    ]


def _dispatched(names: Sequence[str]) -> list[str]:
    lines = []
    for k, name in enumerate(names):
        lines.append(f"            {'el' if k else ''}if codes[e] == {k}:")
        lines.append(f"                {name}(numbers[e], w, n)")
    return lines


def _jitted(name: str, lines: list[str], namespace: dict[str, Any]) -> Callable[..., None]:
    compiled: Callable[..., None] = numba.njit(**OPTIONS)(_function(name, "\n".join(lines) + "\n", {**namespace, "np": np}))
    return compiled
