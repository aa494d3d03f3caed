"""Python files that hold a lattice, read without executing them.

Of Python there are assignments, arithmetic, lists, tuples and dictionaries, and calls of Ocelot's classes and of a few
functions of mathematics. Anything else is an error that says where it is.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from caraval.core.errors import LatticeError, suggest

from .language import CONSTANTS, FUNCTIONS, MODULES, OPERATORS, SILENT
from .vocabulary import COMMON, METHODS, PARAMETERS

DEEPEST = 100
"""So deep at most may expressions be inside each other."""

MOST = 1_000_000
"""So many items at most may a list have."""

LARGEST = 2**63
"""Largest whole number that is kept as one: larger ones could grow without bounds."""


@dataclass(eq=False)
class Thing:
    """An object that a file makes: an element, Twiss parameters, a lattice, a set of tracking methods."""

    kind: str
    line: int
    column: int
    values: dict[str, Any] = field(default_factory=dict)


class Method(str):
    """The name of a tracking method, or of a class of elements that has one."""

    __slots__ = ()


def executed(path: Path) -> dict[str, Any]:
    """Return the variables of a file.

    Raises
    ------
    LatticeError
        If there is anything in it that is no description of a lattice, with line and column.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
        tree = ast.parse(text)
    except SyntaxError as error:
        place = {"line": error.lineno, "column": error.offset}
        raise LatticeError(f"this is no Python: {error.msg}", file=str(path), **place) from None
    except (UnicodeDecodeError, ValueError, RecursionError, MemoryError) as error:
        raise LatticeError(f"this cannot be read: {error or 'it is too deep'}", file=str(path)) from None
    return _Interpreter(str(path)).run(tree)


class _Interpreter:
    def __init__(self, file: str) -> None:
        self.file = file
        self.variables: dict[str, Any] = {}
        self.depth = 0

    def error(self, node: Any, message: str) -> LatticeError:
        """Return the error that says what is wrong at a node."""
        return LatticeError(message, file=self.file, line=node.lineno, column=node.col_offset + 1)

    # ---------------------------------------------------------------- statements

    def run(self, tree: ast.Module) -> dict[str, Any]:
        """Carry out the statements."""
        for statement in tree.body:
            self._statement(statement)
        return self.variables

    def _statement(self, node: ast.stmt) -> None:
        if isinstance(node, (ast.Import, ast.ImportFrom, ast.Pass)) or self._is_main(node):
            return
        if isinstance(node, ast.Assign):
            value = self._value(node.value)
            for target in node.targets:
                self._assign(target, value)
        elif isinstance(node, ast.AnnAssign) and node.value is not None:
            self._assign(node.target, self._value(node.value))
        elif isinstance(node, ast.AugAssign):
            left = self._value(node.target)
            self._assign(node.target, self._combined(node, node.op, left, self._value(node.value)))
        elif isinstance(node, ast.Expr):
            self._expression(node.value)
        else:
            what = type(node).__name__
            raise self.error(node, f"{what}: only assignments and calls can be read of a file that is not executed")

    @staticmethod
    def _is_main(node: ast.stmt) -> bool:
        """Whether it is what is done only where the file is the program: ``if __name__ == "__main__"``."""
        return isinstance(node, ast.If) and "__name__" in ast.dump(node.test)

    def _expression(self, node: ast.expr) -> None:
        """Carry out a call: of a list's methods, or of nothing that matters."""
        if isinstance(node, ast.Constant):
            return
        if isinstance(node, ast.Call):
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in SILENT:
                return
            if isinstance(node.func, ast.Attribute) and name in ("append", "extend") and len(node.args) == 1:
                owner = self._value(node.func.value)
                if isinstance(owner, list):
                    value = self._value(node.args[0])
                    owner.extend(self._sequence(node, value) if name == "extend" else [value])
                    return
        self._value(node)

    def _assign(self, target: ast.expr, value: Any) -> None:
        if isinstance(target, ast.Name):
            self.variables[target.id] = value
        elif isinstance(target, ast.Attribute):
            owner = self._value(target.value)
            if not isinstance(owner, Thing):
                raise self.error(target, "only elements, and objects such as Twiss(), have attributes to set")
            owner.values[target.attr] = value
        elif isinstance(target, (ast.Tuple, ast.List)):
            values = self._sequence(target, value)
            if len(values) != len(target.elts):
                raise self.error(target, f"{len(target.elts)} names and {len(values)} values")
            for one, item in zip(target.elts, values, strict=True):
                self._assign(one, item)
        else:
            raise self.error(target, f"nothing can be assigned to this: {type(target).__name__}")

    def _sequence(self, node: Any, value: Any) -> list[Any]:
        if not isinstance(value, (list, tuple)):
            raise self.error(node, f"there must be a list or a tuple, not {_shown(value)}")
        return list(value)

    # ---------------------------------------------------------------- expressions

    def _value(self, node: ast.expr) -> Any:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.error(node, f"expressions are more than {DEEPEST} deep inside each other")
        method = getattr(self, f"_{type(node).__name__.lower()}", None)
        if method is None:
            raise self.error(node, f"{type(node).__name__} cannot be read in a file that is not executed")
        found = method(node)
        self.depth -= 1
        return found

    def _constant(self, node: ast.Constant) -> Any:
        if isinstance(node.value, (int, float, complex, str)) or node.value is None:
            return node.value
        raise self.error(node, f"{type(node.value).__name__} cannot be read")

    def _name(self, node: ast.Name) -> Any:
        if node.id in self.variables:
            return self.variables[node.id]
        if node.id in METHODS or node.id in PARAMETERS:
            return Method(node.id)
        if node.id in CONSTANTS:
            return CONSTANTS[node.id]
        raise self.error(node, f"nothing is called {node.id!r}{suggest(node.id, self.variables)}")

    def _attribute(self, node: ast.Attribute) -> Any:
        if isinstance(node.value, ast.Name) and node.value.id in MODULES and node.value.id not in self.variables:
            return self._name(ast.copy_location(ast.Name(node.attr, ast.Load()), node))
        owner = self._value(node.value)
        if isinstance(owner, Thing) and node.attr in owner.values:
            return owner.values[node.attr]
        if isinstance(owner, Thing) and owner.kind == "Undulator" and node.attr == "l":
            return owner.values.get("lperiod", 0.0) * owner.values.get("nperiods", 0)
        if isinstance(owner, Thing) and node.attr in (*PARAMETERS.get(owner.kind, ()), *COMMON):
            return 0.0
        raise self.error(node, f"{_shown(owner)} has no {node.attr!r}")

    def _tuple(self, node: ast.Tuple) -> tuple[Any, ...]:
        return tuple(self._items(node))

    def _list(self, node: ast.List) -> list[Any]:
        return self._items(node)

    def _items(self, node: ast.Tuple | ast.List) -> list[Any]:
        found: list[Any] = []
        for item in node.elts:
            if isinstance(item, ast.Starred):
                found += self._sequence(item, self._value(item.value))
            else:
                found.append(self._value(item))
        return self._checked(node, found)

    def _checked(self, node: Any, found: Any) -> Any:
        if len(found) > MOST:
            raise self.error(node, f"there are more than {MOST} items")
        return found

    def _dict(self, node: ast.Dict) -> dict[Any, Any]:
        if any(key is None for key in node.keys):
            raise self.error(node, "dictionaries inside of others cannot be read")
        return {self._value(key): self._value(value) for key, value in zip(node.keys, node.values, strict=True) if key}

    def _unaryop(self, node: ast.UnaryOp) -> Any:
        value = self._value(node.operand)
        if not isinstance(value, (int, float, complex)) or not isinstance(node.op, (ast.UAdd, ast.USub)):
            raise self.error(node, f"only numbers have a sign, not {_shown(value)}")
        return -value if isinstance(node.op, ast.USub) else value

    def _binop(self, node: ast.BinOp) -> Any:
        """Return what comes out; a long sum is no deep one."""
        chain = [node]
        while isinstance(chain[-1].left, ast.BinOp):
            chain.append(chain[-1].left)
        value = self._value(chain[-1].left)
        for one in reversed(chain):
            value = self._combined(one, one.op, value, self._value(one.right))
        return value

    def _combined(self, node: Any, op: ast.operator, left: Any, right: Any) -> Any:
        if isinstance(op, ast.Add) and isinstance(left, (list, tuple)) and type(left) is type(right):
            return self._checked(node, type(left)((*left, *right)))
        if isinstance(op, ast.Mult):
            many, count = (left, right) if isinstance(left, (list, tuple)) else (right, left)
            if isinstance(many, (list, tuple)) and isinstance(count, int):
                if count * len(many) > MOST:
                    raise self.error(node, f"there are more than {MOST} items")
                return many * count
        if not all(isinstance(value, (int, float, complex)) for value in (left, right)):
            raise self.error(node, f"{_shown(left)} and {_shown(right)} cannot be combined so")
        compute = OPERATORS.get(type(op))
        if compute is None:
            raise self.error(node, f"{type(op).__name__} cannot be read")
        try:
            found = compute(left, right)
            return float(found) if isinstance(found, int) and abs(found) > LARGEST else found
        except ArithmeticError as error:
            raise self.error(node, f"this cannot be worked out: {error}") from None

    def _subscript(self, node: ast.Subscript) -> Any:
        owner = self._value(node.value)
        if isinstance(node.slice, ast.Slice):
            parts = (node.slice.lower, node.slice.upper, node.slice.step)
            key: Any = slice(*(None if part is None else self._value(part) for part in parts))
        else:
            key = self._value(node.slice)
        try:
            if isinstance(owner, (list, tuple, dict)):
                return owner[key]
        except (LookupError, TypeError, ValueError) as error:
            raise self.error(node, f"there is no such item: {error}") from None
        raise self.error(node, f"{_shown(owner)} has no items")

    def _call(self, node: ast.Call) -> Any:
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", None)
        if isinstance(node.func, ast.Attribute) and getattr(node.func.value, "id", "") not in (*MODULES, "copy"):
            raise self.error(node, f"calls of .{name}() cannot be read in a file that is not executed")
        arguments = [self._value(argument) for argument in node.args]
        named = {str(word.arg): self._value(word.value) for word in node.keywords if word.arg}
        if name in PARAMETERS:
            return self._element(node, name, arguments, named)
        if name in ("MagneticLattice", "Twiss", "MethodTM", "Beam"):
            first = {"sequence": arguments[0]} if arguments and name == "MagneticLattice" else {}
            return Thing(name, node.lineno, node.col_offset + 1, {**first, **named})
        if name in ("list", "tuple") and len(arguments) == 1:
            items = self._sequence(node, arguments[0])
            return items if name == "list" else tuple(items)
        if name in ("array",) and len(arguments) == 1:
            return arguments[0]
        if name in ("copy", "deepcopy") and len(arguments) == 1:
            return _copied(arguments[0], {}, is_deep=name == "deepcopy")
        if name in FUNCTIONS:
            return self._function(node, FUNCTIONS[name], arguments)
        known = [*PARAMETERS, *FUNCTIONS, "MagneticLattice", "Twiss"]
        raise self.error(node, f"calls of {name!r} cannot be read in a file that is not executed{suggest(str(name), known)}")

    def _function(self, node: ast.Call, function: Callable[..., Any], arguments: list[Any]) -> Any:
        if not all(isinstance(argument, (int, float)) for argument in arguments):
            raise self.error(node, "functions take numbers")
        try:
            return function(*arguments)
        except (ArithmeticError, ValueError, TypeError) as error:
            raise self.error(node, f"this cannot be worked out: {error}") from None

    def _element(self, node: ast.Call, kind: str, arguments: list[Any], named: dict[str, Any]) -> Thing:
        names = PARAMETERS[kind]
        if len(arguments) > len(names):
            raise self.error(node, f"{kind} takes {', '.join(names) or 'nothing'} in this order, not {len(arguments)} values")
        values = {**dict(zip(names, arguments, strict=False)), **named}
        return Thing(kind, node.lineno, node.col_offset + 1, {name: v for name, v in values.items() if v is not None})


def _copied(value: Any, known: dict[int, Thing], *, is_deep: bool) -> Any:
    """Return a copy; of what is in a list several times there is one copy."""
    if isinstance(value, (list, tuple)):
        return type(value)(_copied(one, known, is_deep=is_deep) if is_deep else one for one in value)
    if not isinstance(value, Thing):
        return value
    if id(value) not in known:
        known[id(value)] = Thing(value.kind, value.line, value.column, dict(value.values))
    return known[id(value)]


def _shown(value: Any) -> str:
    return f"a {value.kind}" if isinstance(value, Thing) else f"a {type(value).__name__}"
