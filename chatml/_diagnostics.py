"""What is reported about a text: a code, a place and a sentence."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Severity(StrEnum):
    """How bad a finding is."""

    ERROR = "error"  # the text is not what it claims to be: a message may be wrong or lost
    WARNING = "warning"  # read, but probably not meant so
    INFO = "info"  # what others commonly write; read without doubt


class Diagnostic(NamedTuple):
    """One finding.

    `start` and `end` are offsets in characters of the text (half-open), `line` and `column` those of `start`, counted
    from 1. `message_index` is the message it is about, None when it is outside of all messages.
    """

    code: str
    severity: Severity
    message: str
    start: int
    end: int
    line: int
    column: int
    message_index: int | None = None

    def __str__(self) -> str:
        return f"{self.line}:{self.column}: {self.severity} {self.code}: {self.message}"
