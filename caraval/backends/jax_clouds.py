"""Clouds in cells for JAX: a loop over some particles at a time.

Between loops the compiler makes arrays; of a formula over all particles it makes what several results need again for each.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import jax.numpy as jnp

from .clouds import Clouds
from .jax_line import by_chunks

CHUNK = 8_192
"""Particles at a time: their corners stay in a core's own cache."""

OUTSIDE = -1.0
"""Place of the particles that fill up the last part: they neither give nor get."""


class JaxClouds(Clouds):
    """Sharing and reading in loops."""

    def deposit(self, places: Sequence[Any], amounts: Any, shape: tuple[int, ...]) -> Any:
        """Share amounts among nodes, see :func:`caraval.backends.clouds.deposit`."""

        def share(total: Any, part: Any) -> tuple[Any, None]:
            places, amounts = part
            return self.added(total, places, amounts, shape), None

        leading = tuple(amounts.shape[:-1])
        total = jnp.zeros(prod(leading) * prod(shape), amounts.dtype)
        total, _ = by_chunks(share, total, (tuple(places), amounts), (OUTSIDE, 0.0), CHUNK)
        return jnp.reshape(total, (*leading, *shape))

    def interpolate(self, fields: Sequence[Any], places: Sequence[Any]) -> list[Any]:
        """Return fields between nodes, see :func:`caraval.backends.clouds.interpolate`."""

        def read(_: None, part: Any) -> tuple[None, Any]:
            return None, super(JaxClouds, self).interpolate(fields, part)

        return list(by_chunks(read, None, tuple(places), OUTSIDE, CHUNK)[1])

    def slopes(self, fields: Sequence[Any], places: Sequence[Any], weights: Sequence[Any]) -> list[Any]:
        """Return derivatives by places, see :meth:`caraval.backends.clouds.Clouds.slopes`."""

        def read(_: None, part: Any) -> tuple[None, Any]:
            return None, super(JaxClouds, self).slopes(fields, *part)

        return list(by_chunks(read, None, (tuple(places), tuple(weights)), (OUTSIDE, 0.0), CHUNK)[1])
