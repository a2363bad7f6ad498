"""Conversations in groups: a message that makes calls, and the results that answer them, stay or go together.

A group is a row of neighbours, from the call to its last result, with whatever stands between them. All other messages
are groups of one.

- A result with an id answers the nearest call before it that has this id and no answer yet; where there is none, the
  nearest message before it whose open calls all lack ids.
- A result without an id answers by position: the nearest message before it with a call that has no answer.
- A result without an id for which there is no such call belongs to the message right before it, if that is an
  assistant's, whose text may spell the call, or another result that is no orphan.
- Every other result is an orphan, a group of its own.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from chatml._messages import Message, ToolCall
from chatml.budgets._history import Read

RESULTS = ("tool", "function")
LEADING = ("system", "developer")


@dataclass(frozen=True, slots=True)
class Groups:
    """The groups of a conversation, by number, oldest first.

    `starts` has the index of the first message of each of the `size` groups, and behind them the number of messages;
    what comes then is of messages that were added later. `orphans` are
    groups that are a result without its call; `unanswered` those with a call that lacks a result, but for the last
    group of all: its results may be still to come, and `answering` says so. `leading` are the indexes of system and
    developer messages, `last_user` that of the last user message.
    """

    starts: Sequence[int]
    size: int
    orphans: frozenset[int]
    unanswered: frozenset[int]
    answering: bool
    leading: Sequence[int]
    last_user: int | None

    def __len__(self) -> int:
        return self.size

    def members(self, group: int) -> range:
        """The indexes of the messages of a group."""
        return range(self.starts[group], self.starts[group + 1])

    def group_of(self, index: int) -> int:
        """The group of a message."""
        return bisect_right(self.starts, index, 0, self.size) - 1


class _Call:
    """A call on its way to an answer. `open`: a message of the role tool may still answer it.

    Open and answered are not opposites: a function message answers a legacy `function_call` and leaves it open.
    """

    __slots__ = ("answered", "id", "of", "open")

    def __init__(self, identity: str | None, of: _Calls) -> None:
        self.id = identity
        self.of = of
        self.open = True
        self.answered = False


class _Calls:
    """The calls of one message: how many are open, how many of those have an id, how many have no answer."""

    __slots__ = ("calls", "named", "open", "unanswered", "where")

    def __init__(self, where: int, calls: Sequence[ToolCall]) -> None:
        self.where = where
        self.calls = [_Call(call.id, self) for call in reversed(calls)]  # the first one is taken first
        self.open = self.unanswered = len(calls)
        self.named = sum(call.id is not None for call in calls)

    def first_open(self) -> _Call | None:
        while self.calls and not self.calls[-1].open:
            self.calls.pop()
        return self.calls[-1] if self.calls else None


class Grouper:
    """Makes groups of messages that come one after the other; a message costs the same, however many there are.

    `starts` is that of `Groups`, and is given to them as it is: what comes later only adds to it, or a new one is made.
    """

    def __init__(self) -> None:
        self.starts: list[int] = [0]
        self.leading: list[int] = []
        self.last_user: int | None = None
        self._orphans: list[int] = []
        self._unanswered: dict[int, _Calls] = {}
        self._by_id: dict[str, list[_Call]] = {}
        self._by_place: list[_Calls] = []
        self._nameless: list[_Calls] = []
        self._legacy: list[_Call] = []
        self._joinable = False  # whether a result without an id may belong to the message before it
        self._is_shared = False  # whether there are groups that have `starts`

    @property
    def size(self) -> int:
        """The number of messages."""
        return self.starts[-1]

    def add(self, message: Message) -> int:
        """Add a message. Returns the index at which its group begins."""
        if message.role in RESULTS and not message.tool_calls:
            return self._add_result(message)
        index = self.size
        self.starts.append(index + 1)
        if message.tool_calls:
            self._add_calls(_Calls(index, message.tool_calls), message.tool_calls)
        if message.role == "user":
            self.last_user = index
        elif message.role in LEADING:
            self.leading.append(index)
        self._joinable = message.role == "assistant"
        return index

    def add_plain(self, count: int, last_role: str) -> None:
        """Add messages that make no calls and are no results. `leading` and `last_user` stay as they are."""
        if count:
            self.starts += range(self.size + 1, self.size + count + 1)
            self._joinable = last_role == "assistant"

    def add_answered(self, count: int) -> None:
        """Add a message with calls and all its results, which stand right behind it."""
        self.starts.append(self.size + count)
        self._joinable = True

    def _add_calls(self, calls: _Calls, given: Sequence[ToolCall]) -> None:
        self._unanswered[calls.where] = calls
        self._by_place.append(calls)
        if not calls.named:
            self._nameless.append(calls)
        for call, made in zip(calls.calls, reversed(given), strict=True):
            if call.id is not None:
                self._by_id.setdefault(call.id, []).append(call)
            if made.type == "function_call":
                self._legacy.append(call)

    def _add_result(self, message: Message) -> int:
        index, begin = self.size, self.size
        call = self._next_legacy() if message.role == "function" else self._next_open(message.tool_call_id)
        if call is not None:
            self._answer(call, closes=message.role == "tool")
            begin = call.of.where
        elif self._joinable and message.tool_call_id is None:
            begin = index - 1
        if begin == index:
            self.starts.append(index + 1)
            self._orphans.append(index)
        else:
            self._join(begin, index)
        self._joinable = begin != index
        return self.starts[-2]

    def _join(self, begin: int, index: int) -> None:
        """Let the group that holds the message at `begin` go on to that at `index`, which is the new one."""
        if self._is_shared:
            self.starts, self._is_shared = list(self.starts), False
        del self.starts[bisect_right(self.starts, begin) :]
        self.starts.append(index + 1)
        while self._orphans and self._orphans[-1] >= self.starts[-2]:
            self._orphans.pop()  # it stands between a call and its result now

    def _answer(self, call: _Call, *, closes: bool) -> None:
        calls = call.of
        if not call.answered:
            call.answered = True
            calls.unanswered -= 1
            if not calls.unanswered:
                del self._unanswered[calls.where]
        if closes:
            call.open = False
            calls.open -= 1
            if call.id is not None:
                calls.named -= 1
                if calls.open and not calls.named:
                    insort(self._nameless, calls, key=attrgetter("where"))

    def _next_legacy(self) -> _Call | None:
        while self._legacy and self._legacy[-1].answered:
            self._legacy.pop()
        return self._legacy[-1] if self._legacy else None

    def _next_open(self, identity: str | None) -> _Call | None:
        if identity is None:
            return _nearest(self._by_place)
        same = self._by_id.get(identity, [])
        while same and not same[-1].open:
            same.pop()
        return same[-1] if same else _nearest(self._nameless)

    def groups(self) -> Groups:
        """The groups of all messages so far."""
        self._is_shared = True
        last = len(self.starts) - 2
        without = {bisect_right(self.starts, where) - 1 for where in self._unanswered}
        return Groups(
            starts=self.starts,
            size=last + 1,
            orphans=frozenset(bisect_right(self.starts, index) - 1 for index in self._orphans),
            unanswered=frozenset(without - {last}),
            answering=last in without,
            leading=list(self.leading),
            last_user=self.last_user,
        )


def _nearest(waiting: list[_Calls]) -> _Call | None:
    """The first open call of the last message that has any."""
    while waiting and not waiting[-1].open:
        waiting.pop()
    return waiting[-1].first_open() if waiting else None


def grouped(read: Read) -> Grouper:
    """Group a whole conversation: what `Grouper.add` does, but plain messages, which are nearly all, go in one step."""
    grouper = Grouper()
    history, roles, callers = read
    present = set(roles)
    special = {*callers, *_places(roles, present.intersection(RESULTS))}
    for index in sorted(special):
        if index >= grouper.size:
            grouper.add_plain(index - grouper.size, roles[index - 1])
            answered = _answered(history.made, index)
            if answered:
                grouper.add_answered(answered)
            else:
                grouper.add(history[index])
    grouper.add_plain(len(roles) - grouper.size, roles[-1] if roles else "")
    grouper.leading = sorted(_places(roles, present.intersection(LEADING)))
    grouper.last_user = next((index for index in reversed(range(len(roles))) if roles[index] == "user"), None)
    return grouper


def _answered(made: Sequence[Message | None], index: int) -> int:
    """How many messages a call and its results are, if they are of the usual form; else 0."""
    message = made[index]
    if message is None or not message.tool_calls:
        return 0
    calls = message.tool_calls
    end = index + 1 + len(calls)
    if end > len(made):
        return 0
    if len(calls) == 1:  # nearly all, at half of the cost
        return 2 if _answers(made[index + 1], calls[0].id) else 0
    ids = [call.id for call in calls]
    is_usual = all(map(_answers, made[index + 1 : end], ids)) and len(set(ids)) == len(ids)
    return end - index if is_usual else 0


def _answers(result: Message | None, identity: str | None) -> bool:
    return (
        result is not None and identity is not None and result.tool_call_id == identity
        and result.role == "tool" and not result.tool_calls
    )  # fmt: skip


def _places(roles: Sequence[str], wanted: Iterable[str]) -> list[int]:
    """Where the wanted roles stand."""
    places = list[int]()
    for role in wanted:
        place = -1
        for _ in range(roles.count(role)):
            place = roles.index(role, place + 1)
            places.append(place)
    return places
