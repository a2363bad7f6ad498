"""Text to ids and back with any `tiktoken.Encoding`, without its panics."""

from __future__ import annotations

from operator import index
from typing import TYPE_CHECKING, Any

from chatml._errors import EncodingError
from chatml.encodings._whitespace import LONG_RUN, long_pieces

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import tiktoken


def encode_ordinary(encoding: tiktoken.Encoding, text: str) -> list[int]:
    """Encode text, special tokens in it as text. The ids are those of `encoding.encode_ordinary(text)`.

    White space of any length is encoded, which tiktoken alone does up to 999,998 characters. Lone surrogates are
    encoded as U+FFFD. Raises `EncodingError` when a pattern that we do not know makes tiktoken panic.
    """
    try:
        if len(text) < LONG_RUN:
            return encoding.encode_ordinary(text)
        return encode_around(encoding, text, long_pieces(text, encoding._pat_str))
    except BaseException as error:
        if not is_panic(error):
            raise
        raise EncodingError(
            f"tiktoken cannot encode this text of {len(text)} characters: {error}",
            encoding=encoding.name,
            hint="its pattern may need too many steps for a long run of one kind of character",
        ) from None


def encode_around(encoding: tiktoken.Encoding, text: str, pieces: Iterable[tuple[int, int]]) -> list[int]:
    """Encode the given pieces each as one piece, and what is between them by the pattern."""
    ids: list[int] = []
    done = 0
    for start, end in pieces:
        ids += encoding.encode_ordinary(text[done:start])
        ids += encoding._encode_single_piece(text[start:end])
        done = end
    return ids + encoding.encode_ordinary(text[done:])


def decode_bytes(encoding: tiktoken.Encoding, ids: Sequence[int]) -> bytes:
    """Decode ids, special ones to their spelling. The bytes need not be UTF-8: a token may end within a character.

    Raises `EncodingError` with position and id for the first one that is not in the vocabulary. A bool is not an id.
    """
    if not isinstance(ids, (list, tuple)):
        ids = list(ids)
    try:
        if bool not in map(type, ids):
            return encoding.decode_bytes(ids)
    except BaseException as error:
        if not isinstance(error, (KeyError, OverflowError, TypeError)) and not is_panic(error):
            raise
    raise _first_problem(encoding, ids)


def is_panic(error: BaseException) -> bool:
    """Whether an exception is a panic of native code. Its class cannot be imported and derives from BaseException."""
    return type(error).__name__ == "PanicException"


def _first_problem(encoding: tiktoken.Encoding, ids: Sequence[Any]) -> EncodingError:
    hint = f"ids go from 0 to {encoding.max_token_value}, some are not in use"
    for position, token in enumerate(ids):
        try:
            if isinstance(token, bool):
                raise TypeError
            encoding.decode_single_token_bytes(index(token))
        except TypeError:
            problem = f"token id {token!r} at position {position} is not an integer"
        except (KeyError, OverflowError):
            problem = f"token id {token!r} at position {position} is not in the vocabulary"
        else:
            continue
        return EncodingError(problem, encoding=encoding.name, hint=hint)
    return EncodingError("tiktoken cannot decode these token ids", encoding=encoding.name, hint=hint)
