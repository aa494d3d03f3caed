"""Whatever a lattice file says, it is read or refused: by a `LatticeError` with its place, soon, and in little memory.

Here are changed files, deep ones, long ones, and those that grow fast, in every language; what each of them says of which
mistake is in the tests of the language.
"""

from __future__ import annotations

import gc
import resource
import time
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import caraval as cv
from caraval.core.errors import LatticeError
from caraval.core.losses import OnUnsupported
from tests.converters.bombs import BOMBS
from tests.converters.languages import LANGUAGES, SIGNS


def load(folder: Path, language: str, text: str, on_unsupported: OnUnsupported = "drift") -> cv.Lattice:
    path = folder / f"any{LANGUAGES[language].suffix}"
    path.write_text(text, encoding="utf-8")
    return cv.load(path, format=language, on_unsupported=on_unsupported)


def complaint(folder: Path, language: str, text: str) -> LatticeError | None:
    """What is wrong with a file, if anything is."""
    try:
        load(folder, language, text)
    except LatticeError as error:
        return error
    return None


# -------------------------------------------------------------------- changed files


class Change(NamedTuple):
    """What stands from one place to another, as shares of the text and of 20 letters, and what comes there instead."""

    at: float
    length: float
    instead: str


def changed(text: str, changes: list[Change]) -> str:
    for change in changes:
        start = int(change.at * len(text))
        text = text[:start] + change.instead + text[start + int(change.length * 20) :]
    return text


def changes(language: str) -> st.SearchStrategy[list[Change]]:
    pieces = st.sampled_from(("", *SIGNS, *LANGUAGES[language].words)) | st.text(max_size=3)
    share = st.floats(0, 1)
    return st.lists(st.builds(Change, share, share, pieces), min_size=1, max_size=4)


@pytest.mark.parametrize("language", LANGUAGES)
def test_samples_are_sound(tmp_path: Path, language: str) -> None:
    assert len(load(tmp_path, language, LANGUAGES[language].sample)) > 2


@pytest.mark.parametrize("language", LANGUAGES)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_changed_files_are_read_or_refused(tmp_path: Path, language: str, data: st.DataObject) -> None:
    text = changed(LANGUAGES[language].sample, data.draw(changes(language)))
    error = complaint(tmp_path, language, text.encode("utf-8", "replace").decode())
    assert error is None or None not in (error.file, error.line, error.column)


# -------------------------------------------------------------------- deep, long, growing

SOON = 20.0
"""How much processor time a file may take [s]; here it is at most 2 s."""

LITTLE = 1_000_000
"""How much memory more than before [kB]."""


@pytest.mark.parametrize(("language", "bomb"), [(language, bomb) for language, bombs in BOMBS.items() for bomb in bombs])
def test_bombs(tmp_path: Path, language: str, bomb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("bmad.expansion.LONGEST", "elegant.expansion.LONGEST", "madx.expansion.MOST", "madx.flow.MOST"):
        monkeypatch.setattr(f"caraval.converters.{module}", 20_000)  # what is the same with more takes longer
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    with pytest.raises(LatticeError) as caught:
        load(tmp_path, language, BOMBS[language][bomb], "error")
    assert time.process_time() - start < SOON
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < LITTLE
    assert None not in (caught.value.file, caught.value.line, caught.value.column)
    assert len(str(caught.value)) < 2000


# -------------------------------------------------------------------- ten times the elements, ten times the time


@pytest.mark.parametrize("language", LANGUAGES)
def test_time_grows_with_the_file_and_no_faster(tmp_path: Path, language: str) -> None:
    def seconds(n: int) -> float:
        text = LANGUAGES[language].many(n)
        gc.disable()  # it goes through what other tests left
        start = time.process_time()
        assert len(load(tmp_path, language, text)) >= n
        end = time.process_time()
        gc.enable()
        return end - start

    seconds(200)  # what is loaded once
    few, many = (min(seconds(n) for _ in range(2)) for n in (800, 3200))
    assert many / few < 10  # four times as many; what grows as the square: 16
