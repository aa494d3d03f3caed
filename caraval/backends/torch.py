"""PyTorch: eager with its tape of derivatives, or compiled variant by variant."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import array_api_compat.torch as xp
import numpy as np
import torch
from torch._C._functorch import is_functorch_wrapped_tensor as is_wrapped
from torch.autograd import forward_ad
from torch.utils import _pytree
from torch.utils.checkpoint import checkpoint

from caraval.core.arrays import is_number
from caraval.core.chains import Chain, Composed, numbers_of
from caraval.core.coordinates import Coordinates
from caraval.core.errors import BackendError, InputError
from caraval.core.maps import LinearMap
from caraval.core.rows import Row
from caraval.core.transport import carried, moved
from caraval.core.tree import Fixed, subscribe

from . import torch_line, torch_scan
from .base import Backend
from .loops import Looping
from .numpy import NumpyBackend, has_compiler


class TorchBackend(Looping):
    """The PyTorch backend."""

    name = "torch"
    has_derivatives = True
    xp = xp
    chunk = 32_768
    """Particles at a time, where nothing needs derivatives."""
    settings = 16_384
    results: Any = None
    """What functions with derivatives of their own made, where an effect is repeated for its derivatives."""

    def device(self, device: Any) -> Any:
        """Return PyTorch's device of a name such as ``"cpu"`` or ``"cuda:1"``."""
        if device is None:
            return None
        try:
            return torch.empty(0, device=device).device
        except (RuntimeError, AssertionError) as error:
            raise BackendError(f"PyTorch has no device {device!r} here ({str(error).splitlines()[0]})") from error

    def asarray(self, value: Any, dtype: Any = None, device: Any = None) -> Any:
        """Return numbers, or an array of PyTorch or NumPy, as a tensor; a tensor keeps its tape."""
        if isinstance(value, torch.Tensor):
            return value.to(device=self.device(device), dtype=dtype)
        if isinstance(value, np.ndarray):
            return torch.tensor(value, dtype=dtype, device=self.device(device))
        return torch.as_tensor(value, dtype=dtype, device=self.device(device))

    def beside(self, value: Any, like: Any) -> Any:
        """Return a number or an array like another, see :meth:`Backend.beside`."""
        return self.asarray(value, dtype=like.dtype, device=like.device)

    def to_numpy(self, array: Any) -> np.ndarray:
        """Return a tensor's values in NumPy."""
        return array.detach().cpu().numpy()  # type: ignore[no-any-return]

    def value(self, array: Any) -> np.ndarray | None:
        """Return a tensor's values, inside of transformations too; None where `torch.compile` hides them."""
        try:
            with torch._C._DisableFuncTorch():  # what is made here would be wrapped in turn
                return self.to_numpy(torch.func.debug_unwrap(array))
        except (RuntimeError, TypeError):
            return None

    def seen(self, array: Any) -> np.ndarray | None:
        """Return a tensor's own memory, see :meth:`Looping.seen`."""
        if type(array) not in (torch.Tensor, torch.nn.Parameter) or not _is_plain(array) or torch.compiler.is_compiling():
            return None
        if torch.is_grad_enabled() and array.requires_grad:
            return None
        if forward_ad._current_level >= 0 and forward_ad.unpack_dual(array).tangent is not None:
            return None
        return array.numpy(force=True)

    def made(self, array: np.ndarray, like: Any) -> Any:
        """Return a tensor of NumPy's memory, see :meth:`Looping.made`."""
        return torch.from_numpy(array)

    def detached(self, array: Any) -> Any:
        """Return a number or a tensor without derivatives."""
        return array.detach() if isinstance(array, torch.Tensor) else array

    def all_true(self, mask: Any) -> bool | None:
        """Whether a mask is True throughout, in every lane of a `vmap`."""
        return bool(torch.func.debug_unwrap(mask).all())

    def _may_chunk(self, rows: Sequence[Row], q: Coordinates) -> bool:
        tensors = [*q, *(v for row in rows for v in row.values if not is_number(v))]
        return not (torch.is_grad_enabled() and any(t.requires_grad for t in tensors))

    def in_numpy(self, function: Callable[[np.ndarray], np.ndarray], array: Any, shape: tuple[int, ...]) -> Any:
        """Return what a function of NumPy makes of an array, see :meth:`Backend.in_numpy`; of all lanes of a `vmap` at once."""
        return InNumpy.apply(function, array.detach())

    def push(self, function: Callable[[Any], Any], values: Any, slopes: Any) -> tuple[Any, Any]:
        """Return a function and its derivative, see :meth:`Backend.push`."""
        return torch_scan.push(function, values, slopes)

    def scan(self, step: Callable[[Any, Any], Any], state: Any, things: Any) -> Any:
        """Return the states after each of some things, see :meth:`Backend.scan`."""
        return torch_scan.scan(step, state, things, self.shown)

    def scatter_add(self, total: Any, index: Any, values: Any) -> Any:
        """Return an array with sums added, see :meth:`Backend.scatter_add`."""
        return total.index_add_(0, index, values)

    def derived(
        self, function: Callable[..., Sequence[Any]], pull: Callable[..., Sequence[Any]]
    ) -> Callable[..., Sequence[Any]]:
        """Return a function with derivatives of its own, see :meth:`Backend.derived`."""

        def run(*arrays: Any) -> Sequence[Any]:
            if torch.compiler.is_compiling() or any(map(is_wrapped, arrays)) or forward_ad._current_level >= 0:
                return function(self, *arrays)
            if torch.is_grad_enabled() and any(a.requires_grad for a in arrays):
                return Derived.apply(self, function, pull, *arrays)
            return self._borrowed(function, *arrays)

        return run

    def _borrowed(self, function: Callable[..., Any], *trees: Any) -> list[Any]:
        """Return what a function makes of nests of tensors that nobody differentiates.

        In the computer's own memory NumPy does it, which has compiled loops and works on real transforms in place.
        """
        if any(t.device.type != "cpu" for t in _pytree.tree_leaves(trees)):
            return list(function(self, *trees))
        found = function(NumpyBackend(), *_pytree.tree_map(lambda t: t.detach().numpy(), trees))
        return [torch.from_numpy(a) for a in found]

    def act(self, effect: Callable[..., Any], constants: Any, beam: Any) -> Any:
        """Return an effect of the whole bunch, see :meth:`Backend.act`; what took long to make is kept as well."""
        fitting = self._fitting(constants, beam)
        if not (torch.is_grad_enabled() and any(a.requires_grad for a in (*beam.coordinates, beam.charge))):
            return effect(fitting, beam, self)  # the tape is as short without
        knowing = type(self)()
        knowing.results = Results()

        def run(constants: Any, beam: Any) -> Any:
            knowing.results.rewind()
            return effect(constants, beam, knowing)

        return checkpoint(run, fitting, beam, use_reentrant=False)  # what it draws, it draws again

    def _round_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any]:
        """Take particles through rows several times; on the way back a turn at a time is repeated, with its own tape."""
        wrapped = any(
            is_wrapped(t) for t in (*q, lost, *(v for row in rows for v in row.values)) if isinstance(t, torch.Tensor)
        )
        if self._may_chunk(rows, q) or wrapped:
            return Backend._round(self, rows, q, lost, turns)
        for turn in range(turns):
            q, lost = checkpoint(self.run, rows, q, lost, 1 + turn * len(rows), use_reentrant=False, preserve_rng_state=False)
        return q, lost

    def compiled(self) -> Backend:
        """Return the backend with every variant compiled."""
        return CompiledTorch()

    def differentiated(
        self, objective: Callable[..., Any], *, in_pieces: bool = False
    ) -> Callable[..., tuple[Any, dict[str, Any]]]:
        """Return ``(settings, beam) -> (value, derivatives by the settings)``, see :meth:`Backend.differentiated`."""

        def evaluate(settings: dict[str, Any], beam: Any) -> tuple[Any, dict[str, Any]]:
            kind = {"dtype": beam.dtype, "device": beam.device}

            def opened(value: Any) -> torch.Tensor:
                return torch.as_tensor(value, **(kind if is_number(value) else {})).detach().requires_grad_()

            flat, tree = _pytree.tree_flatten(settings, is_leaf=lambda value: not isinstance(value, dict))
            tensors = list(map(opened, flat))
            value = objective(_pytree.tree_unflatten(tensors, tree), beam)
            gradients = torch.autograd.grad(value, tensors, allow_unused=True)
            filled = [torch.zeros_like(t) if g is None else g for t, g in zip(tensors, gradients, strict=True)]
            return value.detach(), _pytree.tree_unflatten(filled, tree)

        return evaluate

    def descent(self, optimizer: Any, start: np.ndarray, gradient: Any, within: Any) -> Callable[[], None]:
        """Return what takes a step with an optimiser of PyTorch, see :meth:`Backend.descent`."""
        point = torch.tensor(start, dtype=torch.float64, requires_grad=True)
        made = optimizer([point])
        if not isinstance(made, torch.optim.Optimizer):
            raise InputError(f"optimizer must make a torch.optim.Optimizer of a list of tensors, not {made!r}")

        def closure() -> Any:
            value, slopes = gradient(self.to_numpy(point))
            point.grad = torch.from_numpy(slopes)
            return torch.tensor(value, dtype=torch.float64)

        def step() -> None:
            made.step(closure)
            with torch.no_grad():
                point.copy_(torch.from_numpy(within(self.to_numpy(point))))

        return step

    def jacobian(self, function: Callable[..., Any], values: np.ndarray) -> np.ndarray:
        """Return the derivatives of what a function makes of some numbers, see :meth:`Backend.jacobian`."""
        tensors = [torch.tensor(float(value), dtype=torch.float64, requires_grad=True) for value in values]
        out = torch.stack([torch.as_tensor(value, dtype=torch.float64) for value in function(tensors)])
        if not out.requires_grad:
            return np.zeros((len(out), len(values)))
        rows = [torch.autograd.grad(one, tensors, retain_graph=True, allow_unused=True) for one in out]
        return np.array([[0.0 if g is None else g.item() for g in row] for row in rows])


class Results:
    """Results that are made the first time that something is done, and known when it is repeated."""

    def __init__(self) -> None:
        self._made: list[list[torch.Tensor]] = []
        self._next = 0

    def rewind(self) -> None:
        """Begin again."""
        self._next = 0

    def known(self, make: Callable[[], list[torch.Tensor]]) -> list[torch.Tensor]:
        """Return the next results."""
        if self._next == len(self._made):
            self._made.append(make())
        self._next += 1
        return [tensor.detach() for tensor in self._made[self._next - 1]]


class Derived(torch.autograd.Function):  # type: ignore[misc]
    """A function with derivatives of its own, see :meth:`TorchBackend.derived`."""

    @staticmethod
    def forward(ctx: Any, backend: Any, function: Any, pull: Any, *arrays: Any) -> tuple[Any, ...]:
        """Keep the arguments, and return what the function does."""
        ctx.parts = backend, function, pull
        ctx.save_for_backward(*arrays)
        if backend.results is None:
            return tuple(backend._borrowed(function, *arrays))
        return tuple(backend.results.known(lambda: backend._borrowed(function, *arrays)))

    @staticmethod
    def backward(ctx: Any, *slopes: Any) -> tuple[Any, ...]:
        """Return derivatives by the arguments; if they are to be differentiated in turn, by the function's own tape."""
        (backend, function, pull), arrays = ctx.parts, ctx.saved_tensors
        if not torch.is_grad_enabled():
            return (None, None, None, *backend._borrowed(pull, arrays, slopes))
        arrays = [a.view_as(a) for a in arrays]  # one may come of another: derivatives here are partial ones
        inputs = [a for a, wanted in zip(arrays, ctx.needs_input_grad[3:], strict=True) if wanted]
        found = iter(torch.autograd.grad(function(backend, *arrays), inputs, slopes, create_graph=True))
        return (None, None, None, *(next(found) if wanted else None for wanted in ctx.needs_input_grad[3:]))


class InNumpy(torch.autograd.Function):  # type: ignore[misc]
    """What a function of NumPy ``(..., n, m) -> (...)`` makes of values, without derivatives."""

    @staticmethod
    def forward(function: Callable[[np.ndarray], np.ndarray], array: torch.Tensor) -> torch.Tensor:
        """Return it."""
        return torch.as_tensor(function(array.numpy(force=True)), dtype=array.dtype, device=array.device)

    @staticmethod
    def setup_context(ctx: Any, inputs: Any, output: Any) -> None:
        """Say that there are no derivatives."""
        ctx.mark_non_differentiable(output)

    @staticmethod
    def jvp(ctx: Any, *slopes: Any) -> None:
        """Return no derivatives."""

    @staticmethod
    def vmap(info: Any, in_dims: Any, function: Any, array: torch.Tensor) -> tuple[torch.Tensor, int]:
        """Take lanes as settings."""
        return InNumpy.apply(function, array.movedim(in_dims[1], 0)), 0


class CompiledTorch(TorchBackend):
    """PyTorch with one compiled program per variant, for what NumPy's loops do not take."""

    enough = 0
    chunk = 65_536
    """Particles at a time: compiled steps have few intermediate arrays."""

    def _run_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, first: int) -> tuple[Coordinates, Any]:
        """Take particles through rows, see :meth:`Backend.run`."""
        return torch_line.run(rows, q, lost, first, self) if rows else (q, lost)

    def _round_itself(self, rows: Sequence[Row], q: Coordinates, lost: Any, turns: int) -> tuple[Coordinates, Any]:
        """Take particles through rows several times, see :meth:`Backend.run_turns`; derivatives go back turn by turn."""
        return Backend._round(self, rows, q, lost, turns)

    @property
    def has_chains(self) -> bool:  # type: ignore[override]
        """Whether there is a compiler for chains of maps: Numba, in the computer's own memory."""
        return has_compiler()

    def composed(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements, see :meth:`Backend.composed`."""
        if not chain.shape or not all(map(_is_plain, chain.arrays)):
            return None
        from . import torch_chains

        return Composed(chain, torch_chains.run)

    def merged(self, chain: Chain) -> LinearMap | None:
        """Return the map of a run of elements of one setting, see :meth:`Backend.merged`; NumPy's loops make it."""
        return NumpyBackend().compiled().merged(chain) if has_compiler() else None

    def moved_moments(self, m: LinearMap, mean: Any, covariance: Any) -> tuple[Any, Any] | None:
        """Return mean and covariance after a map, see :meth:`Backend.moved_moments`."""
        tensors = m.chain.arrays if isinstance(m, Composed) else [v for v in numbers_of(m) if not is_number(v)]
        if not (has_compiler() and all(map(_is_plain, (mean, covariance, *tensors)))):
            return None
        from . import torch_chains

        fixed = not (mean.requires_grad or covariance.requires_grad)
        if isinstance(m, Composed) and fixed and mean.ndim == 1 and covariance.ndim == 2:
            return carried(m, mean, covariance, torch_chains.moments)
        return moved(m, mean, covariance, torch_chains.evaluate, fixed=fixed)


def _is_plain(tensor: torch.Tensor) -> bool:
    """Whether a tensor is in the computer's own memory, and of no transformation."""
    return tensor.device.type == "cpu" and not is_wrapped(tensor)


# -------------------------------------------------------------------- pytrees


def _register(cls: type) -> None:
    """Let PyTorch's transformations see the tensors in a class; plain numbers are fixed, since they cannot be traced."""

    def flatten_(tree: Any) -> tuple[list[Any], Any]:
        children, rest = tree.tree_flatten()
        # only floats are fixed: while it takes trees apart itself, PyTorch puts other things into their places
        places = [i for i, child in enumerate(children) if not (child is None or isinstance(child, float))]
        fixed = [None if i in places else child for i, child in enumerate(children)]
        return [children[i] for i in places], Fixed(places=places, fixed=fixed, rest=rest)

    def unflatten_(leaves: Any, context: Fixed) -> Any:
        children = list(context.values["fixed"])
        for place, leaf in zip(context.values["places"], leaves, strict=True):
            children[place] = leaf
        return cls.tree_unflatten(context.values["rest"], children)  # type: ignore[attr-defined]

    _pytree.register_pytree_node(cls, flatten_, unflatten_, serialized_type_name=f"{cls.__module__}.{cls.__qualname__}")


subscribe(_register)
