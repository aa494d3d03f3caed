"""Numba as NumPy's compiler: the same routines, particle by particle.

For each variant a small loop is written that unpacks the row's constants once and calls its routines one particle at a time;
a driver takes blocks of particles, small enough for the fastest cache, through all rows. Routines and what they call are
compiled from their own source, with :mod:`caraval.core.scalar` as their namespace.
"""

from __future__ import annotations

import dis
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache
from itertools import pairwise
from types import FunctionType, ModuleType
from typing import Any

import numba
import numpy as np
from numba.extending import overload_method

from caraval.core import scalar
from caraval.core.arrays import is_number
from caraval.core.chains import Chain, Composed
from caraval.core.coordinates import Coordinates
from caraval.core.loss import ALIVE
from caraval.core.maps import LinearMap
from caraval.core.rows import Row, Variant
from caraval.core.transport import carried, moved

from .base import Backend
from .numba_single import in_single, single
from .numpy import NumpyBackend
from .threads import CORES

BLOCK = 512
"""Particles at a time: seven numbers each are 28 kB, less than a core's first cache."""

ALIGNED = 64
"""Bytes: JAX makes a copy of memory that begins elsewhere."""

WORTH_A_THREAD = 8_192
"""Particles that make it worth while to start another thread."""

DOUBLE = "float64"
"""The precision that numbers have in Python."""

types: Any = numba.types

OPTIONS: dict[str, Any] = {"error_model": "numpy", "nogil": True, "fastmath": {"contract"}}
"""Of the compiler. A product and a sum may become one operation that rounds once; nothing else that changes results: infinity
marks the living, and what is written so that no digits cancel stays in its order."""


class NumbaBackend(NumpyBackend):
    """NumPy with everything run as compiled loops."""

    has_chains = True
    lanes = Backend.lanes

    def composed(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements, see :meth:`Backend.composed`."""
        if not chain.shape:
            return None
        from . import numba_chains

        return Composed(chain, numba_chains.run)

    def merged(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements of one setting, see :meth:`Backend.merged`."""
        from . import numba_chains

        return numba_chains.merged(chain) if all(map(is_number, chain.arrays)) else None

    def moved_moments(self, m: LinearMap, mean: Any, covariance: Any) -> tuple[Any, Any] | None:
        """Return mean and covariance after a map, see :meth:`Backend.moved_moments`."""
        from . import numba_chains

        if isinstance(m, Composed) and mean.ndim == 1 and covariance.ndim == 2:
            return carried(m, mean, covariance, numba_chains.moments)
        return moved(m, mean, covariance, numba_chains.evaluate, fixed=True)

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int = 1) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`."""
        return self._compiled(rows, q, lost, first) if rows else (q, lost)

    def for_turns(self, particles: int, steps: int) -> Backend:
        """Return this backend, see :meth:`Backend.for_turns`."""
        return self

    def _round(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any]:
        """Take particles through rows several times in one loop: some particles all the way, then others."""
        return self.run([*rows] * turns, q, lost)

    def _compiled(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int) -> tuple[Coordinates, Any]:
        unique = list({id(row): row for row in rows}.values())
        variants = tuple(dict.fromkeys(row.variant for row in unique))
        number = {variant: i for i, variant in enumerate(variants)}
        batches = [v.shape for row in unique if not row.is_plain for v in row.values if not is_number(v)]
        shape = np.broadcast_shapes(*{a.shape for a in q}, *batches)
        flat = _table(unique, shape[:-1], q.x.dtype)
        place = dict(zip((id(row) for row in unique), _offsets(unique), strict=True))
        codes = np.array([number[row.variant] for row in rows])
        offsets = np.array([place[id(row)] for row in rows])
        work = driver(variants, str(q.x.dtype))
        start = [_settings(a, shape) for a in (*q, np.asarray(ALIVE if lost is None else lost))]
        state = _side_by_side(7, int(np.prod(shape)), q.x.dtype)
        lines = state.reshape(7, -1, shape[-1])

        def piece(setting: int, low: int, high: int) -> int:
            part = lines[:, setting, low:high]
            for target, source in zip(part, start, strict=True):
                target[...] = source[setting, low:high]
            work(codes, offsets, first, flat[min(setting, len(flat) - 1)], part)
            return int(np.count_nonzero(part[6] != ALIVE))

        number_lost = _in_threads(piece, *lines.shape[1:])
        *out, lost = (line.reshape(shape) for line in state)
        return Coordinates(*out), lost if number_lost else None


def _side_by_side(number: int, size: int, dtype: Any) -> np.ndarray:
    """Return an array ``(number, size)``, not filled, whose lines all begin where other libraries take memory as it is."""
    itemsize = np.dtype(dtype).itemsize
    width = -(-size * itemsize // ALIGNED) * ALIGNED
    memory = np.empty(number * width + ALIGNED, dtype=np.uint8)
    start = -memory.ctypes.data % ALIGNED
    found: np.ndarray = memory[start : start + number * width].view(dtype).reshape(number, width // itemsize)[:, :size]
    return found


def _settings(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Return an array in a larger shape ``(..., n)`` as ``(settings, n)``, spread where it is the same for all."""
    if array.ndim < 2 or array.size == array.shape[-1]:
        return np.broadcast_to(array.reshape(array.shape[-1:]), (int(np.prod(shape[:-1])), shape[-1]))
    return np.broadcast_to(array, shape).reshape(-1, shape[-1])


def _offsets(rows: Sequence[Row]) -> list[int]:
    sizes = [row.variant.size for row in rows]
    return [0, *np.cumsum(sizes)[:-1].tolist()]


def _table(rows: Sequence[Row], batch: tuple[int, ...], dtype: Any) -> np.ndarray:
    """Return all constants in a row, for each setting: ``(settings, size)``."""
    values = [value for row in rows for value in row.values]
    if all(row.is_plain for row in rows):
        return np.array(values, dtype=dtype)[None]
    table = np.empty((*batch, len(values)), dtype=dtype)
    for i, value in enumerate(values):
        table[..., i] = value if is_number(value) else np.broadcast_to(value, (*batch, 1))[..., 0]
    return table.reshape(-1, len(values))


def _in_threads(piece: Callable[[int, int, int], int], settings: int, n: int) -> int:
    """Share settings and particles among the cores: ``piece(setting, low, high)``; return the sum of what it returns."""
    cores = CORES
    pieces = max(1, min(-(-cores // settings), n // WORTH_A_THREAD))
    edges = np.linspace(0, n, pieces + 1).astype(int).tolist()
    work = [(setting, low, high) for setting in range(settings) for low, high in pairwise(edges)]
    if len(work) == 1 or settings * n < WORTH_A_THREAD:
        return sum(piece(*arguments) for arguments in work)

    def share(first: int) -> int:
        return sum(piece(*arguments) for arguments in work[first::cores])

    with ThreadPoolExecutor(cores) as pool:
        return sum(pool.map(share, range(cores)))


# -------------------------------------------------------------------- compiling routines


@overload_method(types.BaseNamedTuple, "_replace", inline="always")
def _replace(q, x=None, px=None, y=None, py=None, z=None, pz=None):  # type: ignore[no-untyped-def]
    """Let compiled routines replace coordinates."""
    given = {"x": x, "px": px, "y": y, "py": py, "z": z, "pz": pz}
    absent = (types.Omitted, types.NoneType)
    arguments = ", ".join(f"q.{name}" if v is None or isinstance(v, absent) else name for name, v in given.items())
    defaults = ", ".join(f"{name}=None" for name in given)
    return _function("replace", f"def replace(q, {defaults}):\n    return cls({arguments})\n", {"cls": q.instance_class})


@cache
def jitted(function: FunctionType, kind: str = DOUBLE) -> Callable[..., Any]:
    """Return a function compiled with all that it calls, for a precision; small enough to be inlined everywhere."""
    if kind != DOUBLE:
        function = in_single(function)
    namespace = dict(function.__globals__)
    for name in {i.argval for i in dis.get_instructions(function) if i.opname == "LOAD_GLOBAL"}:
        value = namespace.get(name)
        if isinstance(value, FunctionType):
            namespace[name] = jitted(value, kind)
    copy = FunctionType(function.__code__, namespace, function.__name__, function.__defaults__, function.__closure__)
    compiled: Callable[..., Any] = numba.njit(copy, forceinline=True, **OPTIONS)
    return compiled


@cache
def compiled_scalar(kind: str = DOUBLE) -> ModuleType:
    """Return the namespace of plain numbers with its own functions compiled, for a precision."""
    module = ModuleType("compiled_scalar")
    for name in scalar.__all__:
        value = getattr(scalar, name)
        if isinstance(value, FunctionType):
            value = jitted(value, kind)
        setattr(module, name, value if kind == DOUBLE else single(value))
    return module


def _function(name: str, source: str, namespace: dict[str, Any]) -> Any:
    exec(compile(source, f"<{name} of caraval.backends.numba>", "exec"), namespace)
    return namespace[name]


# -------------------------------------------------------------------- loops

_STATE = "Coordinates(w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i])"
_UNPACKED = "w[0, i], w[1, i], w[2, i], w[3, i], w[4, i], w[5, i]"


def _construct(nesting: Any, position: int, namespace: dict[str, Any]) -> tuple[str, int]:
    """Return the source that builds constants from a row, and the position after them."""
    if nesting is None:
        return f"row[{position}]", position + 1
    cls, *parts = nesting
    built = []
    for part in parts:
        source, position = _construct(part, position, namespace)
        built.append(source)
    if cls is tuple:
        return f"({', '.join(built)}{',' if len(built) == 1 else ''})", position
    name = f"{cls.__name__}_{id(cls)}"
    namespace[name] = cls
    return f"{name}({', '.join(built)})", position


@lru_cache(maxsize=512)
def kernels(variant: Variant, kind: str) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """Return the compiled loop of a variant over a block ``w``, which says if all pass the check, and the check of one."""
    tracks, check = variant.tracks, variant.check
    namespace: dict[str, Any] = {"Coordinates": Coordinates, "xp": compiled_scalar(kind)}
    parts, position = [], 0
    for nesting in variant.layout[1:]:
        source, position = _construct(nesting, position, namespace)
        parts.append(source)
    lines = ["def move(row, w, n):", "    passed = True"]
    lines += [f"    c{k} = {source}" for k, source in enumerate(parts[: len(tracks) + (check is not None)])]
    lines += ["    for i in range(n):", f"        q = {_STATE}"]
    for k, track in enumerate(tracks):
        namespace[f"t{k}"] = jitted(track, kind)
        lines.append(f"        q = t{k}(c{k}, q, xp)")
    lines.append(f"        {_UNPACKED} = q")
    passes = None
    if check is not None:
        namespace["check"] = jitted(check, kind)
        lines.append(f"        passed &= check(c{len(tracks)}, q, xp)")
        source = f"def passes(row, w, i):\n    return check({parts[len(tracks)]}, {_STATE}, xp)\n"
        passes = numba.njit(_function("passes", source, namespace), forceinline=True, **OPTIONS)
    lines.append("    return passed")
    return numba.njit(_function("move", "\n".join(lines), namespace), **OPTIONS), passes


@lru_cache(maxsize=64)
def driver(variants: tuple[Variant, ...], dtype: str) -> Callable[..., None]:
    """Return the compiled loop over blocks and rows: ``(codes, offsets, first, flat, state (7, n)) -> None``, in place."""
    try:
        return _driver(variants, dtype, dtype)
    except numba.core.errors.TypingError:  # in single precision a number that was taken for any number may count something
        if dtype == DOUBLE:
            raise
        return _driver(variants, dtype, DOUBLE)


def _driver(variants: tuple[Variant, ...], dtype: str, inside: str) -> Callable[..., None]:
    """Return that loop for arrays of a precision, with the numbers of one in routines."""
    namespace: dict[str, Any] = {"np": np, "ALIVE": ALIVE}
    lines = [
        "def run(codes, offsets, first, flat, state):",
        f"    w, kept = np.empty((7, {BLOCK}), state.dtype), np.empty((6, {BLOCK}), state.dtype)",
        f"    for start in range(0, state.shape[1], {BLOCK}):",
        f"        n = min({BLOCK}, state.shape[1] - start)",
        "        for i in range(n):",
        "            w[6, i] = state[6, start + i]",
        "            for j in range(6):",
        "                w[j, i] = kept[j, i] = state[j, start + i]",
        "                if w[6, i] != ALIVE:",
        "                    w[j, i] = 0.0",
        "        for step in range(codes.size):",
        "            row = flat[offsets[step]:]",
    ]
    for k, variant in enumerate(variants):
        namespace[f"move{k}"], passes = kernels(variant, inside)
        lines += [f"            {'el' if k else ''}if codes[step] == {k}:", f"                passed = move{k}(row, w, n)"]
        if passes is not None:
            namespace[f"passes{k}"] = passes
            lines += [
                "                if not passed:",
                "                    for i in range(n):",
                f"                        if w[6, i] == ALIVE and not passes{k}(row, w, i):",
                "                            w[6, i] = first + step",
                "                            for j in range(6):",
                "                                kept[j, i] = w[j, i]",
                "                                w[j, i] = 0.0",
            ]
    lines += [
        "        for i in range(n):",
        "            state[6, start + i] = w[6, i]",
        "            for j in range(6):",
        "                state[j, start + i] = w[j, i] if w[6, i] == ALIVE else kept[j, i]",
    ]
    signature = f"void(int64[::1], int64[::1], int64, {dtype}[::1], {dtype}[:, :])"
    compiled: Callable[..., None] = numba.njit(signature, **OPTIONS)(_function("run", "\n".join(lines) + "\n", namespace))
    return compiled
