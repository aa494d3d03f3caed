"""Routines in single precision: for Numba a plain number is one of double precision, and whatever meets it becomes one.

So plain numbers in a routine's source, and those that it sees around it, are brought to single precision before it is
compiled, as array libraries do with numbers that meet an array.
"""

from __future__ import annotations

import ast
import inspect
import textwrap
from types import CodeType, FunctionType
from typing import Any

import numpy as np

NUMBER = "number_{}"
"""Names of the numbers in the source of a routine."""

ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div)
"""Operations in which a whole number stands for any number; it is an exponent, a place or a count elsewhere."""


def single(value: Any) -> Any:
    """Return a number, or a tuple of numbers, in single precision; anything else as it is."""
    if type(value) is float:
        return np.float32(value)
    return tuple(map(single, value)) if type(value) is tuple else value


def in_single(function: FunctionType) -> FunctionType:
    """Return a function with its numbers in single precision; as it is, if it is not a plain function in a file."""
    try:
        tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    except (OSError, SyntaxError):
        return function
    definition = tree.body[0]
    if not isinstance(definition, ast.FunctionDef):
        return function
    definition.decorator_list, definition.returns = [], None
    for argument in definition.args.args:
        argument.annotation = None
    if not _is_source_of(tree, function.__code__):  # the file has changed since it was read
        return function
    numbers = _Numbers()
    definition.body = [numbers.visit(statement) for statement in definition.body]
    namespace = {name: single(value) for name, value in {**function.__globals__, **_enclosed(function)}.items()}
    namespace |= numbers.found
    exec(compile(ast.fix_missing_locations(tree), f"<{function.__name__} in single precision>", "exec"), namespace)
    made: FunctionType = namespace[definition.name]
    return made


def _is_source_of(tree: ast.Module, code: CodeType) -> bool:
    """Whether a function's code is what its source says; inside of another function it sees names in another way."""
    found = [part for part in compile(tree, "", "exec").co_consts if isinstance(part, CodeType)]
    if len(found) != 1 or found[0].co_varnames != code.co_varnames:
        return False
    return bool(code.co_freevars) or (found[0].co_code, found[0].co_consts) == (code.co_code, code.co_consts)


def _enclosed(function: FunctionType) -> dict[str, Any]:
    """Return what a function sees of the function that made it."""
    return inspect.getclosurevars(function).nonlocals  # type: ignore[return-value]


class _Numbers(ast.NodeTransformer):
    """Puts names in the places of numbers; what counts or says a place stays whole."""

    def __init__(self) -> None:
        self.found: dict[str, Any] = {}
        self.whole: set[str] = set()

    def visit_Constant(self, node: ast.Constant) -> ast.expr:
        """Name a number that is not whole."""
        return self._named(node) if type(node.value) is float else node

    def visit_BinOp(self, node: ast.BinOp) -> ast.expr:
        """Name whole numbers in arithmetic, too."""
        if isinstance(node.op, ARITHMETIC) and not self._is_whole(node):
            node.left, node.right = map(self._operand, (node.left, node.right))
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_Compare(self, node: ast.Compare) -> ast.expr:
        """Name whole numbers in comparisons, too."""
        if not all(map(self._is_whole, (node.left, *node.comparators))):
            node.left, *node.comparators = map(self._operand, (node.left, *node.comparators))
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_Assign(self, node: ast.Assign) -> ast.stmt:
        """Remember what is whole."""
        if self._is_whole(node.value):
            self.whole |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        return self.generic_visit(node)  # type: ignore[return-value]

    def visit_For(self, node: ast.For) -> ast.stmt:
        """Remember what counts."""
        called = node.iter.func if isinstance(node.iter, ast.Call) else None
        if isinstance(node.target, ast.Name) and isinstance(called, ast.Name) and called.id == "range":
            self.whole.add(node.target.id)
        return self.generic_visit(node)  # type: ignore[return-value]

    def _is_whole(self, node: ast.expr) -> bool:
        if isinstance(node, ast.BinOp):
            return not isinstance(node.op, ast.Div) and self._is_whole(node.left) and self._is_whole(node.right)
        if isinstance(node, ast.Call):
            return isinstance(node.func, ast.Name) and node.func.id in ("len", "int")
        return (
            node.id in self.whole if isinstance(node, ast.Name) else isinstance(node, ast.Constant) and type(node.value) is int
        )

    def _operand(self, node: ast.expr) -> ast.expr:
        return self._named(node) if isinstance(node, ast.Constant) and type(node.value) is int else node

    def _named(self, node: ast.Constant) -> ast.Name:
        name = NUMBER.format(len(self.found))
        self.found[name] = np.float32(node.value)  # type: ignore[arg-type]
        return ast.Name(name, ast.Load())
