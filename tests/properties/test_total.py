"""Invariant: nothing but `ChatMLError` comes out of a public function, whatever goes in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import almost_messages, catches, conversations, dialects, json_like, keys, soups

import chatml
from chatml import ChatMLError, Message, Prompt, StreamParser
from chatml.dialects import DIALECTS

ODD_IDS = [-1, 100255, 100256, 100257, 100264, 100265, 100266, 100277, 200006, 2**31, 2**63, 2**64, 10**30]


def only_chatml_errors(call: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """What `call` returns, None when it raises one of our errors, whose text has to be one line."""
    try:
        return call(*arguments, **keywords)
    except ChatMLError as error:
        text = str(error)
    assert text
    assert "\n" not in text
    return None


def use(prompt: Prompt | None) -> None:
    """Read everything that can be read off a prompt."""
    if prompt is None:
        return
    assert isinstance(prompt.segments, tuple)
    assert isinstance(prompt.diagnostics, tuple)
    assert prompt.ending in ("closed", "generation_prompt", "open")
    assert isinstance(prompt.assistant_spans(), tuple)
    only_chatml_errors(lambda: prompt.text)
    ids = only_chatml_errors(prompt.token_ids)
    mask = only_chatml_errors(prompt.assistant_mask)
    assert (ids is None) == (mask is None)
    assert ids is None or len(ids) == len(mask)


@given(almost_messages, dialects, st.booleans())
def test_messages_of_any_shape(messages: Any, dialect: Any, lossy: bool) -> None:
    use(only_chatml_errors(Prompt.from_messages, messages, dialect=dialect, lossy=lossy))
    for untrusted in ("escape", "reject"):
        text = only_chatml_errors(chatml.render, messages, dialect=dialect, lossy=lossy, untrusted=untrusted)
        assert text is None or isinstance(text, str)
    only_chatml_errors(chatml.encode, messages, dialect=dialect, lossy=lossy, continue_final_message=True)
    total = only_chatml_errors(chatml.count, messages, dialect=dialect)
    found = only_chatml_errors(chatml.measure, messages, model="gpt-4o")
    assert total is None or total >= 0
    assert found is None or found.total >= 0


@given(json_like)
def test_one_message_of_any_shape(mapping: Any) -> None:
    message = only_chatml_errors(Message.from_mapping, mapping)
    if message is not None:
        for form in ("chat", "sender", "sharegpt"):
            assert isinstance(message.to_mapping(form), dict)
        assert message == message
        assert isinstance(hash(message), int)
        assert isinstance(message.text, str)


@given(
    st.dictionaries(
        st.sampled_from(["role", "content", "name", "reasoning", "tool_calls", "tool_call_id", "refusal"]), json_like
    )
)
def test_a_message_made_of_any_fields(fields: dict[str, Any]) -> None:
    message = only_chatml_errors(Message, **({"role": "user"} | fields))
    if message is not None:
        use(only_chatml_errors(Prompt.from_messages, [message]))
        use(only_chatml_errors(Prompt.from_messages, [message], dialect="openai", lossy=True))
        only_chatml_errors(chatml.count, [message], model="gpt-4o")
        assert isinstance(message.to_mapping(), dict)


RENDER_OPTIONS = [
    "dialect",
    "tools",
    "add_generation_prompt",
    "continue_final_message",
    "template_kwargs",
    "lossy",
    "untrusted",
]


@given(conversations, st.dictionaries(st.sampled_from(RENDER_OPTIONS), json_like, min_size=1, max_size=3))
def test_options_of_any_shape(messages: Any, keywords: dict[str, Any]) -> None:
    only_chatml_errors(chatml.render, messages, **keywords)
    keywords.pop("untrusted", None)
    use(only_chatml_errors(Prompt.from_messages, messages, **keywords))
    only_chatml_errors(chatml.encode, messages, encoding=keywords.get("tools"), **keywords)
    own = {key: value for key, value in keywords.items() if key in ("dialect", "template_kwargs")}
    use(only_chatml_errors(Prompt.from_text, "<|im_start|>user\nHi<|im_end|>\n", **own))
    only_chatml_errors(StreamParser, **own)


COUNT_OPTIONS = [
    "model",
    "dialect",
    "encoding",
    "tools",
    "functions",
    "tool_choice",
    "response_format",
    "api",
    "add_generation_prompt",
]


@given(conversations, st.dictionaries(st.sampled_from(COUNT_OPTIONS), json_like, max_size=2))
def test_options_of_a_count_of_any_shape(messages: Any, keywords: dict[str, Any]) -> None:
    keywords = {"model": "gpt-4o"} | keywords
    total = only_chatml_errors(chatml.count, messages, **keywords)
    found = only_chatml_errors(chatml.measure, messages, **keywords)
    assert found is None or total == found.total


@given(st.sampled_from(["bos_token", "eos_token"]), st.one_of(json_like, soups), soups)
def test_template_tokens_of_any_shape(key: str, value: Any, text: str) -> None:
    for dialect in ("chatml-bos", "chatml-bos-eos", "hermes3"):
        keywords = {"dialect": dialect, "template_kwargs": {key: value}}
        use(only_chatml_errors(Prompt.from_text, text, **keywords))
        written = only_chatml_errors(chatml.render, [{"role": "user", "content": text}], **keywords)
        assert written is None or isinstance(written, str)


@given(soups)
def test_any_text_is_read(text: str) -> None:
    for dialect in DIALECTS:
        prompt = Prompt.from_text(text, dialect=dialect)  # never raises
        assert isinstance(prompt.diagnostics, tuple)
        assert chatml.parse(text, dialect=dialect, strict=False, unescape=False) == list(prompt.messages)
        only_chatml_errors(chatml.parse, text, dialect=dialect)
        only_chatml_errors(lambda prompt=prompt: prompt.text)
    assert all(name in chatml.dialect_names() for name, _ in chatml.detect_dialect(text))


@given(soups)
def test_any_text_is_escaped(text: str) -> None:
    assert chatml.unescape(chatml.escape(text)) == text
    only_chatml_errors(chatml.unescape, text)
    assert isinstance(chatml.is_escaped(text), bool)


@given(st.lists(st.one_of(st.integers(), st.integers(0, 201_100), st.sampled_from(ODD_IDS)), max_size=8), dialects)
def test_any_ids_are_decoded(ids: list[int], dialect: Any) -> None:
    use(only_chatml_errors(Prompt.from_ids, ids, dialect=dialect))
    only_chatml_errors(chatml.decode, ids, dialect=dialect)


@given(json_like)
def test_ids_of_any_shape(ids: Any) -> None:
    only_chatml_errors(Prompt.from_ids, ids)
    only_chatml_errors(chatml.decode, [1, ids])
    only_chatml_errors(chatml.decode, [1], encoding=ids)


@given(json_like)
def test_names_of_any_shape(name: Any) -> None:
    for lookup in (chatml.get_dialect, chatml.get_encoding, chatml.get_model):
        only_chatml_errors(lookup, name)


@given(json_like.filter(lambda value: not isinstance(value, str)))
def test_what_is_no_text_is_refused(value: Any) -> None:
    for call in (
        chatml.parse,
        Prompt.from_text,
        chatml.detect_dialect,
        chatml.escape,
        chatml.unescape,
        chatml.is_escaped,
    ):
        with pytest.raises(ChatMLError):
            call(value)
    with pytest.raises(ChatMLError):
        StreamParser().feed(value)


@given(st.dictionaries(keys, json_like, min_size=1), st.sampled_from(["", "json", "ChatML", None, 5, []]))
def test_forms_of_any_shape(mapping: Any, form: Any) -> None:
    message = Message("user", "Hello", extra=mapping)
    assert only_chatml_errors(message.to_mapping, form) is None


def test_a_broken_reader_is_caught() -> None:
    def naive(messages: Any) -> None:
        try:
            "".join(f"<|im_start|>{message['role']}\n{message['content']}<|im_end|>\n" for message in messages)
        except ChatMLError:
            return
        except Exception as error:
            raise AssertionError from error

    assert catches(naive, almost_messages)
    with contextlib.suppress(AssertionError):
        naive([])
