"""From the bytes of a file to blocks of its text: a small file is one, a large one of JSON Lines is many.

A block of a large file ends with a line, so that each can be checked by itself, in any process, in bounded memory.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from chatml.lint._engine import Block, looks_like_prompt
from chatml.promptfiles import MAX_SIZE

BLOCK_SIZE = 2**19  # bytes; half a second of work at worst, so that no worker waits long for another
_LINES = (".jsonl", ".ndjson")
_BOM = b"\xef\xbb\xbf"
_UTF16 = (b"\xff\xfe", b"\xfe\xff")


class Unreadable(NamedTuple):
    """Why a file, or a part of it, cannot be read: `code` and `name` of a rule, a sentence, the next step, the place.

    `start` counts characters. `is_prompt` is False where nothing says that the file is meant as a prompt.
    """

    code: str
    name: str
    problem: str
    hint: str
    line: int = 1
    column: int = 1
    start: int = 0
    is_prompt: bool = True


class _Part:
    """Bytes of a file, given up when they are too many."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self.size = 0
        self.newlines = 0
        self.head = b""

    def add(self, piece: bytes) -> None:
        self.size += len(piece)
        self.newlines += piece.count(b"\n")
        self._pieces.append(piece)
        if self.is_too_large and self._pieces:
            self.head = self.head or self._pieces[0]
            self._pieces.clear()

    @property
    def is_too_large(self) -> bool:
        return self.size > MAX_SIZE + len(_BOM)

    def data(self) -> bytes:
        return b"".join(self._pieces)


def is_by_line(path: str, form: str | None) -> bool:
    """Whether each line of a file is a document; `form` is the format that the settings name."""
    return form == "jsonl" if form else path.lower().endswith(_LINES)


def read_blocks(pieces: Iterable[bytes], *, by_line: bool) -> Iterator[Block | Unreadable]:
    """Make blocks of a file that comes in pieces of `BLOCK_SIZE` bytes; only the last may have less."""
    line, base, is_first = 1, 0, True
    for part in _parts(pieces, by_line):
        data = part.data()
        has_bom = is_first and data.startswith(_BOM)
        data = data.removeprefix(_BOM) if has_bom else data
        if part.is_too_large:
            problem = f"the {'line' if by_line else 'file'} has more than {MAX_SIZE:,} bytes"
            is_prompt = _looks_like_prompt(part.head)
            yield Unreadable("SYN002", "unparseable-file", problem, "split it", line, 1, base, is_prompt)
            base += part.size
        else:
            try:
                text = codecs.utf_8_decode(data, "strict", True)[0]
                yield Block(text, line, base, has_bom, "jsonl" if by_line else None)
            except UnicodeDecodeError as error:
                text = data.decode(errors="replace")
                yield _not_utf8(data, error.start, line, base)
            base += len(text)
        line, is_first = line + part.newlines, False


def _parts(pieces: Iterable[bytes], by_line: bool) -> Iterator[_Part]:
    part, is_first = _Part(), True
    for piece in pieces:
        cut = piece.rfind(b"\n") + 1 if by_line and len(piece) >= BLOCK_SIZE else 0
        if cut:
            part.add(piece[:cut])
            yield part
            part, is_first = _Part(), False
        part.add(piece[cut:])
    if part.size or is_first:
        yield part


def _not_utf8(data: bytes, offset: int, line: int, base: int) -> Unreadable:
    before = data[:offset].decode()
    problem = f"the file is not UTF-8: found byte 0x{data[offset]:02x}"
    hint = "it looks like UTF-16: save it as UTF-8" if data.startswith(_UTF16) else "save it as UTF-8"
    column = len(before) - before.rfind("\n")
    place = line + before.count("\n"), column, base + len(before)
    return Unreadable("SYN001", "invalid-encoding", problem, hint, *place, _looks_like_prompt(data))


def _looks_like_prompt(data: bytes) -> bool:
    """Also in UTF-16, of which half the bytes are zero in most texts."""
    return looks_like_prompt(data.replace(b"\0", b"").decode(errors="replace"))
