"""Requests to the Messages API of Anthropic, read as Chat Completions: `system` beside the messages, content in blocks.

A block of a result is a tool message of its own, a block of a call is one of `tool_calls`, thinking is reasoning. In
the content an empty text stands for each block that went elsewhere, so that the others keep their places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chatml._errors import ParseError
from chatml.promptfiles._document import Document, Form, is_objects, kind_of, read_list, read_request
from chatml.promptfiles._places import Path

_OWN_BLOCKS = frozenset({"tool_use", "tool_result", "thinking", "redacted_thinking"})
_CHOICES = {"auto": "auto", "any": "required", "none": "none"}
_NO_TEXT = {"type": "text", "text": ""}


def _claims(value: Any) -> bool:
    if isinstance(value, dict) and isinstance(value.get("messages"), list):
        return "system" in value or any(map(_has_own_block, value["messages"]))
    return isinstance(value, list) and any(map(_has_own_block, value))


def _has_own_block(message: Any) -> bool:
    content = message.get("content") if isinstance(message, dict) and "role" in message else None
    return isinstance(content, list) and any(map(_is_own_block, content))


def _is_own_block(block: Any) -> bool:
    kind = block.get("type") if isinstance(block, dict) else None
    if not isinstance(kind, str):
        return False
    return kind in _OWN_BLOCKS or (kind == "image" and isinstance(block.get("source"), dict))


def _read(value: Any) -> Document:
    root: Path = ("messages",) if isinstance(value, dict) else ()
    messages = read_list(value, "messages") if root else value
    system = value.get("system") if root else None
    if system is not None and not (isinstance(system, str) or is_objects(system)):
        raise ParseError(f"found {kind_of(system)} as 'system', expected a string or a list of objects")
    found: list[tuple[Any, Path]] = [({"role": "system", "content": system}, ("system",))] if system else []
    for index, message in enumerate(messages):
        found += _spoken(message, (*root, index)) if _has_own_block(message) else [(message, (*root, index))]
    return Document(
        "anthropic", messages=tuple(message for message, _ in found), request=_request(value) if root else {},
        root=root, elsewhere=(("system",),) if system else (), paths=tuple(path for _, path in found),
    )  # fmt: skip


def _spoken(message: Mapping[str, Any], path: Path) -> Iterator[tuple[Any, Path]]:
    """The messages that one with blocks stands for: results first, as they answer what was said before."""
    rest: list[Any] = []
    calls, thoughts = [], []
    for index, block in enumerate(message["content"]):
        kind = block.get("type") if _is_own_block(block) else ""
        if kind == "tool_result":
            said = {"role": "tool", "tool_call_id": block.get("tool_use_id"), "content": _result(block)}
            yield said, (*path, "content", index)
        elif kind == "tool_use":
            function = {"name": block.get("name"), "arguments": block.get("input", {})}
            calls.append({"id": block.get("id"), "type": "function", "function": function})
        elif kind == "thinking":
            thoughts.append(block.get("thinking"))
        rest.append(_image(block) if kind == "image" else _NO_TEXT if kind else block)
    if any(part is not _NO_TEXT for part in rest) or calls or thoughts:
        said = {**message, "content": rest if any(part is not _NO_TEXT for part in rest) else None}
        said |= {"tool_calls": calls} if calls else {}
        text = "".join(thought for thought in thoughts if isinstance(thought, str))
        yield said | ({"reasoning_content": text} if text else {}), path


def _result(block: Mapping[str, Any]) -> Any:
    content = block.get("content", "")
    return [_image(part) if _is_own_block(part) else part for part in content] if isinstance(content, list) else content


def _image(block: Any) -> Any:
    source = block.get("source")
    if block.get("type") != "image" or not isinstance(source, dict):
        return block
    data = f"data:{source.get('media_type')};base64,{source.get('data')}"
    return {"type": "image_url", "image_url": {"url": source.get("url") if source.get("type") == "url" else data}}


def _request(value: Mapping[str, Any]) -> dict[str, Any]:
    request = read_request({key: value.get(key) for key in ("model", "tools")})
    if "tools" in request:
        tools = [_tool(tool) for tool in request.pop("tools")]
        request |= {"tools": tools} if tools else {}
    choice = value.get("tool_choice")
    kind = choice.get("type") if isinstance(choice, dict) else choice
    if isinstance(choice, dict) and kind == "tool":
        request["tool_choice"] = {"type": "function", "function": {"name": choice.get("name")}}
    elif isinstance(kind, str):
        request["tool_choice"] = _CHOICES.get(kind, kind)
    return request


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if "input_schema" not in tool:
        return tool
    function = {key: tool[key] for key in ("name", "description") if key in tool}
    return {"type": "function", "function": {**function, "parameters": tool["input_schema"]}}


ANTHROPIC = Form("anthropic", _claims, _read, "messages")
