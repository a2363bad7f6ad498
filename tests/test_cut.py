"""Cut texts: never too long, never shorter than they have to be, never broken inside of a character."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from fitting import Words
from hypothesis import given
from hypothesis import strategies as st
from strategies import catches, soups

from chatml import Trusted, get_encoding, trusted
from chatml._tokens import Coder, coder_for
from chatml.budgets._cut import BORDERS, SIDES, Cutter
from chatml.encodings import decode_bytes

MARKER = "\n[... cut ...]\n"
ODD = [
    *("é", "e\u0301", "世界", "👩\u200d👩\u200d👧", "👍🏽", "🇩🇪🇫🇷", "🏴\U000e0067\U000e0062\U000e007f"),
    *("\u1112\u1161\u11ab", "\r\n", "\ud83d\ude00", "\ud83d", "\ude00", "a\u0308" * 3, "✌️", "नमस्ते", "\ufffd"),
    "\U0001f9d1\U0001f3fd\u200d\U0001f4bb",
]
PROSE = [
    "Well. ",
    "Is it? ",
    "Yes!\n",
    "one two three ",
    "x" * 30,
    "\n\n",
    "    ",
    "1234567",
    "。また",
    "“Quoted.” ",
    "e.g. ",
]
texts = st.one_of(st.lists(st.sampled_from([*ODD, *PROSE]), max_size=25).map("".join), soups)
sides, borders = st.sampled_from(SIDES), st.sampled_from(BORDERS)
markers = st.sampled_from([MARKER, "", "...", " \ufffd "])
CODERS: dict[str, Any] = {"o200k": coder_for("o200k_im"), "cl100k": coder_for("cl100k_base"), "words": Words()}
coders = st.sampled_from(sorted(CODERS))


def cutter(text: str, side: Any = "middle", at: Any = "token", marker: str = MARKER, coder: Any = None) -> Cutter:
    return Cutter(text, coder or CODERS["o200k"], side=side, at=at, marker=marker)


def kept_of(text: str, cut: str, side: str, marker: str) -> tuple[str, str]:
    """The two ends of the text that a cut left: the marker may occur in it, too."""
    for found in re.finditer(f"(?={re.escape(marker)})", cut):
        head, tail = cut[: found.start()], cut[found.start() + len(marker) :]
        right = {"head": not head, "tail": not tail, "middle": True}[side]
        if right and len(head) + len(tail) <= len(text) and text.startswith(head) and text.endswith(tail):
            return head, tail
    raise AssertionError(f"{cut!r} is no cut of {text!r}")


def check(one: Cutter, most: int, side: str, marker: str) -> None:
    """At most so many tokens, two ends of the text and the marker, and no U+FFFD or half character of its own."""
    text, cut = one.text, one.cut(most)
    assert len(one._coder.text(cut)) <= max(most, one.least)
    if one.tokens <= most:
        assert cut == text
        return
    head, tail = kept_of(text, cut, side, marker)
    assert cut.count("\ufffd") <= text.count("\ufffd") + marker.count("\ufffd")
    for place in (len(head), len(text) - len(tail)):
        assert not (
            0 < place < len(text) and "\ud800" <= text[place - 1] <= "\udbff" and "\udc00" <= text[place] <= "\udfff"
        )
        assert not (
            0 < place < len(text) and (text[place] in "\u0301\u0308\u200d\ufe0f" or text[place - 1] == "\u200d")
        )


@given(texts, st.integers(0, 40), sides, borders, markers, coders)
def test_a_cut_text_is_short_enough_and_whole(
    text: str, most: int, side: str, at: str, marker: str, coder: str
) -> None:
    check(cutter(text, side, at, marker, CODERS[coder]), most, side, marker)


@given(texts, st.integers(0, 40), sides, markers, coders)
def test_a_token_more_would_be_too_long(text: str, most: int, side: str, marker: str, coder: str) -> None:
    """At tokens: what is kept is cut from as many tokens of the text as fit."""
    one = cutter(text, side, "token", marker, CODERS[coder])
    if one.tokens > most >= one.least:
        cuts = [one._joined(*one._ends(keep)) for keep in range(one.tokens + 1)]
        sizes = [*(len(one._coder.text(cut)) for cut in cuts), most + 1]
        assert one.cut(most) in [
            cut for cut, size, next_ in zip(cuts, sizes, sizes[1:], strict=False) if size <= most < next_
        ]


@given(texts, st.integers(0, 40), sides, coders)
def test_lines_stay_whole_where_there_is_one(text: str, most: int, side: Any, coder: str) -> None:
    one, free = (cutter(text, side, at, " [cut] ", CODERS[coder]) for at in ("line", "token"))
    if one.tokens > most:
        (head, tail), freely = (each.cut(most).split(" [cut] ") for each in (one, free))
        assert text.startswith(head)
        assert text.endswith(tail)
        assert len(head) <= len(freely[0])
        assert len(tail) <= len(freely[1])
        assert not head or head.endswith("\n") or "\n" not in head
        begin = len(text) - len(tail)
        assert not tail or not begin or text[begin - 1] == "\n" or "\n" not in tail[:-1]


@given(texts, st.integers(0, 30), sides)
def test_trusted_parts_stay_whole_and_trusted(text: str, most: int, side: Any) -> None:
    content = trusted("<|image_pad|>") + text + trusted("<|vision_end|>") + text
    one = cutter(content, side)
    cut = one.cut(most)
    assert isinstance(cut, Trusted)
    assert all(re.fullmatch(r"(<\|(image_pad|vision_end)\|>)+", run) for run, flag in cut.runs if flag)
    assert len(one._coder.text(cut)) <= max(most, one.least)


# By example

LINES = "".join(f"line {number}\n" for number in range(1, 9))  # 4 tokens each


def test_the_side_is_what_goes() -> None:
    words = " ".join(f"w{number}" for number in range(10))
    tokens = len(CODERS["words"].text(words))
    assert tokens == 10
    assert cutter(words, "tail", marker=" #", coder=CODERS["words"]).cut(4) == "w0 w1 w2 #"
    assert cutter(words, "head", marker="#", coder=CODERS["words"]).cut(4) == "# w7 w8 w9"
    assert cutter(words, "middle", marker=" #", coder=CODERS["words"]).cut(5) == "w0 w1 # w8 w9"
    assert cutter(words, "middle", marker=" #", coder=CODERS["words"]).cut(4) == "w0 w1 # w9"
    assert cutter(words, "middle", marker=" #", coder=CODERS["words"]).cut(10) == words
    assert cutter(words, "middle", marker=" #", coder=CODERS["words"]).cut(0) == " #"


def test_at_lines() -> None:
    assert cutter(LINES, "tail", "line").cut(18) == "line 1\nline 2\nline 3\n[... cut ...]\n"
    assert cutter(LINES, "middle", "line").cut(18) == "line 1\n[... cut ...]\nline 8\n"
    assert cutter(LINES, "head", "line").cut(18) == "\n[... cut ...]\nline 6\nline 7\nline 8\n"
    assert cutter(LINES, "tail", "line", "").cut(10) == "line 1\nline 2\n"
    assert cutter("one line that has no end " * 9, "tail", "line", "").cut(4) == "one line that has"
    assert cutter("\n" + "x y " * 20, "tail", "line", "\n").cut(6).startswith("\nx y")


def test_at_sentences() -> None:
    prose = "This is one. Is this another? Yes! “It is.” And so on and on."
    assert cutter(prose, "tail", "sentence", "").cut(6) == "This is one."
    assert cutter(prose, "tail", "sentence", "").cut(9) == "This is one. Is this another?"
    assert cutter(prose, "tail", "sentence", " ...").cut(12) == "This is one. Is this another? Yes! ..."
    assert cutter(prose, "head", "sentence", "").cut(8) == "And so on and on."
    assert cutter("これは文。これも文。もう一つの文章。", "tail", "sentence", "").cut(9) == "これは文。これも文。"
    assert cutter("no end of it at all " * 9, "tail", "sentence", "").cut(3) == "no end of"
    assert cutter("no end of it at all " * 9, "head", "sentence", "").cut(3) == " at all "


@pytest.mark.parametrize("text", ODD)
def test_what_is_one_character_is_not_parted(text: str) -> None:
    """Of six in a row, whole ones are left: with two flags in one text, whole flags."""
    units = ["🇩🇪", "🇫🇷"] if text == "🇩🇪🇫🇷" else [text]
    if text in ("世界", "नमस्ते", "a\u0308" * 3):
        units = list(text) if text == "世界" else ["न", "म", "स्", "ते"] if text[0] == "न" else ["a\u0308"]
    for side in ("head", "tail", "middle"):
        one = cutter(text * 6, side, marker="|")
        for most in range(one.least, one.tokens):
            for end in kept_of(one.text, one.cut(most), side, "|"):
                assert not re.sub("|".join(map(re.escape, units)), "", end)


def test_a_line_that_costs_more_without_the_next_one_is_given_up() -> None:
    """The marker is one token with the beginning of a line, and two at the end of one."""
    text = "x\nS and more text behind it, much of it"
    assert len(CODERS["o200k"].text("x\nSTRING")) == 3 < len(CODERS["o200k"].text("x\nTRING"))
    assert cutter(text, "tail", "line", "TRING").cut(3) == "xTRING"
    assert cutter(text, "tail", "line", "TRING").cut(4) == "x\nTRING"


def test_a_pile_of_accents_is_parted_after_all() -> None:
    """64 of them are enough to look for its beginning."""
    pile = "a" + "\u0301" * 300
    cut = cutter(pile, "tail", marker="").cut(100)
    assert 0 < len(cut) < 300
    assert pile.startswith(cut)


def test_the_least_is_the_marker() -> None:
    one = cutter("word " * 50)
    assert one.least == len(CODERS["o200k"].text(MARKER))
    assert one.cut(0) == one.cut(one.least) == MARKER
    assert cutter("word " * 50, marker="").cut(0) == ""
    assert cutter("").cut(0) == ""


def test_long_texts_are_not_encoded_again_for_each_length() -> None:
    class Counting(Coder):
        characters = 0

        def text(self, text: str) -> list[int]:
            Counting.characters += len(text)
            return super().text(text)

    coder = Counting(get_encoding("o200k_base"))
    one = cutter("some words and more " * 20_000, coder=coder)
    Counting.characters = 0
    one.cut(100)
    assert Counting.characters < 5_000


# Negative controls


class Decoded(Cutter):
    """Decodes tokens, as most do."""

    def _joined(self, stop: int, start: int) -> str:
        data = self.text.encode("utf-8", "replace")
        return data[: stop + 1].decode("utf-8", "replace") + self._marker + data[start + 1 :].decode("utf-8", "replace")


class Unmarked(Cutter):
    """Forgets that the marker has tokens."""

    def cut(self, most: int) -> str:
        return self.text if self.tokens <= most else self._joined(*self._ends(most))


class Parting(Cutter):
    """Cuts between any two tokens that end with a code point."""

    def _ends(self, tokens: int) -> tuple[int, int]:
        before = decode_bytes(self._coder.encoding, self._ids[:tokens])
        return self._place(len(before.decode("utf-8", "ignore"))), len(self.text)


@pytest.mark.parametrize("broken", [Decoded, Unmarked, Parting])
def test_broken_cuts_are_caught(broken: Callable[..., Cutter]) -> None:
    def attempt(drawn: tuple[str, int]) -> None:
        text, most = drawn
        check(broken(text, CODERS["o200k"], side="tail", at="token", marker="..."), most, "tail", "...")

    assert catches(attempt, st.tuples(texts, st.integers(2, 30)))
