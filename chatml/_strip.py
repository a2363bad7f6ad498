"""Deletion to a fixpoint in one pass: what is left spells no token, however tokens were put into one another.

An automaton (Aho-Corasick) reads the text character by character; beside every character that is kept stands the state
behind it. Where a token is complete its characters are taken off again, and reading goes on in the state before it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from functools import lru_cache

from chatml._errors import ConfigError, shown
from chatml._escape import one_of


class _Automaton:
    """Which part of a token has been read. State 0: none."""

    def __init__(self, tokens: Iterable[str]) -> None:
        self.next: list[dict[str, int]] = [{}]
        self.length = [0]  # of the longest token that ends in a state
        for token in tokens:
            state = 0
            for character in token:
                if character not in self.next[state]:
                    self.next[state][character] = len(self.next)
                    self.next.append({})
                    self.length.append(0)
                state = self.next[state][character]
            self.length[state] = len(token)
        self.alphabet = frozenset(character for following in self.next for character in following)
        self._link()

    def _link(self) -> None:
        """Let every state know every character of the alphabet that leads anywhere but back to the beginning."""
        waiting = deque((state, 0) for state in self.next[0].values())
        while waiting:
            state, suffix = waiting.popleft()
            self.length[state] = max(self.length[state], self.length[suffix])
            own, shorter = self.next[state], self.next[suffix]
            waiting += ((following, shorter.get(character, 0)) for character, following in own.items())
            self.next[state] = {**shorter, **own}


class Stripper:
    """Deletes tokens from text that comes in chunks.

    What `feed` gives out will not change any more: all before the last character that is part of no token's beginning.
    With `hardened`, what becomes a token is deleted too, with all that is invisible within it.
    """

    def __init__(self, tokens: frozenset[str], *, hardened: bool = False) -> None:
        self._automaton, self._begins = _shared(tokens, hardened)
        self._fold: Callable[[str], str] = str
        if hardened:
            from chatml._fold import fold  # unicodedata, which most programs do without

            self._fold = fold
        self._kept: list[tuple[str, int, int]] = []  # characters, length of what they become, the state behind them

    def feed(self, chunk: str) -> str:
        """Take in more text, give out what can be given."""
        out: list[str] = []
        kept, fold_one, following, length = self._kept, self._fold, self._automaton.next, self._automaton.length
        position, end = 0, len(chunk)
        state = kept[-1][2] if kept else 0
        while position < end:
            if not kept:
                found = self._begins.search(chunk, position)
                start = found.start() if found else end
                out.append(chunk[position:start])
                position = start
                if not found:
                    break
            character = chunk[position]
            position += 1
            folded = fold_one(character)
            over = 0
            for place, one in enumerate(folded, 1):
                state = following[state].get(one, 0)
                if length[state]:
                    over = length[state] - place  # characters of the token before this one
                    break
            else:
                kept.append((character, len(folded), state))
                if not state:
                    out += [characters for characters, _, _ in kept]
                    kept.clear()
                continue
            while over > 0:
                over -= kept.pop()[1]
            state = kept[-1][2] if kept else 0
        return "".join(out)

    def close(self) -> str:
        """Give out the rest."""
        rest = "".join([characters for characters, _, _ in self._kept])
        self._kept.clear()
        return rest


@lru_cache(maxsize=64)
def _shared(tokens: frozenset[str], hardened: bool) -> tuple[_Automaton, re.Pattern[str]]:
    if not hardened:
        return _Automaton(tokens), re.compile(one_of({token[0] for token in tokens}) if tokens else "(?!)")
    from chatml._fold import fold_text

    folded = frozenset(map(fold_text, tokens))
    if "" in folded:
        token = min(token for token in tokens if not fold_text(token))
        raise ConfigError(
            f"the hardened profile sees nothing of {shown(token)}", option="tokens", hint="use the exact one"
        )
    automaton = _Automaton(folded)
    # anything that is not plain may become the beginning of a token
    plain = {chr(code) for code in range(0x20, 0x7F)} - {
        case for token in folded for case in (token[0], token[0].upper())
    }
    return automaton, re.compile(rf"[^\t\n\r{re.escape(''.join(sorted(plain)))}]")


def strip(text: str, tokens: frozenset[str], *, hardened: bool = False) -> str:
    """Delete every token from `text`, and those that form when others are deleted."""
    stripper = Stripper(tokens, hardened=hardened)
    return stripper.feed(text) + stripper.close()
