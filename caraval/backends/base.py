"""The protocol of backends: an array library with a way to run rows of routines over particles."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from array_api_compat import device

from caraval.core.arrays import is_number, library
from caraval.core.chains import Chain
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError, InputError, suggest
from caraval.core.loss import ALIVE
from caraval.core.maps import LinearMap
from caraval.core.routine import name_of
from caraval.core.rows import NOTHING, Row, Undo, Variant, mapped, unflatten

from . import clouds

PRECISIONS = ("float64", "float32")

ROWS_AT_ONCE = 1_000_000
"""Rows of several turns that are counted through: single precision still counts so many exactly."""


class Backend:
    """An array library. This base runs eagerly on any library of the array API standard; backends override.

    Attributes
    ----------
    name : str
    xp : namespace
        The array API namespace.
    chunk : int
        How many particles are taken through the whole line at a time, so that they stay in the cache; 0: all.
    settings : int
        How many settings of moments are taken through the whole line at a time.
    lanes : int
        How many particles, those of every setting counted, are taken through the whole line at a time.
    """

    name: str
    xp: Any
    in_parts = True
    """Whether loops over parts of the particles are worth while, rather than left to a compiler."""
    chunk = 0
    planes = 8
    """Planes of a grid at a time: what is made of them on the way stays in a core's cache, and takes no new memory."""
    settings = 16384
    lanes = 2**22
    has_chains = False
    """Whether :meth:`composed` may know what to do."""
    has_derivatives = False
    """Whether it has :meth:`push` and :meth:`scan`."""
    chain_settings = 1_048_576
    """How many settings it is given at a time: programs of chains take few at a time by themselves."""

    # ---------------------------------------------------------------- arrays

    def dtype(self, name: Any) -> Any:
        """Return the library's dtype for ``"float64"`` or ``"float32"``.

        Raises
        ------
        InputError
            If it is another.
        """
        name = getattr(name, "__name__", None) or str(name).rpartition(".")[2]  # np.float32, torch.float32, "float32"
        if name not in PRECISIONS:
            raise InputError(f"dtype must be float64 or float32, not {name!r}{suggest(name, PRECISIONS)}")
        return getattr(self.xp, name)

    def device(self, device: Any) -> Any:
        """Return the library's device of that name (None: its default).

        Raises
        ------
        BackendError
            If there is none.
        """
        if isinstance(device, str) and device != "cpu":
            raise BackendError(f"the {self.name} backend has no device {device!r}; it has 'cpu'")
        return device

    def asarray(self, value: Any, dtype: Any = None, device: Any = None) -> Any:
        """Return numbers, or an array of this library or NumPy, as an array here."""
        return self.xp.asarray(value, dtype=dtype, device=self.device(device))

    def beside(self, value: Any, like: Any) -> Any:
        """Return a number, or an array of NumPy or this library, in the precision of an array and where that is."""
        return self.asarray(value, dtype=like.dtype)

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return an array's values in NumPy."""
        return np.asarray(array)

    def value(self, array: Any) -> np.ndarray | None:
        """Return an array's values, or None where a trace hides them."""
        return self.to_numpy(array)

    def all_true(self, mask: Any) -> bool | None:
        """Whether a mask is True throughout; None where a trace hides it."""
        return bool(self.xp.all(mask))

    def program(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return ``function(*trees, xp)`` as what runs it quickest where it is called with the same shapes again and again.

        Trees are nests of numbers and arrays; `xp` is fixed. Here it is the function itself.
        """
        return function

    def way(self, stretches: Sequence[Sequence[Row]]) -> Any:
        """Return what expands all stretches of rows at once, see :class:`caraval.backends.ways.Way`."""
        from .ways import Way

        filled = [list(stretch) or [NOTHING] for stretch in stretches]
        return Way([row for stretch in filled for row in stretch], list(map(len, filled)), self)

    def scan(self, step: Callable[[Any, Any], Any], state: Any, things: Any) -> Any:
        """Return the states after each of some things, stacked; with derivatives.

        Parameters
        ----------
        step : callable
            From a state, a nest of arrays ``(...)``, and a thing ``(6, 6, ...)`` to the next state.
        state : nest of arrays
        things : array (n, 6, 6, ...)
        """
        raise BackendError(f"the {self.name} backend has no derivatives")

    def push(self, function: Callable[[Any], Any], values: Any, slopes: Any) -> tuple[Any, Any]:
        """Return what a function makes of a nest of values, and the derivative along slopes."""
        raise BackendError(f"the {self.name} backend has no derivatives")

    def shown(self, array: Any) -> np.ndarray | None:
        """Return an array's values, of its shape; None where a trace hides them, or the lanes of a `vmap`."""
        value = self.value(array)
        return value if value is not None and value.shape == tuple(array.shape) else None

    def in_numpy(self, function: Callable[[np.ndarray], np.ndarray], array: Any, shape: tuple[int, ...]) -> Any:
        """Return the array ``shape`` that a function of NumPy makes of an array, without derivatives.

        Raises
        ------
        BackendError
            If a trace hides the values.
        """
        value = self.shown(array)
        if value is None:
            raise BackendError("this is computed from values, which vmap and torch.compile hide")
        return self.asarray(function(value), dtype=array.dtype, device=device(array))

    def detached(self, array: Any) -> Any:
        """Return a number or an array without derivatives."""
        return array

    # ---------------------------------------------------------------- what the array API lacks

    @property
    def fft(self) -> Any:
        """The library's Fourier transforms, by the names of the array API."""
        return self.xp.fft

    def in_double(self, function: Callable[..., Sequence[Any]], *arrays: Any) -> list[Any]:
        """Return the arrays that a function makes of others in double precision, in that of the first of them."""
        double = [self.xp.astype(array, self.xp.float64) for array in arrays]
        return [self.xp.astype(found, arrays[0].dtype) for found in function(*double)]

    def derived(
        self, function: Callable[..., Sequence[Any]], pull: Callable[..., Sequence[Any]]
    ) -> Callable[..., Sequence[Any]]:
        """Return ``function(backend, *arrays) -> arrays`` as a function of the arrays that has derivatives of its own.

        Parameters
        ----------
        function : callable
            Operations on arrays alone: it may be called with another backend, whose arrays have the same numbers.
        pull : callable
            ``pull(backend, arrays, slopes) -> slopes``: from those by what the function returns those by its arguments.

        Where a library does not differentiate, and where derivatives of another kind are wanted (of higher order, forwards,
        in batches), these are those of the function itself.
        """
        return partial(function, self)

    def by_planes(self, function: Callable[..., Sequence[Any]], arrays: Sequence[Any], axis: int) -> list[Any]:
        """Return what a function makes of arrays, a few planes at a time.

        Parameters
        ----------
        function : callable
        arrays : sequence of array
        axis : int
            Along which planes are taken; negative, of the arrays and of what is made of them.
        """
        n, after = arrays[0].shape[axis], (slice(None),) * (-axis - 1)
        parts = [slice(start, min(start + self.planes, n)) for start in range(0, n, self.planes)]
        found = [function(*(a[(..., part, *after)] for a in arrays)) for part in parts]
        return [self.xp.concat(pieces, axis=axis) for pieces in zip(*found, strict=True)]

    def cosine_transform(self, array: Any, axes: Sequence[int]) -> Any:
        """Return the transform of what is even and periodic in some dimensions, given its first half with both ends."""
        for axis in axes:
            n = array.shape[axis]
            middle = array[(..., slice(1, n - 1), *(slice(None),) * (-axis - 1))]
            whole = self.xp.concat((array, self.xp.flip(middle, axis=axis)), axis=axis)
            array = self.xp.real(self.fft.rfft(whole, axis=axis))
        return array

    def scatter_add(self, total: Any, index: Any, values: Any) -> Any:
        """Return an array ``(k,)`` to which `values` ``(m,)`` are added at the places `index` ``(m,)``, some of them the same.

        The array itself may be changed.

        Raises
        ------
        BackendError
            If the library cannot.
        """
        raise BackendError(f"the {self.name} backend cannot add up what falls into the same place (scatter_add)")

    def clouds(self, places: Sequence[Any]) -> clouds.Clouds:
        """Return what shares and reads clouds at these places, without derivatives of its own."""
        return clouds.Clouds(self)

    def deposit(self, places: Sequence[Any], amounts: Any, shape: tuple[int, ...]) -> Any:
        """Share amounts among the nodes of a grid, see :func:`caraval.backends.clouds.deposit`."""
        return clouds.deposit(self, places, amounts, shape)

    def interpolate(self, fields: Sequence[Any], places: Sequence[Any]) -> list[Any]:
        """Return fields between the nodes of a grid, see :func:`caraval.backends.clouds.interpolate`."""
        return clouds.interpolate(self, fields, places)

    def act(self, effect: Callable[..., Any], constants: Any, beam: Any) -> Any:
        """Return ``effect(constants, beam, backend)``, an effect of the whole bunch.

        Backends with derivatives keep its input alone and repeat it on the way back.
        """
        return effect(self._fitting(constants, beam), beam, self)

    def _fitting(self, constants: Any, beam: Any) -> Any:
        """Bring the arrays among constants to the precision and place of a beam."""
        return mapped(constants, lambda value: self._cast(value, beam.x.dtype, device(beam.x)))

    # ---------------------------------------------------------------- running

    def cast(self, row: Row, dtype: Any, device: Any) -> Row:
        """Bring the arrays among a row's constants to a precision and place; plain numbers fit everywhere."""
        return row if row.is_plain else row.mapped(lambda value: self._cast(value, dtype, device))

    def _cast(self, value: Any, dtype: Any, device: Any) -> Any:
        if is_number(value):
            return value
        if library(value) != self.name:
            if library(value) != "numpy":
                raise BackendError(f"the lattice holds {library(value)} arrays and the beam {self.name} arrays")
            return self.xp.asarray(value, dtype=dtype, device=device)
        return value if value.dtype == dtype else self.xp.astype(value, dtype)

    def run(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int = 1) -> tuple[Coordinates, Any]:
        """Take particles through rows.

        Parameters
        ----------
        rows : sequence of Row
        q : Coordinates
            Arrays ``(..., n)``.
        lost : array or None
            In which stage each particle was lost (see :mod:`caraval.core.loss`); None: all are alive.
        first : int
            Number of the stage that the first row is.

        Returns
        -------
        q, lost
            A lost particle keeps the coordinates that it was lost with.
        """
        if not rows:
            return q, lost
        n = q.x.shape[-1]
        if not self.chunk or n <= self.chunk or not self._may_chunk(rows, q):
            return self._run(rows, q, lost, first)

        def piece(start: int) -> tuple[Coordinates, Any]:
            part = slice(start, min(start + self.chunk, n))  # the standard knows no slices beyond the end
            state = Coordinates(*(a[..., part] for a in q))
            return self._run(rows, state, None if lost is None else lost[..., part], first)

        return self._joined(self.each(piece, range(0, n, self.chunk)))

    def each(self, function: Callable[[Any], Any], things: Iterable[Any]) -> list[Any]:
        """Return what a function makes of things; in turn, or on several cores."""
        return [function(thing) for thing in things]

    def elementwise(self, function: Callable[..., Sequence[Any]], *arrays: Any) -> Sequence[Any]:
        """Return the arrays that a function makes of arrays ``(..., n)``, each particle by itself; perhaps in parts."""
        return function(*arrays)

    def for_turns(self, particles: int, steps: int) -> Backend:
        """Return the backend that takes so many particles through so many steps, all turns or settings counted, quickest."""
        return self

    def run_turns(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any, Any]:
        """Take particles through the same rows turn after turn, see :meth:`run`.

        Returns
        -------
        q, lost, turn
            `lost` is the stage in a turn, `turn` the number of it, counted from one, of those that were lost in a row; None if
            there are none.
        """
        turn = None
        at_once = max(1, ROWS_AT_ONCE // max(1, len(rows)))
        for done in range(0, turns, at_once):
            lived = None if lost is None else lost == ALIVE
            q, lost = self._round(rows, q, lost, min(at_once, turns - done))
            if lost is not None:
                lost, turn = self._told_apart(lost, lived, turn, done, len(rows))
        return q, lost, turn

    def _round(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any]:
        """Take particles through rows several times; stages of loss count on from turn to turn."""
        for turn in range(turns):
            q, lost = self.run(rows, q, lost, 1 + turn * len(rows))
        return q, lost

    def _told_apart(self, lost: Any, lived: Any, turn: Any, done: int, rows: int) -> tuple[Any, Any]:
        """Return stages of loss in a turn, and the turns, from stages that count on; of those that lived before."""
        xp = self.xp
        now = (lost != ALIVE) & (lost >= 1)
        if lived is not None:
            now = now & lived
        count = xp.where(now, lost - 1, xp.zeros_like(lost))
        stage = xp.remainder(count, rows)
        before = xp.ones_like(lost) if turn is None else turn
        return xp.where(now, stage + 1, lost), xp.where(now, done + 1 + xp.round((count - stage) / rows), before)

    def _may_chunk(self, rows: Sequence[Row], q: Coordinates) -> bool:
        return True

    def _run(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int) -> tuple[Coordinates, Any]:
        """Run rows one after the other.

        A particle that is lost is parked on the axis, where every routine is at ease, and its coordinates are kept aside:
        no step needs to look who is alive, and no derivative meets a number that is none.
        """
        aside = None
        if lost is not None:
            aside, q = q, self._parked(q, lost == ALIVE)
        for stage, row in enumerate(rows, first):
            tracks, check, constants = row.variant.tracks, row.variant.check, row.constants
            for track, c in zip(tracks, constants, strict=False):
                q = track(c, q, self.xp)
                if not isinstance(q, Coordinates):
                    raise InputError(
                        f"the routine {name_of(track)} returned {type(q).__name__}, not coordinates: return q._replace(px=...)"
                    )
            if check is None:
                continue
            passed = check(constants[len(tracks)], q, self.xp)
            if not self.all_true(passed):
                q, lost, aside = self._lose(q, lost, aside, passed, stage)
        if lost is not None:
            q = self._chosen(lost == ALIVE, q, aside)
        return q, lost

    def _lose(self, q: Coordinates, lost: Any, aside: Any, passed: Any, stage: int) -> tuple[Coordinates, Any, Coordinates]:
        """Count particles as lost, remember where they are, and park them."""
        xp = self.xp
        if lost is None:
            lost, aside = self._all_alive(q, passed), q
        now = ~passed & (lost == ALIVE)
        return self._parked(q, ~now), xp.where(now, xp.full_like(lost, stage), lost), self._chosen(now, q, aside)

    def _all_alive(self, q: Coordinates, passed: Any) -> Any:
        return self.xp.full(passed.shape, ALIVE, dtype=q.x.dtype, device=device(q.x))

    def _parked(self, q: Coordinates, stay: Any) -> Coordinates:
        return Coordinates(*(self.xp.where(stay, a, self.xp.zeros_like(a)) for a in q))

    def _chosen(self, condition: Any, then: Any, otherwise: Any) -> Coordinates:
        return Coordinates(*(self.xp.where(condition, a, b) for a, b in zip(then, otherwise, strict=True)))

    def _joined(self, pieces: Sequence[tuple[Coordinates, Any]]) -> tuple[Coordinates, Any]:
        xp = self.xp
        joined = Coordinates(*(xp.concat(_level(parts, xp), axis=-1) for parts in zip(*(q for q, _ in pieces), strict=True)))
        if all(lost is None for _, lost in pieces):
            return joined, None
        losts = [self._all_alive(q, q.x) if lost is None else lost for q, lost in pieces]
        return joined, xp.concat(_level(losts, xp), axis=-1)

    def composed(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements of many settings; None: it has to be composed map by map."""
        return None

    def merged(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements of one setting, in NumPy; None: there is more open than plain numbers."""
        return None

    def moved_moments(self, m: LinearMap, mean: Any, covariance: Any) -> tuple[Any, Any] | None:
        """Return mean and covariance after a map of many settings, all in one precision; None: there is no program."""
        return None

    def compiled(self) -> Backend:
        """Return a backend that runs the same routines compiled.

        Raises
        ------
        BackendError
            If there is no compiler.
        """
        raise BackendError(f"the {self.name} backend has no compiler")

    def differentiated(
        self, objective: Callable[..., Any], *, in_pieces: bool = False
    ) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """Return ``(settings, beam) -> (value, derivatives by the settings)`` of ``objective(settings, beam)``.

        Settings that are plain numbers become arrays of the beam's precision, in its place. `in_pieces` says that the objective
        is long and of parts that are programs of their own: a compiler should not make one of it.

        Raises
        ------
        BackendError
            If the library has no derivatives.
        """
        raise BackendError(f"the {self.name} backend has no gradients; use a beam with backend='torch' or backend='jax'")

    def descent(
        self,
        optimizer: Any,
        start: np.ndarray,
        gradient: Callable[[np.ndarray], tuple[float, np.ndarray]],
        within: Callable[[np.ndarray], np.ndarray],
    ) -> Callable[[], None]:
        """Return what takes a step with an optimiser of this library.

        Parameters
        ----------
        optimizer
            Of PyTorch: what makes one of a list of tensors; of JAX: a gradient transformation of optax.
        start : array (n,)
        gradient : callable
            From a point to the value that should be small, and its gradient.
        within : callable
            From a point to the nearest one that is allowed.

        Raises
        ------
        BackendError
            If the library has none.
        """
        raise BackendError(f"the {self.name} backend has no optimisers")

    def jacobian(self, function: Callable[..., Any], values: np.ndarray) -> np.ndarray:
        """Return the derivatives ``(m, n)`` of m numbers that a function makes of a sequence of n numbers.

        Raises
        ------
        BackendError
            If the library has no derivatives.
        """
        raise BackendError(f"the {self.name} backend has no gradients; use backend='torch' or backend='jax'")


def fused(variant: Variant, xp: Any) -> Callable[..., Any]:
    """Return one function of a variant's routines and check, for compilers: ``(row, stage, q, lost) -> (q, lost)``.

    `row` iterates over the constants, flattened; `stage` is the row's number. Nobody looks who is alive, so that loops stay
    free of choices: the lost go on as they can, and who runs the rows sees to it that they keep the coordinates that they
    were lost with.
    """
    move = moved(variant, xp)
    check, place = variant.check, len(variant.tracks)

    def step(row: Any, stage: Any, q: Coordinates, lost: Any) -> tuple[Coordinates, Any]:
        constants = unflatten(variant.layout, iter(row))
        after = move(constants, q)
        if check is not None:
            lost = xp.where(check(constants[place], after, xp), lost, xp.minimum(lost, stage))
        return after, lost

    return step


def moved(variant: Variant, xp: Any) -> Callable[..., Coordinates]:
    """Return a variant's routines as one function ``(constants, q) -> q``."""

    def move(constants: Any, q: Coordinates) -> Coordinates:
        for track, c in zip(variant.tracks, constants, strict=False):
            q = track(c, q, xp)
        return q

    return move


def undone(variant: Variant, undos: Sequence[Undo], xp: Any) -> Callable[..., Coordinates]:
    """Return the same backwards: ``(constants, q after) -> q before``."""

    def back(constants: Any, q: Coordinates) -> Coordinates:
        for track, undo, c in reversed(list(zip(variant.tracks, undos, constants, strict=False))):
            q = track(constants[undo] if isinstance(undo, int) else undo(c), q, xp)  # type: ignore[misc]
        return q

    return back


def _level(parts: Sequence[Any], xp: Any) -> list[Any]:
    """Give arrays the same leading axes."""
    shapes = {part.shape[:-1] for part in parts}
    if len(shapes) == 1:
        return list(parts)
    leading = np.broadcast_shapes(*shapes)
    return [xp.broadcast_to(part, (*leading, part.shape[-1])) for part in parts]
