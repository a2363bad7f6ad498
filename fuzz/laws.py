"""What has to hold, in words as plain as they get: slow readings of definitions, and the ways in which text changes.

Nothing here uses the code that is under test but for what it is called with.
"""

from __future__ import annotations

import pickle
import re
import unicodedata
from collections.abc import Callable, Container, Iterable, Mapping
from functools import lru_cache
from itertools import pairwise
from typing import Any, TypeVar

from chatml import ChatMLError, Segment, special_tokens
from chatml._special import family_tokens

Result = TypeVar("Result")

KNOWN = special_tokens()
FAMILY = family_tokens()  # without the reserved tokens of encodings, which only a dialect with such an encoding guards


def attempt(call: Callable[..., Result], *arguments: Any, **keywords: Any) -> Result | ChatMLError:
    """What `call` returns or the `ChatMLError` that it raises: one line of text, and the same after pickling."""
    try:
        return call(*arguments, **keywords)
    except ChatMLError as error:
        raised = error
    text = str(raised)
    assert text, "an error says something"
    assert "\n" not in text, "an error is one line"
    copy = pickle.loads(pickle.dumps(raised))
    assert (type(copy), str(copy)) == (type(raised), text), "an error survives pickling"
    return raised


# ---------------------------------------------------------------------------------------------------- tokens in a text


class Spellings:
    """Finds the tokens in a text: every place, every length that a token with such a beginning has."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self._tokens = frozenset(filter(None, tokens))
        self._lengths: dict[str, set[int]] = {}
        for token in self._tokens:
            self._lengths.setdefault(token[:4], set()).add(len(token))
        self._beginnings = sorted({len(beginning) for beginning in self._lengths})
        self._openers = re.compile("|".join(sorted({re.escape(token[0]) for token in self._tokens})) or "(?!)")

    def first(self, text: str) -> tuple[int, str] | None:
        """The first token in `text` and where it begins."""
        for match in self._openers.finditer(text):
            start = match.start()
            for beginning in self._beginnings:
                for length in self._lengths.get(text[start : start + beginning], ()):
                    if text[start : start + length] in self._tokens:
                        return start, text[start : start + length]
        return None

    def ending(self, text: str) -> str:
        """The longest token in which `text` ends, or nothing."""
        lengths = {length for several in self._lengths.values() for length in several}
        ends = [text[-length:] for length in lengths if text[-length:] in self._tokens]
        return max(ends, key=len, default="")


@lru_cache(maxsize=64)
def spellings(tokens: frozenset[str]) -> Spellings:
    """The finder of these tokens."""
    return Spellings(tokens)


@lru_cache(maxsize=64)
def cleaned_spellings(tokens: frozenset[str]) -> Spellings:
    """The finder of these tokens and of what they become when they are cleaned."""
    return Spellings([*tokens, *map(become, tokens)])


# --------------------------------------------------------------------------------------------- what others do to a text

_GONE = frozenset({"Mn", "Mc", "Me", "Cf", "Cn", "Co", "Cc", "Cs"})
_BLANK = "\u115f\u1160\u3164\uffa0\u2800"


def visible(text: str) -> str:
    """The text without what is invisible, combining or no character."""
    return "".join(
        one for one in text if one in "\t\n\r" or (unicodedata.category(one) not in _GONE and one not in _BLANK)
    )


def form(name: str) -> Callable[[str], str]:
    """A normal form of Unicode."""
    return lambda text: unicodedata.normalize(name, text)  # type: ignore[arg-type]  # one of four names


_nfkc, _nfkd = form("NFKC"), form("NFKD")


def become(text: str) -> str:
    """What the hardened profile promises to see through, all at once and character by character."""
    return "".join(map(_become, text))


@lru_cache(maxsize=65536)
def _become(character: str) -> str:
    return visible(_nfkd(_nfkd(visible(character)).upper().casefold()))


PASSES: tuple[Callable[[str], str], ...] = (
    *map(form, ("NFC", "NFD", "NFKC", "NFKD")),
    str.casefold,
    str.lower,
    visible,
    lambda text: visible(_nfkc(text).casefold()),
    lambda text: _nfkc(visible(text)).casefold(),
    lambda text: _nfkc(text.casefold()),
    lambda text: text.encode("utf-8", "ignore").decode(),
    lambda text: text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").lower(),
)


# -------------------------------------------------------------------------------------------- the definition of escape


class Definition:
    """`_escape`'s definition of a dangerous opener, word by word; hardened, on what each character becomes."""

    def __init__(self, tokens: frozenset[str], marker: str, *, hardened: bool) -> None:
        self._see: Callable[[str], str] = become if hardened else str
        self._marker = marker
        self._trie: dict[str, Any] = {}
        for token in map(self._see, tokens):
            node = self._trie
            for character in token:
                node = node.setdefault(character, {})
            node["complete"] = {}

    def escape(self, text: str) -> str:
        """One marker behind every dangerous opener."""
        return "".join(one + self._marker * self._is_dangerous(text, place) for place, one in enumerate(text))

    def _is_dangerous(self, text: str, place: int) -> bool:
        opener = self._see(text[place])[-1:]
        if opener not in self._trie:
            return False
        node, skips = self._trie[opener], True
        for one in text[place + 1 :]:
            for seen in self._see(one):
                if skips and seen == self._marker:
                    continue
                if seen not in node:
                    return False
                node, skips = node[seen], seen in self._trie
                if "complete" in node:
                    return True
        return True


@lru_cache(maxsize=64)
def definition(tokens: frozenset[str], marker: str, hardened: bool) -> Definition:
    """The definition for one scheme."""
    return Definition(tokens, marker, hardened=hardened)


def stripped(text: str, tokens: frozenset[str]) -> str:
    """The text without tokens: each is taken off when its last character is read."""
    finder, kept = spellings(tokens), ""
    last = {token[-1] for token in tokens}
    for character in text:
        kept += character
        if character in last:
            kept = kept[: len(kept) - len(finder.ending(kept))]
    return kept


# ------------------------------------------------------------------------------------------------- segments and chunks


def without_surrogates(text: str) -> str:
    """The text as it comes back from ids: a pair is one character, a lone surrogate U+FFFD."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def cut(text: str, sizes: Iterable[int]) -> list[str]:
    """`text` in pieces of these sizes, over and over; one piece where no size is above 0."""
    steps = [size for size in sizes if size > 0] or [max(len(text), 1)]
    places = [0]
    while places[-1] < len(text):
        places.append(min(places[-1] + steps[len(places) % len(steps)], len(text)))
    return [text[start:stop] for start, stop in pairwise(places)]


def joined(events: Iterable[Segment]) -> list[Segment]:
    """Adjacent deltas of one text as one segment."""
    out: list[Segment] = []
    for event in events:
        before = out[-1] if out else None
        if before and (before[0], before[3]) == (event[0], event[3]) and not (before.special or event.special):
            out[-1] = before._replace(text=before.text + event.text)
        else:
            out.append(event)
    return out


def position(text: str, offset: int) -> tuple[int, int]:
    """Line and column, counted from 1."""
    return text.count("\n", 0, offset) + 1, offset - (text.rfind("\n", 0, offset) + 1) + 1


def texts_in(value: Any, but: Container[str] = ()) -> list[str]:
    """Every string in a JSON value, keys too, but for what stands under the keys in `but`."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        pairs = ((key, () if key in but else one) for key, one in value.items())
        return [text for pair in pairs for one in pair for text in texts_in(one, but)]
    return [text for one in value for text in texts_in(one, but)] if isinstance(value, (list, tuple)) else []


def spelled_in(value: Any, but: Container[str] = ()) -> str | None:
    """The first known token in the strings of a JSON value."""
    found = (spellings(KNOWN).first(text) for text in texts_in(value, but))
    return next((token for _, token in filter(None, found)), None)
