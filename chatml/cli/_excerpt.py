"""The line that a problem is on, with carets below the place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._diagnostics import Severity
from chatml._visible import visible
from chatml._width import cut, width_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatml._diagnostics import Diagnostic
    from chatml._findings import Finding
    from chatml.cli._terminal import Terminal

SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "blue"}


def excerpt(place: Diagnostic | Finding, text: str, terminal: Terminal, style: str) -> Iterator[str]:
    """Two lines: what of the line fits the screen, and carets in `style`. A place that goes on ends with its line."""
    begin = place.start - (place.column - 1)
    head = f"{place.line:>5} {terminal.symbols.edge} "
    blank = f"{'':>5} {terminal.symbols.edge} "
    room, ellipsis = terminal.width - len(head), terminal.symbols.ellipsis
    newline = text.find("\n", place.start, place.start + room + 1)  # a line may be as long as the text
    line_end = len(text) if newline < 0 else newline
    before = _end_of(text, begin, place.start, room // 3, ellipsis)
    rest = _start_of(text, place.start, line_end, room - width_of(before), ellipsis)
    marked = _start_of(text, place.start, min(place.end, line_end), room - width_of(before), ellipsis)
    yield (terminal.paint(head, "dim") + before + rest).rstrip(" ")
    yield terminal.paint(blank, "dim") + " " * width_of(before) + terminal.paint("^" * max(width_of(marked), 1), style)


def _start_of(text: str, start: int, end: int, room: int, ellipsis: str) -> str:
    """As much of `text[start:end]` as fits, harmless. More characters than columns cannot fit."""
    return cut(visible(text[start : min(end, start + room + 1)]), room, ellipsis)


def _end_of(text: str, start: int, end: int, room: int, ellipsis: str) -> str:
    """The last part of `text[start:end]` that fits, harmless."""
    near = max(start, end - room)
    while near < end and width_of(visible(text[near:end])) > room:
        near += 1
    return (ellipsis if near > start else "") + visible(text[near:end])
