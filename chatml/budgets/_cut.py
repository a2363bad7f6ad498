"""Text cut to a number of tokens, at places where nothing breaks: between characters as people see them.

A cut text is pieces of the given one and a marker, never a token decoded on its own: so no U+FFFD can come up, and half
a surrogate pair neither.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Literal, TypeAlias, get_args

from chatml._tokens import Coder
from chatml._trusted import Runs, Trusted
from chatml.encodings import decode_bytes

Side: TypeAlias = Literal["head", "tail", "middle"]
Border: TypeAlias = Literal["token", "line", "sentence"]
SIDES: tuple[str, ...] = get_args(Side)
BORDERS: tuple[str, ...] = get_args(Border)

_FARTHEST = 64  # code points that a cut moves to spare a character of many: longer ones are made to be long
_WINDOW = 2_000  # characters in which the end of a sentence is looked for
_SENTENCE_END = re.compile(r"""[.!?\u2026]++["')\]\u201d\u2019]*+(?=\s)|[\u3002\uff01\uff1f]++|(?=\n)""")
_NOT_SPACE = re.compile(r"\S")
_JOINER = "\u200d"


class Cutter:
    """One text that is cut in one way, to any number of tokens; it is encoded once.

    `side` is what is taken away. Of the middle, the two ends that stay have half of the tokens each. At lines and
    sentences, an end that stays loses what it has of an unfinished one; where it has no more than that, it is cut
    between tokens.
    """

    def __init__(self, text: str, coder: Coder, *, side: Side, at: Border, marker: str) -> None:
        self.text = text
        self._coder = coder
        self._side = side
        self._at = at
        self._marker = marker
        self._ids = coder.text(text)
        self._places = _places_of(text)
        self.tokens = len(self._ids)
        self.least = len(coder.text(marker))

    def cut(self, most: int) -> str:
        """The text, or as much of it as has at most `most` tokens, the marker included; at least the marker."""
        if self.tokens <= most:
            return self.text
        keep = max(most - self.least, 0)
        while keep and self._count(self._joined(*self._ends(keep))) > most:
            keep -= 1
        while keep < self.tokens and self._count(self._joined(*self._ends(keep + 1))) <= most:
            keep += 1
        text = self._joined(*self._at_borders(*self._ends(keep)))
        while keep and self._count(text) > most:  # the last token of a line may be two without the line behind it
            keep -= 1
            text = self._joined(*self._at_borders(*self._ends(keep)))
        return text

    def _count(self, text: str) -> int:
        return len(self._coder.text(text))

    def _ends(self, tokens: int) -> tuple[int, int]:
        """Where the first end of the text stops and the second one starts, when both have so many tokens."""
        head = {"tail": tokens, "head": 0, "middle": (tokens + 1) // 2}[self._side]
        text, encoding = self.text, self._coder.encoding
        before = decode_bytes(encoding, self._ids[:head]).decode("utf-8", "ignore")
        after = decode_bytes(encoding, self._ids[self.tokens - (tokens - head) :]).decode("utf-8", "ignore")
        stop, start = self._place(len(before)), self._place(self._length - len(after))
        return _back(text, stop), _forth(text, max(start, stop))

    @property
    def _length(self) -> int:
        return len(self._places) - 1 if self._places else len(self.text)

    def _place(self, character: int) -> int:
        return self._places[character] if self._places else character

    def _at_borders(self, stop: int, start: int) -> tuple[int, int]:
        if self._at == "line":
            return _line_end(self.text, stop, self._marker), _line_start(self.text, start)
        if self._at == "sentence":
            return _sentence_end(self.text, stop), _sentence_start(self.text, start)
        return stop, start

    def _joined(self, stop: int, start: int) -> str:
        if isinstance(self.text, Trusted):
            stop, start = _outside(self.text.runs, stop, start)
            head, tail = _part(self.text.runs, 0, stop), _part(self.text.runs, start, len(self.text))
            return Trusted((*head, (self._marker, False), *tail))
        return self.text[:stop] + self._marker + self.text[start:]


def _places_of(text: str) -> list[int] | None:
    """Where each encoded character begins in a text with surrogates: a pair is encoded as one. None for other text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        pairs = {match.start() + 1 for match in re.finditer("[\ud800-\udbff][\udc00-\udfff]", text)}
        return [place for place in range(len(text) + 1) if place not in pairs]
    return None


def _joins(text: str, place: int) -> bool:
    """Whether a cut would part what is seen as one character."""
    before, after = text[place - 1], text[place]
    if before < "\u0300" and after < "\u0300":
        return before == "\r" and after == "\n"
    if before == _JOINER or after == _JOINER or unicodedata.category(after) in ("Mn", "Me", "Mc"):
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff" or "\U000e0020" <= after <= "\U000e007f":  # skin tones; flags' tags
        return True
    if "\u1160" <= after <= "\u11ff":  # a vowel or final consonant of Hangul, behind what begins the syllable
        return "\u1100" <= before <= "\u11ff" or "\uac00" <= before <= "\ud7a3"
    if _is_flag_letter(after):
        begin = place
        while begin and _is_flag_letter(text[begin - 1]) and place - begin < _FARTHEST:
            begin -= 1
        return (place - begin) % 2 == 1
    return "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff"


def _is_flag_letter(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _back(text: str, place: int) -> int:
    """The nearest place before which the text may end."""
    for one in range(place, max(place - _FARTHEST, 0), -1):
        if one == len(text) or not _joins(text, one):
            return one
    return place if place > _FARTHEST else 0


def _forth(text: str, place: int) -> int:
    """The nearest place at which the text may go on."""
    if place == 0:
        return 0
    for one in range(place, min(place + _FARTHEST, len(text))):
        if not _joins(text, one):
            return one
    return place if place + _FARTHEST < len(text) else len(text)


def _line_end(text: str, place: int, marker: str) -> int:
    if marker.startswith("\n"):  # which ends the line
        return max(text.rfind("\n", 0, place + 1), 0) or place
    return text.rfind("\n", 0, place) + 1 or place


def _line_start(text: str, place: int) -> int:
    if not place or text[place - 1] == "\n":
        return place
    following = text.find("\n", place) + 1
    return following if 0 < following < len(text) else place


def _sentence_end(text: str, place: int) -> int:
    ends = [found.end() for found in _SENTENCE_END.finditer(text, max(place - _WINDOW, 0), place + 1)]
    return max((end for end in ends if end <= place), default=place) or place


def _sentence_start(text: str, place: int) -> int:
    for found in _SENTENCE_END.finditer(text, max(place - 2, 0), place + _WINDOW):
        following = _NOT_SPACE.search(text, found.end())
        if following and following.start() >= place:
            return following.start()
    return place


def _outside(runs: Runs, stop: int, start: int) -> tuple[int, int]:
    """The ends less what they have of a trusted part: half of that is no marker."""
    position = 0
    for text, is_trusted in runs:
        end = position + len(text)
        if is_trusted and position < stop < end:
            stop = position
        if is_trusted and position < start < end:
            start = end
        position = end
    return stop, start


def _part(runs: Runs, start: int, stop: int) -> Runs:
    parts, position = [], 0
    for text, is_trusted in runs:
        parts.append((text[max(start - position, 0) : max(stop - position, 0)], is_trusted))
        position += len(text)
    return tuple(parts)
