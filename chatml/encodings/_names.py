"""The named encodings: vocabulary, split pattern and special tokens of each. Data only, nothing is loaded here."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatml._errors import EncodingError
from chatml._special import ENCODING_TOKENS
from chatml.encodings._patterns import CL100K, O200K

if TYPE_CHECKING:
    from collections.abc import Mapping


class EncodingSpec(NamedTuple):
    """What a named encoding is made of."""

    vocabulary: str  # the stem of a file in data/
    pattern: str
    special_tokens: Mapping[str, int]


NAMED_ENCODINGS = {
    name: EncodingSpec(vocabulary, pattern, ENCODING_TOKENS[name])
    for name, vocabulary, pattern in (
        ("cl100k_base", "cl100k_base", CL100K),
        ("cl100k_im", "cl100k_base", CL100K),
        ("o200k_base", "o200k_base", O200K),
        ("o200k_harmony", "o200k_base", O200K),
        ("o200k_im", "o200k_base", O200K),
    )
}


def encoding_names() -> tuple[str, ...]:
    """Name the encodings that `get_encoding` knows, sorted."""
    return tuple(NAMED_ENCODINGS)


def special_tokens(name: str) -> Mapping[str, int]:
    """Give the special tokens of a named encoding and their ids, without loading anything.

    The mapping is read-only. Raises `EncodingError` for an unknown name.
    """
    return encoding_spec(name).special_tokens


def encoding_spec(name: str) -> EncodingSpec:
    """Look up a named encoding. Raises `EncodingError` for an unknown name, with the names nearest to it."""
    if not isinstance(name, str):
        raise EncodingError(f"found {type(name).__name__}, expected the name of an encoding")
    if name in NAMED_ENCODINGS:
        return NAMED_ENCODINGS[name]
    raise EncodingError(
        f"unknown encoding {name[:80]!a}, {nearest(name[:80], NAMED_ENCODINGS)}",
        hint="load_encoding() reads other vocabularies from a .tiktoken or tokenizer.json file",
    )


def nearest(name: str, known: Mapping[str, object]) -> str:
    """Name the known names most like `name`, or all of them when none is: the end of an error message."""
    from difflib import get_close_matches

    close = get_close_matches(name, known, n=3)
    return f"the nearest known are {', '.join(close)}" if close else f"known are {', '.join(known)}"
