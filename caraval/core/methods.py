"""Tracking methods: objects with options, known by a name.

A method says *how* to track; which elements can be tracked so is in the registry. A plugin adds a method by registering
routines under a new name, and a subclass of :class:`TrackingMethod` only if the method has options.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, ClassVar, Literal

from .errors import InputError, UnknownNameError, suggest

_known: dict[str, type[TrackingMethod]] = {}


class TrackingMethod:
    """Base of the methods: a subclass has a `name`, and is a frozen dataclass if it has options."""

    name: ClassVar[str]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if isinstance(vars(cls).get("name"), str):
            _known[cls.name] = cls

    @property
    def options(self) -> dict[str, Any]:
        """The options by name."""
        return {f.name: getattr(self, f.name) for f in fields(self)} if is_dataclass(self) else {}

    def with_options(self, **options: Any) -> TrackingMethod:
        """Return the method with other options.

        Raises
        ------
        UnknownNameError
            If it has no such option.
        """
        for key in options:
            if key not in self.options:
                known = ", ".join(self.options) or "none"
                raise UnknownNameError(f"{self.name} has no option {key!r}{suggest(key, self.options)}; it has {known}")
        return replace(self, **options) if options else self  # type: ignore[type-var]

    def __str__(self) -> str:
        defaults: dict[str, Any] = {f.name: f.default for f in fields(self)} if is_dataclass(self) else {}
        inside = ", ".join(f"{key}={value!r}" for key, value in self.options.items() if value != defaults[key])
        return f"{self.name}({inside})" if inside else self.name


class Named(TrackingMethod):
    """A method that a plugin registered under a name, without options."""

    def __init__(self, name: str) -> None:
        self.__dict__["name"] = name

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError("a tracking method is immutable")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Named) and other.name == self.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Named({self.name!r})"


@dataclass(frozen=True)
class Linear(TrackingMethod):
    """First derivative of the element as it stands in the line, on the reference orbit."""

    name = "linear"


@dataclass(frozen=True)
class SecondOrder(TrackingMethod):
    """First and second derivative of the element as it stands in the line, on the reference orbit."""

    name = "second_order"


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

    name = "bmad_standard"
    num_steps: int | None = None
    ds_step: float | None = None

    def __post_init__(self) -> None:
        if self.num_steps is not None:
            _check_steps(self.num_steps)
        _check_step(self.ds_step)


@dataclass(frozen=True)
class KickDriftKick(TrackingMethod):
    """Symplectic integrator: a splitting of the exact Hamiltonian.

    Attributes
    ----------
    order : 2, 4 or 6
        Order of the splitting (Yoshida, Phys. Lett. A 150, 262).
    num_steps : int
        Number of steps through the element; a slice of it has its share, the nearest whole number.
    split : "drift", "matrix" or "free"
        What is solved exactly between the kicks: the motion without multipoles (in bends: in the dipole, in solenoids: the
        helix), or the linear body, with the rest of the exact motion among the kicks. Bends and solenoids have the former
        with either, as in PTC; kickers have PTC's quadrature with "matrix", whose error falls with the square of the step.
        Or, in bends, the motion without any field ("free"), as in elegant's CSBEND; elsewhere that is "drift".
    paraxial : bool
        Whether the Hamiltonian of wigglers that have a field map is the paraxial one, as in Bmad's symp_lie_bmad.
    """

    name = "kick_drift_kick"
    order: Literal[2, 4, 6] = 2
    num_steps: int = 10
    split: Literal["drift", "matrix", "free"] = "drift"
    paraxial: bool = False

    def __post_init__(self) -> None:
        if self.order not in (2, 4, 6):
            raise InputError(f"order must be 2, 4 or 6, not {self.order!r}")
        if self.split not in ("drift", "matrix", "free"):
            raise InputError(f'split must be "drift", "matrix" or "free", not {self.split!r}')
        _check_steps(self.num_steps)


@dataclass(frozen=True)
class CenterPhase(TrackingMethod):
    """Cavities as one matrix for each particle, of the phase that it has in the middle.

    Exact in time and linear across the beam, as in elegant's RFCA, Cheetah and Ocelot (elegant manual, "RFCA"; Rosenzweig and
    Serafini, Phys. Rev. E 49, 1599).
    """

    name = "center_phase"


@dataclass(frozen=True)
class RungeKutta(TrackingMethod):
    """Numerical integration of the equations of motion in the field, in steps of fixed length (Bmad manual, runge_kutta).

    Neither symplectic nor fast, but for any field.

    Attributes
    ----------
    order : 5 or 8
        Order of the formula: that of Cash and Karp, which Bmad has, or that of Cooper and Verner.
    num_steps : int, optional
        Number of steps through the element; a slice of it has its share, the nearest whole number.
    ds_step : float, optional
        Length of a step [m] where there is no number; with neither, as many as leave no error to speak of in smooth fields.
    """

    name = "runge_kutta"
    order: Literal[5, 8] = 8
    num_steps: int | None = None
    ds_step: float | None = None

    def __post_init__(self) -> None:
        if self.order not in (5, 8):
            raise InputError(f"order must be 5 or 8, not {self.order!r}")
        if self.num_steps is not None:
            _check_steps(self.num_steps)
        _check_step(self.ds_step)


def _check_step(ds_step: float | None) -> None:
    if ds_step is not None and not ds_step > 0:
        raise InputError(f"ds_step must be a positive length in m, not {ds_step!r}")


def _check_steps(num_steps: Any) -> None:
    if not isinstance(num_steps, int) or isinstance(num_steps, bool) or num_steps < 1:
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
    return _known[name]() if name in _known else Named(name)
