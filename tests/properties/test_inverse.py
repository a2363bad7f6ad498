"""Invariants: parse inverts render whatever the content spells, and render inverts parse for what render made."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import given
from strategies import Messages, catches, conversations, fitted, fragments, options

from chatml import InjectionError, Message, Prompt, RenderError, parse, render
from chatml.dialects import DIALECTS, Dialect

Write = Callable[..., str]
Read = Callable[..., list[Message]]


def check_inverse(
    messages: Messages, dialect: Dialect, given_options: dict[str, Any], write: Write, read: Read
) -> None:
    """What the dialect cannot hold is not asked for; everything else has to come back."""
    try:
        expected = Prompt.from_messages(messages, dialect=dialect, **given_options).messages
    except RenderError:
        return
    assert read(write(messages, dialect=dialect, **given_options), dialect=dialect) == list(expected)


def check_canonical(messages: Messages, dialect: Dialect, given_options: dict[str, Any], read: Read) -> None:
    try:
        compiled = Prompt.from_messages(messages, dialect=dialect, **given_options)
    except RenderError:
        return
    text = render(messages, dialect=dialect, **given_options)
    prompt = Prompt.from_text(text, dialect=dialect)
    assert render(read(text, dialect=dialect), dialect=dialect, **prompt.options) == text
    assert render(compiled.messages, dialect=dialect, **compiled.options) == text
    assert prompt.ending == compiled.ending


@given(conversations)
def test_parse_inverts_render(messages: Messages) -> None:
    for dialect in DIALECTS:
        check_inverse(fitted(messages, dialect), dialect, {}, render, parse)


@given(conversations, options)
def test_parse_inverts_render_with_options(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        check_inverse(fitted(messages, dialect), dialect, given_options, render, parse)


@given(conversations, options)
def test_messages_that_a_dialect_refuses_are_refused_by_all(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        try:
            expected = list(Prompt.from_messages(messages, dialect=dialect, **given_options).messages)
        except RenderError as refused:
            expected = str(refused)
        try:
            found = parse(render(messages, dialect=dialect, **given_options), dialect=dialect)
        except RenderError as refused:
            found = str(refused)
        assert found == expected


@given(conversations, options)
def test_fitted_messages_are_only_refused_with_an_open_end(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        try:
            Prompt.from_messages(fitted(messages, dialect), dialect=dialect, **given_options)
        except RenderError:
            assert "continue_final_message" in given_options or not dialect.closes_last


@given(conversations, options)
def test_rejecting_raises_or_keeps_the_text(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        try:
            prompt = Prompt.from_messages(fitted(messages, dialect), dialect=dialect, **given_options)
        except RenderError:
            continue
        injected: InjectionError | None = None
        try:
            text = render(fitted(messages, dialect), dialect=dialect, untrusted="reject", **given_options)
        except InjectionError as error:
            injected = error
        if injected is None:
            assert parse(text, dialect=dialect) == list(prompt.messages)
        else:
            content = fitted(messages, dialect)[injected.message]["content"]
            assert content[injected.start : injected.end] == injected.token


@given(conversations, options)
def test_lossy_prompts_come_back_as_what_they_hold(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        try:
            prompt = Prompt.from_messages(messages, dialect=dialect, lossy=True, **given_options)
        except RenderError:
            assert "continue_final_message" in given_options
            continue
        text = render(messages, dialect=dialect, lossy=True, **given_options)
        header_lost = dialect.reply_header or "{role}" not in (dialect.named_header or "{role}")
        if not (header_lost and any(lost.field == "role" for lost in prompt.dropped)):
            assert parse(text, dialect=dialect) == list(prompt.messages)


@given(conversations, options)
def test_render_inverts_parse_for_what_render_made(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        check_canonical(fitted(messages, dialect), dialect, given_options, parse)


# Negative controls: what others do to content, and readers that are almost right


def with_contents(change: Callable[[str], str]) -> Write:
    def write(messages: Messages, **keywords: Any) -> str:
        changed = [message | {"content": change(message["content"])} for message in messages]
        return "".join(segment.text for segment in Prompt.from_messages(changed, **keywords).segments)

    return write


def reading(change: Callable[[str], str]) -> Read:
    def read(text: str, **keywords: Any) -> list[Message]:
        messages = parse(text, unescape=False, **keywords)
        return [Message(message.role, change(message.text), message.name) for message in messages]

    return read


def unchanged(text: str) -> str:
    return text


BROKEN = {
    "no escape": (with_contents(unchanged), reading(unchanged)),
    "naive backslash": (
        with_contents(lambda text: text.replace("<|", "<\\|")),
        reading(lambda text: text.replace("<\\|", "<|")),
    ),
    "zero width space": (
        with_contents(lambda text: text.replace("<|", "<\u200b|")),
        reading(lambda text: text.replace("<\u200b|", "<|")),
    ),
    "white space lost": (render, lambda text, **keywords: reading(str.strip)(text, **keywords)),
}


single = fragments.map(lambda content: [{"role": "user", "content": content}])


def test_broken_schemes_are_caught() -> None:
    for name, (write, read) in BROKEN.items():

        def check(messages: Messages, write: Write = write, read: Read = read) -> None:
            check_inverse(fitted(messages, DIALECTS[0]), DIALECTS[0], {}, write, read)

        assert catches(check, single), name


def test_an_ending_that_is_forgotten_is_caught() -> None:
    def check(messages: Messages) -> None:
        text = render(messages, add_generation_prompt=True)
        assert render(parse(text)) == text

    assert catches(check, conversations.map(lambda messages: fitted(messages, DIALECTS[0])))
