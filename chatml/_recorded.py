"""Requests as logs record them, with what was billed: many forms, read into one.

A row of a log is an object. It is the request itself with its bill beside it, or has the two under `request` and
`response`; either may be in a `body`. LiteLLM's `model_parameters` and OpenTelemetry's flat `gen_ai.` keys are read,
too. The bill is `usage.prompt_tokens` or `usage.input_tokens`, or one of these at the top.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, TypeGuard

from chatml._errors import ParseError, shown

Api: TypeAlias = Literal["chat", "responses"]

_MOST_TOKENS = 10**15  # no bill is near it, and a share of any smaller number is a float
_BILLS = ("prompt_tokens", "input_tokens", "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
_PARAMETERS = ("model_parameters", "optional_params")  # LiteLLM: what it was called with beside the messages
_OTEL_MESSAGES, _OTEL_SYSTEM = "gen_ai.input.messages", "gen_ai.system_instructions"
_ELSEWHERE = ("previous_response_id", "conversation", "prompt")  # Responses: what the model saw and a log lacks
_ITEM_KEYS = frozenset({"type", "id", "status", "phase"})  # Responses: of a message, and no part of what it says


class Recorded(NamedTuple):
    """A request that was sent, and the tokens that were billed for its input.

    `models` are the names that the row holds, first the one that the API returned. `messages` are in Chat Completions
    form. Nothing is checked but the bill. `elsewhere` names a key by which the request means messages that are not in
    the log, "" if there is none; `searches`: it asks for a web search beside its tools.
    """

    models: tuple[str, ...]
    api: Api
    messages: Any
    tools: Any
    functions: Any
    tool_choice: Any
    response_format: Any
    billed: int
    elsewhere: str
    searches: bool


def read_recorded(value: object, *, api: Api = "chat") -> Recorded | None:
    """Read a row of a log; None where nothing was billed: the request failed, or its usage is null or 0.

    `api` is that of rows that do not show theirs. Raises `ParseError` for what is no recorded request.
    """
    if not isinstance(value, Mapping):
        raise ParseError(f"found {type(value).__name__}, expected an object: a request and its usage", code="log")
    whole = _mapping(value.get("attributes")) or value
    response = _unpacked(whole.get("response"))
    bill = _bill(whole, response)
    if bill is None:
        return None
    key, billed = bill
    request = _request(whole)
    found_api = _api(request, response, key, api)
    choice = request.get("tool_choice")
    return Recorded(
        models=_models(whole, request, response),
        api=found_api,
        messages=_messages(request, found_api),
        tools=request.get("tools", _parsed(request, "gen_ai.tool.definitions")),
        functions=request.get("functions"),
        tool_choice=request.get("function_call") if choice is None else choice,
        response_format=request.get("response_format") or _mapping(request.get("text")).get("format"),
        billed=billed,
        elsewhere=next((key for key in _ELSEWHERE if found_api == "responses" and request.get(key)), ""),
        searches=request.get("web_search_options") is not None,
    )


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _unpacked(value: object) -> Mapping[str, Any]:
    """A request or response; those of the Batch API are in a `body`."""
    outer = _mapping(value)
    return _mapping(outer.get("body")) or outer


def _request(whole: Mapping[str, Any]) -> Mapping[str, Any]:
    inner = _unpacked(whole.get("request")) or _mapping(whole.get("body"))
    merged = {**whole, **inner}
    for key in _PARAMETERS:
        merged = {**_mapping(merged.get(key)), **merged}
    return merged


# The bill


def _bill(whole: Mapping[str, Any], response: Mapping[str, Any]) -> tuple[str, int] | None:
    """The key and the number of what was billed; None where the row says that nothing was."""
    usages = [(f"{place}usage.", holder["usage"]) for place, holder in (("response.", response), ("", whole))
              if "usage" in holder]  # fmt: skip
    for place, holder in [*usages, ("", whole)]:
        if holder is not None and not isinstance(holder, Mapping):
            raise ParseError(f"{place[:-1]}: found {type(holder).__name__}, expected an object", code="log")
        key = next((key for key in _BILLS if holder and key in holder), None)
        if key is not None and holder is not None:
            billed = _tokens(holder[key], place + key)
            return (key, billed) if billed else None
    if response.get("error") or whole.get("error") or (usages and not any(usage for _, usage in usages)):
        return None
    raise ParseError(
        "there is no number of billed tokens",
        code="log",
        hint="it is read from usage.prompt_tokens, usage.input_tokens or prompt_tokens",
    )


def _tokens(value: object, place: str) -> int:
    if value is None:
        return 0
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or not 0 <= value <= _MOST_TOKENS:
        raise ParseError(f"{place}: found {_short(value)}, expected a number of tokens", code="log")
    return value


def _short(value: object) -> str:
    return "a number out of range" if isinstance(value, int) and abs(value) > _MOST_TOKENS else shown(value)[:100]


# The request


def _models(whole: Mapping[str, Any], request: Mapping[str, Any], response: Mapping[str, Any]) -> tuple[str, ...]:
    names = (
        response.get("model"),
        whole.get("gen_ai.response.model"),
        request.get("model"),
        whole.get("gen_ai.request.model"),
    )
    return tuple(dict.fromkeys(name for name in names if isinstance(name, str) and name))


def _api(request: Mapping[str, Any], response: Mapping[str, Any], key: str, default: Api) -> Api:
    """The API: as the row says, else as its parts are called in one of the two."""
    said = (request.get("api"), request.get("openai.api.type"), response.get("object"), request.get("object"))
    for word in said:
        if word in ("responses", "response"):
            return "responses"
        if word in ("chat", "chat_completions", "chat.completion"):
            return "chat"
    if str(request.get("call_type", "")).endswith("responses"):  # LiteLLM
        return "responses"
    asked_by_input = request.get("messages") is None and request.get("input") is not None
    return "responses" if asked_by_input or key == "input_tokens" else default


def _messages(request: Mapping[str, Any], api: Api) -> Any:
    given = request.get("messages")
    if given is None:
        given = request.get("input")
    if given is None and _OTEL_MESSAGES in request:
        return [*_otel_system(request), *_otel_messages(_parsed(request, _OTEL_MESSAGES))]
    if given is None:
        raise ParseError("there are no messages", code="log", hint="they are read from messages or input")
    if isinstance(given, str):
        given = [{"role": "user", "content": given}]
    if api == "chat" or not is_list(given):
        return given
    instructions = request.get("instructions")
    if isinstance(instructions, str):
        instructions = [{"role": "system", "content": instructions}]
    return list(_from_items([*(instructions if is_list(instructions) else ()), *given]))


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value of JSON is a list."""
    return isinstance(value, Sequence) and not isinstance(value, str)


def _from_items(items: Iterable[Any]) -> Iterator[Any]:
    """Items of the Responses API as messages; calls that follow each other are those of one message."""
    calls: list[dict[str, Any]] = []
    for item in items:
        kind = item.get("type") if isinstance(item, Mapping) else None
        if kind == "function_call":
            function = {"name": item.get("name"), "arguments": item.get("arguments")}
            calls.append({"id": item.get("call_id"), "type": "function", "function": function})
            continue
        if kind == "reasoning":  # that of earlier turns is not billed
            continue
        if calls:
            yield {"role": "assistant", "content": None, "tool_calls": calls}
            calls = []
        yield _from_item(item, kind)
    if calls:
        yield {"role": "assistant", "content": None, "tool_calls": calls}


def _from_item(item: Any, kind: object) -> Any:
    if kind == "function_call_output":
        return {"role": "tool", "tool_call_id": item.get("call_id"), "content": item.get("output")}
    if not isinstance(item, Mapping):
        return item
    if kind not in (None, "message"):  # of a built-in tool: a part without a rule
        return {"role": "assistant", "content": [item]}
    return {key: value for key, value in item.items() if key not in _ITEM_KEYS}


# OpenTelemetry


def _parsed(request: Mapping[str, Any], key: str) -> Any:
    """The value of an attribute; some exporters write JSON text."""
    value = request.get(key)
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        raise ParseError(f"{key}: found text that is not JSON", code="log") from None


def _otel_system(request: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    parts = _parsed(request, _OTEL_SYSTEM)
    if parts:
        yield {"role": "system", "content": _otel_parts(parts)}


def _otel_messages(messages: object) -> Iterator[dict[str, Any]]:
    """Messages of parts: calls and results are parts, too. A message of results alone is those results."""
    if not is_list(messages):
        raise ParseError(f"{_OTEL_MESSAGES}: found {type(messages).__name__}, expected a list", code="log")
    for message in messages:
        given = _mapping(message)
        parts = given.get("parts")
        parts = parts if is_list(parts) else ()
        calls = [_otel_call(part) for part in parts if _kind(part) == "tool_call"]
        content = [part for part in parts if _kind(part) not in ("tool_call", "tool_call_response", "reasoning")]
        results = [part for part in parts if _kind(part) == "tool_call_response"]
        if content or calls or not results:
            name = {"name": given["name"]} if given.get("name") else {}
            made = {"tool_calls": calls} if calls else {}
            yield {"role": given.get("role"), "content": _otel_parts(content), **name, **made}
        for part in results:
            answer = part.get("response", part.get("result"))
            yield {"role": "tool", "tool_call_id": part.get("id"), "content": _as_text(answer)}


def _as_text(answer: object) -> str:
    try:
        return answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)
    except (ValueError, RecursionError, TypeError):
        raise ParseError(f"{_OTEL_MESSAGES}: found a result that is not JSON", code="log") from None


def _kind(part: object) -> object:
    return _mapping(part).get("type")


def _otel_call(part: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": part.get("name"), "arguments": part.get("arguments")}
    return {"id": part.get("id"), "type": "function", "function": function}


def _otel_parts(parts: Any) -> Any:
    if not is_list(parts):
        return parts
    return [
        {"type": "text", "text": _mapping(part).get("content")} if _kind(part) == "text" else part for part in parts
    ]
