"""The patterns that read one dialect, and what reading gives: parts of a turn and problems, as values."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from chatml._diagnostics import Severity
from chatml._messages import NAME_PATTERN, ROLE_PATTERN
from chatml._segments import SegmentKind
from chatml.dialects import Dialect

HEADER_LIMIT = 256  # characters: role, name and the spaces behind them, each at most 64, and what joins them
COMMON_ROLES = ("system", "developer", "user", "assistant", "tool")
_SPACES = "[ \t]{0,64}"
_LINE_END = _SPACES + "\r?\n"

Part: TypeAlias = tuple[SegmentKind, str, bool]  # kind, text, special


class Problem(NamedTuple):
    """A diagnostic before its line and column are known; `start` and `end` are offsets in characters."""

    code: str
    severity: Severity
    start: int
    end: int
    message: int | None
    text: str

    def moved(self, offset: int, message: int | None) -> Problem:
        """The problem of a piece that begins at `offset` and belongs to `message`."""
        return self._replace(start=self.start + offset, end=self.end + offset, message=message)


class Grammar:
    """The patterns of one dialect; what they read is written by `_render.Frame`."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.markers = re.compile("|".join(map(re.escape, dialect.markers)))
        self.longest = max(map(len, dialect.markers))
        self.beginnings = {marker[:length] for marker in dialect.markers for length in range(1, len(marker))}
        self.by_marker = bool(dialect.header_end.strip())
        before, role, after = (dialect.named_header or "").partition("{role}")
        self.glue = after.removesuffix("{name}") if role and not before else ""
        name = f"({re.escape(self.glue)}{NAME_PATTERN})?" if self.glue else "()"
        self.header = re.compile(f"({ROLE_PATTERN}){name}({_SPACES if self.by_marker else _LINE_END})")
        self.bare_header = re.compile(f"({ROLE_PATTERN}){name}")
        self.loose_header = re.compile(f"({'|'.join(dialect.roles or COMMON_ROLES)})([ \t:]+(?:\r?\n)?|\r?\n)")
        self.canonical = re.compile(f"{re.escape(dialect.start)}({ROLE_PATTERN}){name}{re.escape(dialect.header_end)}")

    def held_back(self, text: str, start: int) -> int:
        """How many characters at the end of `text[start:]` may be the beginning of a marker."""
        for length in range(min(self.longest - 1, len(text) - start), 0, -1):
            if text[-length:] in self.beginnings:
                return length
        return 0

    def name_of(self, written: str | None) -> str | None:
        """The name in what stands behind a role, such as " name=bob"."""
        return written[len(self.glue) :] if written else None

    def opening(self, role: str, name: str | None) -> tuple[Part, ...]:
        """Start marker, role and name; a header without a role has none."""
        parts = ((SegmentKind.START, self.dialect.start, True), (SegmentKind.ROLE, role, False))
        return (*parts[: 2 if role else 1], *(((SegmentKind.NAME, name, False),) if name else ()))


@lru_cache(maxsize=256)
def grammar_of(dialect: Dialect) -> Grammar:
    """The patterns of `dialect`, made once."""
    return Grammar(dialect)
