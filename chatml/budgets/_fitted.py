"""What a conversation became in a budget: what is kept, what is not, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from chatml._errors import ChatMLError
from chatml._measure import Status
from chatml._messages import Message, MessageLike
from chatml.budgets._draft import Draft
from chatml.budgets._ledger import Ledger

REASONS: Mapping[str, str] = {
    "oldest": "it is older than what fits",
    "middle": "it stands in the middle, and what is nearer to the ends fills the budget",
    "priority": "what has a higher priority, or the same and is newer, fills the budget",
    "outside_window": "it is older than the last messages or turns that were asked for",
    "cache_step": "it is older than the place at which the request begins until the high watermark is passed again",
    "summarized": "it is older than what fits beside the summary",
    "start_on": "the first message has to be of another role",
    "orphan": "it is a result without its call, and such go first",
    "unanswered": "it is a call without all its results, or one of those, and such go first",
    "too_long": "with this text in full the request is too long",
}
_LEADING_KEYS = (("role", "content"), ("sender", "text"), ("from", "value"))


class Reasoned:
    """What became of a message, and why: `reason` is a short code."""

    __slots__ = ()
    reason: str

    @property
    def explanation(self) -> str:
        """The reason as a sentence without a full stop."""
        return REASONS[self.reason]


@dataclass(frozen=True, slots=True)
class DroppedMessage(Reasoned):
    """A message that is not in the request: its index and itself, as given, its tokens and why.

    `reason` is a short code, `explanation` says it in words. `tokens` is None where a message has no cost of its own,
    or what it holds cannot be counted.
    """

    index: int
    message: MessageLike
    tokens: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class CutMessage(Reasoned):
    """A message that was cut: its index, its tokens before and after, and why, as a short code."""

    index: int
    before: int
    after: int
    reason: str


class Source(NamedTuple):
    """What the lazy parts of a result are made from: the state before, the state after, and that of the turn before."""

    ledger: Ledger
    draft: Draft
    earlier: Callable[[int], Sequence[tuple[int | None, Message]]]


@dataclass(frozen=True, eq=False)
class Fitted:
    """A conversation that fits: `messages` is to be sent, and has `tokens` by `count`, at most `budget`.

    Messages are the very objects that were given, but for those in `cut` and those added at the positions `added` of
    `messages`. `kept` are the indexes of the given messages that are still there. `dropped`, `status` and
    `stable_prefix` are made when they are first asked for: what was dropped has not been counted before. Until it goes,
    a result keeps the history that it was made of; a pickled copy does not.
    """

    messages: tuple[MessageLike, ...]
    tokens: int
    budget: int
    kept: tuple[int, ...]
    cut: tuple[CutMessage, ...] = ()
    added: tuple[int, ...] = ()
    _source: Source | None = field(default=None, repr=False)

    @property
    def remaining(self) -> int:
        """What is left of the budget."""
        return self.budget - self.tokens

    @cached_property
    def status(self) -> Status:
        """How far the count can be trusted."""
        draft = self._made_from.draft
        return draft.ledger.meter.status([message for _, message in draft.entries()])

    @cached_property
    def dropped(self) -> tuple[DroppedMessage, ...]:
        """The messages that are not in the request, in order, and why."""
        ledger, draft, _ = self._made_from
        reasons = _reasons(ledger, draft)
        tokens = _tokens(ledger, sorted(reasons))
        indexes = [(index, group) for group in sorted(reasons) for index in ledger.groups.members(group)]
        given = ledger.history.given
        return tuple(DroppedMessage(index, given[index], tokens[index], reasons[group]) for index, group in indexes)

    @cached_property
    def stable_prefix(self) -> int:
        """The tokens of the messages at the beginning that the request before had, too: what a prompt cache holds.

        The request before is the one to which the last assistant message was the reply: what the same call gives for
        the messages before that one. 0 where there is none, or none that fits. Tools, which stand before all messages,
        are not counted. Strategies with effects, as `Summarize` has them, are not applied again: then it is what stands
        before the first message that was dropped, cut or added.
        """
        ledger, draft, earlier = self._made_from
        roles = map(ledger.history.role, reversed(range(len(ledger.history))))
        end = next((len(ledger.history) - 1 - back for back, role in enumerate(roles) if role == "assistant"), 0)
        before, now = earlier(end) if end else (), draft.entries()
        same = 0
        while same < min(len(before), len(now)) and before[same] == now[same]:
            same += 1
        return _tokens_of_first(draft, same)

    @property
    def _made_from(self) -> Source:
        assert self._source is not None
        return self._source

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Fitted):
            return NotImplemented
        return self._fields() == other._fields()

    def __hash__(self) -> int:
        return hash((self.kept, self.tokens, self.budget))

    def _fields(self) -> tuple[Any, ...]:
        return self.messages, self.tokens, self.budget, self.kept, self.cut, self.added

    def __getstate__(self) -> dict[str, Any]:
        """What a copy is made of: everything is worked out, what it came from is left behind."""
        lazy = {"status": self.status, "dropped": self.dropped, "stable_prefix": self.stable_prefix}
        return {**self.__dict__, **lazy, "_source": None}


def _reasons(ledger: Ledger, draft: Draft) -> dict[int, str]:
    """Why each group that is not kept is not."""
    groups, reasons = ledger.groups, dict[int, str]()
    before: Sequence[int] = range(len(groups))
    for reason, kept in draft.stages:
        still = set(kept)
        reasons |= dict.fromkeys((group for group in before if group not in still), reason)
        before = kept
    for code, broken in (("orphan", groups.orphans), ("unanswered", groups.unanswered)):
        reasons |= dict.fromkeys((group for group in broken if reasons.get(group, "start_on") != "start_on"), code)
    return reasons


def _tokens(ledger: Ledger, groups: Sequence[int]) -> dict[int, int | None]:
    """The tokens of each message of some groups."""
    if not ledger.adds_up:
        return dict.fromkeys(ledger.members(groups))
    try:
        ledger.prices(groups)
    except ChatMLError:  # what one of them holds cannot be counted
        if len(groups) == 1:
            return dict.fromkeys(ledger.members(groups))
        half = len(groups) // 2
        return _tokens(ledger, groups[:half]) | _tokens(ledger, groups[half:])
    return {index: ledger.costs[index] for index in ledger.members(groups)}


def _tokens_of_first(draft: Draft, number: int) -> int:
    entries = draft.entries()[:number]
    messages, meter = [message for _, message in entries], draft.ledger.meter
    if not draft.ledger.adds_up:
        return max(meter.total(messages) - meter.total(()), 0) if messages else 0
    added = {id(one.message): one.tokens for one in draft.summaries}
    draft.ledger.prices(draft.kept)
    return sum(added[id(message)] if index is None else draft.ledger.costs[index] for index, message in entries)


def with_text(given: MessageLike, message: Message) -> MessageLike:
    """A changed message in the form of the given one."""
    if not isinstance(given, Mapping):
        return message
    key = next(content for role, content in _LEADING_KEYS if role in given)
    return {**given, key: message.content}
