"""`full`: every finding with the line it is on, for people."""

from __future__ import annotations

from collections.abc import Iterator

from chatml._visible import visible
from chatml.lint._engine import LintDiagnostic
from chatml.lint._excerpt import excerpt
from chatml.lint._report import BOLD, DIM, STYLES, Lines, Report, place, summary
from chatml.lint._rule import Applicability

_OPTIONS = {Applicability.SAFE: "--fix", Applicability.UNSAFE: "--unsafe-fixes"}


def report(report: Report) -> str:
    """All findings, a blank line behind each, and a summary."""
    lines = Lines(report.sources)
    blocks = ["".join(f"{line}\n" for line in _finding(one, lines, report)) for one in report.diagnostics]
    return "\n".join([*blocks, summary(report)])


def _finding(one: LintDiagnostic, lines: Lines, report: Report) -> Iterator[str]:
    title = report.paint(f"{one.severity} {one.code}", STYLES[one.severity])
    yield f"{title} {visible(one.message)} {report.paint(f'({one.name})', DIM)}"
    pointer = report.paint(f" {visible(one.pointer)}", DIM) if one.pointer else ""
    yield f"{report.paint('-->', DIM)} {report.paint(place(one), BOLD)}{pointer}"
    yield from excerpt(one, lines, report)
    if one.help:
        yield f"{report.paint('help:', BOLD)} {visible(one.help)}"
    if one.fix:
        option = _OPTIONS[Applicability(one.fix.applicability)]
        yield f"{report.paint('fix:', BOLD)} {visible(one.fix.title)} ({option})"
