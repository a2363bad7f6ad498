r"""Invariants of the sanitizer for text in chunks: it is `sanitize`, is safe at every step, and holds little back.

Safe at every step: whatever comes next, no token begins in what has been given out, now or after any later pass. What
is held back is part of one token; runs of the marker, and of what the hardened profile does not see, come on top.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import pytest
from disguises import PASSES, disguised_splits, fold, fold_text, hard_soups
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from references import NoEndRule, Reference, Scheme
from strategies import DIRECTED_TOKENS, REGISTRY, catches, chunked

from chatml import ConfigError, InjectionError, Sanitizer, sanitize
from chatml._escape import Escaper
from chatml._fold import HardenedEscaper
from chatml._policies import Policy
from chatml._sanitize import Profile

TOKENS = frozenset({*REGISTRY, *DIRECTED_TOKENS})
OWN_TOKENS = frozenset({"<a>", "<<a>>", "a>b<c", "[I]", "[[I", "zo>", "Human:", "<f"})
PROFILES: list[Profile] = ["exact", "hardened"]
POLICIES: list[Policy] = ["escape", "strip", "reject"]


class InChunks(Protocol):
    """What the checks ask of a sanitizer."""

    def feed(self, chunk: str) -> str: ...

    def close(self) -> str: ...


class Options(NamedTuple):
    policy: Policy = "escape"
    profile: Profile = "exact"
    tokens: frozenset[str] = TOKENS
    marker: str = "\\"

    def __repr__(self) -> str:
        tokens = "TOKENS" if len(self.tokens) > 20 else sorted(self.tokens)
        return f"Options({self.policy!r}, {self.profile!r}, {tokens}, {self.marker!r})"

    def make(self) -> Sanitizer:
        return Sanitizer(**self._asdict())

    def whole(self, text: str) -> str:
        return sanitize(text, **self._asdict())

    @property
    def scheme(self) -> Escaper:
        return scheme_of(self.profile, self.tokens, self.marker)

    @property
    def folds(self) -> Callable[[str], str]:
        return fold if self.profile == "hardened" else str


@lru_cache(maxsize=16)
def scheme_of(profile: str, tokens: frozenset[str], marker: str) -> Escaper:
    return (HardenedEscaper if profile == "hardened" else Escaper)(tokens, marker)


EVERY_OPTION = st.builds(
    Options,
    st.sampled_from(POLICIES),
    st.sampled_from(PROFILES),
    st.sampled_from([TOKENS, OWN_TOKENS]),
    st.sampled_from("\\\\!"),
)
texts = st.one_of(hard_soups(most=6), hard_soups(sorted(OWN_TOKENS), 6), disguised_splits().map("".join))


# ------------------------------------------------------------------------------------------------------------ checks


def outcome(work: Callable[[], str]) -> object:
    """A text, or where and what the first thing is that was found."""
    try:
        return work()
    except InjectionError as error:
        first = error.findings[0]
        return first._replace(reading="")  # the role behind the beginning of a turn may come later


def run(sanitizer: InChunks, chunks: Sequence[str]) -> str:
    return "".join([*map(sanitizer.feed, chunks), sanitizer.close()])


def check_equal(chunks: Sequence[str], options: Options, sanitizer: InChunks | None = None) -> None:
    """The chunks give what the text gives in one piece."""
    text = "".join(chunks)
    streamed = outcome(lambda: run(sanitizer or options.make(), chunks))
    assert streamed == outcome(lambda: options.whole(text))


def passes(options: Options) -> Iterator[Callable[[str], str]]:
    yield str
    if options.profile == "hardened":
        yield from PASSES.values()


def check_unspelled(given: str, options: Options) -> None:
    for change in passes(options):
        later = change(given)
        assert not [token for token in options.tokens if token in later]


def check_closed(given: str, options: Options) -> None:
    """No token is in a text, now or later, and none begins at its end."""
    check_unspelled(given, options)
    for change in passes(options):
        assert not change(given).endswith(open_ends(options.tokens))


@lru_cache(maxsize=16)
def open_ends(tokens: frozenset[str]) -> tuple[str, ...]:
    return tuple({token[:cut] for token in tokens for cut in range(1, len(token))})


def check_safe(chunks: Sequence[str], options: Options, sanitizer: InChunks | None = None) -> None:
    """No token is in what was given out at any time; and none can begin in it when the text ends there."""
    sanitizer, fed, out = sanitizer or options.make(), "", ""
    for chunk in chunks:
        fed, out = fed + chunk, out + sanitizer.feed(chunk)
        check_unspelled(out, options)
        if out:
            whole = options.whole(fed)
            assert whole.startswith(out)
            check_closed(whole, options)
    check_closed(out + sanitizer.close(), options)


def held_back(fed: str, out: str, options: Options) -> str:
    """What is fed and not given out, the marker taken off what is."""
    places, given = set(options.scheme.dangerous(fed)), 0
    for place, character in enumerate(fed, 1):
        given += 1 + (place in places)
        if given > len(out):
            return fed[place - 1 :]
        assert out[given - 1 - (place in places)] == character
    return ""


def check_holds_little(chunks: Sequence[str], options: Options, sanitizer: InChunks | None = None) -> None:
    """Only the beginning of a token: one character less than the longest at most, without markers and what vanishes."""
    sanitizer, fed, out = sanitizer or options.make(), "", ""
    most = max(len("".join(map(options.folds, token))) for token in options.tokens) - 1
    scheme, complete = slowly(Reference, options), slowly(NoEndRule, options)
    for chunk in chunks:
        fed, out = fed + chunk, out + sanitizer.feed(chunk)
        held = held_back(fed, out, options)
        becoming = map(options.folds, held)
        assert sum(1 for becomes in becoming if becomes not in ("", options.marker)) <= most
        if held:
            assert 1 in scheme.dangerous(held), "it may become a token"
            assert 1 not in complete.dangerous(held), "it is not yet one"


def slowly(kind: Callable[..., Reference], options: Options) -> Reference:
    return kind(options.tokens, marker=options.marker, fold=options.folds)


# -------------------------------------------------------------------------------------------------------- properties


@given(st.data(), texts, EVERY_OPTION)
def test_any_chunks_give_what_the_whole_text_gives(data: st.DataObject, text: str, options: Options) -> None:
    check_equal(data.draw(chunked(text)), options)


@given(texts, EVERY_OPTION)
def test_so_do_single_characters(text: str, options: Options) -> None:
    check_equal(list(text), options)
    check_equal(["", *text, ""], options)


@given(st.data(), texts, EVERY_OPTION)
def test_what_was_given_out_is_safe_whatever_comes(data: st.DataObject, text: str, options: Options) -> None:
    options = options._replace(policy="strip" if options.policy == "strip" else "escape")
    check_safe(data.draw(chunked(text)), options)


@given(disguised_splits(), st.sampled_from(PROFILES))
def test_a_token_cut_into_chunks_does_not_form(fields: list[str], profile: Profile) -> None:
    check_safe(fields, Options(profile=profile))
    check_equal(fields, Options(profile=profile))


def test_only_the_end_of_a_stream_takes_care_of_its_neighbour() -> None:
    """Behind a stream that is given up other text may complete a token; what `close` gives prevents that."""
    sanitizer = Sanitizer()
    assert sanitizer.feed("<|im_star<") == "<|im_star"
    assert sanitizer.close() == "<\\"


@given(texts, EVERY_OPTION)
def test_little_is_held_back(text: str, options: Options) -> None:
    check_holds_little(list(text), options._replace(policy="escape", tokens=OWN_TOKENS))
    check_holds_little(list(text), Options(profile=options.profile, tokens=frozenset(DIRECTED_TOKENS)))


@given(st.data(), texts, st.sampled_from(PROFILES))
def test_nothing_is_held_of_text_that_cannot_begin_a_token(data: st.DataObject, text: str, profile: Profile) -> None:
    options = Options(profile=profile)
    sanitizer, closed = options.make(), text + "."
    out = "".join(map(sanitizer.feed, data.draw(chunked(closed))))
    assert out == options.whole(closed)
    assert sanitizer.close() == ""


@given(st.data(), texts, EVERY_OPTION)
def test_a_text_is_rejected_when_its_token_is_complete(data: st.DataObject, text: str, options: Options) -> None:
    options = options._replace(policy="reject")
    sanitizer, fed = options.make(), ""
    try:
        for chunk in data.draw(chunked(text)):
            fed += chunk
            sanitizer.feed(chunk)
        sanitizer.close()
    except InjectionError as error:
        (first,) = error.findings
        assert fed[first.start : first.end] == first.spelling
        assert fold_text(first.spelling) == fold_text(first.token) if options.profile == "hardened" else first.token
        assert first.line == fed.count("\n", 0, first.start) + 1
        assert first.column == first.start - fed.rfind("\n", 0, first.start)
        with pytest.raises(ConfigError):
            sanitizer.feed("")
    else:
        assert options.whole(text) == options.scheme.escape(text)


rows = st.lists(st.sampled_from(["\n", "a", "<", "<a>", "\u200b", "<|\n", ">"]), max_size=12).map("".join)


@given(st.data(), rows, st.sampled_from(PROFILES))
def test_lines_and_columns_are_those_of_the_whole_text(data: st.DataObject, text: str, profile: Profile) -> None:
    options = Options("reject", profile, frozenset({"<a>", "<|\n>"}))
    check_equal(data.draw(chunked(text)), options)


@given(texts, st.sampled_from(PROFILES))
def test_tokens_of_one_character_are_deleted_in_chunks_too(text: str, profile: Profile) -> None:
    options = Options("strip", profile, frozenset({"~", "a", "<b>", "s>"}))
    check_equal(list(text), options)
    assert not [token for token in options.tokens if token in options.whole(text)]


class Feeding(RuleBasedStateMachine):
    """A sanitizer that is fed, bit by bit, beside `sanitize` of all that it was fed."""

    @initialize(options=EVERY_OPTION)
    def start(self, options: Options) -> None:
        self.options = options._replace(policy="strip" if options.policy == "strip" else "escape")
        self.sanitizer = self.options.make()
        self.fed = self.out = ""
        self.closed = False

    def _feed(self, chunk: str) -> None:
        self.fed += chunk
        self.out += self.sanitizer.feed(chunk)

    @precondition(lambda self: not self.closed)
    @rule(chunk=hard_soups(most=2))
    def feed_text(self, chunk: str) -> None:
        self._feed(chunk)

    @precondition(lambda self: not self.closed)
    @rule(fields=disguised_splits())
    def feed_the_pieces_of_a_token(self, fields: list[str]) -> None:
        for field in fields:
            self._feed(field)

    @precondition(lambda self: not self.closed)
    @rule(chunk=hard_soups(sorted(OWN_TOKENS), 2))
    def feed_characters(self, chunk: str) -> None:
        for character in chunk:
            self._feed(character)

    @precondition(lambda self: not self.closed)
    @rule(character=st.sampled_from(["\\", "!", "\u200b", "＼", "<"]), times=st.integers(0, 40))
    def feed_a_run(self, character: str, times: int) -> None:
        for _ in range(times):
            self._feed(character)

    @rule()
    def feed_nothing_or_be_refused(self) -> None:
        if self.closed:
            with pytest.raises(ConfigError):
                self.sanitizer.feed("")
        else:
            assert self.sanitizer.feed("") == ""

    @rule()
    def close(self) -> None:
        rest = self.sanitizer.close()
        assert not (self.closed and rest)
        self.closed = True
        self.out += rest

    @invariant()
    def what_is_out_is_a_part_of_the_whole(self) -> None:
        whole = self.options.whole(self.fed)
        assert self.out == whole if self.closed else whole.startswith(self.out)

    @invariant()
    def what_is_out_is_closed(self) -> None:
        becomes = "".join(map(self.options.folds, self.out))
        spellings = {"".join(map(self.options.folds, token)) for token in self.options.tokens}
        assert not [spelling for spelling in spellings if spelling in becomes]


TestFeeding = Feeding.TestCase
TestFeeding.settings = settings(stateful_step_count=12)


# -------------------------------------------------------------------------------------------------------- linear work


class Counting:
    """An escaper, or a stripper, that counts the characters that it is given to look at."""

    def __init__(self, inner: object) -> None:
        self.inner, self.characters = inner, 0

    def __getattr__(self, name: str) -> Any:
        found = getattr(self.inner, name)
        if not callable(found):
            return found

        def counted(*given: Any, **options: Any) -> Any:
            self.characters += len(given[0]) if given else 0
            return found(*given, **options)

        return counted


def work(chunks: Sequence[str], options: Options) -> int:
    """How many characters the parts of a sanitizer look at."""
    sanitizer = options.make()
    counting = [Counting(sanitizer._escaper), Counting(sanitizer._stripper)]
    sanitizer._escaper = counting[0]  # type: ignore[assignment]
    if options.policy == "strip":
        sanitizer._stripper = counting[1]  # type: ignore[assignment]
    assert run(sanitizer, chunks) == options.whole("".join(chunks))
    return sum(one.characters for one in counting)


RUNS = [
    *[("<", "\\"), ("<", "\u200b"), ("<", "\\\u200b"), ("<|", "\u0338"), ("<\\", "\u200b\\"), ("＜", "\x00")],
    *[("<|", "\U0010ffff"), ("", "<"), ("", "<|"), ("", "<|im_start"), ("", "<\\"), ("", "<\u200b"), ("", "<<S")],
    *[("", "[/"), ("", "<|im_end|>"), ("", "a"), ("", "ﬁ"), ("", "<|im_s<|im_start|>tart|>")],
]


@pytest.mark.parametrize("policy", ["escape", "strip"])
@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("before", "again"), RUNS)
def test_the_work_grows_with_the_text(before: str, again: str, profile: Profile, policy: Policy) -> None:
    options = Options(policy, profile)
    less, more = (work([*before, *(again * times)], options) for times in (300, 900))
    assert more <= 3.3 * less
    assert more <= 120 * (900 * len(again) + 2)


@pytest.mark.xfail(reason="only the marker itself is put aside unseen, not what becomes it")
@pytest.mark.parametrize("again", ["＼", "﹨", "\\＼"])
def test_the_work_grows_with_the_text_when_it_has_wide_markers(again: str) -> None:
    test_the_work_grows_with_the_text("<", again, "hardened", "escape")


@pytest.mark.parametrize("policy", ["strip", "reject"])
@pytest.mark.parametrize(("token", "text"), [("<f", "<ﬁ"), ("<dsml:", "<dsml⩴")])
def test_a_token_that_ends_within_a_ligature_is_found(token: str, text: str, policy: Policy) -> None:
    options = Options(policy, "hardened", frozenset({token}))
    check_equal(list(text), options)
    assert outcome(lambda: options.whole(text)) != options.scheme.escape(text)


# Not yet so


@pytest.mark.xfail(reason="a chunk is rejected before it is known which token it is")
def test_of_two_tokens_that_begin_alike_the_longest_is_reported() -> None:
    options = Options("reject", tokens=frozenset({"<a>", "<a>b"}))
    check_equal(list("<a>b"), options)


# -------------------------------------------------------------------------------------------------- negative controls


class EachAlone:
    """Every chunk is escaped as if it were all there is."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme = scheme

    def feed(self, chunk: str) -> str:
        return self.scheme.escape(chunk)

    def close(self) -> str:
        return ""


class Waits:
    """Nothing is given out before the end."""

    def __init__(self, scheme: Scheme) -> None:
        self.scheme, self.text = scheme, ""

    def feed(self, chunk: str) -> str:
        self.text += chunk
        return ""

    def close(self) -> str:
        return self.scheme.escape(self.text)


class Forgets:
    """What is held back is dropped in the end."""

    def __init__(self, scheme: Scheme) -> None:
        self.feed = Sanitizer(tokens=scheme.tokens).feed

    def close(self) -> str:
        return ""


def test_broken_sanitizers_are_caught() -> None:
    options = Options()
    characters = texts.map(list)
    assert catches(lambda chunks: check_equal(chunks, options, EachAlone(options.scheme)), characters)
    assert catches(lambda chunks: check_equal(chunks, options, Forgets(options.scheme)), characters)
    careless = NoEndRule(TOKENS)
    assert catches(lambda chunks: check_safe(chunks, options, EachAlone(careless)), characters)
    assert catches(lambda chunks: check_equal(chunks, options, EachAlone(careless)), characters)
    assert catches(lambda chunks: check_holds_little(chunks, options, Waits(options.scheme)), characters)
    hardened = options._replace(profile="hardened")
    assert catches(lambda chunks: check_safe(chunks, hardened, Sanitizer(tokens=TOKENS)), disguised_splits())


def test_quadratic_work_is_seen() -> None:
    class Looks(Sanitizer):
        def _take(self, chunk: str) -> str:
            self._held.append(chunk)
            return self._give("".join(self._held))

    class Careless(Options):
        def make(self) -> Sanitizer:
            return Looks(**self._asdict())

    less, more = (work(["<", *("\\" * times)], Careless()) for times in (300, 900))
    assert more > 8 * less
