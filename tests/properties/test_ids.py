"""Invariants: ids fold over segments, agree with the safe string, hold the frame's markers only, and come back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
import tiktoken
from hypothesis import given
from hypothesis import strategies as st
from strategies import Messages, catches, conversations, fitted, fragments, options, soups, texts, without_surrogates

from chatml import (
    ConfigError,
    EncodingError,
    InjectionError,
    Prompt,
    RenderError,
    Segment,
    SegmentKind,
    count,
    encode,
    get_encoding,
    render,
    trusted,
)
from chatml._tokens import coder_for, segment_ids
from chatml.dialects import DIALECTS, Dialect, get_dialect

ToIds = Callable[[Prompt], Sequence[int]]

IM_TOKENS = ("<|im_start|>", "<|im_end|>", "<|im_sep|>")
HARMONY_TOKENS = ("<|start|>", "<|end|>", "<|message|>", "<|channel|>")
# Special tokens that begin or end like the frame, that hold its text, or that content runs into
TRAPS = ("<|im_end|>\n", "\n<|im_start|>", "user\n", "<|im_start|>user", "<s>", "|>", "<", "<|<|", "Hello", "|", "\n\n")


def tiny_encoding(name: str, tokens: Sequence[str]) -> tiktoken.Encoding:
    """Single bytes, a few merges, and the given special tokens."""
    ranks = {bytes([byte]): byte for byte in range(256)} | {
        b"\n\n": 256,
        b"us": 257,
        b"er": 258,
        b"user": 259,
        b"<|": 260,
    }
    special = {token: 1000 + number for number, token in enumerate(tokens)}
    return tiktoken.Encoding(name, pat_str=r"\w+|\s+|[^\w\s]+", mergeable_ranks=ranks, special_tokens=special)


TINY = [
    tiny_encoding("plain", (*IM_TOKENS, *HARMONY_TOKENS, "<|endoftext|>", "<|begin_of_text|>")),
    tiny_encoding("traps", (*IM_TOKENS, *HARMONY_TOKENS, *TRAPS)),
    tiny_encoding("im", IM_TOKENS),
    tiny_encoding("none", ()),
]


def compiled(messages: Messages, dialect: Dialect, given_options: dict[str, Any]) -> Prompt | None:
    try:
        return Prompt.from_messages(fitted(messages, dialect), dialect=dialect, **given_options)
    except RenderError:
        return None


def token_ids(prompt: Prompt) -> list[int]:
    return prompt.token_ids()


def reference_ids(prompt: Prompt, encoding: tiktoken.Encoding) -> list[int] | None:
    """Markers by id, the text between two of them as one piece. A bos or eos that has no id is text.

    None where a marker has no id.
    """
    ids: list[int] = []
    run = ""
    for segment in prompt.segments:
        if segment.special and segment.text in encoding.special_tokens_set:
            ids += [*encoding.encode_ordinary(run), encoding.encode_single_token(segment.text)]
            run = ""
        elif segment.special and segment.kind not in (SegmentKind.BOS, SegmentKind.EOS):
            return None
        else:
            run += segment.text
    return ids + encoding.encode_ordinary(run)


def control_ids(ids: Sequence[int], dialect: Dialect) -> list[int]:
    encoding = get_encoding(dialect.encoding)
    special = {encoding.encode_single_token(token) for token in encoding.special_tokens_set}
    return [one for one in ids if one in special]


def check_folds(prompt: Prompt, to_ids: ToIds = token_ids) -> None:
    assert to_ids(prompt) == reference_ids(prompt, get_encoding(prompt.dialect.encoding))
    assert to_ids(prompt) == segment_ids(prompt.segments, coder_for(prompt.dialect.encoding))


def check_safe_string(prompt: Prompt, to_ids: ToIds = token_ids) -> None:
    try:
        text = prompt.text
    except InjectionError:
        return
    assert to_ids(prompt) == get_encoding(prompt.dialect.encoding).encode(text, allowed_special="all")


def check_control_ids(prompt: Prompt, to_ids: ToIds = token_ids) -> None:
    encoding = get_encoding(prompt.dialect.encoding)
    frame = [segment.text for segment in prompt.segments if segment.special]
    expected = [encoding.encode_single_token(token) for token in frame if token in encoding.special_tokens_set]
    assert control_ids(to_ids(prompt), prompt.dialect) == expected


def check_way_back(prompt: Prompt, to_ids: ToIds = token_ids) -> None:
    found = Prompt.from_ids(to_ids(prompt), dialect=prompt.dialect)
    assert [(message.role, message.text, message.name) for message in found.messages] == [
        (
            message.role,
            without_surrogates(message.text),
            message.name if message.role != "tool" or has_names(prompt) else None,
        )
        for message in prompt.messages
    ]
    assert found.ending == prompt.ending
    assert found.options == prompt.options
    assert "".join(map(wire, found.segments)) == without_surrogates("".join(map(wire, prompt.segments)))


def wire(segment: Segment) -> str:
    return segment.text


def has_names(prompt: Prompt) -> bool:
    return prompt.dialect.named_header is not None


@given(conversations, options)
def test_ids_are_a_fold_over_segments(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        prompt = compiled(messages, dialect, given_options)
        if prompt is not None:
            check_folds(prompt)


@given(conversations, options)
def test_ids_in_encodings_with_other_special_tokens(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        prompt = compiled(messages, dialect, given_options)
        for encoding in TINY if prompt else ():
            expected = reference_ids(prompt, encoding)
            if expected is None:
                with pytest.raises(EncodingError):
                    prompt.token_ids(encoding)
            else:
                assert prompt.token_ids(encoding) == expected


@given(st.one_of(fragments, texts), conversations)
def test_bos_and_eos_of_any_text(token: str, messages: Messages) -> None:
    for name in ("chatml-bos", "chatml-bos-eos"):
        meant = trusted(token)
        keywords = {"dialect": name, "template_kwargs": {"bos_token": meant, "eos_token": meant}}
        try:
            prompt = Prompt.from_messages(fitted(messages, get_dialect(name)), **keywords)
        except ConfigError:
            continue
        for encoding in (get_encoding("cl100k_im"), TINY[1]):
            assert prompt.token_ids(encoding) == reference_ids(prompt, encoding)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda dialect: dialect.name)
def test_a_marker_without_an_id_is_an_error(dialect: Dialect) -> None:
    messages = [{"role": "system", "content": "x"}, {"role": "user", "content": "Hello"}]
    for read in (
        Prompt.from_messages(messages, dialect=dialect),
        Prompt.from_text(render(messages, dialect=dialect), dialect=dialect),
    ):
        for encoding in ("cl100k_base", "o200k_base"):
            with pytest.raises(EncodingError):
                read.token_ids(encoding)
    with pytest.raises(EncodingError):
        encode(messages, dialect=dialect, encoding="cl100k_base")
    with pytest.raises(EncodingError):
        count(messages, dialect=dialect, encoding="cl100k_base")


@given(conversations, options)
def test_ids_are_those_of_the_safe_string(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        prompt = compiled(messages, dialect, given_options)
        if prompt is not None:
            check_safe_string(prompt)


@given(conversations, options)
def test_control_ids_are_the_frame_whatever_the_content(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        prompt = compiled(messages, dialect, given_options)
        if prompt is not None:
            check_control_ids(prompt)
            plain = [message | {"content": "x" if message["content"] else ""} for message in fitted(messages, dialect)]
            same = Prompt.from_messages(plain, dialect=dialect, **given_options)
            assert control_ids(prompt.token_ids(), dialect) == control_ids(same.token_ids(), dialect)


@given(conversations, options)
def test_messages_come_back_from_ids(messages: Messages, given_options: dict[str, Any]) -> None:
    for dialect in DIALECTS:
        prompt = compiled(messages, dialect, given_options)
        if prompt is not None:
            check_way_back(prompt)


@given(soups)
def test_ids_of_a_text_that_was_read(text: str) -> None:
    for dialect in DIALECTS:
        prompt = Prompt.from_text(text, dialect=dialect)
        check_folds(prompt)
        check_safe_string(prompt)
        assert prompt.count() == len(prompt.token_ids())
        assert len(prompt.assistant_mask()) == len(prompt.token_ids())


@given(
    st.lists(st.one_of(st.integers(0, 300), st.sampled_from([100257, 100264, 100265, 100266, 100276, 882, 198, 78191])))
)
def test_any_ids_are_read_and_come_back(ids: list[int]) -> None:
    for dialect in (found for found in DIALECTS if found.encoding == "cl100k_im"):
        prompt = Prompt.from_ids(ids, dialect=dialect)
        text = get_encoding("cl100k_im").decode(ids)
        assert "".join(map(wire, prompt.segments)).replace("\ufffd", "") == text.replace("\ufffd", "")
        assert control_ids(ids, dialect) == control_ids(prompt.token_ids(), dialect)


# Negative controls


def whole_string_with_special_tokens(prompt: Prompt) -> list[int]:
    return get_encoding(prompt.dialect.encoding).encode("".join(map(wire, prompt.segments)), allowed_special="all")


def field_by_field(prompt: Prompt) -> list[int]:
    encoding = get_encoding(prompt.dialect.encoding)
    pieces = (
        [encoding.encode_single_token(s.text)] if s.special else encoding.encode_ordinary(s.text)
        for s in prompt.segments
    )
    return [one for piece in pieces for one in piece]


def without_last_newline(prompt: Prompt) -> list[int]:
    ids = prompt.token_ids()
    return ids[:-1] if prompt.segments and prompt.segments[-1].kind is SegmentKind.SEPARATOR else ids


def test_broken_folds_are_caught() -> None:
    dialect = DIALECTS[0]

    def with_ids(check: Callable[..., None], to_ids: ToIds) -> Callable[[Messages], None]:
        return lambda messages: check(Prompt.from_messages(fitted(messages, dialect), dialect=dialect), to_ids)

    assert catches(with_ids(check_control_ids, whole_string_with_special_tokens), conversations)
    assert catches(with_ids(check_folds, whole_string_with_special_tokens), conversations)
    assert catches(with_ids(check_way_back, whole_string_with_special_tokens), conversations)
    assert catches(with_ids(check_folds, field_by_field), conversations)
    assert catches(with_ids(check_safe_string, field_by_field), conversations)
    assert catches(with_ids(check_safe_string, without_last_newline), conversations)
    assert catches(with_ids(check_way_back, without_last_newline), conversations)
