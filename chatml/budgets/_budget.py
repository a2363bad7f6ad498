"""Conversations cut to a budget of tokens, by the project's own count."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from chatml._errors import BudgetError, ChatMLError, ConfigError, shown
from chatml._messages import Message, MessageLike
from chatml._meter import meter_for
from chatml.budgets._draft import Draft
from chatml.budgets._dropping import MOST_TOKENS, Strategy, shown_value
from chatml.budgets._fitted import CutMessage, Fitted, Source, with_text
from chatml.budgets._groups import grouped
from chatml.budgets._history import History, read_history
from chatml.budgets._ledger import UNKNOWN, Ledger
from chatml.budgets._rewriting import check_role_option
from chatml.budgets._strategies import StrategyLike, read_strategies
from chatml.dialects import Dialect
from chatml.models import ModelInfo

if TYPE_CHECKING:
    import tiktoken

Pin: TypeAlias = "Callable[[Message], bool] | Iterable[int] | None"


class Budget(NamedTuple):
    """What a request may cost, and where that comes from. Less than 0 is possible, and too little for any request."""

    tokens: int
    origin: str

    @property
    def said(self) -> str:
        """The end of the sentence that says what is too long."""
        return f"{self.tokens} are allowed ({self.origin})"


def budget_of(model: ModelInfo | None, max_tokens: object, reserve: object) -> Budget | None:
    """The least of what the caller and the model allow, less the reserve for the reply; None where nothing is known.

    Numbers beyond 10**15 are taken as that. Raises `ConfigError` for what is no number of tokens.
    """
    if max_tokens is not None and type(max_tokens) is not int:
        raise ConfigError(f"found {shown_value(max_tokens)}, expected a number of tokens (int)", option="max_tokens")
    if type(reserve) is not int or reserve < 0:
        problem = f"found {shown_value(reserve)}, expected a number of tokens (int) from 0 on"
        raise ConfigError(problem, option="reserve")
    less = f" less reserve={_number(reserve)}" if reserve else ""
    found = []
    if type(max_tokens) is int:
        limit = max(-MOST_TOKENS, min(max_tokens, MOST_TOKENS))
        found.append(Budget(limit - min(reserve, MOST_TOKENS), f"max_tokens={_number(max_tokens)}{less}"))
    if model is not None and model.context_window is not None:
        left = model.context_window - min(reserve, MOST_TOKENS)
        found.append(Budget(left, f"a window of {model.context_window}{less}"))
    if model is not None and model.max_input is not None:
        found.append(Budget(model.max_input, f"an input of at most {model.max_input}"))
    return min(found, default=None)


def known(budget: Budget | None, model: ModelInfo | None) -> Budget:
    """The budget. Raises `ConfigError` where there is none."""
    if budget is None:
        problem = "no limit is known" + (f" for {model.name}" if model else "")
        raise ConfigError(problem, option="max_tokens", hint="pass max_tokens, or a model whose window is known")
    return budget


def _number(value: int) -> str:
    if abs(value) <= MOST_TOKENS:
        return str(value)
    return "less than -10**15" if value < 0 else "more than 10**15"


class Plan(NamedTuple):
    """How a conversation is brought into a budget, whatever it holds.

    `start_on` is the role of the first message, `or_fail` says that it is an error where a pin forbids that.
    """

    budget: Budget
    strategies: tuple[Strategy, ...]
    start_on: str | None = None
    or_fail: bool = True

    def draft(self, ledger: Ledger) -> Draft:
        """Apply the strategies."""
        draft = Draft(ledger, self.budget.tokens, self.start_on)
        for strategy in self.strategies:
            strategy._apply(draft)
        wrong = draft.start()
        if wrong is not None and self.or_fail:
            role = shown(ledger.history.role(wrong))
            problem = f"messages[{wrong}] has the role {role}, comes first and is not dropped: it is pinned"
            raise ConfigError(problem, option="start_on", hint="pin a message before it, or leave out start_on")
        return draft

    def apply(self, ledger: Ledger) -> Fitted:
        """Apply the strategies and say what became of everything."""
        draft = self.draft(ledger)
        tokens = draft.tokens()
        if tokens > self.budget.tokens:
            raise _too_long(draft, self.budget, tokens)
        kept = ledger.members(draft.kept)
        given = ledger.history.given
        messages: list[MessageLike] = [given[index] for index in kept]
        added = list[int]()
        if draft.cuts or draft.summaries:
            entries = draft.entries()
            messages = [_as_given(given, draft, entry) for entry in entries]
            added = [place for place, (index, _) in enumerate(entries) if index is None]
        source = Source(ledger, draft, lambda end: self._earlier(ledger, end))
        limit = self.budget.tokens
        return Fitted(tuple(messages), tokens, limit, tuple(kept), _cuts(ledger, draft), tuple(added), source)

    def _earlier(self, ledger: Ledger, end: int) -> Sequence[tuple[int | None, Message]]:
        """The request that the messages before `end` made."""
        history = ledger.history.until(end)
        if not all(strategy.repeatable for strategy in self.strategies):
            return list(enumerate(history.take(range(end))))
        costs = ledger.costs[:end]
        for index in ledger.groups.members(ledger.groups.group_of(end)):  # of a group that is not complete yet
            if index < end:
                costs[index] = UNKNOWN
        wished = [index for index in ledger.wished if index < end]
        before = Ledger(ledger.meter, history, grouped(history.read()).groups(), wished, costs)
        try:
            draft = self.draft(before)
            return draft.entries() if draft.tokens() <= self.budget.tokens else ()
        except ChatMLError:  # there can have been no such request
            return ()


def _as_given(given: Sequence[MessageLike], draft: Draft, entry: tuple[int | None, Message]) -> MessageLike:
    """A message of the result: the given one, or a new one in its form, or one that was added."""
    index, message = entry
    if index is None:
        return message
    return with_text(given[index], message) if index in draft.cuts else given[index]


def _cuts(ledger: Ledger, draft: Draft) -> tuple[CutMessage, ...]:
    if not draft.cuts:
        return ()
    kept = set(draft.kept)
    cut = [index for index in sorted(draft.cuts) if ledger.groups.group_of(index) in kept]
    groups = sorted({ledger.groups.group_of(index) for index in cut})
    ledger.prices(groups)
    draft.ledger.prices(groups)
    return tuple(CutMessage(index, ledger.costs[index], draft.ledger.costs[index], draft.cuts[index]) for index in cut)


_PINNED = {
    "system": "system and developer messages",
    "user": "the last user message",
    "pin": "what you pinned",
    "answering": "the call that waits for its results",
    "last": "the last message",
}


def _too_long(draft: Draft, budget: Budget, least: int) -> BudgetError:
    """Say what takes the room."""
    ledger = draft.ledger
    sizes = Counter[str]()
    if ledger.adds_up:
        for group, price in zip(draft.kept, ledger.prices(draft.kept), strict=True):
            why = ledger.pinned.get(group)
            sizes[_PINNED[why] if why else "messages that the strategy does not drop"] += price
        sizes["summaries"] = sum(one.tokens for one in draft.summaries)
        sizes["tools, schema and priming"] = least - sum(sizes.values())
    takes = ", ".join(f"{what} {size}" for what, size in sizes.items() if size)
    problem = f"the request has at least {least} tokens" + (f" ({takes})" if takes else "")
    problem += f", and {budget.said}"
    hint = "allow more, reserve less, or shorten what has to stay"
    if not all(group in ledger.pinned for group in draft.kept):
        hint = "add 'drop_oldest' behind the strategy"
    return BudgetError(problem, asked=budget.tokens, least=least, hint=hint)


def pinned_by(pin: Pin, history: History) -> list[int]:
    """The messages that the caller pins. Raises `ConfigError` for what is neither indexes nor a function."""
    if pin is None:
        return []
    if callable(pin):
        return [index for index in range(len(history)) if pin(history[index])]
    if not isinstance(pin, Iterable) or isinstance(pin, (str, bytes, Mapping)):
        problem = f"found {shown_value(pin)}, expected indexes of messages or a function of a message"
        raise ConfigError(problem, option="pin")
    found, size = set[int](), len(history)
    for index in pin:
        if type(index) is not int or not -size <= index < size:
            problem = f"found {shown_value(index)}, expected the index of one of {size} messages"
            raise ConfigError(problem, option="pin")
        found.add(index % size)
    return sorted(found)


def fit(
    messages: Iterable[MessageLike],
    *,
    model: str | ModelInfo | None = None,
    dialect: str | Dialect | None = None,
    encoding: str | tiktoken.Encoding | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
    api: Literal["chat", "responses"] = "chat",
    max_tokens: int | None = None,
    reserve: int = 0,
    strategy: StrategyLike = "drop_oldest",
    pin: Pin = None,
    start_on: str | None = None,
    lossy: bool = False,
    allow_estimate: bool = False,
) -> Fitted:
    """Cut a conversation to a budget of tokens, never over it by `count` with the same keywords.

    The budget is `max_tokens` or the model's window, whichever is less, minus `reserve` for the reply, and at most the
    model's longest input. Calls and their results stay or go together. System and developer messages, the last user
    message, and what `pin` names (indexes, or a function of a message) stay; the order stays. `strategy` says what
    goes: a name, a strategy such as `KeepLast(20)`, or several that are applied in order. `start_on` is a role with
    which the messages behind the system messages have to begin.

    Raises `BudgetError` with the least possible size when even what has to stay does not fit, `ConfigError`,
    `RenderError` and what `count` raises.

    >>> import chatml
    >>> history = [{"role": "user", "content": f"Question {number}?"} for number in range(100)]
    >>> fitted = chatml.fit(history, model="gpt-4o", max_tokens=50)
    >>> fitted.tokens, fitted.kept
    (43, (95, 96, 97, 98, 99))
    """
    meter = meter_for(
        model=model, dialect=dialect, encoding=encoding, tools=tools, functions=functions, tool_choice=tool_choice,
        response_format=response_format, api=api, lossy=lossy, allow_estimate=allow_estimate,
    )  # fmt: skip
    budget = budget_of(meter.model, max_tokens, reserve)
    if start_on is not None:
        check_role_option(start_on, "start_on")
    plan = plan_for(known(budget, meter.model), read_strategies(strategy), start_on, meter.target.dialect)
    read = read_history(messages)
    return plan.apply(Ledger(meter, read.history, grouped(read).groups(), pinned_by(pin, read.history)))


def plan_for(budget: Budget, strategies: tuple[Strategy, ...], start_on: str | None, dialect: Dialect) -> Plan:
    """A plan. In a dialect that has no header for replies, the first message is a user's if that can be."""
    if start_on is None and dialect.reply_header:
        return Plan(budget, strategies, "user", or_fail=False)
    return Plan(budget, strategies, start_on)
