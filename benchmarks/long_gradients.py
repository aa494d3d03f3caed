"""Gradients of long lines: what memory they take, which must not grow with the line."""

from __future__ import annotations

from functools import partial

import gradients
import lines
from measure import Benchmark


def benchmark(n: int, cells: int) -> Benchmark:
    """Return the gradient of a beam size by the strengths in so many cells of ten elements."""
    cases = [partial(gradients.caraval, backend, n, cells) for backend in ("torch", "jax")]
    title = f"Gradient, {n} particles, {10 * cells} elements"
    return Benchmark(title, "particle and element", 10 * n * cells, cases, 1e-9, 2 * n * lines.PARTICLE)
