"""The bytes that ids stand for add up to those of the text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chatml import Prompt, encode
from chatml._tokens import coder_for
from chatml.encodings import encoding_names

surrogates = st.integers(0xD800, 0xDFFF).map(chr)
texts = st.lists(st.text() | surrogates | st.sampled_from(["𠮷", "<|im_end|>", "é", " the"])).map("".join)


def bytes_of(text: str) -> int:
    """The length of a text in UTF-8; a lone surrogate counts as U+FFFD."""
    return len(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())


@settings(deadline=None)
@given(st.lists(texts, min_size=1, max_size=3))
def test_lengths_add_up(contents: list[str]) -> None:
    messages = [{"role": "user", "content": one} for one in contents]
    prompt = Prompt.from_messages(messages)
    lengths = coder_for("cl100k_im").byte_lengths(encode(messages))
    assert sum(lengths) == sum(bytes_of(segment.text) for segment in prompt.segments)


@pytest.mark.parametrize("name", encoding_names())
def test_each_length_is_that_of_its_token(name: str) -> None:
    coder = coder_for(name)
    ids = [*coder.text("Hello 𠮷, wörld\n\n"), *sorted(coder.spelled)[:5]]
    decoded = [len(coder.encoding.decode_single_token_bytes(number)) for number in ids]
    assert coder.byte_lengths(ids) == coder.byte_lengths(ids) == decoded
    assert coder.byte_lengths([]) == []
