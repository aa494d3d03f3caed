"""What a check is: a name, what it asks, and a function that raises with advice where the answer is no."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


class CheckFailedError(AssertionError):
    """A check that failed: what is wrong, by how much, and what would mend it."""


@dataclass(frozen=True)
class Check:
    """A question about one thing. Called, it raises where the answer is no.

    Attributes
    ----------
    subject : str
        What it is about: ``"PlasmaLens kick_drift_kick"``.
    name : str
        What it asks: ``"batches[torch]"``.
    function : callable
        ``*arguments -> None`` or a text that says what was measured.
    arguments : tuple
    advice : str
        What to do where `function` fails in a way that it does not know.
    """

    subject: str
    name: str
    function: Callable[..., str | None]
    arguments: tuple[Any, ...] = field(repr=False)
    advice: str = field(repr=False)

    @property
    def __name__(self) -> str:
        """What pytest calls the check by itself."""
        return str(self)

    def __str__(self) -> str:
        return f"{self.subject} {self.name}".replace(" ", "-")

    def __call__(self) -> str | None:
        """Run the check, and return what it measured, if it has something to tell.

        Raises
        ------
        CheckFailedError
        """
        try:
            with double_precision():
                return self.function(*self.arguments)
        except CheckFailedError as error:
            raise CheckFailedError(f"{self.subject}: {self.name}: {error}") from error
        except Exception as error:
            said = f"{type(error).__name__}: {error}"
            raise CheckFailedError(f"{self.subject}: {self.name}: raised {said}; {self.advice}") from error


@dataclass(frozen=True)
class Result:
    """How a check went: `failure` is empty where it passed, `detail` says what it measured."""

    check: Check
    failure: str = ""
    detail: str = ""


def results(checks: Iterable[Check]) -> Iterator[Result]:
    """Yield how each check went, when it has been run."""
    for check in checks:
        try:
            detail = check()
        except CheckFailedError as error:
            yield Result(check, failure=str(error))
        else:
            yield Result(check, detail=detail or "")


def require(checks: Iterable[Check]) -> list[Result]:
    """Run all checks, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them.
    """
    found = list(results(checks))
    failures = [result.failure for result in found if result.failure]
    if failures:
        listed = "\n".join(f"- {failure}" for failure in failures)
        raise CheckFailedError(f"{len(failures)} of {len(found)} checks failed:\n{listed}")
    return found


@contextmanager
def double_precision() -> Iterator[None]:
    """Let JAX, where it is installed, have double precision for a while."""
    try:
        import jax
    except ImportError:
        yield
        return
    before = jax.config.jax_enable_x64
    jax.config.update("jax_enable_x64", True)
    try:
        yield
    finally:
        jax.config.update("jax_enable_x64", before)
