r"""Right-context one-symbol stuffing: text that spells a special token is changed, reversibly, so that it does not.

T are the registered tokens, E the marker (a backslash by default; in no token), O the first characters of tokens. A
position i with s[i] in O is a *dangerous opener* if, for some token t that starts with s[i], the text right of i
matches t[1:], where runs of E behind i and behind every matched character of O are skipped; reaching the end of the
text after a part of t[1:], even none of it, counts as a match.

    escape     puts one E behind every dangerous opener
    unescape   takes one E from behind every dangerous opener; where one is missing the text is not in escaped form

The rule skips exactly what escape can insert, so it picks the same openers before and after, and unescape inverts
escape for every string. A token in escaped text would be a dangerous opener without E behind it: there is none. No
escaped text ends in a part of a token, so that none can begin in it and end in its right neighbour.

This is the scheme; `_fold` widens it to spellings that become a token, `_sanitize` is what users call.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import Any, NamedTuple

from chatml._errors import ConfigError, ParseError, shown
from chatml._spans import LineIndex
from chatml._special import ENCODING_TOKENS, TRUSTED_ROLES, families, family_tokens
from chatml.dialects import Dialect

MARKER = "\\"
LONGEST = 200  # characters of a token: patterns are nested as deeply as tokens are long
COMPLETE = ""  # the key of a trie node at which a token ends


class Found(NamedTuple):
    """A complete token in a text: which one, and where it stands, in characters."""

    token: str
    start: int
    end: int


class Escaper:
    """The escape scheme for one set of tokens. The patterns are built on first need: for 759 tokens that takes 50 ms.

    Raises `ConfigError` when built for a token or a marker with which the scheme cannot work.
    """

    def __init__(self, tokens: Iterable[str], marker: str = MARKER) -> None:
        self.tokens = frozenset(tokens)
        self.marker = marker
        self._spellings = self._spellings_of(self.tokens)
        self._check(self._spellings)
        self._openers = tuple(sorted({spelling[0] for spelling in self._spellings}))
        self._trie: dict[str, Any] = {}
        self._patterns: dict[str, re.Pattern[str]] = {}
        self._unfinished: dict[str, re.Pattern[str]] = {}

    def _spellings_of(self, tokens: frozenset[str]) -> Mapping[str, str]:
        """What is looked for, and the token that each is."""
        return {token: token for token in tokens}

    def _check(self, tokens: Iterable[str]) -> None:
        if len(self.marker) != 1:
            raise ConfigError(f"found {shown(self.marker)}, expected one character", option="marker")
        for token in sorted(tokens):
            if len(token) > LONGEST:
                problem = f"found a token of {len(token)} characters, {shown(token, 20)}, expected at most {LONGEST}"
                raise ConfigError(problem, option="tokens", hint="leave it out, as in special_tokens(...) - {token}")
            if len(token) < 2:
                problem = f"found {shown(token)}, expected at least 2 characters: the marker stands behind the first"
                raise ConfigError(problem, option="tokens", hint="leave it out, or delete it with policy='strip'")
            if self.marker in token:
                problem = f"found {shown(self.marker)}, which is part of the token {shown(token)}"
                raise ConfigError(problem, option="marker", hint="choose a character that no token has")

    def may_be_dangerous(self, text: str) -> bool:
        """Whether `text` holds the first character of any token: a quick look that is right for nearly all text."""
        for opener in self._openers:  # noqa: SIM110 - any() with a generator costs three times as much on short text
            if opener in text:
                return True
        return False

    def escape(self, text: str) -> str:
        """Make `text` spell no token, whatever stands to its right."""
        for opener in self._openers:  # one after the other: what is inserted for one changes nothing for the next
            first = self._pattern(opener).search(text) if opener in text else None
            if first:  # `sub` costs 4 us where nothing is found, a search a tenth of it
                start, marked = first.start(), (opener + self.marker).replace("\\", r"\\")
                text = text[:start] + self._pattern(opener).sub(marked, text[start:])
        return text

    def dangerous(self, text: str) -> list[int]:
        """The places right behind every dangerous opener, in order."""
        present = [opener for opener in self._openers if opener in text]
        found = [match.end() for opener in present for match in self._pattern(opener).finditer(text)]
        return sorted(found) if len(present) > 1 else found

    def unescape(self, text: str) -> str:
        """Invert `escape`. Raises `ParseError` where `text` is not in escaped form."""
        pieces, position = [], 0
        for place in self.dangerous(text):
            if text[place : place + 1] != self.marker:
                line, column = LineIndex(text).position(place - 1)
                raise ParseError(
                    f"found {text[place - 1 : place + 20]!a}, which begins a special token, not escaped",
                    hint="only text that escape() made can be unescaped", code="not-escaped",
                    start=place - 1, end=place, line=line, column=column,
                )  # fmt: skip
            pieces.append(text[position:place])
            position = place + 1
        return "".join([*pieces, text[position:]]) if pieces else text

    def escaped_openers(self, text: str) -> list[bool]:
        """For every dangerous opener in order, whether the marker stands behind it."""
        return [text[place : place + 1] == self.marker for place in self.dangerous(text)]

    def read(self, text: str) -> str:
        """Take the escape off where the whole of `text` is in escaped form, else return it as it is."""
        if self.marker not in text or not all(self.escaped_openers(text)):
            return text
        return self.unescape(text)

    def put(self, text: str, places: Sequence[int]) -> str:
        """Put a marker at each of `places`, which are in order."""
        if not places:
            return text
        return self.marker.join([text[start:end] for start, end in pairwise([0, *places, len(text)])])

    def is_ignored(self, text: str, *, marker_too: bool) -> bool:
        """Whether nothing of `text` matters behind the beginning of a token."""
        return marker_too and not text.strip(self.marker)

    def ends_in_marker(self, text: str) -> bool:
        """Whether the last character that matters is a marker."""
        return text.endswith(self.marker)

    def find_all(self, text: str) -> Iterator[Found]:
        """The complete tokens in `text`, the longest where several start at one place."""
        for place in self.dangerous(text):
            found = self.token_at(text, place - 1)
            if found:
                yield found

    def find(self, text: str) -> Found | None:
        """The first complete token in `text`."""
        return next(self.find_all(text), None)

    def token_at(self, text: str, start: int) -> Found | None:
        """The longest complete token that begins at `start`."""
        node, longest = self._tokens_trie(), start
        for position in range(start, len(text)):
            node = node.get(text[position], {})
            if not node:
                break
            if COMPLETE in node:
                longest = position + 1
        return Found(text[start:longest], start, longest) if longest > start else None

    def unfinished(self, text: str, dangerous: Iterable[int] | None = None) -> int:
        """Where the first token begins that what follows the text may complete; the length of `text` if none does.

        `dangerous` are the places that `dangerous(text)` gives, where they are known.
        """
        for place in self.dangerous(text) if dangerous is None else dangerous:
            if self._reaches_the_end(text, place):
                return place - 1
        return len(text)

    def _reaches_the_end(self, text: str, place: int) -> bool:
        opener = text[place - 1]
        pattern = self._unfinished.get(opener)
        if pattern is None:
            skip = self._skip()
            rest = _rest(self._tokens_trie()[opener], self._openers, skip, complete="(?!)")
            pattern = self._unfinished[opener] = re.compile(skip + rest)
        return pattern.match(text, place) is not None

    def _tokens_trie(self) -> dict[str, Any]:
        if not self._trie:
            self._trie = make_trie(self._spellings)
        return self._trie

    def _skip(self) -> str:
        return re.escape(self.marker) + "*+"

    def _pattern(self, opener: str) -> re.Pattern[str]:
        """The dangerous openers of one spelling. One pattern each, because a search for one character is fastest."""
        found = self._patterns.get(opener)
        if found is None:
            skip = self._skip()
            rest = _rest(self._tokens_trie()[opener], self._openers, skip, complete="")
            likely = one_of({self.marker, *self._tokens_trie()[opener]}, but=True)  # a quick look at the next character
            found = self._patterns[opener] = re.compile(f"{re.escape(opener)}(?!{likely})(?={skip}{rest})")
        return found


def make_trie(tokens: Iterable[str]) -> dict[str, Any]:
    """Tokens as nested dicts by character; a token ends where a node has the key `COMPLETE`."""
    trie: dict[str, Any] = {}
    for token in tokens:
        node = trie
        for character in token:
            node = node.setdefault(character, {})
        node[COMPLETE] = {}
    return trie


def _rest(node: dict[str, Any], openers: tuple[str, ...], skip: str, *, complete: str) -> str:
    """The pattern of what may follow: up to the first complete token, there `complete`, or to the end of the text."""
    if COMPLETE in node:
        return complete
    same: dict[str, list[str]] = {}  # characters that go on in the same way share a branch
    for character, child in node.items():
        rest = (skip if character in openers else "") + _rest(child, openers, skip, complete=complete)
        same.setdefault(rest, []).append(character)
    branches = [one_of(characters) + rest for rest, characters in same.items()]
    return f"(?:{'|'.join(branches)}|\\Z)"


def one_of(characters: Iterable[str], *, but: bool = False) -> str:
    """The pattern of one character among `characters`, or of any `but` those."""
    escaped = [re.escape(character) for character in sorted(characters)]
    return escaped[0] if len(escaped) == 1 and not but else f"[{'^' if but else ''}{''.join(escaped)}]"


@lru_cache(maxsize=256)
def exact_escaper(tokens: frozenset[str], marker: str = MARKER) -> Escaper:
    """The scheme for `tokens` as they are spelled, made once."""
    return Escaper(tokens, marker)


@lru_cache(maxsize=256)
def tokens_for(dialect: Dialect, more: frozenset[str] = frozenset()) -> tuple[frozenset[str], frozenset[str]]:
    """What must not stand in trusted roles of `dialect`, and what in the others. `more` are further frame tokens."""
    own = {token for name in dialect.families for token in families()[name] if token.startswith("<|")}
    frame = {*dialect.markers, *filter(None, (dialect.bos, dialect.eos)), *own, *more}
    frame.update(ENCODING_TOKENS.get(dialect.encoding, ()))
    return frozenset(frame), frozenset(frame | family_tokens())


@lru_cache(maxsize=256)
def _escapers(dialect: Dialect, more: frozenset[str]) -> tuple[Escaper, Escaper]:
    trusted, untrusted = tokens_for(dialect, more)
    return exact_escaper(trusted), exact_escaper(untrusted)


def escaper_for(dialect: Dialect, role: str | None, more: frozenset[str] = frozenset()) -> Escaper:
    """The scheme for content of `role` in `dialect`; None is text outside of all messages.

    `more` are tokens that stand in this prompt besides those of the dialect: another bos or eos.
    """
    trusted, untrusted = _escapers(dialect, more)
    return trusted if role in TRUSTED_ROLES else untrusted
