"""Encodings from files: tiktoken's own format and Hugging Face's tokenizer.json."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from chatml._errors import EncodingError

if TYPE_CHECKING:
    from collections.abc import Mapping

    import tiktoken


def load_encoding(
    path: str | os.PathLike[str],
    *,
    name: str | None = None,
    special_tokens: Mapping[str, int] | None = None,
    pattern: str | None = None,
    allow_normalizer: bool = False,
) -> tiktoken.Encoding:
    """Read an encoding from a .tiktoken file or a Hugging Face tokenizer.json; which of them, its content tells.

    `name` is the file's name without suffix by default. `special_tokens` replaces those of the file (a tokenizer.json
    has some: all its added tokens; a .tiktoken file has none, but for OpenAI's two the base encoding's are taken). None
    may be spelled like an ordinary token with another id, because tiktoken would mix them up.

    `pattern` splits text before merging: a regular expression for tiktoken, or the name of an encoding or of one of
    `gpt2`, `llama3`, `qwen2`. A .tiktoken file needs it, unless it is one of OpenAI's two; a tokenizer.json has its
    own. It has to match all text, because tiktoken drops what it does not match.

    A tokenizer.json has to be a byte-level BPE whose ids come out of tiktoken exactly: no other normalizer than a
    Unicode form, and that only with `allow_normalizer=True`, when your text has to be in that form already; a ByteLevel
    pre-tokenizer alone or after one Split; merges in the order of ids. The ids are those of the file's own tokenizer
    with `add_special_tokens=False`, for text that spells no added token. Characters that are newer than the Unicode
    tables of one of the two may be split otherwise.

    Each call reads the file again. A pickle of the encoding holds the whole vocabulary; a copy is the object itself.
    Raises `EncodingError` with the path and the reason, and nothing else, for whatever the file and the arguments hold.
    """
    from chatml.encodings._files import read_encoding

    try:
        place = os.fsdecode(path)
    except TypeError:
        raise EncodingError(f"found {type(path).__name__}, expected a path") from None
    stem = os.path.splitext(os.path.basename(place))[0]
    try:
        for option, value in (("name", name), ("pattern", pattern)):
            if value is not None and not isinstance(value, str):
                raise EncodingError(f"{option} is {type(value).__name__}, expected str")
        return read_encoding(place, stem if name is None else name, special_tokens, pattern, allow_normalizer)
    except EncodingError as error:
        error.encoding = place
        raise
