"""What the linter says of a file, and what it is given of one."""

from __future__ import annotations

from typing import NamedTuple

from chatml._diagnostics import Severity
from chatml.lint._rule import Fact


class Edit(NamedTuple):
    """Text in place of the characters from `start` to `end` of the file; a start of -1 is its byte order mark."""

    start: int
    end: int
    text: str


class LintFix(NamedTuple):
    """A fix as edits of the file."""

    title: str
    applicability: str
    edits: tuple[Edit, ...]


class LintDiagnostic(NamedTuple):
    """A finding with its place in a file. Lines and columns count from 1, in characters; the end is behind the last.

    `pointer` is the JSON pointer of the value it is about, "" in other formats.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    code: str
    name: str
    severity: Severity
    message: str
    start: int
    end: int
    pointer: str = ""
    help: str = ""
    fix: LintFix | None = None


class Analysis(NamedTuple):
    """What a text gave: its diagnostics in order, facts for dataset rules by code, and whether all could be read."""

    diagnostics: list[LintDiagnostic]
    facts: dict[str, list[Fact]]
    is_readable: bool
    documents: int
    tokens: int | None
    is_prompt: bool = True  # False where nothing says that the file is meant as a prompt


class Block(NamedTuple):
    """A text with its place in its file: the whole file, or some of its lines.

    It begins on `line`, behind `base` characters; rules see places in its text, diagnostics have those in the file.
    `form` is the name of the format where it is known, as it is not seen in every part of a file.
    """

    text: str
    line: int = 1
    base: int = 0
    has_bom: bool = False
    form: str | None = None
