"""Invariant: a message written in any of the three forms and read again is equal, unknown keys included."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import catches, names, roles, texts

from chatml import ContentPart, Message, Prompt, RenderError, ToolCall
from chatml._messages import Form, read_messages

FORMS: tuple[Form, ...] = get_args(Form)
_arguments = st.one_of(
    st.sampled_from(["", "{}", '{"city": "Paris"}', "not JSON", "[1]", '{"a": NaN}', "null"]),
    st.dictionaries(texts, st.one_of(texts, st.integers(), st.none()), max_size=2),
)
_calls = st.one_of(
    st.builds(ToolCall, texts, _arguments, st.one_of(st.none(), texts), st.sampled_from(["function", "custom"])),
    st.builds(ToolCall, texts, _arguments, st.none(), st.just("function_call")),  # the legacy key has no id
)
_parts = st.one_of(
    texts.map(lambda text: ContentPart("text", {"text": text})),
    texts.map(lambda text: ContentPart("input_text", {"text": text, "cache": True})),
    st.just(ContentPart("image_url", {"image_url": {"url": "data:"}})),
)
_extra = st.dictionaries(
    st.sampled_from(["weight", "timestamp", "metadata", "x", "Role"]), st.one_of(texts, st.integers()), max_size=2
)
whole_messages = st.builds(
    Message,
    role=roles.filter(lambda role: role != "observation"),  # which one form reads as tool
    content=st.one_of(texts, st.lists(_parts, min_size=1, max_size=3).map(tuple)),
    name=names,
    reasoning=texts,
    tool_calls=st.lists(_calls, max_size=2).map(tuple),
    tool_call_id=st.one_of(st.none(), texts),
    refusal=st.one_of(st.none(), texts),
    extra=_extra,
)


def exact(message: Message) -> tuple[Any, ...]:
    """Every field, those outside of equality too."""
    calls = tuple((call.name, call.arguments, call.id, call.type) for call in message.tool_calls)
    return (
        *message._identity()[:2],
        message.name,
        message.reasoning,
        calls,
        message.tool_call_id,
        message.refusal,
        dict(message.extra),
    )


def check_form(message: Message, form: Form, write: Callable[[Message, Form], Any] = Message.to_mapping) -> None:
    found = Message.from_mapping(write(message, form))
    assert found == message
    assert exact(found) == exact(message)


def has_mixed_legacy_calls(message: Message) -> bool:
    """A legacy call beside another one: there is one key for it, which holds one call."""
    return len(message.tool_calls) > 1 and any(call.type == "function_call" for call in message.tool_calls)


@given(whole_messages)
def test_every_form_is_read_back(message: Message) -> None:
    if not has_mixed_legacy_calls(message):
        for form in FORMS:
            check_form(message, form)


@given(whole_messages)
def test_a_list_of_any_forms_is_read(message: Message) -> None:
    if not has_mixed_legacy_calls(message):
        given_forms = [message, *(message.to_mapping(form) for form in FORMS)]
        assert read_messages(given_forms) == (message,) * 4
        assert [dict(found.extra) for found in read_messages(given_forms)] == [dict(message.extra)] * 4


@given(whole_messages)
def test_unknown_keys_come_back_and_are_reported(message: Message) -> None:
    plain = Message(message.role, "Hello", extra=message.extra)
    prompt = Prompt.from_messages([{"role": "user", "content": ""}, plain.to_mapping()])
    assert prompt.messages[1].to_mapping() == {"role": message.role, "content": "Hello", **message.extra}
    found = [(problem.code, problem.message_index, problem.message) for problem in prompt.diagnostics]
    expected = [
        ("unknown-field", 1, f"message 1 has the field {key!r}, which is not part of the prompt")
        for key in message.extra
    ]
    assert found == expected


@given(st.sampled_from(["human", "gpt", "system", "observation"]), texts)
def test_spoken_roles_keep_their_meaning(spoken: str, text: str) -> None:
    message = Message.from_mapping({"from": spoken, "value": text})
    assert message.role == {"human": "user", "gpt": "assistant", "observation": "tool"}.get(spoken, spoken)
    assert message.to_mapping("sharegpt") == {"from": spoken, "value": text}


@pytest.mark.parametrize("role", ["human", "gpt", "bot", "ai", "observation", "function_call"])
@pytest.mark.parametrize("form", FORMS)
def test_a_role_that_a_form_reads_as_another_is_never_written_as_that(role: str, form: Form) -> None:
    message = Message(role, "Hello")
    try:
        written = message.to_mapping(form)
    except RenderError:
        return
    assert Message.from_mapping(written) == message


def without_extra(message: Message, form: Form) -> dict[str, Any]:
    return {key: value for key, value in message.to_mapping(form).items() if key not in message.extra}


def without_ids(message: Message, form: Form) -> dict[str, Any]:
    return {key: value for key, value in message.to_mapping(form).items() if key != "tool_call_id"}


def with_text_alone(message: Message, form: Form) -> dict[str, Any]:
    return {
        key: message.text if key in ("content", "text", "value") else value
        for key, value in message.to_mapping(form).items()
    }


def test_broken_writers_are_caught() -> None:
    single = whole_messages.filter(lambda message: not has_mixed_legacy_calls(message))
    for broken in (without_extra, without_ids, with_text_alone):
        assert catches(lambda message, broken=broken: check_form(message, "chat", broken), single), broken.__name__
