"""Files named by users. No other module opens them.

A named file may be anything that is a regular file, a link to one too. A named folder, which may be a link as well, is
searched to its bottom, and nothing outside of it is opened:

- An entry whose name begins with a dot is passed over with all that is in it: .git, node_modules/.bin.
- A regular file is read if its name ends as that of a prompt does: .json, .jsonl, .chatml, .txt, .prompt, .prompty,
  .prompt.yml, .prompt.yaml.
- What has such a name and is no regular file (a FIFO, a socket, a device) is an error.
- A link is not followed. One that stays in the folder is passed over: what it leads to is found by its own name. One
  that leads out is an error if it has such a name or leads to a folder; so is one of such a name that leads nowhere.
- All else is passed over.

Each error is about one entry, and the search goes on behind it. An entry that is exchanged for a link after the look at
it is not followed either, but on Windows, which has no O_NOFOLLOW.
"""

from __future__ import annotations

import codecs
import os
import stat
import sys
from contextlib import contextmanager
from typing import NamedTuple

from chatml._errors import FileError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import BinaryIO

STANDARD_INPUT = "-"
_LARGEST = 512 * 2**20  # bytes of a file, whatever is in it: as much as OpenAI takes for one fine-tuning file
_SUFFIXES = (".json", ".jsonl", ".chatml", ".txt", ".prompt", ".prompty", ".prompt.yml", ".prompt.yaml")
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_BOM = b"\xef\xbb\xbf"
_WIDEST = 4  # bytes of a character in UTF-8
_JUNCTION = 0xA0000003  # the st_reparse_tag of a link of Windows that is no symbolic link
_KINDS = (
    (stat.S_ISFIFO, "a FIFO"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def read_text(path: str, *, most: int, check: Callable[[str], None], follow: bool = True) -> tuple[str, bool]:
    """The text of a file, or of standard input for "-", and whether a byte order mark stood before it.

    Where there are more than `most` bytes, `check` gets the beginning of the text, which has more than `most` bytes,
    too; if it raises, the rest is not read. `follow=False` refuses a link, for files that were found in a folder.
    Raises `FileError` for what is no readable regular file, has more than 512 MiB, or is not UTF-8.
    """
    name, most = shown_name(path), min(most, _LARGEST)
    with opened(path, follow) as file:
        data = file.read(most + len(_BOM) + _WIDEST) or b""  # None stands for nothing yet
        if len(data) > most:
            check(_decode(data, name, is_whole=False))
            data += file.read(max(_LARGEST + 1 - len(data), 0)) or b""
    _check_size(name, len(data))
    return _decode(data, name), data.startswith(_BOM)


def read_pieces(path: str, *, size: int, follow: bool = True, most: int | None = _LARGEST) -> Iterator[bytes]:
    """The bytes of a file, or of standard input for "-", in pieces of `size` of which only the last may have less.

    Nothing is held but a piece, so that a file of 512 MiB can be read, or with another `most` one of so many bytes
    (None: of any size). Raises `FileError` as `read_text` does.
    """
    read = 0
    with opened(path, follow, most) as file:
        while piece := file.read(size):
            read += len(piece)
            _check_size(shown_name(path), read, most)
            yield piece


def shown_name(path: str) -> str:
    """What a file is called in output."""
    return "<stdin>" if path == STANDARD_INPUT else path or "''"


def check_readable(path: str) -> None:
    """Raise `FileError` unless `path` is a regular file that another module may open."""
    _check_kind(path, _status(path))


def is_folder(path: str) -> bool:
    """Whether `path` is a folder, or a link to one."""
    return path != STANDARD_INPUT and os.path.isdir(path)


def files_in(
    folder: str, *, suffixes: tuple[str, ...] = _SUFFIXES, skip: Callable[[str, bool], bool] = lambda *_: False
) -> Iterator[str | FileError]:
    """The files in a folder that may be prompts, sorted by name, and in their places errors about what may not be read.

    The rules are those of this module. Names end in one of `suffixes`; `skip` says of a path, and of whether it is a
    folder, that it is to be passed over with all that is in it. Raises `FileError` when there is neither.
    """
    found = False
    for one in _walk(_Search(folder, _as_root(folder), suffixes, skip)):
        found = True
        yield one
    if not found:
        names = f"{', '.join(suffixes[:-1])} or {suffixes[-1]}"
        hint = "files of other names can be given one by one"
        raise FileError(f"the folder holds no file that ends in {names}", path=folder, hint=hint)


class _Folder(NamedTuple):
    """A folder that is still to be searched; `follow` is for the one that the user named, which may be a link."""

    path: str
    follow: bool


class _Search(NamedTuple):
    """What is searched: a folder, its true name, and what is looked for in it."""

    folder: str
    root: str
    suffixes: tuple[str, ...]
    skip: Callable[[str, bool], bool]


def _walk(search: _Search) -> Iterator[str | FileError]:
    """What is found below the folder, sorted by name. A stack, because folders nest deeply."""
    waiting: list[str | FileError | _Folder] = [_Folder(search.folder, follow=True)]
    while waiting:
        found = waiting.pop()
        if isinstance(found, _Folder):
            waiting += _entries(found, search)
        else:
            yield found


def _entries(folder: _Folder, search: _Search) -> list[str | FileError | _Folder]:
    """What is to be looked at in a folder, the last one first."""
    try:
        names = sorted(_names(folder), reverse=True)
    except FileError as error:
        return [error]
    found = (_look_at(os.path.join(folder.path, name), search) for name in names if not name.startswith("."))
    return [one for one in found if one is not None]


def _names(folder: _Folder) -> list[str]:
    if os.scandir not in os.supports_fd:
        return _listed(folder.path, folder.path)
    descriptor = _open(folder.path, getattr(os, "O_DIRECTORY", 0), follow=folder.follow)
    try:
        return _listed(descriptor, folder.path)
    finally:
        os.close(descriptor)


def _listed(folder: str | int, path: str) -> list[str]:
    with _system_errors(path), os.scandir(folder) as listing:
        return [entry.name for entry in listing]


def _look_at(path: str, search: _Search) -> str | FileError | _Folder | None:
    """What the entry `path` is: a file to read, an error, a folder to search, or None for what is passed over."""
    is_named = path.lower().endswith(search.suffixes)
    try:
        status = os.lstat(path)
        if stat.S_ISLNK(status.st_mode) or getattr(status, "st_reparse_tag", 0) == _JUNCTION:
            if (is_named or os.path.isdir(path)) and not search.skip(path, False):
                _check_link(path, search.root)
        elif stat.S_ISDIR(status.st_mode):
            return None if search.skip(path, True) else _Folder(path, follow=False)
        elif is_named and not search.skip(path, False):
            _check_kind(path, status)
            return path
    except FileNotFoundError:  # it was removed since the folder was listed
        return None
    except OSError as error:
        return _from_os(error, path)
    except FileError as error:
        return error
    return None


def _check_link(path: str, root: str) -> None:
    """Raise `FileError` for a link that leads out of the folder `root`, or nowhere."""
    try:
        target = os.path.realpath(path, strict=True)
    except PermissionError:
        raise
    except OSError:  # nothing is there, or the link leads back to itself
        raise FileError("this is a link that leads nowhere", path=path, hint="mend it or remove it") from None
    if not _as_root(target).startswith(root):
        problem = f"this is a link that leads out of the folder, to {target}"
        raise FileError(problem, path=path, hint="links are not followed: name what it leads to")


def _as_root(path: str) -> str:
    """The true name of a folder, such that those of all that is in it begin with it."""
    return os.path.join(os.path.normcase(os.path.realpath(path)), "")


@contextmanager
def _system_errors(path: str) -> Iterator[None]:
    """Raise `FileError` for what the system raises."""
    try:
        yield
    except (OSError, ValueError) as error:  # ValueError for a name with NUL
        raise _from_os(error, path) from None


def _status(path: str, *, follow: bool = True) -> os.stat_result:
    with _system_errors(path):
        return os.stat(path, follow_symlinks=follow)


def _check_kind(path: str, status: os.stat_result) -> None:
    if stat.S_ISREG(status.st_mode):
        return
    if stat.S_ISLNK(status.st_mode):
        raise _exchanged(path)
    if stat.S_ISDIR(status.st_mode):
        raise FileError(
            "this is a folder, expected a file",
            path=path,
            hint="name a file in it; count, stats, lint and sanitize --scan take folders",
        )
    kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), "not a regular file")
    raise FileError(f"this is {kind}, expected a regular file", path=path, hint="give - and send it to standard input")


@contextmanager
def opened(path: str, follow: bool, most: int | None = _LARGEST) -> Iterator[BinaryIO]:
    """A file to read from, checked, or standard input."""
    if path == STANDARD_INPUT:
        if sys.stdin is None:
            raise FileError("standard input is closed", path=shown_name(path), hint="name a file")
        with _system_errors(path):
            yield sys.stdin.buffer
        return
    _check_kind(path, _status(path, follow=follow))
    with _system_errors(path), open(_open(path, getattr(os, "O_BINARY", 0), follow=follow), "rb") as file:
        status = os.fstat(file.fileno())
        _check_kind(path, status)
        _check_size(path, status.st_size, most)
        yield file


def _open(path: str, flags: int, *, follow: bool) -> int:
    # what is opened may have been exchanged since the look at it: then O_NONBLOCK keeps a FIFO from blocking us
    flags |= os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | (0 if follow else getattr(os, "O_NOFOLLOW", 0))
    try:
        return os.open(path, flags)
    except (OSError, ValueError) as error:
        if not follow and os.path.islink(path):
            raise _exchanged(path) from None
        raise _from_os(error, path) from None


def _exchanged(path: str) -> FileError:
    return FileError("this is a link, and was none before", path=path, hint="links in a folder are not followed")


def _decode(data: bytes, name: str, *, is_whole: bool = True) -> str:
    """UTF-8 as text; what is not whole may end within a character, which is then left out."""
    try:
        return codecs.utf_8_decode(data.removeprefix(_BOM), "strict", is_whole)[0]
    except UnicodeDecodeError as error:
        offset = error.start + (len(_BOM) if data.startswith(_BOM) else 0)
        problem = f"the file is not UTF-8: found byte 0x{data[offset]:02x} at offset {offset}"
        hint = "it looks like UTF-16: save it as UTF-8" if data.startswith(_UTF16) else "save it as UTF-8"
        raise FileError(problem, path=name, hint=hint) from None


def _check_size(path: str, size: int, most: int | None = _LARGEST) -> None:
    if most is not None and size > most:
        problem = f"the file has more than the {most:,} bytes that are read at once"
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
