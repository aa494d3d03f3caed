"""What stands for settings that calls will give."""

from __future__ import annotations

from typing import Any


class Varying:
    """Stands in a plan for a setting that calls will give; nothing is known of its value, nor of its share in a slice."""

    def _unknown(self, other: Any = None) -> Varying:
        return self

    __add__ = __radd__ = __sub__ = __rsub__ = __mul__ = __rmul__ = __truediv__ = __rtruediv__ = __neg__ = _unknown


VARYING = Varying()
