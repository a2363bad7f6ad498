r"""Every text over a small alphabet, up to a length: what holds for all of them was not found by luck.

`failures` says which invariants of a scheme do not hold, each with the first text for which it does not. For the real
schemes it finds nothing; for schemes that others use, it has to find what is wrong with them. The whole run is 3.3
million texts of the exact profile; without CI in the environment the longest runs stop one or two characters earlier.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from itertools import product

import pytest
from disguises import PASSES, fold
from references import (
    BrokenBar,
    Deletes,
    DeletesAll,
    NaiveBackslash,
    NoEndRule,
    NoLookThrough,
    Reference,
    Scheme,
    ZeroWidthSpace,
    delete_to_a_fixpoint,
)

from chatml import InjectionError, ParseError, Sanitizer, sanitize
from chatml._escape import Escaper
from chatml._fold import HardenedEscaper
from chatml._policies import Policy
from chatml._sanitize import Profile
from chatml._strip import strip

WHOLE = bool(os.environ.get("CI"))
BETWEEN = "\n"  # between texts that are looked at together; in no alphabet and no token

BARS, ANGLES, BRACKETS = ("<|a|>", "<|b|>"), ("<<a>>", "<a>"), ("[I]", "[/I]")
BATCH = 6  # the last characters of all texts of a batch are the same


def batches(alphabet: str, longest: int) -> Iterator[list[str]]:
    """All texts up to a length, a few thousand at a time."""
    for length in range(longest + 1):
        for end in map("".join, product(alphabet, repeat=max(0, length - BATCH))):
            yield ["".join(characters) + end for characters in product(alphabet, repeat=min(length, BATCH))]


def texts(alphabet: str, longest: int) -> Iterator[str]:
    for batch in batches(alphabet, longest):
        yield from batch


def test_batches_hold_every_text_once() -> None:
    every = list(texts("ab", BATCH + 2))
    assert len(every) == len(set(every)) == 2 ** (BATCH + 3) - 1


def undone(scheme: Scheme, text: str) -> str | None:
    try:
        return scheme.unescape(text)
    except ParseError:
        return None


def open_ends(tokens: Iterable[str]) -> tuple[str, ...]:
    return tuple({token[:cut] for token in tokens for cut in range(1, len(token))})


def failures(scheme: Scheme, alphabet: str, longest: int, *, hardened: bool = False) -> dict[str, str]:
    """What does not hold, with the first text for which it does not."""
    found: dict[str, str] = {}
    ends = open_ends(scheme.tokens)
    seen: set[str] = set()
    changes: dict[str, Callable[[str], str]] = {"": str, **(PASSES if hardened else {})}
    for batch in batches(alphabet, longest):
        once = list(map(scheme.escape, batch))
        twice = list(map(scheme.escape, once))
        for name, plain, escaped in (("inverted", batch, once), ("inverted again", once, twice)):
            back = [undone(scheme, text) for text in escaped]
            if back != plain:
                found.setdefault(name, next(text for text, other in zip(plain, back, strict=True) if text != other))
        before = len(seen)
        seen.update(once)
        if len(seen) != before + len(batch):
            found.setdefault("apart", batch[0])
        for name, change in changes.items():
            for escaped in (once, twice):
                joined = change(BETWEEN.join(escaped)) + BETWEEN
                if any(token in joined for token in scheme.tokens):
                    found.setdefault(f"token-free {name}".strip(), first(batch, escaped, change, scheme.tokens))
                if any(end + BETWEEN in joined for end in ends):
                    found.setdefault(f"closed end {name}".strip(), first(batch, escaped, change, (), ends))
    return found


def first(
    batch: list[str],
    escaped: list[str],
    change: Callable[[str], str],
    tokens: Iterable[str],
    ends: tuple[str, ...] = ("\x00",),
) -> str:
    """The first text whose escaped form has a token in it, or one of the ends."""
    both = zip(batch, map(change, escaped), strict=True)
    return next(text for text, later in both if later.endswith(ends) or any(token in later for token in tokens))


CASES = [
    pytest.param(BARS, "<|a>\\", 8, id="bars"),
    pytest.param(ANGLES, "<a>\\", 9, id="angles"),
    pytest.param(BRACKETS, "[/I]\\", 9 if WHOLE else 7, id="brackets"),
]


@pytest.mark.parametrize(("tokens", "alphabet", "longest"), CASES)
def test_the_scheme_holds_for_every_text(tokens: tuple[str, ...], alphabet: str, longest: int) -> None:
    assert failures(Escaper(tokens), alphabet, longest) == {}


@pytest.mark.parametrize(("tokens", "alphabet", "longest"), CASES)
def test_another_marker_holds_for_every_text(tokens: tuple[str, ...], alphabet: str, longest: int) -> None:
    assert failures(Escaper(tokens, "!"), alphabet.replace("\\", "!"), min(longest, 6)) == {}
    assert failures(Escaper(tokens, "!"), alphabet + "!", 5) == {}


@pytest.mark.parametrize(("tokens", "alphabet", "longest"), CASES)
def test_the_scheme_is_its_definition(tokens: tuple[str, ...], alphabet: str, longest: int) -> None:
    scheme, slow = Escaper(tokens), Reference(tokens)
    for text in texts(alphabet, min(longest, 6)):
        assert scheme.dangerous(text) == slow.dangerous(text)
        assert undone(scheme, text) == undone(slow, text)


HARDENED_CASES = [
    pytest.param(("<|a|>",), "<＜\u200b|A>\\", 6 if WHOLE else 5, id="bars"),
    pytest.param(("<<a>>", "<a>"), "<≮\u0338aª>\\＼", 5 if WHOLE else 4, id="angles"),
    pytest.param(("[I]", "[/I]"), "[［\u3164/Iı]\\", 5 if WHOLE else 4, id="brackets"),
    pytest.param(("zo>", "<fi>"), "㎐zZoﬁ<>\\", 5 if WHOLE else 4, id="ligatures"),
]


@pytest.mark.parametrize(("tokens", "alphabet", "longest"), HARDENED_CASES)
def test_the_hardened_profile_holds_for_every_text(tokens: tuple[str, ...], alphabet: str, longest: int) -> None:
    assert failures(HardenedEscaper(tokens), alphabet, longest, hardened=True) == {}
    assert failures(HardenedEscaper(tokens, "!"), alphabet.replace("\\", "!"), 4, hardened=True) == {}


@pytest.mark.parametrize(("tokens", "alphabet", "longest"), HARDENED_CASES)
def test_the_hardened_profile_is_its_definition(tokens: tuple[str, ...], alphabet: str, longest: int) -> None:
    scheme, slow = HardenedEscaper(tokens), Reference(tokens, fold=fold)
    for text in texts(alphabet, min(longest, 5)):
        assert scheme.dangerous(text) == slow.dangerous(text)
        assert undone(scheme, text) == undone(slow, text)


@pytest.mark.parametrize(
    ("tokens", "alphabet", "longest"),
    [
        pytest.param(BARS, "<|a>", 8, id="bars"),
        pytest.param(("<<a>>", "<a>", "a>a"), "<a>", 9, id="angles"),
        pytest.param(BRACKETS, "[/I]", 7, id="brackets"),
        pytest.param(("a", "bab", "abba"), "abc", 9, id="short"),
    ],
)
def test_deletion_leaves_what_it_should_of_every_text(tokens: tuple[str, ...], alphabet: str, longest: int) -> None:
    chosen = frozenset(tokens)
    for text in texts(alphabet, longest):
        left = strip(text, chosen)
        assert left == delete_to_a_fixpoint(text, tokens)
        assert not any(token in left for token in tokens)


@pytest.mark.parametrize(("tokens", "alphabet", "longest"), HARDENED_CASES)
def test_hardened_deletion_leaves_what_it_should_of_every_text(
    tokens: tuple[str, ...], alphabet: str, longest: int
) -> None:
    chosen, spellings = frozenset(tokens), ["".join(map(fold, token)) for token in tokens]
    for text in texts(alphabet, min(longest, 5)):
        left = strip(text, chosen, hardened=True)
        assert left == delete_to_a_fixpoint(text, tokens, fold)
        assert not any(spelling in "".join(map(fold, left)) for spelling in spellings)


def result(work: Callable[[], str]) -> object:
    """What comes of it: a text, or the first thing that was found."""
    try:
        return work()
    except InjectionError as error:
        found = error.findings[0]
        return found.token, found.spelling, found.start, found.end, found.line, found.column


@pytest.mark.parametrize("policy", ["escape", "strip", "reject"])
@pytest.mark.parametrize(
    ("profile", "tokens", "alphabet", "longest"),
    [
        pytest.param("exact", BARS, "<|a>\\", 6, id="bars"),
        pytest.param("exact", ANGLES, "<a>\\\n", 6, id="angles"),
        pytest.param("exact", BRACKETS, "[/I]\\", 6, id="brackets"),
        pytest.param("hardened", ("<a>",), "<＜\u200baA>\\\n", 5 if WHOLE else 4, id="hardened"),
        pytest.param("hardened", ("<<f>", "<fi>"), "<ﬁ\u0338f>\\＼", 5, id="ligatures"),
    ],
)
def test_every_text_one_character_at_a_time(
    profile: Profile, tokens: tuple[str, ...], alphabet: str, longest: int, policy: Policy
) -> None:
    chosen = frozenset(tokens)
    for text in texts(alphabet, longest):

        def in_pieces(text: str = text) -> str:
            sanitizer = Sanitizer(policy=policy, profile=profile, tokens=chosen)
            return "".join(map(sanitizer.feed, text)) + sanitizer.close()

        def at_once(text: str = text) -> str:
            return sanitize(text, policy=policy, profile=profile, tokens=chosen)

        assert result(in_pieces) == result(at_once), text


TWICE = {"inverted", "inverted again"}
CONTROLS = [
    pytest.param(NoEndRule(BARS), "<|a>\\", {"closed end"}, id="no end rule"),
    pytest.param(NoLookThrough(BARS), "<|a>\\", {"inverted", "apart"}, id="no look-through"),
    pytest.param(NaiveBackslash(BARS), "<|a>\\", {*TWICE, "apart", "closed end"}, id="naive backslash"),
    pytest.param(ZeroWidthSpace(BARS), "<|a>\u200b", {*TWICE, "apart", "closed end"}, id="zero-width space"),
    pytest.param(BrokenBar(BARS), "<|a>\\", {*TWICE, "apart", "closed end"}, id="broken bar"),
    pytest.param(Deletes(ANGLES), "<a>\\", {*TWICE, "apart", "token-free", "closed end"}, id="deletes once"),
    pytest.param(DeletesAll(BARS), "<|a>\\", {"inverted", "apart", "closed end"}, id="deletes all"),
]


@pytest.mark.parametrize(("broken", "alphabet", "expected"), CONTROLS)
def test_broken_schemes_are_caught(broken: Scheme, alphabet: str, expected: set[str]) -> None:
    assert set(failures(broken, alphabet, 6)) == expected


def without(*invisible: str) -> Callable[[str], str]:
    """A fold that does not know everything."""
    return lambda character: character if character in invisible else fold(character)


@pytest.mark.parametrize(
    ("broken", "alphabet", "expected"),
    [
        pytest.param(Escaper(["<|a|>"]), "<＜|a>", "token-free NFKC", id="exact, wide"),
        pytest.param(Escaper(["<|a|>"]), "<|aA>", "token-free casefold", id="exact, upper case"),
        pytest.param(Escaper(["<a>"]), "<\u200ba>", "token-free no Cf", id="exact, invisible"),
        pytest.param(Reference(["<|a|>"], marker="\u200b"), "<|a>", "token-free no Cf", id="invisible marker"),
        pytest.param(Reference(["<|a|>"], marker="\u3164"), "<|a>", "token-free all at once", id="empty marker"),
        pytest.param(Reference(["<a>"], fold=without("\u0338")), "<\u0338a>", "token-free no Mn", id="stroke stays"),
        pytest.param(Reference(["<a>"], fold=without("\x00")), "<\x00a>", "token-free no Cc", id="controls stay"),
        pytest.param(Reference(["<I>"], fold=str.casefold), "<Iı>", "token-free upper", id="no upper case"),
        pytest.param(NoEndRule(["<a>"], fold=fold), "<＜a>", "closed end NFKC", id="no end rule"),
        pytest.param(NoLookThrough(["<a>"], fold=fold), "<＜a\\", "inverted", id="no look-through"),
    ],
)
def test_broken_hardened_schemes_are_caught(broken: Scheme, alphabet: str, expected: str) -> None:
    assert expected in failures(broken, alphabet, 5, hardened=True)


def test_deletion_in_one_pass_is_caught() -> None:
    once = Deletes(["<a>"])
    assert any("<a>" in once.escape(text) for text in texts("<a>", 6))
