"""What the groups of a history cost: asked for in blocks, counted once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain

from chatml._errors import CountError, RenderError
from chatml._messages import Message
from chatml._meter import Meter
from chatml.budgets._groups import Groups
from chatml.budgets._history import History

UNKNOWN = -1


class Ledger:
    """The costs of a history: `costs` has one number per message, or `UNKNOWN`; it may go on behind the history.

    `pinned` are the groups that are never dropped, in order, each with why. `wished` are the messages that the caller
    wants to be kept. `adds_up` says whether messages have costs at all: else only whole requests can be counted.
    `bases` is what belongs to no message, by the role of the first one.
    """

    def __init__(
        self, meter: Meter, history: History, groups: Groups, wished: Collection[int], costs: list[int] | None = None
    ) -> None:
        self.meter = meter
        self.history = history
        self.groups = groups
        self.wished = wished
        self.adds_up = meter.adds_up
        self.costs = [UNKNOWN] * len(history) if costs is None else costs
        self.pinned = _pins(groups, wished)
        self.bases: dict[str, int] = {}

    def members(self, groups: Iterable[int]) -> list[int]:
        """The indexes of the messages of some groups, which are in order."""
        starts = self.groups.starts
        return list(chain.from_iterable([range(starts[group], starts[group + 1]) for group in groups]))

    def prices(self, groups: Sequence[int]) -> list[int]:
        """The tokens of each group."""
        prices = self._known(groups)
        if min(prices, default=0) >= 0:
            return prices
        indexes = self.members(sorted(group for group, price in zip(groups, prices, strict=True) if price < 0))
        for index, cost in zip(indexes, self.count(self.history.take(indexes), indexes), strict=True):
            self.costs[index] = cost
        return self._known(groups)

    def _known(self, groups: Iterable[int]) -> list[int]:
        """What is known of that: less than 0 for groups that were not counted yet."""
        costs, starts = self.costs, self.groups.starts
        return [
            costs[begin] if (end := starts[group + 1]) - (begin := starts[group]) == 1 else sum(costs[begin:end])
            for group in groups
        ]

    def count(self, messages: Sequence[Message], indexes: Sequence[int]) -> list[int]:
        """The tokens of messages that stand at `indexes`, which are for errors."""
        with naming(indexes):
            return self.meter.costs(messages)

    def total(self, messages: Sequence[Message], indexes: Sequence[int]) -> int:
        """The tokens of a whole request."""
        with naming(indexes):
            return self.meter.total(messages)

    def base(self, first: int | None) -> int:
        """The tokens of a request that belong to no message, where `first` is the index of its first message.

        They depend on the role of that message (before which some dialects put a system message, or a bos token) and on
        the first system or developer message, with which the text of tools is joined; that one is always there.
        """
        role = "" if first is None else self.history.role(first)
        found = self.bases.get(role)
        if found is None:
            leading = self.groups.leading[0] if self.groups.leading else None
            indexes = [index for index in dict.fromkeys((first, leading)) if index is not None]
            with naming(indexes):
                found = self.bases[role] = self.meter.base(self.history.take(indexes))
        return found

    def with_changes(self, changes: Mapping[int, Message]) -> Ledger:
        """The same history with some messages in the place of others; what that does not touch is not counted again."""
        made = self.history.made[: len(self.history)]
        costs = self.costs[: len(self.history)]
        for index, message in changes.items():
            made[index] = message
            for member in self.groups.members(self.groups.group_of(index)):
                costs[member] = UNKNOWN
        return Ledger(self.meter, History(self.history.given, made, len(made)), self.groups, self.wished, costs)


@contextmanager
def naming(indexes: Sequence[int]) -> Iterator[None]:
    """Errors name the message by its place in the history."""
    try:
        yield
    except (RenderError, CountError) as error:
        if error.message is not None:
            error.message = indexes[error.message]
        raise


def _pins(groups: Groups, wished: Collection[int]) -> dict[int, str]:
    """The groups that stay, in order: system and developer messages, what the caller wishes, the last user message.

    A last group that still waits for results stays, too, and where there is no user message the last group of all: a
    request without anything to answer is none.
    """
    pinned = {groups.group_of(index): "system" for index in groups.leading}
    for index in wished:
        pinned.setdefault(groups.group_of(index), "pin")
    last = len(groups) - 1
    if groups.last_user is not None:
        pinned.setdefault(groups.group_of(groups.last_user), "user")
    if groups.answering:
        pinned.setdefault(last, "answering")
    elif groups.last_user is None and last >= 0:
        pinned.setdefault(last, "last")
    return dict(sorted(pinned.items()))
