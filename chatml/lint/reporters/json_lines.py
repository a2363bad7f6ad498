"""`json-lines`: every finding as an object in a line of its own."""

from __future__ import annotations

import json

from chatml._visible import json_visible
from chatml.lint._report import Report, value_of


def report(report: Report) -> str:
    """The findings, and nothing else."""
    found = (json.dumps(value_of(one), ensure_ascii=False, separators=(",", ":")) for one in report.diagnostics)
    return "".join(f"{json_visible(line)}\n" for line in found)
