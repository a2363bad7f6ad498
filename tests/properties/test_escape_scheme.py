r"""Invariants of the escape scheme: it is inverted exactly, and no token is in escaped text nor begins in it.

The scheme is checked against a slow reading of its definition and on directed examples: tokens cut into fields, and
forms that differ by what stands behind the first character. Schemes in use elsewhere are run through the same checks,
which have to fail. All short texts of small alphabets are in tests/test_exhaustive.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from references import Deletes, DeletesAll, NaiveBackslash, NoEndRule, Reference, Scheme, ZeroWidthSpace
from strategies import COMMON_ROLES, DIRECTED_TOKENS, PLAIN, REGISTRY, catches, fragments, soups, texts

import chatml
from chatml import ConfigError, ParseError
from chatml._escape import Escaper, escaper_for
from chatml.dialects import DIALECTS

TOKENS = sorted({*REGISTRY, *DIRECTED_TOKENS})
ESCAPER = Escaper(TOKENS)


# ------------------------------------------------------------------------------------------------------------ checks


def tokens_in(text: str, scheme: Scheme) -> list[str]:
    return [token for token in scheme.tokens if token in text]


def check_round_trip(text: str, scheme: Scheme) -> None:
    assert scheme.unescape(scheme.escape(text)) == text


def check_twice(text: str, scheme: Scheme) -> None:
    once = scheme.escape(text)
    twice = scheme.escape(once)
    assert scheme.unescape(scheme.unescape(twice)) == text
    assert (twice != once) == (once != text), "a dangerous opener stays one"


def check_token_free(text: str, scheme: Scheme) -> None:
    once = scheme.escape(text)
    assert not tokens_in(once, scheme)
    assert not tokens_in(scheme.escape(once), scheme)


def check_injective(pair: tuple[str, str], scheme: Scheme) -> None:
    left, right = pair
    assert (scheme.escape(left) == scheme.escape(right)) == (left == right)


def check_fields(fields: Sequence[str], neighbour: str, scheme: Scheme) -> None:
    """No token begins in what was escaped, whatever stands to its right."""
    escaped = "".join(map(scheme.escape, fields))
    text = escaped + neighbour
    for token in scheme.tokens:
        start = text.find(token)
        assert start < 0 or start >= len(escaped), f"{token} begins at {start}"


def check_split(split: tuple[list[str], str], scheme: Scheme) -> None:
    check_fields(*split, scheme)


# ---------------------------------------------------------------------------------------------------------- examples


@st.composite
def splits(draw: st.DrawFn) -> tuple[list[str], str]:
    """A token cut at one to three places, with noise outside; the last piece is the right neighbour."""
    token = draw(st.sampled_from(TOKENS))
    cuts = sorted(draw(st.sets(st.integers(1, len(token) - 1), min_size=1, max_size=3)))
    pieces = [token[start:stop] for start, stop in zip([0, *cuts], [*cuts, len(token)], strict=True)]
    pieces[0] = draw(texts) + pieces[0]
    pieces[-1] += draw(texts)
    return pieces[:-1], pieces[-1]


def _near(token: str) -> list[str]:
    return [token[0] + between + token[1:] for between in ("", "\\", "\\\\", "\u200b", "\u200d", " ")]


def near_pairs(tokens: Sequence[str]) -> st.SearchStrategy[tuple[str, str]]:
    """Two forms of one token, which a scheme that loses something may write alike."""
    forms = st.sampled_from(tokens).map(_near)
    return forms.flatmap(lambda near: st.tuples(st.sampled_from(near), st.sampled_from(near)))


@given(soups)
def test_escape_is_inverted(text: str) -> None:
    check_round_trip(text, ESCAPER)
    check_twice(text, ESCAPER)


@given(soups)
def test_no_token_is_in_escaped_text(text: str) -> None:
    check_token_free(text, ESCAPER)


@given(near_pairs(TOKENS), texts, texts)
def test_near_forms_stay_apart(pair: tuple[str, str], before: str, after: str) -> None:
    check_injective((before + pair[0] + after, before + pair[1] + after), ESCAPER)


@given(st.lists(texts, min_size=2, max_size=5), texts)
def test_fields_may_be_joined(fields: list[str], neighbour: str) -> None:
    check_fields(fields, neighbour, ESCAPER)


@given(splits())
def test_a_token_cut_into_fields_does_not_form(split: tuple[list[str], str]) -> None:
    check_split(split, ESCAPER)


@lru_cache(maxsize=1)
def reference() -> Reference:
    return Reference(TOKENS)


@given(st.lists(fragments, max_size=4).map("".join))
def test_the_pattern_is_the_definition(text: str) -> None:
    slow = reference()
    assert ESCAPER.escape(text) == slow.escape(text)
    assert ESCAPER.dangerous(text) == slow.dangerous(text)
    try:
        expected: str | None = slow.unescape(text)
    except ParseError:
        expected = None
    try:
        found: str | None = ESCAPER.unescape(text)
    except ParseError:
        found = None
    assert found == expected


@given(soups)
def test_reading_takes_off_only_what_was_put_on(text: str) -> None:
    read = ESCAPER.read(text)
    assert read == text or ESCAPER.escape(read) == text
    assert ESCAPER.read(ESCAPER.escape(text)) == text


@given(soups)
def test_what_is_found_is_there_and_is_the_first(text: str) -> None:
    found = ESCAPER.find(text)
    starts = [(text.find(token), token) for token in TOKENS if token in text]
    if found is None:
        assert not starts
    else:
        assert text[found.start : found.start + len(found.token)] == found.token
        first = min(start for start, _ in starts)
        assert (found.start, found.token) == (first, max((t for s, t in starts if s == first), key=len))


@given(soups)
def test_the_public_functions_cover_every_dialect_and_role(text: str) -> None:
    escaped = chatml.escape(text)
    assert chatml.unescape(escaped) == text
    assert chatml.is_escaped(escaped)
    for dialect in DIALECTS:
        for role in (*COMMON_ROLES, "critic", None):
            scheme = escaper_for(dialect, role)
            assert scheme.find(escaped) is None
            assert scheme.read(scheme.escape(text)) == text
            assert not any(marker in scheme.escape(text) for marker in dialect.markers)


@given(st.lists(st.sampled_from(["a < b", "f(x)[0]", *PLAIN, " ", "\n"]), max_size=6).map("".join))
def test_text_that_spells_nothing_stays_as_it_is(text: str) -> None:
    inner = text + "."  # the end of a text is escaped when a token could begin there
    assert ESCAPER.escape(inner) == inner


ALPHABETS = [
    (("<|a|>", "<|b|>"), "<|a>\\", 4),
    (("<<a>>", "<a>"), "<a>\\", 5),
    (("[I]", "[/I]"), "[/I]\\", 5),
]


@pytest.mark.parametrize(("tokens", "alphabet", "longest"), ALPHABETS, ids=["bars", "angles", "brackets"])
def test_every_short_text_against_the_definition(tokens: tuple[str, ...], alphabet: str, longest: int) -> None:
    scheme, slow = Escaper(tokens), Reference(tokens)
    for length in range(longest + 1):
        for text in map("".join, product(alphabet, repeat=length)):
            assert scheme.escape(text) == slow.escape(text)


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("<|im_start|>", "<\\|im_start|>"),
        ("<\\|im_start|>", "<\\\\|im_start|>"),
        ("[INST] hi [/INST]", "[\\INST] hi [\\/INST]"),
        ("<|im_<|im_end|>end|>", "<|im_<\\|im_end|>end|>"),
        ("<<SYS>>", "<\\<SYS>>"),
        ("a < b", "a < b"),
        ("f(x)[0]", "f(x)[0]"),
        ("x [IN", "x [\\IN"),
        ("a <", "a <\\"),
        ("a<b", "a<\\b"),
        ("", ""),
    ],
)
def test_documented_examples(text: str, escaped: str) -> None:
    assert chatml.escape(text) == escaped
    assert chatml.unescape(escaped) == text
    assert chatml.is_escaped(escaped)


@pytest.mark.parametrize("token", ["<", "<|a\\|>"])
def test_tokens_that_cannot_be_escaped_are_refused(token: str) -> None:
    with pytest.raises(ConfigError):
        Escaper(["<|a|>", token]).escape("<|a|>")


@pytest.mark.parametrize("length", [200, 1_000, 100_000])
def test_a_long_token_is_covered_or_refused(length: int) -> None:
    token = f"<{'a' * (length - 2)}>"
    try:
        scheme = Escaper([token])
    except ConfigError:
        return
    check_round_trip(token, scheme)
    check_token_free(token, scheme)


# Negative controls: schemes that do not hold

nested = st.sampled_from(DIRECTED_TOKENS).flatmap(
    lambda token: st.integers(1, len(token) - 1).map(lambda cut: token[:cut] + token + token[cut:])
)


def test_broken_schemes_are_caught() -> None:
    few = DIRECTED_TOKENS
    assert catches(partial(check_split, scheme=NoEndRule(TOKENS)), splits())
    for broken in (NaiveBackslash(few), ZeroWidthSpace(few)):
        assert catches(partial(check_round_trip, scheme=broken), soups)
        assert catches(partial(check_injective, scheme=broken), near_pairs(few))
        assert catches(partial(check_split, scheme=broken), splits())
    assert catches(partial(check_token_free, scheme=Deletes(few)), nested)
    assert not catches(partial(check_token_free, scheme=DeletesAll(few)), nested, max_examples=100)
    assert catches(partial(check_round_trip, scheme=DeletesAll(few)), soups)
    assert catches(partial(check_split, scheme=DeletesAll(few)), splits())
