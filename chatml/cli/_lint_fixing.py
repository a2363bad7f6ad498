"""`chatml lint --fix` and `--diff`: what the fixes of a file make of it, written or shown."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from chatml._errors import FileError
from chatml._visible import visible, visible_lines
from chatml.cli import _files, _output
from chatml.cli._report import note
from chatml.cli._writing import write_file
from chatml.lint._blocks import is_by_line, read_blocks
from chatml.lint._engine import Block
from chatml.lint._fixes import apply_fixes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatml.cli._lint_files import Files
    from chatml.lint._runner import FileResult

_BOM = "\ufeff"


class Change(NamedTuple):
    """A file and its fixes: its text before and after, with the byte order mark, and how often which rule was fixed."""

    name: str
    before: str
    after: str
    applied: Counter[str]


def make_changes(results: Iterable[FileResult], files: Files, *, unsafe: bool) -> int:
    """Write what fixes make of files, each as a whole. Returns how many findings were fixed.

    What becomes of standard input goes to standard output.
    """
    fixed = 0
    for change in _changes(results, files, unsafe=unsafe):
        path = files.path_of(change.name)
        if path == _files.STANDARD_INPUT:
            files.replace_stdin(change.after.encode())
        else:
            try:
                write_file(path, change.after)
            except FileError as error:
                files.unwritten.append(error)
                continue
        fixed += change.applied.total()
    return fixed


def show_changes(results: Iterable[FileResult], files: Files, *, unsafe: bool) -> int:
    """Show what fixes would make of files. Returns how many findings they would fix."""
    fixed = 0
    for change in _changes(results, files, unsafe=unsafe):
        fixed += change.applied.total()
        for line in _difference(change):
            _output.write(visible_lines(line.removesuffix("\n")) + "\n")
    return fixed


def _changes(results: Iterable[FileResult], files: Files, *, unsafe: bool) -> Iterator[Change]:
    for result in results:
        fixes = [one.fix.applicability for one in result.diagnostics if one.fix]
        if result.is_prompt and any(unsafe or applicability == "safe" for applicability in fixes):
            change = _change(result.path, files, unsafe=unsafe)
            if change is not None and change.before != change.after:
                yield change


def _change(name: str, files: Files, *, unsafe: bool) -> Change | None:
    """What fixes make of a file; None where a part of it cannot be read."""
    settings = files.config_of(name).settings
    before, after, applied = [], [], Counter[str]()
    form = settings.of_glob(settings.formats, name)
    try:
        blocks = list(read_blocks(files.pieces_of(name), by_line=is_by_line(name, form)))
    except FileError as error:
        note(f"{visible(name)}: nothing is fixed: {error.problem}")
        return None
    for block in blocks:
        if not isinstance(block, Block):
            note(f"{visible(name)}: nothing is fixed, as a part of it cannot be read")
            return None
        fixed = apply_fixes(block.text, path=name, settings=settings, has_bom=block.has_bom, unsafe=unsafe)
        before.append(_BOM * block.has_bom + block.text)
        after.append(_BOM * fixed.has_bom + fixed.text)
        applied += fixed.applied
        for why in fixed.refused:
            note(f"{visible(name)}: {why}")
    return Change(name, "".join(before), "".join(after), applied)


def _difference(change: Change) -> Iterator[str]:
    from difflib import unified_diff

    before, after = (_lines(text) for text in (change.before, change.after))
    name = visible(change.name)
    for line in unified_diff(before, after, name, name):
        yield line
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _lines(text: str) -> list[str]:
    """Lines with their ends; `splitlines` would also end one at U+2028."""
    *lines, last = text.split("\n")
    return [*(f"{line}\n" for line in lines), *filter(None, (last,))]
