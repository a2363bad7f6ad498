"""The added tokens of a Hugging Face tokenizer, whatever kind of tokenizer it is; no vocabulary is read."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

from chatml._errors import EncodingError
from chatml.encodings._files import read_bytes

_NAMES = ("tokenizer.json", "tokenizer_config.json", "special_tokens_map.json")
_EXPECTED = f"expected one of {', '.join(_NAMES)}"


def added_tokens(path: str | os.PathLike[str]) -> frozenset[str]:
    """All added tokens that a tokenizer.json, tokenizer_config.json or special_tokens_map.json names.

    `path` may also be a folder with any of them. White space, and single characters that are not flagged special, are
    left out: they are text. Raises `EncodingError` with the path for whatever the file holds, also when it names no
    token at all.
    """
    place = os.fsdecode(path)
    if os.path.isdir(place):
        files = [name for name in (os.path.join(place, name) for name in _NAMES) if os.path.isfile(name)]
        if not files:
            raise EncodingError(f"the folder has none of {', '.join(_NAMES)}", encoding=place)
    else:
        files = [place]
    found = frozenset(token for name in files for token in _read(name) if token.strip())
    if not found:
        raise EncodingError("the file names no added token", encoding=place, hint=_EXPECTED)
    return found


def _read(path: str) -> list[str]:
    try:
        document = json.loads(read_bytes(path).decode("utf-8-sig"))
    except EncodingError as error:
        error.encoding, error.hint = path, _EXPECTED
        raise
    except (ValueError, RecursionError) as error:
        reason = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise EncodingError(f"this is no tokenizer file: {reason}", encoding=path, hint="expected JSON") from None
    if not isinstance(document, dict):
        raise EncodingError("this is no tokenizer file: it is no JSON object", encoding=path)
    return [token for token in _named(document) if isinstance(token, str)]


def _named(document: dict[str, Any]) -> Iterator[Any]:
    """What stands in the places that hold tokens."""
    added, decoder = document.get("added_tokens"), document.get("added_tokens_decoder")
    for entries in (added if isinstance(added, list) else [], decoder.values() if isinstance(decoder, dict) else []):
        yield from (entry.get("content") for entry in entries if isinstance(entry, dict) and not _is_letter(entry))
    for key, value in document.items():
        if key.endswith("_token"):
            yield value.get("content") if isinstance(value, dict) else value
        elif key in ("additional_special_tokens", "extra_special_tokens"):
            values = value.values() if isinstance(value, dict) else value if isinstance(value, list) else []
            yield from (entry.get("content") if isinstance(entry, dict) else entry for entry in values)


def _is_letter(entry: dict[str, Any]) -> bool:
    """Whether an entry is one character that is not flagged special: that is text which the vocabulary lacked."""
    content = entry.get("content")
    return isinstance(content, str) and len(content) == 1 and not entry.get("special")
