"""The drawing of a beam along a line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from caraval.core.lattice import Lattice

from .frame import cubic, draw_grid, stacked
from .table import Along, Column
from .units import si_prefix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FIRST: dict[str, Any] = {"color": "#12437a", "linestyle": "-"}
SECOND: dict[str, Any] = {"color": "#e0702c", "linestyle": (0, (4, 1.2))}
_ONE: dict[str, Any] = {"color": "#333333", "linestyle": "-", "linewidth": 1.3}

LOGARITHMIC = 30.0
"""Beam sizes that span more than this factor are drawn on a logarithmic scale."""

FEW = 25
"""So many places, and fewer, are drawn as points."""

MANY = 1000
"""From so many places on, curves are thin."""


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
    panels = [panel for panel in _panels(table) if _changes(panel)]
    figure, every = stacked([3.4, *([0.95] * len(panels))], table.s, lattice, title)
    _draw_sizes(every[0], table)
    for axes, panel in zip(every[1:], panels, strict=False):
        _draw_panel(axes, panel, table)
    return figure


def _draw_sizes(axes: Axes, table: Along) -> None:
    both = np.concatenate([table.sigma_x, table.sigma_y])
    factor, prefix = si_prefix(both)
    for plane, style in (("x", FIRST), ("y", SECOND)):
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
    draw_grid(axes)


def _curve(table: Along, sizes: Column, covariances: Column) -> tuple[Column, Column]:
    """Return s and beam sizes with points inside of the elements, for a curve.

    The square of a size is a parabola in a drift, see :func:`cubic`.
    """
    is_whole = np.diff(table.place) == 1  # both ends of one element, not places far apart
    s, squares = cubic(table.s, sizes**2, 2 * covariances, is_whole)
    between = np.interp(s, table.s, sizes**2)  # where it is no parabola: particles were lost
    return s, np.sqrt(np.where(squares > 0, squares, between))


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
    draw_grid(axes)


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
