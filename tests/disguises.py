r"""What the hardened profile is about: how characters fold, what happens to text later, tokens in disguise.

`fold` is the definition in the words of `chatml/_fold.py`, without its short cuts. `PASSES` are what others do to text
on its way to a model. `disguised` writes a token so that some pass makes the token of it.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Literal

from hypothesis import strategies as st
from strategies import DIRECTED_TOKENS, fragments

Pass = Callable[[str], str]

_DROPPED = ("Mn", "Mc", "Me", "Cf", "Cn", "Co", "Cc", "Cs")
_BLANK = "\u115f\u1160\u3164\uffa0\u2800"


def _stays(character: str) -> bool:
    dropped = unicodedata.category(character) in _DROPPED and character not in "\t\n\r"
    return not dropped and character not in _BLANK


@lru_cache(maxsize=1 << 16)
def fold(character: str) -> str:
    """NFKD, upper and casefold, NFKD, less what nobody sees; and what nobody sees in the first place is nothing."""
    if not _stays(character):
        return ""
    cased = unicodedata.normalize("NFKD", character).upper().casefold()
    return "".join(filter(_stays, unicodedata.normalize("NFKD", cased)))


def fold_text(text: str) -> str:
    """`fold` of every character."""
    return "".join(map(fold, text))


class _Without(dict[int, int | None]):
    """For `str.translate`: drops characters of some categories."""

    def __init__(self, *categories: str) -> None:
        self._categories = categories

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        drops = unicodedata.category(character) in self._categories and character not in "\t\n\r"
        self[code] = None if drops else code
        return self[code]


def _without(*categories: str) -> Pass:
    table = _Without(*categories)
    return lambda text: text.translate(table)


def _normal(form: Literal["NFC", "NFD", "NFKC", "NFKD"]) -> Pass:
    return lambda text: unicodedata.normalize(form, text)


def _one_after_the_other(*passes: Pass) -> Pass:
    def run(text: str) -> str:
        for one in passes:
            text = one(text)
        return text

    return run


_no_format = _without("Cf")
PASSES: Mapping[str, Pass] = {
    "NFC": _normal("NFC"),
    "NFD": _normal("NFD"),
    "NFKC": _normal("NFKC"),
    "NFKD": _normal("NFKD"),
    "casefold": str.casefold,
    "lower": str.lower,
    "upper": str.upper,
    "no Cf": _no_format,
    "no Mn": _without("Mn"),
    "no Cc": _without("Cc"),
    "NFKC, no Cf": _one_after_the_other(_normal("NFKC"), _no_format),
    "no Cf, NFKC, casefold": _one_after_the_other(_no_format, _normal("NFKC"), str.casefold),
    "no surrogates": _without("Cs"),
    "no accents": _one_after_the_other(_normal("NFKD"), _without("Mn", "Me")),
    "all at once": fold_text,
}

INVISIBLE = [
    *("\u200b", "\u200d", "\u00ad", "\u2060", "\ufeff", "\u034f", "\ufe0f", "\u202e", "\U000e0041", "\U000e0001"),
    *("\u3164", "\u115f", "\u1160", "\uffa0", "\u2800", "\u0301", "\u0338", "\u20dd", "\x00", "\x1b", "\x7f", "\x85"),
    *("\ud800", "\udfff", "\ue000", "\u0378", "\U0010ffff"),
]
ALIKE_RANGES = [(0x80, 0x600), (0x1D00, 0x3400), (0xA640, 0xA800), (0xF900, 0x10000), (0x1D400, 0x1D800)]


@lru_cache(maxsize=1)
def alike() -> Mapping[str, list[str]]:
    """The characters that become each string, among those that an attacker would try."""
    found: dict[str, list[str]] = {}
    for start, end in [(0x21, 0x7F), *ALIKE_RANGES]:
        for character in map(chr, range(start, end)):
            found.setdefault(fold(character), []).append(character)
    del found[""]
    return found


def disguise(token: str, numbers: Iterable[int]) -> str:
    """Another spelling of what `token` becomes; each number chooses one character, and what is put behind it."""
    folded, position, out = fold_text(token), 0, ""
    choices = iter(numbers)
    while position < len(folded):
        number = next(choices, 0)
        number, kind = divmod(number, 4)
        characters = [folded[position]]
        if kind:
            longer = [folded[position : position + length] for length in (4, 3, 2, 1) if kind == 1 or length == 1]
            characters = next(filter(None, (alike().get(one) for one in longer)), characters)
        number, which = divmod(number, len(characters))
        character = characters[which]
        out += character
        position += len(fold(character))
        number, hides = divmod(number, 3)
        if hides == 1:
            out += INVISIBLE[number % len(INVISIBLE)]
    return out


_numbers = st.lists(st.integers(0, 1 << 24), max_size=24)


def disguised(tokens: list[str]) -> st.SearchStrategy[str]:
    """A token of the list, or a spelling that becomes it."""
    return st.builds(disguise, st.sampled_from(tokens), _numbers)


def _half(spelling: str, cut: int, between: str) -> str:
    cut = min(cut, len(spelling))
    return spelling[:cut] + between + spelling[cut:]


PIECES = [
    *("<", "<<", "|", "｜", "＜", "﹤", "≮", "[", "［", "﹇", ">", "＞", "]", " ", "a", "\n", "\t", "|>"),
    *("\\", "\\\\", "<\\", "＜\\", "＼", "!", "<\u200b\\", "<\\\u200b", "<\u0338", "<\\\u0338", "&lt;", "%3C"),
    *("İ", "ı", "ſ", "ﬁ", "ﬆ", "\u212a", "ẞ", "㎐", "…", "㏂", "é", "가", "ｶﾞ", "Σ", "\u0345", "ᾳ"),
    *("ｉｍ＿ｓｔａｒｔ", "𝐢𝐦_𝐬𝐭𝐚𝐫𝐭", "IM_START", "im_start|>", "tart|>", *INVISIBLE),
]
_HALF = ["\\", "\\\\", "!", "＼", "\u200b\\", "\\\u200b"]


def pieces(tokens: list[str]) -> st.SearchStrategy[str]:
    """Something that a hardened scheme may get wrong."""
    spelled = disguised(tokens)
    parts = st.builds(lambda spelling, cut: spelling[:cut], spelled, st.integers(1, 12))
    rests = st.builds(lambda spelling, cut: spelling[cut:], spelled, st.integers(1, 12))
    half = st.builds(_half, spelled, st.integers(1, 12), st.sampled_from(_HALF))
    return st.one_of(spelled, st.sampled_from(PIECES), parts, st.sampled_from(PIECES), rests, half, fragments)


def hard_soups(tokens: list[str] = DIRECTED_TOKENS, most: int = 8) -> st.SearchStrategy[str]:
    """Pieces in a row."""
    return st.lists(pieces(tokens), max_size=most).map("".join)


@st.composite
def disguised_splits(draw: st.DrawFn, tokens: list[str] = DIRECTED_TOKENS) -> list[str]:
    """A token or a disguised spelling of one, cut at one to three places, with noise outside."""
    spelling = draw(disguised(tokens))
    cuts = sorted(draw(st.sets(st.integers(1, max(1, len(spelling) - 1)), min_size=1, max_size=3)))
    fields = [spelling[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(spelling)], strict=True)]
    noise = hard_soups(tokens, 2)
    return [draw(noise) + fields[0], *fields[1:-1], fields[-1] + draw(noise)]
