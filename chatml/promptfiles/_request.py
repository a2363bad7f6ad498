"""A request to Chat Completions, or a row of its fine-tuning files: an object with `messages`."""

from __future__ import annotations

from typing import Any

from chatml.promptfiles._document import Document, Form, read_list, read_request
from chatml.promptfiles._sharegpt import read_tools


def _claims(value: Any) -> bool:
    return isinstance(value, dict) and "messages" in value


def _read(value: Any) -> Document:
    request = {**value, "tools": read_tools(value["tools"])} if isinstance(value.get("tools"), str) else value
    return Document(
        "request", messages=tuple(read_list(value, "messages")), request=read_request(request), root=("messages",)
    )


REQUEST = Form("request", _claims, _read)
