"""tiktoken's class with cheap copies and pickles. The only module here that imports tiktoken when it is imported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import tiktoken

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from collections.abc import Set as AbstractSet
    from typing import Literal, Self


class SharedEncoding(tiktoken.Encoding):
    """An encoding that is never changed, so that a copy of it is the encoding itself."""

    def __copy__(self) -> Self:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


class NamedEncoding(SharedEncoding):
    """An encoding that pickles as its name. `by_name` finds or builds it again in the process that unpickles it."""

    def __init__(
        self,
        name: str,
        *,
        pat_str: str,
        mergeable_ranks: dict[bytes, int],
        special_tokens: dict[str, int],
        by_name: Callable[[str], tiktoken.Encoding],
    ) -> None:
        super().__init__(name, pat_str=pat_str, mergeable_ranks=mergeable_ranks, special_tokens=special_tokens)
        self._by_name = by_name

    def __reduce__(self) -> tuple[Any, ...]:
        return self._by_name, (self.name,)


class SmallEncoding(NamedEncoding):
    """The named encoding, of which only the entries that occur in `text` are built.

    Byte pair merging looks at nothing but substrings of its input, so a vocabulary of the entries that are substrings
    of `text` gives the right ids for `text` and all its substrings. Whatever else is asked builds the rest.
    """

    def __init__(
        self,
        name: str,
        *,
        text: str,
        pat_str: str,
        mergeable_ranks: dict[bytes, int],
        special_tokens: dict[str, int],
        by_name: Callable[[str], tiktoken.Encoding],
    ) -> None:
        spelled = special_tokens
        # The reserved tokens of o200k_harmony take 25 ms to build, and few texts spell one
        if "<|reserved_" not in text:
            spelled = {token: number for token, number in special_tokens.items() if not token.startswith("<|reserved_")}
        self._text = text
        self._small = tiktoken.Encoding(name, pat_str=pat_str, mergeable_ranks=mergeable_ranks, special_tokens=spelled)
        self._by_name = by_name
        self.name = name
        self.max_token_value = max(special_tokens.values())
        self._pat_str = pat_str
        self._special_tokens = special_tokens
        self._special_token_values = set(special_tokens.values())

    def __getattr__(self, name: str) -> Any:
        # Reached for what the constructor has not set: the parts that need the whole vocabulary
        if name not in ("_core_bpe", "_mergeable_ranks"):
            raise AttributeError(name)
        full = self._by_name(self.name)
        self._core_bpe, self._mergeable_ranks = full._core_bpe, full._mergeable_ranks
        return self.__dict__[name]

    def encode_ordinary(self, text: str) -> list[int]:
        """Encode text, special tokens as text."""
        return self._small.encode_ordinary(text) if text in self._text else super().encode_ordinary(text)

    def encode(
        self,
        text: str,
        *,
        allowed_special: Literal["all"] | AbstractSet[str] = frozenset(),
        disallowed_special: Literal["all"] | Collection[str] = "all",
    ) -> list[int]:
        """Encode text, the allowed special tokens as their ids."""
        encode = self._small.encode if text in self._text else super().encode
        return encode(text, allowed_special=allowed_special, disallowed_special=disallowed_special)

    def encode_single_token(self, text_or_bytes: str | bytes) -> int:
        """Give the id of one token, special or not."""
        if isinstance(text_or_bytes, str) and text_or_bytes in self._special_tokens:
            return self._special_tokens[text_or_bytes]
        try:
            return self._small.encode_single_token(text_or_bytes)
        except KeyError:
            return super().encode_single_token(text_or_bytes)

    def decode_bytes(self, tokens: Sequence[int]) -> bytes:
        """Decode ids, special ones to their spelling."""
        try:
            return self._small.decode_bytes(tokens)
        except KeyError:
            return super().decode_bytes(tokens)

    def decode_single_token_bytes(self, token: int) -> bytes:
        """Decode one id."""
        try:
            return self._small.decode_single_token_bytes(token)
        except KeyError:
            return super().decode_single_token_bytes(token)
