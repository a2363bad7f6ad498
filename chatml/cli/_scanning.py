"""The work of `chatml sanitize --scan`: files one after the other, a fault in one does not stop the others."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import FileError
from chatml._scan import scan
from chatml.cli import _files
from chatml.cli._report import report
from chatml.cli._untrusted import read_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatml._findings import Finding


class ScannedFile(NamedTuple):
    """One file, its text without a byte order mark, and what was found in it, in the order of places."""

    name: str
    text: str
    findings: tuple[Finding, ...]


class Scan:
    """One run of the command. Its numbers are complete when all files have been taken from it.

    Raises `ConfigError` for tokens with which nothing can be scanned, before anything is read or written.
    """

    def __init__(self, paths: list[str], tokens: frozenset[str] | None) -> None:
        scan("", tokens=tokens)
        self._paths = paths
        self._tokens = tokens
        self.totals: Counter[Severity] = Counter()
        self.scanned = self.hit = 0  # files, and those with findings
        self._failed = False

    @property
    def status(self) -> int:
        """The exit status: 2 when a file could not be scanned, 1 for an error or a warning in any."""
        if self._failed:
            return 2
        return int(self.totals[Severity.ERROR] + self.totals[Severity.WARNING] > 0)

    def files(self) -> Iterator[ScannedFile]:
        """Scan the files; errors about them are reported as they come."""
        for found in _named(self._paths):
            try:
                file = self._scan(found)
            except FileError as error:
                report(error)
                self._failed = True
            else:
                self.totals.update(finding.severity for finding in file.findings)
                self.scanned += 1
                self.hit += bool(file.findings)
                yield file

    def _scan(self, found: _Named | FileError) -> ScannedFile:
        if isinstance(found, FileError):
            raise found
        source = read_source(found.path, follow=not found.in_folder)
        return ScannedFile(source.name, source.text, scan(source.text, tokens=self._tokens))


class _Named(NamedTuple):
    """A file that the user named, or that is in a folder that the user named."""

    path: str
    in_folder: bool


def _named(paths: Iterable[str]) -> Iterator[_Named | FileError]:
    for path in paths:
        if not _files.is_folder(path):
            yield _Named(path, in_folder=False)
            continue
        try:
            for inner in _files.files_in(path):
                yield inner if isinstance(inner, FileError) else _Named(inner, in_folder=True)
        except FileError as error:
            yield error
