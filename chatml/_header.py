"""Reading the header of a turn: what stands between the start marker and the content.

A reader takes the pieces of a header that have arrived, `(text, special)`, and returns a `Header`, or None while more
is needed. It raises nothing: a header that is none gets the best reading there is, and a problem.
"""

from __future__ import annotations

import re
from itertools import groupby
from operator import itemgetter
from typing import NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import shown
from chatml._grammar import HEADER_LIMIT, Grammar, Part, Problem
from chatml._segments import SegmentKind

_ODD_ROLE = re.compile(r"(\S{1,64})([ \t]{0,64}\r?\n)")


class Header(NamedTuple):
    """A header that was read. `role` is None where none could be found; `rest` is text behind the header."""

    role: str | None
    name: str | None
    parts: tuple[Part, ...]
    rest: str = ""
    problems: tuple[Problem, ...] = ()  # offsets from the start marker


def read_line(text: str, grammar: Grammar) -> Header | None:
    """Read a header that a newline ends. None: the newline may still come."""
    match = grammar.header.match(text)
    if match:
        role, name, end = match.groups()
        parts = (*grammar.opening(role, name), (SegmentKind.HEADER_END, end, False))
        problems = () if end == grammar.dialect.header_end else (_odd_line_end(end, match.start(3), grammar),)
        return Header(role, grammar.name_of(name), parts, text[match.end() :], problems)
    if len(text) >= HEADER_LIMIT or "\n" in text:
        return recover([(text, False)], grammar)
    return None


def _odd_line_end(end: str, position: int, grammar: Grammar) -> Problem:
    position += len(grammar.dialect.start)
    if end.strip(" \t") == "\r\n":
        what = "crlf", "the header ends in a carriage return and a newline"
    else:
        what = "trailing-space", "spaces stand behind the header"
    return Problem(what[0], Severity.INFO, position, position + len(end), None, what[1])


def read_marked(pieces: list[tuple[str, bool]], grammar: Grammar) -> Header:
    """Read a header whose end marker has come: role, name, and for an assistant the channel."""
    pieces = _joined(pieces)
    first = pieces[0][0] if pieces and not pieces[0][1] else ""
    channel = pieces[1:] if first else pieces
    match = grammar.header.fullmatch(first)
    role, name, spaces = match.groups() if match else (first, None, "")
    here = len(grammar.dialect.start)
    problems = []
    if not match:
        text = f"the header is {shown(first, 40)}, expected a role"
        problems.append(Problem("malformed-header", Severity.ERROR, here, here + len(first), None, text))
    elif spaces:
        text = "spaces stand behind the header"
        problems.append(Problem("trailing-space", Severity.INFO, here + match.start(3), here + len(first), None, text))
    expected = grammar.dialect.assistant_channel if role == "assistant" else ""
    found = "".join(text for text, _ in channel)
    if found != expected:
        severity = Severity.ERROR if found else Severity.INFO
        text = f"{shown(found, 40)} stands behind the role" if found else f"{expected} is missing behind the role"
        begin = here + len(first)
        problems.append(Problem("channel", severity, begin, begin + len(found), None, text))
    parts = (
        *grammar.opening(role, name),
        *(((SegmentKind.SEPARATOR, spaces, False),) if spaces else ()),
        *((SegmentKind.CHANNEL, text, special) for text, special in channel),
        (SegmentKind.HEADER_END, grammar.dialect.header_end, True),
    )
    return Header(role, grammar.name_of(name), parts, "", tuple(problems))


def recover(pieces: list[tuple[str, bool]], grammar: Grammar, closing: bool = False) -> Header:
    """Make the best of a header that did not end as it should; `closing`: the text ends here."""
    pieces = _joined(pieces)
    text = "".join(piece for piece, _ in pieces)
    bare = grammar.bare_header.fullmatch(text)
    if bare:
        return _truncated(bare[1], bare[2], grammar, closing)
    window = text if grammar.by_marker else text[:HEADER_LIMIT]
    loose = grammar.loose_header.match(window)
    found = loose or _ODD_ROLE.match(window)
    problems: tuple[Problem, ...] = ()
    if not (closing and loose and loose[1] == "assistant" and not text[loose.end() :].strip()):
        line = window.partition("\n")[0]
        here = len(grammar.dialect.start)
        what = f"the header is {shown(line, 40)}, expected a role and {grammar.dialect.header_end!r}"
        problems = (Problem("malformed-header", Severity.ERROR, here, here + len(line), None, what),)
    if found:
        role, end = found.groups()
        parts = (*grammar.opening(role, None), (SegmentKind.HEADER_END, end, False))
        return Header(role, None, parts, text[found.end() :], problems)
    stray = ((SegmentKind.STRAY, piece, special) for piece, special in pieces if piece)
    return Header(None, None, (*grammar.opening("", None), *stray), "", problems)


def _joined(pieces: list[tuple[str, bool]]) -> list[tuple[str, bool]]:
    """Text that arrived in pieces as one, markers by themselves."""
    out: list[tuple[str, bool]] = []
    for special, group in groupby(pieces, key=itemgetter(1)):
        texts = [text for text, _ in group]
        out += [(text, True) for text in texts] if special else [("".join(texts), False)]
    return out


def _truncated(role: str, name: str | None, grammar: Grammar, closing: bool) -> Header:
    """Role and name, and then the turn or the text ends. Behind "assistant" that is a generation prompt."""
    problems: tuple[Problem, ...] = ()
    if not (closing and role == "assistant"):
        here, text = len(grammar.dialect.start), role + (name or "")
        what = f"the header ends behind {shown(text, 40)}, expected {grammar.dialect.header_end!r}"
        problems = (Problem("truncated-header", Severity.ERROR, here, here + len(text), None, what),)
    return Header(role, grammar.name_of(name), grammar.opening(role, name), "", problems)
