"""The shapes of JSON that hold a conversation. To add one: a file with a `Form`, and a line in `FORMS`."""

from __future__ import annotations

from typing import Any

from chatml._errors import ParseError
from chatml.promptfiles._anthropic import ANTHROPIC
from chatml.promptfiles._document import NO_PROMPT, Document, Form, kind_of
from chatml.promptfiles._github import GITHUB
from chatml.promptfiles._jinja import TOKENIZER_CONFIG
from chatml.promptfiles._messages import MESSAGES
from chatml.promptfiles._request import REQUEST
from chatml.promptfiles._sharegpt import SHAREGPT
from chatml.promptfiles._template_files import LANGCHAIN, SEMANTIC_KERNEL

# the first one that claims a value reads it
FORMS: tuple[Form, ...] = (
    ANTHROPIC,
    MESSAGES,
    GITHUB,
    REQUEST,
    SHAREGPT,
    TOKENIZER_CONFIG,
    LANGCHAIN,
    SEMANTIC_KERNEL,
)

_KEYS_SHOWN = 5


def is_conversation(value: object) -> bool:
    """Whether a JSON value is an object that holds a whole conversation."""
    return isinstance(value, dict) and any(form.claims(value) for form in FORMS)


def to_document(value: Any, source: str, line: int = 1, *, form: Form | None = None) -> Document:
    """Read a JSON value in a form, by default the first one that claims it.

    Raises `ParseError`, with code `NO_PROMPT` if none does, or the one that was asked for cannot.
    """
    if form is None:
        form = next((form for form in FORMS if form.claims(value)), None)
    elif not (form.claims(value) or (form.key and isinstance(value, dict) and form.key in value)):
        form = None
    try:
        if form is None:
            expected = "a list of messages, or an object with 'messages' or 'conversations'"
            raise ParseError(f"found {_described(value)}, expected {expected}", code=NO_PROMPT)
        return form.read(value)._replace(line=line, value=value)
    except ParseError as error:
        error.source, error.line = source, line
        raise


def _described(value: Any) -> str:
    if isinstance(value, dict) and value:
        keys = [ascii(key[:40]) for key in list(value)[:_KEYS_SHOWN]]
        return f"an object with {', '.join(keys)}{' and more' if len(value) > _KEYS_SHOWN else ''}"
    if isinstance(value, list) and value:
        return f"a list that begins with {kind_of(value[0])}{' without a role' if isinstance(value[0], dict) else ''}"
    return kind_of(value)
