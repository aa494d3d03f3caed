"""From tokens to expressions.

::

    condition  = both { "||" both }
    both       = comparison { "&&" comparison }
    comparison = sum [ ( "==" | "<>" | "<" | ">" | "<=" | ">=" ) sum ]
    sum        = product { ( "+" | "-" ) product }
    product    = signed { ( "*" | "/" ) signed }
    signed     = ( "+" | "-" ) signed | power
    power      = base { "^" ( [ "+" | "-" ] base ) }
    base       = number | name | name "->" name | name "%" name "->" name | name "(" sum ")" | "(" condition ")"
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from caraval.core.errors import suggest

from .expressions import (
    COMPARISONS,
    Attribute,
    Call,
    Cell,
    Comparison,
    Condition,
    Negative,
    Node,
    Number,
    Power,
    Product,
    Sum,
    Unknown,
    Variable,
)
from .functions import FUNCTIONS, RANDOM, TABLES
from .source import Mistake
from .tokens import END, Tokens

DEEPEST = 60
"""How deep expressions may be nested."""


def expression(tokens: Tokens) -> Node:
    """Return the expression that comes next.

    Raises
    ------
    Mistake
        If none does.
    """
    return _sum(tokens, 0)


def condition(tokens: Tokens, level: int = 0) -> Node:
    """Return the condition that comes next: comparisons, and what joins them.

    Raises
    ------
    Mistake
        If none does.
    """
    return _joined(tokens, level, "||", lambda t, n: _joined(t, n, "&&", _comparison))


def number(text: str, offset: int) -> float:
    """Return the value of a number as it is written, which may be hexadecimal; MAD-X breaks lines before exponents."""
    try:
        value = float.fromhex(text) if text.startswith("0x") else float(text.replace("d", "e").replace("\n", ""))
    except (ValueError, OverflowError):
        raise Mistake(f"{text[:40]} is no number that can be read", offset) from None
    if not math.isfinite(value):
        raise Mistake(f"{text[:40]} is too large", offset)
    return value


def _joined(tokens: Tokens, level: int, sign: str, part: Callable[[Tokens, int], Node]) -> Node:
    first = part(tokens, level)
    parts = [first]
    while tokens.skip(sign):
        parts.append(part(tokens, level))
    return first if len(parts) == 1 else Condition(first.offset, _depth(parts), sign, parts)


def _comparison(tokens: Tokens, level: int) -> Node:
    left = _sum(tokens, level)
    if tokens.next.kind != "sign" or tokens.next.text not in COMPARISONS:
        return left
    sign = tokens.take().text
    right = _sum(tokens, level)
    return Comparison(left.offset, _depth([left, right]), sign, left, right)


def _sum(tokens: Tokens, level: int) -> Node:
    if level > DEEPEST:
        raise Mistake(f"this is nested more than {DEEPEST} deep; give parts of it names", tokens.next.start)
    first = _product(tokens, level)
    if tokens.next.text not in ("+", "-"):
        return first
    terms = [("+", first)]
    while tokens.next.text in ("+", "-"):
        terms.append((tokens.take().text, _product(tokens, level)))
    return Sum(first.offset, _depth([term for _, term in terms]), terms)


def _product(tokens: Tokens, level: int) -> Node:
    first = _signed(tokens, level)
    if tokens.next.text not in ("*", "/"):
        return first
    factors = [("*", first)]
    while tokens.next.text in ("*", "/"):
        factors.append((tokens.take().text, _signed(tokens, level)))
    return Product(first.offset, _depth([factor for _, factor in factors]), factors)


def _signed(tokens: Tokens, level: int) -> Node:
    offset, minus = tokens.next.start, False
    while tokens.next.text in ("+", "-"):
        minus ^= tokens.take().text == "-"
    power = _power(tokens, level)
    return Negative(offset, power.depth + 1, power) if minus else power


def _power(tokens: Tokens, level: int) -> Node:
    power = _base(tokens, level)
    while tokens.skip("^"):
        offset, minus = tokens.next.start, tokens.skip("-")
        if not minus:
            tokens.skip("+")
        exponent = _base(tokens, level)
        exponent = Negative(offset, exponent.depth + 1, exponent) if minus else exponent
        power = Power(power.offset, _depth([power, exponent]), power, exponent)
        if power.depth > DEEPEST:
            raise Mistake(f"there are more than {DEEPEST} powers of powers", power.offset)
    return power


def _base(tokens: Tokens, level: int) -> Node:
    token = tokens.next
    if token.kind == "number":
        tokens.take()
        return Number(token.start, 1, number(token.text, token.start))
    if token.kind in ("name", "text"):
        return _name(tokens, level)
    if tokens.skip("("):
        inner = condition(tokens, level + 1)
        tokens.need(")")
        return inner
    raise tokens.unexpected("a number or a name")


def _name(tokens: Tokens, level: int) -> Node:
    token = tokens.name()
    following = tokens.next.text
    if following == "->":
        tokens.take()
        return Attribute(token.start, 1, token.text, _indexed(tokens))
    if following == "%":
        tokens.take()
        owner = f"{token.text}%{tokens.name().text}"
        if not tokens.skip("->"):
            return Variable(token.start, 1, owner)
        return Attribute(token.start, 1, owner, _indexed(tokens))
    if following == "(":
        return _call(tokens, token.text, token.start, level)
    return Variable(token.start, 1, token.text)


def _indexed(tokens: Tokens) -> str:
    """Return the name of an attribute, perhaps with the place in its list: ``knl[2]``."""
    name = tokens.name("the name of an attribute")
    index = re.compile(r"\s*\[\s*(\d{1,3})\s*\]").match(tokens.text, name.end)
    if index is None:
        return name.text
    tokens.skip_to(index.end())
    return f"{name.text}[{index[1]}]"


def _call(tokens: Tokens, name: str, offset: int, level: int) -> Node:
    opening = tokens.need("(")
    if name in RANDOM or name in TABLES:
        _skip_arguments(tokens)
        said = " ".join(tokens.text[offset : tokens.next.start].split())
        if name == "table":
            inner = said.partition("(")[2].rpartition(")")[0].lower()
            arguments = tuple(part.strip(" \"'") for part in inner.split(","))
            return Cell(offset, 1, arguments, f"{said[:80].rstrip(' ,;')} needs a result of MAD-X")
        what = "is another number in each run" if name in RANDOM else "needs a result of MAD-X"
        return Unknown(offset, 1, f"{said[:80].rstrip(' ,;')} {what}")
    if name not in FUNCTIONS:
        raise Mistake(f"unknown function {name!r}{suggest(name, FUNCTIONS)}", offset)
    if tokens.next.text == ")":
        raise Mistake(f"{name}() takes one argument", opening.start)
    argument = condition(tokens, level + 1)
    tokens.need(")")
    return Call(offset, argument.depth + 1, name, argument)


def _skip_arguments(tokens: Tokens) -> None:
    """Go on over the arguments of a function that is not worked out; they are no expressions."""
    deep = 1
    while deep:
        if tokens.next.kind == END:
            raise tokens.unexpected("')'")
        deep += {"(": 1, ")": -1}.get(tokens.take().text, 0)


def _depth(parts: list[Node]) -> int:
    return 1 + max(part.depth for part in parts)
