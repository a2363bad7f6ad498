"""GitHub Models, `.prompt.yml`: a request with `testData`, whose variables are written `{{name}}`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatml._errors import ParseError
from chatml.promptfiles._document import Document, Form, read_list, read_request
from chatml.promptfiles._load import load_json
from chatml.promptfiles._template import Template, Variables

_OWN_KEYS = ("modelParameters", "testData", "evaluators", "responseFormat", "jsonSchema")


def _claims(value: Any) -> bool:
    return isinstance(value, dict) and "messages" in value and any(key in value for key in _OWN_KEYS)


def _read(value: Any) -> Document:
    messages = tuple(read_list(value, "messages"))
    contents = (
        (index, one["content"])
        for index, one in enumerate(messages)
        if isinstance(one, dict) and isinstance(one.get("content"), str) and "{{" in one["content"]
    )
    templates = tuple(Template(text, "mustache", ("messages", index, "content")) for index, text in contents)
    return Document(
        "github-models", messages=messages, request=_request(value), root=("messages",), templates=templates,
        variables=_variables(value.get("testData")),
    )  # fmt: skip


def _request(value: Mapping[str, Any]) -> dict[str, Any]:
    request = read_request({"model": value.get("model")})
    kind, schema = value.get("responseFormat"), value.get("jsonSchema")
    if kind == "json_schema" and isinstance(schema, str):
        try:
            request["response_format"] = {"type": kind, "json_schema": load_json(schema, "")}
        except ParseError as error:
            raise ParseError(f"'jsonSchema' is a string, and not one of JSON: {error}") from None
    elif isinstance(kind, str):
        request["response_format"] = {"type": kind}
    return request


def _variables(rows: Any) -> Variables | None:
    """Test data gives variables their values; some of its columns are for the evaluators only."""
    known = [name for row in rows if isinstance(row, dict) for name in row] if isinstance(rows, list) else []
    return Variables(known=frozenset(known), is_closed=True) if known else None


GITHUB = Form("github-models", _claims, _read, "messages")
