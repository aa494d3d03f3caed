"""Units with prefixes."""

from __future__ import annotations

from math import floor, log10
from typing import Any

import numpy as np

_PREFIXES = {-15: "f", -12: "p", -9: "n", -6: "µ", -3: "m", 0: "", 3: "k", 6: "M", 9: "G", 12: "T"}


def si_prefix(values: Any) -> tuple[float, str]:
    """Return the power of ten, and its SI prefix, with which the middle one of some values reads best: ``(1e-6, "µ")``."""
    size = np.abs(np.atleast_1d(np.asarray(values, dtype=float)))
    size = size[np.isfinite(size) & (size > 0)]
    if not size.size:
        return 1.0, ""
    middle = float(f"{np.median(size):.3g}")  # 999.9 nm reads as 1 µm
    exponent = min(max(3 * floor(log10(middle) / 3), min(_PREFIXES)), max(_PREFIXES))
    return 10.0**exponent, _PREFIXES[exponent]
