"""Beam lines (MAD-X manual, "Beam Lines").

::

    group    = "(" [ item { [ "," ] item } ] ")"  |  name "(" [ item { "," item } ] ")"
    item     = [ "-" | "+" ] [ number "*" ] [ "-" | "+" ] ( name [ "(" item { "," item } ")" ] | group )

Between two items stands a comma or a sign.
"""

from __future__ import annotations

from dataclasses import replace

from .source import Mistake
from .syntax import Item
from .tokens import END, Tokens

DEEPEST = 50
"""How deep parentheses may be nested."""

MOST = 10**6
"""How often something can be repeated."""


def group(tokens: Tokens) -> tuple[Item, ...]:
    """Return the items of a line's definition.

    Raises
    ------
    Mistake
        If it is malformed.
    """
    found = (_item(tokens, 0),) if tokens.next.text != "(" else _items(tokens, 0)
    if tokens.next.kind != END:
        raise tokens.unexpected("';'")
    return found


def _items(tokens: Tokens, level: int) -> tuple[Item, ...]:
    if level > DEEPEST:
        raise Mistake(f"parentheses are nested more than {DEEPEST} deep", tokens.next.start)
    tokens.need("(")
    items = []
    while not tokens.skip(")"):
        items.append(_item(tokens, level))
        if tokens.next.text not in (")", "+", "-"):
            tokens.need(",")
            while tokens.skip(","):
                pass
    return tuple(items)


def _item(tokens: Tokens, level: int) -> Item:
    offset = tokens.next.start
    reflected, count = _sign(tokens), 1
    if tokens.next.kind == "number":
        count = _count(tokens)
        tokens.need("*")
        reflected ^= _sign(tokens)
    if tokens.next.text == "(":
        item = Item(offset, members=_items(tokens, level + 1))
    else:
        name = tokens.name("the name of an element or a line").text
        item = Item(offset, name, arguments=_items(tokens, level + 1) if tokens.next.text == "(" else None)
    return replace(item, count=count, reflected=reflected)


def _sign(tokens: Tokens) -> bool:
    reflected = False
    while tokens.next.text in ("-", "+"):
        reflected ^= tokens.take().text == "-"
    return reflected


def _count(tokens: Tokens) -> int:
    token = tokens.take()
    if not token.text.isdigit() or int(token.text[:9]) > MOST or len(token.text) > len(str(MOST)):
        raise Mistake(f"nothing can be repeated {token.text[:20]} times", token.start)
    return int(token.text)
