"""The work of `chatml fmt`: files one after the other, a fault in one does not stop the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatml._errors import ChatMLError, ParseError
from chatml._format import format_text
from chatml._visible import visible
from chatml.cli import _files, _output
from chatml.cli._options import AUTO, MIB
from chatml.cli._report import report
from chatml.cli._terminal import open_terminal
from chatml.cli._writing import write_file
from chatml.dialects import get_dialect
from chatml.promptfiles import EMPTY, NO_PROMPT, TOO_LARGE, check_size

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

_BOM = "\ufeff"
_STYLES = {"+": "green", "-": "red", "@": "blue"}


class _Named(NamedTuple):
    """A file that the user named, or that is in a folder that the user named."""

    path: str
    in_folder: bool


class Formatting:
    """One run of the command. Raises `ConfigError` for an unknown dialect, before anything is read."""

    def __init__(self, arguments: Namespace) -> None:
        self._paths: list[str] = arguments.files
        self._dialect = None if arguments.dialect == AUTO else get_dialect(arguments.dialect)
        self._max_size: int = arguments.max_size
        self._with_diff: bool = arguments.diff
        self._only_check: bool = arguments.check or arguments.diff
        self._terminal = open_terminal(arguments.color)
        self._changed = self._same = self._failed = 0

    def run(self) -> int:
        """Format all files, and say how many. Returns the exit status."""
        for found in self._named():
            try:
                self._format(found)
            except ChatMLError as error:
                report(error)
                self._failed += 1
        if self._paths != [_files.STANDARD_INPUT] or self._only_check:
            _output.write(self._summary())
        if self._failed:
            return 2
        return int(self._only_check and self._changed > 0)

    def _named(self) -> Iterator[_Named | ChatMLError]:
        for path in self._paths:
            if not _files.is_folder(path):
                yield _Named(path, in_folder=False)
                continue
            try:
                for inner in _files.files_in(path):
                    yield inner if isinstance(inner, ChatMLError) else _Named(inner, in_folder=True)
            except ChatMLError as error:
                yield error

    def _format(self, found: _Named | ChatMLError) -> None:
        if isinstance(found, ChatMLError):
            raise found
        name = _files.shown_name(found.path)
        before = self._read(found, name)
        try:
            after = format_text(before, path=name, dialect=self._dialect, max_size=self._max_size)
        except ParseError as error:
            if error.code in (EMPTY, NO_PROMPT) and found.in_folder:
                return
            raise
        if found.path == _files.STANDARD_INPUT and not self._only_check:
            _output.write_data(after)
        self._took(before == after)
        if before != after:
            self._change(found.path, name, before, after)

    def _read(self, found: _Named, name: str) -> str:
        most = self._max_size
        try:
            text, has_bom = _files.read_text(
                found.path, most=most, follow=not found.in_folder,
                check=lambda start: check_size(start, source=name, max_size=most),
            )  # fmt: skip
        except ParseError as error:
            if error.code == TOO_LARGE:
                error.hint = f"--max-size raises the limit of {most // MIB} MiB"
            raise
        return (_BOM if has_bom else "") + text

    def _took(self, is_same: bool) -> None:
        self._same += is_same
        self._changed += not is_same

    def _change(self, path: str, name: str, before: str, after: str) -> None:
        if self._with_diff:
            _output.write("".join(f"{line}\n" for line in self._diff(name, before, after)))
        elif self._only_check:
            _output.write(f"would be formatted: {visible(name)}\n")
        elif path != _files.STANDARD_INPUT:
            write_file(path, after)
            _output.write(f"formatted: {visible(name)}\n")

    def _diff(self, name: str, before: str, after: str) -> Iterator[str]:
        """What would change, harmless; a line that ends in CRLF shows it."""
        from difflib import unified_diff

        old, new = (text.split("\n") for text in (before, after))
        for line in unified_diff(old, new, f"{name} (as it is)", f"{name} (canonical)", lineterm=""):
            yield self._terminal.paint(visible(line), _STYLES.get(line[:1], ""))

    def _summary(self) -> str:
        done = "would be formatted" if self._only_check else "formatted"
        counts = {done: self._changed, "left as it is" if self._same == 1 else "left as they are": self._same}
        counts["in error"] = self._failed
        parts = [f"{count:,} file{'' if count == 1 else 's'} {what}" for what, count in counts.items() if count]
        return f"{', '.join(parts) or 'no prompt files'}\n"
