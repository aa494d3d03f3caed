"""Files in JSON with lattices by name, one of which is the root: LatticeJSON, and what grew out of it."""

from __future__ import annotations

from caraval.core.errors import suggest

from ..json.source import Node


def chosen(file: Node, line: str | None, branch: str | int | None) -> str:
    """Return the name of the lattice to take: the one that is asked for, or the root.

    Raises
    ------
    LatticeError
        If the file has no ``root``, ``elements`` or ``lattices``, or no lattice of that name.
    """
    for key in ("root", "elements", "lattices"):
        if key not in file.value:
            raise file.error(f"the file has no {key!r}")
    for key in ("elements", "lattices"):
        file[key].expected(dict, f"{key!r} is an object")
    wanted = line if line is not None else branch if branch not in (None, 0) else None
    name = wanted if wanted is not None else file["root"].expected(str, "the root is a name")
    if name not in file.value["lattices"]:
        at = file["root"] if wanted is None else file["lattices"]
        raise at.error(f"there is no lattice {name!r}{suggest(str(name), file.value['lattices'])}")
    return str(name)
