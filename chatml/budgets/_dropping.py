"""Strategies that drop: each is a value with its own definition of what is kept.

Groups stay whole and pins stay. Where a conversation holds results without their calls, or calls without their results,
these go first; what stands behind the last user message goes last, oldest first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from itertools import chain, zip_longest
from typing import ClassVar, Literal, TypeAlias, get_args

from chatml._errors import ConfigError, shown
from chatml._messages import Message
from chatml.budgets._draft import Draft
from chatml.budgets._groups import LEADING

MOST_TOKENS = 10**15  # no window is near it, and every message about a number stays short

Unit: TypeAlias = Literal["messages", "turns"]
Weights: TypeAlias = "Callable[[Message], float] | Mapping[str, float] | Sequence[float]"


class Strategy:
    """A way into a budget. `name` is how it is called in text.

    A window keeps to something else than the budget: where it is the last strategy, the oldest is dropped for that.
    What is not repeatable has effects, and is applied once.
    """

    name: ClassVar[str] = ""
    is_window: ClassVar[bool] = False
    repeatable: ClassVar[bool] = True

    def _apply(self, draft: Draft) -> None:
        raise NotImplementedError


@dataclass(frozen=True)
class DropOldest(Strategy):
    """Drop the oldest groups: what is kept is the longest row of newest groups that fits beside the pinned ones."""

    name: ClassVar[str] = "drop_oldest"

    def _apply(self, draft: Draft) -> None:
        draft.keep(draft.history(), "oldest")


@dataclass(frozen=True)
class KeepLast(Strategy):
    """Keep the last `n` messages or turns, whether or not more would fit.

    What is kept is the longest row of newest groups with at most `n` messages, system and developer messages not
    counted, or of at most `n` turns. A turn is a user message and what follows it up to the next one; what stands
    before the first user message belongs to the first turn. If that is too much for the budget, the next strategy goes
    on, or the oldest is dropped.
    """

    name: ClassVar[str] = "keep_last"
    is_window: ClassVar[bool] = True
    n: int
    _: KW_ONLY
    unit: Unit = "messages"

    def __post_init__(self) -> None:
        check_number(self.n, "n", least=0)
        check_choice(self.unit, "unit", get_args(Unit))

    def _apply(self, draft: Draft) -> None:
        inside = set(self._in_messages(draft) if self.unit == "messages" else self._in_turns(draft))
        pinned = draft.ledger.pinned
        draft.narrow([group for group in draft.kept if group in inside or group in pinned], "outside_window")

    def _in_messages(self, draft: Draft) -> Iterator[int]:
        room = self.n
        for group in reversed(draft.kept):
            roles = map(draft.ledger.history.role, draft.ledger.groups.members(group))
            room -= sum(role not in LEADING for role in roles)
            if room < 0:
                return
            yield group

    def _in_turns(self, draft: Draft) -> Iterator[int]:
        users = 0
        total = sum(draft.ledger.history.role(index) == "user" for index in draft.ledger.members(draft.kept))
        for group in reversed(draft.kept):
            roles = map(draft.ledger.history.role, draft.ledger.groups.members(group))
            begun = sum(role == "user" for role in roles)
            users += begun
            if users + (not begun and users < total) > self.n or not self.n:
                return
            yield group


@dataclass(frozen=True)
class MiddleOut(Strategy):
    """Drop groups from the middle outwards: the newest is kept, then the oldest, the second newest, and so on.

    What is kept is the longest beginning of that row that fits.
    """

    name: ClassVar[str] = "middle_out"

    def _apply(self, draft: Draft) -> None:
        history = list(draft.history())
        half = (len(history) + 1) // 2
        pairs = zip_longest(history[:half], reversed(history[half:]))
        draft.keep([group for group in chain.from_iterable(pairs) if group is not None], "middle")


@dataclass(frozen=True)
class Priority(Strategy):
    """Drop what has the lowest priority first, and of the same priority the oldest.

    `weights` gives each message a number: a function of the message, a mapping of roles (others have 0), or one number
    per message. A group has that of its most important message. What is kept is the longest row of groups, the most
    important first, that fits.
    """

    name: ClassVar[str] = "priority"
    weights: Weights

    def __post_init__(self) -> None:
        if not (callable(self.weights) or isinstance(self.weights, (Mapping, Sequence))) or is_text(self.weights):
            problem = f"found {type(self.weights).__name__}, expected a function, a mapping of roles, or a list"
            raise ConfigError(problem, option="weights")

    def _apply(self, draft: Draft) -> None:
        history = list(draft.history())
        weigh = self._weigher(draft)
        members = draft.ledger.groups.members
        weights = {group: max(map(weigh, members(group))) for group in history}
        draft.keep(sorted(history, key=weights.__getitem__, reverse=True), "priority")  # stable: newest first

    def _weigher(self, draft: Draft) -> Callable[[int], float]:
        history, weights = draft.ledger.history, self.weights

        def weigh(index: int) -> float:
            if callable(weights):
                return _number(weights(history[index]), index)
            if isinstance(weights, Mapping):
                return _number(weights.get(history.role(index), 0), index)
            return _number(weights[index], index)

        if isinstance(weights, Sequence) and len(weights) < len(history):
            problem = f"found {len(weights)} weights, expected one for each of {len(history)} messages"
            raise ConfigError(problem, option="weights")
        return weigh


def _number(value: object, index: int) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value != value:
        raise ConfigError(f"found {shown_value(value)} for messages[{index}], expected a number", option="weights")
    return value


@dataclass(frozen=True)
class CacheStable(Strategy):
    """Drop rarely and then much, so that the beginning of the request stays the same and a cache of it serves.

    Nothing is dropped until the request has more than `high` tokens; then the oldest groups go until it has `low`. Both
    are tokens (int) or shares of the budget (float); at most the budget is used. The rule is applied to the history
    message by message from its beginning, and so depends on nothing but the messages: with the whole history given each
    time, the cut stays where it is until `high` is passed again. What is pinned, and the last user message with what
    follows, is not dropped by it; if that is too much for the budget, the oldest groups are.
    """

    name: ClassVar[str] = "cache_stable"
    is_window: ClassVar[bool] = True
    _: KW_ONLY
    high: float = 1.0
    low: float = 0.7

    def __post_init__(self) -> None:
        check_share(self.high, "high")
        check_share(self.low, "low")
        if type(self.low) is type(self.high) and self.low > self.high:
            raise ConfigError(f"found {self.low!r}, expected at most high={self.high!r}", option="low")

    def _apply(self, draft: Draft) -> None:
        high, low = (min(tokens_of(mark, draft.limit), draft.limit) for mark in (self.high, self.low))
        if low > high:
            raise ConfigError(f"found {low} tokens, expected at most high, which is {high} tokens", option="low")
        begin = self._begin(draft, high, low)
        pinned = draft.ledger.pinned
        draft.narrow([group for group in draft.kept if group >= begin or group in pinned], "cache_step")

    def _begin(self, draft: Draft, high: int, low: int) -> int:
        """The first group that is kept."""
        ledger, kept = draft.ledger, draft.kept
        prices, starts = ledger.prices(kept), ledger.groups.starts
        prices = [0 if group in ledger.pinned else price for group, price in zip(kept, prices, strict=True)]
        size, place, user = draft.frame(), 0, -1  # both in `kept`: where it begins, and where the last user message is
        for number, group in enumerate(kept):
            for index in range(starts[group], starts[group + 1]):
                size += ledger.costs[index]
                user = number if ledger.history.role(index) == "user" else user
                if size > high:
                    while size > low and place < (number if user < 0 else user):
                        size -= prices[place]
                        place += 1
        return kept[place] if kept else 0


def tokens_of(mark: float, budget: int) -> int:
    """A number of tokens, or a share of the budget, in tokens."""
    return mark if isinstance(mark, int) else int(mark * max(budget, 0))


def check_number(value: object, option: str, *, least: int) -> None:
    """Raise `ConfigError` unless `value` is a whole number from `least` on."""
    if type(value) is not int or not least <= value <= MOST_TOKENS:
        problem = f"found {shown_value(value)}, expected a whole number from {least} to {MOST_TOKENS}"
        raise ConfigError(problem, option=option)


def check_share(value: object, option: str) -> None:
    """Raise `ConfigError` unless `value` is a number of tokens or a share."""
    good = (type(value) is int and 0 < value <= MOST_TOKENS) or (type(value) is float and 0 < value <= 1)
    if not good:
        problem = f"found {shown_value(value)}, expected tokens (an int above 0) or a share (a float up to 1.0)"
        raise ConfigError(problem, option=option)


def check_choice(value: object, option: str, choices: Sequence[str]) -> None:
    """Raise `ConfigError` unless `value` is one of some words."""
    if not isinstance(value, str) or value not in choices:
        raise ConfigError(f"found {shown_value(value)}, expected {' or '.join(map(repr, choices))}", option=option)


def is_text(value: object) -> bool:
    """Whether a sequence is none of values."""
    return isinstance(value, (str, bytes, bytearray))


def shown_value(value: object) -> str:
    """Any value as an error prints it."""
    if isinstance(value, (int, float, str)) or value is None:
        try:
            text = shown(value)
        except ValueError:  # Python prints no int of more than 4,300 digits
            return "a number that is too long"
        return text if len(text) <= 100 else text[:80] + "..."
    return f"a value of type {type(value).__name__}"
