"""Dotprompt: front matter, and a Handlebars template in which `{{role "user"}}` begins a message."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._front_matter import FrontPlaces, body_start, has_front, read_front, trimmed
from chatml.promptfiles._places import Path
from chatml.promptfiles._tags import Finder
from chatml.promptfiles._template import Template, Variables

_MARKER = re.compile(
    r"(?P<comment>\{\{~?!(?:--)?)"
    r"|\{\{~?\s*+#?role\s++(?P<quote>[\"'])(?P<role>[a-z]+)(?P=quote)\s*+~?\}\}|\{\{~?\s*+/role\s*+~?\}\}"
)
_ROLE = re.compile(r"\{\{~?\s*#?role\s+[\"']")
_NAMES = {"model": "assistant"}  # as it is called elsewhere
_FIELD = re.compile(r"[A-Za-z_]\w*")
_TYPES = frozenset({"object", "string", "array"})


def _likeness(text: str) -> int:
    if has_front(text):
        return 2 if _ROLE.search(text, body_start(text)) else 1
    return int("{{" in text)


def _read(text: str, source: str) -> list[Document]:
    front = read_front(text, source)
    spans: dict[Path, tuple[int, int]] = {(): (0, len(text)), ("template",): (front.body, len(text))}
    messages: list[dict[str, Any]] = []
    for name, role, content in _parts(text, front.body):
        path: Path = ("messages", len(messages))
        spans |= {path: content, (*path, "role"): role, (*path, "content"): content}
        messages.append({"role": name, "content": text[content[0] : content[1]]})
    model = front.value.get("model")
    template = Template(text[front.body :], "handlebars", ("template",))
    return [
        Document(
            "dotprompt", messages=tuple(messages), request={"model": model} if isinstance(model, str) else {},
            value=front.value, places=FrontPlaces(spans, front.places), root=("messages",), templates=(template,),
            variables=_variables(front.value.get("input")),
        )
    ]  # fmt: skip


def _parts(text: str, start: int) -> Iterator[tuple[str, tuple[int, int], tuple[int, int]]]:
    """The role of each message, and the spans of its role and its content; what comes first is the user's."""
    name, role = "user", (start, start)
    comments: list[tuple[int, int]] = []
    for found in _markers(text, start, comments):
        first, last = trimmed(text, start, found.start() if found else len(text))
        if first < last and not _are_all(comments, text, first, last):
            yield name, role, (first, last)
        if found:
            comments.clear()
            start = found.end()
            name, role = (found["role"], found.span("role")) if found["role"] else ("user", (start, start))
            name = _NAMES.get(name, name)


def _markers(text: str, position: int, comments: list[tuple[int, int]]) -> Iterator[re.Match[str] | None]:
    """The markers that stand in no comment, and None for the end of the text; `comments` are those before each."""
    finder = Finder(text)
    while (found := _MARKER.search(text, position)) is not None:
        position = found.end()
        if found["comment"]:
            closing = "--}}" if found["comment"].endswith("--") else "}}"
            end = finder.find(closing, position)
            if end >= 0:
                position = end + len(closing)
                comments.append((found.start(), position))
        else:
            yield found
    yield None


def _are_all(comments: list[tuple[int, int]], text: str, start: int, end: int) -> bool:
    """Whether there is nothing but comments in a span."""
    for first, last in comments:
        if text[start:first].strip():
            return False
        start = max(start, last)
    return not text[start:end].strip()


def _variables(declared: Any) -> Variables | None:
    if not isinstance(declared, dict):
        return None
    schema, defaults = declared.get("schema"), declared.get("default")
    path: Path = ("input", "schema")
    if isinstance(schema, dict) and schema.get("type") in _TYPES and isinstance(schema.get("properties"), dict):
        schema, path = schema["properties"], (*path, "properties")
    fields = dict(_fields(schema, path)) if isinstance(schema, dict) else {}
    known = frozenset(defaults if isinstance(defaults, dict) else ())
    is_open = isinstance(schema, dict) and any(name.startswith("(") for name in schema)
    return Variables(fields, known, is_closed=bool(fields) and not is_open) if fields or known else None


def _fields(schema: Mapping[str, Any], path: Path) -> Iterator[tuple[str, Path]]:
    """The names of a Picoschema: `tags?(array, what they are)` is tags."""
    for key in schema:
        if found := _FIELD.match(key):
            yield found[0], (*path, key)


DOTPROMPT = Format("dotprompt", (".prompt",), _likeness, _read, needs_name=True)
