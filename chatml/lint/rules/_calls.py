"""The tools of a conversation, and the calls of them: in one shape, whichever of the common ones the file has."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from chatml.lint._rule import Context, Path, Turn

_INVOKED = ("function", "custom")  # what a tool call may hold, by its type
RESULT_ROLES = frozenset({"tool", "function"})


class Call(NamedTuple):
    """A call as the file has it, whatever is wrong with it. `id` is None where it has none; `form` is its shape:
    "tool_calls", "function_call" (before there were tools) or "text" (ShareGPT, with all of it in one string).
    """

    turn: Turn
    form: str
    name: Any
    arguments: Any
    id: str | None
    path: Path
    name_path: Path
    arguments_path: Path
    is_custom: bool = False


class Tool(NamedTuple):
    """A tool as it is declared. `value` holds its name, description and parameters; it stands at `path`."""

    name: Any
    value: Mapping[str, Any]
    path: Path
    name_path: Path


def calls_in(context: Context) -> list[Call]:
    """All calls of a conversation, in order."""
    found: list[Call] | None = context.memo.get("calls")
    if found is None:
        found = context.memo["calls"] = [call for turn in context.turns for call in _calls(turn)]
    return found


def has_calls(turn: Turn) -> bool:
    """Whether a message is one that calls."""
    return bool(turn.value) and any(True for _ in _calls(turn))


def _calls(turn: Turn) -> Iterator[Call]:
    value = turn.value
    if turn.calls:
        for index, call in enumerate(turn.calls):
            if isinstance(call, Mapping):
                yield _tool_call(turn, call, (*turn.path, "tool_calls", index))
    legacy = value.get("function_call")
    if isinstance(legacy, Mapping):
        yield _call(turn, "function_call", legacy, None, (*turn.path, "function_call"))
    if turn.role == "function_call":
        yield from _text_calls(turn)


def _tool_call(turn: Turn, call: Mapping[str, Any], path: Path) -> Call:
    key = next((key for key in _INVOKED if isinstance(call.get(key), Mapping)), None)
    identity = call.get("id") if isinstance(call.get("id"), str) else None
    invoked = call if key is None else call[key]
    found = _call(turn, "tool_calls", invoked, identity, path if key is None else (*path, key))
    return found._replace(path=path, is_custom=key == "custom")


def _call(turn: Turn, form: str, value: Mapping[str, Any], identity: str | None, path: Path) -> Call:
    name, arguments = value.get("name"), value.get("arguments")
    return Call(turn, form, name, arguments, identity, path, (*path, "name"), (*path, "arguments"))


def _text_calls(turn: Turn) -> Iterator[Call]:
    """The calls of a ShareGPT message, which holds an object, or a list of them, as JSON text."""
    try:
        value = json.loads(turn.text)
    except (ValueError, RecursionError):
        return
    path = turn.content_path
    for one in value if isinstance(value, list) else [value]:
        if isinstance(one, dict) and "name" in one:
            yield Call(turn, "text", one["name"], one.get("arguments"), None, turn.path, path, path)


def tools_of(context: Context) -> list[Tool]:
    """The tools that are declared beside a conversation: functions and custom tools, none that the provider runs."""
    found: list[Tool] | None = context.memo.get("tools")
    if found is None:
        found = context.memo["tools"] = list(_tools(context)) if context.request else []
    return found


def _tools(context: Context) -> Iterator[Tool]:
    for key in ("tools", "functions"):
        tools = context.request.get(key)
        for index, tool in enumerate(tools) if isinstance(tools, list) else ():
            if isinstance(tool, Mapping):
                yield from _tool(tool, (key, index), isinstance(context.value, Mapping) and context.value.get(key))


def _tool(tool: Mapping[str, Any], path: Path, written: Any) -> Iterator[Tool]:
    if not isinstance(written, list):  # as JSON text, which has one place in all
        path = path[:1]
    key = next((key for key in _INVOKED if isinstance(tool.get(key), Mapping)), None)
    if key is None and tool.get("type", "function") not in _INVOKED:
        return
    value = tool if key is None else tool[key]
    inner = path if key is None or len(path) == 1 else (*path, key)
    yield Tool(value.get("name"), value, inner, (*inner, "name") if len(path) > 1 else inner)
