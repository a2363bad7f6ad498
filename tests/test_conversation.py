"""`Conversation`: its size is that of a count after every change, and a change is made as a whole or not at all."""

from __future__ import annotations

import json
import os
import stat
import threading
from collections import UserList
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from fitting import AGAIN, ANSWER, CALL, HELLO, LONG, RESULT, SYSTEM, histories, mappings, turns
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test
from strategies import json_like, mutated

from chatml import (
    BudgetError,
    ChatMLError,
    ConfigError,
    CountError,
    FileError,
    Message,
    ModelInfo,
    ParseError,
    RenderError,
    count,
    get_dialect,
    get_encoding,
    get_model,
    trusted,
)
from chatml._meter import Meter
from chatml.budgets._budget import fit
from chatml.budgets._conversation import Conversation
from chatml.budgets._dropping import CacheStable, KeepLast, Priority
from chatml.budgets._fitted import Fitted
from chatml.budgets._groups import Grouper
from chatml.budgets._ledger import Ledger
from chatml.budgets._rewriting import Summarize, Truncate
from chatml.budgets._tally import Tally

TOOLS = [{"type": "function", "function": {"name": "get", "description": "Get it.", "parameters": {}}}]
OPTIONS: list[dict[str, Any]] = [
    {"model": "gpt-4o", "max_tokens": 120, "reserve": 20, "tools": TOOLS},
    {"model": "gpt-3.5-turbo-0613", "max_tokens": 100, "strategy": "middle_out", "pin": lambda one: one.text == "Hi"},
    {"dialect": "qwen2", "lossy": True, "max_tokens": 100, "strategy": [Truncate(least=2), "drop_oldest"]},
    {"dialect": "phi4", "lossy": True, "max_tokens": 80},
    {"model": "gpt-5-mini", "max_tokens": 90, "max_turns": 2, "strategy": "cache_stable"},
]
COUNTED = ("model", "dialect", "tools", "lossy")


# Changes


class Changes(RuleBasedStateMachine):
    """Any changes, beside a list and a count of it."""

    conversation: Conversation
    model: list[Any]
    options: dict[str, Any]

    def __init__(self) -> None:
        super().__init__()
        self._use(OPTIONS[0])

    def _use(self, options: dict[str, Any], messages: Any = ()) -> None:
        self.options = options
        self.before: Any = None
        self.model = list(messages)
        self.conversation = Conversation(self.model, **options)

    @rule(options=st.sampled_from(OPTIONS), messages=histories)
    def begin(self, options: dict[str, Any], messages: list[Any]) -> None:
        """Another conversation."""
        self._use(options, messages)

    @rule(messages=turns())
    def append(self, messages: list[Any]) -> None:
        """One after the other."""
        for message in messages:
            self.conversation.append(message)
        self.model += messages

    @rule(messages=mappings)
    def extend(self, messages: list[Any]) -> None:
        """Many at once."""
        self.conversation.extend(iter(messages))
        self.model += messages

    @rule(place=st.integers(-99, 99))
    def pop(self, place: int) -> None:
        """One less."""
        if self.model:
            place %= len(self.model)
            assert self.conversation.pop(place) is self.model.pop(place)

    @rule(place=st.integers(0, 99), messages=turns())
    def edit(self, place: int, messages: list[Any]) -> None:
        """Another one in its place."""
        if self.model:
            place %= len(self.model)
            self.conversation.edit(place - len(self.model), messages[0])
            self.model[place] = messages[0]

    @rule()
    def fork(self) -> None:
        """What happens to one does not happen to the other."""
        other = self.conversation.fork()
        self.conversation.append(HELLO)
        assert list(other) == self.model
        self.conversation = other

    @rule(bad=st.sampled_from([5, {"role": "user"}, {"role": "a b", "content": ""}]), some=mappings)
    def fail(self, bad: Any, some: list[Any]) -> None:
        """What is wrong changes nothing."""
        with pytest.raises(RenderError):
            self.conversation.extend([*some, bad])

    @invariant()
    def is_what_it_says(self) -> None:
        """The messages, their tokens, and what fits."""
        counted = {key: value for key, value in self.options.items() if key in COUNTED}
        assert all(one is other for one, other in zip(self.conversation, self.model, strict=True))
        assert len(self.conversation) == len(self.model)
        assert self.conversation.tokens == count(self.model, **counted)
        assert self.conversation.turns == sum(one.role == "user" for one in self.conversation._tally.made)
        try:
            expected: Any = fit(self.model, **self._fit_options())
        except BudgetError as error:
            expected = str(error)
        try:
            found: Any = self.conversation.fit()
        except BudgetError as error:
            found = str(error)
        assert found == expected
        if isinstance(self.before, tuple):  # what was returned before the last change
            old, same = self.before
            assert (old.dropped, old.stable_prefix, old.status) == (same.dropped, same.stable_prefix, same.status)
        self.before = (found, expected) if isinstance(found, Fitted) else None

    def _fit_options(self) -> dict[str, Any]:
        options = dict(self.options)
        most = options.pop("max_turns", None)
        strategy = options.get("strategy", "drop_oldest")
        listed = strategy if isinstance(strategy, list) else [strategy]
        return {**options, "strategy": [KeepLast(most, unit="turns"), *listed] if most else strategy}


def run(examples: int, **options: Any) -> None:
    run_state_machine_as_test(Changes, settings=settings(max_examples=examples, stateful_step_count=12, **options))


def test_any_changes() -> None:
    run(max(settings().max_examples // 4, 100))


class Forgetful(Tally):
    """Counts a new message alone, whatever group it joins."""

    def _count_from(self, begin: int, *, is_new: bool) -> None:
        super()._count_from(max(begin, len(self.costs)), is_new=is_new)


class Deaf(Tally):
    """Does not hear of a first system message that comes later."""

    def _leads(self, size: int) -> bool:
        return super()._leads(size) and not size


class Lazy(Tally):
    """Counts nothing but the message that was changed."""

    def _set(self, given: Any, made: Any, costs: list[int], same: Any = None) -> None:
        super()._set(given, made, costs, same and {(one, one + 1) for one in range(-1, len(made))} | same)


class Shared(Tally):
    """Forgets that a result still looks at its lists."""

    def ledger(self, wished: Any) -> Ledger:
        found = super().ledger(wished)
        self._is_shared = self.grouper._is_shared = False
        return found


@pytest.mark.parametrize("kind", [Tally, Shared])
def test_a_result_still_looks_at_what_was(kind: type[Tally], monkeypatch: pytest.MonkeyPatch) -> None:
    """A late result makes one group of all that stands between it and its call."""
    monkeypatch.setattr("chatml.budgets._conversation.Tally", kind)
    messages = [CALL, *[HELLO, ANSWER] * 9, AGAIN]
    conversation = Conversation(messages, model="gpt-4o", max_tokens=40)
    fitted, expected = conversation.fit(), fit(messages, model="gpt-4o", max_tokens=40)
    conversation.append(RESULT)
    if kind is Shared:
        with pytest.raises(IndexError):
            _ = fitted.dropped
    else:
        assert fitted.dropped == expected.dropped


@pytest.mark.parametrize("broken", [Forgetful, Deaf, Lazy])
def test_broken_tallies_are_caught(broken: type[Tally], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatml.budgets._conversation.Tally", broken)
    with pytest.raises((AssertionError, ExceptionGroup)):
        run(1_000, derandomize=True, database=None, phases=[Phase.generate])


def test_an_appended_result_changes_the_cost_of_its_group_only(monkeypatch: pytest.MonkeyPatch) -> None:
    conversation = Conversation([HELLO, ANSWER] * 50, model="gpt-4o")
    asked = list[int]()
    plain = Meter.costs

    def costs(self: Meter, messages: Any, first: int = 0) -> list[int]:
        asked.append(len(messages))
        return plain(self, messages, first)

    monkeypatch.setattr(Meter, "costs", costs)
    for message in (CALL, RESULT, AGAIN):
        conversation.append(message)
    conversation.fit()
    conversation.fork()
    assert asked == [1, 2, 1]  # nothing is counted again
    conversation.edit(3, AGAIN)
    conversation.pop(0)
    assert asked == [1, 2, 1, 1]
    assert conversation.tokens == count(conversation.messages, model="gpt-4o")


def test_what_was_returned_does_not_change() -> None:
    conversation = Conversation(LONG, model="gpt-4o", max_tokens=40)
    messages, fitted, iterator = conversation.messages, conversation.fit(), iter(conversation)
    next(iterator)
    conversation.append(HELLO)
    conversation.pop(3)
    conversation.edit(1, ANSWER)
    assert messages == tuple(LONG)
    assert len([*iterator]) == len(LONG) - 1
    assert fitted.dropped[0].message is HELLO
    assert fitted == fit(LONG, model="gpt-4o", max_tokens=40)
    assert fitted.stable_prefix == fit(LONG, model="gpt-4o", max_tokens=40).stable_prefix


def test_pins_follow_their_messages() -> None:
    conversation = Conversation(LONG, model="gpt-4o", max_tokens=40, pin=[2, -40])
    assert {2} <= set(conversation.fit().kept)
    conversation.pop(1)
    assert conversation.fit().kept[:2] == (0, 1)
    conversation.edit(1, HELLO)
    assert conversation.fit().kept[:2] == (0, 1)
    conversation.pop(1)
    assert conversation.fit().kept[:2] != (0, 1)
    by_role = Conversation(LONG, model="gpt-4o", max_tokens=50, pin=lambda message: message.role == "developer")
    by_role.append({"role": "developer", "content": "Now be kind."})
    by_role.edit(3, {"role": "developer", "content": "Or not."})
    by_role.append(AGAIN)
    assert {0, 3, 42, 43} <= set(by_role.fit().kept)
    by_role.edit(3, ANSWER)
    assert 3 not in by_role.fit().kept


def test_a_conversation_without_a_limit_counts() -> None:
    conversation = Conversation([HELLO], dialect="chatml")
    assert (conversation.tokens, conversation.budget, conversation.remaining) == (10, None, None)
    with pytest.raises(ConfigError) as caught:
        conversation.fit()
    assert str(caught.value) == "max_tokens: no limit is known; pass max_tokens, or a model whose window is known"


def test_what_is_left() -> None:
    conversation = Conversation(model="gpt-4o", max_tokens=30, reserve=10)
    assert (len(conversation), conversation.tokens, conversation.budget, conversation.remaining) == (0, 3, 20, 17)
    conversation.extend([HELLO, ANSWER, HELLO])
    assert (conversation.tokens, conversation.remaining, conversation.turns) == (20, 0, 2)
    conversation.append(AGAIN)
    assert conversation.remaining == -6
    assert conversation.fit().kept == (1, 2, 3)


# Limits

NEXT = "start a new conversation, or pass when_full='fit' to let fit() drop messages"


def test_a_full_conversation_is_an_error_if_it_should_be() -> None:
    conversation = Conversation(model="gpt-4o", max_tokens=30, reserve=10, when_full="error")
    conversation.extend([HELLO, ANSWER])
    conversation.append(AGAIN)
    for change in (
        lambda: conversation.append(AGAIN),
        lambda: conversation.extend([ANSWER, AGAIN]),
        lambda: conversation.edit(0, {**HELLO, "content": "Hello, hello, hello"}),
    ):
        with pytest.raises(BudgetError) as caught:
            change()
        assert caught.value.asked == 20 < caught.value.least
        assert (conversation.messages, conversation.tokens) == ((HELLO, ANSWER, AGAIN), 20)
    with pytest.raises(BudgetError) as caught:
        conversation.append(AGAIN)
    assert str(caught.value) == (
        f"the conversation would have 26 tokens, and 20 are allowed (max_tokens=30 less reserve=10); {NEXT}"
    )
    conversation.append(ANSWER)  # a reply may use what is reserved for it
    assert conversation.tokens == 25
    with pytest.raises(BudgetError) as caught:
        conversation.append({**ANSWER, "content": "Hi, hi, hi, hi"})
    assert str(caught.value) == f"the conversation would have 36 tokens, and 30 are allowed (max_tokens=30); {NEXT}"
    conversation.pop()
    assert conversation.tokens == 20


def test_turns_are_limited() -> None:
    conversation = Conversation([HELLO, ANSWER], model="gpt-4o", max_turns=2, when_full="error")
    conversation.append(AGAIN)
    with pytest.raises(BudgetError) as caught:
        conversation.append(AGAIN)
    assert str(caught.value) == f"the conversation would have 3 turns, and 2 are allowed; {NEXT}"
    assert (caught.value.asked, caught.value.least, conversation.turns) == (2, 3, 2)
    with pytest.raises(BudgetError):
        Conversation([HELLO] * 3, model="gpt-4o", max_turns=2, when_full="error")
    growing = Conversation(LONG, model="gpt-4o", max_turns=2)
    assert growing.fit().kept == (0, 39, 40, 41)
    assert {one.reason for one in growing.fit().dropped} == {"outside_window"}


def test_a_refused_call_leaves_no_trace() -> None:
    conversation = Conversation([HELLO], model="gpt-4o", max_tokens=25, when_full="error")
    with pytest.raises(BudgetError):
        conversation.extend([CALL, RESULT])
    conversation.append({**RESULT, "content": ""})
    assert conversation.tokens == count(conversation.messages, model="gpt-4o")
    assert conversation._tally.grouper.groups().orphans == {1}


# Errors

PLACE = "expected the index of one of 3 messages"
INT = "found a value of type int, expected a message: a mapping or a Message"
ROLE = "found 'User', expected a role of the form [a-z][a-z0-9_-]{0,63}; write 'user'"
LIST = "expected a list of messages"


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (lambda one: one.append(5), RenderError, f"messages[3]: {INT}"),
        (lambda one: one.append({"role": "User", "content": ""}), RenderError, f"messages[3].role: {ROLE}"),
        (lambda one: one.extend([AGAIN, 5]), RenderError, f"messages[4]: {INT}"),
        (lambda one: one.extend(5), RenderError, f"messages: found a value of type int, {LIST}"),
        (lambda one: one.extend(AGAIN), RenderError, f"messages: found a value of type dict, {LIST}"),
        (lambda one: one.edit(1, 5), RenderError, f"messages[1]: {INT}"),
        (lambda one: one.edit(3, AGAIN), ConfigError, f"index: found 3, {PLACE}"),
        (lambda one: one.pop(-4), ConfigError, f"index: found -4, {PLACE}"),
        (lambda one: one.pop(True), ConfigError, f"index: found True, {PLACE}"),
        (lambda one: one.pop("1"), ConfigError, f"index: found '1', {PLACE}"),
        (lambda one: one.pop(10**5000), ConfigError, f"index: found a number that is too long, {PLACE}"),
    ],
)  # fmt: skip
def test_wrong_changes(change: Any, kind: type[ChatMLError], text: str) -> None:
    conversation = Conversation([HELLO, ANSWER, AGAIN], model="gpt-4o")
    with pytest.raises(kind) as caught:
        change(conversation)
    assert str(caught.value) == text
    assert list(conversation) == [HELLO, ANSWER, AGAIN]


def test_what_cannot_be_counted_is_not_added() -> None:
    sound = {"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "", "format": "wav"}}]}
    conversation = Conversation([HELLO], model="gpt-4o")
    with pytest.raises(CountError) as caught:
        conversation.extend([ANSWER, sound])
    assert caught.value.where() == "messages[2].content[0]"
    with pytest.raises(CountError) as caught:
        conversation.edit(0, sound)
    assert caught.value.where() == "messages[0].content[0]"
    assert (conversation.messages, conversation.tokens) == ((HELLO,), 9)
    assert len(Conversation([sound], model="gpt-4o", allow_estimate=True)) == 1


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"max_turns": 0}, "max_turns: found 0, expected a whole number from 1 to 1000000000000000"),
        ({"max_turns": 1.0}, "max_turns: found 1.0, expected a whole number from 1 to 1000000000000000"),
        ({"when_full": "drop"}, "when_full: found 'drop', expected 'fit' or 'error'"),
        ({"max_tokens": 1.0}, "max_tokens: found 1.0, expected a number of tokens (int)"),
        ({"pin": [1]}, "pin: found 1, expected the index of one of 1 messages"),
        ({"start_on": 5}, "start_on: found a value of type int, expected a role such as 'user'"),
        ({"strategy": []}, "strategy: found an empty sequence, expected at least one strategy"),
    ],
)
def test_wrong_options(options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Conversation([HELLO], model="gpt-4o", **options)
    assert str(caught.value) == text


# Threads


def test_readers_see_whole_changes() -> None:
    """Each change adds a call and its result: no reader ever sees one without the other."""
    conversation = Conversation([SYSTEM, HELLO], model="gpt-4o", max_tokens=200)
    failures, done = list[object](), threading.Event()
    sizes = {count([SYSTEM, HELLO, *[CALL, RESULT, AGAIN] * number], model="gpt-4o") for number in range(41)}

    def read() -> None:
        while not done.is_set():
            messages, fitted, other = conversation.messages, conversation.fit(), conversation.fork()
            if (len(messages) - 2) % 3 or {conversation.tokens, other.tokens} - sizes or (len(list(other)) - 2) % 3:
                failures.append(messages)
            if fitted.tokens > 200 or fitted.tokens != count(fitted.messages, model="gpt-4o"):
                failures.append(fitted)

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for _ in range(40):
        conversation.extend([CALL, RESULT, AGAIN])
    done.set()
    for reader in readers:
        reader.join()
    assert not failures
    assert len(conversation) == 122


def test_writers_come_one_after_the_other() -> None:
    conversation = Conversation(model="gpt-4o")

    def write() -> None:
        for _ in range(50):
            conversation.append(HELLO)

    writers = [threading.Thread(target=write) for _ in range(4)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert (len(conversation), conversation.tokens) == (200, 3 + 200 * 6)


# JSON

PLAIN: dict[str, Any] = {
    "model": "gpt-4o", "tools": TOOLS, "tool_choice": {"type": "function", "function": {"name": "get"}},
    "max_tokens": 200, "reserve": 20, "strategy": [KeepLast(9), Truncate(["tool"]), CacheStable()], "pin": [1],
    "start_on": "user", "max_turns": 7, "when_full": "fit", "allow_estimate": True,
}  # fmt: skip


def test_a_conversation_comes_back_from_json() -> None:
    conversation = Conversation([SYSTEM, HELLO, CALL, RESULT, Message("user", "\ud800 é")], **PLAIN)
    text = conversation.to_json()
    assert text.isascii()
    other = Conversation.from_json(text)
    assert other.to_json() == text
    assert (other.tokens, other.remaining, other.turns) == (conversation.tokens, conversation.remaining, 2)
    assert [Message.from_mapping(one) for one in other.messages] == conversation._tally.made
    assert other.fit().kept == conversation.fit().kept
    assert json.loads(text)["options"]["strategy"][1] == {
        "name": "truncate", "which": ["tool"], "side": "middle", "at": "token", "marker": "\n[... cut ...]\n",
        "least": 100, "pinned": False,
    }  # fmt: skip


@given(histories)
def test_any_conversation_comes_back_from_json(messages: list[Any]) -> None:
    conversation = Conversation(messages, model="gpt-4o", max_tokens=100)
    other = Conversation.from_json(conversation.to_json())
    assert other._tally.made == conversation._tally.made
    assert (other.tokens, other.budget) == (conversation.tokens, conversation.budget)
    assert [one.tool_call_id for one in other._tally.made] == [one.tool_call_id for one in conversation._tally.made]


def test_named_objects_are_saved_by_name() -> None:
    options: dict[str, Any] = {"dialect": get_dialect("qwen2"), "encoding": get_encoding("cl100k_im")}
    saved = json.loads(Conversation([HELLO], **options).to_json())
    assert (saved["options"]["dialect"], saved["options"]["encoding"]) == ("qwen2", "cl100k_im")
    assert saved["given_again"] == []
    saved = json.loads(Conversation([HELLO], model=get_model("gpt-4o")).to_json())
    assert saved["options"]["model"] == "gpt-4o"


def test_objects_of_ones_own_are_given_again() -> None:
    mine = ModelInfo("gpt-4o", "o200k_im", "openai-im-sep", 50)
    text = Conversation([HELLO], model=mine).to_json()
    assert json.loads(text)["given_again"] == ["model"]
    assert Conversation.from_json(text, model=mine).budget == 50
    unknown = ModelInfo("mine", "o200k_im", "openai-im-sep", 50)
    assert json.loads(Conversation([HELLO], model=unknown).to_json())["given_again"] == ["model"]


def test_any_mapping_and_sequence_is_saved() -> None:
    given = MappingProxyType({"role": "user", "content": "x", "seen": UserList([MappingProxyType({"a": 1})])})
    other = Conversation.from_json(Conversation([given], model="gpt-4o").to_json())
    assert other.messages == ({"role": "user", "content": "x", "seen": [{"a": 1}]},)


def test_messages_that_have_no_mapping() -> None:
    clash = Message("user", "x", extra={"role": "user"})
    with pytest.raises(RenderError) as caught:
        Conversation([HELLO, clash], model="gpt-4o").to_json()
    assert str(caught.value) == "messages[1].extra['role']: form chat has a key of this name itself"


def test_what_json_cannot_hold_is_given_again() -> None:
    options: dict[str, Any] = {"strategy": Summarize(lambda *_: ""), "pin": lambda one: one.text == "Hi"}
    text = Conversation(LONG, model="gpt-4o", **options).to_json()
    with pytest.raises(ConfigError) as caught:
        Conversation.from_json(text, pin=[0])
    assert str(caught.value) == (
        "strategy: the conversation was saved without strategy, which JSON cannot hold; pass strategy= again"
    )
    other = Conversation.from_json(text, max_tokens=300, **options)
    assert (other.budget, other._wished) == (300, list(range(2, 42, 2)))
    for kept in (Priority(len), [Truncate(lambda _: True)]):
        saved = json.loads(Conversation([HELLO], model="gpt-4o", strategy=kept).to_json())
        assert saved["given_again"] == ["strategy"]


def test_trust_is_not_saved() -> None:
    picture = {"role": "user", "content": trusted("<|image_pad|>")}
    other = Conversation.from_json(Conversation([picture], dialect="qwen2").to_json())
    assert type(other.messages[0]["content"]) is str  # type: ignore[index]  # it is a mapping


def test_messages_that_json_cannot_hold() -> None:
    for value in ({1, 2}, b"x", float("nan"), object()):
        conversation = Conversation([HELLO, {**ANSWER, "seen": value}], model="gpt-4o")
        with pytest.raises(RenderError) as caught:
            conversation.to_json()
        hint = "a saved conversation holds text, numbers, lists and mappings"
        assert str(caught.value) == f"messages[1]: found a value that JSON cannot hold; {hint}"


def saved(**changes: Any) -> str:
    return json.dumps({"chatml_conversation": 1, "options": {}, "given_again": [], "messages": [], **changes})


KEYS = "expected an object with chatml_conversation, given_again, messages, options"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("[1]", f"found a value of type list, {KEYS}"),
        (saved(more=1), f"found a value of type dict, {KEYS}"),
        ('{"a": NaN}', "this is not valid JSON: found NaN"),
        ("[" * 100_000, "the JSON is nested too deeply"),
        (saved(chatml_conversation=2), "found 2 for chatml_conversation, expected 1"),
        (saved(chatml_conversation=True), "found True for chatml_conversation, expected 1"),
        (saved(options=[]), "expected an object of options, a list of names in given_again and a list of messages"),
        (saved(options={"pins": 1}), "found the option 'pins', which a conversation does not have"),
        (saved(given_again=[5]), "found the option 5, which a conversation does not have"),
        (saved(given_again=[[]]), "found the option a value of type list, which a conversation does not have"),
    ],
)  # fmt: skip
def test_what_is_no_saved_conversation(text: str, error: str) -> None:
    with pytest.raises(ParseError) as caught:
        Conversation.from_json(text)
    assert str(caught.value) == f"line 1, column 1: {error}; this reads what Conversation.to_json wrote"


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("", "line 1, column 1: this is not valid JSON: Expecting value"),
        ("[1,\n2", "line 2, column 2: this is not valid JSON: Expecting ',' delimiter"),
    ],
)
def test_what_is_no_json(text: str, error: str) -> None:
    with pytest.raises(ParseError) as caught:
        Conversation.from_json(text)
    assert str(caught.value) == error


def test_numbers_that_python_does_not_read() -> None:
    with pytest.raises(ParseError) as caught:
        Conversation.from_json(saved(messages=1).replace("1}", "1" * 5_000 + "}"))
    assert str(caught.value).startswith("line 1, column 1: this is not valid JSON: Exceeds the limit")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        (5, "text: found int, expected str; decode bytes first"),
        (saved(options={"strategy": "x"}), "strategy: found 'x', expected a list of strategies"),
        (saved(options={"model": "gpt-4o", "pin": [0]}), "pin: found 0, expected the index of one of 0 messages"),
        (saved(options={"model": "gpt-4o"}, messages=[5]), f"messages[0]: {INT}"),
        (saved(), "model: neither a model nor a dialect is given; pass model='gpt-4o' or dialect='chatml'"),
    ],
)  # fmt: skip
def test_saved_conversations_that_do_not_hold(text: Any, error: str) -> None:
    with pytest.raises(ChatMLError) as caught:
        Conversation.from_json(text)
    assert str(caught.value) == error


NAMES = sorted(Conversation.__init__.__kwdefaults__ or ())


@given(st.data())
def test_hostile_json_raises_typed_errors(data: st.DataObject) -> None:
    plain = json.loads(Conversation([HELLO, CALL, RESULT], **PLAIN).to_json())
    options = data.draw(st.dictionaries(st.sampled_from(NAMES), json_like, max_size=2))
    plain["options"] |= options
    plain["messages"] += data.draw(st.lists(json_like, max_size=1))
    try:
        text = json.dumps(plain)
    except (TypeError, ValueError):  # bytes
        return
    if data.draw(st.booleans()):
        text = data.draw(mutated(text))
    with suppress(ChatMLError):
        Conversation.from_json(text).fit()


# Files


def test_a_conversation_comes_back_from_a_file(tmp_path: Path) -> None:
    conversation, path = Conversation(LONG, **PLAIN), tmp_path / "talk.json"
    conversation.save(path)
    assert Conversation.load(path).messages == conversation.messages
    assert Conversation.load(str(path), max_tokens=99).budget == 79
    path.chmod(0o640)
    conversation.pop()
    conversation.save(str(path))
    assert len(Conversation.load(path)) == len(LONG) - 1
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert os.listdir(tmp_path) == ["talk.json"]


def test_a_file_is_replaced_as_a_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "talk.json"
    Conversation([HELLO], model="gpt-4o").save(path)
    before = path.read_text()

    def fails(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fails)
    with pytest.raises(FileError) as caught:
        Conversation(LONG, model="gpt-4o").save(path)
    assert str(caught.value) == f"{path}: it cannot be written: No space left on device"
    assert path.read_text() == before
    assert os.listdir(tmp_path) == ["talk.json"]


@pytest.mark.skipif(os.name == "nt", reason="modes of files")
def test_a_file_keeps_its_mode_whatever_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "chat.json"
    path.touch()
    path.chmod(0o664)
    old = os.umask(0o077)
    try:
        Conversation([HELLO], model="gpt-4o").save(path)
    finally:
        os.umask(old)
    assert stat.S_IMODE(path.stat().st_mode) == 0o664


def test_a_file_that_is_too_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chatml.budgets._saved._LARGEST", 10)
    (tmp_path / "long").write_text("x" * 11)
    with pytest.raises(FileError) as caught:
        Conversation.load(tmp_path / "long")
    assert str(caught.value) == f"{tmp_path / 'long'}: the file has more than 512 MiB"


def test_a_link_is_followed(tmp_path: Path) -> None:
    target, link = tmp_path / "there.json", tmp_path / "here.json"
    target.write_text("")
    link.symlink_to(target)
    Conversation([HELLO], model="gpt-4o").save(link)
    assert link.is_symlink()
    assert Conversation.load(target).messages == (HELLO,)


@pytest.fixture
def places(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "binary").write_bytes(b"\xff{}")
    (tmp_path / "broken").write_bytes(b"[\n1,")
    os.mkfifo(tmp_path / "fifo")
    return {name: str(tmp_path / name) for name in ("binary", "broken", "fifo", "none", "none/none", ".")}


NAME_IT = "name a file that Conversation.save wrote"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("binary", "{}: byte 0 is not UTF-8"),
        ("broken", "{}:2:3: this is not valid JSON: Expecting value"),
        ("fifo", "{}: this is no regular file; " + NAME_IT),
        (".", "{}: this is no regular file; " + NAME_IT),
        ("none", "{}: it cannot be read: No such file or directory"),
    ],
)
def test_files_that_cannot_be_read(places: dict[str, str], name: str, text: str) -> None:
    with pytest.raises(ChatMLError) as caught:
        Conversation.load(places[name])
    assert str(caught.value) == text.format(places[name])


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fifo", "{}: this is no regular file; name a file, or a new one"),
        (".", "{}: this is no regular file; name a file, or a new one"),
        ("none/none", "{}: it cannot be written: No such file or directory"),
    ],
)
def test_files_that_cannot_be_written(places: dict[str, str], name: str, text: str) -> None:
    with pytest.raises(FileError) as caught:
        Conversation([HELLO], model="gpt-4o").save(places[name])
    assert str(caught.value) == text.format(places[name])


@pytest.mark.parametrize("path", ["\0", "", 5, None, b"\xff\0"])
def test_what_is_no_path(path: Any) -> None:
    for call in (Conversation.load, Conversation([HELLO], model="gpt-4o").save):
        with pytest.raises((FileError, ConfigError)):
            call(path)
    with pytest.raises(ConfigError) as caught:
        Conversation.load(5)  # type: ignore[arg-type]  # the error is the test
    assert str(caught.value) == "path: found int, expected a path"


# The groups of a conversation that grows


def test_adding_to_a_long_history_of_open_calls_is_quick() -> None:
    """Unanswered calls are not looked through again for each result."""
    grouper = Grouper()
    looked = 0

    class Counted(list[Any]):
        def __reversed__(self) -> Iterator[Any]:
            nonlocal looked
            looked += len(self)
            return super().__reversed__()

    for number in range(3_000):
        calls = Message.from_mapping({**CALL, "tool_calls": [{**CALL["tool_calls"][0], "id": str(number)}]})
        grouper.add(calls)
    for number in range(3_000):
        grouper.add(Message("tool", "x", tool_call_id=f"none {number}"))
    grouper.groups()
    assert looked == 0
    assert len(grouper.groups()) == 6_000
