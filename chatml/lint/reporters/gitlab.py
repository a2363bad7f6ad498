"""`gitlab`: a Code Quality report (docs.gitlab.com, "Code Quality", "Code Quality report format")."""

from __future__ import annotations

import json

from chatml._diagnostics import Severity
from chatml._visible import json_visible
from chatml.lint._report import Report, fingerprints

_SEVERITIES = {Severity.ERROR: "major", Severity.WARNING: "minor", Severity.INFO: "info"}


def report(report: Report) -> str:
    """The findings as a JSON list; fingerprints are unique and stay when other lines change."""
    value = [
        {
            "description": one.message,
            "check_name": one.code,
            "fingerprint": f"{mark}-{number}",
            "severity": _SEVERITIES[one.severity],
            "location": {
                "path": one.path.replace("\\", "/"),
                "positions": {
                    "begin": {"line": one.line, "column": one.column},
                    "end": {"line": one.end_line, "column": one.end_column},
                },
            },
        }
        for one, mark, number in fingerprints(report)
    ]
    return json_visible(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"
