"""`json`: all that is known, as one object."""

from __future__ import annotations

import json
from collections import Counter

from chatml._visible import json_visible
from chatml.lint._report import SEVERITIES, Report, value_of


def report(report: Report) -> str:
    """The findings and the figures of the run."""
    counts = Counter(one.severity for one in report.diagnostics)
    value = {
        "version": report.version,
        "files": report.files,
        "unreadable": report.unreadable,
        "fixed": report.fixed,
        "counts": {str(severity): counts[severity] for severity in SEVERITIES},
        "diagnostics": [value_of(one) for one in report.diagnostics],
    }
    return json_visible(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"
