"""Long white space: cut out of the text by `long_pieces`, it gives the ids that tiktoken gives where it can."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from types import SimpleNamespace

import pytest
import tiktoken
from enc_texts import FIND, white_texts
from hypothesis import find, given, settings
from hypothesis import strategies as st

from chatml import EncodingError
from chatml.encodings import _patterns, decode_bytes, encode_ordinary, get_encoding
from chatml.encodings._text import encode_around
from chatml.encodings._whitespace import LONG_RUN, long_pieces

KNOWN = {
    "cl100k": _patterns.CL100K,
    "o200k": _patterns.O200K,
    "llama3": _patterns.LLAMA3,
    "qwen2": _patterns.QWEN2,
    "gpt2": _patterns.GPT2,
}
# tiktoken matches runs up to 999,998 characters
TOO_LONG = 1_000_001


@functools.cache
def encoding_for(pattern: str) -> tiktoken.Encoding:
    base = get_encoding("cl100k_base")
    if pattern == base._pat_str:
        return base
    return tiktoken.Encoding("test", pat_str=pattern, mergeable_ranks=base._mergeable_ranks, special_tokens={})


def test_all_known_patterns_are_tested() -> None:
    assert set(KNOWN.values()) == set(_patterns.RUN_CHARACTERS)


def test_white_space_is_what_tiktoken_says() -> None:
    """The pattern keeps white space and drops all else."""
    ranks = {bytes((byte,)): byte for byte in range(256)}
    keeps_white = tiktoken.Encoding("white", pat_str=r"\s", mergeable_ranks=ranks, special_tokens={})
    everything = "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
    assert sorted(_patterns.WHITESPACE) == list(bytes(keeps_white.encode_ordinary(everything)).decode())
    assert len(_patterns.WHITESPACE) == 25


@pytest.mark.parametrize("name", KNOWN)
@given(text=white_texts, least=st.integers(2, 7))
@settings(max_examples=300, deadline=None)
def test_ids_are_the_same_with_long_runs_cut_out(name: str, text: str, least: int) -> None:
    encoding = encoding_for(KNOWN[name])
    pieces = list(long_pieces(text, KNOWN[name], least))
    assert encode_around(encoding, text, pieces) == encoding.encode_ordinary(text)


@pytest.mark.parametrize("name", KNOWN)
@given(text=white_texts, least=st.integers(2, 7))
@settings(max_examples=200, deadline=None)
def test_no_long_run_is_missed(name: str, text: str, least: int) -> None:
    """A slow look at every run of what one piece can hold."""
    characters = _patterns.RUN_CHARACTERS[KNOWN[name]]
    expected = []
    start = 0
    while start < len(text):
        end = start
        while end < len(text) and text[end] in characters:
            end += 1
        if end - start >= least and text[end : end + 1] not in ("\n", "\r"):
            expected.append((start, end if end == len(text) else end - 1))
        start = max(end, start + 1)
    assert list(long_pieces(text, KNOWN[name], least)) == expected


def shifted(pieces: Iterable[tuple[int, int]], text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    for first, last in pieces:
        yield max(0, first + start), min(len(text), last + end)


@pytest.mark.parametrize("name", ["cl100k", "o200k", "gpt2"])
@pytest.mark.parametrize(("start", "end"), [(0, 1), (0, -1), (-1, 0), (1, 0)])
def test_the_property_would_catch_a_wrong_boundary(name: str, start: int, end: int) -> None:
    encoding = encoding_for(KNOWN[name])

    def differs(text: str) -> bool:
        pieces = shifted(long_pieces(text, KNOWN[name], 3), text, start, end)
        return encode_around(encoding, text, pieces) != encoding.encode_ordinary(text)

    find(white_texts, differs, settings=FIND)


@pytest.mark.parametrize(
    "wrong", [_patterns.BLANKS + "\x1c", _patterns.WHITESPACE, _patterns.BLANKS.replace("\u3000", "")]
)
def test_the_property_would_catch_wrong_characters(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    encoding = encoding_for(_patterns.CL100K)
    monkeypatch.setitem(_patterns.RUN_CHARACTERS, _patterns.CL100K, wrong)

    def differs(text: str) -> bool:
        pieces = list(long_pieces(text, _patterns.CL100K, 2))
        return encode_around(encoding, text, pieces) != encoding.encode_ordinary(text)

    find(white_texts, differs, settings=FIND)


@pytest.mark.parametrize("name", ["cl100k_im", "o200k_im"])
@pytest.mark.parametrize(
    ("before", "character", "after"),
    [("", " ", ""), ("a", " ", "b"), ("!\n", "\t", "1"), ("\ud800\r\n \n", "\xa0", "(x"), ("a", "\u3000", "\n b")],
)
def test_runs_that_both_can_encode(name: str, before: str, character: str, after: str) -> None:
    encoding = get_encoding(name)
    text = before + character * (LONG_RUN + 1) + after
    assert len(list(long_pieces(text, encoding._pat_str))) == (not after.startswith("\n"))
    assert encode_ordinary(encoding, text) == encoding.encode_ordinary(text)


@pytest.mark.parametrize("name", ["cl100k_im", "o200k_im"])
def test_runs_that_tiktoken_cannot_encode(name: str) -> None:
    encoding = get_encoding(name)
    text = f"a{' ' * TOO_LONG}b\n{' ' * TOO_LONG}"
    ids = encode_ordinary(encoding, text)
    assert decode_bytes(encoding, ids) == text.encode()
    longest = max(range(encoding.max_token_value), key=lambda token: _spaces(encoding, token))
    assert ids.count(longest) == (TOO_LONG - 1) // _spaces(encoding, longest) + TOO_LONG // _spaces(encoding, longest)


@functools.cache
def _spaces(encoding: tiktoken.Encoding, token: int) -> int:
    try:
        decoded = encoding.decode_single_token_bytes(token)
    except KeyError:
        return 0
    return 0 if decoded.strip(b" ") else len(decoded)


def test_a_panic_is_an_error() -> None:
    """A pattern that we do not know: nothing is cut out."""
    pattern = _patterns.O200K + "|never"
    encoding = encoding_for(pattern)
    with pytest.raises(EncodingError) as caught:
        encode_ordinary(encoding, " " * TOO_LONG)
    assert str(caught.value) == (
        "test: tiktoken cannot encode this text of 1000001 characters: called `Result::unwrap()` on an `Err` value: "
        "RuntimeError(StackOverflow); its pattern may need too many steps for a long run of one kind of character"
    )
    assert encode_ordinary(encoding, "fine again") == encoding.encode_ordinary("fine again")


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
def test_other_errors_pass_through(error: type[BaseException]) -> None:
    def fail(*_: object) -> None:
        raise error

    failing = SimpleNamespace(name="failing", encode_ordinary=fail, decode_bytes=fail)
    with pytest.raises(error):
        encode_ordinary(failing, "text")
    with pytest.raises(error):
        decode_bytes(failing, [1])
