"""A request to Chat Completions, or a row of its fine-tuning files: an object with `messages`."""

from __future__ import annotations

from typing import Any

from chatml._errors import ParseError
from chatml.promptfiles._document import Document, Form, read_list, read_request


def _claims(value: Any) -> bool:
    return isinstance(value, dict) and "messages" in value


def _read(value: Any) -> Document:
    if "system" in value:  # left out, it would be missing from every string and every count
        problem = "found 'system' beside 'messages', which is how Anthropic writes requests; that form is not read yet"
        raise ParseError(problem, hint="write it as the first message, with the role system")
    return Document(
        "request", messages=tuple(read_list(value, "messages")), request=read_request(value), root=("messages",)
    )


REQUEST = Form("request", _claims, _read)
