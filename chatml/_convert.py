"""Conversations from one form of prompt file to another, with a list of what the other form does not hold.

What is lost is found by reading what was written: every key of every message, and every key beside the messages, has to
come back with the value that it had.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeAlias

from chatml._detect import detect_dialect
from chatml._errors import ChatMLError, ConfigError, ParseError, require_text, shown
from chatml._messages import Form, Message, read_messages
from chatml._prompt import Prompt, parse, unescaped
from chatml._render import Dropped, render
from chatml.dialects import Dialect, get_dialect
from chatml.promptfiles import MAX_SIZE, Document, read_documents

Target: TypeAlias = Literal["messages", "request", "jsonl", "sharegpt", "sharegpt-jsonl", "chatml"]

_DEFAULT_DIALECT = "chatml"


_REQUEST = ("model", "tools", "functions", "tool_choice", "response_format")
_NO_FORM = "there is no form for it"


class Lost(NamedTuple):
    """What a target does not hold: of the conversation on `line`, a field such as `messages[1].name`, and why."""

    line: int
    field: str
    reason: str


class Converted(NamedTuple):
    """A text in another form, and what it does not hold."""

    text: str
    lost: tuple[Lost, ...]


class _Conversation(NamedTuple):
    """What every form is read into: the messages, what stands beside them, and how a raw prompt ends.

    `unfit` are keys that mean something else in a request, such as the description of a model in Prompty.
    """

    line: int
    messages: Sequence[Message]
    rest: Mapping[str, Any]
    ending: str = "closed"
    unfit: tuple[str, ...] = ()


def convert_text(
    text: str, *, to: Target, path: str = "", dialect: str | Dialect = _DEFAULT_DIALECT,
    source_dialect: str | Dialect | None = None, line: int | None = None, max_size: int = MAX_SIZE,
) -> Converted:  # fmt: skip
    """Write the conversations of a prompt file in another form; `path` is its name, to know its format by.

    `to` is "messages" (a JSON list), "request" (a JSON object with `messages`, or a list of them), "jsonl" (one request
    a line), "sharegpt", "sharegpt-jsonl" or "chatml". Raw ChatML is written in `dialect`, and read in `source_dialect`,
    by default the one that fits best. `line` chooses the conversation that begins there. Raises `ParseError` for a text
    that is not well formed, `RenderError` for messages that are not, and `ConfigError` for a target that cannot hold as
    many conversations.
    """
    require_text(text)
    if to not in TARGETS:
        raise ConfigError(f"found {shown(to)}, expected {', '.join(TARGETS)}", option="to")
    source = None if source_dialect is None else get_dialect(source_dialect)
    written = get_dialect(dialect)
    found = read_documents(text, source=path, max_size=max_size)
    documents = [one for one in found if line in (None, one.line)]
    if not documents:
        raise ConfigError(f"no conversation begins on line {line}", option="line")
    return TARGETS[to]([_read(one, path, source) for one in documents], written)


def _read(document: Document, path: str, dialect: Dialect | None) -> _Conversation:
    if document.text is None:
        left_out = {inner[0] for inner in (document.root, *document.elsewhere, *document.paths) if inner}
        value = document.value if isinstance(document.value, dict) else {}
        rest = {key: one for key, one in value.items() if key not in left_out}
        if isinstance(rest.get("tools"), str):  # as LLaMA-Factory has them
            rest["tools"] = document.request.get("tools")
        rest |= document.request
        unfit = tuple(key for key in _REQUEST if rest.get(key) is not None and key not in document.request)
        kept = {key: one for key, one in rest.items() if key not in unfit}
        try:
            return _Conversation(document.line, read_messages(document.messages), kept, unfit=unfit)
        except ChatMLError as error:
            error.add_note(f"{path}:{document.line}" if path else f"line {document.line}")
            raise
    if document.format != "chatml":
        raise ParseError("found no messages", source=path, hint="expected ChatML text, or messages as JSON")
    fits = () if dialect else detect_dialect(document.text)
    chosen = dialect or get_dialect(fits[0].name if fits else _DEFAULT_DIALECT)
    try:
        parse(document.text, dialect=chosen)
    except ParseError as error:
        error.source, error.hint = path, "`chatml lint` says more"
        raise
    prompt = Prompt.from_text(document.text, dialect=chosen)
    return _Conversation(document.line, unescaped(prompt.messages, chosen), {}, prompt.ending)


# ---------------------------------------------------------------------------------------------------- writing


def _to_messages(conversations: Sequence[_Conversation], _: Dialect) -> Converted:
    one = _only(conversations, "messages", "request, jsonl")
    return _checked(conversations, _pretty(_mappings(one, "chat")))


def _to_request(conversations: Sequence[_Conversation], _: Dialect) -> Converted:
    values = [_request(one) for one in conversations]
    return _checked(conversations, _pretty(values[0] if len(values) == 1 else values))


def _to_jsonl(conversations: Sequence[_Conversation], _: Dialect) -> Converted:
    return _checked(conversations, _rows(map(_request, conversations)))


def _to_sharegpt(conversations: Sequence[_Conversation], _: Dialect) -> Converted:
    values = [_sharegpt(one) for one in conversations]
    return _checked(conversations, _pretty(values[0] if len(values) == 1 else values))


def _to_sharegpt_jsonl(conversations: Sequence[_Conversation], _: Dialect) -> Converted:
    return _checked(conversations, _rows(map(_sharegpt, conversations)))


def _to_chatml(conversations: Sequence[_Conversation], dialect: Dialect) -> Converted:
    one = _only(conversations, "chatml", "jsonl")
    options: dict[str, Any] = {
        "dialect": dialect,
        "add_generation_prompt": one.ending == "generation_prompt",
        "continue_final_message": one.ending == "open",
        "lossy": True,
    }
    prompt = Prompt.from_messages(one.messages, **options)
    text = render(one.messages, **options)
    read = parse(text, dialect=dialect, strict=False)
    back = {source: message for source, message in zip(prompt.sources, read, strict=True) if source is not None}
    lost = [*_lost_fields(one, [back.get(index) for index in range(len(one.messages))], prompt.dropped)]
    lost += (Lost(one.line, key, "raw ChatML holds nothing beside the messages") for key in (*one.rest, *one.unfit))
    return Converted(text, tuple(lost))


TARGETS: Mapping[str, Callable[[Sequence[_Conversation], Dialect], Converted]] = MappingProxyType(
    {
        "messages": _to_messages,
        "request": _to_request,
        "jsonl": _to_jsonl,
        "sharegpt": _to_sharegpt,
        "sharegpt-jsonl": _to_sharegpt_jsonl,
        "chatml": _to_chatml,
    }
)


def _only(conversations: Sequence[_Conversation], target: str, others: str) -> _Conversation:
    if len(conversations) > 1:
        hint = f"choose one by its line, or convert to {others}"
        raise ConfigError(f"{target} holds one conversation, found {len(conversations)}", option="to", hint=hint)
    return conversations[0]


def _mappings(one: _Conversation, form: Form) -> list[dict[str, Any]]:
    return [message.to_mapping(form) for message in one.messages]


def _request(one: _Conversation) -> dict[str, Any]:
    return {"messages": _mappings(one, "chat"), **one.rest}


def _sharegpt(one: _Conversation) -> dict[str, Any]:
    rest = dict(one.rest)
    if isinstance(rest.get("tools"), list):
        rest["tools"] = json.dumps(rest["tools"], ensure_ascii=False, default=str)
    return {"conversations": _mappings(one, "sharegpt"), **rest}


def _pretty(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2, default=str) + "\n"


def _rows(values: Iterator[dict[str, Any]]) -> str:
    return "".join(f"{json.dumps(value, ensure_ascii=False, default=str)}\n" for value in values)


# ---------------------------------------------------------------------------------------------------- what is lost


def _checked(conversations: Sequence[_Conversation], text: str) -> Converted:
    """A text with what it does not hold of the conversations that it was made from."""
    found = read_documents(text, max_size=len(text) * 4 + 1)
    lost: list[Lost] = []
    for one, document in zip(conversations, found, strict=True):
        back = _read(document, "", None)
        lost += _lost_fields(one, back.messages, ())
        for key, value in one.rest.items():
            if key not in back.rest or back.rest[key] != value:
                lost.append(Lost(one.line, key, "there is no place for it beside the messages"))
        lost += (Lost(one.line, key, _NO_FORM) for key in one.unfit)
        if one.ending == "open":  # that a reply is asked for is what every request means
            lost.append(Lost(one.line, "the open end", "only ChatML can say that the last message goes on"))
    return Converted(text, tuple(lost))


def _lost_fields(one: _Conversation, back: Sequence[Message | None], dropped: Sequence[Dropped]) -> Iterator[Lost]:
    """The fields of messages that did not come back, with the reason of the dialect where it gave one."""
    reasons = {(drop.message, drop.field.partition("[")[0].partition(".")[0]): drop.reason for drop in dropped}
    for index, message in enumerate(one.messages):
        old = message.to_mapping()
        read = back[index] if index < len(back) else None
        new = {} if read is None else read.to_mapping()
        for key, value in old.items():
            is_empty = key == "content" and not (value or new.get(key))  # null and "" are the same
            if not is_empty and (key not in new or new[key] != value):
                reason = reasons.get((index, key), _NO_FORM)
                yield Lost(one.line, f"messages[{index}].{key}", reason)
