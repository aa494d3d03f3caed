"""Misalignments and field errors that commands assign (MAD-X manual, "Error Definitions")."""

from __future__ import annotations

from collections.abc import Sequence as Row
from typing import TYPE_CHECKING

from .definitions import Assigned, Effect, Quantity, Used
from .expansion import Placed
from .names import Names
from .selection import Selection
from .source import Place
from .statements import attributes
from .syntax import Command
from .vocabulary import MISALIGNMENT

if TYPE_CHECKING:
    from .interpreter import Interpreter

_READINGS = ("mrex", "mrey", "mscalx", "mscaly", "arex", "arey", "mredx", "mredy")
"""What monitors show wrong, which moves no particle."""


def assign(interpreter: Interpreter, command: Command, used: Used, place: Place) -> None:
    """Take note of errors of the elements that are selected; random ones, and relative ones, only as what is not carried."""
    values: dict[str, float] = {}
    fields: dict[str, list[float]] = {"dkn": [], "dks": []}
    for given in attributes(command.rest):
        value = interpreter.setting(given, command.source).value
        quantities = value if isinstance(value, list) else [value] if isinstance(value, Quantity) else []
        known = [interpreter.number(quantity) for quantity in quantities]
        if given.name in _READINGS or given.name in ("order", "radius") or not any(number or why for number, why in known):
            continue
        if any(doubt.kind == "unknown" for _, why in known for doubt in why) or given.name not in (*MISALIGNMENT, *fields):
            used.effects.append(Effect(command.word, f"{given.name} = {known[0][0]}", place))
        elif given.name in fields:
            fields[given.name] = [number for number, _ in known]
        else:
            values[given.name] = known[0][0]
    selections = interpreter.selected.get("error", [])
    if values or any(fields.values()):
        used.assigned.append(Assigned(list(selections), values, fields["dkn"], fields["dks"]))


def of_row(interpreter: Interpreter, used: Used, row: Row[Placed]) -> dict[int, Assigned]:
    """Return the errors of the elements in a row, by number; of several commands, the last one counts."""
    found: dict[int, Assigned] = {}
    candidates = [None if placed.member is None else placed.element for placed in row]
    selection = Selection(interpreter, Names(used.name, (placed.element.name for placed in row)), candidates)
    for assigned in used.assigned:
        for number in selection.numbers(assigned.selections):
            before = found.get(number)
            found[number] = assigned if before is None else _both(before, assigned)
    return found


def _both(before: Assigned, after: Assigned) -> Assigned:
    has_fields = bool(after.normal or after.skew)
    normal, skew = (after.normal, after.skew) if has_fields else (before.normal, before.skew)
    return Assigned(after.selections, after.values or before.values, normal, skew)
