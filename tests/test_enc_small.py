"""Small encodings give the ids of the whole ones, whatever they are asked."""

from __future__ import annotations

import copy
import functools
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import tiktoken
from enc_texts import FIND, any_texts, texts
from hypothesis import find, given, settings
from hypothesis import strategies as st

from chatml import EncodingError
from chatml.encodings import (
    _small,
    decode_bytes,
    encode_ordinary,
    encoding_names,
    get_encoding,
    small_encoding,
    special_tokens,
)
from chatml.encodings._embedded import read_vocabulary

ROOT = Path(__file__).parents[1]
NAMES = ["cl100k_im", "o200k_harmony"]


@functools.cache
def read_once(name: str) -> list[bytes]:
    return list(read_vocabulary(name))


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a new process, although other tests have built the whole encodings."""
    monkeypatch.setattr(_small, "built_encoding", lambda _: None)
    monkeypatch.setattr(_small, "read_vocabulary", read_once)
    monkeypatch.setattr(_small, "_builds", {})


def build(name: str, text: str) -> tiktoken.Encoding:
    _small._builds.clear()
    return small_encoding(name, text)


def is_whole(encoding: tiktoken.Encoding) -> bool:
    return "_core_bpe" in vars(encoding)


@pytest.mark.parametrize("name", NAMES)
@given(text=any_texts, data=st.data())
@settings(max_examples=200, deadline=None)
def test_ids_equal_those_of_the_whole_encoding(name: str, text: str, data: st.DataObject) -> None:
    small = build(name, text)
    start = data.draw(st.integers(0, len(text)))
    for part in (text, text[start : data.draw(st.integers(start, len(text)))]):
        ids = get_encoding(name).encode_ordinary(part)
        assert encode_ordinary(small, part) == ids
        assert decode_bytes(small, ids) == get_encoding(name).decode_bytes(ids)
        special = get_encoding(name).encode(part, allowed_special="all")
        assert small.encode(part, allowed_special="all") == special
        assert decode_bytes(small, special) == get_encoding(name).decode_bytes(special)
    assert is_whole(small) == (small is get_encoding(name))


@pytest.mark.parametrize("name", NAMES)
@given(text=texts, other=any_texts)
@settings(max_examples=100, deadline=None)
def test_any_other_text_is_right_too(name: str, text: str, other: str) -> None:
    small = build(name, text)
    assert encode_ordinary(small, other) == get_encoding(name).encode_ordinary(other)
    whole = build(name, text)
    assert whole.encode(other, disallowed_special=()) == get_encoding(name).encode_ordinary(other)


def test_the_property_would_catch_a_missing_entry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entries as long as the head that tells them are easily forgotten."""

    def without_long_ones(data: bytes, tokens: list[bytes]) -> dict[bytes, int]:
        return {token: rank for token, rank in entries_in(data, tokens).items() if len(token) <= _small._HEAD}

    entries_in = _small.entries_in
    monkeypatch.setattr(_small, "entries_in", without_long_ones)
    whole = get_encoding("cl100k_im")
    find(
        texts,
        lambda text: build("cl100k_im", text).encode_ordinary(text) != whole.encode_ordinary(text),
        settings=FIND,
    )


@pytest.mark.parametrize("name", NAMES)
def test_entries(name: str) -> None:
    tokens = read_once(name.split("_")[0] + "_base")
    text = "Hello, 中文 world! I don't know what internationalization is.\n\n\n        return None"
    entries = _small.entries_in(text.encode(), tokens)
    assert {bytes((byte,)) for byte in range(256)} <= set(entries)
    assert {token for token in tokens if token in text.encode()} <= set(entries)
    assert all(tokens[rank] == token for token, rank in entries.items())
    assert len(entries) < 1500


@pytest.mark.parametrize("name", encoding_names())
def test_special_tokens_are_there_at_once(name: str) -> None:
    small = build(name, "x")
    assert {token: small.encode_single_token(token) for token in small.special_tokens_set} == special_tokens(name)
    assert not is_whole(small)


def test_only_what_is_needed_is_built() -> None:
    text = "<|im_start|>user\nHello<|im_end|>\n"
    small = build("cl100k_im", text)
    assert isinstance(small, tiktoken.Encoding)
    assert small.encode(text, allowed_special="all") == [100264, 882, 198, 9906, 100265, 198]
    assert small.decode_single_token_bytes(9906) == b"Hello"
    assert small.eot_token == 100257
    assert small.is_special_token(100264)
    assert (small.name, small.max_token_value) == ("cl100k_im", 100276)
    assert repr(small) == "<Encoding 'cl100k_im'>"
    assert not is_whole(small)


def test_what_needs_the_whole_vocabulary_builds_it() -> None:
    whole = get_encoding("o200k_harmony")
    number = whole.encode_single_token(" implementation")
    assert build("o200k_harmony", "x").encode_single_token(" implementation") == number
    assert build("o200k_harmony", "x").decode_single_token_bytes(number) == b" implementation"
    assert build("o200k_harmony", "x").decode([200013, number]) == "<|reserved_200013|> implementation"
    assert decode_bytes(build("o200k_harmony", "x"), [200013]) == b"<|reserved_200013|>"
    assert build("o200k_harmony", "x").token_byte_values() == whole.token_byte_values()
    assert build("o200k_harmony", "x")._mergeable_ranks is whole._mergeable_ranks
    both = build("o200k_harmony", "<|endofprompt|><|reserved_200018|>")
    assert both.decode_bytes([200018]) == whole.decode_bytes([200018]) == b"<|endofprompt|>"
    with pytest.raises(KeyError):
        build("o200k_harmony", "x").encode_single_token("no such token")
    with pytest.raises(AttributeError):
        build("o200k_harmony", "x").no_such_attribute  # noqa: B018 # the access is the test
    with pytest.raises(EncodingError) as caught:
        decode_bytes(build("o200k_harmony", "x"), [0, 201088])
    assert caught.value.problem == "token id 201088 at position 1 is not in the vocabulary"


def test_the_whole_encoding_is_given_when_it_is_better(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = get_encoding("cl100k_im")
    assert build("cl100k_im", "x" * 32_768) is not whole
    assert build("cl100k_im", "x" * 32_769) is whole
    assert build("cl100k_im", "中" * 20_000) is whole
    assert build("cl100k_im", "\ud800") is whole
    _small._builds.clear()
    assert [small_encoding("cl100k_im", "x") is whole for _ in range(6)] == [False] * 4 + [True] * 2
    monkeypatch.undo()
    assert small_encoding("cl100k_im", "x") is whole


def test_copies_and_pickles() -> None:
    small = build("cl100k_im", "some text")
    assert copy.copy(small) is small
    assert copy.deepcopy(small) is small
    assert len(pickle.dumps(small)) < 1000
    assert pickle.loads(pickle.dumps(small)) is get_encoding("cl100k_im")
    assert not is_whole(small)


def test_in_a_new_process() -> None:
    code = (
        "import sys; from chatml.encodings import small_encoding, _registry;"
        "print(small_encoding('o200k_im', 'ChatGPT is great!').encode_ordinary('ChatGPT is great!'), _registry._built,"
        "sorted({'dataclasses', 'json', 'regex', 'hashlib'} & set(sys.modules)))"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout == "[14065, 162016, 382, 2212, 0] {} []\n"
