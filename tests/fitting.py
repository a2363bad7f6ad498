"""What the tests of budgets share: conversations with every kind of call, a second meter, and slow references.

A reference is the definition word by word: every candidate is a whole request, counted as a whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any

from hypothesis import strategies as st

from chatml import Message, Status, ToolCall
from chatml._billing import links
from chatml._messages import read_messages
from chatml._meter import target_of
from chatml.budgets._budget import Budget, Plan
from chatml.budgets._fitted import Fitted
from chatml.budgets._groups import grouped
from chatml.budgets._history import read_history
from chatml.budgets._ledger import Ledger
from chatml.budgets._strategies import read_strategies

LEADING = ("system", "developer")
RESULTS = ("tool", "function")


# By example

SYSTEM: Any = {"role": "system", "content": "Be terse."}
HELLO = {"role": "user", "content": "Hello there"}
ANSWER = {"role": "assistant", "content": "Hi"}
AGAIN = {"role": "user", "content": "And again"}
CALL: Any = {
    "role": "assistant",
    "content": None,
    "tool_calls": [{"id": "a", "type": "function", "function": {"name": "get", "arguments": "{}"}}],
}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "It is done"}
LONG = [SYSTEM, *[HELLO, ANSWER] * 20, AGAIN]


# Another meter: tokens are words


class Words:
    """An encoding whose tokens are words with the white space before them."""

    def __init__(self) -> None:
        self.ids: dict[str, int] = {}
        self.words: list[str] = []

    def text(self, text: str) -> list[int]:
        """The ids of the words of a text."""
        out = []
        for word in re.findall(r"\s*\S+|\s+", text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")):
            if word not in self.ids:
                self.ids[word] = len(self.words)
                self.words.append(word)
            out.append(self.ids[word])
        return out

    @property
    def encoding(self) -> Words:
        """What decodes."""
        return self

    def decode_bytes(self, ids: Sequence[int]) -> bytes:
        """The bytes of the words."""
        return "".join(self.words[number] for number in ids).encode()


class WordMeter:
    """4 tokens a message and one a word; a result of one of several calls costs 2 less; 3 for priming.

    With `greeting`, a request that does not begin with a system message costs that much more, as where a dialect puts
    one there. Without `adds_up` there is also one token for every change of roles, which only `total` knows.
    """

    model = None
    target = target_of("gpt-4o", None, None)

    def __init__(self, *, greeting: int = 0, adds_up: bool = True) -> None:
        self.coder = Words()
        self.greeting = greeting
        self.adds_up = adds_up
        self.asked = 0

    def text(self, text: str) -> int:
        """The words of a text."""
        return len(self.coder.text(text))

    def costs(self, messages: Sequence[Message]) -> list[int]:
        """One number per message."""
        self.asked += len(messages)
        costs = []
        for message, link in zip(messages, links(messages), strict=True):
            calls = sum(2 + self.text(call.name) for call in message.tool_calls)
            costs.append(4 + self.text(message.text) + calls - 2 * (link is not None and link.parallel))
        return costs

    def base(self, messages: Sequence[Message]) -> int:
        """Priming, and what comes before a first message that is not of the system."""
        return 3 + (0 if messages and messages[0].role == "system" else self.greeting)

    def total(self, messages: Sequence[Message]) -> int:
        """The whole request."""
        changes = sum(one.role != other.role for one, other in pairwise(messages))
        return self.base(messages) + sum(self.costs(messages)) + (0 if self.adds_up else changes)

    def status(self, messages: Sequence[Message]) -> Status:
        """How far the count can be trusted: as far as there are messages."""
        return Status.EXACT if messages else Status.FITTED


def fitted_with(
    meter: Any, messages: Iterable[Any], limit: int, strategy: Any = "drop_oldest", **options: Any
) -> Fitted:
    """What `fit` does, with any meter."""
    return plan_of(limit, strategy, options.pop("start_on", None)).apply(ledger_of(meter, messages, **options))


def plan_of(limit: int, strategy: Any, start_on: str | None = None) -> Plan:
    """A plan with a limit and strategies."""
    return Plan(Budget(limit, "a test"), read_strategies(strategy), start_on)


def ledger_of(meter: Any, messages: Iterable[Any], wished: Sequence[int] = ()) -> Ledger:
    """A ledger of some messages."""
    read = read_history(messages)
    return Ledger(meter, read.history, grouped(read).groups(), wished)


# Conversations

WORDS = [
    "Hi",
    "a",
    "the weather",
    "no",
    "one two three four five",
    "",
    "x\ny\nz",
    "End. Next one! And?",
    "é 世界 👩‍👩‍👧",
]
texts = st.lists(st.sampled_from(WORDS), max_size=4).map(" ".join)
ids = st.sampled_from(["a", "b", "call_0", None])


def _calls(pairs: list[tuple[str | None, str]], content: str) -> dict[str, Any]:
    made = [
        ({} if one is None else {"id": one}) | {"type": "function", "function": {"name": name, "arguments": "{}"}}
        for one, name in pairs
    ]
    return {"role": "assistant", "content": content or None, "tool_calls": made}


def _result(identity: str | None, content: str) -> dict[str, Any]:
    return {"role": "tool", "content": content} | ({} if identity is None else {"tool_call_id": identity})


@st.composite
def turns(draw: st.DrawFn) -> list[dict[str, Any]]:
    """One message, or a call with results in some order, whole or with holes."""
    kind = draw(st.sampled_from(["plain"] * 6 + ["calls"] * 4 + ["orphan", "legacy", "leading", "named"]))
    content = draw(texts)
    if kind == "plain":
        return [{"role": draw(st.sampled_from(["user", "user", "assistant"])), "content": content}]
    if kind == "leading":
        return [{"role": draw(st.sampled_from(LEADING)), "content": content}]
    if kind == "named":
        return [{"role": "user", "content": content, "name": "bob"}]
    if kind == "orphan":
        return [_result(draw(st.sampled_from(["a", "zzz", None])), content)]
    if kind == "legacy":
        call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}}
        return [call, {"role": "function", "name": "f", "content": content}][: draw(st.integers(1, 2))]
    pairs = draw(st.lists(st.tuples(ids, st.sampled_from(["get", "put now"])), min_size=1, max_size=3))
    results = [_result(identity, draw(texts)) for identity, _ in pairs]
    results = draw(st.permutations(results))
    if draw(st.integers(0, 4)) == 0:
        results = results[: draw(st.integers(0, len(results)))]
    if draw(st.integers(0, 6)) == 0:
        results.insert(0, {"role": draw(st.sampled_from(["user", "system"])), "content": "Wait"})
    return [_calls(pairs, draw(st.sampled_from(["", "Let me see"]))), *results]


def _flat(turns_: list[list[dict[str, Any]]]) -> list[dict[str, Any]]:
    return [message for turn in turns_ for message in turn]


mappings = st.lists(turns(), max_size=7).map(_flat)
histories = st.one_of(mappings, mappings, mappings.map(lambda given: list(read_messages(given))))


@st.composite
def well_formed(draw: st.DrawFn) -> list[dict[str, Any]]:
    """A conversation as agents have it: a system message, then questions, calls with all their results, answers."""
    out: list[dict[str, Any]] = [{"role": "system", "content": draw(texts)}] * draw(st.integers(0, 1))
    for turn in range(draw(st.integers(1, 6))):
        out.append({"role": "user", "content": draw(texts)})
        for step in range(draw(st.integers(0, 2))):
            names = [f"c{turn}{step}{number}" for number in range(draw(st.integers(1, 3)))]
            out.append(_calls([(name, "get") for name in names], ""))
            out += [_result(name, draw(texts)) for name in names]
        out.append({"role": "assistant", "content": draw(texts)})
    return out[: draw(st.sampled_from([len(out), len(out) - 1]))]


# References


def reference_groups(messages: Sequence[Message]) -> list[list[int]]:
    """Indexes in groups; the rules as they are written, one result after the other."""
    calls: list[dict[str, Any]] = []
    edges: list[tuple[int, int]] = []
    orphans: set[int] = set()
    for index, message in enumerate(messages):
        if message.role not in RESULTS or message.tool_calls:
            calls += [
                {"at": index, "id": call.id, "legacy": call.type == "function_call", "open": True, "answered": False}
                for call in message.tool_calls
            ]
            continue
        call = _reference_call(message, calls)
        if call is not None:
            call["answered"] = True
            call["open"] = call["open"] and message.role == "function"
            edges.append((call["at"], index))
        elif message.tool_call_id is None and index and _joinable(messages[index - 1], index - 1 in orphans):
            edges.append((index - 1, index))
        else:
            orphans.add(index)
        orphans -= {orphan for orphan in orphans for begin, end in edges if begin <= orphan <= end}
    inside = {at for begin, end in edges for at in range(begin, end)}  # what the group goes on behind
    groups: list[list[int]] = []
    for index in range(len(messages)):
        if index - 1 in inside:
            groups[-1].append(index)
        else:
            groups.append([index])
    return groups


def _joinable(message: Message, is_orphan: bool) -> bool:
    is_result = message.role in RESULTS and not message.tool_calls
    return not is_orphan if is_result else message.role == "assistant"


def _reference_call(message: Message, calls: list[dict[str, Any]]) -> dict[str, Any] | None:
    if message.role == "function":
        return _first_of_last([call for call in calls if call["legacy"] and not call["answered"]])
    available = [call for call in calls if call["open"]]
    if message.tool_call_id is None:
        return _first_of_last(available)
    same = _first_of_last([call for call in available if call["id"] == message.tool_call_id])
    if same is not None:
        return same
    named = {call["at"] for call in available if call["id"] is not None}
    return _first_of_last([call for call in available if call["at"] not in named])


def _first_of_last(calls: list[dict[str, Any]]) -> dict[str, Any] | None:
    last = max((call["at"] for call in calls), default=None)
    return next((call for call in calls if call["at"] == last), None)


class Reference:
    """A conversation and what may be dropped of it, by definition."""

    def __init__(self, meter: Any, messages: Sequence[Message], wished: Iterable[int] = ()) -> None:
        self.meter, self.messages = meter, list(messages)
        self.groups = reference_groups(messages)
        groups = ledger_of(meter, messages).groups
        last_user = max((index for index, one in enumerate(messages) if one.role == "user"), default=None)
        stays = {index for index, one in enumerate(messages) if one.role in LEADING} | set(wished)
        stays |= set() if last_user is None else {last_user}
        if groups.answering or (last_user is None and messages):
            stays.add(len(messages) - 1)
        self.pinned = [group for group in self.groups if stays & set(group)]
        free = [group for group in self.groups if group not in self.pinned]
        self.broken = [group for group in free if self.groups.index(group) in groups.orphans | groups.unanswered]
        sound = [group for group in free if group not in self.broken]
        self.running = [group for group in sound if last_user is not None and group[0] > last_user]
        self.history = [group for group in sound if group not in self.running]

    def after(self, history: Sequence[list[int]], limit: int) -> list[int] | None:
        """The first request that fits when groups go in this order; None where none does."""
        order = [*self.broken, *history, *self.running]
        for number in range(len(order) + 1):
            kept = sorted(index for group in [*self.pinned, *order[number:]] for index in group)
            if self.meter.total([self.messages[index] for index in kept]) <= limit:
                return kept
        return None


def middle_out(history: Sequence[list[int]]) -> list[list[int]]:
    """From the middle outwards: what is dropped last is the newest."""
    rest, order = list(history), []
    while rest:
        order.append(rest.pop())  # newest
        if rest:
            order.append(rest.pop(0))
    return order[::-1]


def by_priority(weigh: Callable[[int], float]) -> Callable[[Sequence[list[int]]], list[list[int]]]:
    """The lowest first, and the oldest of the same."""
    return lambda history: sorted(history, key=lambda group: (max(map(weigh, group)), group))


def as_messages(messages: Iterable[Any]) -> list[Message]:
    """Messages without what is no part of them."""
    return [replace(one) for one in read_messages(messages)]


def call(*names: str, ids: Sequence[str | None] = ()) -> Message:
    """An assistant message that makes calls."""
    given = ids or [f"id-{name}" for name in names]
    calls = (ToolCall(name, "{}", one) for name, one in zip(names, given, strict=True))
    return Message("assistant", tool_calls=tuple(calls))


def result(name: str, content: str = "done") -> Message:
    """The result of such a call."""
    return Message("tool", content, tool_call_id=f"id-{name}")
