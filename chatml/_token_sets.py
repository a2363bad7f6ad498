"""Which tokens to guard against: those of a family, of a dialect, of a tokenizer, or all that are known."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from chatml._errors import ConfigError, shown
from chatml._escape import tokens_for
from chatml._special import ENCODING_TOKENS, families, known_tokens
from chatml.dialects import Dialect, get_dialect

if TYPE_CHECKING:
    import tiktoken


def special_tokens(
    *, family: str | Iterable[str] | None = None, dialect: str | Dialect | None = None,
    tokenizer: str | os.PathLike[str] | tiktoken.Encoding | None = None,
) -> frozenset[str]:  # fmt: skip
    """The special tokens to hand to `escape`, `scan` and `sanitize` as `tokens`: all that are named, together.

    `family` is a name or several of the registry ("chatml", "llama3", "qwen", ...), `dialect` gives the markers of its
    frame and the special tokens of its encoding, `tokenizer` is a `tiktoken.Encoding`, the name of an encoding, or the
    path of a tokenizer.json or tokenizer_config.json. Of a file all added tokens count, special or not, but for what is
    text: white space, and single characters that are not special. Without any of them: every token that is known.

    Raises `ConfigError` for an unknown family or dialect, `EncodingError` for a file that cannot be read.

    >>> sorted(special_tokens(family="llama2"))
    ['</s>', '<</SYS>>', '<<SYS>>', '<s>', '[/INST]', '[INST]']
    """
    if family is None and dialect is None and tokenizer is None:
        return known_tokens()
    found = set[str]()
    if family is not None:
        for name in family if isinstance(family, Iterable) and not isinstance(family, str) else (family,):
            found.update(_family(name))
    if dialect is not None:
        found |= tokens_for(get_dialect(dialect))[0]
    if tokenizer is not None:
        found |= _of_tokenizer(tokenizer)
    return frozenset(found)


def _family(name: object) -> tuple[str, ...]:
    known = families()
    if isinstance(name, str) and name in known:
        return known[name]
    from difflib import get_close_matches

    near = get_close_matches(str(name), known, n=3)
    nearest = f", the nearest are {', '.join(near)}" if near else ""
    hint = f"families are {', '.join(known)}"
    raise ConfigError(f"unknown family {shown(name)}{nearest}", option="family", hint=hint)


def _of_tokenizer(tokenizer: object) -> frozenset[str]:
    special = getattr(tokenizer, "special_tokens_set", None)
    if special is not None:
        return frozenset(token for token in special if token.strip())
    if isinstance(tokenizer, str) and tokenizer in ENCODING_TOKENS:
        return frozenset(ENCODING_TOKENS[tokenizer])
    if not isinstance(tokenizer, (str, os.PathLike)):
        found = type(tokenizer).__name__
        raise ConfigError(f"found {found}, expected a path, a name or a tiktoken.Encoding", option="tokenizer")
    from chatml.encodings._added import added_tokens  # reads files, which most programs do without

    return added_tokens(tokenizer)
