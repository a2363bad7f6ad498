"""Prompty: front matter, and a body that lines such as `system:` divide into messages.

Keys of version 1 (`model.configuration`, `sample`) and version 2 (`model.id`, `inputs`) are read. References such as
`${env:KEY}` stay as they are: reading opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._front_matter import FrontPlaces, body_start, has_front, read_front, trimmed
from chatml.promptfiles._places import Path
from chatml.promptfiles._template import Template, Variables

_ROLES = "system|user|assistant|developer"
_OLD_ROLES = f"{_ROLES}|function|tools"
_LINE = r"^[ \t]*+(?:#[ \t]*+)?(?P<role>{})[ \t]*+(?P<attributes>\[[^\]\n]*+\])?[ \t]*+:[ \t]*+\r?$\n?"
_MARKER = re.compile(_LINE.format(_ROLES), re.MULTILINE | re.IGNORECASE)
_OLD_MARKER = re.compile(_LINE.format(_OLD_ROLES), re.MULTILINE | re.IGNORECASE)
_NAME = re.compile(r"\bname\s*=\s*\"?([A-Za-z0-9_-]+)")
_OLD_KEYS = ("api", "configuration", "parameters")
_TYPES = {"float": "number"}
_ENGINES = {"jinja2": "jinja", "nunjucks": "jinja", "mustache": "mustache", "handlebars": "handlebars"}


def _likeness(text: str) -> int:
    if not has_front(text):
        return 0
    return 2 if _MARKER.search(text, body_start(text)) else 1


class _Part(NamedTuple):
    """A message of the body, and the spans of its role and its content."""

    message: dict[str, Any]
    role: tuple[int, int]
    content: tuple[int, int]


def _read(text: str, source: str) -> list[Document]:
    front = read_front(text, source)
    model = front.value.get("model")
    is_old = "sample" in front.value or (isinstance(model, dict) and any(key in model for key in _OLD_KEYS))
    spans: dict[Path, tuple[int, int]] = {(): (0, len(text)), ("template",): (front.body, len(text))}
    messages: list[dict[str, Any]] = []
    for part in _parts(text, front.body, is_old):
        path: Path = ("messages", len(messages))
        spans |= {path: part.content, (*path, "role"): part.role, (*path, "content"): part.content}
        messages.append(part.message)
    template = Template(text[front.body :], _engine(front.value.get("template")), ("template",))
    return [
        Document(
            "prompty", messages=tuple(messages), request=_request(front.value), value=front.value, root=("messages",),
            places=FrontPlaces(spans, front.places), templates=(template,), variables=_variables(front.value),
        )
    ]  # fmt: skip


def _parts(text: str, start: int, is_old: bool) -> Iterator[_Part]:
    marker = _OLD_MARKER if is_old else _MARKER
    role, message, index = (start, start), {"role": "system"}, 0
    for found in [*marker.finditer(text, start), None]:
        first, last = trimmed(text, start, found.start() if found else len(text))
        # text before the first marker is a system message; of version 1, tools that stand first are none
        if (index or first < last) and not (is_old and index == 1 and message["role"] == "tools"):
            yield _Part(message | {"content": text[first:last]}, role, (first, last))
        if found:
            role, start, index = found.span("role"), found.end(), index + 1
            name = _NAME.search(found["attributes"] or "")
            message = {"role": found["role"].lower()} | ({"name": name[1]} if name else {})


def _engine(template: Any) -> str:
    if isinstance(template, dict):
        template = template.get("format", template.get("type"))
    if isinstance(template, dict):
        template = template.get("kind")
    return _ENGINES.get(template, "jinja") if isinstance(template, str) else "jinja"


def _request(front: Mapping[str, Any]) -> dict[str, Any]:
    model = front.get("model")
    if isinstance(model, dict):
        configuration = model.get("configuration")
        model = model.get("id") or (configuration.get("name") if isinstance(configuration, dict) else None)
    tools = front.get("tools")
    written = [_tool(tool) for tool in tools if isinstance(tool, dict)] if isinstance(tools, list) else []
    request: dict[str, Any] = {"model": model} if isinstance(model, str) and model and "${" not in model else {}
    return request | ({"tools": [tool for tool in written if tool]} if any(written) else {})


def _tool(tool: Mapping[str, Any]) -> dict[str, Any] | None:
    """A function tool, as a provider gets it."""
    if tool.get("kind") != "function" or not isinstance(tool.get("name"), str):
        return None
    function = {key: tool[key] for key in ("name", "description", "strict") if tool.get(key) is not None}
    return {"type": "function", "function": function | {"parameters": _schema(tool.get("parameters"))}}


def _schema(parameters: Any) -> dict[str, Any]:
    if isinstance(parameters, dict):
        parameters = parameters.get("properties", parameters)
    if isinstance(parameters, dict):
        parameters = [{"name": name, **(one if isinstance(one, dict) else {})} for name, one in parameters.items()]
    known = [one for one in parameters or () if isinstance(one, dict) and isinstance(one.get("name"), str)]
    schema: dict[str, Any] = {"type": "object", "properties": {one["name"]: _property(one) for one in known}}
    required = [one["name"] for one in known if one.get("required") is True]
    return schema | ({"required": required} if required else {})


def _property(one: Mapping[str, Any]) -> dict[str, Any]:
    kind = one.get("kind")
    found = {"type": _TYPES.get(kind, kind)} if isinstance(kind, str) else {}
    for key, name in (("description", "description"), ("enumValues", "enum")):
        if one.get(key):
            found[name] = one[key]
    return found


def _variables(front: Mapping[str, Any]) -> Variables | None:
    inputs, sample = front.get("inputs"), front.get("sample")
    declared: dict[str, Path] = {}
    if isinstance(inputs, dict):
        declared = {name: ("inputs", name) for name in inputs}
    elif isinstance(inputs, list):
        pairs = ((one.get("name"), index) for index, one in enumerate(inputs) if isinstance(one, dict))
        declared = {name: ("inputs", index) for name, index in pairs if isinstance(name, str)}
    known = frozenset(sample if isinstance(sample, dict) else ())
    return Variables(declared, known, is_closed=bool(declared)) if declared or known else None


PROMPTY = Format("prompty", (".prompty",), _likeness, _read, needs_name=True)
