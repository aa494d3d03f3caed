"""What a statement says: its parts, before anything is worked out.

elegant leaves out all blanks outside of quotes, and reads letters outside of quotes as capitals.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from .positions import Place
from .source import Text

QUOTED = r'"(?:\\.|[^"\\])*+"'

PART = re.compile(rf'(?:{QUOTED}|[^",])*+')
"""What stands between commas."""

HEAD = re.compile(rf'((?:{QUOTED}|[^":])*+):((?:{QUOTED}|[^",=])*+)')
"""``name: word``, up to a comma or an equals sign."""

MEMBER = re.compile(rf'(?:{QUOTED}|[^",()])++')
"""A member of a line, with its sign and its count."""

COUNTED = re.compile(r"(-?)(?:(\d++)\*)?(-?)(.*)", re.DOTALL | re.ASCII)

DEEPEST = 100
"""How deep parentheses may be nested."""

DIGITS = 7
"""How many digits the count of a member may have."""


@dataclass(frozen=True, slots=True)
class Given:
    """A parameter and its value as they stand there, quotes included."""

    place: Place
    name: str
    value: str
    at: Place


@dataclass(frozen=True, slots=True)
class Item:
    """A member of a line: the name of an element or a line, or a part in parentheses."""

    place: Place
    name: str = ""
    count: int = 1
    reversed: bool = False
    members: tuple[Item, ...] | None = None


@dataclass(frozen=True, slots=True)
class Head:
    """How a statement begins: ``name: word``; without a name it is a command. And where the rest begins."""

    place: Place
    name: str
    word: str
    rest: int


@dataclass(slots=True)
class Group:
    """A part in parentheses that is being read."""

    place: Place
    prefix: tuple[int, bool]
    items: list[Item] = field(default_factory=list)


def is_open(text: Text) -> bool:
    """Whether quotes are not closed."""
    return (text.text.count('"') - text.text.count('\\"')) % 2 == 1


def closed(text: Text) -> Text:
    """Return a text without a last quote that closes nothing; elegant reads what stands before it."""
    bare = text.text.rstrip()
    return replace(text, text=bare[:-1]) if is_open(text) and bare.endswith('"') else text


def head(text: Text) -> Head:
    """Return how a statement begins.

    Raises
    ------
    LatticeError
        If its quotes are not closed.
    """
    if is_open(text):
        raise text.place(text.text.rindex('"')).error("the quotes are not closed")
    found = HEAD.match(text.text)
    if found:
        name, word = plain(found[1]), plain(found[2])
        return Head(text.place(_blanks(text.text, 0)), name, word, found.end())
    part = PART.match(text.text)
    assert part is not None
    return Head(text.place(_blanks(text.text, 0)), "", plain(part[0]), part.end())


def parameters(text: Text, start: int) -> list[Given]:
    """Return the parameters that follow a comma.

    Raises
    ------
    LatticeError
        If one has no value.
    """
    given = []
    while start < len(text.text):
        part = PART.match(text.text, start + 1)
        assert part is not None
        if part[0].strip():
            given.append(_parameter(text, part))
        start = part.end()
    return given


def _parameter(text: Text, part: re.Match[str]) -> Given:
    name, equals, value = part[0].partition("=")
    place = text.place(_blanks(text.text, part.start()))
    if not equals:
        raise place.error(f"'parameter = value' is expected, not {part[0].strip()!r}")
    at = text.place(_blanks(text.text, part.start() + len(name) + 1))
    if not value.strip():
        raise at.error(f"{plain(name)} has no value")
    return Given(place, plain(name), bare(value), at)


def members(text: Text, start: int) -> tuple[Item, ...]:
    """Return the members of a line, ``=(a, -b, 2*c)``.

    Raises
    ------
    LatticeError
        If it is malformed.
    """
    letters = text.text
    stack: list[Group] = []
    i = _blanks(letters, start + 1)
    if letters[start : start + 1] != "=" or letters[i : i + 1] != "(":
        raise text.place(i).error("a line is written as 'name: LINE=(member, member, ...)'")
    prefix, expects = (1, False), True
    while i < len(letters):
        letter = letters[i]
        if letter.isspace():
            i += 1
        elif letter == "(" and expects:
            stack.append(Group(text.place(i), prefix))
            if len(stack) > DEEPEST:
                raise text.place(i).error(f"parentheses are nested more than {DEEPEST} deep")
            prefix, i = (1, False), i + 1
        elif letter == ")":
            group = stack.pop()
            i, expects = i + 1, False
            if not stack:
                return tuple(group.items)  # what follows the end of a line does not count
            _close(group, stack[-1])
        elif letter == ",":  # two of them are as good as one
            i, expects = i + 1, True
        elif letter != "(" and expects:
            i, item = _member(text, i)
            if item is None:
                prefix = _prefix(text, i, letters)
                i = letters.index("(", i)
            else:
                stack[-1].items.append(item)
                expects = False
        else:
            raise text.place(i).error(f"unexpected {letter!r} in a line; members stand between commas")
    raise text.place(max(0, len(letters) - 1)).error("the line is not closed; ')' is missing")


def _member(text: Text, start: int) -> tuple[int, Item | None]:
    """Return where a member ends, and the member; none where it is a prefix of a part in parentheses."""
    found = MEMBER.match(text.text, start)
    if found is None:
        raise text.place(start).error("the name of an element or a line is expected here")
    end = found.end()
    if text.text[end : end + 1] == "(":
        return start, None
    place = text.place(start)
    sign, count, second, name = _counted(bare(found[0]), place)
    if not name:
        raise place.error("the name of an element or a line is expected here")
    return end, Item(place, plain(name), count, bool(sign) != bool(second))


def _prefix(text: Text, start: int, letters: str) -> tuple[int, bool]:
    place = text.place(start)
    sign, count, second, rest = _counted(bare(letters[start : letters.index("(", start)]), place)
    if rest:
        raise place.error(f"a line takes no arguments, and {plain(rest)!r} is followed by a parenthesis")
    return count, bool(sign) != bool(second)


def _counted(member: str, place: Place) -> tuple[str, int, str, str]:
    found = COUNTED.fullmatch(member)
    assert found is not None
    digits = found[2] or "1"
    if len(digits) > DIGITS:
        raise place.error(f"nothing can be repeated {digits[:20]} times")
    return found[1], int(digits), found[3], found[4]


def _close(group: Group, outer: Group) -> None:
    count, is_reversed = group.prefix
    if is_reversed:
        raise group.place.error("elegant does not reverse a part in parentheses; make it a line and reverse that")
    outer.items.append(Item(group.place, count=count, members=tuple(group.items)))


def bare(part: str) -> str:
    """Return a part without the blanks outside of its quotes."""
    if '"' not in part:
        return re.sub(r"\s+", "", part)
    return "".join(p if p.startswith('"') else re.sub(r"\s+", "", p) for p in re.split(rf"({QUOTED})", part))


def plain(part: str) -> str:
    """Return a name: in capitals unless it is in quotes, which are taken off."""
    if '"' not in part:
        return re.sub(r"\s+", "", part).upper()
    return "".join(unquoted(p) if p.startswith('"') else bare(p).upper() for p in re.split(rf"({QUOTED})", part))


def unquoted(part: str) -> str:
    """Return text in quotes without them."""
    return part[1:-1].replace('\\"', '"') if part.startswith('"') else part


def _blanks(letters: str, start: int) -> int:
    """Return where the blanks end that begin at a place."""
    while start < len(letters) and letters[start].isspace():
        start += 1
    return start
