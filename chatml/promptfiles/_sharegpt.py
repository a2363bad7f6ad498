"""ShareGPT: an object with `conversations`, and beside them `system` and `tools` as LLaMA-Factory has them."""

from __future__ import annotations

from typing import Any

from chatml._errors import ParseError
from chatml.promptfiles._document import Document, Form, kind_of, read_list, read_request
from chatml.promptfiles._load import load_json


def _claims(value: Any) -> bool:
    return isinstance(value, dict) and "conversations" in value


def _read(value: Any) -> Document:
    messages = read_list(value, "conversations")
    system = value.get("system")
    if system is not None and not isinstance(system, str):
        raise ParseError(f"found {kind_of(system)} as 'system', expected a string")
    if system:
        messages = [{"from": "system", "value": system}, *messages]
    tools = read_tools(value.get("tools"))
    request = read_request({**value, "tools": tools})
    elsewhere = (("system",),) if system else ()
    return Document("sharegpt", messages=tuple(messages), request=request, root=("conversations",), elsewhere=elsewhere)


def read_tools(tools: Any) -> Any:
    """LLaMA-Factory writes tools as the text of a JSON list."""
    if not isinstance(tools, str):
        return tools
    try:
        return load_json(tools, "") if tools.strip() else None
    except ParseError as error:
        raise ParseError(f"'tools' is a string, and not one of JSON: {error}") from None


SHAREGPT = Form("sharegpt", _claims, _read)
