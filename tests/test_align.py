"""The alignment of rows and of words: hand-made cases, and properties against slow references."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st
from strategies import texts

from chatml.comparison._align import Pair, align
from chatml.comparison._wording import LONGEST_COMPARED, common_length, text_spans


@given(texts, texts)
def test_spans_tile_both_texts(before: str, after: str) -> None:
    place = other = 0
    for operation, begin, end, there, there_end in text_spans(before, after):
        assert (begin, there) == (place, other)
        assert (operation == "equal") <= (before[begin:end] == after[there:there_end])
        assert end > begin or there_end > there
        place, other = end, there_end
    assert (place, other) == (len(before), len(after))


@given(st.text("ab", max_size=12), st.text("ab", max_size=12))
def test_common_length(one: str, other: str) -> None:
    slow = next((n for n, two in enumerate(zip(one, other, strict=False)) if two[0] != two[1]), None)
    assert common_length(one, other) == (min(len(one), len(other)) if slow is None else slow)


rows = st.lists(st.sampled_from("abcdefgh"), max_size=14)


@given(rows, rows)
def test_alignment(first: list[str], second: list[str]) -> None:
    found = align(first, second)
    assert all(first[one] == second[other] for one, other in found)
    assert all(a.first < b.first and a.second < b.second for a, b in pairwise(found))
    assert align(second, first) == [Pair(other, one) for one, other in found]
    assert align(first, first) == [Pair(n, n) for n in range(len(first))]
    if not found:
        assert not set(first) & set(second)


def test_alignment_beyond_its_bounds() -> None:
    """Many differences among items that all recur: not the longest, but long."""
    first = [str(n * n % 7) for n in range(3000)]
    second = [str(n * n * n % 5) for n in range(3000)]
    found = align(first, second)
    assert len(found) > 500
    assert all(first[one] == second[other] for one, other in found)


def test_very_long_texts_are_one_change() -> None:
    words = " ".join(str(n) for n in range(LONGEST_COMPARED // 4))
    before, after = f"same {words} x end", f"same y {words[::-1]} end"
    assert [span.operation for span in text_spans(before, after)] == ["replace"]
    after = f"same {words} y end"
    assert [span.operation for span in text_spans(before, after)] == ["equal", "replace", "equal"]
