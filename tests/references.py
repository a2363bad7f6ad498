r"""Schemes to compare with: the definition without a thought for speed, and schemes of others, which do not hold.

`Reference` is the escape scheme word by word; with a `fold` it is the hardened profile. `delete_to_a_fixpoint` is what
`strip` means. Every broken scheme has to be caught by the checks that the real one passes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

from chatml import ParseError

Fold = Callable[[str], str]


class Scheme(Protocol):
    """What the checks ask of a scheme."""

    tokens: frozenset[str]

    def escape(self, text: str) -> str:
        """Make the text spell no token."""

    def unescape(self, text: str) -> str:
        """Invert that."""


class Reference:
    """The definition of the scheme, word by word; `fold` says what each character becomes."""

    def __init__(
        self, tokens: Iterable[str], *, marker: str = "\\", fold: Fold = str, end_rule: bool = True, skips: bool = True
    ) -> None:
        self.tokens = frozenset(tokens)
        self.marker, self.fold, self.end_rule, self.skips = marker, fold, end_rule, skips
        self.spellings = {"".join(map(fold, token)) for token in self.tokens}
        self.openers = {
            spelling[0]: [one for one in self.spellings if one[0] == spelling[0]] for spelling in self.spellings
        }

    def _matches(self, view: str, position: int, rest: str) -> bool:
        """Whether `rest` stands at `position`, runs of E skipped behind an opener, or the text ends on the way."""
        position = self._skip(view, position)
        for wanted in rest:
            if position == len(view):
                return self.end_rule
            if view[position] != wanted:
                return False
            position += 1
            if wanted in self.openers:
                position = self._skip(view, position)
        return True

    def _skip(self, view: str, position: int) -> int:
        while self.skips and view[position : position + 1] == self.marker:
            position += 1
        return position

    def dangerous(self, text: str) -> list[int]:
        """The places right behind every character that becomes a dangerous opener."""
        view, places = "", list[int]()
        for place, character in enumerate(text, 1):
            folded = self.fold(character)
            view += folded
            places += [place] * len(folded)
        found = {
            places[index]
            for index, character in enumerate(view)
            if any(self._matches(view, index + 1, spelling[1:]) for spelling in self.openers.get(character, ()))
        }
        return sorted(found)

    def escape(self, text: str) -> str:
        """One E behind every dangerous opener."""
        places = set(self.dangerous(text))
        return "".join(one + self.marker * (place in places) for place, one in enumerate(text, 1))

    def unescape(self, text: str) -> str:
        """Take one E from behind every dangerous opener."""
        drop = set(self.dangerous(text))
        if any(text[place : place + 1] != self.marker for place in drop):
            raise ParseError("not escaped")
        return "".join(one for place, one in enumerate(text) if place not in drop)


def delete_to_a_fixpoint(text: str, tokens: Iterable[str], fold: Fold = str) -> str:
    """Read on until a token is complete, take the longest that ends there off, and go on with what is left."""
    spellings = sorted(filter(None, {"".join(map(fold, token)) for token in tokens}), key=len, reverse=True)
    kept: list[str] = []
    for character in text:
        folded, before = fold(character), "".join(map(fold, kept))
        over = None
        for cut in range(1, len(folded) + 1):
            view = before + folded[:cut]
            over = next((len(one) - cut for one in spellings if view.endswith(one)), None)
            if over is not None:
                break
        if over is None:
            kept.append(character)
            continue
        while over > 0:
            over -= len(fold(kept.pop()))
    return "".join(kept)


class NoEndRule(Reference):
    """The end of the text is no reason to escape."""

    def __init__(self, tokens: Iterable[str], *, marker: str = "\\", fold: Fold = str) -> None:
        super().__init__(tokens, marker=marker, fold=fold, end_rule=False)


class NoLookThrough(Reference):
    """Markers that are there already are not skipped."""

    def __init__(self, tokens: Iterable[str], *, marker: str = "\\", fold: Fold = str) -> None:
        super().__init__(tokens, marker=marker, fold=fold, skips=False)


class NaiveBackslash:
    """A backslash behind the first character of each token; none is doubled."""

    between = "\\"

    def __init__(self, tokens: Iterable[str]) -> None:
        self.tokens = frozenset(tokens)

    def escape(self, text: str) -> str:
        """Put something in each token."""
        for token in self.tokens:
            text = text.replace(token, token[0] + self.between + token[1:])
        return text

    def unescape(self, text: str) -> str:
        """Take it out again."""
        for token in self.tokens:
            text = text.replace(token[0] + self.between + token[1:], token)
        return text


class ZeroWidthSpace(NaiveBackslash):
    """The same with a character that nobody sees."""

    between = "\u200b"


class BrokenBar(NaiveBackslash):
    """What most projects do: `<|` becomes `<` and a backslash and `|`, wherever it stands."""

    def escape(self, text: str) -> str:
        """Put a backslash in."""
        return text.replace("<|", "<\\|")

    def unescape(self, text: str) -> str:
        """Take it out."""
        return text.replace("<\\|", "<|")


class Deletes(NaiveBackslash):
    """Tokens are taken out once, or until none is left."""

    fixpoint = False

    def escape(self, text: str) -> str:
        """Delete tokens."""
        while True:
            before = text
            for token in self.tokens:
                text = text.replace(token, "")
            if text == before or not self.fixpoint:
                return text

    def unescape(self, text: str) -> str:
        """Nothing can be brought back."""
        return text


class DeletesAll(Deletes):
    """Until none is left."""

    fixpoint = True
