r"""Text of users, made harmless to look at: what a terminal would obey, reorder or hide is shown as an escape.

Everything of users that is printed for people goes through `visible`: content, file names, error messages. Control
characters (C0, DEL, C1), characters that change the direction of text, and characters that take no room become `\x1b`
or `<U+202E>`.
"""

from __future__ import annotations

import re
from functools import cache

_CONTROLS = "\x00-\x1f\x7f-\x9f"
_DIRECTION = "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"
_LINE_ENDS = "\u2028\u2029"
_NO_ROOM = (
    "\xad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200d\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff0-\ufffb"
    "\ufe00-\ufe0e"  # variation selectors, but for U+FE0F, which belongs to emoji
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"  # controls of hieroglyphs, shorthand, music
    "\U000e0000-\U000e0fff"  # tags, and more variation selectors
)
_SURROGATES = "\ud800-\udfff"
_CLASS = f"[{_CONTROLS}{_DIRECTION}{_LINE_ENDS}{_NO_ROOM}{_SURROGATES}]"
_NAMED = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


@cache
def _unsafe(*, in_layout: bool) -> re.Pattern[str]:
    """What is not shown as it is; newlines and tabs are, in a layout that is ours. Compiled late: it takes 1 ms."""
    return re.compile(_CLASS.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f") if in_layout else _CLASS)


def visible(text: str) -> str:
    r"""Make `text` harmless and one line.

    >>> visible("\x1b[2J")
    '\\x1b[2J'
    """
    return text if text.isascii() and text.isprintable() else _unsafe(in_layout=False).sub(_escaped, text)


def visible_lines(text: str) -> str:
    """Make `text` harmless; newlines and tabs stay, because the layout is that of the text."""
    return _unsafe(in_layout=True).sub(_escaped, text)


def json_visible(text: str) -> str:
    """Make JSON text harmless, and leave it the same JSON: what is escaped can only stand in strings."""
    return _unsafe(in_layout=True).sub(_json_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"<U+{code:04X}>")


def _json_escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
