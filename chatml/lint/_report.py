"""What a reporter gets, and what several of them make of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from chatml._diagnostics import Severity
from chatml._visible import visible
from chatml.lint._engine import LintDiagnostic
from chatml.lint._rule import Applicability

SEVERITIES = (Severity.ERROR, Severity.WARNING, Severity.INFO)  # the worst one first
STYLES = {Severity.ERROR: "1;31", Severity.WARNING: "1;33", Severity.INFO: "34"}  # as `chatml.cli._terminal` has them
BOLD, DIM = "1", "2"
_LONG = 1000  # characters of a line that stands for itself; of longer ones, as in JSON Lines, what is around the place
_AROUND = 80


class Report(NamedTuple):
    """The outcome of a lint run.

    `diagnostics` are in the order in which they are shown. `sources` gives the text of a path, None where it is not at
    hand. `files` were looked at, `unreadable` of them could not be read, `fixed` findings were fixed. `version` is that
    of chatml, `color` and `width` are what the screen can show.
    """

    diagnostics: Sequence[LintDiagnostic]
    sources: Callable[[str], str | None]
    files: int
    unreadable: int
    version: str
    color: bool
    width: int
    fixed: int

    def paint(self, text: str, style: str) -> str:
        """Give a harmless text a style, where the screen has colours."""
        return f"\x1b[{style}m{text}\x1b[0m" if self.color and text else text


class Lines:
    """The lines of files, of which the last one that was asked for is kept: findings come file by file."""

    def __init__(self, sources: Callable[[str], str | None]) -> None:
        self._sources = sources
        self._path: str | None = None
        self._text: str | None = None
        self._starts: list[int] = []

    def find(self, diagnostic: LintDiagnostic) -> tuple[str, int, int] | None:
        """The text of a file and the span of the line in it on which a finding begins; None where it is not there."""
        if diagnostic.path != self._path:
            self._open(diagnostic.path)
        if self._text is None or not 0 < diagnostic.line <= len(self._starts):
            return None
        start = self._starts[diagnostic.line - 1]
        end = self._starts[diagnostic.line] - 1 if diagnostic.line < len(self._starts) else len(self._text)
        if self._text[start:end].endswith("\r"):
            end -= 1
        return self._text, start, end

    def _open(self, path: str) -> None:
        found = self._sources(path)
        self._path, self._text = path, None if found is None else found.removeprefix("\ufeff")
        self._starts = [0]
        position = -1 if self._text is None else self._text.find("\n")
        while self._text is not None and position >= 0:
            self._starts.append(position + 1)
            position = self._text.find("\n", position + 1)


def fingerprints(report: Report) -> Iterator[tuple[LintDiagnostic, str, int]]:
    """The findings, each with a hash that it keeps when lines are put in or taken out elsewhere, and its number.

    The hash is of the path, the code and the line, or what is around the place in a long line; equal ones are numbered
    from 1 in the order of the file.
    """
    from hashlib import sha256

    lines = Lines(report.sources)
    seen: Counter[str] = Counter()
    for one in report.diagnostics:
        parts = (one.path, one.code, _context(one, lines))
        mark = sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:16]
        seen[mark] += 1
        yield one, mark, seen[mark]


def _context(diagnostic: LintDiagnostic, lines: Lines) -> str:
    found = lines.find(diagnostic)
    if found is None:
        return diagnostic.message
    text, start, end = found
    if end - start > _LONG:
        place = start + diagnostic.column - 1
        start, end = max(start, place - _AROUND), min(end, place + _AROUND)
    return "".join(text[start:end].split())


def place(diagnostic: LintDiagnostic) -> str:
    """`path:line:column`, harmless."""
    return visible(f"{diagnostic.path}:{diagnostic.line}:{diagnostic.column}")  # as one: a path may end in a colon


def by_severity(diagnostics: Iterable[LintDiagnostic]) -> list[LintDiagnostic]:
    """The worst first, else in their order."""
    return sorted(diagnostics, key=lambda one: SEVERITIES.index(one.severity))


def summary(report: Report) -> str:
    """The last line for people: what was found in how many files, and what can be done about it."""
    fixed = f"fixed {_counted(report.fixed, 'finding')}; " if report.fixed else ""
    where = f" in {_counted(report.files, 'file')}"
    if report.unreadable:
        where += f", {report.unreadable:,} of them unreadable"
    if not report.diagnostics:
        return f"{fixed}no findings{where}\n"
    counts = Counter(one.severity for one in report.diagnostics)
    found = [
        report.paint(f"{counts[one]:,} info" if one is Severity.INFO else _counted(counts[one], one), STYLES[one])
        for one in SEVERITIES
        if counts[one]
    ]
    return f"{fixed}{', '.join(found)}{where}{_fixable(report.diagnostics)}\n"


def _fixable(diagnostics: Iterable[LintDiagnostic]) -> str:
    counts = Counter(one.fix.applicability for one in diagnostics if one.fix)
    safe, unsafe = counts[Applicability.SAFE], counts[Applicability.UNSAFE]
    if not unsafe:
        return f"; {safe:,} can be fixed with --fix" if safe else ""
    if not safe:
        return f"; {unsafe:,} can be fixed with --unsafe-fixes"
    return f"; {safe:,} can be fixed with --fix, {unsafe:,} more with --unsafe-fixes"


def _counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def value_of(diagnostic: LintDiagnostic) -> dict[str, Any]:
    """A finding as a JSON value."""
    fix = diagnostic.fix
    edits = [edit._asdict() for edit in fix.edits] if fix else []
    return {
        **diagnostic._asdict(),
        "fix": fix and {"title": fix.title, "applicability": fix.applicability, "edits": edits},
    }
