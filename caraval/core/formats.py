"""What a reader or a writer of files is: a format's name, how to know it, and the function that does it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple


class Reader(NamedTuple):
    """A reader of lattice files.

    Attributes
    ----------
    format : str
    suffixes : tuple of str
        With the dot, in lower case.
    read : callable
        ``(path, **options) -> Lattice``; options are at least ``line`` and ``branch`` (a name, or None). With ``losses``
        among them, it gets the :class:`~caraval.core.losses.Losses` to report what it cannot carry.
    recognises : callable, optional
        ``first 4096 characters -> bool or None``: for suffixes that several formats share, or none. None: it cannot be told;
        False: another format that recognises the file is preferred, whatever its suffix.
    """

    format: str
    suffixes: tuple[str, ...]
    read: Callable[..., Any]
    recognises: Callable[[str], bool | None] | None = None


class Beside:
    """Files that belong to the one that is written, with its name and other suffixes; all come into being together.

    Attributes
    ----------
    texts : dict
        Their contents by suffix: texts, or bytes.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self.texts: dict[str, str | bytes] = {}

    @property
    def name(self) -> str:
        """Name of the file that is written."""
        return self._target.name

    def path(self, suffix: str) -> Path:
        """Return where a file with another suffix will be, or is."""
        return self._target.with_suffix(suffix)

    def files(self) -> list[tuple[Path, str | bytes]]:
        """Return where each file will be, and its content."""
        return [(self.path(suffix), text) for suffix, text in self.texts.items()]


class Writer(NamedTuple):
    """A writer of lattice files: `write` is ``(lattice, path, **options)``; ``losses`` among them as for readers.

    With ``beside`` among them, it gets a :class:`Beside` for files that belong to this one.
    """

    format: str
    suffixes: tuple[str, ...]
    write: Callable[..., Any]


class BeamReader(NamedTuple):
    """A reader of beam files: `read` is ``(path, **options) -> ParticleBeam``."""

    format: str
    suffixes: tuple[str, ...]
    read: Callable[..., Any]
    recognises: Callable[[Path], bool] | None = None


class BeamWriter(NamedTuple):
    """A writer of beam files: `write` is ``(beam, path, **options)``; ``losses`` among them as for lattices."""

    format: str
    suffixes: tuple[str, ...]
    write: Callable[..., Any]
