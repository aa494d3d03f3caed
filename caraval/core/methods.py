"""Tracking methods: objects with options, known by a name.

A method says *how* to track; which elements can be tracked so is in the registry. A plugin adds a method by registering
routines under a new name, and a subclass of :class:`TrackingMethod` only if the method has options.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Literal

from .errors import InputError

_with_options: dict[str, type[TrackingMethod]] = {}


@dataclass(frozen=True)
class TrackingMethod:
    """A tracking method by its name; the base of those that have options."""

    name: str

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if isinstance(vars(cls).get("name"), str):
            _with_options[vars(cls)["name"]] = cls

    @property
    def options(self) -> dict[str, Any]:
        """The options by name, without the method's name."""
        return {key: value for key, value in asdict(self).items() if key != "name"}

    def __str__(self) -> str:
        given = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "name" and getattr(self, f.name) != f.default}
        inside = ", ".join(f"{key}={value!r}" for key, value in given.items())
        return f"{self.name}({inside})" if inside else self.name


@dataclass(frozen=True)
class Linear(TrackingMethod):
    """First derivative of the element as it stands in the line, on the reference orbit."""

    name: ClassVar[str] = "linear"  # type: ignore[misc]


@dataclass(frozen=True)
class SecondOrder(TrackingMethod):
    """First and second derivative of the element as it stands in the line, on the reference orbit."""

    name: ClassVar[str] = "second_order"  # type: ignore[misc]


@dataclass(frozen=True)
class BmadStandard(TrackingMethod):
    """Bmad's own closed forms (Bmad manual, "Tracking Methods", bmad_standard).

    Attributes
    ----------
    num_steps : int, optional
        Number of steps through an element that is stepped (one with kicks, multipoles or RF).
    ds_step : float, optional
        Length of a step [m]; wins over `num_steps`. With neither, Bmad's own rule decides.
    """

    name: ClassVar[str] = "bmad_standard"  # type: ignore[misc]
    num_steps: int | None = None
    ds_step: float | None = None

    def __post_init__(self) -> None:
        _check_steps(self.num_steps)
        if self.ds_step is not None and not self.ds_step > 0:
            raise InputError(f"ds_step must be a positive length in m, not {self.ds_step!r}")


@dataclass(frozen=True)
class KickDriftKick(TrackingMethod):
    """Symplectic integrator: a splitting of the exact Hamiltonian.

    Attributes
    ----------
    order : 2, 4 or 6
        Order of the splitting (Yoshida, Phys. Lett. A 150, 262).
    num_steps : int
        Number of steps through the element.
    split : "drift" or "matrix"
        What is solved exactly between the kicks: the field-free (in bends: the dipole) motion, or the linear body.
    """

    name: ClassVar[str] = "kick_drift_kick"  # type: ignore[misc]
    order: Literal[2, 4, 6] = 2
    num_steps: int = 10
    split: Literal["drift", "matrix"] = "drift"

    def __post_init__(self) -> None:
        if self.order not in (2, 4, 6):
            raise InputError(f"order must be 2, 4 or 6, not {self.order!r}")
        if self.split not in ("drift", "matrix"):
            raise InputError(f'split must be "drift" or "matrix", not {self.split!r}')
        _check_steps(self.num_steps)


def _check_steps(num_steps: Any) -> None:
    if num_steps is not None and (not isinstance(num_steps, int) or num_steps < 1):
        raise InputError(f"num_steps must be a positive whole number, not {num_steps!r}")


def as_method(method: TrackingMethod | str) -> TrackingMethod:
    """Return the method of that name with its default options, or the one given.

    Whether any element has a method of that name is the registry's to say.
    """
    if isinstance(method, TrackingMethod):
        return method
    if not isinstance(method, str):
        raise InputError(f"a tracking method is a name or an object such as BmadStandard(), not {method!r}")
    name = method.strip().lower()
    cls = _with_options.get(name)
    return cls() if cls else TrackingMethod(name)  # type: ignore[call-arg]
