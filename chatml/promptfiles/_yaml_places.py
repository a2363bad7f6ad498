"""Where the values of YAML stand in their file, whatever style they are written in."""

from __future__ import annotations

import json
import re
from typing import Any

from chatml._errors import ParseError
from chatml.promptfiles._load_yaml import Yaml, load_yaml
from chatml.promptfiles._places import Change, Path

_ESCAPE = re.compile(r"\\(?:x..|u.{4}|U.{8}|\r?\n[ \t]*|.)", re.DOTALL)
_SPACE = " \t\r\n"
# what may not stand in a string of YAML as it is
_UNPRINTABLE = re.compile("[^\t\n\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class YamlPlaces:
    """Places in a text of YAML that was read."""

    def __init__(self, yaml: Yaml) -> None:
        self._yaml = yaml

    def _find(self, path: Path) -> tuple[Any, bool]:
        node = self._yaml.node
        for step in path:
            inner = None
            if node.id == "mapping":
                inner = next((value for key, value in node.value if key.value == step), None)
            elif node.id == "sequence" and isinstance(step, int) and 0 <= step < len(node.value):
                inner = node.value[step]
            if inner is None:
                return node, False
            node = inner
        return node, True

    def span(self, path: Path, start: int | None = None, end: int | None = None) -> tuple[int, int]:
        """See `Places`."""
        base = self._yaml.base
        if self._yaml.node is None:
            return base, base
        node, found = self._find(path)
        first, last = _extent(self._yaml.text, node)
        if found and start is not None and node.id == "scalar":
            first, last = _inside(self._yaml.text, node, start, start if end is None else end)
        return first + base, last + base

    def change(self, path: Path, value: Any, start: int | None = None, end: int | None = None) -> Change | None:
        """See `Places`."""
        if self._yaml.node is None:
            return None
        node, found = self._find(path)
        if not found or node.id != "scalar" or isinstance(value, (dict, list)):
            return None
        if start is not None:
            if not isinstance(value, str):
                return None
            stop = start if end is None else end
            if node.style == "|":
                return self._change_block(node, value, start, stop)
            value = node.value[:start] + value + node.value[stop:]
        if node.style in ("|", ">"):
            return self._change_block(node, value, 0, len(node.value)) if isinstance(value, str) else None
        first, last = _extent(self._yaml.text, node)
        return Change(first + self._yaml.base, last + self._yaml.base, _spelled(value))

    def _change_block(self, node: Any, value: str, start: int, end: int) -> Change | None:
        """An edit of a literal block, if the block then says what is meant."""
        if node.style != "|":
            return None
        text, base = self._yaml.text, self._yaml.base
        first, last = _inside(text, node, start, end)
        new = value.replace("\n", "\n" + " " * _indent(text, node))
        begin, stop = node.start_mark.index, node.end_mark.index
        behind, also = ("y: 1\n", {"y": 1}) if text[stop - 1] == "\n" else ("", {})  # what follows must stay outside
        try:
            read = load_yaml(f"x: {text[begin:first]}{new}{text[last:stop]}{behind}", "").value
        except ParseError:
            return None
        wanted = node.value[:start] + value + node.value[end:]
        return Change(first + base, last + base, new) if read == {"x": wanted, **also} else None


def _extent(text: str, node: Any) -> tuple[int, int]:
    """The span of a node, less the white space and comments behind it."""
    start, end = node.start_mark.index, node.end_mark.index
    if node.id != "scalar" and node.value and not node.flow_style:
        last = node.value[-1]
        return start, _extent(text, last[1] if node.id == "mapping" else last)[1]
    return start, max(start, start + len(text[start:end].rstrip(_SPACE)))


def _inside(text: str, node: Any, start: int, end: int) -> tuple[int, int]:
    begins, ends = _offsets(text, node)
    start, end = (min(max(offset, 0), len(ends)) for offset in (start, end))
    first = begins[start] if start < len(begins) else (ends[-1] if ends else _body(text, node)[0])
    return first, max(first, ends[end - 1]) if end > start else first


def _body(text: str, node: Any) -> tuple[int, int]:
    start, end = node.start_mark.index, node.end_mark.index
    if node.style in ("'", '"'):
        return start + 1, end - 1
    if node.style in ("|", ">"):
        newline = text.find("\n", start, end)
        return (end if newline < 0 else newline + 1), end
    return start, end


def _indent(text: str, node: Any) -> int:
    """How far the lines of a block are indented."""
    start, end = _body(text, node)
    lines: list[str] = node.value.split("\n")
    first = next((line for line in lines if line.strip(_SPACE)), "")
    source = next((line for line in text[start:end].split("\n") if line.strip(_SPACE)), "")
    return max(_spaces(source) - _spaces(first), 0)


def _spaces(line: str) -> int:
    return len(line) - len(line.lstrip(" "))


def _offsets(text: str, node: Any) -> tuple[list[int], list[int]]:
    """Where each character of a scalar begins and ends in the text.

    Characters that are no white space stand there in their order; white space that was folded is put where the white
    space is.
    """
    position, end = _body(text, node)
    indent = _indent(text, node) if node.style == "|" else 0
    begins: list[int] = []
    ends: list[int] = []
    at_line_start = node.style == "|"
    for character in node.value:
        if at_line_start:
            position += min(_spaces(text[position : position + indent]), indent)
        position, stop = _unit(text, position, end, character, node.style)
        begins.append(position)
        ends.append(stop)
        position = stop
        at_line_start = node.style == "|" and character == "\n"
    return begins, ends


def _unit(text: str, position: int, end: int, character: str, style: str | None) -> tuple[int, int]:
    """The span of the next character of a scalar."""
    while position < end:
        here = text[position]
        if style == '"' and here == "\\" and (escape := _ESCAPE.match(text, position, end)) is not None:
            if "\n" not in escape[0]:
                return position, escape.end()
            position = escape.end()  # a line that goes on
        elif here == character or character in _SPACE:
            width = 2 if text[position : position + 2] in ("\r\n", "''" if style == "'" else "\r\n") else 1
            return (position, position + width) if here == character or here in _SPACE else (position, position)
        else:
            position += 1
    return end, end


def _spelled(value: Any) -> str:
    """A value on one line."""
    if not isinstance(value, str):
        return json.dumps(value)
    text = json.dumps(value, ensure_ascii=False)
    return _UNPRINTABLE.sub(lambda found: f"\\U{ord(found[0]):08x}", text).replace("\x85", "\\x85")
