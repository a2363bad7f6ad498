"""A conversation that grows, knows its size after each change, and is cut to its budget without counting again."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from chatml._errors import BudgetError, ConfigError, RenderError, require_text
from chatml._messages import Message, MessageLike
from chatml._meter import meter_for
from chatml.budgets._budget import Pin, budget_of, known, pinned_by, plan_for
from chatml.budgets._dropping import KeepLast, check_choice, check_number, shown_value
from chatml.budgets._fitted import Fitted
from chatml.budgets._history import read_history
from chatml.budgets._rewriting import check_role_option
from chatml.budgets._saved import from_json, read_file, to_json, write_file
from chatml.budgets._strategies import StrategyLike, read_strategies
from chatml.budgets._tally import Tally
from chatml.dialects import Dialect
from chatml.models import ModelInfo

if TYPE_CHECKING:
    import tiktoken

WhenFull: TypeAlias = Literal["fit", "error"]
_NEXT = "start a new conversation, or pass when_full='fit' to let fit() drop messages"


class Conversation:
    """Messages with their sizes: each is counted once, when it is added.

    The keywords are those of `fit`, and hold for the whole conversation. `tokens` is `count(messages)` at any time.
    `append` costs the same however long the conversation is; `edit` and `pop` look at all messages and count only the
    groups that change; `fit` counts nothing again. (In the few dialects where a message has no cost of its own, each
    change counts the whole.)

    With `when_full="error"`, a change that goes beyond the budget or beyond `max_turns` user messages raises
    `BudgetError` and changes nothing; an assistant's message may use the reserve. With "fit", the conversation grows as
    it likes, and `fit` keeps to both.

    Threads may share a conversation: each method and property sees it between two changes, changes come one after the
    other, and nothing that was returned changes. What takes two calls may see a change between them.

    >>> import chatml
    >>> conversation = chatml.Conversation(model="gpt-4o", max_tokens=60, reserve=20)
    >>> conversation.append({"role": "user", "content": "Hello"})
    >>> conversation.tokens, conversation.remaining
    (8, 32)
    >>> conversation.fit().messages
    ({'role': 'user', 'content': 'Hello'},)
    """

    def __init__(
        self,
        messages: Iterable[MessageLike] = (),
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
        max_turns: int | None = None,
        when_full: WhenFull = "fit",
    ) -> None:
        meter = meter_for(
            model=model, dialect=dialect, encoding=encoding, tools=tools, functions=functions, tool_choice=tool_choice,
            response_format=response_format, api=api, lossy=lossy, allow_estimate=allow_estimate,
        )  # fmt: skip
        if max_turns is not None:
            check_number(max_turns, "max_turns", least=1)
        check_choice(when_full, "when_full", get_args(WhenFull))
        read = read_history(messages)
        by_function = pin if callable(pin) else None
        wished = pinned_by(pin, read.history) if by_function is None else []
        self._options: dict[str, Any] = {
            "model": model, "dialect": dialect, "encoding": encoding, "tools": tools, "functions": functions,
            "tool_choice": tool_choice, "response_format": response_format, "api": api, "max_tokens": max_tokens,
            "reserve": reserve, "strategy": strategy, "pin": by_function, "start_on": start_on, "lossy": lossy,
            "allow_estimate": allow_estimate, "max_turns": max_turns, "when_full": when_full,
        }  # fmt: skip
        self._budget = budget_of(meter.model, max_tokens, reserve)
        self._with_reserve = budget_of(meter.model, max_tokens, 0)
        self._strategies = read_strategies(strategy)
        if max_turns is not None and when_full == "fit":
            self._strategies = (KeepLast(max_turns, unit="turns"), *self._strategies)
        if start_on is not None:
            check_role_option(start_on, "start_on")
        self._lock = RLock()
        self._tally = Tally(meter)
        self._wished: list[int] = []
        self._add(read.history.given, list(read.history))
        self._wished += wished

    # Reading

    def __len__(self) -> int:
        with self._lock:
            return len(self._tally.given)

    def __iter__(self) -> Iterator[MessageLike]:
        return iter(self.messages)

    @property
    def messages(self) -> tuple[MessageLike, ...]:
        """All messages, as they were given."""
        with self._lock:
            return tuple(self._tally.given)

    @property
    def tokens(self) -> int:
        """The tokens of the request that the whole conversation makes."""
        with self._lock:
            return self._tally.tokens

    @property
    def budget(self) -> int | None:
        """What a request may have: the least limit, less the reserve; None where no limit is known."""
        return None if self._budget is None else self._budget.tokens

    @property
    def remaining(self) -> int | None:
        """What is left of the budget (negative: `fit` has to drop); None where no limit is known."""
        return None if self._budget is None else self._budget.tokens - self.tokens

    @property
    def turns(self) -> int:
        """The number of user messages."""
        with self._lock:
            return self._tally.turns

    def fit(self) -> Fitted:
        """Cut the conversation to its budget, as `fit` does. The conversation stays as it is.

        Raises `BudgetError`, and `ConfigError` where no limit is known.
        """
        with self._lock:
            ledger = self._tally.ledger(list(self._wished))
        target, budget = ledger.meter.target, known(self._budget, ledger.meter.model)
        return plan_for(budget, self._strategies, self._options["start_on"], target.dialect).apply(ledger)

    # Changing

    def append(self, message: MessageLike) -> None:
        """Add a message. Raises `RenderError`, what `count` raises, and `BudgetError`; then nothing is added."""
        self.extend((message,))

    def extend(self, messages: Iterable[MessageLike]) -> None:
        """Add messages, all or none. Raises what `append` raises."""
        given = messages if isinstance(messages, (str, bytes, Mapping)) else _listed(messages)
        with self._lock:
            with _counted_from(len(self._tally.given)):
                read = read_history(given)
            self._add(read.history.given, list(read.history))

    def pop(self, index: int = -1) -> MessageLike:
        """Take a message out, the last one by default, and return it."""
        with self._lock:
            place = self._place(index)
            given = self._tally.remove(place)
            self._wished = [one - (one > place) for one in self._wished if one != place]
        return given

    def edit(self, index: int, message: MessageLike) -> None:
        """Put another message in the place of one. Raises what `append` raises; then nothing is changed."""
        with self._lock:
            place = self._place(index)
            with _counted_from(place):
                made = read_history((message,)).history[0]
            wished = [one for one in self._wished if one != place or self._pin is None]
            wished += [place] if self._pin is not None and self._pin(made) else []
            self._tally.replace(place, message, made, self._check)
            self._wished = wished

    def fork(self) -> Conversation:
        """A conversation with the same messages and options, which goes its own way."""
        other: Conversation = object.__new__(type(self))
        with self._lock:
            other.__dict__.update(self.__dict__)
            other._tally, other._wished = self._tally.copy(), list(self._wished)
        other._lock = RLock()
        return other

    def _add(self, given: Sequence[MessageLike], made: Sequence[Message]) -> None:
        size = len(self._tally.given)
        wished = [size + place for place, one in enumerate(made) if self._pin(one)] if self._pin is not None else []
        self._tally.add(given, made, self._check)
        self._wished += wished

    @property
    def _pin(self) -> Any:
        return self._options["pin"]

    def _place(self, index: object) -> int:
        size = len(self._tally.given)
        if type(index) is not int or not -size <= index < size:
            problem = f"found {shown_value(index)}, expected the index of one of {size} messages"
            raise ConfigError(problem, option="index")
        return index % size

    def _check(self, tally: Tally) -> None:
        """Refuse what is too long, where that is an error."""
        if self._options["when_full"] != "error":
            return
        most = self._options["max_turns"]
        if most is not None and tally.turns > most:
            problem = f"the conversation would have {tally.turns} turns, and {most} are allowed"
            raise BudgetError(problem, asked=most, least=tally.turns, hint=_NEXT)
        answered = bool(tally.made) and tally.made[-1].role == "assistant"
        budget = self._with_reserve if answered else self._budget
        if budget is not None and tally.tokens > budget.tokens:
            problem = f"the conversation would have {tally.tokens} tokens, and {budget.said}"
            raise BudgetError(problem, asked=budget.tokens, least=tally.tokens, hint=_NEXT)

    # Saving

    def to_json(self) -> str:
        """Write messages and options as JSON, in ASCII.

        Options that JSON cannot hold (functions, own dialects and encodings) are left out, and have to be given to
        `from_json` again. Messages become mappings; trust of `trusted` text is not saved. Raises `RenderError` for a
        message that holds what JSON cannot.
        """
        with self._lock:
            messages, pin = tuple(self._tally.given), self._pin or list(self._wished)
        return to_json(messages, {**self._options, "pin": pin})

    @classmethod
    def from_json(cls, text: str, **options: Any) -> Conversation:
        """Read what `to_json` wrote; `options` are in the place of those that were saved.

        Raises `ParseError` for any other text, `ConfigError` where an option is missing that was not saved, and what
        the constructor raises.
        """
        require_text(text)
        return cls._read(text, "", options)

    @classmethod
    def _read(cls, text: str, source: str, given: Mapping[str, Any]) -> Conversation:
        messages, options = from_json(text, source, given, _NAMES)
        return cls(messages, **options)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write `to_json` to a file, which is there as a whole or as it was before. Raises `FileError` too."""
        write_file(path, self.to_json())

    @classmethod
    def load(cls, path: str | os.PathLike[str], **options: Any) -> Conversation:
        """Read a file that `save` wrote, as `from_json` does. Raises `FileError` too."""
        text, name = read_file(path)
        return cls._read(text, name, options)


@contextmanager
def _counted_from(size: int) -> Iterator[None]:
    """Errors name a message by its place in the conversation."""
    try:
        yield
    except RenderError as error:
        error.message = None if error.message is None else error.message + size
        raise


def _listed(messages: Iterable[MessageLike]) -> Iterable[MessageLike]:
    """What an iterator gives, before anything waits for it."""
    return list(messages) if isinstance(messages, Iterable) else messages


_NAMES = frozenset(Conversation.__init__.__kwdefaults__ or ())
