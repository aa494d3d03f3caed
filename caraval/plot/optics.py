"""Drawings of optics: Twiss parameters, dispersion and orbit along a line, and the line on the floor."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from caraval.core.lattice import Lattice

from .figure import FIRST, SECOND
from .frame import cubic, draw_grid, figure_class, stacked
from .units import si_prefix

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from caraval.optics.table import Table

STILL = 1e-12
"""An orbit or a dispersion [m] below this is not drawn."""

Curve = tuple[str, dict[str, Any], Any, Any]
"""What a curve is called, how it is drawn, its values and their slopes along s."""


def twiss_functions(table: Table, lattice: Lattice | None = None, *, title: str | None = None) -> Figure:
    """Draw beta functions above dispersion and orbit, where there are such, above the lattice.

    Parameters
    ----------
    table : Table
        From :func:`caraval.optics.twiss`, of one lattice.
    lattice : Lattice, optional
        Left out: no drawing of the lattice.
    title : str, optional
        Left out: the lattice's name.

    Raises
    ------
    BackendError
        If matplotlib is not installed.
    """
    t = table.to_numpy()
    panels: list[tuple[str, list[Curve]]] = [
        ("beta", [(rf"$\beta_{m}$", style, t[f"beta_{m}"], -2 * t[f"alpha_{m}"]) for m, style in (("a", FIRST), ("b", SECOND))])
    ]
    planes = (("x", FIRST), ("y", SECOND))
    panels.append(("dispersion", [(rf"$\eta_{p}$", style, t[f"eta_{p}"], t[f"deta_{p}_ds"]) for p, style in planes]))
    panels.append(("orbit", [(f"${p}$", style, t[p], t[f"p{p}"] / (1 + t["pz"])) for p, style in planes]))
    shown = [panel for panel in panels if max(np.abs(values).max() for _, _, values, _ in panel[1]) > STILL]
    figure, every = stacked([3.0, *([1.6] * (len(shown) - 1))], t["s"], lattice, title)
    for axes, (label, curves) in zip(every, shown, strict=False):
        _draw(axes, label, curves, t["s"])
    every[0].set_ylim(bottom=0.0)
    return figure


def _draw(axes: Axes, label: str, curves: list[Curve], s: Any) -> None:
    factor, prefix = si_prefix(np.concatenate([values for _, _, values, _ in curves]))
    for name, style, values, slopes in curves:
        at, curve = cubic(s, values, slopes)
        axes.plot(at, curve / factor, label=name, linewidth=1.4, **style)
    axes.set_ylabel(f"{label} [{prefix}m]")
    axes.legend(loc="lower right", bbox_to_anchor=(1.0, 0.97), ncols=2, frameon=False, borderaxespad=0.0)
    draw_grid(axes)


def floor_plan(table: Table, *, title: str = "") -> Figure:
    """Draw a line as it is seen from above, and from the side where it leaves the level.

    Parameters
    ----------
    table : Table
        From :func:`caraval.optics.survey`.
    title : str

    Raises
    ------
    BackendError
        If matplotlib is not installed.
    """
    is_level = np.ptp(table.y) < STILL
    figure = figure_class()(figsize=(8.0, 8.0 if is_level else 10.0), dpi=150, layout="constrained")
    heights = [3] if is_level else [3, 1]
    every = figure.subplots(len(heights), 1, sharex=True, squeeze=False, height_ratios=heights)[:, 0]
    for axes, up, style in zip(every, "xy", (FIRST, SECOND), strict=False):
        axes.plot(table.z, table[up], marker=".", markersize=3, linewidth=1.2, **style)
        axes.set_ylabel(f"{up} [m]")
        draw_grid(axes)
    every[0].set_aspect("equal", adjustable="datalim")
    every[-1].set_xlabel("z [m]")
    every[0].set_title(title, loc="left")
    return figure
