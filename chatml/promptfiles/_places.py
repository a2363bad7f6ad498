"""Where the values of a document stand in its file, so that a finding can point at them and a fix can change them.

Places are looked for when somebody asks: reading stays as fast as the parser of the format. A path is the keys and
indexes that lead from the document to a value, such as `("messages", 0, "content")`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeAlias

Path: TypeAlias = tuple[str | int, ...]


class Change(NamedTuple):
    """An edit of a file: `text` in place of the characters from `start` to `end`."""

    start: int
    end: int
    text: str


class Places(Protocol):
    """Where values stand. All offsets are characters of the file."""

    def span(self, path: Path, start: int | None = None, end: int | None = None) -> tuple[int, int]:
        """The span of a value, or of the characters from `start` to `end` of a string.

        Where the path leads nowhere, the span of the value at its longest beginning that leads somewhere.
        """

    def change(self, path: Path, value: Any, start: int | None = None, end: int | None = None) -> Change | None:
        """The edit that puts `value` there: a string between `start` and `end`, else a whole value.

        None where the format has no way to write it, or the path leads nowhere.
        """


class TextPlaces:
    """Places in a format that holds strings as they are: a table of spans by path."""

    def __init__(self, spans: Mapping[Path, tuple[int, int]]) -> None:
        self._spans = spans

    def span(self, path: Path, start: int | None = None, end: int | None = None) -> tuple[int, int]:
        """See `Places`."""
        for length in range(len(path), -1, -1):
            found = self._spans.get(path[:length])
            if found is not None:
                inside = length == len(path) and start is not None
                return (found[0] + (start or 0), found[0] + (start or 0 if end is None else end)) if inside else found
        return 0, 0

    def change(self, path: Path, value: Any, start: int | None = None, end: int | None = None) -> Change | None:
        """See `Places`."""
        if path not in self._spans or not isinstance(value, str):
            return None
        return Change(*self.span(path, start, end), value)


class _Node(NamedTuple):
    """A JSON value in its text: where it begins and ends, and the values in it by key or index."""

    start: int
    end: int
    inner: dict[str | int, _Node]


_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\]]|[^\s"{}\[\],:]++', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|.)", re.DOTALL)


class JsonPlaces:
    """Places in JSON text: a value that begins behind `start` of `text`; `text` itself begins at `base` of the file."""

    def __init__(self, text: str, start: int = 0, base: int = 0) -> None:
        self._text = text
        self._start = start
        self._base = base
        self._escapes: dict[int, _Escapes] = {}  # by where a string begins

    @cached_property
    def _root(self) -> _Node:
        return _read(self._text, self._start)

    def _find(self, path: Path) -> tuple[_Node, bool]:
        node = self._root
        for step in path:
            inner = node.inner.get(step)
            if inner is None:
                return node, False
            node = inner
        return node, True

    def span(self, path: Path, start: int | None = None, end: int | None = None) -> tuple[int, int]:
        """See `Places`."""
        node, found = self._find(path)
        first, last = node.start, node.end
        if found and start is not None and self._text[first] == '"':
            escapes = self._escapes_of(node)
            first, last = escapes.place(start), escapes.place(start if end is None else end)
        return first + self._base, last + self._base

    def _escapes_of(self, node: _Node) -> _Escapes:
        if node.start not in self._escapes:
            self._escapes[node.start] = _Escapes(self._text, node.start + 1, node.end - 1)
        return self._escapes[node.start]

    def change(self, path: Path, value: Any, start: int | None = None, end: int | None = None) -> Change | None:
        """See `Places`."""
        node, found = self._find(path)
        if not found or (start is not None and (self._text[node.start] != '"' or not isinstance(value, str))):
            return None
        text = json.dumps(value, ensure_ascii=self._text.isascii())
        if start is None:
            return Change(node.start + self._base, node.end + self._base, text)
        return Change(*self.span(path, start, end), text[1:-1])


def _read(text: str, start: int) -> _Node:
    """The tree of the JSON value at `start`, which is known to be well formed."""
    open_nodes: list[tuple[int, dict[str | int, _Node], bool]] = []  # start, inner, is an object
    keys: list[str | None] = []
    for match in _TOKEN.finditer(text, start):
        token, position = match[0], match.start()
        if token in ("{", "["):
            open_nodes.append((position, {}, token == "{"))
            keys.append(None)
            continue
        if token in ("}", "]"):
            begin, inner, _ = open_nodes.pop()
            keys.pop()
            node = _Node(begin, match.end(), inner)
        elif open_nodes and open_nodes[-1][2] and keys[-1] is None:
            keys[-1] = json.loads(token)
            continue
        else:
            node = _Node(position, match.end(), {})
        if not open_nodes:
            return node
        inner = open_nodes[-1][1]
        key = keys[-1]
        inner[len(inner) if key is None else key] = node
        keys[-1] = None
    return _Node(start, len(text), {})


class _Escapes:
    """The escapes in a string of JSON: which of its characters they are, and by how much they move what follows."""

    def __init__(self, text: str, first: int, last: int) -> None:
        self._first = first
        self._characters: list[int] = []
        self._moved = [0]
        for match in _ESCAPE.finditer(text, first, last):
            self._characters.append(match.start() - first - self._moved[-1])
            self._moved.append(self._moved[-1] + match.end() - match.start() - 1)

    def place(self, character: int) -> int:
        """Where a character of the string stands in the text."""
        return self._first + character + self._moved[bisect_left(self._characters, character)]
