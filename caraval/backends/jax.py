"""JAX: operation by operation where values are known and few, else one program per set of variants."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, partial
from inspect import signature
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.ad_checkpoint import checkpoint_name
from jax.custom_derivatives import CustomVJPPrimal, SymbolicZero

from caraval.core.arrays import is_number
from caraval.core.chains import Chain, Composed
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError
from caraval.core.maps import LinearMap
from caraval.core.reference import Reference
from caraval.core.rows import Row
from caraval.core.transport import carried, moved
from caraval.core.tree import subscribe

from . import jax_chains, jax_line, jax_maps
from .base import Backend
from .clouds import Clouds
from .jax_clouds import JaxClouds
from .jax_vectors import enable_x64
from .loops import Looping
from .numpy import NumpyBackend, has_compiler

DERIVED = "derived"
"""The name by which results of functions with derivatives of their own are kept where the rest of an effect is repeated."""

EAGER_WORK = 100_000
"""Particles times steps below which running operation by operation beats compiling."""


class JaxBackend(Looping):
    """The JAX backend."""

    name = "jax"
    has_derivatives = True
    xp = jnp
    in_parts = False
    chunk = 4_096
    """Particles at a time: the state of so many, and what a step needs besides, fits in a core's own cache."""
    settings = 65_536
    eager_work = EAGER_WORK

    def dtype(self, name: Any) -> Any:
        """Return JAX's dtype.

        Raises
        ------
        BackendError
            If float64 is asked for and JAX would silently give float32.
        """
        found = super().dtype(name)
        if found == jnp.float64 and not jax.config.jax_enable_x64:
            raise BackendError(
                "float64 needs JAX's 64-bit mode, which is off: jax.config.update('jax_enable_x64', True) at the start, "
                'or the environment variable JAX_ENABLE_X64=1; or ask for dtype="float32"'
            )
        return found

    def device(self, device: Any) -> Any:
        """Return JAX's device of a name such as ``"cpu"``, ``"gpu"`` or ``"cuda:1"``."""
        if not isinstance(device, str):
            return device
        kind, _, number = device.partition(":")
        try:
            return jax.devices("gpu" if kind == "cuda" else kind)[int(number or 0)]
        except (RuntimeError, IndexError, ValueError) as error:
            raise BackendError(f"JAX has no device {device!r} here; it has {jax.devices()}") from error

    def asarray(self, value: Any, dtype: Any = None, device: Any = None) -> Any:
        """Return numbers, or an array of JAX or NumPy, as an array of JAX."""
        if dtype is None and isinstance(value, np.ndarray) and value.dtype == np.float64:
            dtype = self.dtype("float64")
        return jnp.asarray(value, dtype=dtype, device=self.device(device))

    def value(self, array: Any) -> np.ndarray | None:
        """Return an array's values, inside of `jax.grad` too; None where `jax.jit` hides them."""
        if not isinstance(array, jax.core.Tracer):
            return np.asarray(array)
        try:
            return np.asarray(jax.lax.stop_gradient(array))
        except jax.errors.TracerArrayConversionError:
            return None

    def seen(self, array: Any) -> np.ndarray | None:
        """Return an array's own memory, see :meth:`Looping.seen`."""
        if isinstance(array, jax.core.Tracer) or [place.platform for place in array.devices()] != ["cpu"]:
            return None
        return np.asarray(array)

    def made(self, array: np.ndarray, like: Any) -> Any:
        """Return an array of NumPy's memory, see :meth:`Looping.made`; what is not aligned is copied."""
        return jax.device_put(array, like.device if like.committed else None)

    def all_true(self, mask: Any) -> bool | None:
        """Whether a mask is True throughout; None where a trace hides it."""
        try:
            return bool(jnp.all(mask))
        except jax.errors.TracerBoolConversionError:
            return None

    def program(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function compiled, see :meth:`Backend.program`: one dispatch instead of one for every operation."""
        return _program(function)

    def in_double(self, function: Callable[..., Sequence[Any]], *arrays: Any) -> list[Any]:
        """Return the arrays that a function makes of others in double precision, whether or not it is switched on elsewhere."""
        with enable_x64(True):
            return super().in_double(function, *arrays)

    def by_planes(self, function: Callable[..., Sequence[Any]], arrays: Sequence[Any], axis: int) -> list[Any]:
        """Return what a function makes of a few planes at a time, see :meth:`Backend.by_planes`, in a loop."""
        return list(jax_line.by_chunks(lambda _, some: (None, function(*some)), None, arrays, 0.0, self.planes, axis)[1])

    def clouds(self, places: Sequence[Any]) -> Clouds:
        """Return what shares and reads clouds, some particles at a time."""
        return JaxClouds(self)

    def way(self, stretches: Sequence[Sequence[Row]]) -> Any:
        """Return what expands all stretches of rows at once, in one program."""
        return jax_maps.Way(stretches)

    def in_numpy(self, function: Callable[[np.ndarray], np.ndarray], array: Any, shape: tuple[int, ...]) -> Any:
        """Return what a function of NumPy makes of an array, see :meth:`Backend.in_numpy`; wherever it is hidden."""
        like = jax.ShapeDtypeStruct(shape, array.dtype)
        return jax.pure_callback(
            lambda values: function(np.asarray(values)).astype(like.dtype),
            like,
            jax.lax.stop_gradient(array),
            vmap_method="broadcast_all",
        )

    def scan(self, step: Callable[[Any, Any], Any], state: Any, things: Any) -> Any:
        """Return the states after each of some things, see :meth:`Backend.scan`."""
        return _scan(step)(state, things)

    def push(self, function: Callable[[Any], Any], values: Any, slopes: Any) -> tuple[Any, Any]:
        """Return a function and its derivative, see :meth:`Backend.push`."""
        values = jax.tree.map(lambda value: jnp.asarray(value, dtype=float), values)
        slopes = jax.tree.map(
            lambda value, slope: jnp.broadcast_to(jnp.asarray(slope, dtype=float), value.shape), values, slopes
        )
        return jax.jvp(function, (values,), (slopes,))  # type: ignore[no-any-return]

    def scatter_add(self, total: Any, index: Any, values: Any) -> Any:
        """Return an array with sums added, see :meth:`Backend.scatter_add`."""
        return total.at[index].add(values)

    def act(self, effect: Callable[..., Any], constants: Any, beam: Any) -> Any:
        """Return an effect of the whole bunch, see :meth:`Backend.act`."""
        return _checkpointed(effect)(self._fitting(constants, beam), beam)

    def _run_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`."""
        if not rows:
            return q, lost
        if q.x.size * len(rows) <= self.eager_work and not self._hides(rows, q, lost):
            return self._run(rows, q, lost, first)
        return jax_line.run(rows, q, lost, first, self.chunk)

    def for_turns(self, particles: int, steps: int) -> Backend:
        """Return the backend that runs loops or the program for what is much, see :meth:`Backend.for_turns`."""
        found = super().for_turns(particles, steps)
        return TurningJax() if found is self and particles * steps > self.eager_work else found

    def _round_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any]:
        """Take particles through rows several times: in one program, of one turn while something is traced."""
        if not rows:
            return q, lost
        if not any(isinstance(a, jax.core.Tracer) for a in (*q, lost, *(v for row in rows for v in row.values))):
            return jax_line.run(rows, q, lost, 1, self.chunk, turns=turns)
        shape = np.broadcast_shapes(*(a.shape for a in q), *(jnp.shape(v) for row in rows for v in row.values))
        start = Coordinates(*(jnp.broadcast_to(a, shape) for a in q)), jax_line.lost_or_alive(lost, shape, q.x.dtype)

        def turn(state: Any, first: Any) -> tuple[Any, None]:
            q, lost = state
            return self._traced(rows, q, lost, first), None

        stages = jnp.arange(turns, dtype=q.x.dtype) * len(rows) + 1
        return jax.lax.scan(turn, start, stages)[0]  # type: ignore[no-any-return]

    def _traced(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: Any) -> tuple[Coordinates, Any]:
        return jax_line.run(rows, q, lost, first, self.chunk)

    def _hides(self, rows: Sequence[Row], q: Coordinates, lost: Any) -> bool:
        """Whether a trace hides values; that of `jax.grad` does not."""
        values = (*q, lost, *(value for row in rows for value in row.values))
        return any(self.value(value) is None for value in values if isinstance(value, jax.core.Tracer))

    def compiled(self) -> Backend:
        """Return the backend that always runs the program."""
        return CompiledJax()

    def differentiated(
        self, objective: Callable[..., Any], *, in_pieces: bool = False
    ) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """Return ``(settings, beam) -> (value, derivatives by the settings)``, see :meth:`Backend.differentiated`.

        Compiled once for each reference: with its numbers known, rows that no setting changes are constants.
        """
        programs: dict[Any, Callable[..., Any]] = {}

        def evaluate(settings: dict[str, Any], beam: Any) -> tuple[Any, dict[str, Any]]:
            children, rest = beam.tree_flatten()
            fixed = tuple((i, c) for i, c in enumerate(children) if isinstance(c, Reference) and _is_known(c))
            arrays = [None if isinstance(c, Reference) and _is_known(c) else c for c in children]
            key = (type(beam), fixed, rest)
            if key not in programs:

                def whole(settings: dict[str, Any], arrays: list[Any]) -> Any:
                    parts = [dict(fixed).get(i, a) for i, a in enumerate(arrays)]
                    return objective(settings, type(beam).tree_unflatten(rest, parts))

                derivatives = jax.value_and_grad(whole)
                programs[key] = derivatives if in_pieces else jax.jit(derivatives)

            def opened(value: Any) -> Any:
                return jnp.asarray(value, dtype=beam.dtype if is_number(value) else None)

            found = jax.tree.map(opened, settings, is_leaf=lambda value: not isinstance(value, dict))
            return programs[key](found, arrays)  # type: ignore[no-any-return]

        return evaluate

    def descent(self, optimizer: Any, start: np.ndarray, gradient: Any, within: Any) -> Callable[[], None]:
        """Return what takes a step with an optimiser of optax, see :meth:`Backend.descent`."""
        point, state = start, optimizer.init(jnp.asarray(start))  # the point is in double precision, whatever moves are in

        def step() -> None:
            nonlocal point, state
            _, slopes = gradient(point)
            moves, state = optimizer.update(jnp.asarray(slopes), state, jnp.asarray(point))
            point = within(point + np.asarray(moves, dtype=float))

        return step

    def jacobian(self, function: Callable[..., Any], values: np.ndarray) -> np.ndarray:
        """Return the derivatives of what a function makes of some numbers, see :meth:`Backend.jacobian`."""
        found = jax.jacfwd(lambda x: jnp.stack([jnp.asarray(v) for v in function(list(x))]))
        return np.asarray(found(jnp.asarray(values)))


@cache
def _program(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the one compiled form of a function, whose last argument is fixed."""
    names = list(signature(function).parameters)
    return jax.jit(function, static_argnums=len(names) - 1)


@cache
def _scan(step: Callable[[Any, Any], Any]) -> Callable[..., Any]:
    def both(state: Any, thing: Any) -> Any:
        after = step(state, thing)
        return after, after

    return jax.jit(lambda state, things: jax.lax.scan(both, state, things)[1])


class TurningJax(JaxBackend):
    """JAX that does nothing operation by operation."""

    eager_work = 0


class CompiledJax(TurningJax):
    """JAX with everything run as a program, but for what NumPy's loops take."""

    enough = 0
    has_chains = True

    def composed(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements, see :meth:`Backend.composed`."""
        return Composed(chain, self._looping("run")) if chain.shape else None

    def merged(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements of one setting, see :meth:`Backend.merged`; NumPy's loops make it."""
        return NumpyBackend().compiled().merged(chain) if has_compiler() else None

    def moved_moments(self, m: LinearMap, mean: Any, covariance: Any) -> tuple[Any, Any] | None:
        """Return mean and covariance after a map, see :meth:`Backend.moved_moments`."""
        if isinstance(m, Composed) and mean.ndim == 1 and covariance.ndim == 2:
            return carried(m, mean, covariance, self._looping("moments"))
        return moved(m, mean, covariance, self._looping("evaluate"), fixed=True)

    def _looping(self, name: str) -> Callable[..., Any]:
        """Return what runs chains, by its name in :mod:`jax_chains` and :mod:`numba_chains`."""
        return self.looping(name, getattr(jax_chains, name))

    def derived(
        self, function: Callable[..., Sequence[Any]], pull: Callable[..., Sequence[Any]]
    ) -> Callable[..., Sequence[Any]]:
        """Return a function with derivatives of its own, see :meth:`Backend.derived`; reverse and first ones only."""
        run = jax.custom_vjp(partial(function, self))
        run.defvjp(lambda *arrays: (run(*arrays), arrays), lambda arrays, slopes: tuple(pull(self, arrays, slopes)))
        return lambda *arrays: [checkpoint_name(a, DERIVED) for a in run(*arrays)]

    def act(self, effect: Callable[..., Any], constants: Any, beam: Any) -> Any:
        """Return an effect of the whole bunch; its derivatives are reverse and first ones only."""
        return _repeated(effect)(self._fitting(constants, beam), beam)

    def _run_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`."""
        return jax_line.run(rows, q, lost, first, self.chunk, reversible=True) if rows else (q, lost)

    def _traced(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: Any) -> tuple[Coordinates, Any]:
        return self._run_itself(rows, q, lost, first)


@cache
def _effect(effect: Callable[..., Any], backend: type[JaxBackend]) -> Callable[..., Any]:
    """Return an effect as one program ``(constants, beam) -> coordinates``, compiled once for beams of a shape."""
    return jax.jit(lambda constants, beam: effect(constants, beam, backend()))


@cache
def _checkpointed(effect: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same for derivatives of all kinds, which repeat the effect, too."""
    return jax.checkpoint(_effect(effect, JaxBackend))


@cache
def _repeated(effect: Callable[..., Any]) -> Callable[..., Any]:
    """Return the same with programs there and back, which keep the input and what took long to make, and repeat the rest.

    Derivatives by what nobody differentiates by are not made: the bunch that comes into a line may be such.
    """
    run = _effect(effect, CompiledJax)
    kept = jax.checkpoint(run, policy=jax.checkpoint_policies.save_only_these_names(DERIVED))

    @jax.jit  # type: ignore[untyped-decorator]
    def there(moving: Any, fixed: Any) -> Any:
        def of_moving(moving: Any) -> Any:
            return kept(*jax.tree.map(lambda a, b: b if a is None else a, moving, fixed, is_leaf=_is_none))

        return jax.vjp(of_moving, moving)

    @jax.jit  # type: ignore[untyped-decorator]
    def back(pull: Any, slopes: Any) -> Any:
        return pull(slopes)[0]

    def forward(*arguments: Any) -> Any:
        moving, fixed = (
            jax.tree.map(lambda a, now=now: a.value if a.perturbed is now else None, arguments, is_leaf=_is_primal)
            for now in (True, False)
        )
        return there(moving, fixed)

    def backward(pull: Any, slopes: Any) -> Any:
        return back(pull, jax.tree.map(_filled, slopes, is_leaf=_is_zero))

    repeated = jax.custom_vjp(run)
    repeated.defvjp(forward, backward, symbolic_zeros=True)
    return repeated


def _is_none(leaf: Any) -> bool:
    return leaf is None


def _is_primal(leaf: Any) -> bool:
    return isinstance(leaf, CustomVJPPrimal)


def _is_zero(leaf: Any) -> bool:
    return isinstance(leaf, SymbolicZero)


def _filled(slope: Any) -> Any:
    return jnp.zeros(slope.shape, slope.dtype) if _is_zero(slope) else slope


def _is_known(reference: Reference) -> bool:
    return is_number(reference.p0c) and is_number(reference.s) and is_number(reference.t)


# -------------------------------------------------------------------- pytrees


def _register(cls: type) -> None:
    """Let JAX's transformations see the numbers and arrays in a class.

    Masks travel as numbers: JAX differentiates by numbers only, and a whole beam should be something to differentiate by.
    """
    masks: tuple[int, ...] = getattr(cls, "masks", ())

    def flatten_(tree: Any) -> tuple[list[Any], Any]:
        children, rest = tree.tree_flatten()
        return [_number(child) if i in masks else child for i, child in enumerate(children)], rest

    def unflatten_(rest: Any, leaves: Any) -> Any:
        children = [leaf > 0.5 if i in masks and hasattr(leaf, "astype") else leaf for i, leaf in enumerate(leaves)]
        return cls.tree_unflatten(rest, children)  # type: ignore[attr-defined]

    jax.tree_util.register_pytree_node(cls, flatten_, unflatten_)


def _number(mask: Any) -> Any:
    return mask.astype(float) if getattr(mask, "dtype", None) in (bool, jnp.bool_) else mask


subscribe(_register)
