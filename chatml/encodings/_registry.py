"""Named encodings, each built at most once in a process and shared."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from chatml.encodings._embedded import read_vocabulary
from chatml.encodings._names import encoding_spec

if TYPE_CHECKING:
    import tiktoken

# Both only grow, by at most one entry for each named encoding and each vocabulary
_built: dict[str, tiktoken.Encoding] = {}
_ranks: dict[str, dict[bytes, int]] = {}
_lock = threading.RLock()


def get_encoding(name: str) -> tiktoken.Encoding:
    """Give a named encoding: a real `tiktoken.Encoding`, from the embedded vocabulary, without network or cache folder.

    Names: `cl100k_base`, `o200k_base` and `o200k_harmony` as tiktoken defines them; `cl100k_im` and `o200k_im` are the
    base encodings with `<|im_start|>`, `<|im_end|>` and `<|im_sep|>`. The first call builds it (about 0.1 s for
    cl100k, 0.2 s for o200k), later ones return the same object. Pickles hold the name only; copies are the object.

    Raises `EncodingError` for an unknown name and for a damaged vocabulary file.
    """
    return (_built.get(name) if isinstance(name, str) else None) or _build(name)


def built_encoding(name: str) -> tiktoken.Encoding | None:
    """Give a named encoding if it has been built. Raises `EncodingError` for an unknown name."""
    encoding_spec(name)
    return _built.get(name)


def encoding_arguments(name: str) -> dict[str, Any]:
    """Give what `tiktoken.Encoding(...)` takes to make a named encoding."""
    spec = encoding_spec(name)
    with _lock:
        if spec.vocabulary not in _ranks:
            _ranks[spec.vocabulary] = {token: rank for rank, token in enumerate(read_vocabulary(spec.vocabulary))}
    return {
        "name": name,
        "pat_str": spec.pattern,
        "mergeable_ranks": _ranks[spec.vocabulary],
        "special_tokens": dict(spec.special_tokens),
    }


def _build(name: str) -> tiktoken.Encoding:
    arguments = encoding_arguments(name)
    from chatml.encodings._classes import NamedEncoding

    with _lock:
        if name not in _built:
            _built[name] = NamedEncoding(**arguments, by_name=get_encoding)
        return _built[name]
