"""Makes the syntax tree while the parser runs: one method for each rule of the grammar."""

from __future__ import annotations

import builtins
from typing import Any

from caraval.core.errors import suggest

from . import syntax
from .expressions import (
    Call, InlineCall, Literal, Name, Node, Number, Product, Reference, Signed, SpeciesCall, Structure, Sum, finite,
)  # fmt: skip
from .functions import FUNCTIONS, RANDOM
from .positions import Mistake, Position

DEEPEST = 100
"""How deep expressions, braces and parts of lines may be nested."""

DIGITS = 7
"""How many digits the count of a repeated part may have."""

Children = builtins.list[Any]


class Builder:
    """Turns what the parser found into statements and expressions, names in lower case; a method is called as its rule."""

    # ---------------------------------------------------------------- statements

    def start(self, children: Children) -> Children:
        return [child for child in children if isinstance(child, tuple)]

    def definition(self, children: Children) -> syntax.Definition:
        name, keyword, *attributes = children
        return syntax.Definition(_at(name), name.lower(), keyword.lower(), tuple(attributes))

    def control(self, children: Children) -> syntax.Control:
        name, keyword, controlled, *attributes = children
        return syntax.Control(_at(name), name.lower(), keyword.lower(), controlled, tuple(attributes))

    def line(self, children: Children) -> syntax.Line:
        name, *rest, group = children
        arguments = next((part for part in rest if isinstance(part, tuple)), None)
        option = next((part for part in rest if type(part) is str), "")
        return syntax.Line(_at(name), name.lower(), arguments, option, group.members)

    def list(self, children: Children) -> syntax.ReplacementList:
        name, _, group = children
        return syntax.ReplacementList(_at(name), name.lower(), group.members)

    def assignment(self, children: Children) -> syntax.Assignment:
        name, value = children
        return syntax.Assignment(_at(name), name.lower(), value)

    def redefinition(self, children: Children) -> syntax.Assignment:
        return self.assignment(children)._replace(again=True)

    def setting(self, children: Children) -> syntax.Setting:
        target, value = children
        return syntax.Setting(_at(target), *_split(target), value)

    def command(self, children: Children) -> syntax.Command:
        word, *attributes = children
        return syntax.Command(_at(word), word.lower(), tuple(attributes))

    def words(self, children: Children) -> syntax.Words:
        word, _, text = children[0].replace("\t", " ").partition(" ")
        return syntax.Words(_at(children[0]), word.lower(), text.strip())

    def title(self, children: Children) -> syntax.Words:
        first, _, second = children[0].partition("\n")
        text = second or first[len("title") :].lstrip(" \t,")
        return syntax.Words(_at(children[0]), "title", text.strip().strip("\"'"))

    # ---------------------------------------------------------------- attributes and their values

    def given(self, children: Children) -> syntax.Given:
        name, *value = children
        return syntax.Given(_at(name), name.lower(), value[0] if value else None)

    def nameless(self, children: Children) -> syntax.Given:
        return syntax.Given(children[0].position, "", children[0])

    def string(self, children: Children) -> Literal:
        return Literal(_at(children[0]), children[0][1:-1])

    def text(self, children: Children) -> Literal:
        return Literal(_at(children[0]), children[0].strip())

    def word(self, children: Children) -> Literal:
        return Literal(_at(children[0]), children[0].strip(".").lower())

    def inline_call(self, children: Children) -> InlineCall:
        return InlineCall(_at(children[0]), children[0].partition("::")[2])

    def structure(self, children: Children) -> Literal:
        return Literal(_at(children[0]), Structure(self.nested(children)[0]))

    def nested(self, children: Children) -> tuple[str, int]:
        parts = [part if isinstance(part, tuple) else (part, 0) for part in children]
        deep = 1 + max(inner for _, inner in parts)
        if deep > DEEPEST:
            raise Mistake(f"braces are nested more than {DEEPEST} deep", _at(children[0]))
        return "".join(text for text, _ in parts), deep

    # ---------------------------------------------------------------- beamlines

    def arguments(self, children: Children) -> tuple[str, ...]:
        return tuple(name.lower() for name in children)

    def option(self, children: Children) -> str:
        return str(children[0].lower())

    def member(self, children: Children) -> syntax.Item:
        tag = children.pop(0)[:-1].lower() if children[0].type == "TAG" else ""
        name, *arguments = children
        return syntax.Item(_at(name), name.lower(), tag=tag, arguments=arguments[0] if arguments else None)

    def slice(self, children: Children) -> syntax.Item:
        name, part = _split(children[0])
        return syntax.Item(_at(children[0]), name, slice=part)

    def group(self, children: Children) -> syntax.Item:
        opening, *items, _ = children
        return syntax.Item(_at(opening), members=tuple(items))

    def item(self, children: Children) -> syntax.Item:
        *prefixes, item = children
        if not prefixes:
            return item
        count = 1
        for token in prefixes:
            count *= _count(token) if token.type == "COUNT" else 1
        kinds = {token.type for token in prefixes}
        return item._replace(count=count, reflected="REFLECTED" in kinds, reversed="REVERSED" in kinds)

    # ---------------------------------------------------------------- expressions

    def number(self, children: Children) -> Number:
        position = _at(children[0])
        return Number(position, finite(float(children[0].lower().replace("d", "e")), position))

    def name(self, children: Children) -> Name:
        return Name(_at(children[0]), children[0].lower())

    def reference(self, children: Children) -> Reference:
        return Reference(_at(children[0]), *_split(children[0]))

    def sum(self, children: Children) -> Sum:
        first, *rest = children
        terms = (("+", first), *zip(rest[::2], rest[1::2], strict=True))
        return Sum(first.position, _depth(first.position, children[::2]), terms)

    def product(self, children: Children) -> Product:
        first, *rest = children
        factors = (("*", first), *zip(rest[::2], rest[1::2], strict=True))
        return Product(first.position, _depth(first.position, children[::2]), factors)

    def signed(self, children: Children) -> Signed:
        sign, factor = children
        return Signed(_at(sign), _depth(_at(sign), [factor]), sign, factor)

    def power(self, children: Children) -> Call:
        base = children[0]
        return Call(base.position, _depth(base.position, children), "^", tuple(children))

    def call(self, children: Children) -> Call:
        token, *arguments = children
        position, name = _at(token), token.lower()
        if name in RANDOM:
            raise Mistake(f"{name}() is another number whenever the file is read; write the number", position)
        if name not in FUNCTIONS:
            raise Mistake(f"unknown function {name!r}{suggest(name, FUNCTIONS)}", position)
        function = FUNCTIONS[name]
        if not function.least <= len(arguments) <= function.most:
            number = function.least if function.least == function.most else f"{function.least} or {function.most}"
            raise Mistake(f"{name}() takes {number} argument{'s' * (function.most > 1)}, not {len(arguments)}", position)
        return Call(position, _depth(position, arguments), name, tuple(arguments))

    def species(self, children: Children) -> SpeciesCall:
        token, argument = children
        parts = [argument] if isinstance(argument, (Reference, SpeciesCall)) else []
        return SpeciesCall(_at(token), _depth(_at(token), parts), token.lower(), argument)


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


def _depth(position: Position, parts: builtins.list[Node]) -> int:
    deep = 1 + max((part.depth for part in parts), default=0)
    if deep > DEEPEST:
        raise Mistake(f"this is nested more than {DEEPEST} deep; give parts of it names", position)
    return deep
