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
