"""Encodings from .tiktoken files."""

from __future__ import annotations

import base64
import contextlib
import copy
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import tiktoken
from enc_texts import any_texts
from hypothesis import given, settings
from hypothesis import strategies as st

from chatml import EncodingError
from chatml.encodings import _classes, _patterns, decode_bytes, encode_ordinary, load_encoding

RANKS = {bytes((byte,)): byte for byte in range(256)} | {b"th": 256, b" th": 300, "中".encode(): 301}
LINES = [base64.b64encode(token) + b" " + str(rank).encode() for token, rank in RANKS.items()]
NAMES = "cl100k_base, cl100k_im, o200k_base, o200k_harmony, o200k_im, gpt2, llama3, qwen2"
FORMATS = "expected a .tiktoken file or a tokenizer.json"
EXPECTED = "expected a token in base64, a space and a rank"


def load(tmp_path: Path, content: bytes, **options: Any) -> tiktoken.Encoding:
    path = tmp_path / "my.vocabulary.tiktoken"
    path.write_bytes(content)
    return load_encoding(path, **options)


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\n\n", b"\r"])
def test_a_file(tmp_path: Path, end: bytes) -> None:
    encoding = load(tmp_path, end.join(LINES) + end, pattern="gpt2", special_tokens={"<|end|>": 400})
    assert isinstance(encoding, tiktoken.Encoding)
    assert encoding.name == "my.vocabulary"
    assert encoding._mergeable_ranks == RANKS
    assert encoding.encode("th th\n中<|end|>", allowed_special="all") == [256, 300, 10, 301, 400]
    assert encoding.max_token_value == 400


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("cl100k_im", _patterns.CL100K),
        ("o200k_harmony", _patterns.O200K),
        ("gpt2", _patterns.GPT2),
        ("llama3", _patterns.LLAMA3),
        ("qwen2", _patterns.QWEN2),
        (r"[\s\S]", r"[\s\S]"),
    ],
)
def test_patterns(tmp_path: Path, pattern: str, expected: str) -> None:
    encoding = load(tmp_path, b"\n".join(LINES), pattern=pattern, name="mine")
    assert (encoding.name, encoding._pat_str, encoding._special_tokens) == ("mine", expected, {})


@given(any_texts)
@settings(max_examples=200, deadline=None)
def test_ids_equal_those_of_tiktoken(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    encoding = load(tmp_path_factory.getbasetemp(), b"\n".join(LINES), pattern="qwen2")
    expected = tiktoken.Encoding("x", pat_str=_patterns.QWEN2, mergeable_ranks=RANKS, special_tokens={})
    ids = encode_ordinary(encoding, text)
    assert ids == expected.encode_ordinary(text)
    assert decode_bytes(encoding, ids) == text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode()


def test_copies_and_pickles(tmp_path: Path) -> None:
    encoding = load(tmp_path, b"\n".join(LINES), pattern="gpt2", special_tokens={"<|end|>": 400})
    assert copy.copy(encoding) is encoding
    assert copy.deepcopy(encoding) is encoding
    other = pickle.loads(pickle.dumps(encoding))
    assert (other.name, other._special_tokens) == (encoding.name, encoding._special_tokens)
    assert other.encode_ordinary("th th") == [256, 300]


def test_the_kind_of_path_does_not_matter(tmp_path: Path) -> None:
    load(tmp_path, b"\n".join(LINES), pattern="gpt2")
    assert load_encoding(str(tmp_path / "my.vocabulary.tiktoken"), pattern="gpt2").name == "my.vocabulary"


def line(number: int, content: bytes) -> bytes:
    """The file with one line (from 1) replaced."""
    return b"\n".join([*LINES[: number - 1], content, *LINES[number:]])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", f"the file is empty; {FORMATS}"),
        (b" \r\n\n", f"the file is empty; {FORMATS}"),
        (line(3, b"AQ=="), f"line 3: {EXPECTED}, found b'AQ=='"),
        (line(3, b"AQ== "), f"line 3: {EXPECTED}, found b'AQ== '"),
        (line(3, b"AQ==  2"), f"line 3: {EXPECTED}, found b'AQ==  2'"),
        (line(3, b"AQ== +2"), f"line 3: {EXPECTED}, found b'AQ== +2'"),
        (line(3, b"AQ== -2"), f"line 3: {EXPECTED}, found b'AQ== -2'"),
        (line(3, b"AQ== 2 3"), f"line 3: {EXPECTED}, found b'AQ== 2 3'"),
        (line(3, b"AQ 2"), f"line 3: {EXPECTED}, found b'AQ 2'"),
        (line(3, b"A?== 2"), f"line 3: {EXPECTED}, found b'A?== 2'"),
        (line(3, b" 2"), f"line 3: {EXPECTED}, found b' 2'"),
        (line(3, b"AQ== " + b"9" * 5000), f"line 3: {EXPECTED}, found b'AQ== {'9' * 35}'"),
        (line(3, b"Ag== 4294967295"), "line 3: the rank 4294967295 is above 4294967294"),
        (line(3, LINES[1]), "line 3: the token b'\\x01' is also on line 2"),
        (line(3, b"Ag== 1"), "line 3: the rank 1 is also on line 2"),
        (b"\n".join(LINES[1:]), "1 of the 256 single bytes are not tokens, the first is 0x00"),
        (b"YQ== 0\n", "255 of the 256 single bytes are not tokens, the first is 0x00"),
        (b"\x80\x81", f"line 1: {EXPECTED}, found b'\\x80\\x81'"),
        (
            b"\n".join(LINES),
            f"the file does not say how to split text; pass pattern: a regular expression, or one of {NAMES}",
        ),
    ],
)
def test_refusals(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(EncodingError) as caught:
        load(tmp_path, content)
    path = tmp_path / "my.vocabulary.tiktoken"
    assert caught.value.encoding == str(path)
    assert str(caught.value) == f"{path}: {message}"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pattern": "cl100k"}, "unknown pattern 'cl100k', the nearest known are cl100k_im, cl100k_base"),
        ({"pattern": ""}, f"unknown pattern '', known are {NAMES}"),
        (
            {"pattern": r"\p{L}+"},
            "the split pattern does not match '\\x00' in '\\x00'; tiktoken drops what the pattern does not match",
        ),
        (
            {"pattern": r"[^ ]+| (?! )"},
            "the split pattern does not match ' ' in '  a 1 '; tiktoken drops what the pattern does not match",
        ),
        (
            {"pattern": r"[^\u8000]"},
            f"the split pattern does not match '\u8000' in {''.join(map(chr, range(0x7FFB, 0x8005)))!r}; "
            "tiktoken drops what the pattern does not match",
        ),
        ({"special_tokens": {"": 400}}, "the special token with id 400 is empty"),
        ({"special_tokens": {"\udc00": 400}}, "the special token '\\udc00' is not valid Unicode"),
        ({"special_tokens": {"<a>": 400, "<b>": 400}}, "the special tokens '<a>' and '<b>' have the same id 400"),
        ({"special_tokens": {"<|end|>": 256}}, "the special token '<|end|>' has the id 256 of the token b'th'"),
        (
            {"special_tokens": {"<|end|>": True}},
            "the special token '<|end|>' has True for an id, expected a whole number from 0 to 4294967294",
        ),
        (
            {"special_tokens": {"<|end|>": "400"}},
            "the special token '<|end|>' has '400' for an id, expected a whole number from 0 to 4294967294",
        ),
        (
            {"special_tokens": {"<|end|>": None}},
            "the special token '<|end|>' has None for an id, expected a whole number from 0 to 4294967294",
        ),
        (
            {"special_tokens": {"<|end|>": [400]}},
            "the special token '<|end|>' has [400] for an id, expected a whole number from 0 to 4294967294",
        ),
        ({"special_tokens": {5: 300}}, "special_tokens has int for a token, expected str"),
        ({"special_tokens": {b"a": 300}}, "special_tokens has bytes for a token, expected str"),
        ({"special_tokens": ["a"]}, "special_tokens is list, expected a mapping of str to int"),
        ({"special_tokens": "a"}, "special_tokens is str, expected a mapping of str to int"),
        ({"special_tokens": 0}, "special_tokens is int, expected a mapping of str to int"),
        ({"pattern": 5}, "pattern is int, expected str"),
        ({"pattern": b"gpt2"}, "pattern is bytes, expected str"),
        ({"name": 5}, "name is int, expected str"),
        (
            {"special_tokens": {"中": 400}},
            "the special token '中' has the id 400, but is also an ordinary token with id 301; "
            "tiktoken would mix them up",
        ),
    ],
)
def test_wrong_options(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(EncodingError) as caught:
        load(tmp_path, b"\n".join(LINES), **{"pattern": "gpt2"} | options)
    assert str(caught.value) == f"{tmp_path / 'my.vocabulary.tiktoken'}: {message}"


def test_a_special_token_may_be_an_ordinary_token_with_the_same_id(tmp_path: Path) -> None:
    encoding = load(tmp_path, b"\n".join(LINES), pattern="gpt2", special_tokens={"th": 256, "<|end|>": 400})
    assert encoding.encode_single_token("th") == encoding.encode_single_token(b"th") == 256
    assert encoding.decode([256, 400]) == "th<|end|>"


@pytest.mark.parametrize("path", [None, 5, True, 1.5, ["a"], object()])
def test_what_is_no_path_is_an_error(path: Any) -> None:
    with pytest.raises(EncodingError) as caught:
        load_encoding(path)
    assert str(caught.value) == f"found {type(path).__name__}, expected a path"


@pytest.mark.parametrize("pattern", ["(", r"(?:\w{1000}){1000}"])
def test_a_pattern_that_tiktoken_cannot_compile(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(EncodingError) as caught:
        load(tmp_path, b"\n".join(LINES), pattern=pattern)
    # what follows are the words of tiktoken's engine
    start = f"{tmp_path / 'my.vocabulary.tiktoken'}: tiktoken cannot compile the split pattern: "
    assert str(caught.value).startswith(start)


@pytest.mark.parametrize("error", [type("PanicException", (BaseException,), {}), KeyboardInterrupt])
def test_a_panic_is_an_error(tmp_path: Path, error: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error("gone wrong")

    monkeypatch.setattr(_classes.SharedEncoding, "__init__", fail)
    with pytest.raises(KeyboardInterrupt if error is KeyboardInterrupt else EncodingError, match="gone wrong"):
        load(tmp_path, b"\n".join(LINES), pattern="gpt2")


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("missing", "cannot read the file: No such file or directory"),
        ("", "this is not a regular file"),
        ("nul\0byte", "cannot read the file: embedded null byte"),
        ("x" * 5000, "cannot read the file: File name too long"),
    ],
)
def test_files_that_cannot_be_read(tmp_path: Path, name: str, reason: str) -> None:
    path = f"{tmp_path}/{name}"
    with pytest.raises(EncodingError) as caught:
        load_encoding(path, pattern="gpt2")
    assert str(caught.value) == f"{path}: {reason}; {FORMATS}"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")
def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    with pytest.raises(EncodingError) as caught:
        load_encoding(path, pattern="gpt2")
    assert str(caught.value) == f"{path}: this is not a regular file; {FORMATS}"


@given(st.binary(max_size=40), st.integers(0, 60), st.integers(0, 30))
@settings(max_examples=300, deadline=None)
def test_no_other_exception(tmp_path_factory: pytest.TempPathFactory, garbage: bytes, place: int, removed: int) -> None:
    content = b"\n".join(LINES)
    with contextlib.suppress(EncodingError):
        load(tmp_path_factory.getbasetemp(), content[:place] + garbage + content[place + removed :], pattern="gpt2")
    with contextlib.suppress(EncodingError):
        load(tmp_path_factory.getbasetemp(), garbage, pattern="gpt2")
