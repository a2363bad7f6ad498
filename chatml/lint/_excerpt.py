"""The line that a finding is on, with carets below the place."""

from __future__ import annotations

from chatml._visible import visible
from chatml._width import cut, width_of
from chatml.lint._engine import LintDiagnostic
from chatml.lint._report import DIM, STYLES, Lines, Report

_WIDEST = 200  # columns, however wide the screen is: the rest of a line of JSON does not help
_ELLIPSIS = "..."


def excerpt(diagnostic: LintDiagnostic, lines: Lines, report: Report) -> list[str]:
    """The lines of the picture; none where the text is not at hand."""
    found = lines.find(diagnostic)
    if found is None:
        return []
    text, start, end = found
    number = str(diagnostic.line)
    edge = report.paint(f"{'':>{len(number)}} |", DIM)
    room = max(min(report.width, _WIDEST) - len(number) - 3, 20)
    first = min(start + diagnostic.column - 1, end)
    last = end if diagnostic.end_line > diagnostic.line else min(start + diagnostic.end_column - 1, end)
    before = _end_of(text, start, first, room // 3)
    behind = _start_of(text, first, end, room - width_of(before))
    marked = _start_of(text, first, last, room - width_of(before))
    carets = report.paint("^" * max(width_of(marked), 1), STYLES[diagnostic.severity])
    head = report.paint(f"{number} |", DIM)
    return [edge, f"{head} {before}{behind}".rstrip(), f"{edge} {' ' * width_of(before)}{carets}", edge]


def _start_of(text: str, start: int, end: int, room: int) -> str:
    """As much of `text[start:end]` as fits, harmless. More characters than columns cannot fit."""
    return cut(visible(text[start : min(end, start + room + 1)]), room, _ELLIPSIS)


def _end_of(text: str, start: int, end: int, room: int) -> str:
    """The last part of `text[start:end]` that fits, harmless."""
    near = max(start, end - room)
    while near < end and width_of(visible(text[near:end])) > room:
        near += 1
    return (_ELLIPSIS if near > start else "") + visible(text[near:end])
