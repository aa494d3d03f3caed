"""PyTorch's programs of recorded functions: Numba's loops in the same memory, with derivatives by their adjoints."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from caraval.core.adjoint import adjoint
from caraval.core.chains import Chain
from caraval.core.recording import Program

from . import numba_chains


def run(chain: Chain, lines: Sequence[torch.Tensor]) -> tuple[torch.Tensor, ...]:
    """Return the open numbers ``(n,)`` of a chain's map, for tensors ``(n,)``."""
    found: torch.Tensor = _Chain.apply(chain, *lines)
    return found.unbind()


def moments(chain: Chain, lines: Sequence[torch.Tensor], before: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return mean ``(n, 6)`` and covariance ``(n, 36)`` after a chain's map, of moments ``(42,)`` that are fixed."""
    mean, covariance = _Moments.apply(chain, before.detach().numpy(), *lines)
    return mean, covariance


def evaluate(program: Program, lines: Sequence[torch.Tensor], numbers: torch.Tensor) -> torch.Tensor:
    """Return what a program makes of tensors ``(n,)`` and numbers: ``(n, outputs)``."""
    found: torch.Tensor = _Program.apply(program, numbers.detach().numpy(), *lines)
    return found


def _arrays(tensors: Sequence[torch.Tensor]) -> list[np.ndarray]:
    return [tensor.detach().numpy() for tensor in tensors]


class _Chain(torch.autograd.Function):  # type: ignore[misc]
    """The open numbers ``(size, n)`` of a chain's map."""

    @staticmethod
    def forward(ctx: Any, chain: Chain, *lines: torch.Tensor) -> torch.Tensor:
        ctx.chain = chain
        ctx.save_for_backward(*lines)
        return torch.from_numpy(numba_chains.run(chain, _arrays(lines)))

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, slopes: torch.Tensor) -> Any:
        found = numba_chains.pull(ctx.chain, _arrays(ctx.saved_tensors), slopes.contiguous().numpy())
        return None, *torch.from_numpy(found).unbind()


class _Moments(torch.autograd.Function):  # type: ignore[misc]
    """Mean ``(n, 6)`` and covariance ``(n, 36)`` after a chain's map."""

    @staticmethod
    def forward(ctx: Any, chain: Chain, before: np.ndarray, *lines: torch.Tensor) -> tuple[torch.Tensor, ...]:
        ctx.chain, ctx.before = chain, before
        ctx.save_for_backward(*lines)
        return tuple(map(torch.from_numpy, numba_chains.moments(chain, _arrays(lines), before)))

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, *slopes: torch.Tensor) -> Any:
        given = (slope.contiguous().numpy() for slope in slopes)
        found = numba_chains.pull_moments(ctx.chain, _arrays(ctx.saved_tensors), ctx.before, *given)
        return None, None, *torch.from_numpy(found).unbind()


class _Program(torch.autograd.Function):  # type: ignore[misc]
    """What a program makes of tensors ``(n,)``: ``(n, outputs)``."""

    @staticmethod
    def forward(ctx: Any, program: Program, numbers: np.ndarray, *lines: torch.Tensor) -> torch.Tensor:
        ctx.program, ctx.numbers = program, numbers
        ctx.save_for_backward(*lines)
        return torch.from_numpy(numba_chains.evaluate(program, _arrays(lines), numbers))

    @staticmethod
    @torch.autograd.function.once_differentiable  # type: ignore[untyped-decorator]
    def backward(ctx: Any, slopes: torch.Tensor) -> Any:
        lines = [*_arrays(ctx.saved_tensors), *slopes.numpy().T]
        found = numba_chains.evaluate(adjoint(ctx.program), lines, ctx.numbers, interleaved=False)
        return None, None, *torch.from_numpy(found).unbind()
