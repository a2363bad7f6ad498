r"""Right-context one-symbol stuffing: text that spells a special token is changed, reversibly, so that it does not.

T are the registered tokens, E the escape character (a backslash; in no token), O the first characters of tokens. A
position i with s[i] in O is a *dangerous opener* if, for some token t that starts with s[i], the text right of i
matches t[1:], where runs of E behind i and behind every matched character of O are skipped; reaching the end of the
text after a part of t[1:], even none of it, counts as a match.

    escape     puts one E behind every dangerous opener
    unescape   takes one E from behind every dangerous opener; where one is missing the text is not in escaped form

The rule skips exactly what escape can insert, so it picks the same openers before and after, and unescape inverts
escape for every string. A token in escaped text would be a dangerous opener without E behind it: there is none. No
escaped text ends in a part of a token, so that none can begin in it and end in its right neighbour.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from chatml._errors import ConfigError, ParseError, require_text
from chatml._spans import LineIndex
from chatml._special import ENCODING_TOKENS, TRUSTED_ROLES, families, family_tokens
from chatml.dialects import Dialect

ESCAPE = "\\"
_COMPLETE = ""  # the key of a trie node at which a token ends


class Found(NamedTuple):
    """A complete token in a text: its spelling and where it starts, in characters."""

    token: str
    start: int


class Escaper:
    """The escape scheme for one set of tokens. The pattern is built on first need: for 759 tokens that takes 50 ms."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = frozenset(tokens)
        self._openers = tuple(sorted({token[0] for token in self.tokens}))
        self._trie: dict[str, Any] = {}
        self._pattern: re.Pattern[str] | None = None

    def _matcher(self) -> re.Pattern[str]:
        if self._pattern is None:
            for token in self.tokens:
                if len(token) < 2 or ESCAPE in token:
                    raise ConfigError(f"token {token!r} is shorter than 2 characters or holds the escape character")
                node = self._trie
                for character in token:
                    node = node.setdefault(character, {})
                node[_COMPLETE] = {}
            skip = re.escape(ESCAPE) + "*+"
            heads = [
                f"{re.escape(opener)}(?={skip}{_rest(self._trie[opener], self._openers, skip)})"
                for opener in self._openers
            ]
            self._pattern = re.compile("|".join(heads))
        return self._pattern

    def may_be_dangerous(self, text: str) -> bool:
        """Whether `text` holds the first character of any token: a quick look that is right for nearly all text."""
        for opener in self._openers:  # noqa: SIM110 - any() with a generator costs three times as much on short text
            if opener in text:
                return True
        return False

    def escape(self, text: str) -> str:
        """Make `text` spell no token, whatever stands to its right."""
        if not self.may_be_dangerous(text):
            return text
        return self._matcher().sub(lambda match: match[0] + ESCAPE, text)

    def unescape(self, text: str) -> str:
        """Invert `escape`. Raises `ParseError` where `text` is not in escaped form."""
        if not self.may_be_dangerous(text):
            return text
        pieces, position = [], 0
        for match in self._matcher().finditer(text):
            end = match.end()
            if text[end : end + 1] != ESCAPE:
                line, column = LineIndex(text).position(match.start())
                raise ParseError(
                    f"found {text[match.start() : end + 20]!a}, which begins a special token, not escaped",
                    hint="only text that escape() made can be unescaped", code="not-escaped",
                    start=match.start(), end=end, line=line, column=column,
                )  # fmt: skip
            pieces.append(text[position:end])
            position = end + 1
        return "".join([*pieces, text[position:]]) if pieces else text

    def escaped_openers(self, text: str) -> Iterator[bool]:
        """For every dangerous opener in order, whether the escape character stands behind it."""
        if self.may_be_dangerous(text):
            yield from (text[match.end() : match.end() + 1] == ESCAPE for match in self._matcher().finditer(text))

    def read(self, text: str) -> str:
        """Take the escape off where the whole of `text` is in escaped form, else return it as it is."""
        if ESCAPE not in text or not all(self.escaped_openers(text)):
            return text
        return self.unescape(text)

    def find_all(self, text: str) -> Iterator[Found]:
        """The complete tokens in `text`, the longest where several start at one place."""
        if self.may_be_dangerous(text):
            for match in self._matcher().finditer(text):
                token = self._complete(text, match.start())
                if token:
                    yield Found(token, match.start())

    def find(self, text: str) -> Found | None:
        """The first complete token in `text`."""
        return next(self.find_all(text), None)

    def _complete(self, text: str, start: int) -> str:
        node, longest = self._trie, start
        for position in range(start, len(text)):
            node = node.get(text[position], {})
            if not node:
                break
            if _COMPLETE in node:
                longest = position + 1
        return text[start:longest]


def _rest(node: dict[str, Any], openers: tuple[str, ...], skip: str) -> str:
    """The pattern of what may follow, up to the first complete token or the end of the text."""
    if _COMPLETE in node:
        return ""
    same: dict[str, list[str]] = {}  # characters that go on in the same way share a branch
    for character, child in node.items():
        same.setdefault((skip if character in openers else "") + _rest(child, openers, skip), []).append(character)
    branches = [_class(characters) + rest for rest, characters in same.items()]
    return f"(?:{'|'.join(branches)}|\\Z)"


def _class(characters: list[str]) -> str:
    escaped = [re.escape(character) for character in sorted(characters)]
    return escaped[0] if len(escaped) == 1 else f"[{''.join(escaped)}]"


@lru_cache(maxsize=256)
def _shared(tokens: frozenset[str]) -> Escaper:
    return Escaper(tokens)


@lru_cache(maxsize=256)
def _escapers(dialect: Dialect, more: frozenset[str]) -> tuple[Escaper, Escaper]:
    own = {token for name in dialect.families for token in families()[name] if token.startswith("<|")}
    frame = {*dialect.markers, *filter(None, (dialect.bos, dialect.eos)), *own, *more}
    frame.update(ENCODING_TOKENS.get(dialect.encoding, ()))
    return _shared(frozenset(frame)), _shared(frozenset(frame | family_tokens()))


def escaper_for(dialect: Dialect, role: str | None, more: frozenset[str] = frozenset()) -> Escaper:
    """The scheme for content of `role` in `dialect`; None is text outside of all messages.

    `more` are tokens that stand in this prompt besides those of the dialect: another bos or eos.
    """
    trusted, untrusted = _escapers(dialect, more)
    return trusted if role in TRUSTED_ROLES else untrusted


@lru_cache(maxsize=1)
def _all_tokens() -> Escaper:
    encodings = {token for tokens in ENCODING_TOKENS.values() for token in tokens}
    return _shared(frozenset(encodings | family_tokens()))


def escape(text: str) -> str:
    r"""Make `text` spell no special token of any known family, reversibly.

    One backslash goes behind the first character of whatever spells a token or could become one with its right
    neighbour; other text stays as it is. Safe to join with any text to its right.

    >>> escape("<|im_start|>system")
    '<\\|im_start|>system'
    """
    require_text(text)
    return _all_tokens().escape(text)


def unescape(text: str) -> str:
    """Invert `escape`: `unescape(escape(x)) == x` for every `x`. Raises `ParseError` where `text` was not escaped."""
    require_text(text)
    return _all_tokens().unescape(text)


def is_escaped(text: str) -> bool:
    """Whether `text` is in escaped form: `escape(y) == text` for some `y`. Then no special token is in it."""
    require_text(text)
    return all(_all_tokens().escaped_openers(text))
