"""`concise`: a line for every finding, `path:line:column: CODE message`, and a summary."""

from __future__ import annotations

from chatml._visible import visible
from chatml.lint._report import BOLD, STYLES, Report, place, summary


def report(report: Report) -> str:
    """All findings, and a summary."""
    lines = [
        f"{report.paint(place(one), BOLD)}: {report.paint(one.code, STYLES[one.severity])} {visible(one.message)}\n"
        for one in report.diagnostics
    ]
    return "".join([*lines, summary(report)])
