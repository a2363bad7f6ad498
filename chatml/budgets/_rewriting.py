"""Strategies that make something shorter instead of dropping it: cut texts, and summaries."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from copy import copy
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, ClassVar, Literal, TypeAlias, get_args

from chatml._errors import BudgetError, ConfigError, RenderError
from chatml._messages import Message, check_role, read_messages
from chatml.budgets._cut import BORDERS, SIDES, Border, Cutter, Side
from chatml.budgets._draft import Draft, largest
from chatml.budgets._dropping import Strategy, check_choice, check_number, check_share, is_text, shown_value, tokens_of
from chatml.budgets._groups import RESULTS

Chosen: TypeAlias = "str | Collection[str] | Callable[[Message], bool]"
Summarizer: TypeAlias = "Callable[[Sequence[Message], int], str | Message | Mapping[str, Any] | None]"
WhenTooLong: TypeAlias = Literal["cut", "error"]


@dataclass(frozen=True)
class Truncate(Strategy):
    """Cut texts of chosen messages, the longest ones first.

    All are cut to at most the same number of tokens, the marker included: the largest number with which the request
    fits, but not below `least`. If not even that fits, they stay at `least`, and the next strategy goes on.

    `which` are roles, or a function of the message; by default the results of calls. `side` is the part that is taken
    away: "head", "tail" or "middle". `at` says where: at a "token", a "line" or a "sentence"; what is seen as one
    character is not parted. `marker` stands for what is gone. Pinned messages are cut only with `pinned=True`, images
    and other parts never.
    """

    name: ClassVar[str] = "truncate"
    which: Chosen = RESULTS
    _: KW_ONLY
    side: Side = "middle"
    at: Border = "token"
    marker: str = "\n[... cut ...]\n"
    least: int = 100
    pinned: bool = False

    def __post_init__(self) -> None:
        if not callable(self.which):
            roles = [self.which] if isinstance(self.which, str) else self.which
            if is_text(roles) or isinstance(roles, Mapping) or not isinstance(roles, Collection):
                problem = f"found {shown_value(self.which)}, expected a role, several, or a function of a message"
                raise ConfigError(problem, option="which")
            for role in roles:
                check_role_option(role, "which")
        check_choice(self.side, "side", SIDES)
        check_choice(self.at, "at", BORDERS)
        check_number(self.least, "least", least=0)
        if not isinstance(self.marker, str):
            raise ConfigError(f"found {shown_value(self.marker)}, expected text", option="marker")
        if not isinstance(self.pinned, bool):
            raise ConfigError(f"found {shown_value(self.pinned)}, expected True or False", option="pinned")

    def _apply(self, draft: Draft) -> None:
        if draft.fits():
            return
        cutters = self._cutters(draft)
        if not cutters:
            return

        def cut_to(most: int) -> dict[int, Message]:
            history = draft.ledger.history
            long = {index: cutter for index, cutter in cutters.items() if cutter.tokens > most}
            return {index: replace(history[index], content=cutter.cut(most)) for index, cutter in long.items()}

        def fits(most: int) -> bool:
            return draft.tokens_with(cut_to(most)) <= draft.limit

        lengths = [cutter.tokens for cutter in cutters.values()]
        floor = self._floor(next(iter(cutters.values())))
        guess = max(_level(lengths, draft.tokens() - draft.limit), floor)
        if fits(guess):
            most = largest(fits, guess, max(lengths))
        else:  # behind a cut a text may have a token more than its parts
            most = largest(fits, floor, guess - 1) if guess > floor and fits(floor) else floor
        draft.change(cut_to(most), "too_long")

    def _floor(self, cutter: Cutter) -> int:
        return max(self.least, cutter.least)

    def _cutters(self, draft: Draft) -> dict[int, Cutter]:
        """The texts that are chosen and longer than they have to be."""
        ledger, coder, cutters = draft.ledger, draft.ledger.meter.coder, dict[int, Cutter]()
        groups = draft.kept if self.pinned else [one for one in draft.kept if one not in ledger.pinned]
        for index in ledger.members(groups):
            message = ledger.history[index]
            if isinstance(message.content, str) and self._chooses(message):
                cutter = Cutter(message.content, coder, side=self.side, at=self.at, marker=self.marker)
                if cutter.tokens > self._floor(cutter):
                    cutters[index] = cutter
        return cutters

    def _chooses(self, message: Message) -> bool:
        if callable(self.which):
            return bool(self.which(message))
        return message.role == self.which if isinstance(self.which, str) else message.role in self.which


def _level(lengths: Sequence[int], excess: int) -> int:
    """The largest number to which all lengths have to go down, so that their sum loses `excess`."""
    longest = sorted(lengths, reverse=True)
    for number, length in enumerate([*longest[1:], 0], 1):
        above = sum(longest[:number])
        if above - number * length >= excess:
            return (above - excess) // number
    return 0


@dataclass(frozen=True)
class Summarize(Strategy):
    """Drop the oldest groups, and put a summary in their place that your function writes.

    What is kept is the longest row of newest groups that fits beside `allowance` tokens (int) or that share of the
    budget (float). `summarize` is called once, with the messages dropped and the number of tokens that the text of the
    summary may have, and returns text (a message of `role` is made of it), a message, or None for no summary. What it
    raises passes through. A summary that is too long is cut at the end of a sentence, or a `BudgetError`, as
    `when_too_long` says.
    """

    name: ClassVar[str] = "summarize"
    repeatable: ClassVar[bool] = False
    summarize: Summarizer
    _: KW_ONLY
    allowance: float = 0.1
    role: str = "system"
    when_too_long: WhenTooLong = "cut"

    def __post_init__(self) -> None:
        check_function(self.summarize, "summarize", "a function of messages and a number of tokens")
        check_share(self.allowance, "allowance")
        check_role_option(self.role, "role")
        check_choice(self.when_too_long, "when_too_long", get_args(WhenTooLong))

    def _apply(self, draft: Draft) -> None:
        if draft.fits():
            return
        before, allowance = draft.kept, tokens_of(self.allowance, draft.limit)
        draft.keep(draft.history(), "summarized", spare=allowance)
        kept = set(draft.kept)
        gone = draft.ledger.members(group for group in before if group not in kept)
        most = min(allowance, draft.limit - draft.tokens())
        room = most - _cost(draft, gone, Message(self.role)) if gone else 0
        if room <= 0:
            return
        message = self._read(self.summarize(tuple(draft.ledger.history.take(gone)), room))
        if message is not None:
            message = self._shortened(draft, gone, message, most)
        if message is not None:
            draft.add(gone[0], message)

    def _read(self, answer: object) -> Message | None:
        if answer is None or answer == "":
            return None
        if isinstance(answer, str):
            return Message(self.role, answer)
        if not isinstance(answer, (Message, Mapping)):
            problem = f"the function returned {shown_value(answer)}, expected text, a message or None"
            raise ConfigError(problem, option="summarize")
        try:
            message = read_messages((answer,))[0]
        except RenderError as error:
            raise ConfigError(f"the function returned no message: {error}", option="summarize") from None
        if message.tool_calls or message.role in RESULTS:
            raise ConfigError("the function returned a call or a result, expected text", option="summarize")
        return message

    def _shortened(self, draft: Draft, gone: Sequence[int], message: Message, most: int) -> Message | None:
        tokens = _cost(draft, gone, message)
        if tokens <= most:
            return message
        if self.when_too_long == "error" or not isinstance(message.content, str):
            problem = f"the summary takes {tokens} tokens, and {most} are allowed"
            hint = "let the function keep to the number it is given, or pass when_too_long='cut'"
            raise BudgetError(problem, asked=most, least=tokens, hint=hint)
        cutter = Cutter(message.content, draft.ledger.meter.coder, side="tail", at="sentence", marker="")
        room = cutter.tokens
        while tokens > most and room > 0:
            room = min(room, cutter.tokens) - (tokens - most)
            message = replace(message, content=cutter.cut(max(room, 0)))
            tokens = _cost(draft, gone, message)
        return message if tokens <= most and message.content else None


def _cost(draft: Draft, gone: Sequence[int], message: Message) -> int:
    """What a message would add to the request."""
    other = copy(draft)
    other.add(gone[0], message)
    return other.tokens() - draft.tokens()


def check_function(value: object, option: str, expected: str) -> None:
    """Raise `ConfigError` unless `value` can be called."""
    if not callable(value):
        raise ConfigError(f"found {shown_value(value)}, expected {expected}", option=option)


def check_role_option(role: object, option: str) -> None:
    """Raise `ConfigError` unless `role` is a role."""
    try:
        check_role(role)
    except RenderError as error:
        raise ConfigError(error.problem, option=option, hint=error.hint) from None
