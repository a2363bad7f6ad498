"""Reading of encodings from files: which format it is, and the checks that hold for all formats."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from typing import TYPE_CHECKING

from chatml._errors import EncodingError
from chatml.encodings._embedded import ORIGINAL_SHA256
from chatml.encodings._names import NAMED_ENCODINGS, nearest
from chatml.encodings._patterns import NAMED_PATTERNS, RUN_CHARACTERS
from chatml.encodings._text import encode_ordinary, is_panic
from chatml.encodings._tiktoken_file import read_ranks
from chatml.encodings._tokenizer_json import Parts, check_id, convert

if TYPE_CHECKING:
    from collections.abc import Iterator

    import tiktoken

_FORMATS = "a .tiktoken file or a tokenizer.json"


def read_encoding(
    path: str,
    name: str,
    special_tokens: Mapping[str, int] | None,
    pattern: str | None,
    allow_normalizer: bool,
) -> tiktoken.Encoding:
    """Do the work of `load_encoding`. Errors do not name the file yet."""
    _check_kinds(special_tokens)
    content = read_bytes(path)
    if content.lstrip().removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"{"):
        parts = _from_json(content, pattern, allow_normalizer)
    else:
        parts = _from_lines(content, pattern)
    if special_tokens is not None:
        parts = parts._replace(special_tokens=dict(special_tokens))
    _check_special_tokens(parts)
    return _build(name, parts)


def _check_kinds(special_tokens: object) -> None:
    if special_tokens is None:
        return
    if not isinstance(special_tokens, Mapping):
        raise EncodingError(f"special_tokens is {type(special_tokens).__name__}, expected a mapping of str to int")
    for spelling in special_tokens:
        if not isinstance(spelling, str):
            raise EncodingError(f"special_tokens has {type(spelling).__name__} for a token, expected str")


def read_bytes(path: str) -> bytes:
    """The bytes of a regular file that is not empty. Raises `EncodingError`."""
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a device may never end, a FIFO may never begin
            raise EncodingError("this is not a regular file", hint=f"expected {_FORMATS}")
        with open(path, "rb") as file:
            content = file.read()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise EncodingError(f"cannot read the file: {reason}", hint=f"expected {_FORMATS}") from error
    if not content.strip():
        raise EncodingError("the file is empty", hint=f"expected {_FORMATS}")
    return content


def _from_json(content: bytes, pattern: str | None, allow_normalizer: bool) -> Parts:
    import json

    if pattern is not None:
        raise EncodingError("a tokenizer.json has its own split pattern", hint="leave out pattern")
    try:
        return convert(json.loads(content.decode("utf-8-sig")), allow_normalizer=allow_normalizer)
    except RecursionError:
        raise EncodingError("the file is not JSON that can be read: it is nested too deeply") from None
    except ValueError as error:
        raise EncodingError(f"the file is not JSON in UTF-8: {error}", hint=f"expected {_FORMATS}") from error


def _from_lines(content: bytes, pattern: str | None) -> Parts:
    import hashlib

    ranks = read_ranks(content)
    sha256 = hashlib.sha256(content).hexdigest()
    for name, known in ORIGINAL_SHA256.items():
        if sha256 == known:
            spec = NAMED_ENCODINGS[name]
            return Parts(ranks, dict(spec.special_tokens), _pattern(pattern) if pattern else spec.pattern)
    if pattern is None:
        raise EncodingError(
            "the file does not say how to split text",
            hint=f"pass pattern: a regular expression, or one of {', '.join(_pattern_names())}",
        )
    return Parts(ranks, {}, _pattern(pattern))


def _pattern_names() -> dict[str, str]:
    return {name: spec.pattern for name, spec in NAMED_ENCODINGS.items()} | NAMED_PATTERNS


def _pattern(pattern: str) -> str:
    names = _pattern_names()
    # A misspelt name would be a regular expression that matches next to nothing
    if pattern not in names and re.fullmatch(r"[\w-]*", pattern):
        raise EncodingError(f"unknown pattern {pattern!r}, {nearest(pattern, names)}")
    return names.get(pattern, pattern)


def _check_special_tokens(parts: Parts) -> None:
    spellings: dict[int, str] = {}
    tokens = {rank: token for token, rank in parts.ranks.items()}
    for spelling, number in parts.special_tokens.items():
        check_id(number, f"the special token {spelling!r}")
        if not spelling:
            raise EncodingError(f"the special token with id {number} is empty")
        try:
            encoded = spelling.encode()
        except UnicodeEncodeError:
            raise EncodingError(f"the special token {spelling!r} is not valid Unicode") from None
        if spellings.setdefault(number, spelling) != spelling:
            raise EncodingError(f"the special tokens {spellings[number]!r} and {spelling!r} have the same id {number}")
        if tokens.get(number, encoded) != encoded:
            raise EncodingError(f"the special token {spelling!r} has the id {number} of the token {tokens[number]!r}")
        ordinary = parts.ranks.get(encoded, number)
        if ordinary != number:
            raise EncodingError(
                f"the special token {spelling!r} has the id {number}, but is also an ordinary token with id {ordinary}",
                hint="tiktoken would mix them up",
            )


def _build(name: str, parts: Parts) -> tiktoken.Encoding:
    from chatml.encodings._classes import SharedEncoding

    try:
        encoding = SharedEncoding(
            name, pat_str=parts.pattern, mergeable_ranks=parts.ranks, special_tokens=parts.special_tokens
        )
    except BaseException as error:
        if not isinstance(error, ValueError) and not is_panic(error):
            raise
        raise EncodingError(f"tiktoken cannot compile the split pattern: {error}") from None
    if parts.pattern not in RUN_CHARACTERS:
        _check_all_is_matched(encoding)
    return encoding


def _check_all_is_matched(encoding: tiktoken.Encoding) -> None:
    for text in _probes():
        kept = encoding.decode_bytes(encode_ordinary(encoding, text)).decode()
        if kept != text:
            dropped = next(place for place in range(len(text)) if kept[place : place + 1] != text[place])
            raise EncodingError(
                f"the split pattern does not match {text[dropped]!r} in {text[max(0, dropped - 5) : dropped + 5]!r}",
                hint="tiktoken drops what the pattern does not match",
            )


def _probes() -> Iterator[str]:
    """Every character, and some of each general category in different company."""
    others = "ǅʰ中ⅷ²«»‿€˃🙂٣\u0301\u0903\u20dd\u1680\u2028\u2029\u200b\u3000\ue000\U0001f1e6\U000e0fff"
    for character in [*map(chr, range(0x180)), *others]:
        yield character
        yield f"{character * 2}a{character}1{character} {character}\n{character}"
    yield "".join(map(chr, [*range(0xD800), *range(0xE000, 0x110000)]))
