"""Environment variables in the names of files (Bmad manual, "Call Statement").

Machines are kept in folders that a variable leads to, and whoever gets their files has not set it. A file whose name begins
with such a variable is looked for around the file that calls it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from caraval.converters.files import is_file

from .positions import Mistake, Position

if TYPE_CHECKING:
    from .interpreter import Interpreter

_VARIABLE = re.compile(r"\$\{?(\w+)\}?")


def expanded(interpreter: Interpreter, name: str, position: Position) -> str:
    """Return the name of a file with the values of variables in their place.

    Raises
    ------
    Mistake
        If one is not set, and no file is around that would fit.
    """
    known = {"LATTICE_ROOT_DIR": str(interpreter.files[0].parent), **os.environ, **interpreter.environment}
    unset = next((found for found in _VARIABLE.finditer(name) if found[1] not in known), None)
    if unset is None:
        return _VARIABLE.sub(lambda found: known[found[1]], name)
    rest = name[unset.end() :]
    path = next(_around(interpreter.files[-1], rest), None) if unset.start() == 0 else None
    if path is None:
        raise Mistake(f"the environment variable {unset[1]} in {name!r} is not set", position)
    interpreter.losses.note("call", "file", name, f"{path}, as {unset[1]} is not set", place=interpreter.place(position))
    return str(path)


def _around(caller: Path, rest: str) -> Iterator[Path]:
    """Yield the files that the rest of a name may mean, in the folders above the calling file; the nearest first.

    First the rest as it is, then without its outermost folder, which is the variable's if the files were taken out of it.
    """
    parts = Path(rest.lstrip("/\\")).parts
    if ".." in parts:
        return
    folders = [folder for folder in caller.resolve().parents if folder != folder.parent]
    for shorter in range(min(2, len(parts))):
        for folder in folders:
            path = folder.joinpath(*parts[shorter:])
            if is_file(path) and path != caller.resolve():
                yield path
