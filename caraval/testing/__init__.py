"""The conformance kit: whether elements, backends, effects, readers and writers keep to what Caraval takes for granted.

Each check says what is wrong, by how much, and what would mend it. In one call::

    caraval.testing.check_element(PlasmaLens(k1l=7.0, radius=6e-3))

or each as a test of its own::

    @pytest.mark.parametrize("check", caraval.testing.element_checks(PlasmaLens(k1l=7.0, radius=6e-3)))
    def test_lens(check):
        check()

From the command line, ``caraval check my_plugin`` tries out all that a plugin brings.
"""

from __future__ import annotations

from .backends import backend_checks, check_backend
from .bunches import beam_reader_checks, beam_writer_checks, check_beam_reader, check_beam_writer
from .checks import Check, CheckFailedError, Result, require, results
from .effects import check_effect, effect_checks
from .elements import check_element, element_checks
from .plugins import plugin_checks
from .readers import check_reader, reader_checks
from .writers import check_writer, writer_checks

__all__ = [
    "Check",
    "CheckFailedError",
    "Result",
    "backend_checks",
    "beam_reader_checks",
    "beam_writer_checks",
    "check_backend",
    "check_beam_reader",
    "check_beam_writer",
    "check_effect",
    "check_element",
    "check_reader",
    "check_writer",
    "effect_checks",
    "element_checks",
    "plugin_checks",
    "reader_checks",
    "require",
    "results",
    "writer_checks",
]
