"""`statistics`: how often each rule fired."""

from __future__ import annotations

from collections import Counter

from chatml.lint._report import STYLES, Report, summary
from chatml.lint._rule import Applicability

_MARKS = {Applicability.SAFE: "[*] ", Applicability.UNSAFE: "[-] "}


def report(report: Report) -> str:
    """A line for each rule, the most frequent first: [*] has safe fixes, [-] only unsafe ones. Then a summary."""
    counts = Counter(one.code for one in report.diagnostics)
    samples = {one.code: one for one in reversed(report.diagnostics)}
    fixes = {
        code: {one.fix.applicability for one in report.diagnostics if one.code == code and one.fix} for code in counts
    }
    width = max((len(f"{count:,}") for count in counts.values()), default=0)
    marked = any(fixes.values())
    lines = []
    for code, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        mark = next((_MARKS[kind] for kind in _MARKS if kind in fixes[code]), "    ") if marked else ""
        shown = report.paint(code, STYLES[samples[code].severity])
        lines.append(f"{count:>{width},}  {shown}  {mark}{samples[code].name}\n")
    return "".join([*lines, summary(report)])
