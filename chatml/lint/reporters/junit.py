"""`junit`: XML for CI servers that show test results: a suite for every file, a failed case for every finding."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from chatml._visible import visible
from chatml.lint._engine import LintDiagnostic
from chatml.lint._report import Report, place


def report(report: Report) -> str:
    """The document. A run without findings has one case, which has passed: servers want at least one."""
    return "".join(f"{line}\n" for line in _document(report))


def _document(report: Report) -> Iterator[str]:
    found = len(report.diagnostics)
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield f'<testsuites name="chatml" tests="{found or 1}" failures="{found}" errors="0">'
    if not found:
        yield '  <testsuite name="chatml" tests="1" failures="0" errors="0">'
        yield '    <testcase name="no findings" classname="chatml"/>'
        yield "  </testsuite>"
    for path, group in groupby(report.diagnostics, key=lambda one: one.path):
        cases = list(group)
        yield f'  <testsuite name="{_escaped(path)}" tests="{len(cases)}" failures="{len(cases)}" errors="0">'
        for one in cases:
            yield from _case(one)
        yield "  </testsuite>"
    yield "</testsuites>"


def _case(one: LintDiagnostic) -> Iterator[str]:
    name = _escaped(f"{one.code} {one.name} {one.line}:{one.column}")
    yield (
        f'    <testcase name="{name}" classname="{_escaped(one.path)}" file="{_escaped(one.path)}" line="{one.line}">'
    )
    text = f"{place(one)}: {one.message}{f' ({one.help})' if one.help else ''}"
    yield f'      <failure type="{one.severity}" message="{_escaped(one.message)}">{_escaped(text)}</failure>'
    yield "    </testcase>"


def _escaped(text: str) -> str:
    """Text for XML, which cannot hold control characters at all; U+FFFE and U+FFFF neither."""
    shown = visible(text).replace("\ufffe", "<U+FFFE>").replace("\uffff", "<U+FFFF>")
    for character, entity in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;"), ('"', "&quot;")):
        shown = shown.replace(character, entity)
    return shown
