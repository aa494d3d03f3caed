"""Wide vector registers: JAX's compiler is asked for them where its functions are right with them.

Where a processor has registers of 512 bits, programs that use them do half as much again. But the functions that the compiler
has for them have been seen to be wrong: ``atan`` is, in 0.10.2, by as much as 0.7. So it is replaced, and all are tried once.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from caraval.core import scalar

enable_x64: Any = jax.enable_x64 if hasattr(jax, "enable_x64") else jax.experimental.enable_x64
"""A context with double precision; it has moved."""

WIDE = {"xla_cpu_prefer_vector_width": 512}
"""Option of the compiler, in bits. Processors that have none so wide take what they have."""

ROUNDING = 8
"""Units in the last place by which a function may differ from NumPy's."""


class Functions:
    """JAX's namespace, with nothing in it that is wrong."""

    def __getattr__(self, name: str) -> Any:
        return getattr(jnp, name)

    @staticmethod
    def atan(x: Any) -> Any:
        """Return the inverse of the tangent, by that of the tangent of half the angle: the compiler sees through less."""
        return 2 * jnp.atan2(x, 1 + jnp.sqrt(1 + x * x))


xp = Functions()


@cache
def options() -> dict[str, Any] | None:
    """Return options for programs: wide registers, if all functions that routines may use are right with them."""
    names = [name for name in scalar.__all__ if callable(getattr(np, name, None)) and name != "where"]
    two = ("atan2", "hypot", "maximum", "minimum")
    kind = np.float64 if jax.config.jax_enable_x64 else np.float32
    x = np.linspace(0.05, 0.95, 64, dtype=kind)

    def values(functions: Any, x: Any) -> list[Any]:
        return [getattr(functions, name)(*((x, x[::-1]) if name in two else (x,))) for name in names]

    found = jax.jit(lambda x: values(xp, x), compiler_options=WIDE)(x)
    bound = ROUNDING * float(np.finfo(kind).eps)
    right = all(np.allclose(a, b, rtol=bound, atol=0) for a, b in zip(found, values(np, x), strict=True))
    return WIDE if right else None
