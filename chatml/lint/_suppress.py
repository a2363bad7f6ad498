"""Comments that keep findings from being reported: `chatml: ignore[CODE]` where a format has comments.

JSON has none, and in a raw prompt a comment would be text that the model reads: there the configuration has to say it.
In YAML, and in the front matter of other files, a comment speaks of its line and of what is indented below it; one that
has a line of its own speaks of the next entry. In a template it speaks of the lines that it stands on, and if there is
nothing else on them, of the next. `chatml: ignore-file[CODE]` speaks of the whole file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatml._spans import LineIndex
from chatml.promptfiles import Document

_YAML = (".yml", ".yaml")
_JINJA = (".jinja", ".jinja2", ".j2")
_BLOCK_SCALAR = re.compile(r"(?:^|[:\-?]|\S[ \t])[ \t]*[|>][-+0-9]*[ \t]*(?:#.*)?$")
_HASH = re.compile(r"(?:^|(?<=[ \t]))#[ \t]*(?P<text>chatml:[ \t]*ignore(?:-file)?\b.*)$")
_BRACES = re.compile(
    r"\{#-?\s*(?P<text>chatml:\s*ignore[^#}]*)#\}"  # Jinja
    r"|\{\{!(?:--)?\s*(?P<other>chatml:\s*ignore[^}]*)\}\}"  # Handlebars
)
_TEXT = re.compile(r"chatml:\s*ignore(?P<file>-file)?\s*(?:\[(?P<codes>[^\]]*)\])?")
_FRONT_MATTER = re.compile(r"\A(?:[ \t]*#[^\n]*\n|[ \t]*\n)*---[ \t]*\r?\n")
_END_OF_FRONT = re.compile(r"^---[ \t]*\r?$", re.MULTILINE)


_ENGINES = ("jinja", "handlebars")
_NO_TEMPLATE_AS_IT_STANDS = ("tokenizer-config",)  # but a string of JSON


class Comment(NamedTuple):
    """A comment at `start` to `end` of the text, for the rules in `codes`, on the lines `first` to `last`."""

    start: int
    end: int
    codes: tuple[str, ...]
    first: int
    last: int

    def covers(self, line: int) -> bool:
        """Whether it speaks of a line."""
        return self.first <= line <= self.last


def has_comments(document: Document) -> bool:
    """Whether a document is rendered by an engine that takes comments out."""
    is_rendered = any(template.engine in _ENGINES for template in document.templates)
    return is_rendered and document.format not in _NO_TEMPLATE_AS_IT_STANDS


def find_comments(text: str, path: str, *, is_template: bool) -> list[Comment]:
    """The comments of a text. `is_template`: it is rendered by an engine that takes comments out."""
    if "chatml:" not in text:
        return []
    name = path.lower()
    found: list[Comment] = []
    if name.endswith(_YAML):
        found += _in_yaml(text, 0, len(text))
    elif opened := _FRONT_MATTER.match(text):
        closed = _END_OF_FRONT.search(text, opened.end())
        found += _in_yaml(text, 0, closed.start() if closed else len(text))
    if is_template or name.endswith(_JINJA):
        found += _in_template(text)
    return found


def _in_yaml(text: str, start: int, end: int) -> Iterator[Comment]:
    lines = text[start:end].split("\n")
    offset, scalar = start, -1  # the indentation of the entry whose block scalar goes on, -1 for none
    for number, line in enumerate(lines, 1):
        indent = len(line) - len(line.lstrip(" "))
        if scalar >= 0 and (not line.strip() or indent > scalar):
            offset += len(line) + 1
            continue
        bare = line.removesuffix("\r")
        scalar = indent if _BLOCK_SCALAR.search(bare) and not bare.lstrip().startswith("#") else -1
        if (comment := _HASH.search(bare)) is not None:
            is_alone = not bare[: comment.start()].strip()
            first = number + 1 if is_alone else number
            yield _comment(comment["text"], offset + comment.start(), offset + len(bare), first, _below(lines, first))
        offset += len(line) + 1


def _below(lines: list[str], first: int) -> int:
    """The last line of the entry that begins on line `first`, or on the next one that is no comment."""
    while first <= len(lines) and (not lines[first - 1].strip() or lines[first - 1].lstrip().startswith("#")):
        first += 1
    if first > len(lines):
        return len(lines)
    indent = len(lines[first - 1]) - len(lines[first - 1].lstrip(" "))
    last = first
    for number in range(first + 1, len(lines) + 1):
        line = lines[number - 1]
        if line.strip():
            if len(line) - len(line.lstrip(" ")) <= indent:
                break
            last = number
    return last


def _in_template(text: str) -> Iterator[Comment]:
    index = LineIndex(text)
    for found in _BRACES.finditer(text):
        first, last = index.position(found.start())[0], index.position(found.end())[0]
        before = text[text.rfind("\n", 0, found.start()) + 1 : found.start()]
        behind = text[found.end() :].partition("\n")[0]
        is_alone = not (before.strip() or behind.strip())
        yield _comment(found["text"] or found["other"], found.start(), found.end(), first, last + is_alone)


def _comment(text: str, start: int, end: int, first: int, last: int) -> Comment:
    found = _TEXT.match(text)
    codes = tuple(code.strip() for code in ((found["codes"] or "") if found else "").split(",") if code.strip())
    if found and found["file"]:
        return Comment(start, end, codes, 1, 10**9)
    return Comment(start, end, codes, first, last)
