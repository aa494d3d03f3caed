"""Makes the syntax tree while the parser runs: one function for each rule of the grammar, called as the rule."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from caraval.core.errors import suggest

from . import syntax
from .expressions import (
    Call,
    Literal,
    Name,
    Node,
    Number,
    Product,
    Reference,
    Signed,
    SpeciesCall,
    Structure,
    Sum,
    Vector,
    finite,
)
from .functions import FUNCTIONS, RANDOM
from .positions import Mistake, Position

DEEPEST = 100
"""How deep expressions and braces may be nested."""

DIGITS = 7
"""How many digits the count of a repeated part of a line may have."""

Children = list[Any]
"""What the functions of the rules inside have made, and tokens, which are text; names become lower case."""

RULES: dict[str, Callable[[Children], Any]] = {}
"""The function of each rule."""


def rule(function: Callable[[Children], Any]) -> Callable[[Children], Any]:
    """Enter a function under the name of its rule."""
    RULES[function.__name__.strip("_")] = function
    return function


# -------------------------------------------------------------------- statements


@rule
def _start(children: Children) -> list[syntax.Statement]:
    return [child for child in children if isinstance(child, syntax.Statement)]


@rule
def _definition(children: Children) -> syntax.Definition:
    name, keyword, *attributes = children
    return syntax.Definition(_at(name), name.lower(), keyword.lower(), tuple(attributes))


@rule
def _control(children: Children) -> syntax.Control:
    name, keyword, controlled, *attributes = children
    given = syntax.Given(controlled.position, "", controlled)
    return syntax.Control(_at(name), name.lower(), keyword.lower(), (given, *attributes))


@rule
def _line(children: Children) -> syntax.Line:
    name, *rest, group = children
    arguments = next((part for part in rest if isinstance(part, tuple)), None)
    option = next((part for part in rest if type(part) is str), "")
    return syntax.Line(_at(name), name.lower(), group.members, arguments, option)


@rule
def _list(children: Children) -> syntax.ReplacementList:
    name, _, group = children
    return syntax.ReplacementList(_at(name), name.lower(), group.members)


@rule
def _assignment(children: Children) -> syntax.Assignment:
    name, value = children
    return syntax.Assignment(_at(name), name.lower(), value)


@rule
def _redefinition(children: Children) -> syntax.Assignment:
    name, value = children
    return syntax.Assignment(_at(name), name.lower(), value, again=True)


@rule
def _setting(children: Children) -> syntax.Setting:
    target, value = children
    name, attribute = _split(target)
    return syntax.Setting(_at(target), name, syntax.Given(_at(target), attribute, value))


@rule
def _command(children: Children) -> syntax.Command:
    word, *attributes = children
    return syntax.Command(_at(word), word.lower(), tuple(attributes))


@rule
def _words(children: Children) -> syntax.Words:
    word = re.match(r"\w+", children[0])
    assert word is not None
    return syntax.Words(_at(children[0]), word[0].lower(), children[0][word.end() :].strip())


@rule
def _title(children: Children) -> syntax.Words:
    first, _, second = children[0].partition("\n")
    text = second or first[len("title") :].lstrip(" \t,")
    return syntax.Words(_at(children[0]), "title", text.strip().strip("\"'"))


# -------------------------------------------------------------------- attributes and values


@rule
def _given(children: Children) -> syntax.Given:
    name, *value = children
    return syntax.Given(_at(name), name.lower(), value[0] if value else None)


@rule
def _nameless(children: Children) -> syntax.Given:
    return syntax.Given(children[0].position, "", children[0])


@rule
def _vector(children: Children) -> Vector:
    position = children[0].position
    return Vector(position, _depth(position, children), tuple(children))


@rule
def _string(children: Children) -> Literal:
    return Literal(_at(children[0]), children[0][1:-1])


@rule
def _text(children: Children) -> Literal:
    return Literal(_at(children[0]), children[0].strip())


@rule
def _word(children: Children) -> Literal:
    return Literal(_at(children[0]), children[0].strip(".").lower())


@rule
def _inline_call(children: Children) -> Literal:
    return Literal(_at(children[0]), Structure(children[0]))


@rule
def _structure(children: Children) -> Literal:
    return Literal(_at(children[0]), Structure(_nested(children)[0]))


@rule
def _nested(children: Children) -> tuple[str, int]:
    parts = [part if isinstance(part, tuple) else (part, 0) for part in children]
    deep = 1 + max(inner for _, inner in parts)
    if deep > DEEPEST:
        raise Mistake(f"braces are nested more than {DEEPEST} deep", _at(children[0]))
    return "".join(text for text, _ in parts), deep


# -------------------------------------------------------------------- beamlines


@rule
def _arguments(children: Children) -> tuple[str, ...]:
    return tuple(name.lower() for name in children)


@rule
def _option(children: Children) -> str:
    return str(children[0].lower())


@rule
def _member(children: Children) -> syntax.Item:
    tag = children.pop(0)[:-1].lower() if children[0].type == "TAG" else ""
    name, *arguments = children
    return syntax.Item(_at(name), name.lower(), tag=tag, arguments=arguments[0] if arguments else None)


@rule
def _slice(children: Children) -> syntax.Item:
    name, part = _split(children[0])
    return syntax.Item(_at(children[0]), name, slice=part)


@rule
def _group(children: Children) -> syntax.Item:
    opening, *items, _ = children
    return syntax.Item(_at(opening), members=tuple(items))


@rule
def _item(children: Children) -> syntax.Item:
    *prefixes, item = children
    if not prefixes:
        return item  # type: ignore[no-any-return]
    count = 1
    for token in prefixes:
        count *= _count(token) if token.type == "COUNT" else 1
        if count >= 10**DIGITS:
            raise Mistake(f"nothing can be repeated {count} times", _at(token))
    kinds = {token.type for token in prefixes}
    return replace(item, count=count, reflected="REFLECTED" in kinds, reversed="REVERSED" in kinds)


# -------------------------------------------------------------------- expressions


@rule
def _number(children: Children) -> Number:
    position = _at(children[0])
    return Number(position, finite(float(children[0].lower().replace("d", "e")), position))


@rule
def _name(children: Children) -> Name:
    return Name(_at(children[0]), children[0].lower())


@rule
def _reference(children: Children) -> Reference:
    return Reference(_at(children[0]), *_split(children[0]))


@rule
def _sum(children: Children) -> Sum:
    first, *rest = children
    terms = (("+", first), *zip(rest[::2], rest[1::2], strict=True))
    return Sum(first.position, _depth(first.position, children[::2]), terms)


@rule
def _product(children: Children) -> Product:
    first, *rest = children
    factors = (("*", first), *zip(rest[::2], rest[1::2], strict=True))
    return Product(first.position, _depth(first.position, children[::2]), factors)


@rule
def _signed(children: Children) -> Signed:
    sign, factor = children
    return Signed(_at(sign), _depth(_at(sign), [factor]), sign, factor)


@rule
def _power(children: Children) -> Call:
    position = children[0].position
    return Call(position, _depth(position, children), "^", tuple(children))


@rule
def _call(children: Children) -> Call:
    token, *arguments = children
    position, name = _at(token), token.lower()
    if name in RANDOM:
        raise Mistake(f"{name}() is another number whenever the file is read; write the number", position)
    if name not in FUNCTIONS:
        raise Mistake(f"unknown function {name!r}{suggest(name, FUNCTIONS)}", position)
    least, most = FUNCTIONS[name].least, FUNCTIONS[name].most
    if not least <= len(arguments) <= most:
        takes = str(least) if least == most else f"{least} or {most}"
        raise Mistake(f"{name}() takes {takes} argument{'s' * (most > 1)}, not {len(arguments)}", position)
    return Call(position, _depth(position, arguments), name, tuple(arguments))


@rule
def _species(children: Children) -> SpeciesCall:
    token, species = children
    parts = [species] if isinstance(species, Node) else []
    return SpeciesCall(_at(token), _depth(_at(token), parts), token.lower(), species)


# -------------------------------------------------------------------- what they share


def _at(token: Any) -> Position:
    return Position(token.line, token.column)


def _split(token: str) -> tuple[str, str]:
    """Split ``element[attribute]``."""
    element, _, attribute = token.lower().partition("[")
    return element.strip(), attribute.strip("] \t")


def _count(token: Any) -> int:
    digits = token.rstrip("* \t")
    if len(digits) > DIGITS:
        raise Mistake(f"nothing can be repeated {digits[:20]} times", _at(token))
    return int(digits)


def _depth(position: Position, parts: Sequence[Node]) -> int:
    deep = 1 + max((part.depth for part in parts), default=0)
    if deep > DEEPEST:
        raise Mistake(f"this is nested more than {DEEPEST} deep; give parts of it names", position)
    return deep
