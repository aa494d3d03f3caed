"""The drawing of a beam along a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from caraval.core.errors import BackendError
from caraval.core.lattice import Lattice

from .elements import layout
from .table import Along, Column
from .units import si_prefix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_X: dict[str, Any] = {"color": "#12437a", "linestyle": "-"}
_Y: dict[str, Any] = {"color": "#e0702c", "linestyle": (0, (4, 1.2))}
_ONE: dict[str, Any] = {"color": "#333333", "linestyle": "-", "linewidth": 1.3}

LOGARITHMIC = 30.0
"""Beam sizes that span more than this factor are drawn on a logarithmic scale."""

FEW = 25
"""So many places, and fewer, are drawn as points."""

MANY = 1000
"""From so many places on, curves are thin."""

POINTS = 1000
"""Into how many points a curve is divided, at least."""


class Panel(NamedTuple):
    """A small panel: what it shows, its unit, its values, by how much they must change for it to be drawn, and its range."""

    label: str
    unit: str
    values: Column
    changes: float
    bottom: float = 0.0


def beam_sizes(table: Along, lattice: Lattice | None = None, *, title: str | None = None) -> Figure:
    """Draw rms beam sizes along s above the lattice, and reference energy, bunch length and transmission if they change.

    Parameters
    ----------
    table : Along
        From :func:`along`.
    lattice : Lattice, optional
        Left out: no drawing of the lattice.
    title : str, optional
        Left out: the lattice's name.

    Returns
    -------
    matplotlib Figure
        ``figure.savefig("linac.png", dpi=200)``

    Raises
    ------
    BackendError
        If matplotlib is not installed.
    """
    figure_class = _figure_class()
    panels = [panel for panel in _panels(table) if _changes(panel)]
    heights = [3.4, *([0.95] * len(panels)), *([0.8] if lattice is not None else [])]
    figure = figure_class(figsize=(10.0, 0.9 + sum(heights)), dpi=150, layout="constrained")
    figure.get_layout_engine().set(h_pad=0.03, hspace=0.02)
    every = list(figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0])
    _draw_sizes(every[0], table)
    for axes, panel in zip(every[1:], panels, strict=False):
        _draw_panel(axes, panel, table)
    if lattice is not None:
        layout(lattice, every[-1], start=float(table.s[0]))
        handles, labels = every[-1].get_legend_handles_labels()
        style = {"frameon": False, "fontsize": "small", "columnspacing": 1.4, "handlelength": 1.4}
        figure.legend(handles, labels, loc="outside lower center", ncols=max(len(labels), 1), **style)
    every[-1].set_xlabel("s [m]")
    every[0].set_xlim(table.s.min(), table.s.max() if np.ptp(table.s) else table.s.max() + 1.0)
    figure.align_ylabels(every)
    every[0].set_title((lattice.name if lattice is not None else "") if title is None else title, loc="left")
    return figure


def _figure_class() -> Any:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise BackendError(f"drawing needs matplotlib ({error}); try: pip install 'caraval[plot]'") from error
    return Figure


def _draw_sizes(axes: Axes, table: Along) -> None:
    both = np.concatenate([table.sigma_x, table.sigma_y])
    factor, prefix = si_prefix(both)
    for plane, style in (("x", _X), ("y", _Y)):
        sizes = getattr(table, f"sigma_{plane}")
        s, curve = _curve(table, sizes, getattr(table, f"covariance_{plane}_p{plane}"))
        axes.plot(s, curve / factor, label=rf"$\sigma_{plane}$", linewidth=1.6 if len(table) < MANY else 0.9, **style)
        if len(table) <= FEW:
            axes.plot(table.s, sizes / factor, "o", markersize=4, color=style["color"])
    seen = _finite(both)
    seen = seen[seen > 0]
    if seen.size and seen.max() > LOGARITHMIC * seen.min():
        _logarithmic(axes)
    else:
        axes.set_ylim(bottom=0.0)
    axes.set_ylabel(f"rms beam size [{prefix}m]")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.99), ncols=2, fontsize="large", frameon=False, borderaxespad=0.0)
    _grid(axes)


def _curve(table: Along, sizes: Column, covariances: Column) -> tuple[Column, Column]:
    """Return s and beam sizes with points inside of the elements, for a curve.

    The square of a size is a parabola in a drift. Its value and its slope at both ends give a cubic, which is that parabola
    there and near the truth in magnets; a straight line to the far end of a drift would hide its waist.
    """
    s, squares, slopes = table.s, sizes**2, 2 * covariances
    lengths, rises = np.diff(s), np.diff(squares)
    is_whole = (np.diff(table.place) == 1) & (lengths > 0)  # both ends of one element, not places far apart
    counts = np.where(is_whole, np.ceil(lengths / max(np.ptp(s), 1e-9) * POINTS), 1).astype(int)
    i = np.repeat(np.arange(len(counts)), counts)
    u = np.concatenate([np.arange(count) / count for count in counts])
    before, after, rise = lengths[i] * slopes[i], lengths[i] * slopes[i + 1], rises[i]
    cubic = squares[i] + u * (before + u * (3 * rise - 2 * before - after + u * (before + after - 2 * rise)))
    cubic = np.where(cubic > 0, cubic, squares[i] + u * rise)  # no parabola: particles were lost
    return np.append(s[i] + u * lengths[i], s[-1]), np.sqrt(np.append(cubic, squares[-1]))


def _logarithmic(axes: Axes) -> None:
    from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

    axes.set_yscale("log")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def _draw_panel(axes: Axes, panel: Panel, table: Along) -> None:
    axes.plot(table.s, panel.values, marker="o" if len(table) <= FEW else "", markersize=3, **_ONE)
    top = float(_finite(panel.values).max())
    axes.set_ylim(panel.bottom, top + 0.12 * (top - panel.bottom))
    axes.locator_params(axis="y", nbins=4)
    axes.set_ylabel(f"{panel.label}\n[{panel.unit}]", fontsize="small")
    _grid(axes)


def _panels(table: Along) -> list[Panel]:
    energy, mega = si_prefix(table.energy)
    length, milli = si_prefix(table.sigma_z)
    lost = 100 * (1 - float(table.transmission.min()))
    return [
        Panel("energy", f"{mega}eV", table.energy / energy, 1e-3),
        Panel("bunch length", f"{milli}m", table.sigma_z / length, 3e-2),
        Panel("transmission", "%", 100 * table.transmission, 0.0, bottom=max(0.0, 100 - 3 * lost)),
    ]


def _changes(panel: Panel) -> bool:
    values = _finite(panel.values)
    return bool(values.size and np.ptp(values) > panel.changes * np.abs(values).max())


def _finite(values: Column) -> Column:
    return values[np.isfinite(values)]


def _grid(axes: Axes) -> None:
    axes.grid(visible=True, which="major", color="0.88", linewidth=0.6)
    axes.set_axisbelow(True)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
