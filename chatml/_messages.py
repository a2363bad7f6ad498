"""Messages, and the forms in which people write them.

Three forms are read and written: Chat Completions (`role`, `content`), `sender`/`text`, and ShareGPT (`from`, `value`).
The last two are the first with two keys renamed; every other key means the same in all three. A key that no form knows
is kept in `Message.extra`, comes back from `Message.to_mapping`, and is reported by `Prompt.diagnostics`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from chatml._errors import ConfigError, RenderError, shown
from chatml._trusted import join_texts

Form: TypeAlias = Literal["chat", "sender", "sharegpt"]
MessageLike: TypeAlias = "Message | Mapping[str, Any]"

ROLE_PATTERN = r"[a-z][a-z0-9_-]{0,63}"
NAME_PATTERN = r"[A-Za-z0-9_-]{1,64}"
_is_role = re.compile(ROLE_PATTERN).fullmatch
_is_name = re.compile(NAME_PATTERN).fullmatch

_KEYS: Mapping[Form, tuple[str, str]] = {
    "chat": ("role", "content"),
    "sender": ("sender", "text"),
    "sharegpt": ("from", "value"),
}
_TEXT_PARTS = frozenset({"text", "input_text", "output_text"})  # Chat Completions, and both directions of Responses
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")  # aliases of each other in transformers 5.23
_CALL_KEYS = frozenset({"id", "type", "function", "name", "arguments"})
_KNOWN = frozenset({"name", "tool_calls", "tool_call_id", "refusal", "function_call", *_REASONING_KEYS})
_SPOKEN_ROLES: Mapping[Form, Mapping[str, str]] = {
    "chat": {},
    "sender": {"human": "user", "bot": "assistant", "ai": "assistant", "gpt": "assistant"},
    "sharegpt": {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"},
}
_SHAREGPT_NAMES = {"user": "human", "assistant": "gpt", "tool": "observation"}
_COMMON_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


@dataclass(frozen=True)
class ContentPart:
    """One part of a content list that is not plain text alone: `type` and the other keys of the mapping."""

    type: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _text(self.type, "type")
        if self.type in _TEXT_PARTS:
            _text(self.data.get("text"), "text")

    @property
    def text(self) -> str:
        """The text of a text part, "" of any other."""
        text: str = self.data["text"] if self.type in _TEXT_PARTS else ""
        return text

    @property
    def is_text(self) -> bool:
        """Whether the part is text."""
        return self.type in _TEXT_PARTS

    def to_mapping(self) -> dict[str, Any]:
        """The part as it was given."""
        return {"type": self.type, **self.data}


@dataclass(frozen=True, eq=False)
class ToolCall:
    """A call that an assistant makes. `arguments` is a mapping or the JSON text of one, as it was given.

    `type` is "function", or "function_call" for the legacy key of that name. `extra` holds other keys of the call.
    Equality is of name and arguments, JSON
    text being equal to what it spells; `id` is a reference and outside of it.
    """

    name: str
    arguments: Mapping[str, Any] | str = ""
    id: str | None = None
    type: str = "function"
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        _text(self.name, "name")
        _check_arguments(self.arguments, "arguments")
        _optional_text(self.__dict__, "id")

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ToolCall):
            return NotImplemented
        return self.name == other.name and _value(self.arguments) == _value(other.arguments)

    def __hash__(self) -> int:
        return hash(self.name)

    def to_mapping(self) -> dict[str, Any]:
        """The call in Chat Completions form."""
        function = {
            "name": self.name,
            "arguments": self.arguments if isinstance(self.arguments, str) else dict(self.arguments),
        }
        if self.type == "function_call":
            return {**self.extra, **function}
        identity = {} if self.id is None else {"id": self.id}
        return {**self.extra, **identity, "type": self.type, "function": function}


def _value(arguments: Mapping[str, Any] | str) -> Any:
    if not isinstance(arguments, str):
        return arguments
    try:
        return json.loads(arguments) if arguments else {}
    except (ValueError, RecursionError):
        return arguments


@dataclass(frozen=True, eq=False)
class Message:
    """One message, in normal form: None is "", parts that are all text are joined to one string.

    `content` is a string, or the parts where one of them is more than text. `reasoning` is what an assistant thought
    before its answer. `extra` holds the keys that no form knows. Equality leaves out call ids, `tool_call_id`, and the
    name of a tool message: they are references. Raises `RenderError` when a field has the wrong type or form.
    """

    role: str
    content: str | tuple[ContentPart, ...] = ""
    name: str | None = None
    reasoning: str = ""
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str | None = None
    refusal: str | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_role(self.role)
        _check_name(self.name)
        if not isinstance(self.content, str):
            object.__setattr__(self, "content", _read_content(self.content, "content"))
        for key in ("tool_call_id", "refusal"):
            _optional_text(self.__dict__, key)
        _text(self.reasoning, "reasoning")
        object.__setattr__(self, "tool_calls", _read_calls({"tool_calls": self.tool_calls}))
        if not isinstance(self.extra, Mapping):
            raise RenderError(f"found {_kind(self.extra)}, expected a mapping", field="extra")

    @property
    def text(self) -> str:
        """The text of the content, without parts that have none."""
        return self.content if isinstance(self.content, str) else join_texts(part.text for part in self.content)

    def _identity(self) -> tuple[Any, ...]:
        name = None if self.role == "tool" else self.name
        return self.role, self.content, name, self.reasoning, self.tool_calls, self.refusal

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Message):
            return NotImplemented
        return self._identity() == other._identity()

    def __hash__(self) -> int:
        return hash((self.role, self.text, self.reasoning))

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Message:
        """Read one message in any of the three forms. Raises `RenderError`."""
        return _read(mapping)

    def to_mapping(self, form: Form = "chat") -> dict[str, Any]:
        """Write the message as a mapping in `form`. Reading it back gives an equal message.

        Raises `RenderError` for a role that `form` reads as another one, such as "human".
        """
        if not isinstance(form, str) or form not in _KEYS:
            raise ConfigError(f"found {shown(form)}, expected {', '.join(map(repr, _KEYS))}", option="form")
        role_key, content_key = _KEYS[form]
        role = _SHAREGPT_NAMES.get(self.role, self.role) if form == "sharegpt" else self.role
        if self.role in _SPOKEN_ROLES[form]:
            read = _SPOKEN_ROLES[form][self.role]
            raise RenderError(
                f"form {form} reads the role {self.role!r} as {read!r}", field=role_key, hint="use form 'chat'"
            )
        content: Any = self.content
        if not isinstance(content, str):
            content = [part.to_mapping() for part in content]
        elif not content and form == "chat" and (self.tool_calls or self.refusal):
            content = None  # as the provider itself writes a message that only calls or refuses
        out: dict[str, Any] = {role_key: role, content_key: content}
        optional = {"name": self.name, "reasoning_content": self.reasoning or None, "tool_call_id": self.tool_call_id}
        out.update({key: value for key, value in optional.items() if value is not None})
        legacy = [call.to_mapping() for call in self.tool_calls if call.type == "function_call"]
        calls = [call.to_mapping() for call in self.tool_calls if call.type != "function_call"]
        out.update({"function_call": legacy[0]} if legacy else {})
        out.update({"tool_calls": calls} if calls else {})
        if self.refusal is not None:
            out["refusal"] = self.refusal
        clash = next((key for key in self.extra if key in out or key in _KEYS["chat"]), None)
        if clash is not None:
            raise RenderError(f"form {form} has a key of this name itself", field=f"extra[{clash!r}]")
        return {**out, **self.extra}

    def unknown_fields(self) -> Iterator[str]:
        """The paths of the fields that no form knows, in the message, its calls and its parts."""
        yield from map(str, self.extra)
        for index, call in enumerate(self.tool_calls):
            yield from (f"tool_calls[{index}].{key}" for key in call.extra)
        if not isinstance(self.content, str):
            for index, part in enumerate(self.content):
                yield from (f"content[{index}].{key}" for key in part.data if part.is_text and key != "text")


def plain_message(role: str, content: str, name: str | None = None) -> Message:
    """Make a message of fields that are known to be right, without checks and at a quarter of the cost.

    Fields that are not set fall back to the defaults, which a dataclass without slots keeps on the class.
    """
    message = object.__new__(Message)
    fields = message.__dict__
    fields["role"] = role
    fields["content"] = content
    fields["extra"] = {}
    if name is not None:
        fields["name"] = name
    return message


def read_messages(messages: Iterable[MessageLike]) -> tuple[Message, ...]:
    """Turn messages in any form into `Message` objects in normal form.

    Raises `RenderError` with the index of the message and the field.
    """
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable):
        raise RenderError(f"found {_kind(messages)}, expected a list of messages", field="messages")
    out = []
    for index, message in enumerate(messages):
        if type(message) is dict and len(message) == 2:
            role, content = message.get("role"), message.get("content")
            if (
                type(role) is str and role in _COMMON_ROLES and type(content) is str
            ):  # nearly all messages, on the fast path
                out.append(plain_message(role, content))
                continue
        try:
            if isinstance(message, Message):
                check_role(message.role)  # what was parsed may have any
                _check_name(message.name)
                out.append(message)
            else:
                out.append(_read(message))
        except RenderError as error:
            error.message = index
            raise
    return tuple(out)


def check_role(role: object) -> None:
    """Raise `RenderError` unless `role` is a role: `[a-z][a-z0-9_-]{0,63}`."""
    if isinstance(role, str):
        if role in _COMMON_ROLES or _is_role(role):
            return
        meant = role.strip().lower()
        hint = f"write {meant!r}" if meant.isascii() and _is_role(meant) else ""
        raise RenderError(f"found {shown(role)}, expected a role of the form {ROLE_PATTERN}", field="role", hint=hint)
    raise RenderError(f"found {_kind(role)}, expected a role such as 'user'", field="role")


def _check_name(name: object) -> None:
    if name is not None and not _is_name(_text(name, "name")):
        raise RenderError(f"found {shown(name)}, expected a name of the form {NAME_PATTERN}", field="name")


def _kind(value: object) -> str:
    return "nothing" if value is None else f"a value of type {type(value).__name__}"


def _form(mapping: Mapping[str, Any]) -> Form:
    for form, (role_key, _) in _KEYS.items():
        if role_key in mapping:
            return form
    raise RenderError(
        "the key is missing", field="role", hint="a message has role and content, sender and text, or from and value"
    )


def _read(mapping: object) -> Message:
    if not isinstance(mapping, Mapping):
        raise RenderError(f"found {_kind(mapping)}, expected a message: a mapping or a Message")
    form = _form(mapping)
    role_key, content_key = _KEYS[form]
    spoken = mapping[role_key]
    role = _SPOKEN_ROLES[form].get(spoken, spoken) if isinstance(spoken, str) else spoken
    content = mapping.get(content_key)
    fields: dict[str, Any] = {"role": role, "tool_calls": _read_calls(mapping)}
    if form == "sharegpt" and spoken == "function_call":
        fields["tool_calls"], content = _read_calls({"function_call": _sharegpt_call(content)}), ""
    try:
        fields["content"] = _read_content(content, content_key)
        fields.update({key: _optional_text(mapping, key) for key in ("tool_call_id", "refusal")})
        fields["name"] = mapping.get("name")
        reasoning = {key: _optional_text(mapping, key) for key in _REASONING_KEYS}
        fields["reasoning"] = next(filter(None, reasoning.values()), "")
        others = {key: text for key, text in reasoning.items() if text not in (None, "", fields["reasoning"])}
        if content_key not in mapping and not (fields["tool_calls"] or fields["refusal"] or fields["reasoning"]):
            raise RenderError(
                "the key is missing",
                field=content_key,
                hint="only a message with tool_calls or a refusal may leave it out",
            )
        known = {*_KNOWN, role_key, content_key}
        extra = {key: value for key, value in mapping.items() if key not in known} | others
        return Message(**fields, extra=extra)
    except RenderError as error:
        error.field = role_key if error.field == "role" else error.field
        raise


def _text(value: object, field: str) -> str:
    if not isinstance(value, str):
        raise RenderError(f"found {_kind(value)}, expected a string", field=field)
    return value


def _optional_text(mapping: Mapping[str, Any], key: str) -> str | None:
    value = mapping.get(key)
    return None if value is None else _text(value, key)


def _read_content(content: object, where: str) -> str | tuple[ContentPart, ...]:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence) or isinstance(content, (bytes, bytearray)):
        raise RenderError(f"found {_kind(content)}, expected a string or a list of parts", field=where)
    parts = tuple(_read_part(part, f"{where}[{index}]") for index, part in enumerate(content))
    plain = all(part.is_text and len(part.data) == 1 for part in parts)
    return join_texts(part.text for part in parts) if plain else parts


def _read_part(part: object, where: str) -> ContentPart:
    if isinstance(part, ContentPart):
        part = part.to_mapping()
    if isinstance(part, str):
        return ContentPart("text", {"text": part})
    if not isinstance(part, Mapping):
        raise RenderError(f"found {_kind(part)}, expected a content part: a mapping with a type", field=where)
    kind = _text(part.get("type"), f"{where}.type")
    if kind in _TEXT_PARTS:
        _text(part.get("text"), f"{where}.text")
    return ContentPart(kind, {key: value for key, value in part.items() if key != "type"})


def _check_arguments(value: object, where: str) -> None:
    if not isinstance(value, (str, Mapping)):
        raise RenderError(f"found {_kind(value)}, expected a mapping or the JSON text of one", field=where)


def _read_calls(mapping: Mapping[str, Any]) -> tuple[ToolCall, ...]:
    legacy, calls = mapping.get("function_call"), mapping.get("tool_calls")
    first = () if legacy is None else (_read_call(legacy, "function_call", "function_call"),)
    if calls is None:
        return first
    if not isinstance(calls, Sequence) or isinstance(calls, str):
        raise RenderError(f"found {_kind(calls)}, expected a list of calls", field="tool_calls")
    return first + tuple(_read_call(call, f"tool_calls[{index}]", "function") for index, call in enumerate(calls))


def _read_call(call: object, where: str, kind: str) -> ToolCall:
    if isinstance(call, ToolCall):
        return call
    if not isinstance(call, Mapping):
        raise RenderError(f"found {_kind(call)}, expected a mapping", field=where)
    function = call.get("function", call)
    if not isinstance(function, Mapping):
        raise RenderError(
            f"found {_kind(function)}, expected a mapping with name and arguments", field=f"{where}.function"
        )
    name, arguments, identity = _text(function.get("name"), f"{where}.name"), function.get("arguments"), call.get("id")
    arguments = "" if arguments is None else arguments
    _check_arguments(arguments, f"{where}.arguments")
    if identity is not None:
        _text(identity, f"{where}.id")
    nested = {key: value for key, value in function.items() if function is not call and key not in _CALL_KEYS}
    extra = {key: value for key, value in call.items() if key not in _CALL_KEYS} | nested
    kind = kind if kind == "function_call" else _text(call.get("type", kind), f"{where}.type")
    return ToolCall(name, arguments, identity, kind, extra)


def _sharegpt_call(value: object) -> Any:
    try:
        call = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        call = None
    if not isinstance(call, Mapping):
        raise RenderError("found text, expected the JSON text of a call with name and arguments", field="value")
    return call
