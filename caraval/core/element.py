"""Elements: what stands in a line, and how each wants to be tracked."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from math import isfinite
from typing import Any, ClassVar, Literal, dataclass_transform

import numpy as np

from .arrays import arrays, is_number, library, same
from .errors import InputError, UnknownNameError, suggest
from .methods import TrackingMethod
from .reference import Reference
from .schema import Parameter, Schema, schema_of
from .tree import Fixed, tree

End = Literal["entrance_end", "exit_end", "both_ends", "no_end"]
"""Ends of an element where something acts."""


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
@dataclass(frozen=True, init=False, repr=False, eq=False)
class Element:
    """Base of all element kinds. A subclass only lists its parameters; it becomes a frozen dataclass by itself.

    Attributes
    ----------
    name : str
    length : Parameter
        Arc length of the reference trajectory inside [m].
    tracking_method : TrackingMethod or str, optional
        None: ``bmad_standard`` where the kind has it, else the kind's first method.
    x_offset, y_offset, z_offset : Parameter
        Displacement of the element's centre [m].
    x_pitch, y_pitch, tilt : Parameter
        Rotation about the element's centre [rad] (Bmad manual, "Offset, Pitch, Tilt, and Roll").
    x1_limit, x2_limit, y1_limit, y2_limit : Parameter
        Aperture on the negative and the positive side [m]; zero: none. ``x_limit`` and ``y_limit`` set both sides.
    aperture_type, aperture_at, offset_moves_aperture
        Shape and place of the aperture, and whether it moves with the element (Bmad manual, "Aperture Limits").
    is_on : bool
        False: the element's fields are switched off.
    orientation : 1 or -1
        -1: reversed, the beam enters at the element's exit (Bmad manual, "Tag and Reversed Elements").
    slice_start, slice_of : Parameter, optional
        Of a slice (see :meth:`cut`): where it starts in the whole element, and how long the whole is [m].
    effects : mapping
        Names of effects that act along the element (see ``register_effects`` among the hooks), and the options of each.
    num_slices : int
        Into how many slices of equal length a plan takes the element, so that effects act between them.
    metadata : mapping
        What a lattice file says about the element that is no physics here (Bmad's ``type``, ``alias``, ...).
    """

    name: str = ""
    length: Parameter = 0.0
    tracking_method: TrackingMethod | str | None = None
    x_offset: Parameter = 0.0
    y_offset: Parameter = 0.0
    z_offset: Parameter = 0.0
    x_pitch: Parameter = 0.0
    y_pitch: Parameter = 0.0
    tilt: Parameter = 0.0
    x1_limit: Parameter = 0.0
    x2_limit: Parameter = 0.0
    y1_limit: Parameter = 0.0
    y2_limit: Parameter = 0.0
    aperture_type: Literal["rectangular", "elliptical"] = "rectangular"
    aperture_at: Literal["exit_end", "entrance_end", "both_ends", "continuous", "no_aperture"] = "exit_end"
    offset_moves_aperture: bool = False
    is_on: bool = True
    orientation: Literal[1, -1] = 1
    slice_start: Parameter | None = None
    slice_of: Parameter | None = None
    effects: Mapping[str, Any] = field(default_factory=dict)
    num_slices: int = 1
    metadata: Mapping[str, Any] = field(default_factory=dict)

    shorthands: ClassVar[dict[str, Callable[[dict[str, Any]], dict[str, Any]]]] = {
        "x_limit": lambda values: {"x1_limit": values["x_limit"], "x2_limit": values["x_limit"]},
        "y_limit": lambda values: {"y1_limit": values["y_limit"], "y2_limit": values["y_limit"]},
    }
    """Names that may be given instead of fields: functions from all values to the fields they stand for."""

    extensive: ClassVar[tuple[str, ...]] = ()
    """Parameters that are integrated over the length, so that a slice has its share of them."""

    odd: ClassVar[tuple[str, ...]] = ()
    """Parameters that change sign when the element is reversed."""

    displaced_by: ClassVar[tuple[tuple[str, ...], tuple[str, ...]]] = (("x_offset",), ("y_offset",))
    """Parameters that add up to the displacement of the centre in x, and in y."""

    feels_misalignment: ClassVar[bool] = True
    """Whether it matters where the element stands: not for empty space."""

    aperture_follows_tilt: ClassVar[bool] = False
    """Whether an aperture that moves with the element also turns with its tilt (Bmad: in collimators)."""

    can_be_cut: ClassVar[bool] = True
    """Whether there are slices of it: not of what jumps."""

    only_nonlinear: ClassVar[bool] = False
    """Whether the kind's field begins at second order, so that tracked linearly it is a drift."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        dataclass(frozen=True, init=False, repr=False, eq=False, kw_only=True)(cls)
        tree(cls)

    def __init__(self, **values: Any) -> None:
        given = self._spelled_out(values)
        self.__dict__.update(self.schema().defaults)
        self.__dict__.update(self._checked(given))
        self.validate()

    # ---------------------------------------------------------------- what the fields are

    @classmethod
    def schema(cls) -> Schema:
        """Return the names of the parameters and options of this kind, with defaults and allowed choices."""
        cached: Schema | None = cls.__dict__.get("_schema")
        if cached is None:
            cached = schema_of(cls)
            cls._schema = cached  # type: ignore[attr-defined]
        return cached

    @property
    def kind(self) -> str:
        """Name of the element's class: ``"Quadrupole"``."""
        return type(self).__name__

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters by name."""
        return {name: self.__dict__[name] for name in self.schema().parameters}

    def parameter_values(self) -> Iterator[Any]:
        """Return the values of the parameters, in order."""
        return map(self.__dict__.__getitem__, self.schema().parameters)

    @property
    def trees(self) -> dict[str, Any]:
        """The trees of arrays by name: mappings, elements or None."""
        return {name: self.__dict__[name] for name in self.schema().trees}

    def arrays(self) -> Iterator[tuple[str, Any]]:
        """Yield all arrays that the element holds, and the name of the parameter or the tree that each is in."""
        if arrays(self.parameter_values()):  # of most elements there are none
            yield from ((name, value) for name, value in self.parameters.items() if arrays([value]))
        for name, held in self.trees.items():
            inner = (value for _, value in held.arrays()) if isinstance(held, Element) else arrays((held or {}).values())
            yield from ((name, value) for value in inner)

    @property
    def options(self) -> dict[str, Any]:
        """Everything else by name: names, choices, switches."""
        return {name: self.__dict__[name] for name in self.schema().options}

    # ---------------------------------------------------------------- new elements from old

    def replace(self, **changes: Any) -> Element:
        """Return the element with some fields changed.

        Raises
        ------
        UnknownNameError
            If the kind has no such field.
        InputError
            If a value cannot be used.
        """
        changes = self._spelled_out(changes)
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.update(self._checked(changes))
        new.validate()
        return new

    def replace_checked(self, name: str, value: Any) -> Element:
        """Return the element with another value of one parameter; arrays are known to be fit, and are not copied."""
        is_fit = isinstance(getattr(value, "shape", None), tuple) and not isinstance(value, np.generic)
        if name in self.shorthands or not (is_fit or (type(value) is float and isfinite(value))):
            return self.replace(**{name: value})
        new = self.with_values({name: value})
        new.validate()
        return new

    def cut(self, start: Any, end: Any) -> Element:
        """Return the slice between two distances from the entrance [m].

        Fringes and apertures stay at the element's true ends; misalignment stays about the whole's centre.
        """
        if self.orientation == -1:
            return self.turned().cut(start, end)
        whole = self.length
        if is_number(whole) and is_number(start) and is_number(end) and not 0 <= start < end <= whole * (1 + 1e-12):
            raise InputError(f"{self.label}: cannot cut from {start} m to {end} m out of {whole} m")
        has_entrance = is_number(start) and start == 0
        has_exit = end is whole or (is_number(end) and is_number(whole) and abs(end - whole) <= 1e-12 * abs(whole))
        share = (end - start) / whole
        changes = {name: self.__dict__[name] * share for name in self.extensive if self.__dict__[name] is not None}
        for name, nowhere in _ENDS.items():
            if name in self.__dict__:
                changes[name] = _remaining_ends(self.__dict__[name], has_entrance, has_exit, nowhere)
        return self.replace(
            length=end - start,
            slice_start=start + (self.slice_start or 0.0),
            slice_of=whole if self.slice_of is None else self.slice_of,
            **changes,
        )

    def slices(self) -> tuple[Element, ...]:
        """Return the slices in which a plan takes the element, mostly the element itself."""
        n = self.num_slices
        if n == 1:
            return (self,)
        edges = [0.0, *(self.length * (k / n) for k in range(1, n)), self.length]
        return tuple(self.cut(a, b).with_values({"num_slices": 1}) for a, b in pairwise(edges))

    def at(self, reference: Reference, xp: Any) -> Element:
        """Return the element in the units that routines use, where it was given in others (fields, in magnets)."""
        return self

    def turned(self) -> Element:
        """Return what a reversed element is to the particles: a forward one, mirrored along the beam. Others stay."""
        if self.orientation == 1:
            return self
        mirrored = [n for n in ("z_offset", "x_pitch", "y_pitch", *self.odd) if self.__dict__.get(n) is not None]
        ends = {name: _OTHER_END.get(self.__dict__[name], self.__dict__[name]) for name in _ENDS if name in self.__dict__}
        changes = {**{name: -getattr(self, name) for name in mirrored}, **ends, "orientation": 1}
        if self.slice_of is not None:
            changes["slice_start"] = self.slice_of - self.slice_start - self.length
        return self.with_values(changes)

    @property
    def g(self) -> Any:
        """Curvature of the reference trajectory [1/m]."""
        return 0.0

    @property
    def plane(self) -> Any:
        """Angle [rad] by which the element is turned about the beam: a tilt, in bends that of the design plane."""
        return self.tilt

    @property
    def chord_roll(self) -> Any:
        """Rotation about the chord [rad], which only bends have."""
        return 0.0

    def is_bent(self) -> bool:
        """Whether the reference trajectory may bend inside."""
        return False

    def is_plain(self) -> bool:
        """Whether the kind's own linear map describes the element: nothing is added to the ideal element."""
        return True

    def asks_upstream(self) -> bool:
        """Whether what the element is depends on what is upstream of it, see :func:`hookspecs.register_upstream`."""
        return False

    def validate(self) -> None:
        """Check that the fields fit together; kinds add their own."""

    def check_library(self, library: str) -> None:
        """Refuse beams of an array library that the element cannot act on; kinds that hold trees of arrays may add their own.

        Raises
        ------
        BackendError
        """

    def with_values(self, values: Mapping[str, Any]) -> Element:
        """Return the element with other values, unchecked: they may be expanded, traced, or not known yet."""
        new = object.__new__(type(self))
        new.__dict__.update(self.__dict__)
        new.__dict__.update(values)
        return new

    def with_open(self, name: str, value: Any) -> Element:
        """Return the element with `value`, of which nothing is known, for a parameter, or for all that a shorthand means.

        Raises
        ------
        UnknownNameError
            If the kind has no such parameter.
        """
        if name in self.shorthands:
            names = list(self.shorthands[name]({**self.__dict__, name: 1.0}))
        elif name in (*self.schema().parameters, *self.schema().trees):
            names = [name]
        elif name in self.schema().options:
            raise InputError(f"{self.label}: {name} is no number, so it decides how a tracker is made and cannot be left open")
        else:
            known = [*self.schema().parameters, *self.schema().trees, *self.shorthands]
            raise UnknownNameError(f"{self.label} has no parameter {name!r}{suggest(name, known)}")
        return self.with_values(dict.fromkeys(names, value))

    # ---------------------------------------------------------------- files

    def to_data(self) -> dict[str, Any]:
        """Return the fields as Caraval's own files have them: data, arrays, trees of arrays, and methods.

        Kinds with fields that are none of these describe them; :meth:`from_data` reads that.
        """
        return {name: self.__dict__[name] for name in self.schema().fields}

    @classmethod
    def from_data(cls, data: Mapping[str, Any], modules: Mapping[str, Any]) -> Element:
        """Return the element that a file describes by fields that are not its defaults.

        Parameters
        ----------
        data : mapping
        modules : mapping
            What was given to :func:`load` for things that a file can only describe, by the names of elements or of classes.
        """
        return cls(**data)

    # ---------------------------------------------------------------- checks

    @property
    def label(self) -> str:
        """Kind and name, for messages."""
        return f"{self.kind} {self.name!r}" if self.name else f"{self.kind} without name"

    def _spelled_out(self, values: dict[str, Any]) -> dict[str, Any]:
        """Replace shorthands by the fields they stand for, and refuse unknown names."""
        known = self.schema().fields
        short = {name: value for name, value in values.items() if name in self.shorthands}
        if short:
            plain = {name: value for name, value in values.items() if name not in short}
            every = {**self.schema().defaults, **self.__dict__, **values}
            for name in short:
                meant = self.shorthands[name](every)
                both = sorted(set(meant) & set(values) - set(short))
                if both:
                    raise InputError(f"{self._where(values)}: {name} and {', '.join(both)} say the same; give one")
                plain.update(meant)
            values = plain
        for name in values:
            if name not in known:
                if name in vars(type(self)) and not callable(getattr(type(self), name)):
                    raise UnknownNameError(
                        f"{self._where(values)} has no parameter {name!r}, for it has no type: write {name}: cv.Parameter = "
                        f"{vars(type(self))[name]!r} in the class"
                    )
                raise UnknownNameError(
                    f"{self._where(values)} has no parameter {name!r}{suggest(name, [*known, *self.shorthands])}"
                )
        return values

    def _checked(self, values: dict[str, Any]) -> dict[str, Any]:
        """Return the values in their proper types."""
        known, where = self.schema().fields, self._where(values)
        return {name: known[name].check(f"{where}: {name}", value) for name, value in values.items()}

    def _where(self, values: Mapping[str, Any]) -> str:
        return f"{self.kind} {values.get('name', self.__dict__.get('name', ''))!r}"

    def __repr__(self) -> str:
        defaults = self.schema().defaults
        shown = ", ".join(
            f"{f.name}={_shown(value)}" for f in fields(self) if not same(value := self.__dict__[f.name], defaults[f.name])
        )
        return f"{self.kind}({shown})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(same(value, other.__dict__[name]) for name, value in self.__dict__.items())

    def __hash__(self) -> int:
        return hash((type(self), self.name))

    # ---------------------------------------------------------------- as a tree of arrays

    def tree_flatten(self) -> tuple[tuple[Any, ...], Fixed]:
        """Parameters and trees, and the rest."""
        return (*self.parameter_values(), *self.trees.values()), Fixed(**self.options)

    @classmethod
    def tree_unflatten(cls, rest: Fixed, children: Any) -> Element:
        """Put together again, unchecked."""
        element = object.__new__(cls)
        element.__dict__.update(rest.values)
        element.__dict__.update(zip((*cls.schema().parameters, *cls.schema().trees), children, strict=True))
        return element


def _shown(value: Any) -> str:
    """Return a field's value for people: a method's name, and how many arrays there are where there are many."""
    if isinstance(value, TrackingMethod):
        return repr(str(value))
    if isinstance(value, Mapping) and value and all(hasattr(item, "shape") for item in value.values()):
        return f"<{len(value)} arrays>"
    return repr(value)


_ENDS = {"fringe_at": "no_end", "aperture_at": "no_aperture", "coupler_at": "no_end"}
"""Options that say at which ends something is, and what they say where it is nowhere."""

_OTHER_END = {"entrance_end": "exit_end", "exit_end": "entrance_end"}


def _remaining_ends(ends: str, has_entrance: bool, has_exit: bool, nowhere: str) -> str:
    """Which of the `ends` a slice still has; ``"continuous"`` counts as both."""
    entrance = has_entrance and ends in ("entrance_end", "both_ends", "continuous")
    leaves = has_exit and ends in ("exit_end", "both_ends", "continuous")
    if entrance and leaves:
        return ends
    return "entrance_end" if entrance else "exit_end" if leaves else nowhere


def deciding(elements: Iterable[Element]) -> list[Any]:
    """Return the arrays in elements that decide the library: all but weights of NumPy, which every library takes."""
    return [
        value
        for element in elements
        for name, value in element.arrays()
        if library(value) != "numpy" or name not in element.trees or isinstance(element.trees[name], Element)
    ]
