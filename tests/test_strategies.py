"""Each strategy by example: what it keeps, what it asks for, and every error of it, whole."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fitting import AGAIN, ANSWER, CALL, HELLO, LONG, RESULT, SYSTEM, WordMeter, fitted_with

from chatml import BudgetError, ConfigError, Message, count
from chatml.budgets._budget import fit
from chatml.budgets._dropping import CacheStable, DropOldest, KeepLast, MiddleOut, Priority
from chatml.budgets._fitted import REASONS, CutMessage, Fitted
from chatml.budgets._rewriting import Summarize, Truncate
from chatml.budgets._strategies import STRATEGIES, read_strategies, strategies_from_json, strategies_to_json

SHORT: Any = [SYSTEM, HELLO]


def reasons(fitted: Fitted) -> dict[int, str]:
    return {one.index: one.reason for one in fitted.dropped}


def contents(fitted: Fitted) -> list[str]:
    return [message["content"] for message in fitted.messages]


NUMBERED = [{"role": ("user", "assistant")[index % 2], "content": str(index)} for index in range(11)]


def numbers(strategy: Any, limit: int = 10**6) -> list[int]:
    return [int(one) for one in contents(fitted_with(WordMeter(), NUMBERED, limit, strategy))]


def test_the_last_messages_or_turns() -> None:
    assert numbers(KeepLast(3)) == [8, 9, 10]
    assert numbers(KeepLast(0)) == [10]
    assert numbers(KeepLast(99)) == list(range(11))
    assert numbers(KeepLast(2, unit="turns")) == [8, 9, 10]
    assert numbers(KeepLast(3), limit=13) == [9, 10]  # then the oldest goes
    assert numbers([KeepLast(5), "middle_out"], limit=18) == [6, 9, 10]
    fitted = fitted_with(WordMeter(), NUMBERED, 13, KeepLast(3))
    assert set(reasons(fitted).values()) == {"outside_window", "oldest"}


def test_from_the_middle_outwards() -> None:
    assert numbers("middle_out", limit=3 + 5 * 4) == [0, 8, 9, 10]
    assert numbers("middle_out", limit=3 + 5 * 5) == [0, 1, 8, 9, 10]


def test_by_priority() -> None:
    assert numbers(Priority({"assistant": 1}), limit=3 + 5 * 4) == [5, 7, 9, 10]
    assert numbers(Priority(lambda message: -int(message.text)), limit=3 + 5 * 4) == [0, 1, 2, 10]
    assert numbers(Priority([5, 0, 0, 4, 0, 0, 0, 3, 0, 0, 0]), limit=3 + 5 * 4) == [0, 3, 7, 10]


def test_rarely_and_then_much() -> None:
    """Messages of 5 tokens, and 3 for priming: with 11 of them it is too much, and all but 4 go."""
    messages = [{"role": ("user", "assistant")[index % 2], "content": str(index)} for index in range(21)]
    begins = []
    for end in range(1, 22, 2):
        fitted = fitted_with(WordMeter(), messages[:end], 53, CacheStable(low=0.5))
        begins.append(fitted.kept[0])
        assert (fitted.stable_prefix == 0) == (end == 1 or begins[-1] != begins[-2])
    assert begins == [0, 0, 0, 0, 0, 7, 7, 7, 7, 14, 14]
    fitted = fitted_with(WordMeter(), messages, 53, CacheStable(high=40, low=20))
    assert (fitted.kept[0], fitted.dropped[0].reason) == (15, "cache_step")


def test_texts_are_cut() -> None:
    long = " ".join(map(str, range(50)))
    messages = [HELLO, CALL, {**RESULT, "content": long}, {**ANSWER, "content": long}, AGAIN]
    whole = count(messages, model="gpt-4o")
    fitted = fit(messages, model="gpt-4o", max_tokens=whole - 40, strategy=Truncate(least=10))
    assert fitted.tokens == count(fitted.messages, model="gpt-4o") <= whole - 40
    assert fitted.kept == (0, 1, 2, 3, 4)
    (cut,) = fitted.cut
    assert cut == CutMessage(2, cut.before, cut.before - (whole - fitted.tokens), "too_long")
    assert cut.explanation == "with this text in full the request is too long"
    assert fitted.messages[2].keys() == messages[2].keys()
    head, tail = fitted.messages[2]["content"].split("\n[... cut ...]\n")
    assert long.startswith(head)
    assert long.endswith(tail)
    assert fitted.messages[3] is messages[3]


def test_cut_messages_keep_the_form_of_the_given_ones() -> None:
    long = "word " * 99
    given = [
        {"from": "human", "value": long, "seen": True},
        {"sender": "user", "text": long},
        Message("user", long),
        AGAIN,
    ]
    fitted = fit(given, model="gpt-4o", max_tokens=60, strategy=Truncate("user", side="tail", marker="", least=0))
    assert fitted.messages[0] == {"from": "human", "value": fitted.messages[0]["value"], "seen": True}
    assert set(fitted.messages[1]) == {"sender", "text"}
    assert isinstance(fitted.messages[2], Message)
    assert 0 < len(fitted.messages[2].text) < len(long)
    assert fitted.messages[3] is AGAIN


def test_pinned_texts_are_cut_only_on_request() -> None:
    long = [SYSTEM, {**AGAIN, "content": "word " * 200}]
    with pytest.raises(BudgetError):
        fit(long, model="gpt-4o", max_tokens=100, strategy=Truncate("user", least=5))
    fitted = fit(long, model="gpt-4o", max_tokens=100, strategy=Truncate("user", least=5, pinned=True))
    assert fitted.tokens == 100
    leading = [{**SYSTEM, "content": "rule " * 200}, AGAIN]
    tools = [{"type": "function", "function": {"name": "get", "parameters": {}}}]
    fitted = fit(
        leading, model="gpt-4o", tools=tools, max_tokens=100, strategy=Truncate(["system"], pinned=True, least=5)
    )
    assert fitted.tokens == count(fitted.messages, model="gpt-4o", tools=tools) <= 100


def test_what_is_no_text_is_not_cut() -> None:
    parts = [{"type": "text", "text": "word " * 99}, {"type": "image_url", "image_url": {"url": "x", "detail": "low"}}]
    with pytest.raises(BudgetError):
        fit(
            [{"role": "user", "content": parts}, AGAIN],
            model="gpt-4o",
            max_tokens=120,
            strategy=Truncate("user", least=1),
        )


def test_a_summary_stands_for_what_is_gone() -> None:
    asked: list[Any] = []

    def summarize(messages: Any, tokens: int) -> str:
        asked.append((messages, tokens))
        return "They said hello."

    fitted = fit(LONG, model="gpt-4o", max_tokens=60, strategy=Summarize(summarize, allowance=15))
    ((messages, tokens),) = asked
    assert tokens == 11
    assert all(isinstance(message, Message) for message in messages)
    assert [message.role for message in messages] == [LONG[one.index]["role"] for one in fitted.dropped]
    assert fitted.messages[1] == Message("system", "They said hello.")
    assert (fitted.added, fitted.kept[:2]) == ((1,), (0, 36))
    assert fitted.tokens == count(fitted.messages, model="gpt-4o") <= 60
    assert {one.reason for one in fitted.dropped} == {"summarized"}
    assert fitted.stable_prefix == 7
    assert len(asked) == 1
    fit(SHORT, model="gpt-4o", strategy=Summarize(summarize))
    assert len(asked) == 1  # nothing to summarize


@pytest.mark.parametrize(
    "answer", [None, "", {"role": "user", "content": "Earlier: hello"}, Message("developer", "Hm")]
)
def test_what_a_summary_may_be(answer: Any) -> None:
    fitted = fit(LONG, model="gpt-4o", max_tokens=60, strategy=Summarize(lambda *_: answer, allowance=0.3))
    assert fitted.tokens == count(fitted.messages, model="gpt-4o") <= 60
    if answer:
        assert fitted.messages[1] == (answer if isinstance(answer, Message) else Message.from_mapping(answer))
    else:
        assert fitted.added == ()


def test_a_summary_that_is_too_long_is_cut_or_refused() -> None:
    long = "They said hello. Then they did so again. " * 20
    fitted = fit(LONG, model="gpt-4o", max_tokens=60, strategy=Summarize(lambda *_: long, allowance=24))
    assert fitted.messages[1].text == ("They said hello. Then they did so again. " * 2).rstrip()
    refusing = Summarize(lambda *_: long, allowance=24, when_too_long="error")
    with pytest.raises(BudgetError) as caught:
        fit(LONG, model="gpt-4o", max_tokens=60, strategy=refusing)
    assert str(caught.value) == (
        "the summary takes 205 tokens, and 24 are allowed; "
        "let the function keep to the number it is given, or pass when_too_long='cut'"
    )
    assert (caught.value.asked, caught.value.least) == (24, 205)


def test_no_summary_is_asked_for_without_room() -> None:
    fitted = fit(LONG, model="gpt-4o", max_tokens=18, strategy=Summarize(lambda *_: 1 / 0))
    assert fitted.kept == (0, 41)


def test_a_summary_joins_what_tools_join() -> None:
    """The first system message carries the tools: a summary that is one changes what belongs to no message."""
    tools = [{"type": "function", "function": {"name": "get", "parameters": {}}}]
    fitted = fit(
        LONG[1:], model="gpt-4o", tools=tools, max_tokens=90, strategy=Summarize(lambda *_: "Hello.", allowance=20)
    )
    assert fitted.messages[0] == Message("system", "Hello.")
    assert fitted.tokens == count(fitted.messages, model="gpt-4o", tools=tools) <= 90


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (5, "summarize: the function returned 5, expected text, a message or None"),
        ({"role": "user"}, "summarize: the function returned no message: messages[0].content: the key is missing; "
         "only a message with tool_calls or a refusal may leave it out"),
        (CALL, "summarize: the function returned a call or a result, expected text"),
        (RESULT, "summarize: the function returned a call or a result, expected text"),
    ],
)  # fmt: skip
def test_what_is_no_summary(answer: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(LONG, model="gpt-4o", max_tokens=60, strategy=Summarize(lambda *_: answer, allowance=0.3))
    assert str(caught.value) == text


WHOLE = "expected a whole number from 0 to 1000000000000000"
CHOICE = "expected a role, several, or a function of a message"
ROLE = "expected a role of the form [a-z][a-z0-9_-]{0,63}"
SHARE = "expected tokens (an int above 0) or a share (a float up to 1.0)"


@pytest.mark.parametrize(
    ("make", "text"),
    [
        (lambda: KeepLast(-1), f"n: found -1, {WHOLE}"),
        (lambda: KeepLast(True), f"n: found True, {WHOLE}"),
        (lambda: KeepLast(2.0), f"n: found 2.0, {WHOLE}"),
        (lambda: KeepLast(10**5000), f"n: found a number that is too long, {WHOLE}"),
        (lambda: KeepLast(1, unit="tokens"), "unit: found 'tokens', expected 'messages' or 'turns'"),
        (lambda: Priority(5), "weights: found int, expected a function, a mapping of roles, or a list"),
        (lambda: Priority("ab"), "weights: found str, expected a function, a mapping of roles, or a list"),
        (lambda: CacheStable(high=0), f"high: found 0, {SHARE}"),
        (lambda: CacheStable(high=1.5), f"high: found 1.5, {SHARE}"),
        (lambda: CacheStable(low=True), f"low: found True, {SHARE}"),
        (lambda: CacheStable(low=float("nan")), f"low: found nan, {SHARE}"),
        (lambda: CacheStable(high=0.5, low=0.6), "low: found 0.6, expected at most high=0.5"),
        (lambda: CacheStable(high=50, low=60), "low: found 60, expected at most high=50"),
        (lambda: Truncate(5), f"which: found 5, {CHOICE}"),
        (lambda: Truncate(b"ab"), f"which: found a value of type bytes, {CHOICE}"),
        (lambda: Truncate({"tool": 1}), f"which: found a value of type dict, {CHOICE}"),
        (lambda: Truncate(["tool", 5]), "which: found a value of type int, expected a role such as 'user'"),
        (lambda: Truncate("Tool"), f"which: found 'Tool', {ROLE}; write 'tool'"),
        (lambda: Truncate(side="left"), "side: found 'left', expected 'head' or 'tail' or 'middle'"),
        (lambda: Truncate(at=5), "at: found 5, expected 'token' or 'line' or 'sentence'"),
        (lambda: Truncate(marker=None), "marker: found None, expected text"),
        (lambda: Truncate(least=-1), f"least: found -1, {WHOLE}"),
        (lambda: Truncate(pinned=1), "pinned: found 1, expected True or False"),
        (lambda: Summarize("x"), "summarize: found 'x', expected a function of messages and a number of tokens"),
        (lambda: Summarize(len, allowance=0), f"allowance: found 0, {SHARE}"),
        (lambda: Summarize(len, allowance=10**16), f"allowance: found 10000000000000000, {SHARE}"),
        (lambda: Summarize(len, role="A"), f"role: found 'A', {ROLE}; write 'a'"),
        (lambda: Summarize(len, when_too_long=""), "when_too_long: found '', expected 'cut' or 'error'"),
    ],
)  # fmt: skip
def test_strategies_check_what_they_are_made_of(make: Callable[[], Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        make()
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("strategy", "text"),
    [
        (Priority([1, 2]), "weights: found 2 weights, expected one for each of 42 messages"),
        (Priority(lambda _: "a"), "weights: found 'a' for messages[40], expected a number"),
        (Priority(lambda _: True), "weights: found True for messages[40], expected a number"),
        (Priority({"assistant": float("nan")}), "weights: found nan for messages[40], expected a number"),
        (CacheStable(high=0.5, low=50), "low: found 50 tokens, expected at most high, which is 30 tokens"),
    ],
)
def test_strategies_check_what_they_meet(strategy: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(LONG, model="gpt-4o", max_tokens=60, strategy=strategy)
    assert str(caught.value) == text


def test_every_strategy_and_every_reason_is_described() -> None:
    assert len({one.name for one in STRATEGIES}) == len(STRATEGIES) == 7
    assert all(one.__doc__ and not one.__doc__.startswith(one.__name__) for one in STRATEGIES)
    assert all(text[0].islower() and not text.endswith(".") for text in REASONS.values())


# Strategies as JSON


def test_strategies_as_json() -> None:
    given = (
        KeepLast(3, unit="turns"), Truncate(["tool"], least=5), MiddleOut(), Priority({"user": 2}), CacheStable(low=9),
        DropOldest(),
    )  # fmt: skip
    value = strategies_to_json(given)
    assert value is not None
    assert value[0] == {"name": "keep_last", "n": 3, "unit": "turns"}
    assert strategies_from_json(value) == given
    assert strategies_to_json([DropOldest(), Summarize(len)]) is None
    assert strategies_to_json(read_strategies("cache_stable")) == [
        {"name": "cache_stable", "high": 1.0, "low": 0.7}, {"name": "drop_oldest"}
    ]  # fmt: skip


NAMES = "'drop_oldest', 'keep_last', 'middle_out', 'priority', 'truncate', 'summarize', 'cache_stable'"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (5, "strategy: found 5, expected a list of strategies"),
        ([], "strategy: found a value of type list, expected a list of strategies"),
        ([5], "strategy: found 5, expected a mapping with the name of a strategy"),
        ([{}], f"strategy: found the name None, expected one of {NAMES}"),
        ([{"name": "x"}], f"strategy: found the name 'x', expected one of {NAMES}"),
        ([{"name": []}], f"strategy: found the name a value of type list, expected one of {NAMES}"),
        ([{"name": "keep_last", "m": 1}], "strategy: the strategy keep_last has other values: expected n, unit"),
        ([{"name": "drop_oldest", "n": 1}], "strategy: the strategy drop_oldest has other values: expected none"),
        ([{"name": "keep_last", "n": "1"}], f"n: found '1', {WHOLE}"),
    ],
)
def test_wrong_strategies_in_json(value: Any, text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        strategies_from_json(value)
    assert str(caught.value) == text
