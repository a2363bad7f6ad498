r"""Invariants of deletion: what is left spells no token, however tokens were put into one another.

Deletion is held against a slow reading of what it means: read on until a token is complete, take it off, go on with
what is left. Generated texts nest tokens in tokens, and in disguised spellings of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import pytest
from disguises import disguised, fold, fold_text, hard_soups
from hypothesis import given
from hypothesis import strategies as st
from references import Deletes, DeletesAll, delete_to_a_fixpoint
from strategies import DIRECTED_TOKENS, REGISTRY, catches, chunked

from chatml import ConfigError, sanitize, unescape
from chatml._sanitize import Profile
from chatml._strip import Stripper, strip

TOKENS = sorted({*REGISTRY, *DIRECTED_TOKENS})
KNOWN = frozenset(TOKENS)
OWN_TOKENS = ["<a>", "<<a>>", "a", "ba>", "[I]", "[[I]I]", "zo>", "fi", "Human:"]
TOKEN_SETS = pytest.mark.parametrize("tokens", [TOKENS, OWN_TOKENS], ids=["known", "own"])

Strip = Callable[[str], str]


def exact(tokens: Iterable[str]) -> Strip:
    return partial(strip, tokens=frozenset(tokens))


def hardened(tokens: Iterable[str]) -> Strip:
    return partial(strip, tokens=frozenset(tokens), hardened=True)


@st.composite
def nests(draw: st.DrawFn, spelled: st.SearchStrategy[str]) -> str:
    """A token with tokens put into it, and into those, with noise."""
    text = draw(spelled)
    for _ in range(draw(st.integers(0, 5))):
        place = draw(st.integers(0, len(text)))
        inner = draw(st.one_of(spelled, spelled, st.sampled_from(["", "\\", "\u200b", " ", "<", "a", "ﬁ", "＞"])))
        text = text[:place] + inner + text[place:]
    return text


def texts(tokens: list[str]) -> st.SearchStrategy[str]:
    return st.one_of(nests(st.sampled_from(tokens)), nests(disguised(tokens)), hard_soups(tokens, 6))


def is_subsequence(left: str, text: str) -> bool:
    rest = iter(text)
    return all(character in rest for character in left)


# ------------------------------------------------------------------------------------------------------------ checks


def check_token_free(text: str, strips: Strip, tokens: Iterable[str]) -> None:
    left = strips(text)
    assert not [token for token in tokens if token in left]


def check_nothing_becomes_a_token(text: str, strips: Strip, tokens: Iterable[str]) -> None:
    left = fold_text(strips(text))
    assert not [token for token in tokens if fold_text(token) in left]


def check_deletes_no_more(text: str, strips: Strip) -> None:
    """What is left is a part of the text, and is left of itself."""
    left = strips(text)
    assert is_subsequence(left, text)
    assert strips(left) == left


def check_unchanged(text: str, strips: Strip, tokens: Iterable[str], fold: Strip = str) -> None:
    """A text changes just when a token is in it."""
    view = "".join(map(fold, text))
    spelled = any("".join(map(fold, token)) in view for token in tokens)
    assert (strips(text) != text) == spelled


def check_chunks(chunks: Sequence[str], tokens: Iterable[str], *, is_hardened: bool) -> None:
    """What is out does not change any more, and is what is left of the whole in the end."""
    strips = (hardened if is_hardened else exact)(tokens)
    stripper, fed, out = Stripper(frozenset(tokens), hardened=is_hardened), "", ""
    for chunk in chunks:
        fed, out = fed + chunk, out + stripper.feed(chunk)
        assert strips(fed).startswith(out)
    assert out + stripper.close() == strips(fed)
    assert stripper.close() == ""


# -------------------------------------------------------------------------------------------------------- properties


@TOKEN_SETS
@given(data=st.data())
def test_no_token_is_left(tokens: list[str], data: st.DataObject) -> None:
    text = data.draw(texts(tokens))
    check_token_free(text, exact(tokens), tokens)
    check_deletes_no_more(text, exact(tokens))
    check_unchanged(text, exact(tokens), tokens)


@TOKEN_SETS
@given(data=st.data())
def test_nothing_is_left_that_becomes_a_token(tokens: list[str], data: st.DataObject) -> None:
    text = data.draw(texts(tokens))
    check_token_free(text, hardened(tokens), tokens)
    check_nothing_becomes_a_token(text, hardened(tokens), tokens)
    check_deletes_no_more(text, hardened(tokens))
    check_unchanged(text, hardened(tokens), tokens, fold)


@TOKEN_SETS
@given(data=st.data())
def test_what_is_left_is_what_should_be(tokens: list[str], data: st.DataObject) -> None:
    text = data.draw(texts(tokens))
    assert strip(text, frozenset(tokens)) == delete_to_a_fixpoint(text, tokens)


@TOKEN_SETS
@given(data=st.data())
def test_what_is_left_of_disguises_is_what_should_be(tokens: list[str], data: st.DataObject) -> None:
    text = data.draw(texts(tokens))
    assert strip(text, frozenset(tokens), hardened=True) == delete_to_a_fixpoint(text, tokens, fold)


@TOKEN_SETS
@pytest.mark.parametrize("is_hardened", [False, True], ids=["exact", "hardened"])
@given(data=st.data())
def test_any_chunks_leave_the_same(tokens: list[str], is_hardened: bool, data: st.DataObject) -> None:
    text = data.draw(texts(tokens))
    check_chunks(data.draw(chunked(text)), tokens, is_hardened=is_hardened)
    check_chunks(list(text), tokens, is_hardened=is_hardened)


@pytest.mark.parametrize("profile", ["exact", "hardened"])
@given(data=st.data())
def test_what_is_left_is_escaped_where_it_may_begin_a_token(profile: Profile, data: st.DataObject) -> None:
    text = data.draw(texts(TOKENS))
    left = sanitize(text, policy="strip", profile=profile, tokens=TOKENS)
    assert unescape(left, profile=profile, tokens=TOKENS) == strip(text, KNOWN, hardened=profile == "hardened")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<|im_s<|im_start|>tart|>hello", "hello"),
        ("<|im_<|im_end|>end|>", ""),
        ("<<|im_end|>|im_end|>", ""),
        ("<|im_start|", "<|im_start|"),
        ("a < b", "a < b"),
        ("", ""),
    ],
)
def test_documented_examples(text: str, left: str) -> None:
    assert strip(text, KNOWN) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("a<\u200b|im_start|>\u200bb", "a\u200bb"),
        ("\u200b<|im_ﬅart|>", "\u200b"),
        ("＜|IM_S＜/s＞TART|>", ""),
        ("<|im_start|\u0301", "<|im_start|\u0301"),
    ],
)
def test_documented_examples_of_disguises(text: str, left: str) -> None:
    assert strip(text, KNOWN, hardened=True) == left


def test_no_tokens_delete_nothing() -> None:
    for is_hardened in (False, True):
        assert strip("<|im_start|>", frozenset(), hardened=is_hardened) == "<|im_start|>"


@pytest.mark.parametrize("profile", ["exact", "hardened"])
def test_a_token_of_one_character_can_be_deleted(profile: Profile) -> None:
    assert sanitize("a<b", policy="strip", profile=profile, tokens=["<"]) == "ab"


def test_a_token_of_which_nothing_is_seen_is_refused() -> None:
    assert strip("a\u200bb", frozenset({"\u200b"})) == "ab"
    with pytest.raises(ConfigError):
        strip("a\u200bb", frozenset({"\u200b"}), hardened=True)


# Not yet so


@pytest.mark.xfail(reason="tokens of one character are left out where the marker is checked")
def test_the_marker_is_no_token_to_be_deleted() -> None:
    try:
        left = sanitize("x<", policy="strip", tokens=["\\", "<a>"])
    except ConfigError:
        return
    assert "\\" not in left


@pytest.mark.xfail(reason="whether a token is of one character is seen before it is folded, and refused after that")
def test_a_token_that_becomes_one_character_can_be_deleted() -> None:
    assert sanitize("a<b", policy="strip", profile="hardened", tokens=["<\u200b"]) == "ab"


# -------------------------------------------------------------------------------------------------- negative controls


def never(text: str) -> str:
    return text


def deletes_the_invisible(text: str) -> str:
    """Looks for tokens in the folded text, and gives that out."""
    return delete_to_a_fixpoint(fold_text(text), map(fold_text, DIRECTED_TOKENS))


def test_broken_deletions_are_caught() -> None:
    few = DIRECTED_TOKENS
    nested, disguises = nests(st.sampled_from(few)), nests(disguised(few))
    for broken in (Deletes(few).escape, never):
        assert catches(partial(check_token_free, strips=broken, tokens=few), nested)
    assert catches(partial(check_deletes_no_more, strips=Deletes(few).escape), nested)
    assert not catches(partial(check_token_free, strips=DeletesAll(few).escape, tokens=few), nested, max_examples=200)
    assert catches(partial(check_nothing_becomes_a_token, strips=exact(few), tokens=few), disguises)
    assert catches(partial(check_deletes_no_more, strips=deletes_the_invisible), disguises)
    assert catches(partial(check_unchanged, strips=deletes_the_invisible, tokens=few, fold=fold), disguises)
    assert catches(partial(check_unchanged, strips=never, tokens=few), nested)
