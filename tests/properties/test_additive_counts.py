"""Invariants: a count is the length of the ids, the sum of its parts, and adds up over messages."""

from __future__ import annotations

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st
from strategies import Messages, catches, conversations, fitted

from chatml import RenderError, count, encode, get_encoding, measure
from chatml._special import ENCODING_TOKENS
from chatml.dialects import DIALECTS, Dialect, get_dialect

Counter = Callable[..., int]

# Every message starts at a special id, and what follows its last one is fixed
ADDITIVE = [get_dialect(name) for name in ("chatml", "openai", "openai-im-sep", "openai-harmony", "azure")]


def check_length(messages: Messages, dialect: Dialect, counter: Counter = count) -> None:
    ids = encode(messages, dialect=dialect, add_generation_prompt=True)
    assert counter(messages, dialect=dialect) == len(ids)


def check_additive(left: Messages, right: Messages, dialect: Dialect, counter: Counter = count) -> None:
    """What `right` costs does not depend on what stands before it."""
    constant = counter([], dialect=dialect)
    both = counter(left + right, dialect=dialect)
    assert both - counter(left, dialect=dialect) == counter(right, dialect=dialect) - constant
    assert both == constant + sum(counter([message], dialect=dialect) - constant for message in left + right)


@given(conversations)
def test_a_count_is_the_number_of_ids(messages: Messages) -> None:
    for dialect in DIALECTS:
        check_length(fitted(messages, dialect), dialect)


@given(conversations)
def test_a_count_without_generation_prompt(messages: Messages) -> None:
    for dialect in DIALECTS:
        own = fitted(messages, dialect)
        try:
            ids = encode(own, dialect=dialect)
        except RenderError:  # an open, empty assistant turn that cannot be there
            assert not dialect.closes_last
        else:
            assert count(own, dialect=dialect, add_generation_prompt=False) == len(ids)


@given(conversations)
def test_a_measure_is_the_sum_of_its_parts(messages: Messages) -> None:
    for dialect in DIALECTS:
        own = fitted(messages, dialect)
        found = measure(own, dialect=dialect)
        assert found.total == count(own, dialect=dialect)
        assert found.total == sum(one.total for one in found.messages) + sum(part.tokens for part in found.parts)
        assert all(min(one.header, one.content, one.framing) >= 0 for one in found.messages)


@given(conversations, conversations)
def test_counts_add_up_over_messages(left: Messages, right: Messages) -> None:
    for dialect in ADDITIVE:
        check_additive(fitted(left, dialect), fitted(right, dialect), dialect)


@given(conversations, st.sampled_from(["gpt-4o", "gpt-3.5-turbo-0613", "gpt-5", "gpt-3.5-turbo-0301"]))
def test_a_count_for_a_model_is_that_of_its_wire(messages: Messages, model: str) -> None:
    spoken = [message for message in messages if message["role"] not in ("tool", "function")]
    found = measure(spoken, model=model)
    assert count(spoken, model=model) == found.total
    ids = encode(spoken, dialect=found.dialect, encoding=found.encoding, add_generation_prompt=True, lossy=True)
    assert found.total == len(ids)


# Negative controls


def cookbook(messages: Messages, dialect: Dialect) -> int:
    """The formula in use: 3 a message, role, content, name and 1, and 3 for the reply."""
    tokens = get_encoding(dialect.encoding).encode_ordinary
    total = 3
    for message in messages:
        total += 3 + sum(len(tokens(text)) for text in message.values()) + ("name" in message)
    return total


def with_special_tokens(messages: Messages, dialect: Dialect) -> int:
    """Content that is encoded with special tokens allowed."""
    encoding = get_encoding(dialect.encoding)
    spelled = [
        message["content"]
        for message in messages
        if any(t in message["content"] for t in ENCODING_TOKENS[dialect.encoding])
    ]
    wrong = sum(
        len(encoding.encode_ordinary(text)) - len(encoding.encode(text, allowed_special="all")) for text in spelled
    )
    return count(messages, dialect=dialect) - wrong


def joined_and_counted_once(messages: Messages, dialect: Dialect) -> int:
    """All text as one run: pieces merge over the borders of messages."""
    text = "".join(message["content"] for message in messages)
    return len(get_encoding(dialect.encoding).encode_ordinary(text))


def test_broken_counters_are_caught() -> None:
    im_sep = get_dialect("openai-im-sep")
    for broken in (cookbook, with_special_tokens, joined_and_counted_once):
        assert catches(lambda m, broken=broken: check_length(fitted(m, im_sep), im_sep, broken), conversations), broken
    pairs = st.tuples(conversations, conversations)
    assert catches(lambda pair: check_additive(*pair, im_sep, joined_and_counted_once), pairs)
