"""Files that users want written. No other module writes any: each is there as a whole or not at all."""

from __future__ import annotations

import os
import stat

from chatml._errors import FileError
from chatml._replace import replace_file
from chatml.cli._files import STANDARD_INPUT, opened

_PAGE = b"<!doctype html"


def write_file(path: str, text: str) -> None:
    """Put a file with `text` in UTF-8 in the place of what is at `path`, whose mode it keeps. A link is followed.

    Raises `FileError` for a text that UTF-8 cannot hold and for what is there and no regular file, or cannot be
    written; then all is as it was.
    """
    if path == STANDARD_INPUT:
        hint = "leave out the option for standard output, or write ./- for a file of that name"
        raise FileError("the name of a file is expected", path=path, hint=hint)
    data = _encoded(path, text)
    try:
        replace_file(os.path.realpath(path), data, mode=_mode_of(path))
    except (OSError, ValueError) as error:
        raise _from_os(error, path) from None


def check_page(path: str | None) -> None:
    """Raise `FileError` where `write_file` would put a page in the place of a file that is none.

    `--html train.jsonl valid.jsonl` is easily typed, and would replace the data by a page about the rest of it.
    """
    if path is None or not os.path.isfile(path):
        return
    with opened(path, True, None) as file:
        begin = file.read(len(_PAGE))
    if begin and begin.lower() != _PAGE:
        problem = "found a file that is no HTML page, and would be replaced"
        raise FileError(problem, path=path, hint="give --html a new name, or that of a page")


def _encoded(path: str, text: str) -> bytes:
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        from chatml._spans import LineIndex

        line, column = LineIndex(text).position(error.start)
        which = f"the lone surrogate U+{ord(text[error.start]):04X} on line {line}, column {column} of the text"
        problem = f"found {which}, which a file in UTF-8 cannot hold"
        raise FileError(problem, path=path, hint="--format json writes it as an escape") from None


def _mode_of(path: str) -> int | None:
    """The mode of the file at `path`, None when there is none."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        if not os.path.basename(path):
            raise
        return None
    if not stat.S_ISREG(mode):
        kind = "a folder" if stat.S_ISDIR(mode) else "no regular file"
        raise FileError(f"this is {kind}, expected a file or a new name", path=path, hint="name a file")
    if not os.access(path, os.W_OK):  # replacing it takes no more than a folder that may be written
        raise PermissionError
    return mode


# what the system says -> what we say, and the next step
_SYSTEM_ERRORS: tuple[tuple[type[OSError], str, str], ...] = (
    (FileNotFoundError, "there is no such folder", "check the name, or make the folder first"),
    (NotADirectoryError, "there is no such folder", "check the name, or make the folder first"),
    (PermissionError, "writing it is not permitted", "check who may write there"),
)


def _from_os(error: OSError | ValueError, path: str) -> FileError:
    name = path or "''"
    for kind, problem, hint in _SYSTEM_ERRORS:
        if isinstance(error, kind):
            return FileError(problem, path=name, hint=hint)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return FileError(f"it cannot be written: {reason}", path=name)
