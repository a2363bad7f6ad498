"""What `fit` keeps and drops, by example, and every error of it, whole."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import pytest
from fitting import (
    AGAIN,
    ANSWER,
    CALL,
    HELLO,
    LONG,
    RESULT,
    SYSTEM,
    WordMeter,
    call,
    fitted_with,
    ledger_of,
    plan_of,
    result,
)

from chatml import (
    BudgetError,
    ChatMLError,
    ConfigError,
    Dialect,
    Message,
    ModelInfo,
    RenderError,
    Status,
    ToolCall,
    count,
)
from chatml._messages import plain_message, read_messages
from chatml.budgets._budget import fit
from chatml.budgets._draft import largest
from chatml.budgets._dropping import DropOldest, Priority
from chatml.budgets._fitted import DroppedMessage, Fitted
from chatml.budgets._history import read_history
from chatml.budgets._rewriting import Summarize, Truncate


def reasons(fitted: Fitted) -> dict[int, str]:
    return {one.index: one.reason for one in fitted.dropped}


# The result


def test_what_fits_stays_as_it_is() -> None:
    messages = [SYSTEM, HELLO, CALL, RESULT, ANSWER, AGAIN]
    fitted = fit(messages, model="gpt-4o")
    assert fitted.messages == tuple(messages)
    assert all(one is other for one, other in zip(fitted.messages, messages, strict=True))
    assert fitted.tokens == count(messages, model="gpt-4o")
    assert (fitted.budget, fitted.remaining) == (128_000, 128_000 - fitted.tokens)
    assert fitted.kept == (0, 1, 2, 3, 4, 5)
    assert (fitted.dropped, fitted.cut, fitted.added) == ((), (), ())
    assert fitted.status is Status.FITTED


def test_the_oldest_goes_first() -> None:
    fitted = fit(LONG, model="gpt-4o", max_tokens=40)
    assert fitted.kept == (0, 37, 38, 39, 40, 41)
    assert fitted.tokens == count(fitted.messages, model="gpt-4o") == 38
    assert fitted.status is Status.EXACT
    first = fitted.dropped[0]
    assert first == DroppedMessage(1, HELLO, 6, "oldest")
    assert first.explanation == "it is older than what fits"
    assert [one.index for one in fitted.dropped] == list(range(1, 37))


def test_any_iterable_and_both_forms() -> None:
    objects = [Message.from_mapping(message) for message in LONG]
    kept = fit(LONG, model="gpt-4o", max_tokens=40).kept
    assert fit(iter(LONG), model="gpt-4o", max_tokens=40).kept == kept
    fitted = fit(tuple(objects), model="gpt-4o", max_tokens=40)
    assert fitted.kept == kept
    assert all(any(one is other for other in objects) for one in fitted.messages)


def test_no_messages() -> None:
    fitted = fit([], model="gpt-4o", max_tokens=10)
    assert (fitted.messages, fitted.tokens, fitted.stable_prefix) == ((), 3, 0)


def test_a_result_is_frozen_and_can_be_copied() -> None:
    fitted = fit(LONG, model="gpt-4o", max_tokens=40)
    with pytest.raises(AttributeError):
        fitted.tokens = 5  # type: ignore[misc]  # the error is the test
    for other in (pickle.loads(pickle.dumps(fitted)), copy.copy(fitted)):
        assert other == fitted
        assert hash(other) == hash(fitted)
        assert (other.dropped, other.status) == (fitted.dropped, fitted.status)
        assert other.stable_prefix == fitted.stable_prefix
    assert fitted != fit(LONG, model="gpt-4o", max_tokens=45)
    assert fitted != 5


# The budget

SHORT: Any = [SYSTEM, HELLO]


def test_the_budget_is_the_least_of_all_limits() -> None:
    model = ModelInfo("mine", "o200k_im", "openai-im-sep", 1_000, 700, 100)
    for most, reserve, budget in ((None, 0, 700), (None, 400, 600), (500, 400, 100), (5_000, 0, 700), (800, 200, 600)):
        assert fit(SHORT, model=model, max_tokens=most, reserve=reserve).budget == budget
    assert fit(SHORT, dialect="chatml", max_tokens=99, reserve=9).budget == 90


def test_absurd_numbers_are_no_limit() -> None:
    assert fit(SHORT, dialect="chatml", max_tokens=10**30).budget == 10**15
    assert fit(SHORT, model="gpt-4o", max_tokens=10**5000).budget == 128_000
    repr(fit(SHORT, dialect="chatml", max_tokens=10**5000))


def test_tools_are_part_of_the_request() -> None:
    tools = [{"type": "function", "function": {"name": "get", "parameters": {}}}]
    fitted = fit(LONG, model="gpt-4o", tools=tools, max_tokens=70)
    assert fitted.tokens == count(fitted.messages, model="gpt-4o", tools=tools) <= 70
    assert len(fitted.kept) < len(fit(LONG, model="gpt-4o", max_tokens=70).kept)


NEEDS = (
    "the request has at least 16 tokens "
    "(system and developer messages 7, the last user message 6, tools, schema and priming 3)"
)
MORE = "; allow more, reserve less, or shorten what has to stay"
HUGE = "a window of 128000 less reserve=more than 10**15"


@pytest.mark.parametrize(
    ("options", "asked", "said"),
    [
        ({"max_tokens": 0}, 0, "0 are allowed (max_tokens=0)"),
        ({"max_tokens": -5}, -5, "-5 are allowed (max_tokens=-5)"),
        ({"max_tokens": 15}, 15, "15 are allowed (max_tokens=15)"),
        ({"max_tokens": 100, "reserve": 100}, 0, "0 are allowed (max_tokens=100 less reserve=100)"),
        ({"max_tokens": 100, "reserve": 200}, -100, "-100 are allowed (max_tokens=100 less reserve=200)"),
        ({"reserve": 128_000}, 0, "0 are allowed (a window of 128000 less reserve=128000)"),
        ({"reserve": 10**30}, 128_000 - 10**15, f"-999999999872000 are allowed ({HUGE})"),
        ({"max_tokens": -(10**5000)}, -(10**15), "-1000000000000000 are allowed (max_tokens=less than -10**15)"),
    ],
)  # fmt: skip
def test_what_cannot_fit(options: dict[str, Any], asked: int, said: str) -> None:
    with pytest.raises(BudgetError) as caught:
        fit([SYSTEM, HELLO, ANSWER, AGAIN], model="gpt-4o", **options)
    assert str(caught.value) == f"{NEEDS}, and {said}{MORE}"
    assert (caught.value.asked, caught.value.least) == (asked, 16)


def test_an_input_limit_is_named() -> None:
    model = ModelInfo("mine", "o200k_im", "openai-im-sep", 1_000, 10, 100)
    with pytest.raises(BudgetError) as caught:
        fit([SYSTEM, HELLO, ANSWER, AGAIN], model=model)
    assert str(caught.value) == f"{NEEDS}, and 10 are allowed (an input of at most 10){MORE}"


def test_an_error_says_what_takes_the_room() -> None:
    messages = [SYSTEM, HELLO, ANSWER, AGAIN, CALL]
    with pytest.raises(BudgetError) as caught:
        fit(messages, model="gpt-4o", max_tokens=5, pin=[1])
    assert str(caught.value) == (
        "the request has at least 33 tokens (system and developer messages 7, what you pinned 6, the last user message "
        "6, the call that waits for its results 11, tools, schema and priming 3), and 5 are allowed (max_tokens=5)"
        + MORE
    )
    with pytest.raises(BudgetError) as caught:
        fit([ANSWER], model="gpt-4o", max_tokens=5)
    assert str(caught.value) == (
        "the request has at least 8 tokens (the last message 5, tools, schema and priming 3), and 5 are allowed "
        "(max_tokens=5)" + MORE
    )


def test_an_error_says_that_the_strategy_drops_nothing() -> None:
    with pytest.raises(BudgetError) as caught:
        fit(LONG, model="gpt-4o", max_tokens=50, strategy="truncate")
    assert str(caught.value) == (
        "the request has at least 236 tokens (system and developer messages 7, "
        "messages that the strategy does not drop 220, the last user message 6, tools, schema and priming 3), "
        "and 50 are allowed (max_tokens=50); "
        "add 'drop_oldest' behind the strategy"
    )


def test_where_only_the_whole_can_be_counted_an_error_has_no_parts() -> None:
    with pytest.raises(BudgetError) as caught:
        fitted_with(WordMeter(adds_up=False), [HELLO], 5)
    assert str(caught.value) == f"the request has at least 9 tokens, and 5 are allowed (a test){MORE}"


KNOWN = "expected a strategy, or one of 'drop_oldest', 'middle_out', 'truncate', 'cache_stable'"
PINS = "expected the index of one of 2 messages"
ROLE = "expected a role of the form [a-z][a-z0-9_-]{0,63}"
MISSING = "the key is missing; only a message with tool_calls or a refusal may leave it out"
NUMBER = "expected a number of tokens (int)"


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_tokens": True}, f"max_tokens: found True, {NUMBER}"),
        ({"max_tokens": 1.5}, f"max_tokens: found 1.5, {NUMBER}"),
        ({"max_tokens": "100"}, f"max_tokens: found '100', {NUMBER}"),
        ({"max_tokens": [1]}, f"max_tokens: found a value of type list, {NUMBER}"),
        ({"reserve": -1}, f"reserve: found -1, {NUMBER} from 0 on"),
        ({"reserve": True}, f"reserve: found True, {NUMBER} from 0 on"),
        ({"reserve": 0.5}, f"reserve: found 0.5, {NUMBER} from 0 on"),
        ({"reserve": None}, f"reserve: found None, {NUMBER} from 0 on"),
        ({"reserve": -(10**5000)}, f"reserve: found a number that is too long, {NUMBER} from 0 on"),
        ({"pin": [2]}, f"pin: found 2, {PINS}"),
        ({"pin": [-3]}, f"pin: found -3, {PINS}"),
        ({"pin": [True]}, f"pin: found True, {PINS}"),
        ({"pin": [1.0]}, f"pin: found 1.0, {PINS}"),
        ({"pin": 1}, "pin: found 1, expected indexes of messages or a function of a message"),
        ({"pin": "ab"}, "pin: found 'ab', expected indexes of messages or a function of a message"),
        ({"pin": {0: 1}}, "pin: found a value of type dict, expected indexes of messages or a function of a message"),
        ({"start_on": "User"}, f"start_on: found 'User', {ROLE}; write 'user'"),
        ({"start_on": 5}, "start_on: found a value of type int, expected a role such as 'user'"),
        ({"strategy": "oldest"}, f"strategy: found 'oldest', {KNOWN}"),
        ({"strategy": "x" * 200}, f"strategy: found '{'x' * 80}...', {KNOWN}"),
        ({"strategy": None}, f"strategy: found None, {KNOWN}"),
        ({"strategy": DropOldest}, f"strategy: found a value of type type, {KNOWN}"),
        ({"strategy": ["drop_oldest", 5]}, f"strategy: found 5, {KNOWN}"),
        ({"strategy": []}, "strategy: found an empty sequence, expected at least one strategy"),
        ({"strategy": "keep_last"}, "strategy: the strategy keep_last needs n; pass a value: KeepLast(n)"),
        ({"strategy": "priority"}, "strategy: the strategy priority needs weights; pass a value: Priority(weights)"),
        ({"strategy": "summarize"}, "strategy: the strategy summarize needs summarize; pass a value: "
         "Summarize(summarize)"),
    ],
)  # fmt: skip
def test_wrong_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        fit(SHORT, model="gpt-4o", **options)
    assert str(caught.value) == text


def test_a_limit_must_be_known() -> None:
    for options, text in (
        ({"dialect": "chatml"}, "max_tokens: no limit is known; pass max_tokens, or a model whose window is known"),
        (
            {"model": ModelInfo("mine", "o200k_im", "openai-im-sep")},
            "max_tokens: no limit is known for mine; pass max_tokens, or a model whose window is known",
        ),
    ):
        with pytest.raises(ConfigError) as caught:
            fit(SHORT, **options)
        assert str(caught.value) == text


@pytest.mark.parametrize(
    ("messages", "text"),
    [
        (5, "messages: found a value of type int, expected a list of messages"),
        ("Hi", "messages: found a value of type str, expected a list of messages"),
        (HELLO, "messages: found a value of type dict, expected a list of messages"),
        ([HELLO, 5], "messages[1]: found a value of type int, expected a message: a mapping or a Message"),
        ([HELLO, {"role": "user"}], f"messages[1].content: {MISSING}"),
        ([HELLO] * 30 + [{**RESULT, "name": "a b"}], "messages[30].name: found 'a b', expected a name of the form "
         "[A-Za-z0-9_-]{1,64}"),
    ],
)  # fmt: skip
def test_bad_messages_are_found_wherever_they_stand(messages: Any, text: str) -> None:
    with pytest.raises(RenderError) as caught:
        fit(messages, model="gpt-4o", max_tokens=50)
    assert str(caught.value) == text


def test_errors_of_counting_name_the_message() -> None:
    picture = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
    with pytest.raises(ChatMLError) as caught:
        fit([SYSTEM, *[HELLO] * 5, picture, AGAIN], model="gpt-4o")
    assert caught.value.where() == "messages[6].content[0]"
    named = {**HELLO, "name": "bob"}
    with pytest.raises(RenderError) as caught:
        fit([SYSTEM, HELLO, named, AGAIN], dialect="chatml", max_tokens=100)
    assert caught.value.where() == "messages[2].name"
    # what is dropped before it is counted need not be countable
    fitted = fit([SYSTEM, picture, *LONG[1:]], model="gpt-4o", max_tokens=50)
    assert {one.index: one.tokens for one in fitted.dropped}[1] is None
    assert {one.index: one.tokens for one in fitted.dropped}[2] == 6


@pytest.mark.parametrize("field", [{"role": "A b"}, {"name": "a b"}])
def test_what_was_parsed_may_have_a_role_or_name_that_is_none(field: dict[str, str]) -> None:
    message = plain_message(**{"role": "user", "content": "x", **field})
    with pytest.raises(RenderError) as caught:
        fit([Message("user", "x"), message], model="gpt-4o")
    assert caught.value.where() == f"messages[1].{next(iter(field))}"


ODD_CALLS = [
    {"id": "a", "type": "function", "function": {"name": "get"}},
    {"id": "a", "type": "function", "function": {"name": "get", "arguments": {}}},
    {"id": None, "type": "function", "function": {"name": "get", "arguments": "{}"}},
    {"id": "a", "type": "function", "function": {"name": "get", "arguments": "{}", "x": 1}},
    {"id": "a", "function": {"name": "get", "arguments": "{}"}},
    {"id": "a", "name": "get", "arguments": "{}"},
    {"id": "a", "type": "custom", "function": {"name": "get", "arguments": "{}"}},
    {"id": "a", "type": "function", "function": "get"},
    {"id": 5, "type": "function", "function": {"name": "get", "arguments": "{}"}},
    "get",
    ToolCall("get"),
]


@pytest.mark.parametrize("call_", ODD_CALLS, ids=repr)
@pytest.mark.parametrize("content", ["", None, 5, [{"type": "text", "text": "x"}]])
def test_odd_calls_are_read_as_anywhere(call_: Any, content: Any) -> None:
    given: Any = [{"role": "assistant", "content": content, "tool_calls": [CALL["tool_calls"][0], call_]}]
    assert said_of(lambda: read_history(given).history[0]) == said_of(lambda: read_messages(given)[0])


def said_of(read: Callable[[], Message]) -> Any:
    """What was read, with what equality leaves out; or why it was not."""
    try:
        message = read()
    except RenderError as error:
        return str(error)
    return message, [(one.id, one.type, one.extra) for one in message.tool_calls]


# Groups


def test_a_call_and_its_results_go_together() -> None:
    messages = [HELLO, CALL, RESULT, ANSWER, AGAIN]
    for limit in range(10, 60):
        try:
            kept = set(fit(messages, model="gpt-4o", max_tokens=limit).kept)
        except BudgetError:
            continue
        assert (1 in kept) == (2 in kept)


def groups_of(*messages: Message) -> list[list[int]]:
    groups = ledger_of(WordMeter(), messages).groups
    return [list(groups.members(group)) for group in range(len(groups))]


USER = Message("user", "x")


def test_results_are_found_by_id_and_by_place() -> None:
    assert groups_of(USER, call("a"), result("a"), USER) == [[0], [1, 2], [3]]
    assert groups_of(call("a", "b"), result("b"), result("a"), USER) == [[0, 1, 2], [3]]
    assert groups_of(call("a"), USER, result("a")) == [[0, 1, 2]]  # with what stands between
    assert groups_of(call("a", ids=[None]), Message("tool", "x"), USER) == [[0, 1], [2]]
    assert groups_of(call("a"), Message("tool", "x"), USER) == [[0, 1], [2]]
    assert groups_of(call("a", ids=[None]), result("a")) == [[0, 1]]
    assert groups_of(call("a"), result("b")) == [[0], [1]]


def test_ids_that_occur_twice_belong_to_the_nearest_call() -> None:
    twice = [call("a"), result("a"), USER, call("a"), result("a")]
    assert groups_of(*twice) == [[0, 1], [2], [3, 4]]
    assert groups_of(call("a"), USER, call("a"), result("a"), USER, result("a")) == [[0, 1, 2, 3, 4, 5]]
    assert groups_of(call("a"), result("a"), result("a"), USER) == [[0, 1], [2], [3]]


def test_the_request_before_may_have_waited_for_results() -> None:
    """Of a group with an answer in it, the request before had only the call."""
    messages = [HELLO, CALL, ANSWER, RESULT, AGAIN]
    fitted = fit(messages, model="gpt-4o")
    assert groups_of(*map(Message.from_mapping, messages)) == [[0], [1, 2, 3], [4]]
    assert fitted.stable_prefix == count([HELLO, CALL], model="gpt-4o") - 3


def test_old_function_calls_are_calls() -> None:
    legacy = Message.from_mapping({"role": "assistant", "function_call": {"name": "f", "arguments": "{}"}})
    answer = Message("function", "x", name="f")
    assert groups_of(USER, legacy, answer, USER) == [[0], [1, 2], [3]]
    assert groups_of(USER, answer) == [[0], [1]]
    assert groups_of(legacy, Message("tool", "x"), answer, USER) == [[0, 1, 2], [3]]  # the second one is read as more
    assert groups_of(legacy, Message("tool", "x"), USER, answer) == [[0, 1], [2], [3]]


def test_a_call_that_is_spelled_in_text_has_results_too() -> None:
    spoken, answer = Message("assistant", "<tool_call>{}</tool_call>"), Message("tool", "x")
    assert groups_of(USER, spoken, answer, answer, USER) == [[0], [1, 2, 3], [4]]
    assert groups_of(USER, spoken, result("a"), USER) == [[0], [1], [2], [3]]


def test_orphans_go_first_and_only_if_something_has_to() -> None:
    messages = [SYSTEM, HELLO, {**RESULT, "tool_call_id": "none"}, ANSWER, RESULT, AGAIN]
    whole = count(messages, model="gpt-4o")
    assert fit(messages, model="gpt-4o", max_tokens=whole).messages == tuple(messages)
    assert reasons(fit(messages, model="gpt-4o", max_tokens=whole - 1)) == {2: "orphan"}
    assert reasons(fit(messages, model="gpt-4o", max_tokens=whole - 15)) == {2: "orphan", 4: "orphan"}
    assert reasons(fit(messages, model="gpt-4o", max_tokens=whole - 20)) == {1: "oldest", 2: "orphan", 4: "orphan"}


def test_calls_without_all_results_go_first_with_what_they_have() -> None:
    both = {**CALL, "tool_calls": [*CALL["tool_calls"], {**CALL["tool_calls"][0], "id": "b"}]}
    messages = [HELLO, ANSWER, both, RESULT, AGAIN]
    whole = count(messages, model="gpt-4o")
    fitted = fit(messages, model="gpt-4o", max_tokens=whole - 1)
    assert reasons(fitted) == {2: "unanswered", 3: "unanswered"}
    assert fitted.dropped[0].explanation == "it is a call without all its results, or one of those, and such go first"


def test_a_call_that_is_being_answered_stays() -> None:
    both = {**CALL, "tool_calls": [*CALL["tool_calls"], {**CALL["tool_calls"][0], "id": "b"}]}
    for last in ([CALL], [both], [both, RESULT]):
        messages = [HELLO, ANSWER, AGAIN, *last]
        least = count(messages[2:], model="gpt-4o")
        assert fit(messages, model="gpt-4o", max_tokens=least).kept == tuple(range(2, len(messages)))
        with pytest.raises(BudgetError) as caught:
            fit(messages, model="gpt-4o", max_tokens=least - 1)
        assert caught.value.least == least


# Pins


def test_the_running_turn_goes_last_and_oldest_first() -> None:
    step = [
        [{**CALL, "tool_calls": [{**CALL["tool_calls"][0], "id": name}]}, {**RESULT, "tool_call_id": name}]
        for name in "abc"
    ]
    messages = [HELLO, ANSWER, AGAIN, *step[0], *step[1], *step[2]]
    whole = count(messages, model="gpt-4o")
    for strategy in ("drop_oldest", "middle_out", Priority({"assistant": 9})):
        kept = {
            fit(messages, model="gpt-4o", max_tokens=limit, strategy=strategy).kept for limit in range(10, whole + 1)
        }
        assert {(2, 7, 8), (2, 5, 6, 7, 8), (2, 3, 4, 5, 6, 7, 8), (2,)} <= kept
        assert all(set(range(2, 9)) <= set(one) for one in kept if set(one) & {0, 1})


def test_pins_by_index_and_by_function() -> None:
    for pin in ([1, 4], [1, -38], iter([1, 4, 4]), lambda message: message.content == "Hello there"):
        fitted = fit(LONG, model="gpt-4o", max_tokens=150, pin=pin)
        assert {0, 1, 41} <= set(fitted.kept)
        assert 2 not in fitted.kept
    messages = [HELLO, CALL, RESULT, ANSWER, AGAIN]
    limit = count([CALL, RESULT, AGAIN], model="gpt-4o") + 4
    assert fit(messages, model="gpt-4o", max_tokens=limit, pin=[2]).kept == (1, 2, 4)


def test_what_a_function_of_the_caller_raises_passes_through() -> None:
    def fails(*_: object) -> bool:
        raise KeyError("mine")

    for options in (
        {"pin": fails}, {"strategy": Priority(fails)}, {"strategy": Summarize(fails)}, {"strategy": Truncate(fails)}
    ):  # fmt: skip
        with pytest.raises(KeyError, match="mine"):
            fit(LONG, model="gpt-4o", max_tokens=60, **options)


def test_the_first_message_can_be_made_a_users() -> None:
    assert fit(LONG, model="gpt-4o", max_tokens=26).kept == (0, 40, 41)
    fitted = fit(LONG, model="gpt-4o", max_tokens=26, start_on="user")
    assert fitted.kept == (0, 41)
    assert reasons(fitted)[40] == "start_on"
    assert fit([ANSWER, AGAIN], model="gpt-4o", start_on="user").kept == (1,)
    assert fit([SYSTEM], model="gpt-4o", start_on="user").kept == (0,)
    with pytest.raises(ConfigError) as caught:
        fit([ANSWER, AGAIN], model="gpt-4o", start_on="user", pin=[0])
    assert str(caught.value) == (
        "start_on: messages[0] has the role 'assistant', comes first and is not dropped: it is pinned; "
        "pin a message before it, or leave out start_on"
    )


def test_there_may_have_been_no_request_before() -> None:
    """The messages before the last answer begin with a pinned one of the wrong role."""
    messages = [HELLO, ANSWER, AGAIN, ANSWER, AGAIN]
    fitted = fit(messages, model="gpt-4o", max_tokens=31, start_on="user", pin=[3])
    assert fitted.kept == (0, 1, 2, 3, 4)
    tight = fit(messages, model="gpt-4o", max_tokens=20, start_on="assistant", pin=[3])
    assert (tight.kept, tight.stable_prefix) == ((3, 4), 0)
    assert fit([AGAIN, ANSWER, AGAIN], model="gpt-4o", start_on="assistant").stable_prefix == 0
    assert fit([ANSWER, AGAIN], model="gpt-4o").stable_prefix == 0


def test_dialects_whose_replies_have_no_header_begin_with_a_user() -> None:
    messages = LONG[1:]
    whole = count(messages, dialect="phi4")
    seen = set()
    for limit in range(20, whole + 1, 7):
        fitted = fit(messages, dialect="phi4", max_tokens=limit)
        assert fitted.tokens == count(fitted.messages, dialect="phi4") <= limit
        assert fitted.messages[0]["role"] == "user"
        assert all(one.tokens is None for one in fitted.dropped)
        assert fitted.stable_prefix >= 0
        seen.add(len(fitted.kept))
    assert len(seen) > 10


def test_a_first_message_that_changes_what_stands_before_it_is_counted() -> None:
    """With messages of another role first, qwen2 begins with a system message of its own."""
    messages = [HELLO, ANSWER, SYSTEM, HELLO, ANSWER, AGAIN]
    for limit in range(10, count(messages, dialect="qwen2") + 1):
        try:
            fitted = fit(messages, dialect="qwen2", max_tokens=limit)
        except BudgetError:
            continue
        assert fitted.tokens == count(fitted.messages, dialect="qwen2") <= limit


# The search


def test_the_largest_number_that_fits() -> None:
    for limit in range(20):
        tried: list[int] = []

        def fits(number: int, limit: int = limit, tried: list[int] = tried) -> bool:
            tried.append(number)
            return number <= limit

        assert largest(fits, 0, 15) == min(limit, 15)
        assert len(tried) <= 8


def test_a_plan_can_be_applied_again() -> None:
    plan, ledger = plan_of(40, "drop_oldest"), ledger_of(WordMeter(), LONG)
    assert plan.apply(ledger) == plan.apply(ledger)


def test_a_dialect_of_ones_own() -> None:
    mine = Dialect(name="mine", start="<|im_start|>", end="<|im_end|>", separator="")
    fitted = fit(LONG, dialect=mine, encoding="o200k_im", max_tokens=50)
    assert fitted.tokens == count(fitted.messages, dialect=mine, encoding="o200k_im") <= 50
