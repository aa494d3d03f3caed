"""From the text of a file to its statements (MAD-X manual, "Command Format" and "Program Flow Statements").

::

    statement  = block | macro | line | assignment | setting | definition | command
    block      = ( "if" | "elseif" | "while" ) condition "{" ... "}" | "else" "{" ... "}"
    macro      = name [ names ] ":" "macro" [ names ] [ "=" ] "{" ... "}"
    names      = "(" name { "," name } ")"
    line       = name [ "(" name { "," name } ")" ] ":" "line" "=" group
    assignment = { "const" | "real" | "int" | "shared" } name ( "=" | ":=" ) expression
    setting    = name [ "%" name ] "->" name ( "=" | ":=" ) value
    definition = [ "shared" ] name ":" name { [ "," ] attribute }
    command    = name { [ "," ] attribute }
    attribute  = [ "+" | "-" ] name | name ( "=" | ":=" ) value | text
    value      = text | "{" [ condition { "," condition } ] "}" | condition

Expressions are in :mod:`caraval.converters.madx.formulas`.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator

from . import lines
from .expressions import Malformed, Node, Number
from .formulas import condition
from .source import Mistake, Source
from .syntax import Assignment, Block, Command, Definition, Given, Ignored, Line, Macro, Setting, Statement
from .tokens import END, Tokens
from .vocabulary import IGNORED, TEXTS

_QUALIFIERS = ("const", "real", "int", "shared")

_BETWEEN = re.compile(r"[\s;]*")
_BLOCK = re.compile(r"(if|elseif|else|while)\b(?!\s*(?:[.:,=$]|->))", re.IGNORECASE)
_NAMED = r"([a-z_$][\w.$]*)\s*(?:\(([^(){};:=]*)\))?\s*:\s*"
_MACRO = re.compile(_NAMED + r"macro\s*(?:\(([^(){};:=]*)\))?\s*=?\s*(?=\{)", re.IGNORECASE)
_LINE = re.compile(_NAMED + r"line\s*:?\s*=", re.IGNORECASE)
_WORD = re.compile(r"([a-z_$][\w.$]*)\s*(?!\s|:|=|->|%)", re.IGNORECASE)
_MARK = re.compile(r"""[;{}]|"[^"\n]*"|'[^'\n]*'""")
_TEXT = re.compile(r"""\s*(?:"([^"\n]*)"|'([^'\n]*)'|(\{[^{}]*\}|[^\s,;"']+))""")


def statements(source: Source, start: int = 0, end: int | None = None) -> Iterator[Statement]:
    """Go through the statements of a source, or of a block of it.

    Raises
    ------
    Mistake
        If one is malformed.
    """
    end = len(source.text) if end is None else end
    offset = _after(_BETWEEN, source.text, start, end)
    while offset < end:
        statement, offset = _statement(source, offset, end)
        yield statement
        offset = _after(_BETWEEN, source.text, offset, end)


def attributes(tokens: Tokens, texts: Collection[str] = ()) -> Iterator[Given]:
    """Go through the attributes that are left of a statement.

    Parameters
    ----------
    texts : collection of str
        Names of attributes whose values are text, in quotes or not.

    Raises
    ------
    Mistake
        If one is malformed.
    """
    while True:
        while tokens.skip(","):
            pass
        token = tokens.next
        if token.kind == END:
            return
        if token.kind == "text":
            tokens.take()
            yield Given(token.start, "", token.text[1:-1])
            continue
        sign = tokens.take().text if token.text in ("+", "-") else ""
        name = tokens.name("the name of an attribute")
        if tokens.next.text not in ("=", ":="):
            yield Given(name.start, name.text, sign != "-")
            continue
        deferred = tokens.take().text == ":="
        yield Given(name.start, name.text, _value(tokens, name.text in texts), deferred)


def given_of(command: Command, *texts: str) -> dict[str, Given]:
    """Return the attributes of a command by name."""
    return {given.name: given for given in attributes(command.rest, TEXTS | {*texts})}


def text_of(given: dict[str, Given], name: str) -> str:
    """Return an attribute that is a name, in lower case; empty, if it is not given."""
    value = given[name].value if name in given else ""
    return value.lower() if isinstance(value, str) else ""


# -------------------------------------------------------------------- single statements


def _statement(source: Source, start: int, limit: int) -> tuple[Statement, int]:
    """Return the statement that begins at an offset, and where it ends."""
    text = source.text
    block = _BLOCK.match(text, start, limit)
    if block:
        return _block(source, block, limit)
    macro = _MACRO.match(text, start, limit)
    if macro:
        closing = _closing(text, macro.end(), limit)
        body = text[macro.end() + 1 : closing]
        return Macro(source, start, macro[1].lower(), _names(macro[2] or macro[3]), body), closing + 1
    end = _end(text, start, limit)
    line = _LINE.match(text, start, end)
    if line:
        items = lines.group(Tokens(text, line.end(), end))
        return Line(source, start, line[1].lower(), _names(line[2]), items), end
    word = _WORD.match(text, start, end)
    if word and word[1].lower() in IGNORED:
        return Ignored(source, start, word[1].lower()), end
    return _plain(source, Tokens(text, start, end)), end


def _block(source: Source, found: re.Match[str], limit: int) -> tuple[Block, int]:
    kind = found[1].lower()
    opening = source.text.find("{", found.end(), limit)
    if opening < 0:
        raise Mistake(f"{kind!r} needs statements in braces", found.start())
    tokens, test = Tokens(source.text, found.end(), opening), None
    if kind != "else":
        test = condition(tokens)
    if tokens.next.kind != END:
        raise tokens.unexpected("'{'")
    closing = _closing(source.text, opening, limit)
    return Block(source, found.start(), kind, test, opening + 1, closing), closing + 1  # type: ignore[arg-type]


def _plain(source: Source, tokens: Tokens) -> Statement:
    start = tokens.next.start
    qualifiers = set()
    while tokens.next.text in _QUALIFIERS and tokens.ahead().kind in ("name", "text"):
        qualifiers.add(tokens.take().text)
    name = tokens.name("a statement").text
    if tokens.next.text == "," and tokens.ahead().text in (":", "=", ":="):
        tokens.take()
    following = tokens.next.text
    if following == "%" and tokens.ahead(2).text in ("=", ":="):  # such a name is as good as any other
        tokens.take()
        name, following = f"{name}%{tokens.name().text}", tokens.next.text
    if following in ("=", ":="):
        tokens.take()
        deferred, constant = following == ":=" and "const" not in qualifiers, "const" in qualifiers
        return Assignment(source, start, name, _assigned(tokens), deferred, "int" in qualifiers, constant)
    if following in ("->", "%"):
        return _whole(_setting(source, name, tokens), tokens)
    if tokens.skip(":"):
        return Definition(source, start, name, tokens.name("a class").text, tokens.mark())
    return Command(source, start, name, tokens.mark())


def _setting(source: Source, owner: str, tokens: Tokens) -> Setting:
    start = tokens.next.start
    if tokens.skip("%"):
        owner = f"{owner}%{tokens.name().text}"
    tokens.need("->")
    name = tokens.name("the name of an attribute").text
    if tokens.next.text not in ("=", ":="):
        raise tokens.unexpected("'=' or ':='")
    deferred = tokens.take().text == ":="
    return Setting(source, start, owner, Given(start, name, _value(tokens, is_text=False), deferred))


def _assigned(tokens: Tokens) -> Node:
    """Return what a variable is given; a mistake in it matters only if the variable is used."""
    try:
        node = condition(tokens)
        tokens.skip(",")
        if tokens.next.kind != END:
            raise tokens.unexpected("';'")
    except Mistake as mistake:
        return Malformed(mistake.offset, 1, mistake.message)
    return node


def _whole(statement: Statement, tokens: Tokens) -> Statement:
    """Check that nothing is left; a comma may be, as MAD-X does not mind."""
    tokens.skip(",")
    if tokens.next.kind != END:
        raise tokens.unexpected("';'")
    return statement


def _value(tokens: Tokens, is_text: bool) -> Node | list[Node] | str:
    if is_text:
        return _text(tokens)
    if tokens.next.kind == "text" and tokens.ahead().text != "->":
        return tokens.take().text[1:-1]
    if tokens.skip("{"):
        return _list(tokens)
    return condition(tokens)


def _list(tokens: Tokens) -> list[Node]:
    """Return the expressions in braces; what is left out is zero."""
    values: list[Node] = []
    while not tokens.skip("}"):
        offset = tokens.next.start
        values.append(Number(offset, 1, 0.0) if tokens.next.text == "," else condition(tokens))
        if tokens.next.text != "}":
            tokens.need(",")
    return values


def _text(tokens: Tokens) -> str:
    """Return text in quotes as it is, or text without blanks in lower case."""
    found = _TEXT.match(tokens.text, tokens.next.start)
    if found is None:
        raise tokens.unexpected("text")
    tokens.skip_to(found.end())
    quoted = found[1] if found[1] is not None else found[2]
    return found[3].lower() if quoted is None else quoted


# -------------------------------------------------------------------- where statements end


def _end(text: str, start: int, limit: int) -> int:
    """Return where a statement ends: at its semicolon, or with the block."""
    deep = 0
    for mark in _MARK.finditer(text, start, limit):
        sign = mark[0]
        if sign == ";" and deep == 0:
            return mark.start()
        if sign == "}" and deep == 0:
            raise Mistake("unexpected '}'; nothing in braces is open here", mark.start())
        deep += {"{": 1, "}": -1}.get(sign, 0)
    if deep:
        raise Mistake("the braces are not closed", start)
    return limit


def _closing(text: str, opening: int, limit: int) -> int:
    """Return where the braces that open at an offset are closed."""
    deep = 0
    for mark in _MARK.finditer(text, opening, limit):
        deep += {"{": 1, "}": -1}.get(mark[0], 0)
        if deep == 0:
            return mark.start()
    raise Mistake("the braces are not closed", opening)


def _after(pattern: re.Pattern[str], text: str, start: int, end: int) -> int:
    found = pattern.match(text, start, end)
    return found.end() if found else start


def _names(listed: str | None) -> tuple[str, ...]:
    return tuple(name.strip().lower() for name in listed.split(",") if name.strip()) if listed else ()
