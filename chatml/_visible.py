r"""Text of users, made harmless to look at: what a terminal or a CI log would obey, reorder or hide becomes an escape.

Everything of users that is printed for people goes through `visible`: content, file names, error messages. Control
characters (C0, DEL, C1), characters that change the direction of text, and characters that take no room become `\x1b`
or `<U+202E>`; workflow commands lose a character to an escape: `\x3a:error` and `#\x23[error]`.
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

# Workflow commands. GitHub's runner looks for "::" where a line begins once white space is trimmed, and for "##["
# anywhere in it (actions/runner, ActionCommand.cs); so does Azure's agent for "##vso[" (azure-pipelines-agent,
# Command.cs), and TeamCity for "##teamcity[". A byte order mark that begins a stream is gone before they look.
_BLANK = "\t\x0b-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u202f\u205f\u3000\ufeff"
_LINE_START = f"(?:^|[{_LINE_ENDS}])[{_BLANK}]*"
_AREA = r"(?:vso|teamcity)?\["
# what a log or a terminal would obey: what it is, what stands before it, and the characters themselves
_OBEYED = (
    ("a control character", "", r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)"),
    ("a control of direction", "", f"[{_DIRECTION}]"),
    ("a lone surrogate", "", f"[{_SURROGATES}]"),
    ("a workflow command", _LINE_START, "::"),
    ("a workflow command", "", f"##{_AREA}"),
)


@cache
def _unsafe(*, in_layout: bool) -> re.Pattern[str]:
    """What is not shown as it is; newlines and tabs are, in a layout that is ours. Compiled late: it takes 1 ms."""
    return re.compile(_CLASS.replace("\x00-\x1f", "\x00-\x08\x0b-\x1f") if in_layout else _CLASS)


def visible(text: str) -> str:
    r"""Make `text` harmless and one line.

    >>> visible("\x1b[2J")
    '\\x1b[2J'
    """
    printable = text.isascii() and text.isprintable()
    return without_commands(text if printable else _unsafe(in_layout=False).sub(_escaped, text))


def visible_lines(text: str) -> str:
    """Make `text` harmless; newlines and tabs stay, because the layout is that of the text."""
    return without_commands(_unsafe(in_layout=True).sub(_escaped, text))


def json_visible(text: str) -> str:
    """Make JSON text harmless, and leave it the same JSON: what is escaped can only stand in strings.

    It is JSON for programs: who puts it into a page has to take care of "</script>", "<!--" and "]]>".
    """
    return without_commands(_unsafe(in_layout=True).sub(_json_escaped, text), r"\u{:04x}")


def without_commands(text: str, form: str = r"\x{:02x}") -> str:
    r"""Show one character of every workflow command in `form`. Commands that a layout completes are found, too.

    >>> without_commands("  ::error::no\nyes ::  ##[error]no")
    '  \\x3a:error::no\nyes ::  #\\x23[error]no'
    """
    if "::" not in text and "##" not in text:
        return text
    return _commands().sub(lambda found: (found[1] or "") + form.format(ord(found[0][-1])), text)


def first_obeyed(text: str) -> tuple[str, str, int] | None:
    """The first that a terminal or a CI log would obey in `text`: what it is, its characters, and where they are."""
    found = _obeyed().search(text)
    if found is None or found.lastindex is None:
        return None
    return _OBEYED[found.lastindex - 1][0], found[found.lastindex], found.start(found.lastindex)


@cache
def _commands() -> re.Pattern[str]:
    """The beginning of a line and the first colon behind it, or the second of two number signs."""
    return re.compile(f"({_LINE_START}):(?=:)|(?<=#)#(?={_AREA})", re.MULTILINE | re.IGNORECASE)


@cache
def _obeyed() -> re.Pattern[str]:
    return re.compile("|".join(f"{before}({those})" for _, before, those in _OBEYED), re.MULTILINE | re.IGNORECASE)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    return _NAMED.get(character) or (f"\\x{code:02x}" if code < 0x100 else f"<U+{code:04X}>")


def _json_escaped(match: re.Match[str]) -> str:
    units = match[0].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[place : place + 2].hex()}" for place in range(0, len(units), 2))
