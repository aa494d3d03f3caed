"""The conformance kit: whether elements, backends, readers and writers keep to what Caraval takes for granted.

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
from .checks import Check, CheckFailedError, Result, require, results
from .elements import check_element, element_checks
from .plugins import plugin_checks
from .readers import check_reader, reader_checks
from .writers import check_writer, writer_checks

__all__ = [
    "Check",
    "CheckFailedError",
    "Result",
    "backend_checks",
    "check_backend",
    "check_element",
    "check_reader",
    "check_writer",
    "element_checks",
    "plugin_checks",
    "reader_checks",
    "require",
    "results",
    "writer_checks",
]
