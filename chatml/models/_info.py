"""A row of the model table."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from typing import Any, Literal, get_args

from chatml._errors import ConfigError, shown

Status = Literal["exact", "fitted", "estimate"]
STATUSES: tuple[str, ...] = get_args(Status)
_TEXTS = ("name", "encoding", "dialect", "note", "like", "source")
_MAY_BE_EMPTY = ("note", "like", "source")
_LIMITS = ("context_window", "max_input", "max_output")
_PRICES = ("input_price", "cached_input_price", "output_price")
MOST_TOKENS = 10**15  # no window is near it, and every message about a number stays short


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What is known about one model. A row that contradicts itself raises `ConfigError`.

    `context_window` is the whole window in tokens, input and output together. `max_input` is set only where the input
    has a limit of its own below the window; None means that input and output share the window. `max_output` is the
    longest answer. Each is None where it is not known.

    `status` is the best that a count of plain text messages may be called: `exact`, `fitted` (a rule that fits what was
    billed, with misses) or `estimate`. `note` says why it is not exact, or what is a guess.

    `like` names the model whose rules hold for this one, too, where a rule goes by name, as that of images does: see
    `base`. `source` is the file that the row comes from, empty for the built-in table. `input_price`,
    `cached_input_price` and `output_price` are US dollars for 1,000,000 tokens, None where they are not known: the
    built-in table holds no prices.
    """

    name: str
    encoding: str
    dialect: str
    context_window: int | None = None
    max_input: int | None = None
    max_output: int | None = None
    status: Status = "estimate"
    note: str = ""
    _: KW_ONLY
    like: str = ""
    source: str = ""
    input_price: float | None = None
    cached_input_price: float | None = None
    output_price: float | None = None

    @property
    def base(self) -> str:
        """The name by which rules for this model are found: `like`, or its own."""
        return self.like or self.name

    def __post_init__(self) -> None:
        for field in _TEXTS:
            self._check_text(field, getattr(self, field))
        if self.status not in STATUSES:
            raise self._error("status", self.status, f"one of {', '.join(STATUSES)}")
        for field in _LIMITS:
            self._check_limit(field, getattr(self, field))
        for field in _PRICES:
            self._check_price(field, getattr(self, field))

    def _check_text(self, field: str, text: object) -> None:
        may_be_empty = field in _MAY_BE_EMPTY
        if type(text) is not str or not (text or may_be_empty):
            raise self._error(field, text, "a str" if may_be_empty else "a str that is not empty")

    def _check_limit(self, field: str, limit: object) -> None:
        if limit is None:
            return
        if type(limit) is not int or not 0 < limit <= MOST_TOKENS:
            raise self._error(field, limit, "a number of tokens above 0 or None")
        if self.context_window is not None and limit > self.context_window:
            problem = f"model {printed(self.name)} has {limit}, more than its context_window of {self.context_window}"
            raise ConfigError(problem, option=field)

    def _check_price(self, field: str, price: object) -> None:
        if price is None:
            return
        if type(price) not in (int, float) or not is_price(price):
            raise self._error(field, price, "dollars for 1,000,000 tokens from 0 on, or None")

    def _error(self, field: str, found: object, expected: str) -> ConfigError:
        return ConfigError(f"model {printed(self.name)} has {printed(found)}, expected {expected}", option=field)


def replaced(row: ModelInfo, place: str, **changes: Any) -> ModelInfo:
    """A row with other values of fields. Raises `ConfigError` with the place in a file that they come from."""
    try:
        return replace(row, **changes)
    except ConfigError as error:
        error.option = f"{place}.{error.option}"
        raise


def is_price(price: object) -> bool:
    """Whether this is a finite number from 0 on, as a float holds it."""
    try:
        return isinstance(price, (int, float)) and price >= 0 and math.isfinite(price)
    except OverflowError:  # an int beyond all floats
        return False


def printed(value: object, most: int = 80) -> str:
    """Any value as an error prints it, cut to `most` characters."""
    try:
        text = shown(value, most)
    except ValueError:  # Python prints no int of more than 4,300 digits
        return "a number that is too long"
    return text if isinstance(value, str) or len(text) <= most else text[:most] + "..."
