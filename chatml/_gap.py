"""Reading what stands between two turns, before the first or behind the last."""

from __future__ import annotations

from typing import NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import shown
from chatml._grammar import Part, Problem
from chatml._segments import SegmentKind
from chatml._special import BOS_AND_EOS
from chatml.dialects import Dialect

WHITE = " \t\r\n"


class Gap(NamedTuple):
    """A gap that was read. White space behind a turn belongs to its message, other parts to none."""

    parts: tuple[Part, ...] = ()
    problems: tuple[Problem, ...] = ()  # offsets from the beginning of the gap
    bos: str = ""
    eos: str = ""
    of_turn: bool = False  # whether the problems are about the turn before, not about what stands outside of turns


def read_gap(
    gap: str, dialect: Dialect, tokens: frozenset[str], by_id: frozenset[str], first: bool, turn_follows: bool
) -> Gap:
    """Name the parts of a gap. `tokens` are the bos and eos tokens that were announced, those `by_id` are only text."""
    separator = "" if first else dialect.separator
    expected = separator if turn_follows or dialect.separator_after_last else ""
    if gap == expected:
        return Gap(((SegmentKind.SEPARATOR, gap, False),))
    token = gap.strip(WHITE)
    if not token:
        return Gap(((SegmentKind.SEPARATOR, gap, False),), (_odd_space(gap, expected),), of_turn=True)
    if token not in by_id and (token in tokens or token in BOS_AND_EOS):
        return _read_token(gap, token, dialect, separator, (first, turn_follows))
    kept = separator if gap.startswith(separator) else ""
    where = "before the first message" if first and turn_follows else "that is in no message"
    problem = Problem("text-outside-message", Severity.ERROR, len(kept), len(gap), None, f"text {where}")
    return Gap(((SegmentKind.SEPARATOR, kept, False), (SegmentKind.STRAY, gap[len(kept) :], False)), (problem,))


def _odd_space(gap: str, expected: str) -> Problem:
    code, what = "extra-whitespace", f"{shown(gap, 40)} between messages, expected {expected!r}"
    if not gap:
        code, what = "missing-newline", "the newline behind the end marker is missing"
    elif gap.strip(" \t") == expected:
        code, what = "trailing-space", "spaces stand behind the end marker"
    elif gap.strip(" \t") == "\r\n" and expected == "\n":
        code, what = "crlf", "a carriage return and a newline stand behind the end marker"
    return Problem(code, Severity.INFO, 0, len(gap), None, what)


def _read_token(gap: str, token: str, dialect: Dialect, separator: str, place: tuple[bool, bool]) -> Gap:
    """A bos or eos token, which some write with white space around it."""
    first, turn_follows = place
    before, _, after = gap.partition(token)
    kind = SegmentKind.BOS if first else SegmentKind.EOS
    expected = bool(dialect.bos) if kind is SegmentKind.BOS else bool(dialect.eos and not turn_follows)
    problems: tuple[Problem, ...] = ()
    if not turn_follows and not first and not dialect.separator_after_last:
        separator = ""
    if before != separator or after or not expected:
        what = f"the token {token} stands outside of all messages"
        problems = (Problem(f"unexpected-{kind}", Severity.INFO, len(before), len(before) + len(token), None, what),)
    parts = ((SegmentKind.SEPARATOR, before, False), (kind, token, True), (SegmentKind.SEPARATOR, after, False))
    if kind is SegmentKind.BOS:
        return Gap(parts, problems, bos=token)
    return Gap(parts, problems, eos="" if turn_follows else token)
