"""Files named by users. No other module opens them.

Named files may be anything that is a regular file, links to one too. In folders nothing is followed that leads
elsewhere: links, hidden entries and what is no regular file are left out.
"""

from __future__ import annotations

import os
import stat
import sys

from chatml._errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

STANDARD_INPUT = "-"
_LARGEST = 512 * 2**20  # bytes: as much as OpenAI takes for one fine-tuning file
_SUFFIXES = (".json", ".jsonl", ".chatml", ".txt", ".prompt")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_text(path: str) -> tuple[str, bool]:
    """The text of a file, or of standard input for "-", and whether a byte order mark stood before it.

    Raises `FileError` for what is no readable regular file, is too large, or is not UTF-8.
    """
    data = _read_standard_input() if path == STANDARD_INPUT else _read(path)
    try:
        return data.removeprefix(_BOM).decode(), data.startswith(_BOM)
    except UnicodeDecodeError as error:
        offset = error.start + (len(_BOM) if data.startswith(_BOM) else 0)
        problem = f"the file is not UTF-8: found byte 0x{data[offset]:02x} at offset {offset}"
        hint = "it looks like UTF-16: save it as UTF-8" if data.startswith(_UTF16) else "save it as UTF-8"
        raise FileError(problem, path=shown_name(path), hint=hint) from None


def shown_name(path: str) -> str:
    """What a file is called in output."""
    return "<stdin>" if path == STANDARD_INPUT else path or "''"


def check_readable(path: str) -> None:
    """Raise `FileError` unless `path` is a regular file that another module may open."""
    _check_kind(path, _status(path))


def is_folder(path: str) -> bool:
    """Whether `path` is a folder, or a link to one."""
    return path != STANDARD_INPUT and os.path.isdir(path)


def files_in(folder: str) -> Iterator[str]:
    """The files in a folder that may be prompts, sorted by name. Raises `FileError` when there is none."""
    found = False
    for path in _walk(folder):
        found = True
        yield path
    if not found:
        names = f"{', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}"
        hint = "files of other names can be given one by one"
        raise FileError(f"the folder holds no file that ends in {names}", path=folder, hint=hint)


def _walk(folder: str) -> Iterator[str]:
    """Regular files with a known suffix below `folder`, sorted by name. A stack, because folders nest deeply."""
    waiting = [(folder, True)]
    while waiting:
        path, is_folder = waiting.pop()
        if is_folder:
            waiting += _entries(path)
        else:
            yield path


def _entries(folder: str) -> list[tuple[str, bool]]:
    """What is to be looked at in a folder, the last one first, and whether it is a folder."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name, reverse=True)
    except (OSError, ValueError) as error:
        raise _from_os(error, folder) from None
    found = []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir(follow_symlinks=False):
            found.append((entry.path, True))
        elif entry.name.lower().endswith(_SUFFIXES) and entry.is_file(follow_symlinks=False):
            found.append((entry.path, False))
    return found


def _status(path: str) -> os.stat_result:
    try:
        return os.stat(path)
    except (OSError, ValueError) as error:
        raise _from_os(error, path) from None


def _check_kind(path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISDIR(status.st_mode):
        raise FileError(
            "this is a folder, expected a file", path=path, hint="name a file in it; only count takes folders"
        )
    kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "not a regular file")
    raise FileError(f"this is {kind}, expected a regular file", path=path, hint="give - and send it to standard input")


def _read(path: str) -> bytes:
    _check_kind(path, _status(path))
    try:
        # a file may be exchanged between the look and the opening: then O_NONBLOCK keeps a FIFO from blocking us
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        with open(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            _check_kind(path, status)
            _check_size(path, status.st_size)
            data = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise _from_os(error, path) from None
    _check_size(path, len(data))
    return data


def _read_standard_input() -> bytes:
    name = shown_name(STANDARD_INPUT)
    if sys.stdin is None:
        raise FileError("standard input is closed", path=name, hint="name a file")
    try:
        data = sys.stdin.buffer.read(_LARGEST + 1)
    except OSError as error:
        raise _from_os(error, name) from None
    _check_size(name, len(data))
    return data


def _check_size(path: str, size: int) -> None:
    if size > _LARGEST:
        problem = f"the file has more than the {_LARGEST:,} bytes that are read at once"
        raise FileError(problem, path=path, hint="split it, such as by lines")


# what the system says -> what we say, and the next step
_SYSTEM_ERRORS: tuple[tuple[type[OSError], str, str], ...] = (
    (FileNotFoundError, "there is no such file or folder", "check the name; - is standard input"),
    (NotADirectoryError, "there is no such file or folder", "check the name; - is standard input"),
    (PermissionError, "reading it is not permitted", "check who may read it"),
)


def _from_os(error: OSError | ValueError, path: str) -> FileError:
    for kind, problem, hint in _SYSTEM_ERRORS:
        if isinstance(error, kind):
            return FileError(problem, path=shown_name(path), hint=hint)
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return FileError(f"it cannot be read: {reason}", path=shown_name(path))
