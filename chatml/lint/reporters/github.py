"""`github`: workflow commands that GitHub Actions shows as annotations of files.

Of the annotations of a step only the first ten errors, warnings and notices are shown, so that the worst come first.
"""

from __future__ import annotations

from chatml._diagnostics import Severity
from chatml._workflow import Command
from chatml.lint._engine import LintDiagnostic
from chatml.lint._report import Report, by_severity, place, summary

_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}


def report(report: Report) -> str:
    """A command for every finding, and a summary for who reads the log. It has to be written as it is."""
    commands = [f"{_command(one)}\n" for one in by_severity(report.diagnostics)]
    return "".join([*commands, summary(report._replace(color=False))])


def _command(one: LintDiagnostic) -> Command:
    span: dict[str, str | int] = {"file": one.path, "line": one.line, "col": one.column, "endLine": one.end_line}
    if one.end_line == one.line:  # columns count only where both are of one line
        span["endColumn"] = one.end_column
    else:
        del span["col"]
    return Command(
        _LEVELS[one.severity],
        {**span, "title": f"chatml {one.code} {one.name}"},
        f"{place(one)}: {one.code} {one.message}{f' ({one.help})' if one.help else ''}",
    )
