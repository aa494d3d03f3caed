"""What a conversion cannot carry: every reader and writer reports it in one way."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple, get_args

from .errors import InputError, LatticeError, suggest, warn

OnUnsupported = Literal["error", "warn", "drift"]
"""What becomes of things that change the tracking and cannot be carried: an error; or a warning, or nothing but the report,
and the element does without (one of an unknown kind is a drift)."""


class Loss(NamedTuple):
    """Something that a conversion did not carry.

    Attributes
    ----------
    element : str
        Name of the element, or of what else is concerned.
    attribute : str
        Empty: the element as a whole.
    value : object
        What it was.
    instead : str
        What the conversion did: ``"left out"``, ``"a drift"``.
    is_physics : bool
        Whether particles are tracked differently for it.
    place : str
        File, line and column, where they are known.
    """

    element: str
    attribute: str
    value: Any
    instead: str
    is_physics: bool
    place: str = ""

    def __str__(self) -> str:
        what = f"{self.attribute} = {self.value}" if self.attribute else f"{self.value}"
        return f"{self.element}: {what} cannot be carried; {self.instead}"


class LossWarning(UserWarning):
    """Something that changes the tracking was not carried."""


class Losses:
    """Collects what one conversion cannot carry.

    Parameters
    ----------
    on_unsupported : "error", "warn" or "drift"

    Attributes
    ----------
    found : list of Loss
    """

    def __init__(self, on_unsupported: OnUnsupported = "error") -> None:
        known = get_args(OnUnsupported)
        if on_unsupported not in known:
            raise InputError(
                f"on_unsupported must be {', '.join(known)}, not {on_unsupported!r}{suggest(str(on_unsupported), known)}"
            )
        self.on_unsupported = on_unsupported
        self.found: list[Loss] = []

    @property
    def are_allowed(self) -> bool:
        """Whether what changes the tracking may be lost."""
        return self.on_unsupported != "error"

    def note(self, element: str, attribute: str, value: Any, instead: str = "left out", *, place: Any = ()) -> None:
        """Report something that does not change the tracking.

        Parameters
        ----------
        place : sequence
            File, line and column, as far as they are known.
        """
        self.found.append(Loss(element, attribute, value, instead, is_physics=False, place=_text(place)))

    def physics(self, element: str, attribute: str, value: Any, instead: str = "left out", *, place: Any = ()) -> None:
        """Report something that changes the tracking.

        Raises
        ------
        LatticeError
            Unless such losses are allowed.
        """
        loss = Loss(element, attribute, value, instead, is_physics=True, place=_text(place))
        if not self.are_allowed:
            what = f"{attribute} = {value}" if attribute else f"{value}"
            raise LatticeError(
                f"{element}: {what} changes the tracking and cannot be carried; with on_unsupported='warn' or 'drift' "
                f"it becomes: {instead}",
                **dict(zip(("file", "line", "column"), place, strict=False)),
            )
        if self.on_unsupported == "warn":
            warn(f"{loss.place}: {loss}" if loss.place else str(loss), LossWarning)
        self.found.append(loss)


def _text(place: Any) -> str:
    return ":".join(str(part) for part in place if part is not None)
