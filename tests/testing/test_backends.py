"""The kit finds what is wrong with a backend, and nothing wrong with Caraval's own."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("array_api_strict")

from caraval.backends.numpy import NumpyBackend
from caraval.core import registered
from caraval.testing import CheckFailedError, backend_checks, results
from caraval.testing.strict import ArrayApiStrictBackend

from ..conftest import STRICT


class Wrong(ArrayApiStrictBackend):
    """A backend with one mistake, which a test chooses."""

    chunk = 20
    mistake = ""

    def asarray(self, value, dtype=None, device=None):
        return super().asarray(value, dtype=self.xp.float32 if self.mistake == "precision" else dtype)

    def dtype(self, name):
        return self.xp.float64 if self.mistake == "any precision" else super().dtype(name)

    def _lose(self, q, lost, aside, passed, stage):
        return super()._lose(q, lost, aside, passed, stage + 1 if self.mistake == "place" else stage)

    def each(self, function, things):
        found = super().each(function, things)
        return found[::-1] if self.mistake == "order" else found

    def differentiated(self, objective, *, in_pieces=False):
        return lambda settings, beam: (objective(settings, beam), dict.fromkeys(settings, 1.0))

    def deposit(self, places, amounts, shape):
        found = NumpyBackend().deposit([np.asarray(p) for p in places], np.asarray(amounts), shape)
        return self.asarray(2 * found)


@pytest.mark.parametrize(
    ("mistake", "check", "advice"),
    [
        ("", "differentiates", "the derivative is 1 and that of differences"),
        ("", "shares charge", "`deposit` gives something else"),
        ("precision", "keeps arrays[float64]", "must keep values and precision"),
        ("any precision", "refuses", "must be a InputError"),
        ("place", "loses", "lost at other places"),
        ("order", "takes parts", "in their order"),
    ],
)
def test_a_mistake_is_found_and_explained(mistake, check, advice, monkeypatch):
    backend = Wrong()
    backend.mistake = mistake
    monkeypatch.setitem(registered._loaded_backends, STRICT, backend)
    (wrong,) = [c for c in backend_checks(STRICT) if c.name == check]
    with pytest.raises(CheckFailedError, match=f"backend {STRICT}: {check.partition('[')[0]}") as caught:
        wrong()
    assert advice in str(caught.value)


def test_a_backend_by_another_name_than_its_library(plugin):
    plugin("punched", register_backends=lambda: {"punched": "caraval.backends.numpy:NumpyBackend"})
    (loads, *_) = backend_checks("punched")
    with pytest.raises(CheckFailedError, match="it calls itself 'numpy'"):
        loads()


@pytest.mark.parametrize("name", ["numpy", STRICT, "torch"])
def test_every_backend_passes(name):
    pytest.importorskip(name)
    assert [result.failure for result in results(backend_checks(name)) if result.failure] == []


@pytest.mark.slow
def test_jax_passes():
    pytest.importorskip("jax")
    assert [result.failure for result in results(backend_checks("jax")) if result.failure] == []
