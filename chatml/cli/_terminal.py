"""What the screen can show: its width, colours, and which characters."""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from chatml.cli import _output

_CODES = {
    "bold": "1",
    "dim": "2",
    "underline": "4",
    "reverse": "7",
    "red": "31",
    "green": "32",
    "yellow": "33",
    "blue": "34",
}
_NARROWEST, _USUAL, _UNLIMITED = 40, 80, 10**9


class Symbols(NamedTuple):
    """The characters that a view is drawn with.

    `border` stands behind a token where there are no colours, `space`, `tab` and `no_break` for white space on request.
    `bearer` goes before what combines with the character before it, where that is another token's.
    """

    ellipsis: str
    newline: str
    used: str
    free: str
    reserved: str
    edge: str
    border: str
    space: str
    tab: str
    no_break: str
    bearer: str


_UNICODE = Symbols("…", "↵", "█", "░", "▒", "│", "¦", "·", "→", "⍽", "◌")
_ASCII = Symbols("...", "\\n", "#", ".", "~", "|", "|", "~", "\\t", "<U+00A0>", "")


class Terminal(NamedTuple):
    """What output for people is made for."""

    width: int
    color: bool
    symbols: Symbols

    def unlimited(self) -> Terminal:
        """The same for lists, in which nothing may be cut unless people look at it."""
        return self._replace(width=_UNLIMITED)

    def paint(self, text: str, style: str) -> str:
        """Give `text` a style: words such as "bold red"; "" is none. Resets before a newline are up to the caller."""
        if not (self.color and style and text):
            return text
        return f"\x1b[{';'.join(_CODES[word] for word in style.split())}m{text}\x1b[0m"


def open_terminal(color: str) -> Terminal:
    """Look at standard output; `color` is auto, always or never."""
    return Terminal(_width(), _has_color(color), _ASCII if _is_poor() else _UNICODE)


def _has_color(color: str) -> bool:
    if color != "auto":
        return color == "always"
    return _output.is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _width() -> int:
    columns = os.environ.get("COLUMNS", "")
    if columns.isascii() and columns.isdecimal() and int(columns[:6]):
        return max(int(columns[:6]), _NARROWEST)
    try:
        return max(os.get_terminal_size(sys.stdout.fileno()).columns, _NARROWEST)
    except (AttributeError, OSError, ValueError):
        return _USUAL


def _is_poor() -> bool:
    """Whether the stream cannot hold the better symbols."""
    try:
        "".join(_UNICODE).encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return True
    return False
