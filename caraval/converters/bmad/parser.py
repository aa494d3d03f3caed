"""From the text of a lattice file to its statements."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import lark

from . import syntax
from .builder import RULES
from .positions import Mistake, Position

_SAID = {
    "_COMMA": "','", "COLON": "':'", "_EQUALS": "'='", "RPAR": "')'", "RSQB": "']'", "RBRACE": "'}'", "_LPAREN": "'('",
    "_LBRACKET": "'['", "LBRACE": "'{'", "SIGN": "'+'", "OPERATOR": "'*'", "NAME": "a name", "NUMBER": "a number",
    "STRING": "text in quotes", "TEXT": "text", "SPECIES": "a species", "_NEWLINE": "the end of the statement",
}  # fmt: skip
"""How terminals are called in messages, in this order; the others need no mention."""

_AT_START = "'name: class, attribute = value', 'name: line = (...)', 'name = value' or 'element[attribute] = value'"


def parse(text: str) -> list[syntax.Statement]:
    """Return the statements of a lattice file.

    Raises
    ------
    Mistake
        If a statement is malformed.
    """
    try:
        statements: list[syntax.Statement] = _parser().parse(text)
    except lark.exceptions.UnexpectedInput as error:
        raise _mistake(text, error) from None
    return statements


@cache
def _parser() -> Any:
    grammar = Path(__file__).with_name("grammar.lark").read_text(encoding="utf-8")
    return lark.Lark(grammar, parser="lalr", lexer="contextual", transformer=SimpleNamespace(**RULES), maybe_placeholders=False)


def _mistake(text: str, error: Any) -> Mistake:
    """Say what was found and what would be right."""
    ended = getattr(getattr(error, "token", None), "type", "") == "$END"
    lines = text.split("\n")
    position = Position(len(lines), len(lines[-1]) + 1) if ended else Position(error.line, error.column)
    found = "" if ended else lines[position.line - 1][position.column - 1 :].strip()
    expected = set(getattr(error, "expected", None) or getattr(error, "allowed", None) or ())
    if "TARGET" in expected:
        right = f"a statement is expected: {_AT_START}"
    else:
        *said, last = [word for name, word in _SAID.items() if name in expected] or ["something else"]
        right = f"{', '.join(said)}{' or ' if said else ''}{last} would be right here"
    if found[:1] in ("'", '"') and found.count(found[0]) == 1:
        right = "the quotes are not closed on this line"
    shown = repr(found.split()[0]) if found else "end of the file" if ended else "end of the line"
    return Mistake(f"unexpected {shown}; {right}", position)
