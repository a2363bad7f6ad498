"""What a count says: tokens per message and part, and how far each number can be trusted."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import NamedTuple, TypeAlias


class Status(StrEnum):
    """How far a count can be trusted. A total has the weakest status of its parts."""

    EXACT = "exact"
    FITTED = "fitted"
    ESTIMATE = "estimate"


_ORDER = (Status.EXACT, Status.FITTED, Status.ESTIMATE)


def weakest(statuses: Iterable[Status]) -> Status:
    """The weakest of some statuses; of none it is exact."""
    return max(statuses, key=_ORDER.index, default=Status.EXACT)


class Evidence(NamedTuple):
    """Why a number has its status: of `fitted` the share of recorded bills that agreed, of `estimate` a bound.

    `share` is 0 to 1. `bound` is in tokens, either way: the largest difference that was seen, or that is possible; None
    where no difference can be ruled out.
    """

    status: Status
    share: float | None = None
    bound: int | None = None


EXACT = Evidence(Status.EXACT)
FITTED = Evidence(Status.FITTED)


def joined(*evidences: Evidence) -> Evidence:
    """The evidence of a sum: the weakest status, the least share, and of estimates the sum of the bounds."""
    status = weakest(one.status for one in evidences)
    shares = [one.share for one in evidences if one.share is not None]
    bounds = [one.bound for one in evidences if one.status is Status.ESTIMATE]
    bound = sum(bounds) if bounds and None not in bounds else None  # type: ignore[arg-type]  # None is looked for
    return Evidence(status, min(shares, default=None), bound)


class MessageCount(NamedTuple):
    r"""The tokens of one message. `header` is its role and name, `framing` its markers and the space between turns.

    Where header and content are one run of text ("user\n" and what follows), the header counts as if it stood alone.
    `tool_calls` are the calls that it makes, `media` its images and other parts that are no text. `source` is the index
    of the message that was given; None for what the dialect adds, such as a default system text.
    """

    source: int | None
    role: str
    name: str | None
    header: int
    content: int
    framing: int
    status: Status
    tool_calls: int = 0
    media: int = 0
    share: float | None = None
    bound: int | None = None

    @property
    def total(self) -> int:
        """All tokens of the message."""
        return self.header + self.content + self.framing + self.tool_calls + self.media


class Part(NamedTuple):
    """The tokens of something that is no message: the reply priming, tools, tool choice, response format.

    `share` and `bound` are those of `Evidence`: the share of recorded bills that a fitted rule agreed with, and the
    tokens by which an estimate may be off.
    """

    name: str
    tokens: int
    status: Status
    share: float | None = None
    bound: int | None = None


Counted: TypeAlias = MessageCount | Part


class Measure(NamedTuple):
    """What a request costs, in tokens.

    `total` is the sum of `messages` and `parts`. `window` is the model's context window, input and output together
    (None: not known), `remaining` what of it is left (negative: too long); `max_input` and `max_output` are its other
    limits, where it has them. `dialect` and `encoding` say what was counted.
    """

    total: int
    status: Status
    messages: tuple[MessageCount, ...]
    parts: tuple[Part, ...]
    model: str | None
    dialect: str
    encoding: str
    window: int | None
    max_input: int | None
    max_output: int | None

    @property
    def remaining(self) -> int | None:
        """Tokens left in the window."""
        return None if self.window is None else self.window - self.total

    @property
    def share(self) -> float | None:
        """Of a fitted total, the share of recorded bills with which its least sure part agreed, where it is known."""
        return self._evidence().share if self.status is Status.FITTED else None

    @property
    def bound(self) -> int | None:
        """Of an estimated total, the tokens by which it may be off; None where that is not known."""
        return self._evidence().bound

    def _evidence(self) -> Evidence:
        counted: list[Counted] = [*self.messages, *self.parts]
        return joined(*(Evidence(one.status, one.share, one.bound) for one in counted))
