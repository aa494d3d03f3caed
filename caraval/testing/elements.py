"""The checks of elements."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec

from caraval.backends.base import Backend
from caraval.core.element import Element
from caraval.core.errors import MethodError
from caraval.core.methods import TrackingMethod, as_method
from caraval.core.reference import Reference, as_species
from caraval.core.registered import DERIVED
from caraval.core.registry import registry

from . import agreement, derivatives, structure
from .beams import STRICT, installed
from .case import NAME, Case
from .checks import Check, Result, require

REFERENCE = Reference(as_species("electron"), 1e8)
"""Where particles are taken from, if nothing else is said: electrons of 100 MeV."""

APERTURES = ("x1_limit", "x2_limit", "y1_limit", "y2_limit")
"""Settings of all elements of which zero means that there is none."""

PROMISED = ("kick_drift_kick",)
"""Methods that are symplectic by their name."""


def element_checks(
    element: Element,
    *,
    methods: Sequence[TrackingMethod | str] | None = None,
    reference: Reference = REFERENCE,
    scale: float = 1.0,
    symplectic: Sequence[str] = PROMISED,
    singular: Sequence[str] = (),
    backends: Sequence[str] | None = None,
    compiled: bool = True,
) -> list[Check]:
    """Return the checks of an element, each of which can be called.

    Parameters
    ----------
    element : Element
        With settings with which it does something: what is zero is checked only for being zero.
    methods : sequence of TrackingMethod or str, optional
        All that its kind has, if left out.
    reference : Reference
        At the entrance.
    scale : float
        How far particles go, in units of 4 mm, 3 mrad, 1 cm along the bunch and 2 percent of momentum.
    symplectic : sequence of str
        Names of the methods that must be symplectic; of the others the error is told.
    singular : sequence of str
        Settings whose zero stands for something else, a default or none at all, and not for very little.
    backends : sequence of str, optional
        All that are installed, if left out; with array-api-strict, if that is.
    compiled : bool
        Whether to check compiled tracking and its derivatives, which takes seconds for each method.

    Raises
    ------
    MethodError
        If the kind has no method, or not the one that is asked for.
    """
    known = registry().method_names(type(element))
    if not known:
        raise MethodError(
            f"{element.kind} has no tracking method; return it from the hook register_tracking_methods: "
            f'{{({element.kind}, "linear"): function}}, and see that the plugin is registered (`caraval plugins`)'
        )
    cases = [
        Case(element.replace(name=NAME, tracking_method=as_method(method)), reference, scale, (*APERTURES, *singular))
        for method in (known if methods is None else methods)
    ]
    chosen = [*installed(), *([STRICT] if find_spec(STRICT) else [])] if backends is None else backends
    where = list(dict.fromkeys(chosen))
    return [check for case in cases for check in _checks(element, case, where, case.method.name in symplectic, compiled)]


def check_element(element: Element, **how: object) -> list[Result]:
    """Run all checks of an element, see :func:`element_checks`, and return how they went.

    Raises
    ------
    CheckFailedError
        If some failed; it tells of all of them, and what would mend them.
    """
    return require(element_checks(element, **how))  # type: ignore[arg-type]


def _checks(element: Element, case: Case, backends: Sequence[str], promised: bool, compiled: bool) -> Iterator[Check]:
    subject = f"{element.kind} {element.name} {case.method.name}" if element.name else f"{element.kind} {case.method.name}"

    def check(name: str, function: Callable[..., str | None], *arguments: object, advice: str = agreement.ONE_SOURCE) -> Check:
        return Check(subject, name, function, (case, *arguments), advice)

    yield check("tracks", agreement.tracks)
    for backend in backends:
        if backend != "numpy":
            yield check(f"agrees[{backend}]", agreement.agrees, backend)
    backends = [backend for backend in backends if backend != STRICT]
    for backend in backends:
        yield check(f"batches[{backend}]", agreement.batches, backend)
        yield check(f"keeps digits[{backend}]", agreement.keeps_digits, backend)
        if compiled and _has_compiler(backend):
            yield check(f"compiles[{backend}]", agreement.compiles, backend)
    for backend in derivatives.differentiable(backends):
        gradients = derivatives.Gradients(case, backend)
        yield check(f"differentiates[{backend}]", derivatives.differentiates, gradients, advice=derivatives.AT_ZERO)
        if case.optional():
            yield check(f"zero is finite[{backend}]", derivatives.zero_is_finite, gradients, advice=derivatives.AT_ZERO)
        if compiled and _has_compiler(backend) and case.settings():
            yield check(f"differentiates compiled[{backend}]", derivatives.differentiates_compiled, backend)
    yield from _structure(case, check, promised)


def _structure(case: Case, check: Callable[..., Check], promised: bool) -> Iterator[Check]:
    routine = registry().particle_method(type(case.element))
    if not case.is_map():
        yield check("expands", derivatives.expands)
    elif routine is not None and case.method.name in DERIVED:
        yield check("is the derivative", derivatives.is_derivative)
    yield check("symplectic", derivatives.is_symplectic, promised)
    if case.element.can_be_cut and case.element.length and (routine is None or not case.is_map()):
        yield check("splits", structure.splits)
    yield check("reverses", structure.reverses)
    if not case.is_map():
        yield check("undoes", structure.undoes)
    yield check("is kept in files", structure.is_kept_in_files, advice=structure.PLAIN)


def _has_compiler(backend: str) -> bool:
    return type(registry().backend(backend)).compiled is not Backend.compiled
