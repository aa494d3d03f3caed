"""Numba's programs of recorded functions: loops over settings, a block at a time through a whole chain.

A block's numbers lie in one buffer, line by line, so that the compiler sees that no two of them overlap and takes several
settings at once in wide registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numba
import numpy as np
from numba.core import cgutils
from numba.extending import intrinsic

from caraval.core.adjoint import adjoint
from caraval.core.recording import Constant, Program, Term

from .numba import OPTIONS, _function, compiled_scalar, types

BLOCK = 256
"""Settings at a time: ten or twenty numbers each are 20 to 40 kB, as much as a core's first cache holds."""

LINE = BLOCK + 8
"""From one number of a block's settings to the next: not a power of two, of which caches hold few."""

SIGNS = {
    "add": "{} + {}", "sub": "{} - {}", "mul": "{} * {}", "truediv": "{} / {}", "neg": "-{}",
    "lt": "{} < {}", "le": "{} <= {}", "gt": "{} > {}", "ge": "{} >= {}", "eq": "{} == {}", "ne": "{} != {}",
    "and": "{} & {}", "or": "{} | {}", "not": "not {}",
}  # fmt: skip


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


DESCRIBED = "codes, numbers, sources, addresses, start"
"""What loops over chains take first: see :class:`caraval.core.chains.Chain`, and where its arrays lie."""


@lru_cache(maxsize=64)
def forwards(steps: tuple[Program, ...], size: int, end: Program | None, kind: str) -> Callable[..., None]:
    """Return the compiled loop of a chain, ``(*described, out, low, high) -> None``.

    Parameters
    ----------
    steps : tuple of Program
    size : int
        Open numbers of the map.
    end : Program, optional
        What to make of these numbers, and of others that are given: moments. The loop then is
        ``(*described, given, mean, covariance, low, high) -> None``.
    kind : str
        Precision.
    """
    names = [f"step{k}" for k in range(len(steps))]
    namespace: dict[str, Any] = {name: _step(s, size, size) for name, s in zip(names, steps, strict=True)}
    if end is None:
        more, results = 0, "out"
        stored = [f"        for j in range({size}):", *_copied(f"out[j, a + i] = w[j * {LINE} + i]", 3)]
    else:
        reduced, places = _distinct(end, size)
        namespace["end"] = loop(reduced, tuple(range(size)), tuple(range(size, size + len(reduced.outputs))))
        more, results = len(reduced.outputs), "given, mean, covariance"
        stored = ["        end(given, w, n)", "        for i in range(n):"]
        stored += [f"            {_moment(j)} = w[{place * LINE} + i]" for j, place in enumerate(places)]
    lines = [
        f"def run({DESCRIBED}, {results}, low, high):",
        f"    w = np.empty(({size} + max(sources.shape[1], {more})) * {LINE}, start.dtype)",
        f"    for a in range(low, high, {BLOCK}):",
        f"        n = min({BLOCK}, high - a)",
        *_started(size),
        "        for e in range(codes.size):",
        *_taken(size),
        *_dispatched(names),
        *stored,
    ]
    return _jitted("run", lines, {**namespace, "number_at": _number_at(kind)})


@lru_cache(maxsize=64)
def backwards(steps: tuple[Program, ...], size: int, end: Program | None, kind: str) -> Callable[..., None]:
    """Return the compiled loop of a chain's derivatives, ``(*described, slopes, out, low, high) -> None``.

    `slopes` are the derivatives by what the chain returns; those by the arrays are added to `out`. Of a block the maps before
    all links are kept. With an `end` the loop is ``(*described, given, mean, covariance, out, low, high) -> None``, of the
    slopes of these two. See :func:`forwards`.
    """
    names, back = [f"step{k}" for k in range(len(steps))], [f"back{k}" for k in range(len(steps))]
    namespace: dict[str, Any] = {"number_at": _number_at(kind)}
    for name, reverse, step in zip(names, back, steps, strict=True):  # lines: map, its slopes, what a link takes, their slopes
        last = size + step.arrays
        namespace[name] = _step(step, size, 2 * size)
        places = (*range(size), *range(2 * size, last), *range(size, 2 * size))
        namespace[reverse] = loop(adjoint(step), places, (*range(size, 2 * size), *range(last, last + step.arrays - size)))
    if end is None:
        more, results = 0, "slopes"
        sloped = [f"        for j in range({size}):", *_copied(f"w[({size} + j) * {LINE} + i] = slopes[j, a + i]", 3)]
    else:
        more, results = len(end.outputs), "given, mean, covariance"
        places = (*range(size), *range(2 * size, 2 * size + more))
        namespace["end"] = loop(adjoint(end), places, tuple(range(size, 2 * size)))
        sloped = ["        for i in range(n):"]
        sloped += [f"            w[{(2 * size + j) * LINE} + i] = {_moment(j)}" for j in range(more)]
        sloped += ["        end(given, w, n)"]
    width = size * LINE
    lines = [
        f"def run({DESCRIBED}, {results}, out, low, high):",
        f"    w = np.empty((2 * {size} + max(2 * sources.shape[1], {more})) * {LINE}, start.dtype)",
        f"    kept = np.empty((codes.size, {width}), start.dtype)",
        f"    for a in range(low, high, {BLOCK}):",
        f"        n = min({BLOCK}, high - a)",
        *_started(size),
        "        for e in range(codes.size):",
        f"            for i in range({width}):",
        "                kept[e, i] = w[i]",
        *_taken(2 * size),
        *_dispatched(names),
        *sloped,
        "        for e in range(codes.size - 1, -1, -1):",
        f"            for i in range({width}):",
        "                w[i] = kept[e, i]",
        *_taken(2 * size),
        *_dispatched(back),
        "            for p in range(taken):",
        *_copied(f"out[sources[e, p], a + i] += w[({2 * size} + taken + p) * {LINE} + i]", 4),
    ]
    return _jitted("run", lines, namespace)


def _step(step: Program, size: int, taken: int) -> Callable[..., None]:
    """Return the loop of a step whose map is in the first lines, in place, and what its link takes from a line on."""
    return loop(step, (*range(size), *range(taken, taken + step.arrays - size)), tuple(range(size)))


def _moment(j: int) -> str:
    """Return where the moment of a number is in the source of loops: mean and covariance come one after the other."""
    return f"mean[a + i, {j}]" if j < 6 else f"covariance[a + i, {j - 6}]"


def _distinct(program: Program, first: int) -> tuple[Program, list[int]]:
    """Return a program with every output once, and the lines that all outputs are in, if it writes from the first on."""
    lines_of = {term: first + i for i, term in enumerate(dict.fromkeys(program.outputs))}
    return program._replace(outputs=tuple(lines_of)), [lines_of[term] for term in program.outputs]


@lru_cache(maxsize=256)
def single(program: Program, interleaved: bool, kind: str) -> Callable[..., None]:
    """Return the compiled ``(numbers, addresses, out, low, high) -> None`` of a single program."""
    reduced, places = _distinct(program, program.arrays)
    targets = tuple(range(program.arrays, program.arrays + len(reduced.outputs)))
    namespace = {"body": loop(reduced, tuple(range(program.arrays)), targets), "number_at": _number_at(kind)}
    lines = [
        "def run(numbers, addresses, out, low, high):",
        f"    w = np.empty({(program.arrays + len(targets)) * LINE}, out.dtype)",
        f"    for a in range(low, high, {BLOCK}):",
        f"        n = min({BLOCK}, high - a)",
        f"        for p in range({program.arrays}):",
        *_copied(f"w[p * {LINE} + i] = number_at(addresses[p], a + i)", 3),
        "        body(numbers, w, n)",
    ]
    copies = [f"w[{place * LINE} + i]" for place in places]
    if interleaved:
        lines += ["        for i in range(n):", *(f"            out[a + i, {j}] = {copy}" for j, copy in enumerate(copies))]
    else:
        lines += [line for j, copy in enumerate(copies) for line in _copied(f"out[{j}, a + i] = {copy}", 2)]
    return _jitted("run", lines, namespace)


def _copied(statement: str, depth: int) -> list[str]:
    """Return the source that does something for all settings `i` of a block."""
    return ["    " * depth + "for i in range(n):", "    " * (depth + 1) + statement]


def _started(size: int) -> list[str]:
    return [
        f"        for j in range({size}):",
        *_copied(f"w[j * {LINE} + i] = start[j]", 3),
    ]


def _taken(first: int) -> list[str]:
    """Return the source that brings what a link takes into lines of the buffer, and counts it."""
    return [
        "            taken = 0",
        "            while taken < sources.shape[1] and sources[e, taken] >= 0:",
        "                address = addresses[sources[e, taken]]",
        *_copied(f"w[({first} + taken) * {LINE} + i] = number_at(address, a + i)", 4),
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
