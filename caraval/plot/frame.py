"""What drawings along a line share: panels above the lattice, and curves inside of elements."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from caraval.core.lattice import Lattice
from caraval.core.libraries import needed

from .elements import layout
from .table import Column

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MATPLOTLIB = ("drawing needs matplotlib", "caraval[plot]")

POINTS = 1000
"""Into how many points a curve is divided, at least."""


def figure_class() -> Any:
    """Return matplotlib's class of figures, which needs no display.

    Raises
    ------
    BackendError
        If matplotlib is not installed.
    """
    return needed("matplotlib.figure", *MATPLOTLIB).Figure  # type: ignore[no-any-return]


def stacked(heights: Sequence[float], s: Column, lattice: Lattice | None, title: str | None) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels of these heights [inch] above each other and above the lattice, and the panels.

    Parameters
    ----------
    heights : sequence of float
    s : array
        Of what will be drawn [m].
    lattice : Lattice, optional
        Left out: no drawing of the lattice.
    title : str, optional
        Left out: the lattice's name.
    """
    heights = [*heights, *([0.8] if lattice is not None else [])]
    figure = figure_class()(figsize=(10.0, 0.9 + sum(heights)), dpi=150, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.03, hspace=0.02)
    every = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    if lattice is not None:
        layout(lattice, every[-1], start=float(s[0]))
        handles, labels = every[-1].get_legend_handles_labels()
        style = {"frameon": False, "fontsize": "small", "columnspacing": 1.4, "handlelength": 1.4}
        figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1), **style)
    every[-1].set_xlabel("s [m]")
    every[0].set_xlim(s.min(), s.max() if np.ptp(s) else s.max() + 1.0)
    figure.align_ylabels(every)
    every[0].set_title((lattice.name if lattice is not None else "") if title is None else title, loc="left")
    return figure, every


def cubic(s: Column, values: Column, slopes: Column, is_whole: Column | bool = True) -> tuple[Column, Column]:
    """Return s and values with points inside of the elements, for a curve.

    Values and slopes at both ends give a cubic, which is exact in drifts for beta functions and squares of beam sizes
    (parabolas) and for dispersions and orbits (lines), and near the truth in magnets; a straight line to the far end of a drift
    would hide its waist.

    Parameters
    ----------
    s, values, slopes : array (n,)
    is_whole : array (n - 1,)
        Whether two places in a row are the ends of one element.
    """
    lengths, rises = np.diff(s), np.diff(values)
    counts = np.where(is_whole & (lengths > 0), np.ceil(lengths / max(np.ptp(s), 1e-9) * POINTS), 1).astype(int)
    i = np.repeat(np.arange(len(counts)), counts)
    u = np.concatenate([np.arange(count) / count for count in counts]) if len(counts) else np.zeros(0)
    before, after, rise = lengths[i] * slopes[i], lengths[i] * slopes[i + 1], rises[i]
    inside = values[i] + u * (before + u * (3 * rise - 2 * before - after + u * (before + after - 2 * rise)))
    return np.append(s[i] + u * lengths[i], s[-1]), np.append(inside, values[-1])


def draw_grid(axes: Axes) -> None:
    """Draw a quiet grid, and only the axes that are read."""
    axes.grid(visible=True, which="major", color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
