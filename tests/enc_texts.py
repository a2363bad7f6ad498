"""Texts for the tests of chatml.encodings: made from fragments where split patterns and merges can go wrong."""

from __future__ import annotations

from hypothesis import Phase, settings
from hypothesis import strategies as st

BLANKS = (" ", "  ", "   ", "      ", "\t", "\t\t", "\xa0", "\u3000", "\u2028", " \t ", "\v", "\f", "\x85", "\u200a")
NEWLINES = ("\n", "\n\n", "\r\n", "\r", " \n", "\n ", "\n\t\n", "\n\n\n ")
PUNCTUATION = ("!", "/", "//", "'", "...", "{}", "-", "=====", "(", "_", "\x1c", "\x1f", "\u200b", "«", "🙂", "+/\n/")
WORDS = ("a", "the", " Hello", "WORLD", "iPhone", "don't", "I'LL", "we've", "straße", "été", "e\u0301", "ǅ", "ʰ", "имя")
NUMBERS = ("0", "12", "1234567", "٣", "ⅷ", "²")
ASIAN = ("中", "中文字", "日本語です", "한국어", "ไทย", "中 文")
MARKERS = ("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|reserved_200013|>", "user\n")

FRAGMENTS = BLANKS + NEWLINES + PUNCTUATION + WORDS + NUMBERS + ASIAN

texts = st.lists(st.sampled_from(FRAGMENTS + MARKERS), max_size=20).map("".join)
any_texts = st.one_of(texts, st.text(max_size=60), st.text(st.characters(codec=None), max_size=20))
# One repeat count for all runs makes long runs likely
white_texts = st.lists(
    st.tuples(
        st.sampled_from(BLANKS + NEWLINES + BLANKS + ("!", "a", "A", "1", "中", "\x1c", "/", "'s")), st.integers(1, 4)
    ),
    max_size=12,
).map(lambda parts: "".join(part * times for part, times in parts))

# To find out that there is an example, without making it small
FIND = settings(max_examples=5000, deadline=None, database=None, derandomize=True, phases=[Phase.generate])
