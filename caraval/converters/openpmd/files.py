"""The files: how they are opened, and where the particles are in them."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from caraval.core.errors import BackendError, CaravalError, InputError
from caraval.core.reference import Species


def recognises(path: Path) -> bool:
    """Whether a file is HDF5 and says that it is openPMD."""
    try:
        import h5py

        with h5py.File(path, "r") as file:
            return "openPMD" in file.attrs
    except (ImportError, OSError):
        return False


def library(module: str) -> ModuleType:
    """Return a module of openpmd-beamphysics, whose package was called ``pmd_beamphysics`` before."""
    try:
        return importlib.import_module(f"beamphysics.{module}")
    except ImportError as error:
        missing = error
    if missing.name == "beamphysics":
        with suppress(ImportError):
            return importlib.import_module(f"pmd_beamphysics.{module}")
    raise BackendError(
        f"openPMD beam files need openpmd-beamphysics, which is not installed ({missing}); try: pip install 'caraval[beams]'"
    ) from missing


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """Open an HDF5 file, and turn what HDF5 does not like about it into an error of Caraval."""
    import h5py

    if not path.exists():
        raise FileNotFoundError(f"no file {path}")
    if not h5py.is_hdf5(path):
        raise InputError("this is no HDF5 file, which openPMD beam files are")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except CaravalError:
        raise
    except (OSError, RuntimeError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"no openPMD beam can be read from this file ({type(error).__name__}: {error})") from error


def particles(file: Any, iteration: str | int | None, species: Species | str | None) -> Any:
    """Return the group with the records of the one bunch that is meant."""
    if "openPMD" not in file.attrs:
        raise InputError("this is HDF5, but not openPMD: its root has no attribute 'openPMD'")
    folder = text(file.attrs, "particlesPath")
    if folder is None:
        raise InputError("this openPMD file holds no particles: its root has no attribute 'particlesPath'")
    group = _iteration(file, text(file.attrs, "basePath") or "/data/%T/", folder, iteration)
    if "position" in group:
        return group
    kinds = {name: text(group[name].attrs, "speciesType") or name for name in group if _is_group(group[name])}
    if not kinds:
        raise InputError(f"there are no particles in {group.name}")
    wanted = species.name if isinstance(species, Species) else species
    fitting = [name for name in kinds if len(kinds) == 1 or wanted in (name, kinds[name])]
    if len(fitting) != 1:
        raise InputError(f"there are particles of several species ({', '.join(kinds.values())}); say species=... which")
    return group[fitting[0]]


def _iteration(file: Any, base: str, folder: str, wanted: str | int | None) -> Any:
    """Return the group of all particles of an iteration."""
    before, several, after = base.partition("%T")
    if not several:
        return _group(file, f"{base}/{folder}")
    root, _, prefix = before.rpartition("/")
    suffix, _, rest = after.partition("/")
    name = re.compile(rf"{re.escape(prefix)}(\d+){re.escape(suffix)}")
    found = {int(fits[1]): fits[0] for fits in map(name.fullmatch, _group(file, root)) if fits}
    shown = ", ".join(map(str, sorted(found))) or "none"
    if wanted is not None:
        if not str(wanted).isdigit() or int(wanted) not in found:
            raise InputError(f"there is no iteration {wanted!r}; there are {shown}")
        found = {int(wanted): found[int(wanted)]}
    if not found:
        raise InputError(f"there are no particles: no iterations in {root or '/'}")
    if len(found) > 1:
        raise InputError(f"there are several iterations ({shown}); say iteration=... which")
    return _group(file, f"{root}/{found.popitem()[1]}/{rest}/{folder}")


def _group(file: Any, path: str) -> Any:
    path = "/" + "/".join(part for part in path.split("/") if part not in ("", "."))
    if path != "/" and path not in file:
        raise InputError(f"there is no group {path}, where its particles should be")
    if not _is_group(file[path]):
        raise InputError(f"{path}, where its particles should be, is no group")
    return file[path]


def _is_group(item: Any) -> bool:
    return hasattr(item, "keys")


def text(attributes: Any, name: str) -> str | None:
    """Return an attribute that is a string, in whichever of HDF5's ways it was written."""
    value = attributes.get(name)
    if isinstance(value, np.ndarray) and value.size == 1:
        value = value.flat[0]
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else None
