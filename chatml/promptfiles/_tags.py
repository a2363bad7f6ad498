"""What scanners of templates find, and what they have in common. Each takes a text and is linear in it."""

from __future__ import annotations

import re
from typing import NamedTuple


class Fault(NamedTuple):
    """A tag or a brace that an engine cannot read."""

    start: int
    end: int
    problem: str


class Tag(NamedTuple):
    """A tag with its delimiters: `kind` is "variable", "block" or "comment", `body` what is between them."""

    kind: str
    start: int
    end: int
    body: str
    inner: int  # where the body begins


class Name(NamedTuple):
    """A variable that a template reads and does not bind."""

    name: str
    start: int
    end: int


class Scan(NamedTuple):
    """What is in a text: its tags, their faults, the variables that come from outside, all words in tags.

    `is_partial`: the template takes in others, which may use more.
    """

    tags: tuple[Tag, ...] = ()
    faults: tuple[Fault, ...] = ()
    names: tuple[Name, ...] = ()
    words: frozenset[str] = frozenset()
    is_partial: bool = False


WORD = re.compile(r"[A-Za-z_]\w*")
_STRING = re.compile(r"\"(?:[^\"\\]|\\.)*+(?:\"|\Z|\\)|'(?:[^'\\]|\\.)*+(?:'|\Z|\\)", re.DOTALL)


def blank_strings(body: str) -> str:
    """An expression with spaces for its strings, so that offsets stay."""
    return _STRING.sub(lambda found: " " * len(found[0]), body) if '"' in body or "'" in body else body


def words_in(tags: list[Tag]) -> frozenset[str]:
    return frozenset(word for tag in tags if tag.kind != "comment" for word in WORD.findall(tag.body))


_SHOWN = 200  # characters
NEAR = 64  # open blocks that are looked at for one to close, so that a broken text costs no square


def end_of_line(text: str, start: int) -> int:
    """Where the line of `start` ends, or what of it is worth showing."""
    most = min(start + _SHOWN, len(text))
    end = text.find("\n", start, most)
    return most if end < 0 else end


class Finder:
    """Looks for pieces of a text from left to right; what is missing once is not looked for again."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._missing: set[str] = set()

    def find(self, piece: str, start: int) -> int:
        """Where a piece stands behind `start`, or -1."""
        if piece in self._missing:
            return -1
        found = self._text.find(piece, start)
        if found < 0:
            self._missing.add(piece)
        return found
