"""Groups of options: what several commands take alike is written once, and arrives as one argument."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from inspect import Parameter, Signature, signature
from typing import Any, NamedTuple, get_args


class Group(NamedTuple):
    """Stands in ``Annotated[T, Group(make)]`` for the options that `make` takes to return a T."""

    make: Callable[..., Any]


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that takes the options of its groups, one by one, in their place."""
    taken: list[Parameter] = []
    groups: dict[str, tuple[Callable[..., Any], list[str]]] = {}
    for parameter in signature(command, eval_str=True).parameters.values():
        makers = [part.make for part in get_args(parameter.annotation) if isinstance(part, Group)]
        own = list(signature(makers[0], eval_str=True).parameters.values()) if makers else [parameter]
        if makers:
            groups[parameter.name] = makers[0], [option.name for option in own]
        taken += [option.replace(kind=Parameter.KEYWORD_ONLY) for option in own]

    @wraps(command)
    def run(**values: Any) -> None:
        made = {name: make(**{option: values.pop(option) for option in own}) for name, (make, own) in groups.items()}
        command(**values, **made)

    run.__signature__ = Signature(taken)  # type: ignore[attr-defined]
    run.__annotations__ = {option.name: option.annotation for option in taken}
    return run
