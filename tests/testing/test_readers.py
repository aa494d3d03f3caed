"""The kit finds what is wrong with a reader or a writer, and nothing wrong with Caraval's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import caraval as cv
from caraval.core.formats import Reader, Writer
from caraval.core.registry import registry
from caraval.testing import CheckFailedError, reader_checks, results, writer_checks
from caraval.testing.backends import LINE

from ..converters.languages import LANGUAGES

TABLE = "q1 0.2 1.3\nd1 0.5 0.0\n"
CELL = cv.Lattice([e for e in LINE if e.name in "qdbs"], reference=cv.Reference("electron", 1e8))


def read(path: Path, line: str | None = None, branch: str | None = None) -> cv.Lattice:
    """A table of quadrupoles: name, length and strength."""
    if line or branch:
        raise cv.UnknownNameError(f"{path} is one line, without {line or branch!r}")
    elements = []
    for number, words in enumerate(map(str.split, path.read_text().splitlines()), 1):
        try:
            name, length, k1 = words
            elements.append(cv.Quadrupole(name=name, length=float(length), k1=float(k1)))
        except ValueError as error:
            raise cv.LatticeError(f"no name, length and strength: {error}", file=str(path), line=number) from error
    if not elements:
        raise cv.LatticeError("no quadrupole", file=str(path))
    return cv.Lattice(elements)


def careless(path: Path, line: str | None = None, branch: str | None = None) -> cv.Lattice:
    """The same, whose errors are Python's."""
    words = [text.split() for text in path.read_text().splitlines()]
    return cv.Lattice([cv.Quadrupole(name=name, length=float(length), k1=float(k1)) for name, length, k1 in words])


class Growing:
    """A reader that keeps what it has read."""

    def __init__(self) -> None:
        self.elements: list[cv.Element] = []

    def __call__(self, path: Path, line: str | None = None, branch: str | None = None) -> cv.Lattice:
        self.elements += read(path, line, branch).elements
        return cv.Lattice(self.elements)


def write(lattice: cv.Lattice, path: Path) -> None:
    """Write few digits, and tell of nothing."""
    path.write_text("".join(f"{e.name} {e.length:.2f} {getattr(e, 'k1', 0.0):.1f}\n" for e in lattice))


class Counting:
    """A writer whose files are never the same."""

    number = 0

    def __call__(self, lattice: cv.Lattice, path: Path) -> None:
        self.number += 1
        path.write_text(f"q{self.number} 0.2 1.3\n")


def first_failure(checks: list[Any], name: str) -> str:
    (check,) = [c for c in checks if c.name.startswith(name)]
    with pytest.raises(CheckFailedError) as caught:
        check()
    return str(caught.value)


def test_a_sound_reader_passes_everything(plugin):
    plugin("tables", register_readers=lambda: [Reader("table", (".table",), read)])
    found = list(results(reader_checks("table", [TABLE])))
    assert [result.failure for result in found if result.failure] == []
    assert {result.check.name for result in found} >= {"reads[0]", "survives changes[0]", "knows its lines[0]"}


@pytest.mark.parametrize(
    ("function", "check", "advice"),
    [
        (careless, "refuses what is empty", "does not say which file"),
        (careless, "knows its lines", "line='no_such_line' is ignored"),
        (careless, "survives changes", "raise LatticeError(message, file=..., line=...)"),
        (Growing(), "reads", "keep nothing from one file to the next"),
    ],
)
def test_a_readers_mistake_is_found_and_explained(function, check, advice, plugin):
    plugin("tables", register_readers=lambda: [Reader("table", (".table",), function)])
    assert advice in first_failure(reader_checks("table", [TABLE]), check)


def test_a_reader_that_claims_everything(plugin):
    plugin("tables", register_readers=lambda: [Reader("table", ("TABLE",), read, lambda head: True)])
    checks = reader_checks("table", [TABLE])
    assert "is taken for a file of the format" in first_failure(checks, "claims nothing foreign")
    assert "with a dot, in lower case" in first_failure(checks, "suffixes") or "like '.lens'" in first_failure(
        checks, "suffixes"
    )


def test_a_reader_that_is_not_registered():
    with pytest.raises(CheckFailedError, match="no reader of format 'table' is registered; return it from the hook"):
        reader_checks(Reader("table", (".table",), read), [TABLE])


@pytest.mark.parametrize(
    ("function", "check", "advice"),
    [(write, "comes back", "write numbers with all their digits"), (Counting(), "writes the same", "such as the time")],
)
def test_a_writers_mistake_is_found_and_explained(function, check, advice, plugin):
    plugin(
        "tables",
        register_readers=lambda: [Reader("table", (".table",), read)],
        register_writers=lambda: [Writer("table", (".table",), function)],
    )
    quadrupoles = cv.Lattice([cv.Quadrupole(name="q", length=0.123, k1=1.234)])
    assert advice in first_failure(writer_checks("table", [quadrupoles]), check)


@pytest.mark.parametrize("language", LANGUAGES)
def test_readers_pass(language):
    found = results(reader_checks(language, [LANGUAGES[language].sample]))
    assert [result.failure for result in found if result.failure] == []


@pytest.mark.parametrize("format", sorted(registry().writers))
def test_writers_pass(format):
    assert [result.failure for result in results(writer_checks(format, [CELL])) if result.failure] == []
