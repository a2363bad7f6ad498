r"""The hardened profile: the escape scheme on a folded view of the text.

Text on its way to a model is often normalized, lowered or cleaned by others; what spells no token now may spell one
then: `＜|im_start|＞`, `<|IM_START|>`, `<` and a zero-width space and `|im_start|>`. So text and tokens are compared
folded: NFKD, upper and casefold, NFKD, less everything that is invisible, combining or not a character. The marker goes
into the original text, behind the character that becomes the opener. Facts: unicodedata of the running Python.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from chatml._errors import ConfigError, shown
from chatml._escape import COMPLETE, MARKER, Escaper, Found, one_of

_DROPPED_CATEGORIES = frozenset({"Mn", "Mc", "Me", "Cf", "Cn", "Co", "Cc", "Cs"})
_KEPT_CONTROLS = "\t\n\r"
_BLANK_LETTERS = "\u115f\u1160\u3164\uffa0\u2800"  # Hangul fillers and the empty Braille pattern: seen as nothing
# the only characters that become one of the openers of the families; a test looks at all of Unicode
_LIKE = {"<": "<\u226e\ufe64\uff1c", "[": "[\ufe47\uff3b", "|": "|\uff5c"}
_PLAIN = r"\t\n\r\x20-\x7e"
# stretches with characters that are not plain ASCII; over short gaps, because a call for each costs more than the gap
_not_plain = re.compile(f"[^{_PLAIN}](?:[{_PLAIN}]{{0,31}}+[^{_PLAIN}]++)*+")

_IOTA = "\u03b9"

# what stands in a view for characters that are not what they become
_NOTHING, _SEVERAL, _OTHER = "\x00", "\x01", "\x02"


@lru_cache(maxsize=4096)
def fold(character: str) -> str:
    """What a character may become: "" for one that may vanish, several for a ligature."""
    if "\u4e00" <= character <= "\u9fff":  # ideographs
        return character
    if _vanishes(character):
        return ""
    if "\uac00" <= character <= "\ud7a3":  # Hangul syllables, which unicodedata.decomposition does not know
        return unicodedata.normalize("NFKD", character)
    if not unicodedata.decomposition(character) and _one_case(character) == character:
        return character  # nearly all others, at a fifth of the cost of what follows
    decomposed = unicodedata.normalize("NFKD", _one_case(unicodedata.normalize("NFKD", character)))
    return "".join(one for one in decomposed if not _vanishes(one))


def _one_case(text: str) -> str:
    return text.upper().casefold()  # a dotless i is one only when it is upper case


def _vanishes(character: str) -> bool:
    if unicodedata.category(character) in _DROPPED_CATEGORIES:
        return character not in _KEPT_CONTROLS
    return character in _BLANK_LETTERS


_fold_once = fold.__wrapped__  # for looks at all of Unicode, which would fill the cache


def fold_text(text: str) -> str:
    """`fold` of every character."""
    return "".join(map(fold, text))


class _View(dict[int, str]):
    """For `str.translate`: every character as the one that it becomes, so that no place moves.

    What vanishes is `_NOTHING`, a ligature that matters `_SEVERAL`, and what is in no token `_OTHER`.
    """

    def __init__(self, tokens: Iterable[str], marker: str) -> None:
        self._alphabet = frozenset([marker, *(character for token in tokens for character in token)])
        self._openers = frozenset(token[0] for token in tokens)

    def __missing__(self, code: int) -> str:
        folded = _fold_once(chr(code))
        if len(folded) > 1:
            seen = _SEVERAL if folded[0] in self._alphabet or folded[-1] in self._openers else _OTHER
        else:
            seen = folded if folded in self._alphabet else _OTHER if folded else _NOTHING
        if len(self) > 16384:  # hostile text may hold every character there is
            self.clear()
        self[code] = seen
        return seen


class HardenedEscaper(Escaper):
    """The escape scheme that also sees what becomes a token when text is normalized, lowered or cleaned."""

    def __init__(self, tokens: Iterable[str], marker: str = MARKER) -> None:
        super().__init__(tokens, marker)
        self._like = {opener: _LIKE.get(opener) or _all_like(opener) for opener in self._openers}
        trie = self._tokens_trie()
        self._first = {like: trie[opener] for opener, alike in self._like.items() for like in alike}
        self._seen = _View(self._spellings, marker)
        self._built: tuple[re.Pattern[str], re.Pattern[str]] | None = None

    def _spellings_of(self, tokens: frozenset[str]) -> Mapping[str, str]:
        return {fold_text(token): token for token in sorted(tokens, reverse=True)}

    def _check(self, tokens: Iterable[str]) -> None:
        super()._check(tokens)
        if fold(self.marker) != self.marker or self.marker.isalnum() or self.marker in "<=>":
            # a combining stroke makes another character of < = >, and accents of letters
            problem = f"found {shown(self.marker)}, which does not survive normalization beside any other character"
            raise ConfigError(problem, option="marker", hint="choose a backslash, or a punctuation mark such as !")
        if any(_IOTA in token for token in tokens):
            problem = f"the hardened profile cannot cover tokens with {_IOTA!a}: U+0345 may vanish, or become it"
            raise ConfigError(problem, option="tokens", hint="use the exact profile for them")
        for token in sorted(token for token in tokens if token[0] not in _LIKE):
            for character in _ligatures():
                within = _fold_once(character)
                rests = [within[place:] for place in range(len(within) - 1)]
                if any(token.startswith(rest) or rest.startswith(token) for rest in rests):
                    problem = f"the hardened profile cannot cover {shown(token)}: {character!a} becomes its beginning"
                    raise ConfigError(problem, option="tokens", hint="use the exact profile for it")

    def may_be_dangerous(self, text: str) -> bool:
        """Whether `text` holds anything that may become the first character of a token."""
        for like in self._first:  # noqa: SIM110 - as for the exact profile
            if like in text:
                return True
        return False

    def escape(self, text: str) -> str:
        """Make `text` spell no token, whatever stands to its right and however it is normalized."""
        return self.put(text, self.dangerous(text))

    def is_ignored(self, text: str, *, marker_too: bool) -> bool:
        """Whether nothing of `text` matters behind the beginning of a token."""
        return all(not fold(one) or (marker_too and one == self.marker) for one in text)

    def ends_in_marker(self, text: str) -> bool:
        """Whether the last character that matters is a marker."""
        return next((one for one in reversed(text) if fold(one)), "") == self.marker

    def dangerous(self, text: str) -> list[int]:
        """The places right behind every character that becomes a dangerous opener, in order."""
        if not self.may_be_dangerous(text):
            return []
        maybe, surely = self._patterns_of_view()
        view = _not_plain.sub(self._view, text)
        found = [match.end() for match in maybe.finditer(view)]
        if _SEVERAL in view:
            found = [place for place in found if self._walk(text, place - 1) or surely.match(view, place - 1)]
        return found

    def _view(self, run: re.Match[str]) -> str:
        return run[0].translate(self._seen)

    def token_at(self, text: str, start: int) -> Found | None:
        """The longest spelling of a token that begins at `start`; its token is the one that it becomes."""
        node, spelled, found = self._tokens_trie(), "", None
        for position in range(start, len(text)):
            folded = fold(text[position])
            for character in folded if position > start else folded[-1:]:
                node = node.get(character, {})
                spelled += character
                if COMPLETE in node:
                    spelling = text[start : position + 1]
                    token = spelling if spelling in self.tokens else self._spellings[spelled]
                    found = Found(token, start, position + 1)
            if not node:
                break
        return found

    def _reaches_the_end(self, text: str, place: int) -> bool:
        return self._walk(text, place - 1) == _END

    def _patterns_of_view(self) -> tuple[re.Pattern[str], re.Pattern[str]]:
        """Two patterns for a view: openers that may be dangerous, and those that surely are."""
        if self._built is None:
            self._built = self._build(_SEVERAL), self._build("")
        return self._built

    def _build(self, unclear: str) -> re.Pattern[str]:
        trie, skip = self._tokens_trie(), f"[{_NOTHING}{re.escape(self.marker)}]*+"
        heads = []
        for opener in self._openers:
            ligature = unclear if any(len(fold(like)) > 1 for like in self._like[opener]) else ""
            rest = _rest(trie[opener], self._openers, skip, unclear)
            heads.append(one_of({*_cases(opener), *ligature}) + f"(?={skip}{rest})")
        return re.compile("|".join(heads))

    def _walk(self, text: str, start: int) -> int:
        """Whether the opener at `start` is dangerous, and if so, whether because the text ends."""
        node: dict[str, Any] | None = self._first.get(text[start])
        if node is None:
            return _NO
        marker, openers, skips = self.marker, self._openers, True
        for position in range(start + 1, len(text)):
            for one in fold(text[position]):
                if skips and one == marker:
                    continue
                node = node.get(one)
                if node is None:
                    return _NO
                if COMPLETE in node:
                    return _YES
                skips = one in openers
        return _END


_NO, _YES, _END = 0, 1, 2


def _rest(node: dict[str, Any], openers: tuple[str, ...], skip: str, unclear: str) -> str:
    """The pattern of what may follow in a view, in either case, or what is `unclear`."""
    if COMPLETE in node:
        return ""
    same: dict[str, list[str]] = {}
    for character, child in node.items():
        rest = _rest(child, openers, skip, unclear)
        between = "" if COMPLETE in child else skip if character in openers else f"{_NOTHING}*+"
        same.setdefault(between + rest, []).append(character)
    branches = [
        one_of({case for one in characters for case in _cases(one)}) + rest for rest, characters in same.items()
    ]
    return f"(?:{'|'.join([*branches, *unclear])}|\\Z)"


def _cases(character: str) -> set[str]:
    return {character, character.upper()} if character.isascii() else {character}


@lru_cache(maxsize=1)
def _decomposing() -> tuple[str, ...]:
    """All characters that fold to another one, but not to nothing."""
    every = map(chr, range(0x80, 0x40000))
    changed = (one for one in every if _one_case(one) != one or unicodedata.normalize("NFKD", one) != one)
    return tuple(one for one in changed if _fold_once(one) not in ("", one))


@lru_cache(maxsize=1)
def _ligatures() -> tuple[str, ...]:
    """All characters that fold to more than one."""
    return tuple(one for one in _decomposing() if len(_fold_once(one)) > 1)


@lru_cache(maxsize=256)
def _all_like(opener: str) -> str:
    """The characters that end in `opener` when they are folded."""
    return "".join(sorted(_cases(opener) | {one for one in _decomposing() if _fold_once(one)[-1:] == opener}))


@lru_cache(maxsize=256)
def hardened_escaper(tokens: frozenset[str], marker: str = MARKER) -> HardenedEscaper:
    """The hardened scheme for `tokens`, made once."""
    return HardenedEscaper(tokens, marker)
