"""From text to tokens, one statement at a time.

The lexer is one regular expression, as a sequence of a large ring has half a million tokens.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from .source import Mistake

_TOKEN = re.compile(
    r"""
      (?P<number> 0x[\da-f.]+p[+-]?\d+ | (?:\d+\.?\d*|\.\d+)(?:[ed](?:\n?[+-])?\d+)? )
    | (?P<name>   [a-z_$][\w.$]* )
    | (?P<gets>   :\s*= )
    | (?P<sign>   ->|==|<>|<=|>=|&&|\|\||[-+*/^=<>,:(){}%] )
    | (?P<text>   "[^"\n]*"|'[^'\n]*' )
    | (?P<other>  [^\s&] )
    """,
    re.VERBOSE | re.IGNORECASE,
)

END = "end"
"""The kind of what follows the last token."""


class Token(NamedTuple):
    """A word of a statement: its kind, its text (names and signs in lower case), and where it begins and ends."""

    kind: str
    text: str
    start: int
    end: int


class Tokens:
    """The tokens of a statement, read from left to right.

    Attributes
    ----------
    text : str
        Of the whole source.
    next : Token
        The one that comes next.
    end : int
        Offset at which the statement ends.
    """

    def __init__(self, text: str, start: int, end: int) -> None:
        self.text = text
        self.end = end
        self._list = [_token(m) for m in _TOKEN.finditer(text, start, end)]
        self._list.append(Token(END, "", end, end))
        self._at = self._mark = 0
        self.next = self._list[0]

    def mark(self) -> Tokens:
        """Remember this place for :meth:`again`, and return the tokens."""
        self._mark = self._at
        return self

    def again(self) -> Tokens:
        """Go back to the place remembered, and return the tokens."""
        self._at = self._mark
        self.next = self._list[self._at]
        return self

    def ahead(self, count: int = 1) -> Token:
        """Return a token after the next one."""
        return self._list[min(self._at + count, len(self._list) - 1)]

    def take(self) -> Token:
        """Go on, and return what was next."""
        token = self.next
        if token.kind != END:
            self._at += 1
            self.next = self._list[self._at]
        return token

    def skip(self, sign: str) -> bool:
        """Go on over a sign, and return whether it was there."""
        if self.next.kind == "sign" and self.next.text == sign:
            self.take()
            return True
        return False

    def need(self, sign: str) -> Token:
        """Go on over a sign that must be there.

        Raises
        ------
        Mistake
            If something else is.
        """
        if self.next.kind != "sign" or self.next.text != sign:
            raise self.unexpected(f"{sign!r}")
        return self.take()

    def name(self, what: str = "a name") -> Token:
        """Go on over a name that must be there; it may be in quotes.

        Raises
        ------
        Mistake
            If something else is.
        """
        if self.next.kind == "text":
            token = self.take()
            return token._replace(text=token.text[1:-1].lower())
        if self.next.kind != "name":
            raise self.unexpected(what)
        return self.take()

    def skip_to(self, offset: int) -> None:
        """Go on to the first token that begins at an offset or after it."""
        while self.next.kind != END and self.next.start < offset:
            self.take()

    def unexpected(self, right: str) -> Mistake:
        """Return the mistake that what comes next cannot be; `right` would be."""
        found = self.next
        if found.text in ("'", '"'):
            return Mistake("the quotes are not closed", found.start)
        shown = "the end of the statement" if found.kind == END else repr(self.text[found.start : found.end][:40])
        return Mistake(f"unexpected {shown}; {right} would be right here", found.start)


def _token(found: re.Match[str]) -> Token:
    """Return a token as it is compared: only text keeps its case, and there may be blanks in ``: =``."""
    kind, word = found.lastgroup or END, found[0]
    start, end = found.span()
    if kind == "gets":
        return Token("sign", ":=", start, end)
    return Token(kind, word if kind == "text" else word.lower(), start, end)
