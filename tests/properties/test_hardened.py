r"""Invariants of the hardened profile: what it escaped becomes no token, whatever is done to it later.

The generators write tokens in disguise: with characters that become others, with what nobody sees in between, cut into
fields. After every pass of `disguises.PASSES` no token may be in the result. The scheme is also held against a slow
reading of its definition, and its tables against all of Unicode.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable, Sequence
from functools import lru_cache, partial

import pytest
from disguises import PASSES, disguised, disguised_splits, fold, fold_text, hard_soups
from hypothesis import given
from hypothesis import strategies as st
from references import NoEndRule, NoLookThrough, Reference, Scheme
from strategies import DIRECTED_TOKENS, PLAIN, REGISTRY, catches

import chatml
from chatml import ConfigError, ParseError
from chatml import _fold as library
from chatml._escape import Escaper
from chatml._fold import HardenedEscaper

TOKENS = sorted({*REGISTRY, *DIRECTED_TOKENS})
OWN_TOKENS = ["Human:", "zo>", "### ", "<f>", "<ﬁﬁ>", "ＢＯＳ>", "用户:", "s:", "<<f>>", ">>>", "[[I]]", "|x|", "||"]
REAL, EXACT = HardenedEscaper(TOKENS), Escaper(TOKENS)
OWN = HardenedEscaper(OWN_TOKENS)
OTHER_MARKER = HardenedEscaper(OWN_TOKENS, "!")
OWN_SCHEMES = pytest.mark.parametrize("scheme", [OWN, OTHER_MARKER], ids=["backslash", "bang"])

FRAME = ("<|im_start|>user\n", "<|im_end|>\n<|im_start|>assistant\n")
EVERY = [chr(code) for code in range(0x110000)]


@lru_cache(maxsize=1)
def folded() -> list[str]:
    """What every character becomes."""
    return list(map(fold.__wrapped__, EVERY))


def becoming(wanted: Callable[[str], bool]) -> set[str]:
    """The characters that become something that is wanted."""
    return {character for character, becomes in zip(EVERY, folded(), strict=True) if wanted(becomes)}


# ------------------------------------------------------------------------------------------------------------ checks


def check_round_trip(text: str, scheme: Scheme) -> None:
    once = scheme.escape(text)
    assert scheme.unescape(once) == text
    twice = scheme.escape(once)
    assert scheme.unescape(twice) == once
    assert (twice != once) == (once != text), "a dangerous opener stays one"


def check_safe_later(text: str, scheme: Scheme) -> None:
    """No token is in what has been escaped, once or twice, after any pass, nor does its end begin one."""
    once = scheme.escape(text)
    for escaped in {once, scheme.escape(once)}:
        for name, change in PASSES.items():
            later = change(escaped)
            for token in scheme.tokens:
                assert token not in later, name
            assert not later.endswith(open_ends(scheme.tokens)), name


def check_fields(fields: Sequence[str], scheme: Scheme) -> None:
    """No token forms of escaped fields, nor begins in them when the last one is not escaped."""
    check_unspelled("".join(map(scheme.escape, fields)), scheme)
    ours = "".join(map(scheme.escape, fields[:-1]))
    view = fold_text(ours + fields[-1])
    for spelling in spellings(scheme.tokens):
        assert not 0 <= view.find(spelling) < len(fold_text(ours)), spelling


def check_unspelled(text: str, scheme: Scheme) -> None:
    for name, change in PASSES.items():
        later = change(text)
        assert not [token for token in scheme.tokens if token in later], name


def check_frame(text: str, scheme: Scheme) -> None:
    """In a prompt the only tokens are those of the frame."""
    before, after = FRAME
    escaped = scheme.escape(text)
    for name, change in PASSES.items():
        later, empty = change(before + escaped + after), change(before + after)
        for token in scheme.tokens:
            assert later.count(token) == empty.count(token), name


def check_dangerous(text: str, scheme: Escaper | Reference, slow: Reference) -> None:
    assert scheme.dangerous(text) == slow.dangerous(text)
    assert scheme.escape(text) == slow.escape(text)
    assert undone(text, scheme) == undone(text, slow)


def undone(text: str, scheme: Scheme) -> str | None:
    try:
        return scheme.unescape(text)
    except ParseError:
        return None


@lru_cache(maxsize=16)
def spellings(tokens: frozenset[str]) -> frozenset[str]:
    return frozenset(map(fold_text, tokens))


@lru_cache(maxsize=16)
def open_ends(tokens: frozenset[str]) -> tuple[str, ...]:
    return tuple({token[:cut] for token in tokens for cut in range(1, len(token))})


# -------------------------------------------------------------------------------------------------------- properties


@given(hard_soups())
def test_escape_is_inverted(text: str) -> None:
    check_round_trip(text, REAL)


@given(hard_soups())
def test_escaped_text_spells_no_token_later(text: str) -> None:
    check_safe_later(text, REAL)


@given(disguised(TOKENS))
def test_every_disguise_is_seen(text: str) -> None:
    found = REAL.find(text)
    assert found is not None
    assert found.start == 0
    assert fold_text(found.token) in fold_text(text)
    assert fold_text(text[: found.end]) == fold_text(found.token)
    assert fold(text[found.end - 1]), "what nobody sees behind a token is no part of it"


@given(disguised_splits())
def test_a_disguise_cut_into_fields_does_not_form(fields: list[str]) -> None:
    check_fields(fields, REAL)


@given(st.lists(hard_soups(most=3), min_size=2, max_size=4))
def test_fields_may_be_joined(fields: list[str]) -> None:
    check_fields(fields, REAL)


@given(hard_soups())
def test_in_a_prompt_only_the_frame_has_tokens(text: str) -> None:
    check_frame(text, REAL)


@lru_cache(maxsize=1)
def reference() -> Reference:
    return Reference(TOKENS, fold=fold)


@given(hard_soups(most=5))
def test_the_pattern_is_the_definition(text: str) -> None:
    check_dangerous(text, REAL, reference())


@given(hard_soups())
def test_whatever_the_exact_profile_escapes_the_hardened_one_does(text: str) -> None:
    assert set(EXACT.dangerous(text)) <= set(REAL.dangerous(text))


@given(st.lists(st.sampled_from([*PLAIN, "中文", "é", "👩\u200d👧", " ", "\n"]), max_size=6).map("".join))
def test_text_that_spells_nothing_stays_as_it_is(text: str) -> None:
    inner = text + "."
    assert REAL.escape(inner) == inner


@given(hard_soups())
def test_the_public_functions_are_the_scheme(text: str) -> None:
    escaped = chatml.escape(text, profile="hardened")
    assert chatml.is_escaped(escaped, profile="hardened")
    assert chatml.unescape(escaped, profile="hardened") == text
    assert chatml.is_escaped(text, profile="hardened") == (undone(text, known()) is not None)


@lru_cache(maxsize=1)
def known() -> HardenedEscaper:
    return HardenedEscaper(chatml.special_tokens())


@OWN_SCHEMES
@given(text=hard_soups(OWN_TOKENS))
def test_tokens_of_ones_own_hold_too(scheme: HardenedEscaper, text: str) -> None:
    check_round_trip(text, scheme)
    check_safe_later(text, scheme)
    check_dangerous(text, scheme, Reference(OWN_TOKENS, marker=scheme.marker, fold=fold))


@OWN_SCHEMES
@given(fields=disguised_splits(OWN_TOKENS))
def test_tokens_of_ones_own_do_not_form_of_fields(scheme: HardenedEscaper, fields: list[str]) -> None:
    check_fields(fields, scheme)


# ---------------------------------------------------------------------------------------------- facts of all of Unicode


def test_folding_is_its_definition_for_every_character() -> None:
    fast = library.fold.__wrapped__
    assert [character for character, becomes in zip(EVERY, folded(), strict=True) if fast(character) != becomes] == []


def test_only_one_character_vanishes_that_would_become_another() -> None:
    """A combining iota is dropped with other accents, and becomes a letter when it is folded; Greek tokens only."""

    def plainly(character: str) -> str:
        cased = unicodedata.normalize("NFKD", character).upper().casefold()
        return fold_text(unicodedata.normalize("NFKD", cased))

    assert {character for character in becoming(lambda becomes: not becomes) if plainly(character)} == {"\u0345"}


def test_what_is_folded_stays_so() -> None:
    assert [becomes for becomes in set(folded()) if fold_text(becomes) != becomes] == []


@pytest.mark.parametrize("name", PASSES)
def test_a_pass_leaves_every_character_what_it_becomes(name: str) -> None:
    """So that a token in changed text was a token in the folded view; all but Greek letters with an iota below."""
    every = [character for character in EVERY if character != "\n"]
    later = PASSES[name]("\n".join(every)).split("\n")
    changed = [(one, other) for one, other in zip(every, later, strict=True) if one != other]
    wrong = [one for one, other in changed if fold_text(other) != fold(one)]
    assert [one for one in wrong if "\u0345" not in unicodedata.normalize("NFKD", one)] == []


def test_the_openers_of_the_families_are_alike_in_every_script() -> None:
    for opener, alike in library._LIKE.items():
        assert becoming(lambda becomes, opener=opener: opener in becomes) == set(alike)  # type: ignore[misc]
        assert all(fold(character) == opener for character in alike), "no ligature has one in it"


def test_the_tables_of_characters_that_become_others_are_whole() -> None:
    changed = {one for one, becomes in zip(EVERY, folded(), strict=True) if becomes not in ("", one)}
    assert {*library._decomposing(), *"ABCDEFGHIJKLMNOPQRSTUVWXYZ"} == changed
    assert set(library._ligatures()) == becoming(lambda becomes: len(becomes) > 1)


@pytest.mark.parametrize("opener", "<[|hsz-用.")
def test_whatever_ends_in_an_opener_is_like_it(opener: str) -> None:
    alike = library._LIKE.get(opener) or library._all_like(opener)
    assert set(alike) == becoming(lambda becomes: becomes.endswith(opener))


def test_the_view_shows_every_character_as_what_it_becomes() -> None:
    view = library._View([fold_text(token) for token in OWN_TOKENS], "\\")
    alphabet = {*"\\", *fold_text("".join(OWN_TOKENS))}
    for code, becomes in enumerate(folded()):
        seen = view[code]
        if len(becomes) == 1:
            assert seen == (becomes if becomes in alphabet else library._OTHER)
        elif not becomes:
            assert seen == library._NOTHING
        else:
            assert seen in (library._SEVERAL, library._OTHER)


# ------------------------------------------------------------------------------------------------------------ limits


@pytest.mark.parametrize("marker", [*"=<>a5½´≮＼ａ＂…\u200b\u3164\u0338\ud800\x00", "", "!!"])
def test_markers_that_do_not_stay_are_refused(marker: str) -> None:
    with pytest.raises(ConfigError):
        HardenedEscaper(["<|a|>"], marker)


@pytest.mark.parametrize("marker", list("\\!.%~'、 "))
@given(data=st.data())
def test_any_other_marker_will_do(marker: str, data: st.DataObject) -> None:
    tokens = ["<|a|>", "<<a>>", "[fi]"]
    scheme = HardenedEscaper(tokens, marker)
    marked = st.sampled_from(["<" + marker, marker, marker * 2, "…", "⒈", "＊", "！"])
    text = "".join(data.draw(st.lists(st.one_of(hard_soups(tokens, 2), marked), max_size=4)))
    check_round_trip(text, scheme)
    check_safe_later(text, scheme)
    check_dangerous(text, scheme, Reference(tokens, marker=marker, fold=fold))


@pytest.mark.parametrize("token", ["hz>", "...", "ffi", "각:", "(1)", "==", "a/c ", "<", "<\u200b", "\u200b<\u200b"])
def test_tokens_that_cannot_be_covered_are_refused(token: str) -> None:
    with pytest.raises(ConfigError) as caught:
        HardenedEscaper(["<|a|>", token])
    assert caught.value.option == "tokens"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("＜｜im_start｜>", "＜\\｜im_start｜>"),
        ("<\u200b|im_start|>", "<\\\u200b|im_start|>"),
        ("<|IM_START|>", "<\\|IM_START|>"),
        ("≮|im_start|>", "≮\\|im_start|>"),
        ("<\u0338|im_start|>", "<\\\u0338|im_start|>"),
        ("<|ﬁm_prefix|>", "<\\|ﬁm_prefix|>"),
        ("<|im_ſtart|>", "<\\|im_ſtart|>"),
        ("<|ım_start|>", "<\\|ım_start|>"),
        ("［İNST］", "［\\İNST］"),
        ("<\\\u200b＼|im_start|>", "<\\\\\u200b＼|im_start|>"),
        ("a ≮", "a ≮\\"),
        ("a ＜ b", "a ＜ b"),
    ],
)
def test_documented_examples(text: str, escaped: str) -> None:
    assert chatml.escape(text, profile="hardened") == escaped
    assert chatml.unescape(escaped, profile="hardened") == text


@pytest.mark.parametrize(("text", "start", "end"), [("㎐O>", 0, 3), ("a㎐\u200bo\u0301>\u0301", 1, 6), ("ho>", 3, 3)])
def test_a_token_may_begin_at_the_end_of_a_ligature(text: str, start: int, end: int) -> None:
    scheme = HardenedEscaper(["zo>"])
    found = scheme.find(text)
    assert (found.start, found.end) == (start, end) if found else start == end
    check_safe_later(text, scheme)
    check_dangerous(text, scheme, Reference(["zo>"], fold=fold))


@pytest.mark.parametrize(("token", "text"), [("::", "⩴"), (".m", "㏂"), ("kc", "㎉"), ("株式", "㍿"), ("a.m", "㏂")])
def test_a_token_within_a_ligature_is_covered_or_refused(token: str, text: str) -> None:
    check_covered_or_refused(token, text + "x")


@pytest.mark.parametrize(
    ("token", "text"),
    [
        ("<ι>", "<\u0345>"),
        ("<αι>", "<α\u0345>"),
        pytest.param("<α>", "<ᾳ>", marks=pytest.mark.xfail(reason="without accents it is an alpha, folded it is two")),
    ],
)
def test_an_iota_below_is_covered_or_refused(token: str, text: str) -> None:
    check_covered_or_refused(token, text)


def check_covered_or_refused(token: str, text: str) -> None:
    try:
        scheme = HardenedEscaper([token])
    except ConfigError:
        return
    check_safe_later(text, scheme)


# Not yet so


@pytest.mark.xfail(reason="json and ids join the halves of a character, and what they become is not looked at")
def test_halves_of_a_character_do_not_make_a_token_when_joined() -> None:
    escaped = chatml.escape("<|\ud835\udc22m_start|>", profile="hardened")
    received = json.loads(json.dumps(escaped))
    check_unspelled(unicodedata.normalize("NFKC", received), REAL)


# -------------------------------------------------------------------------------------------------- negative controls


def test_broken_schemes_are_caught() -> None:
    few = DIRECTED_TOKENS
    soups, splits = hard_soups(), disguised_splits()
    exact, no_end, no_skip = Escaper(few), NoEndRule(few, fold=fold), NoLookThrough(few, fold=fold)
    assert catches(partial(check_safe_later, scheme=exact), soups)
    assert catches(partial(check_fields, scheme=exact), splits)
    assert catches(partial(check_frame, scheme=exact), soups)
    assert catches(partial(check_fields, scheme=no_end), splits)
    assert catches(partial(check_round_trip, scheme=no_skip), soups)
    assert catches(partial(check_dangerous, scheme=no_skip, slow=Reference(few, fold=fold)), soups)
    assert catches(partial(check_safe_later, scheme=Reference(few, marker="\u200b", fold=str.casefold)), soups)


@pytest.mark.parametrize(
    "unseen",
    [
        pytest.param(lambda one: unicodedata.category(one) == "Cf", id="format"),
        pytest.param(lambda one: unicodedata.category(one) == "Cs", id="surrogates"),
        pytest.param(lambda one: unicodedata.category(one) == "Cc", id="controls"),
        pytest.param(lambda one: one in "\u0338\u0301\u034f", id="accents"),
        pytest.param(lambda one: one in "＜｜［＞", id="wide"),
        pytest.param(lambda one: one in "ﬁﬂﬀﬅﬆ㎐", id="ligatures"),
        pytest.param(lambda one: "A" <= one <= "Z", id="upper case"),
        pytest.param(lambda one: one in "\u3164\u115f\u1160\uffa0\u2800", id="empty letters"),
    ],
)
def test_a_fold_that_misses_something_is_caught(unseen: Callable[[str], bool]) -> None:
    few = DIRECTED_TOKENS
    broken = Reference(few, fold=lambda one: one if unseen(one) else fold(one))
    assert catches(partial(check_fields, scheme=broken), disguised_splits())
    assert catches(partial(check_safe_later, scheme=broken), st.one_of(disguised(few), hard_soups()))
