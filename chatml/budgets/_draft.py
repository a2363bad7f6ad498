"""A conversation on its way into a budget: what strategies read and change."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from copy import copy
from itertools import chain, islice
from operator import attrgetter
from typing import NamedTuple

from chatml._messages import Message
from chatml.budgets._groups import LEADING
from chatml.budgets._ledger import Ledger

_FIRST_BLOCK = 16  # groups that are counted in the first step: what a block costs tells how many more may fit
_LEAST_BLOCK = 3


class Summary(NamedTuple):
    """A message that stands for dropped ones, before the message of index `place`."""

    place: int
    message: Message
    tokens: int


class Stage(NamedTuple):
    """What was kept after a step, and the code of the reason why the rest was not."""

    reason: str
    kept: Sequence[int]


class Draft:
    """What is kept so far. `kept` are group numbers in order, at first all; `limit` is what the request may cost.

    Strategies drop groups with `keep` and `narrow`, change messages with `change`, add with `summaries`. Pinned groups
    stay. Groups that no provider takes, orphans and unanswered calls, are the first to go, oldest first. Those behind
    the last user message are the last to go, oldest first too: they are what is being answered. `start_on` is the role
    of the first message.
    """

    def __init__(self, ledger: Ledger, limit: int, start_on: str | None = None) -> None:
        self.ledger = ledger
        self.limit = limit
        self.start_on = start_on
        self.kept: Sequence[int] = range(len(ledger.groups))
        self.stages = list[Stage]()
        self.cuts = dict[int, str]()
        self.summaries = list[Summary]()
        last_user = ledger.groups.last_user
        self._running = len(ledger.groups) if last_user is None else ledger.groups.group_of(last_user) + 1
        self._bases = dict[tuple[str, bool], int]()
        self._tokens: int | None = None

    # What strategies ask

    def history(self) -> Iterator[int]:
        """The groups that may be dropped, newest first, but for those that go before or after all others."""
        pinned, groups, end = self.ledger.pinned, self.ledger.groups, self._running
        broken = groups.orphans | groups.unanswered
        return (one for one in reversed(self.kept) if one < end and one not in pinned and one not in broken)

    def tokens(self) -> int:
        """What the request costs now."""
        if self._tokens is None:
            self._tokens = self._count()
        return self._tokens

    def _count(self) -> int:
        if not self.ledger.adds_up:
            return self._total(self.kept)
        return self.frame() + sum(self.ledger.prices(self.kept)) + sum(one.tokens for one in self.summaries)

    def fits(self) -> bool:
        """Whether the request is within the limit; counts no more than it takes to tell."""
        if not self.ledger.adds_up:
            return self.tokens() <= self.limit
        taken, tokens = self._take(self._order(self.history()), self.limit)
        return tokens <= self.limit and len(taken) == len(self.kept) - len(self.ledger.pinned)

    def frame(self) -> int:
        """What of that belongs to no message, where counts add up."""
        return self._base(self.ledger.groups.starts[self.kept[0]] if self.kept else None)

    def tokens_with(self, changes: Mapping[int, Message]) -> int:
        """What the request would cost with other messages in the place of some."""
        other = copy(self)
        other.change(changes, "")
        return other.tokens()

    # What strategies do

    def keep(self, order: Iterable[int], reason: str, spare: int = 0) -> None:
        """Keep as many groups as fit, up to the first one that does not, and drop the rest.

        `order` has those of `history`, what is to be kept first at the beginning. `spare` tokens are left free.
        """
        order, limit = self._order(order), self.limit - spare
        if not self.ledger.adds_up:
            self.narrow(sorted([*self.ledger.pinned, *self._take_whole(list(order), limit)]), reason)
            return
        taken, tokens = self._take(order, limit)
        self.narrow(sorted([*self.ledger.pinned, *taken]), reason)
        self._tokens = tokens

    def narrow(self, kept: Sequence[int], reason: str) -> None:
        """Keep only these groups, which are in order and hold the pinned ones."""
        if len(kept) < len(self.kept):
            self.kept = kept
            self._tokens = None
            self.stages = [*self.stages, Stage(reason, kept)]

    def change(self, changes: Mapping[int, Message], reason: str) -> None:
        """Put other messages in the place of some."""
        if changes:
            self.ledger = self.ledger.with_changes(changes)
            self.cuts = self.cuts | dict.fromkeys(changes, reason)
            self._bases, self._tokens = {}, None

    def add(self, place: int, message: Message) -> None:
        """Add a message that was not given before that of index `place`."""
        tokens = self.ledger.count([message], [place])[0]
        self.summaries = sorted([*self.summaries, Summary(place, message, tokens)], key=attrgetter("place"))
        self._bases, self._tokens = {}, None

    # How groups are taken

    def _order(self, history: Iterable[int]) -> Iterator[int]:
        pinned, groups = self.ledger.pinned, self.ledger.groups
        broken = groups.orphans | groups.unanswered
        running = (one for one in self._newest(self._running) if one not in pinned and one not in broken)
        if not broken:
            return chain(running, history)
        kept = set(self.kept)
        return chain(running, history, sorted((broken & kept) - pinned.keys(), reverse=True))

    def _newest(self, begin: int) -> Iterator[int]:
        for group in reversed(self.kept):
            if group < begin:
                return
            yield group

    def _take(self, order: Iterator[int], limit: int) -> tuple[list[int], int]:
        """The first groups of an order that fit beside the pinned ones, and what all of them cost."""
        ledger, starts = self.ledger, self.ledger.groups.starts
        pinned = list(ledger.pinned)
        first = starts[pinned[0]] if pinned else None
        base = self._base(first)
        begin = spent = base + sum(ledger.prices(pinned)) + sum(one.tokens for one in self.summaries)
        taken, size = list[int](), _FIRST_BLOCK
        while spent <= limit and (block := list(islice(order, size))):
            for group, price in zip(block, ledger.prices(block), strict=True):
                if first is None or starts[group] < first:
                    before, first = base, starts[group]
                    base = self._base(first)
                    price += base - before
                if spent + price > limit:
                    return taken, spent
                spent += price
                taken.append(group)
            size = _next_block(len(taken), spent - begin, limit - spent)
        return taken, spent

    def _take_whole(self, order: list[int], limit: int) -> list[int]:
        """The same where only whole requests can be counted: the number of groups is searched for."""
        pinned = list(self.ledger.pinned)

        def fits(number: int) -> bool:
            return self._total(self._started(sorted([*pinned, *order[:number]]))) <= limit

        return order[: largest(fits, 0, len(order))] if fits(0) else []

    def _base(self, first: int | None) -> int:
        """What belongs to no message, in a request whose first message that was given is `first`."""
        if not self.summaries:
            return self.ledger.base(first)
        place = self.summaries[0].place
        key = "" if first is None else self.ledger.history.role(first), first is not None and first < place
        if key not in self._bases:
            leading = self.ledger.groups.leading[:1]
            shown_first = {index: self.ledger.history[index] for index in (first, *leading) if index is not None}
            entries = self._with_summaries(sorted(shown_first.items()))
            self._bases[key] = self.ledger.meter.base([message for _, message in entries])
        return self._bases[key]

    def _with_summaries(self, entries: Iterable[tuple[int, Message]]) -> list[tuple[int | None, Message]]:
        added = [(one.place, 0, None, one.message) for one in self.summaries]
        given = [(index, 1, index, message) for index, message in entries]
        merged = sorted([*added, *given], key=lambda entry: entry[:2]) if added else given
        return [(index, message) for _, _, index, message in merged]

    def _total(self, kept: Sequence[int]) -> int:
        entries = self._entries(kept)
        summaries = iter(self.summaries)
        places = [next(summaries).place if index is None else index for index, _ in entries]
        return self.ledger.total([message for _, message in entries], places)

    # The end

    def entries(self) -> list[tuple[int | None, Message]]:
        """The messages of the request, each with the index of the one that was given; None for summaries."""
        return self._entries(self.kept)

    def _entries(self, kept: Sequence[int]) -> list[tuple[int | None, Message]]:
        indexes = self.ledger.members(kept)
        return self._with_summaries(zip(indexes, self.ledger.history.take(indexes), strict=True))

    def start(self) -> int | None:
        """See to it that the first message has the role it must have. Returns the index of one that has another one.

        Such a message is pinned.
        """
        if self.start_on is None:
            return None
        self.narrow(self._started(self.kept), "start_on")
        first = self._first_of(self.kept)
        return first if first is not None and self.ledger.history.role(first) != self.start_on else None

    def _started(self, kept: Sequence[int]) -> Sequence[int]:
        """Groups less the first ones, as far as they begin with another role and are not pinned."""
        if self.start_on is None:
            return kept
        ledger, dropped = self.ledger, set[int]()
        for group in kept:
            first = self._first_of([group])
            if first is None:
                continue
            if ledger.history.role(first) == self.start_on or group in ledger.pinned:
                break
            dropped.add(group)
        return [group for group in kept if group not in dropped] if dropped else kept

    def _first_of(self, kept: Sequence[int]) -> int | None:
        """The first message that is neither of the system nor of the developer."""
        members = (index for group in kept for index in self.ledger.groups.members(group))
        return next((index for index in members if self.ledger.history.role(index) not in LEADING), None)


def _next_block(groups: int, spent: int, room: int) -> int:
    """How many more groups are likely to fit."""
    return max(_LEAST_BLOCK, min(room * groups // max(spent, 1), 4 * groups))


def largest(fits: Callable[[int], bool], low: int, high: int) -> int:
    """The largest number from `low`, which fits, to `high`, in steps that double and then halve.

    If what fits has gaps, it is one that fits and whose successor does not.
    """
    step, too_many = 1, high + 1
    while low < high and too_many > high:
        number = min(low + step, high)
        if fits(number):
            low, step = number, 2 * step
        else:
            too_many = number
    while too_many - low > 1:
        middle = (low + too_many) // 2
        low, too_many = (middle, too_many) if fits(middle) else (low, middle)
    return low
