"""Encodings for one small text, built in a third of the time that the whole vocabulary takes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml.encodings._embedded import read_vocabulary
from chatml.encodings._names import encoding_spec
from chatml.encodings._registry import built_encoding, get_encoding

if TYPE_CHECKING:
    from collections.abc import Iterable

    import tiktoken

# Above this size (UTF-8 bytes) a small encoding saves little
_SMALL_TEXT = 32_768
# Who asks for many small encodings is better off with the whole one
_MOST_BUILDS = 4
# Entries are told by their first bytes: long enough to leave out most, short enough for few substrings
_HEAD = 6

_builds: dict[str, int] = {}


def small_encoding(name: str, text: str) -> tiktoken.Encoding:
    """Give a named encoding that is quick to build and quick for `text` and its substrings.

    Its ids equal those of `get_encoding(name)` for any text; for text that is not a substring of `text`, and for ids
    that do not come from there, it builds the whole encoding. It is the whole encoding when that has been built, when
    `text` is long or holds lone surrogates, and from the fifth call for a name on.

    Raises `EncodingError` as `get_encoding` does.
    """
    built = built_encoding(name)
    if built is not None:
        return built
    try:
        data = text.encode()
    except UnicodeEncodeError:
        # tiktoken replaces lone surrogates, a pair cut in two otherwise than a whole one
        return get_encoding(name)
    if len(data) > _SMALL_TEXT or _builds.get(name, 0) >= _MOST_BUILDS:
        return get_encoding(name)
    _builds[name] = _builds.get(name, 0) + 1
    return _build(name, text, data)


def _build(name: str, text: str, data: bytes) -> tiktoken.Encoding:
    from chatml.encodings._classes import SmallEncoding

    spec = encoding_spec(name)
    return SmallEncoding(
        name,
        text=text,
        pat_str=spec.pattern,
        mergeable_ranks=entries_in(data, read_vocabulary(spec.vocabulary)),
        special_tokens=dict(spec.special_tokens),
        by_name=get_encoding,
    )


def entries_in(data: bytes, tokens: Iterable[bytes]) -> dict[bytes, int]:
    """Give the tokens that occur in `data`, all single bytes, and some tokens that only begin like a part of it."""
    heads = {bytes((byte,)) for byte in range(256)}
    for size in range(2, _HEAD + 1):
        heads.update([data[start : start + size] for start in range(len(data) - size + 1)])
    head = slice(_HEAD)  # made once, which saves a tenth of the time
    return {token: rank for rank, token in enumerate(tokens) if token[head] in heads}
