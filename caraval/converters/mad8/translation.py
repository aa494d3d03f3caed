"""From the text of a file to statements of MAD-X, which know where they were.

A statement of MAD-8 ends with its line, unless that ends in ``&``; all assignments are deferred; words of the language may be
abbreviated to four letters; an attribute of an element is ``element[attribute]`` (MAD 8.13 manual, "Command and Statement
Format").
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from caraval.converters.madx.source import Place, Source
from caraval.converters.madx.vocabulary import CLASSES, COMMANDS, attributes, has

_TOKEN = re.compile(
    r"""
      (?P<text>     "[^"\n]*"|'[^'\n]*' )
    | (?P<blank>    ![^\n]* | &[^\n]*\n | [ \t\r\f]+ )
    | (?P<end>      [\n;] )
    | (?P<indexed>  [a-z][\w.']*[ \t]*\[[ \t]*\w+[ \t]*\] )
    | (?P<term>     (?:rm|tm|kick)[ \t]*\([ \t]*\d(?:[ \t]*,[ \t]*\d)*[ \t]*\) )
    | (?P<name>     [a-z][\w.']* )
    | (?P<gets>     :?= )
    | (?P<number>   (?:\d+\.?\d*|\.\d+)(?:[ed][+-]?\d+)? )
    | (?P<other>    . )
    """,
    re.VERBOSE | re.IGNORECASE,
)

_BLOCK = re.compile(r"^[ \t]*comment\b.*?(?:^[ \t]*endcomment\b[^\n]*|\Z)", re.IGNORECASE | re.MULTILINE | re.DOTALL)

CONSTANT = "cons"
"""How the word begins that makes a constant: ``name: constant = value``."""

SHORTEST = 4
"""How many letters of a word are enough."""

_OTHERS = {
    "multipole": "multipole8", "rcollimator": "rcollimator8", "ecollimator": "ecollimator8", "profile": "instrument",
    "wire": "instrument", "srot": "srotation", "yrot": "yrotation", "line": "line", "sequence": "sequence", "beam": "beam",
    "beta0": "beta0",
}  # fmt: skip
"""What may follow a label and is no class of MAD-X, or is called otherwise there."""

_ONLY_MADX = frozenset(("collimator", "srotation", "yrotation", "translation", "rfmultipole"))

LABELLED = {**{word: word for word in sorted(CLASSES - _ONLY_MADX)}, **_OTHERS}
"""Words after a label, and MAD-X's."""

FIRST = {word: word for word in sorted(COMMANDS)}
"""Words that begin a statement."""

TURNED = {
    "sbend": 2, "rbend": 2, "hkicker": 2, "vkicker": 2, "kicker": 2, "elseparator": 2, "quadrupole": 4, "sextupole": 6,
    "octupole": 8,
}  # fmt: skip
"""What part of pi a ``tilt`` is that is said without a value."""

RENAMED = {"filename": "file", "aper": "aperture"}
"""Attributes that MAD-X calls otherwise."""


class Token(NamedTuple):
    """A word or a sign, and where it stands."""

    kind: str
    text: str
    place: Place


@dataclass(eq=False)
class Translated(Source):
    """A file that was written anew: its pieces begin at `starts`, and stood at `origins`."""

    starts: list[int] = field(default_factory=list)
    origins: list[Place] = field(default_factory=list)

    def place(self, offset: int) -> Place:
        """Return where what stands at an offset stood in the file."""
        if not self.starts:
            return super().place(offset)
        return self.origins[max(0, bisect_right(self.starts, offset) - 1)]


def translated(name: str, text: str) -> Source:
    """Return a file's statements as MAD-X has them."""
    starts: list[int] = []
    origins: list[Place] = []
    pieces: list[str] = []
    length = 0
    for statement in _statements(name, _BLOCK.sub(_blanked, text)):
        for token in _written(statement):
            starts.append(length)
            origins.append(token.place)
            pieces.append(f"{token.text} ")
            length += len(pieces[-1])
    return Translated(name, "".join(pieces), starts=starts, origins=origins)


def _statements(name: str, text: str) -> Iterator[list[Token]]:
    """Yield the statements of a file as tokens, with what ends them."""
    line, start = 1, 0
    found: list[Token] = []
    for token in _TOKEN.finditer(text):
        kind = token.lastgroup or "other"
        if kind != "blank":
            found.append(Token(kind, token[0], Place(name, line, token.start() - start + 1)))
        if kind == "end":
            if len(found) > 1:
                yield found
            found = []
        if token[0].endswith("\n"):
            line, start = line + 1, token.end()
    if found:
        yield [*found, Token("end", ";", found[-1].place)]


def _written(statement: list[Token]) -> list[Token]:
    """Return a statement in MAD-X's words."""
    first = statement[0]
    if first.kind != "name" or statement[1].kind == "gets":
        return [_plain(token) for token in statement]
    colon = _after_label(statement)
    word = _full(statement[colon].text, LABELLED if colon else FIRST) if statement[colon].kind == "name" else ""
    if colon == 2 and word.startswith(CONSTANT) and statement[3].kind == "gets":
        return [_plain(token) for token in (first, *statement[3:])]
    if word == "set" and colon == 0:
        return [_plain(t) if i != 3 else t._replace(text=":=") for i, t in enumerate(statement) if i not in (0, 1)]
    head = [_plain(token) for token in statement[:colon]] + [statement[colon]._replace(text=word or statement[colon].text)]
    rest = statement[colon + 1 :]
    return head + [_attribute(word, rest, i) for i in range(len(rest))]


def _after_label(statement: list[Token]) -> int:
    """Return the place of the word that says what a statement is: after ``name:`` or ``name(arguments):``, if there is one."""
    at = 1
    if statement[at].text == "(":
        closing = next((i for i, token in enumerate(statement) if token.text == ")"), len(statement) - 2)
        at = closing + 1
    is_label = statement[at].text == ":" and at + 1 < len(statement) - 1
    return at + 1 if is_label else 0


def _attribute(word: str, rest: list[Token], at: int) -> Token:
    """Return a token after the word of a statement; the names of attributes follow commas."""
    token = rest[at]
    if token.kind != "name" or at == 0 or rest[at - 1].text != ",":
        return _plain(token)
    name, has_value = token.text.lower(), rest[at + 1].kind == "gets"
    if name == "tilt" and not has_value and word in TURNED:
        return token._replace(text=f"tilt := pi / {TURNED[word]}")
    if word == "use" and not has_value:
        return token._replace(text=f"sequence := {_name(token.text)}")
    if word == "matrix" and re.fullmatch(r"[rt][1-6]{2,3}", name):
        return token._replace(text=f"{name[0]}m{name[1:]}")
    if word in CLASSES and name not in RENAMED and not has(word, name):
        fitting = [known for known in attributes(word) if known.startswith(name)]
        name = fitting[0] if len(fitting) == 1 else name
    return token._replace(text=RENAMED.get(name, _name(name)))


def _plain(token: Token) -> Token:
    """Return a token as MAD-X has it."""
    if token.kind == "end":
        return token._replace(text=";")
    if token.kind == "gets":
        return token._replace(text=":=")
    if token.kind == "indexed":
        owner, _, attribute = token.text.partition("[")
        return token._replace(text=f"{_name(owner.strip())}->{attribute.strip(' ]')}")
    if token.kind == "term":
        return token._replace(text=re.sub(r"\W", "", token.text))
    return token._replace(text=_name(token.text)) if token.kind == "name" else token


def _name(name: str) -> str:
    """Return a name as MAD-X can have it."""
    return name.replace("'", "_")


def _full(word: str, words: Mapping[str, str]) -> str:
    """Return a word of the language in full; another one as it is."""
    word = word.lower()
    if word in words:
        return words[word]
    fitting = [known for known in words if len(word) >= SHORTEST and known.startswith(word)]
    return words[min(fitting, key=len)] if fitting else _name(word)


def _blanked(match: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", match[0])
