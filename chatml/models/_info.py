"""A row of the model table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from chatml._errors import ConfigError

Status = Literal["exact", "fitted", "estimate"]
STATUSES: tuple[str, ...] = get_args(Status)
_TEXTS = ("name", "encoding", "dialect", "note")
_LIMITS = ("context_window", "max_input", "max_output")


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known about one model. A row that contradicts itself raises `ConfigError`.

    `context_window` is the whole window in tokens, input and output together. `max_input` is set only where the input
    has a limit of its own below the window; None means that input and output share the window. `max_output` is the
    longest answer. Each is None where it is not known.

    `status` is the best that a count of plain text messages may be called: `exact`, `fitted` (a rule that fits what was
    billed, with misses) or `estimate`. `note` says why it is not exact, or what is a guess.
    """

    name: str
    encoding: str
    dialect: str
    context_window: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    status: Status = "estimate"
    note: str = ""

    def __post_init__(self) -> None:
        for field in _TEXTS:
            self._check_text(field, getattr(self, field))
        if self.status not in STATUSES:
            problem = f"model {self.name!r} has {self.status!r}, expected one of {', '.join(STATUSES)}"
            raise ConfigError(problem, option="status")
        for field in _LIMITS:
            self._check_limit(field, getattr(self, field))

    def _check_text(self, field: str, text: object) -> None:
        may_be_empty = field == "note"
        if type(text) is not str or not (text or may_be_empty):
            expected = "a str" if may_be_empty else "a str that is not empty"
            problem = f"model {self.name!r} has {text!r}, expected {expected}"
            raise ConfigError(problem, option=field)

    def _check_limit(self, field: str, limit: object) -> None:
        if limit is None:
            return
        if type(limit) is not int or limit < 1:
            problem = f"model {self.name!r} has {limit!r}, expected a number of tokens above 0 or None"
            raise ConfigError(problem, option=field)
        if self.context_window is not None and limit > self.context_window:
            problem = f"model {self.name!r} has {limit}, more than its context_window of {self.context_window}"
            raise ConfigError(problem, option=field)
