"""What a scan found: for people, for programs, and as annotations of GitHub Actions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from chatml._diagnostics import Severity
from chatml._spans import LineIndex
from chatml._visible import without_commands
from chatml._workflow import Command
from chatml.cli import _output
from chatml.cli._excerpt import SEVERITY_STYLES, excerpt
from chatml.cli._json_output import json_text
from chatml.cli._options import AUTO
from chatml.cli._scanning import Scan
from chatml.cli._terminal import Terminal, open_terminal
from chatml.cli._untrusted import headline, read_tokens

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from chatml._findings import Finding
    from chatml.cli._scanning import ScannedFile

Item = TypeVar("Item")

_NAMES = {
    Severity.ERROR: ("error", "errors"),
    Severity.WARNING: ("warning", "warnings"),
    Severity.INFO: ("info", "info"),
}
_LEVELS = {Severity.ERROR: "error", Severity.WARNING: "warning", Severity.INFO: "notice"}  # the worst one first


def _as_text(scan: Scan, terminal: Terminal) -> Iterator[str]:
    """The line of every finding, and an excerpt with carets below the place."""
    for file in scan.files():
        for finding in file.findings:
            place, kind, meaning = headline(file.name, finding)
            style = SEVERITY_STYLES[finding.severity]
            lines = [terminal.paint(place, "bold") + terminal.paint(kind, style) + meaning]
            lines += excerpt(finding, file.text, terminal, style)
            yield "".join(f"{line}\n" for line in lines)
    yield from _summary(scan, terminal)


def _summary(scan: Scan, terminal: Terminal) -> Iterator[str]:
    if not scan.scanned:
        return
    where = f"{scan.scanned:,} file{'s' if scan.scanned > 1 else ''}"
    findings = scan.totals.total()
    if not findings:
        yield f"no findings in {where}\n"
        return
    if scan.hit < scan.scanned:
        where = f"{scan.hit:,} of {where}"
    counts = [
        terminal.paint(f"{count:,} {names[count > 1]}", SEVERITY_STYLES[severity])
        for severity, names in _NAMES.items()
        if (count := scan.totals[severity])
    ]
    yield f"{findings:,} finding{'s' if findings > 1 else ''} in {where}: {', '.join(counts)}\n"


def _as_json(scan: Scan, _: Terminal) -> Iterator[str]:
    """One object, a finding a line. It is written piece by piece, as hostile text has more findings than fit memory."""
    yield '{"files": ['
    for separator, file in _separated(scan.files()):
        yield f'{separator}\n  {{"file": {_json(file.name)}, "findings": ['
        for between, value in _separated(_values(file)):
            yield f"{between}\n    {_json(value)}"
        yield "]}"
    yield f'\n], "totals": {_json({severity: scan.totals[severity] for severity in _NAMES})}}}\n'


def _separated(items: Iterable[Item]) -> Iterator[tuple[str, Item]]:
    """Items, each with the comma that JSON wants before it."""
    for place, item in enumerate(items):
        yield "," if place else "", item


def _json(value: Any) -> str:
    return json_text(value, compact=True).rstrip("\n")


def _values(file: ScannedFile) -> Iterator[dict[str, Any]]:
    """Findings with the names of the Python interface, and where they end."""
    lines = LineIndex(file.text)
    for finding in file.findings:
        value = finding._asdict()
        reading = value.pop("reading")
        del value["message"], value["field"]
        end_line, end_column = lines.position(finding.end)
        yield {**value, "end_line": end_line, "end_column": end_column, "reading": reading}


def _as_github(scan: Scan, terminal: Terminal) -> Iterator[str | Command]:
    """Annotations, the worst first: of each level only 10 a step are shown. Then a line for who reads the log."""
    found = [(finding.severity, command) for file in scan.files() for finding, command in _annotations(file)]
    for wanted in _LEVELS:
        yield from (command for severity, command in found if severity is wanted)
    yield from _summary(scan, terminal)


def _annotations(file: ScannedFile) -> Iterator[tuple[Finding, Command]]:
    lines = LineIndex(file.text)
    for finding in file.findings:
        last_line, last_column = lines.position(finding.end - 1)
        is_one_line = last_line == finding.line  # else columns are not allowed
        span = {"col": finding.column, "endColumn": last_column + 1} if is_one_line else {"endLine": last_line}
        properties: dict[str, str | int] = {"file": file.name, "line": finding.line, **span}
        properties["title"] = f"chatml {finding.kind}"
        yield finding, Command(_LEVELS[finding.severity], properties, str(headline(file.name, finding)))


_REPORTERS: Mapping[str, Callable[[Scan, Terminal], Iterator[str | Command]]] = {
    "text": _as_text,
    "json": _as_json,
    "github": _as_github,
}


def report_scan(arguments: Namespace) -> int:
    """Run `chatml sanitize --scan`; the status is that of the scan."""
    scan = Scan(arguments.files, read_tokens(arguments))
    output, color = arguments.output, arguments.color
    terminal = open_terminal("never" if output is not None and color == AUTO else color)
    pieces = _REPORTERS[arguments.format](scan, terminal)
    if output is not None:
        from chatml.cli._writing import write_file

        write_file(output, "".join(f"{one}\n" if isinstance(one, Command) else without_commands(one) for one in pieces))
        return scan.status
    for piece in pieces:
        if isinstance(piece, Command):
            _output.write_command(piece)
        else:
            _output.write(piece)
    return scan.status
