"""`sarif`: SARIF 2.1.0, as GitHub's code scanning reads it.

The properties are those of docs.github.com, "SARIF support for code scanning"; the rest is in the OASIS standard.
"""

from __future__ import annotations

import json
from typing import Any

from chatml._diagnostics import Severity
from chatml._visible import json_visible
from chatml.lint._engine import LintDiagnostic
from chatml.lint._pages import page_of
from chatml.lint._report import Report, fingerprints
from chatml.lint._rule import Rule
from chatml.lint.rules import RULES

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "note"}
_LONGEST = 1024  # characters of a description that GitHub takes


def report(report: Report) -> str:
    """The log: one run, with the rules that found something and their documentation."""
    rules = {rule.code: rule for rule in RULES}
    found = {one.code: one for one in report.diagnostics}
    indexes = {code: index for index, code in enumerate(sorted(found))}
    run = {
        "tool": {
            "driver": {
                "name": "chatml",
                "semanticVersion": report.version,
                "rules": [_rule(found[code], rules.get(code)) for code in indexes],
            }
        },
        "invocations": [{"executionSuccessful": not report.unreadable}],
        "columnKind": "unicodeCodePoints",
        "results": [_result(one, f"{mark}:{number}", indexes) for one, mark, number in fingerprints(report)],
    }
    value = {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}
    return json_visible(json.dumps(value, ensure_ascii=False, indent=2)) + "\n"


def _rule(one: LintDiagnostic, rule: type[Rule] | None) -> dict[str, Any]:
    """A rule as a reporting descriptor. What the engine itself reports may have no class."""
    page = page_of(rule) if rule else None
    summary = page.summary if page else f"{one.name.replace('-', ' ').capitalize()}."
    full = f"{summary} {' '.join(next(iter(page.sections.values()), '').split())}" if page else summary
    text = page.text() if page else f"{summary}\n"
    return {
        "id": one.code,
        "name": one.name,
        "shortDescription": {"text": summary[:_LONGEST]},
        "fullDescription": {"text": full.strip()[:_LONGEST]},
        "help": {"text": text, "markdown": text},
        "defaultConfiguration": {"level": _LEVELS[rule.severity if rule else one.severity]},
        "properties": {"tags": ["prompt", one.code[:3]], "problem.severity": _problem(one.severity)},
    }


def _problem(severity: Severity) -> str:
    return "recommendation" if severity is Severity.INFO else str(severity)


def _result(one: LintDiagnostic, fingerprint: str, indexes: dict[str, int]) -> dict[str, Any]:
    region = {
        "startLine": one.line,
        "startColumn": one.column,
        "endLine": one.end_line,
        "endColumn": one.end_column,
    }
    location: dict[str, Any] = {
        "physicalLocation": {"artifactLocation": _artifact(one.path), "region": region},
    }
    if one.pointer:
        location["logicalLocations"] = [{"fullyQualifiedName": one.pointer, "kind": "value"}]
    return {
        "ruleId": one.code,
        "ruleIndex": indexes[one.code],
        "level": _LEVELS[one.severity],
        "message": {"text": f"{one.message}{f' ({one.help})' if one.help else ''}"},
        "locations": [location],
        "partialFingerprints": {"primaryLocationLineHash": fingerprint},
    }


def _artifact(path: str) -> dict[str, str]:
    """Where a file is: a reference relative to the root of the sources, as it has to be for GitHub to find it."""
    from urllib.parse import quote

    parts = path.replace("\\", "/").encode("utf-8", "surrogateescape" if _is_escaped(path) else "surrogatepass")
    if parts.startswith(b"/"):
        return {"uri": f"file://{quote(parts)}"}
    while parts.startswith(b"./"):
        parts = parts[2:]
    return {"uri": quote(parts), "uriBaseId": "%SRCROOT%"}


def _is_escaped(path: str) -> bool:
    """Whether all surrogates are bytes of a name that is no UTF-8, as `os.fsdecode` writes them."""
    return all("\udc80" <= character <= "\udcff" for character in path if "\ud800" <= character <= "\udfff")
