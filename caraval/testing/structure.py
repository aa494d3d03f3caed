"""What holds an element together: slices are the whole, inverses undo, files keep every field."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np

from caraval.core import scalar
from caraval.core.arrays import mixed
from caraval.core.coordinates import Coordinates
from caraval.core.errors import InputError
from caraval.core.lattice import Lattice
from caraval.core.plan import StepStage, build, reference_pass
from caraval.core.registry import registry
from caraval.core.routine import Composite, Routine
from caraval.io import load, save

from .beams import EAGER, compare, values
from .case import Case
from .checks import CheckFailedError

PLACES = (0.0, 0.2, 0.5, 1.0)
"""Where an element is cut, as shares of its length."""

MIRRORED = 2.0
"""How much more the slices of a reversed element may differ from the whole than those of the same one forwards."""

STEPS = 40
"""Number of steps where slices are compared of an element that is taken in steps."""

SECOND_ORDER = 3.0
"""By what factor the difference falls at least when steps become half as long: by four, of a method of second order."""

UNDONE = 20 * 3e-16
"""How far rounding leads away from where a particle was, at amplitudes of a centimetre and ten milliradian."""

TURNED = (
    "name parameters that change sign in a reversed element in `odd`, and say at which end things are by `fringe_at`; or raise "
    "InputError in `validate` if `orientation` is not 1"
)

PLAIN = "fields must be numbers, text, choices or nested tuples of them, annotated as such"


def splits(case: Case) -> str:
    """Slices do together what the whole does; with a method of finite steps, ever better the shorter these are."""
    stepped = isinstance(registry().methods_of(type(case.element)).get(case.method.name), Composite)
    can_refine = stepped and "num_steps" in case.method.options
    advice = (
        "name parameters that are integrated over the length in `extensive`; leave out at inner ends what belongs to the ends "
        "(`fringe_at`); say `can_be_cut = False` where there are no slices"
    )
    if not can_refine:
        return f"within {_difference(case, EAGER, advice):.1e}"
    coarse, fine = (
        _difference(case.with_element(tracking_method=case.method.with_options(num_steps=steps)), float("inf"), advice)
        for steps in (STEPS, 2 * STEPS)
    )
    if fine > max(coarse / SECOND_ORDER, EAGER * STEPS):
        raise CheckFailedError(
            f"slices differ from the whole by {coarse:.1e}, and by {fine:.1e} with steps of half the length; {advice}"
        )
    return f"within {coarse:.1e} with {STEPS} steps, {fine:.1e} with {2 * STEPS}"


def _difference(case: Case, tolerance: float, advice: str) -> float:
    element = case.element
    slices = Lattice([element.cut(a * element.length, b * element.length) for a, b in pairwise(PLACES)])
    whole, pieces = (lattice.track(case.beam()) for lattice in (case.lattice, slices))
    both = whole.alive & pieces.alive
    return compare(values(pieces.coordinates), values(whole.coordinates), tolerance, advice, both)


def reverses(case: Case) -> str:
    """Entered from the other end, particles come through, and slices are the whole as they are forwards; or it is refused."""
    try:
        other = case.with_element(orientation=-1)
        out = other.lattice.track(case.beam())
    except InputError as error:
        return f"is refused: {error}"
    if not np.isfinite(values(out.coordinates)[:, out.alive]).all():
        raise CheckFailedError(f"reversed, some coordinates are not finite; {TURNED}")
    if not out.alive.any():
        return "no particle comes through"
    if not (case.element.can_be_cut and case.element.length and can_be_exact(case)):
        return "comes through"
    allowed = max(EAGER, MIRRORED * _difference(case, float("inf"), TURNED))  # where slices differ, they do so backwards
    return f"slices within {_difference(other, allowed, TURNED):.1e}"


def can_be_exact(case: Case) -> bool:
    """Whether slices are the whole to rounding: nothing is taken in steps, and no map is derived of the whole."""
    kind = type(case.element)
    found = registry().methods_of(kind).get(case.method.name)
    return not isinstance(found, Composite) and (registry().particle_method(kind) is None or not case.is_map())


def is_kept_in_files(case: Case) -> None:
    """JSON gives back what it was given."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "element.json"
        losses = save(case.lattice, path)
        if losses:
            raise CheckFailedError(f"JSON does not carry {', '.join(loss.attribute for loss in losses)}; {PLAIN}")
        (back,) = load(path)
    if back != case.element:
        wrong = [name for name, value in case.element.__dict__.items() if back.__dict__.get(name) != value]
        raise CheckFailedError(f"{', '.join(wrong)} come back from JSON as something else; {PLAIN}")


def undoes(case: Case) -> str:
    """Every routine that has an inverse is undone by it."""
    before, after = reference_pass(registry(), [case.element], case.reference)
    element = case.element.at(before, scalar).turned()
    worst, xp = 0.0, mixed(np)
    for routine in routines(case):
        backwards = routine.inverse_constants(element, before, after, scalar)
        if backwards is None:
            continue
        q = Coordinates(*case.coordinates(20))
        constants = routine.constants(element, before, after, scalar)
        back = routine.track(backwards, routine.track(constants, q, xp), xp)
        error = float(np.abs(values(back) - values(q)).max())
        if not error <= UNDONE:
            raise CheckFailedError(
                f"{routine.track.__name__} is undone with an error of {error:.1e}, more than {UNDONE:.0e}; "
                "`inverse` gives the element (`undo` the constants) with which `track` runs backwards; leave it out where "
                "there is none, and gradients keep checkpoints instead"
            )
        worst = max(worst, error)
    return f"within {worst:.1e}"


def routines(case: Case) -> list[Routine]:
    """Return the routines that the element is tracked with, its wrapping included."""
    stages = build(registry(), [case.element], counts=[2]).stages
    return [routine for stage in stages if isinstance(stage, StepStage) for routine in stage.step.routines]
