"""Messages with their groups and costs, kept up to date: a change is made as a whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import cast

from chatml._messages import Message, MessageLike
from chatml._meter import Meter
from chatml.budgets._groups import Grouper, grouped
from chatml.budgets._history import History
from chatml.budgets._ledger import UNKNOWN, Ledger, naming


class Tally:
    """The messages `given`, the same `made` to objects, and what they cost: `tokens` is what `count` gives.

    These lists only grow, where they do not give way to new ones: so a ledger can have them as they are.
    """

    def __init__(self, meter: Meter) -> None:
        self.meter = meter
        self.given: list[MessageLike] = []
        self.made: list[Message] = []
        self.costs: list[int] = []
        self.grouper = Grouper()
        self.turns = 0
        self._adds_up = meter.adds_up
        self._is_shared = False  # whether a ledger has `costs`
        self._base = meter.base(())
        self._sum = 0

    @property
    def tokens(self) -> int:
        """The tokens of the request that all messages make."""
        return self._base + self._sum

    def ledger(self, wished: Sequence[int]) -> Ledger:
        """What `fit` needs to know; later changes do not show in it."""
        history = History(self.given, cast("list[Message | None]", self.made), len(self.made))
        self._is_shared = self._adds_up  # else there are no costs, and a ledger may fill some in
        costs = self.costs if self._is_shared else list(self.costs)
        ledger = Ledger(self.meter, history, self.grouper.groups(), wished, costs)
        ledger.bases[self.made[0].role if self.made else ""] = self._base
        return ledger

    def copy(self) -> Tally:
        """The same, to go on with."""
        other = type(self)(self.meter)
        other._set(list(self.given), list(self.made), list(self.costs))
        return other

    def add(self, given: Sequence[MessageLike], made: Sequence[Message], check: Callable[[Tally], None]) -> None:
        """Add messages, and count their groups. `check` sees the result and may refuse it by raising."""
        size, state = len(self.made), (self.turns, self._base, self._sum)
        begin = min([self.grouper.add(message) for message in made], default=size)
        old = self.costs[begin:]
        self.given += given
        self.made += made
        try:
            self._count_from(begin, is_new=not size or self._leads(size))
            self.turns += sum(message.role == "user" for message in made)
            check(self)
        except BaseException:
            del self.given[size:], self.made[size:]
            self.costs[begin:] = old
            self.turns, self._base, self._sum = state
            self.grouper = grouped(History(self.given, list(self.made)).read())
            raise

    def _leads(self, size: int) -> bool:
        """Whether the first system or developer message is new: what belongs to no message depends on it."""
        return bool(self.grouper.leading) and self.grouper.leading[0] >= size

    def _count_from(self, begin: int, *, is_new: bool) -> None:
        if not self._adds_up:
            self.costs[begin:] = [UNKNOWN] * (len(self.made) - begin)
            self._base, self._sum = 0, self.meter.total(self.made)
            return
        made = self.made[begin:]
        with naming(range(begin, len(self.made))):
            costs = self.meter.costs(made)
        self._sum += sum(costs) - sum(self.costs[begin:])
        if self._is_shared and begin < len(self.costs):
            self.costs, self._is_shared = list(self.costs), False
        self.costs[begin:] = costs
        if is_new:
            self._base = self._count_base()

    def _count_base(self) -> int:
        places = [0, *self.grouper.leading[:1]] if self.made else []
        with naming(places):
            return self.meter.base([self.made[index] for index in dict.fromkeys(places)])

    def replace(self, index: int, given: MessageLike, made: Message, check: Callable[[Tally], None]) -> None:
        """Put another message in the place of one. What it makes of the groups is counted."""
        self._rebuild(index, [given], [made], check)

    def remove(self, index: int) -> MessageLike:
        """Take a message out."""
        given = self.given[index]
        self._rebuild(index, [], [], lambda _: None)
        return given

    def _rebuild(
        self, index: int, given: list[MessageLike], made: list[Message], check: Callable[[Tally], None]
    ) -> None:
        """Messages in the place of the one at `index`; groups that are the same as before are not counted again."""
        other, shift = type(self)(self.meter), len(made) - 1
        costs = [*self.costs[:index], *[UNKNOWN] * len(made), *self.costs[index + 1 :]]
        same = {
            (start, end) if end <= index else (start + shift, end + shift)
            for start, end in pairwise(self.grouper.starts)
            if not start <= index < end
        }
        all_given = [*self.given[:index], *given, *self.given[index + 1 :]]
        other._set(all_given, [*self.made[:index], *made, *self.made[index + 1 :]], costs, same)
        check(other)
        self.__dict__.update(other.__dict__)

    def _set(
        self, given: list[MessageLike], made: list[Message], costs: list[int], same: set[tuple[int, int]] | None = None
    ) -> None:
        """Take over messages with known costs, and count the groups that are not among `same` (None: all are)."""
        self.given, self.made, self.costs = given, made, costs
        self.grouper = grouped(History(given, list(made)).read())
        self.turns = sum(message.role == "user" for message in made)
        if not self._adds_up:
            self._count_from(0, is_new=True)
            return
        groups = self.grouper.groups()
        for group in range(len(groups)) if same is not None else ():
            members = groups.members(group)
            if (members.start, members.stop) not in (same or ()):
                costs[members.start : members.stop] = [UNKNOWN] * len(members)
        Ledger(self.meter, History(given, list(made)), groups, (), costs).prices(range(len(groups)))
        self._base, self._sum = self._count_base(), sum(costs)
