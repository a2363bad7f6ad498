"""The texts of a conversation that a model reads, each with its place."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatml.lint._rule import Context, Path, Span, Value
from chatml.lint.rules._calls import tools_of

# the parts of a text that quote: fenced blocks, up to the end where one is not closed, and code in a line
_CODE = re.compile(r"^[ \t]*(```+|~~~+)[^\n]*\n(?:.*?^[ \t]*\1|.*)|`[^`\n]+`", re.DOTALL | re.MULTILINE)

_SAID = frozenset({"content", "trusted", "reasoning", "tool_call", "stray"})


class Text(NamedTuple):
    """A text, the role that speaks it ("" for what belongs to no message), and its path, or where it starts."""

    text: str
    role: str
    path: Path | None
    base: int = 0

    def place(self, start: int, end: int) -> Span | Value:
        """The place of characters of the text."""
        return Span(self.base + start, self.base + end) if self.path is None else Value(self.path, start, end)


def texts_of(context: Context) -> Iterator[Text]:
    """All texts: what messages and the descriptions of tools say, and in a raw prompt what stands outside, too."""
    if context.markers:
        roles = [turn.meant or "" for turn in context.turns]
        for kind, text, start, message in context.markers:
            if kind in _SAID:
                yield Text(text, "" if message is None else roles[message], None, start)
        return
    for turn in context.turns:
        for path, text in turn.texts:
            yield Text(text, turn.meant or "", path)
    for tool in tools_of(context):
        description = tool.value.get("description")
        if isinstance(description, str) and tool.name_path != tool.path:
            yield Text(description, "", (*tool.path, "description"))


def without_code(text: str) -> str:
    """A text with spaces in place of what it quotes as code, so that all else stays where it is."""
    if "`" not in text and "~~~" not in text:
        return text
    return _CODE.sub(lambda found: " " * len(found[0]), text)
