"""Files that commands read and write. What cannot work is said before the work, not after it."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from caraval.core.errors import InputError, suggest
from caraval.core.lattice import Lattice
from caraval.core.libraries import needed
from caraval.core.registry import registry
from caraval.io import load
from caraval.plot.frame import MATPLOTLIB

if TYPE_CHECKING:
    from matplotlib.figure import Figure

DPI = 160


def loaded(path: Path, *, format: str | None = None, line: str | None = None, branch: str | None = None) -> Lattice:
    """Read a lattice; a branch may be a number."""
    return load(path, format=format, line=line, branch=int(branch) if branch and branch.isdigit() else branch)


def check_beam_target(path: Path) -> None:
    """Check that a beam can be written there.

    Raises
    ------
    InputError
        If there is no such folder, or no writer for such a name.
    """
    check_folder(path)
    known = [suffix for entry in registry().beam_writers.values() for suffix in entry.value.suffixes]
    if not path.name.lower().endswith(tuple(known)):
        raise InputError(f"no plugin writes beams to files like {path.name}; known are {' '.join(known)}")


def check_figure_target(path: Path) -> None:
    """Check that a figure can be drawn and written there.

    Raises
    ------
    InputError
        If there is no such folder, or matplotlib does not write such files.
    BackendError
        If matplotlib is not installed.
    """
    check_folder(path)
    known = sorted(needed("matplotlib.backend_bases", *MATPLOTLIB).FigureCanvasBase.get_supported_filetypes())
    suffix = path.suffix.lower().removeprefix(".")
    if suffix not in known:
        raise InputError(f"no figure can be written to {path.name}{suggest(suffix, known)}; known are {', '.join(known)}")


def write_figure(figure: Figure, path: Path) -> None:
    """Write a figure, whole or not at all."""
    drawn = BytesIO()
    figure.savefig(drawn, format=path.suffix.lower().removeprefix("."), dpi=DPI)
    path.write_bytes(drawn.getvalue())


def check_folder(path: Path) -> None:
    """Check that a file can be written there.

    Raises
    ------
    InputError
        If there is no such folder.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder, not a file")
    if not path.parent.is_dir():
        raise InputError(f"no folder {path.parent} to write {path.name} into")
