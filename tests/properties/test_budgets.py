"""Invariants of `fit`, for all budgets from 0 to what everything costs: never over, groups whole, pins and order kept,
deterministic, idempotent, and of each strategy exactly what its definition says.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from fitting import (
    LEADING,
    Reference,
    WordMeter,
    by_priority,
    fitted_with,
    histories,
    ledger_of,
    middle_out,
    plan_of,
    reference_groups,
    well_formed,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import almost_messages, catches

from chatml import BudgetError, ChatMLError, Message, RenderError, count, dialect_names
from chatml._messages import read_messages
from chatml._meter import meter_for
from chatml.budgets._budget import fit
from chatml.budgets._cut import Cutter
from chatml.budgets._draft import Draft
from chatml.budgets._dropping import CacheStable, DropOldest, KeepLast, MiddleOut, Priority, Strategy
from chatml.budgets._fitted import Fitted
from chatml.budgets._groups import Grouper, grouped
from chatml.budgets._history import read_history
from chatml.budgets._rewriting import Summarize, Truncate

METERS: dict[str, Callable[[], Any]] = {
    "gpt-4o": lambda: meter_for(model="gpt-4o"),
    "gpt-3.5-turbo-0613": lambda: meter_for(model="gpt-3.5-turbo-0613", tools=[TOOL]),
    "gpt-5-mini": lambda: meter_for(model="gpt-5-mini", api="responses"),
    "qwen2": lambda: meter_for(dialect="qwen2", lossy=True),  # which begins with a system message in any case
    "words": lambda: WordMeter(),
    "words, greeting": lambda: WordMeter(greeting=9),
    "words, whole": lambda: WordMeter(adds_up=False),
}
TOOL = {"type": "function", "function": {"name": "get", "description": "Get it.", "parameters": {}}}
meters = st.sampled_from(sorted(METERS))
weights = {"user": 2, "tool": -1}
STRATEGIES: dict[str, Any] = {
    "drop_oldest": DropOldest(),
    "keep_last": KeepLast(3),
    "turns": KeepLast(2, unit="turns"),
    "middle_out": "middle_out",
    "priority": Priority(weights),
    "cache_stable": CacheStable(),
    "truncate": [Truncate(("tool", "user"), least=3), "drop_oldest"],
    "summarize": Summarize(lambda messages, _: f"They said {len(messages)} things."),
    "many": [KeepLast(5), Truncate("assistant", side="tail", least=2, pinned=True), MiddleOut()],
}
strategies = st.sampled_from(sorted(STRATEGIES))


def total(meter: Any, messages: Sequence[Any]) -> int:
    return meter.total(read_messages(messages))


def budgets_of(meter: Any, messages: Sequence[Any], data: st.DataObject, number: int = 4) -> list[int]:
    """Budgets from 0 to what everything costs, and one more."""
    whole = total(meter, messages)
    return [*data.draw(st.lists(st.integers(0, whole), min_size=number, max_size=number)), whole, whole + 1]


def attempt(*arguments: Any, **options: Any) -> Fitted | BudgetError:
    try:
        return fitted_with(*arguments, **options)
    except BudgetError as error:
        return error


# Groups


def check_groups(messages: Sequence[Message], group: Callable[[Sequence[Message]], Any]) -> None:
    groups = group(messages)
    assert [list(groups.members(number)) for number in range(len(groups))] == reference_groups(messages)


def quickly(messages: Sequence[Message]) -> Any:
    return grouped(read_history(messages)).groups()


def one_by_one(messages: Sequence[Message]) -> Any:
    grouper = Grouper()
    for message in messages:
        grouper.add(message)
    return grouper.groups()


@given(histories)
def test_groups_are_those_of_the_rules(messages: Sequence[Any]) -> None:
    read = read_messages(messages)
    check_groups(read, quickly)
    check_groups(read, one_by_one)
    assert quickly(read) == one_by_one(read)


def check_sum(meter: Any, messages: Sequence[Any]) -> None:
    ledger = ledger_of(meter, messages)
    alone = sum(ledger.prices([group])[0] for group in range(len(ledger.groups)))
    assert ledger.base(0 if messages else None) + alone == total(meter, messages)


@given(histories, meters)
def test_groups_cost_what_they_cost_anywhere(messages: Sequence[Any], name: str) -> None:
    """The costs of groups and the base add up to the count of the whole: the ground of all that follows."""
    meter = METERS[name]()
    if meter.adds_up:
        check_sum(meter, messages)


@given(histories, st.sampled_from(dialect_names()), st.data())
def test_that_is_so_in_every_dialect(messages: Sequence[Any], dialect: str, data: st.DataObject) -> None:
    meter = meter_for(dialect=dialect, lossy=True)
    if meter.adds_up:
        check_sum(meter, messages)
    for limit in budgets_of(meter, messages, data, 2):
        fitted = attempt(meter, messages, limit)
        if isinstance(fitted, Fitted):
            assert fitted.tokens == total(meter, fitted.messages) <= limit


def test_a_sum_of_what_depends_on_its_place_is_caught() -> None:
    for dialect in ("azure", "qwen1.5", "dbrx"):
        meter = meter_for(dialect=dialect, lossy=True)
        assert not meter.adds_up
        assert catches(lambda messages, meter=meter: check_sum(meter, messages), histories), dialect


@given(almost_messages)
def test_a_history_is_read_as_messages_are(messages: Any) -> None:
    try:
        expected: Any = read_messages(messages)
    except RenderError as error:
        expected = str(error)
    try:
        found: Any = tuple(read_history(messages).history)
    except RenderError as error:
        found = str(error)
    assert found == expected


@given(histories)
def test_a_quick_reading_leaves_nothing_out(messages: Sequence[Any]) -> None:
    read = read_history(messages)
    expected = read_messages(messages)
    assert [vars_of(message) for message in read.history] == [vars_of(message) for message in expected]
    assert read.roles == [message.role for message in expected]
    assert read.callers == [index for index, message in enumerate(expected) if message.tool_calls]


def vars_of(message: Message) -> Any:
    calls = [(call.name, call.arguments, call.id, call.type, call.extra) for call in message.tool_calls]
    return message.role, message.content, message.name, message.tool_call_id, calls, message.extra


# What holds for every strategy


def check_result(meter: Any, messages: Sequence[Any], limit: int, fitted: Fitted) -> None:
    """Within the budget by a count of the whole, groups whole, pins kept, order kept, objects the same."""
    assert fitted.tokens == total(meter, fitted.messages) <= limit == fitted.budget
    read = read_messages(messages)
    kept = set(fitted.kept)
    assert list(fitted.kept) == sorted(kept)
    assert all(kept >= set(group) or not kept & set(group) for group in reference_groups(read))
    assert {index for index, one in enumerate(read) if one.role in LEADING} <= kept
    users = [index for index, one in enumerate(read) if one.role == "user"]
    assert set(users[-1:]) <= kept
    assert kept or not messages
    cut = {one.index for one in fitted.cut}
    own = [message for place, message in enumerate(fitted.messages) if place not in fitted.added]
    assert len(own) == len(fitted.kept)
    for index, message in zip(fitted.kept, own, strict=True):
        assert type(message) is type(messages[index])
        assert (message is messages[index]) == (index not in cut)
    assert sorted([*fitted.kept, *(one.index for one in fitted.dropped)]) == list(range(len(messages)))
    assert all(one.message is messages[one.index] and one.explanation for one in fitted.dropped)


def check_strategy(meter: Any, messages: Sequence[Any], limit: int, strategy: Any) -> None:
    fitted = attempt(meter, messages, limit, strategy)
    if isinstance(fitted, BudgetError):
        assert fitted.asked == limit < fitted.least
        return
    check_result(meter, messages, limit, fitted)
    assert fitted_with(meter, messages, limit, strategy) == fitted  # deterministic
    again = fitted_with(meter, fitted.messages, limit, strategy)  # idempotent
    assert again.messages == fitted.messages
    assert (again.tokens, again.dropped, again.cut, again.added) == (fitted.tokens, (), (), ())


@given(histories, meters, strategies, st.data())
def test_a_result_is_within_the_budget_and_whole(
    messages: Sequence[Any], name: str, strategy: str, data: st.DataObject
) -> None:
    meter = METERS[name]()
    for limit in budgets_of(meter, messages, data):
        check_strategy(meter, messages, limit, STRATEGIES[strategy])


@given(histories, meters, strategies)
def test_the_least_possible_size_is_possible(messages: Sequence[Any], name: str, strategy: str) -> None:
    meter = METERS[name]()
    error = attempt(meter, messages, -1, STRATEGIES[strategy])
    assert isinstance(error, BudgetError)
    if strategy in ("truncate", "many", "summarize"):  # which cut less, or add something, when they may have more
        return
    assert fitted_with(meter, messages, error.least, STRATEGIES[strategy]).tokens == error.least
    assert isinstance(attempt(meter, messages, error.least - 1, STRATEGIES[strategy]), BudgetError)


# What each strategy means


def check_order(
    meter: Any, messages: Sequence[Any], limit: int, strategy: Any, order: Callable[[Any], Any], wished: Sequence[int]
) -> None:
    expected = Reference(meter, read_messages(messages), wished)
    kept = expected.after(order(expected.history), limit)
    found = attempt(meter, messages, limit, strategy, wished=wished)
    assert (None if isinstance(found, BudgetError) else list(found.kept)) == kept


@given(histories, meters, st.sampled_from(["drop_oldest", "middle_out", "priority"]), st.data())
def test_nothing_is_dropped_that_would_have_fitted(
    messages: Sequence[Any], name: str, strategy: str, data: st.DataObject
) -> None:
    meter, read = METERS[name](), read_messages(messages)
    orders = {
        "drop_oldest": list, "middle_out": middle_out,
        "priority": by_priority(lambda index: weights.get(read[index].role, 0)),
    }  # fmt: skip
    wished = data.draw(st.lists(st.integers(0, len(messages) - 1), max_size=2)) if messages else []
    for limit in budgets_of(meter, messages, data):
        check_order(meter, messages, limit, STRATEGIES[strategy], orders[strategy], wished)


@settings(max_examples=max(settings().max_examples // 25, 20))  # each looks at some hundred budgets
@given(well_formed())
def test_every_budget_from_nothing_to_all(messages: Sequence[Any]) -> None:
    meter = WordMeter()
    for limit in range(total(meter, messages) + 2):
        check_order(meter, messages, limit, "drop_oldest", list, ())
        check_strategy(meter, messages, limit, "drop_oldest")


@given(histories, st.integers(0, 6), st.sampled_from(["messages", "turns"]))
def test_a_window_holds_the_last_messages_or_turns(messages: Sequence[Any], number: int, unit: Any) -> None:
    meter, read = WordMeter(), read_messages(messages)
    reference = Reference(meter, read)
    turn = [max(sum(one.role == "user" for one in read[: index + 1]), 1) for index in range(len(read))]
    turns = max(turn, default=0)

    def is_inside(begin: int) -> bool:
        inside = [group for group in reference.groups if group[0] >= begin]
        if unit == "messages":
            return sum(read[index].role not in LEADING for group in inside for index in group) <= number
        return turns - min((turn[group[0]] for group in inside), default=turns + 1) < number

    begins = [begin for begin in range(len(read) + 1) if is_inside(begin)]
    kept = [
        index for group in reference.groups if group in reference.pinned or group[0] >= min(begins) for index in group
    ]
    fitted = fitted_with(meter, messages, 10**6, KeepLast(number, unit=unit))
    assert list(fitted.kept) == kept


@given(well_formed(), st.sampled_from(["gpt-4o", "words", "words, greeting"]), st.data())
def test_a_cut_stays_until_the_watermark_is_passed(messages: Sequence[Any], name: str, data: st.DataObject) -> None:
    """Turn by turn with a memory gives what the rule without memory gives."""
    meter = METERS[name]()
    whole = total(meter, messages)
    limit = data.draw(st.integers(whole // 3, whole))
    strategy = CacheStable(high=data.draw(st.sampled_from([0.8, 1.0])), low=data.draw(st.sampled_from([0.3, 0.6])))
    check_cache_stable(meter, messages, limit, strategy, lambda given: attempt(meter, given, limit, strategy))


def check_cache_stable(
    meter: Any, messages: Sequence[Any], limit: int, strategy: CacheStable, run: Callable[[Any], Any]
) -> None:
    read, begin = read_messages(messages), 0
    for end in range(1, len(read) + 1):
        begin = _next_begin(meter, read[:end], begin, int(strategy.high * limit), int(strategy.low * limit))
        given = messages[:end]
        reference = Reference(meter, read[:end])
        kept = [
            index for group in reference.groups if group in reference.pinned or group[0] >= begin for index in group
        ]
        found = run(given)
        if total(meter, [given[index] for index in kept]) <= limit:
            assert list(found.kept) == kept


def _next_begin(meter: Any, read: Sequence[Message], begin: int, high: int, low: int) -> int:
    """One step with a memory: where the request begins is the same, or as much later as it takes."""
    groups = reference_groups(read)
    leading = [index for index, one in enumerate(read) if one.role in LEADING]
    users = [index for index, one in enumerate(read) if one.role == "user"]
    last = users[-1] if users else groups[-1][0]

    def size(begin: int) -> int:
        return meter.total([read[index] for index in range(len(read)) if index >= begin or index in leading])

    if size(begin) > high:
        later = [group[0] for group in groups if begin <= group[0] <= last]
        begin = next((one for one in later if size(one) <= low), max(later, default=begin))
    return begin


@given(histories, st.data())
def test_texts_are_cut_to_one_length_and_no_more_than_it_takes(messages: Sequence[Any], data: st.DataObject) -> None:
    meter = WordMeter()
    strategy = Truncate(
        ("user", "tool"), side=data.draw(st.sampled_from(["head", "tail", "middle"])),
        at=data.draw(st.sampled_from(["token", "line", "sentence"])), least=data.draw(st.integers(0, 4)), marker=" #",
        pinned=data.draw(st.booleans()),
    )  # fmt: skip
    for limit in budgets_of(meter, messages, data):
        check_truncate(meter, messages, limit, strategy)


def check_truncate(meter: Any, messages: Sequence[Any], limit: int, strategy: Truncate) -> None:
    read = read_messages(messages)
    pinned = {index for group in Reference(meter, read).pinned for index in group}
    chosen = [
        index for index, one in enumerate(read)
        if one.role in ("user", "tool") and (strategy.pinned or index not in pinned)
    ]  # fmt: skip

    def cut_to(most: int) -> list[Message]:
        out = list(read)
        for index in chosen:
            cutter = Cutter(read[index].text, meter.coder, side=strategy.side, at=strategy.at, marker=strategy.marker)
            out[index] = Message(read[index].role, cutter.cut(most), tool_call_id=read[index].tool_call_id)
        return out

    floor = max(strategy.least, 1)
    longest = max((meter.text(read[index].text) for index in chosen), default=0)
    sizes = {most: meter.total(cut_to(most)) for most in range(floor, max(longest, floor) + 1)}
    found = attempt(meter, messages, limit, strategy)
    if isinstance(found, BudgetError):
        assert found.least == sizes[floor] > limit
        return
    lengths = {most for most, size in sizes.items() if size <= limit and sizes.get(most + 1, limit + 1) > limit}
    options = [[one.content for one in cut_to(most)] for most in lengths]
    assert [one.content for one in read_messages(found.messages)] in [*options, [one.content for one in read]]
    assert found.messages == tuple(messages) or sizes[max(sizes)] > limit


@given(histories, st.sampled_from(["user", "assistant"]), st.sampled_from(["words", "words, greeting"]), st.data())
def test_the_first_message_has_the_role_it_must_have(
    messages: Sequence[Any], role: str, name: str, data: st.DataObject
) -> None:
    meter = METERS[name]()
    for limit in budgets_of(meter, messages, data):
        try:
            fitted = fitted_with(meter, messages, limit, start_on=role)
        except ChatMLError:  # a pin of another role comes first, or the budget is too small
            continue
        check_result(meter, messages, limit, fitted)
        first = next((one for one in read_messages(fitted.messages) if one.role not in LEADING), None)
        assert first is None or first.role == role
        reasons = {one.reason for one in fitted.dropped}
        assert reasons <= {"oldest", "start_on", "orphan", "unanswered"}


@given(well_formed(), st.data())
def test_the_stable_prefix_is_what_the_request_before_had(messages: Sequence[Any], data: st.DataObject) -> None:
    meter = WordMeter()
    limit = data.draw(st.integers(0, total(meter, messages)))
    strategy = data.draw(st.sampled_from(["drop_oldest", CacheStable(), "middle_out"]))
    fitted = attempt(meter, messages, limit, strategy)
    ends = [index for index, one in enumerate(messages) if one["role"] == "assistant"]
    if isinstance(fitted, BudgetError):
        return
    before = attempt(meter, messages[: ends[-1]], limit, strategy) if ends else None
    same = []
    if isinstance(before, Fitted):
        for old, new in zip(before.kept, fitted.kept, strict=False):
            if old != new:
                break
            same.append(new)
    ledger = ledger_of(meter, messages)
    ledger.prices(range(len(ledger.groups)))
    assert fitted.stable_prefix == sum(ledger.costs[index] for index in same)


@given(histories, st.sampled_from(["gpt-4o", "gpt-5-mini"]), st.integers(0, 300), st.integers(0, 100))
def test_the_public_function_counts_as_count_does(messages: Sequence[Any], model: str, most: int, reserve: int) -> None:
    found: Any
    try:
        found = fit(messages, model=model, tools=[TOOL], max_tokens=most, reserve=reserve)
    except BudgetError as error:
        found = error
    if isinstance(found, BudgetError):
        assert found.asked == most - reserve < found.least
    else:
        assert found.tokens == count(found.messages, model=model, tools=[TOOL]) <= most - reserve


def test_long_histories_are_counted_little_more_than_they_are_kept() -> None:
    meter = WordMeter()
    messages = [Message("user", "word " * (index % 17)) for index in range(5_000)]
    for limit in (50, 500, 5_000):
        meter.asked = 0
        fitted = fitted_with(meter, messages, limit)
        assert meter.asked <= 1.3 * len(fitted.kept) + 20


# Negative controls: broken variants are caught


class Shortest(Strategy):
    """Drops one group more than it has to."""

    def _apply(self, draft: Draft) -> None:
        draft.keep(draft.history(), "oldest")
        rest = [group for group in draft.kept if group not in draft.ledger.pinned]
        if rest and draft.stages:
            draft.narrow([group for group in draft.kept if group != rest[0]], "oldest")


class Unpinned(Strategy):
    """Keeps the newest, whatever is pinned."""

    def _apply(self, draft: Draft) -> None:
        while draft.kept and draft.tokens() > draft.limit:
            draft.narrow(draft.kept[1:], "oldest")


class Unchecked(Strategy):
    """Believes that a message has ten tokens."""

    def _apply(self, draft: Draft) -> None:
        draft.kept = draft.kept[-max(draft.limit // 10, 1) :]


class Restless(Strategy):
    """Drops the oldest half each time it is asked."""

    def _apply(self, draft: Draft) -> None:
        pinned = draft.ledger.pinned
        rest = [group for group in draft.kept if group not in pinned]
        draft.narrow(sorted([*pinned, *rest[len(rest) // 2 :]]), "oldest")
        draft.keep(draft.history(), "oldest")


@pytest.mark.parametrize("broken", [Shortest(), Unpinned(), Unchecked(), Restless()])
def test_broken_strategies_are_caught(broken: Strategy) -> None:
    def check(pair: tuple[Any, int]) -> None:
        messages, share = pair
        meter = WordMeter()
        limit = total(meter, messages) * share // 100
        check_strategy(meter, messages, limit, broken)
        check_order(meter, messages, limit, broken, list, ())

    assert catches(check, st.tuples(histories, st.integers(0, 100)))


def test_groups_without_ids_or_without_order_are_caught() -> None:
    class ByPlace(Grouper):
        def _next_open(self, identity: str | None) -> Any:
            return super()._next_open(identity and None)

    class Neighbours(Grouper):
        def _add_result(self, message: Message) -> int:
            self._joinable = True
            return super()._add_result(Message("tool", message.text))

    for broken in (ByPlace, Neighbours):

        def group(messages: Sequence[Message], broken: Any = broken) -> Any:
            grouper = broken()
            for message in messages:
                grouper.add(message)
            return grouper.groups()

        assert catches(lambda messages, group=group: check_groups(read_messages(messages), group), histories)


def test_a_cut_that_only_looks_at_the_newest_is_caught() -> None:
    """Without the history of cuts, the cut moves with every turn."""

    def check(messages: Sequence[Any]) -> None:
        meter = WordMeter()
        limit = total(meter, messages) // 2
        run = plan_of(limit, "drop_oldest")
        check_cache_stable(meter, messages, limit, CacheStable(), lambda given: run.apply(ledger_of(meter, given)))

    assert catches(check, well_formed())


class TooShort(Truncate):
    """Cuts three tokens more than it takes."""

    def _apply(self, draft: Draft) -> None:
        draft.limit -= 3
        super()._apply(draft)
        draft.limit += 3


class Uneven(Truncate):
    """Cuts the newest text only."""

    def _cutters(self, draft: Draft) -> dict[int, Cutter]:
        return dict(list(super()._cutters(draft).items())[-1:])


@pytest.mark.parametrize("kind", [TooShort, Uneven])
def test_broken_cuts_are_caught(kind: type[Truncate]) -> None:
    def check(pair: tuple[Any, int]) -> None:
        messages, share = pair
        meter = WordMeter()
        limit = total(meter, messages) * share // 100
        check_truncate(meter, messages, limit, kind(("user", "tool"), marker=" #", least=1))

    assert catches(check, st.tuples(histories, st.integers(40, 99)))
