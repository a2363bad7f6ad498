"""Merge lists that `check_merges` accepts give tiktoken's ids; the reference is the tokenizers library."""

from __future__ import annotations

import functools
from itertools import pairwise, product

import pytest
import tiktoken
from enc_texts import FIND
from hypothesis import find, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models

from chatml import EncodingError
from chatml.encodings._merges import check_merges, is_last_pair

Merges = list[tuple[bytes, bytes]]

BYTES = {bytes((byte,)): byte for byte in range(256)}
LETTERS = (b"a", b"b", b"c")
STRINGS = tuple(b"".join(letters) for size in range(1, 8) for letters in product(LETTERS[:2], repeat=size)) + tuple(
    b"".join(letters) for size in range(1, 6) for letters in product(LETTERS, repeat=size)
)


@st.composite
def merge_lists(draw: st.DrawFn, *, most_pairs: int = 2) -> tuple[dict[bytes, int], Merges]:
    """Ranks and merges in which each token is made of earlier ones, by one pair or by several."""
    ranks = dict(BYTES)
    tokens = list(LETTERS)
    merges: Merges = []
    for _ in range(draw(st.integers(1, 9))):
        left, right = draw(st.sampled_from(tokens)), draw(st.sampled_from(tokens))
        token = left + right
        if token in ranks or len(token) > 8:
            continue
        pairs = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        others = [pair for pair in pairs if pair != (left, right) and pair[0] in tokens and pair[1] in tokens]
        listed = [(left, right)]
        if others:
            listed += draw(st.lists(st.sampled_from(others), unique=True, max_size=most_pairs - 1))
        ranks[token] = 256 + len(ranks)
        tokens.append(token)
        merges += draw(st.permutations(listed))
    return ranks, merges


def library_ids(ranks: dict[bytes, int], merges: Merges, *, ignore_merges: bool = False) -> list[list[int]]:
    vocabulary = {token.decode("latin-1"): rank for token, rank in ranks.items()}
    pairs = [(left.decode(), right.decode()) for left, right in merges]
    tokenizer = Tokenizer(models.BPE(vocabulary, pairs, ignore_merges=ignore_merges))
    return [tokenizer.encode(text.decode()).ids for text in STRINGS]


def tiktoken_ids(ranks: dict[bytes, int]) -> list[list[int]]:
    encoding = tiktoken.Encoding("test", pat_str=r"[\s\S]+", mergeable_ranks=ranks, special_tokens={})
    return [encoding.encode_ordinary(text.decode()) for text in STRINGS]


def accepted(ranks: dict[bytes, int], merges: Merges) -> bool:
    try:
        check_merges(ranks, merges)
    except EncodingError:
        return False
    return True


@given(merge_lists(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_accepted_lists_give_equal_ids(made: tuple[dict[bytes, int], Merges], ignore_merges: bool) -> None:
    ranks, merges = made
    if accepted(ranks, merges):
        assert library_ids(ranks, merges, ignore_merges=ignore_merges) == tiktoken_ids(ranks)


@pytest.mark.parametrize("most_pairs", [1, 3])
def test_both_answers_occur_and_are_needed(most_pairs: int) -> None:
    """Some lists are accepted, some of the refused ones do give other ids: without the check the property fails."""
    lists = merge_lists(most_pairs=most_pairs)
    find(lists, lambda made: len(made[1]) > 6 and accepted(*made), settings=FIND)
    different = find(lists, lambda made: library_ids(*made) != tiktoken_ids(made[0]), settings=FIND)
    assert not accepted(*different)


def slow_last_parts(token: bytes, ranks: dict[bytes, int]) -> list[bytes]:
    """Tiktoken's algorithm with only the ranks below that of `token`."""
    parts = [token[place : place + 1] for place in range(len(token))]
    while True:
        pairs = [(ranks.get(left + right, ranks[token]), place) for place, (left, right) in enumerate(pairwise(parts))]
        rank, place = min(pairs, default=(ranks[token], 0))
        if rank >= ranks[token]:
            return parts
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


@given(merge_lists(most_pairs=3))
@settings(max_examples=300, deadline=None)
def test_the_walk_equals_the_slow_way(made: tuple[dict[bytes, int], Merges]) -> None:
    ranks, merges = made
    halves: dict[bytes, tuple[bytes, bytes]] = {}
    for left, right in merges:
        token = left + right
        slow = slow_last_parts(token, ranks)
        if all(len(part) == 1 or part in halves for part in (left, right)):
            before = {other for other in ranks if len(other) > 1 and ranks[other] < ranks[token]}
            if before <= set(halves):
                assert is_last_pair(left, right, ranks, halves) == (slow == [left, right])
        if slow == [left, right]:
            halves[token] = left, right


@functools.cache
def word_ranks() -> dict[bytes, int]:
    return BYTES | {b"ab": 256, b"bc": 257, b"abc": 258}


@pytest.mark.parametrize(
    ("ranks", "merges", "message"),
    [
        (word_ranks(), [(b"a", b"b"), (b"b", b"c"), (b"ab", b"c")], None),
        (word_ranks(), [(b"a", b"b"), (b"b", b"c"), (b"a", b"bc"), (b"ab", b"c")], None),
        (
            word_ranks(),
            [(b"a", b"b"), (b"b", b"c"), (b"a", b"bc")],
            "the token b'abc' with id 258 is not what model.merges makes of its bytes; "
            "tiktoken would use it where the file's own tokenizer does not",
        ),
        (
            word_ranks(),
            [(b"b", b"c"), (b"a", b"b"), (b"ab", b"c")],
            "model.merges[1] makes the token b'ab' with id 256 after one with id 257; "
            "tiktoken merges in the order of ids, so this vocabulary has no tiktoken form",
        ),
        (word_ranks(), [(b"a", b"c")], "model.merges[0] needs b'ac', which is not a token of model.vocab"),
        (word_ranks(), [(b"ca", b"b")], "model.merges[0] needs b'ca', which is not a token of model.vocab"),
        (
            BYTES | {b"ab": 256},
            [],
            "the token b'ab' with id 256 is not what model.merges makes of its bytes; "
            "tiktoken would use it where the file's own tokenizer does not",
        ),
        # A part that can only be made by a pair that never meets
        (
            BYTES | {b"ab": 256, b"bc": 257, b"abc": 258, b"abcd": 259},
            [(b"a", b"b"), (b"b", b"c"), (b"a", b"bc"), (b"abc", b"d")],
            "the token b'abc' with id 258 is not what model.merges makes of its bytes; "
            "tiktoken would use it where the file's own tokenizer does not",
        ),
    ],
)
def test_examples(ranks: dict[bytes, int], merges: Merges, message: str | None) -> None:
    if message is None:
        check_merges(ranks, merges)
        return
    with pytest.raises(EncodingError) as caught:
        check_merges(ranks, merges)
    assert str(caught.value) == message


def test_a_long_chain_takes_linear_time() -> None:
    """Each token is one letter longer than the one before: the walk is two steps for each."""
    tokens = [b"a" + b"b" * size for size in range(1, 1500)]
    check_merges(BYTES | {token: 256 + place for place, token in enumerate(tokens)}, [(t[:-1], b"b") for t in tokens])
