"""What the fields of an element class are: worked out once from its annotations, and what each may hold."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING, fields
from dataclasses import Field as DataclassField
from functools import partial
from types import UnionType
from typing import Annotated, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

import numpy as np

from .arrays import is_number, library
from .errors import InputError, suggest
from .methods import TrackingMethod, as_method

_PARAMETER = "parameter"
_TREE = "tree"

Parameter = Annotated[Any, _PARAMETER]
"""A number, or an array of any backend: what may be varied, batched and differentiated."""

ArrayTree = Annotated[Any, _TREE]
"""A mapping of names to arrays (or an element, or None): what may be varied as a whole and differentiated, such as weights.

The axes of these arrays are their own; none is one of settings.
"""


class Field(NamedTuple):
    """A field of an element.

    Attributes
    ----------
    default : object
        Its value where nothing is said.
    make : callable, optional
        Makes a default of its own for each element, for values that could change.
    check : callable
        ``(where, value) -> value`` in its proper type; `where` says in messages what it is about.
    choices : tuple
        All values that it may have, where they are few.
    """

    default: Any
    make: Callable[[], Any] | None
    check: Callable[[str, Any], Any]
    choices: tuple[Any, ...]


class Schema(NamedTuple):
    """The fields of an element class by name, and which of them are parameters, trees of arrays and options."""

    fields: dict[str, Field]
    parameters: tuple[str, ...]
    trees: tuple[str, ...]
    options: tuple[str, ...]

    def choices(self, name: str) -> tuple[Any, ...]:
        """Return all values that a field may have, where they are few, and nothing where they are not."""
        return self.fields[name].choices if name in self.fields else ()

    @property
    def defaults(self) -> dict[str, Any]:
        """The values of an element of which nothing is said."""
        return {name: field.default if field.make is None else field.make() for name, field in self.fields.items()}


def schema_of(cls: Any) -> Schema:
    """Return the schema of a dataclass.

    Raises
    ------
    InputError
        If a field has no default.
    """
    hints = get_type_hints(cls, include_extras=True)
    found = {f.name: _field(cls, f, hints[f.name]) for f in fields(cls)}
    parameters, trees = (tuple(name for name in found if _is(mark, hints[name])) for mark in (_PARAMETER, _TREE))
    return Schema(found, parameters, trees, tuple(name for name in found if name not in (*parameters, *trees)))


def _field(cls: type, f: DataclassField[Any], hint: Any) -> Field:
    make = None if f.default_factory is MISSING else f.default_factory
    if f.default is MISSING and make is None:
        raise InputError(f"{cls.__name__}.{f.name} needs a default value, as every element parameter does")
    choices = get_args(hint) if get_origin(hint) is Literal else (True, False) if hint is bool else ()
    return Field(f.default if make is None else make(), make, _check_of(hint, choices), choices)


def _check_of(hint: Any, choices: tuple[Any, ...]) -> Callable[[str, Any], Any]:
    alternatives = _alternatives(hint)
    if TrackingMethod in alternatives:
        return partial(_or_none, lambda where, value: as_method(value))
    if _is(_TREE, hint):
        return lambda where, value: value  # kinds know best what they take
    if _is(_PARAMETER, hint):
        return partial(_or_none, number) if type(None) in alternatives else number
    if choices:
        return partial(_choice, choices)
    return partial(_typed, tuple(get_origin(part) or part for part in alternatives))


def _alternatives(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)


def _is(mark: str, hint: Any) -> bool:
    return any(get_origin(part) is Annotated and mark in part.__metadata__ for part in _alternatives(hint))


# -------------------------------------------------------------------- checks


def number(where: str, value: Any) -> Any:
    """Return a plain number as a float and an array as it is; refuse what is neither, and what is not finite.

    Raises
    ------
    InputError
    """
    if is_number(value) or isinstance(value, (np.floating, np.integer)):
        return _finite(where, value)
    if isinstance(value, (list, tuple)):
        try:
            value = np.asarray(value, dtype=float)
        except (TypeError, ValueError):
            raise InputError(f"{where} must be a number or an array, not {value!r}") from None
    if isinstance(value, np.ndarray):
        return _finite_array(where, value)
    if value is None or isinstance(value, (bool, complex)) or library(value) == "builtins":
        raise InputError(f"{where} must be a number or an array, not {value!r}")
    return value


def _finite(where: str, value: Any) -> float:
    try:
        plain = float(value)
    except OverflowError:
        plain = float("inf")
    if plain - plain != 0:
        raise InputError(f"{where} must be finite, not {value}")
    return plain


def _finite_array(where: str, values: np.ndarray) -> np.ndarray:
    if values.dtype.kind not in "fiu":
        raise InputError(f"{where} must hold real numbers, not {values.dtype}")
    values = values.astype(float if values.dtype.kind in "iu" else values.dtype)  # a copy, which nobody else will change
    if not np.isfinite(values).all():
        raise InputError(f"{where} must be finite; {np.count_nonzero(~np.isfinite(values))} of its values are not")
    return values


def _or_none(check: Callable[[str, Any], Any], where: str, value: Any) -> Any:
    return None if value is None else check(where, value)


def _choice(allowed: tuple[Any, ...], where: str, value: Any) -> Any:
    if isinstance(value, str):
        value = value.strip().lower()
    if value in allowed and isinstance(value, type(allowed[0])):
        return value
    shown = ", ".join(map(repr, allowed))
    near = suggest(value, [c for c in allowed if isinstance(c, str)]) if isinstance(value, str) else ""
    raise InputError(f"{where} must be one of {shown}, not {value!r}{near}")


def _typed(allowed: tuple[type, ...], where: str, value: Any) -> Any:
    if Any in allowed or (isinstance(value, allowed) and (bool in allowed or not isinstance(value, bool))):
        return value
    if int in allowed and isinstance(value, np.integer):
        return int(value)
    shown = " or ".join("None" if cls is type(None) else cls.__name__ for cls in allowed)
    raise InputError(f"{where} must be of type {shown}, not {value!r}")
