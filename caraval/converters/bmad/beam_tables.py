"""What Bmad's beam files in ASCII say: headers and tables, of the format and of the old one."""

from __future__ import annotations

import re
from itertools import takewhile

from caraval.converters.shared.bunch import Array
from caraval.converters.shared.tables import table
from caraval.core.errors import InputError

Contents = tuple[dict[str, str], dict[str, Array]]
"""What the header of a bunch says, and the columns of its table."""

ALIVE, LOST, PRE_BORN = 1, 2, 8
"""States by number: 2 to 7 are lost, to one side or another."""

STATES = {"alive": ALIVE, "pre_born": PRE_BORN}
"""States by name; all others are lost."""

PHASE_SPACE = ("x", "px", "y", "py", "z", "pz")

SAME_NAMES = {"s_position": "s", "time": "t"}

_HEADER = re.compile(r"#\s*(\w+)\s*=\s*([^!]*)")
_COLUMNS = re.compile(r"#!\s*(.*)")


def contents(lines: list[str], which: int) -> Contents:
    """Return what a file says of a bunch, counted from zero.

    Raises
    ------
    InputError
        If there is no such bunch, or its table makes no sense.
    """
    is_old = any(line.split("!")[0].strip().upper() == "BEGIN_BUNCH" for line in lines)
    return (_old if is_old else _new)(lines, which)


def _new(lines: list[str], which: int) -> Contents:
    """Return what the header of a bunch says, and its columns."""
    starts = [i for i, line in enumerate(lines) if _COLUMNS.match(line)]
    if not 0 <= which < len(starts):
        raise InputError(f"there is no bunch {which}; there are {len(starts)}, counted from zero")
    start = starts[which]
    above = takewhile(lambda line: not line.strip() or line.startswith("#"), reversed(lines[:start]))
    pairs = (pair for line in above if (pair := _HEADER.match(line)) is not None)
    said = {pair[1].lower(): pair[2].strip().strip("\"'") for pair in pairs}
    names = lines[start][2:].lower().split()
    rows = list(takewhile(lambda line: not line.startswith("#"), lines[start + 1 :]))
    state = names.index("state") if "state" in names else None
    numbers = (_with_state_asnumber_in(row, state) for row in rows)
    found = table(numbers, len(names), start + 2)
    return said, dict(zip(names, found.T, strict=True))


def _with_state_asnumber_in(row: str, place: int | None) -> str:
    words = row.split()
    if place is None or place >= len(words) or words[place].lstrip("+-").isdigit():
        return row
    words[place] = str(STATES.get(words[place].lower(), LOST))
    return " ".join(words)


def _old(lines: list[str], which: int) -> Contents:
    bare = [line.split("!")[0].strip() for line in lines]
    starts = [i for i, line in enumerate(bare) if line.upper() == "BEGIN_BUNCH"]
    if not 0 <= which < len(starts):
        raise InputError(f"there is no bunch {which}; there are {len(starts)}, counted from zero")
    start = starts[which] + 1
    if len(bare) < start + 4:
        raise InputError("the header of the bunch ends before its time: species, charge, z and t of the centre")
    species, charge, z, t = bare[start : start + 4]
    rows = list(takewhile(lambda line: line.upper() != "END_BUNCH", bare[start + 4 :]))
    found = table(rows, None, start + 5)
    names = (*PHASE_SPACE, "charge", "state", "spin_x", "spin_y", "spin_z")
    if found.shape[1] < len(PHASE_SPACE):
        raise InputError(f"the table has {found.shape[1]} columns, and a particle has six coordinates")
    values = dict(zip(names, found.T, strict=False))
    said = {"species": species, "charge_tot": charge, "old": "T"}
    for name, centre in (("z", z), ("t", t)):
        if number_in(said | {name: centre}, name):
            raise InputError(f"{name}_center = {centre} is not understood; shift the bunch instead")
    return said, values


def number_in(said: dict[str, str], name: str) -> float:
    """Return a number that a header says; zero, where it does not.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        return float(said.get(name, "0").lower().replace("d", "e"))
    except ValueError:
        raise InputError(f"{name} must be a number, not {said[name]!r}") from None
