"""How well counts agree with what was billed: by model and feature, the worst rows, and what would correct them.

Rows are taken one at a time, and little of them is kept: differences, and the rows that are worst.
"""

from __future__ import annotations

import heapq
import re
import statistics
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from chatml._count import measure
from chatml._errors import CountError, ParseError, UnknownModelError
from chatml._measure import Status
from chatml._messages import Message, read_messages
from chatml._recorded import Recorded, is_list
from chatml.models import ModelInfo, get_model

if TYPE_CHECKING:
    import tiktoken

# What a request has, of which the first decides: each is billed by rules of its own, text by those of all
IMAGES, FILES, BUILT_IN_TOOLS, HISTORY = "images", "files and audio", "built-in tools", "tool history"
SCHEMA, CHOICE, TOOLS, FUNCTIONS, NAMES, TEXT = (
    "response format", "tool choice", "tools", "functions", "names", "text",
)  # fmt: skip
FEATURES = (TEXT, NAMES, TOOLS, FUNCTIONS, CHOICE, HISTORY, SCHEMA, IMAGES, FILES, BUILT_IN_TOOLS)

UNKNOWN_MODEL = "unknown model"
_IMAGE_PARTS = frozenset({"image_url", "image", "input_image"})
_DATE = re.compile(r"-\d{4}-\d\d-\d\d\Z")
_NEAR = 0.02  # a difference of so large a share of the bill is near
_REPEATED = 2  # rows that a constant must put right: a single one shows nothing
_REASONS = 20  # different reasons of refusals that are told apart


class Row(NamedTuple):
    """One request, counted, beside its bill. `counted` is None where it was refused; then `problem` says why.

    `family` is the name of its model without a date. `share` and `bound` are those of `Measure`.
    """

    place: str
    model: str
    family: str
    api: str
    feature: str
    billed: int
    counted: int | None
    status: Status | None = None
    share: float | None = None
    bound: int | None = None
    problem: str = ""

    @property
    def difference(self) -> int:
        """What was counted less what was billed; 0 where nothing was counted."""
        return 0 if self.counted is None else self.counted - self.billed

    @property
    def is_wrong(self) -> bool:
        """Whether it is called exact and is not."""
        return self.status is Status.EXACT and bool(self.difference)

    @property
    def excess(self) -> int:
        """The tokens by which it is further off than its status admits: an estimate may be off by its bound."""
        off = abs(self.difference)
        if self.status is not Status.ESTIMATE:
            return off
        return 0 if self.bound is None else max(off - self.bound, 0)


def check_row(
    recorded: Recorded,
    *,
    place: str,
    find: Callable[[str], ModelInfo] = get_model,
    model: ModelInfo | None = None,
    encoding: str | tiktoken.Encoding | None = None,
    allow_estimate: bool = False,
) -> Row:
    """Count a recorded request as `model`, or as the first of its names that `find` knows.

    A request that cannot be counted is a row that says so. Raises the errors of `measure` for what is no request.
    """
    messages = read_messages(recorded.messages)
    row = Row(place, "", UNKNOWN_MODEL, recorded.api, feature_of(recorded, messages), recorded.billed, None)
    try:
        found = model or _find(recorded.models, find)
        row = row._replace(model=model.name if model else recorded.models[0], family=family_of(found))
        if recorded.elsewhere:
            problem = "the request goes on from messages that it does not hold"
            raise CountError(problem, field=recorded.elsewhere)
        counted = measure(
            messages, model=found, encoding=encoding, tools=recorded.tools, functions=recorded.functions,
            tool_choice=recorded.tool_choice, response_format=recorded.response_format, api=recorded.api,
            allow_estimate=allow_estimate,
        )  # fmt: skip
    except (CountError, UnknownModelError) as error:
        return row._replace(model=row.model or recorded.models[0], problem=error.problem)
    return row._replace(counted=counted.total, status=counted.status, share=counted.share, bound=counted.bound)


def _find(names: Sequence[str], find: Callable[[str], ModelInfo]) -> ModelInfo:
    """The row of the first name that has one."""
    if not names:
        raise ParseError("no model is named", code="log", hint="write it under model, or name one for all rows")
    for name in names[:-1]:
        with suppress(UnknownModelError):
            return find(name)
    return find(names[-1])


def family_of(model: ModelInfo) -> str:
    """The name of a model without the date of its snapshot."""
    return _DATE.sub("", model.name)


def feature_of(recorded: Recorded, messages: Sequence[Message]) -> str:
    """What decides how a request is billed: the first that it has of what is counted apart."""
    parts = {part.type for message in messages if not isinstance(message.content, str) for part in message.content
             if not part.is_text and part.type != "refusal"}  # fmt: skip
    tools = [tool for tool in recorded.tools if isinstance(tool, Mapping)] if is_list(recorded.tools) else []
    functions = bool(recorded.tools or recorded.functions)
    response_format = recorded.response_format
    tests = (
        (IMAGES, bool(parts & _IMAGE_PARTS)),
        (FILES, bool(parts) or any("audio" in message.extra for message in messages)),
        (BUILT_IN_TOOLS, any(tool.get("type", "function") != "function" for tool in tools) or recorded.searches),
        (HISTORY, any(message.tool_calls or message.role in ("tool", "function") for message in messages)),
        (SCHEMA, isinstance(response_format, Mapping) and response_format.get("type") == "json_schema"),
        (CHOICE, functions and recorded.tool_choice not in (None, "auto")),
        (TOOLS, bool(recorded.tools)),
        (FUNCTIONS, bool(recorded.functions)),
        (NAMES, any(message.name for message in messages)),
    )
    return next((feature for feature, has_it in tests if has_it), TEXT)


class Agreement(NamedTuple):
    """How well rows agree. `median_error` is a share of the bill, of the rows that were counted."""

    rows: int = 0
    refused: int = 0
    exact: int = 0
    within_one: int = 0
    within_two_percent: int = 0
    median_error: float | None = None
    called_exact: int = 0
    called_fitted: int = 0
    called_estimate: int = 0


class Correction(NamedTuple):
    """The constant that would put most rows of a family right, or of one of its features (else "").

    With `tokens` added, `corrected` of `rows` would be exact, instead of `exact`.
    """

    family: str
    api: str
    feature: str
    tokens: int
    corrected: int
    exact: int
    rows: int


class Group(NamedTuple):
    """The rows of one family on one API with one feature."""

    family: str
    api: str
    feature: str
    agreement: Agreement


class Report(NamedTuple):
    """What a log shows.

    `wrong` are rows that are called exact and are not, `worst` those furthest from their bills; first among these is
    what is furthest off beyond what its status admits, so that a mere guess comes last. No more rows are listed than
    were asked for: `wrong_rows` is the number of all wrong ones, `beyond` that of estimates off by more than their
    bound. `refusals` are reasons, with the number of rows that each stopped.
    """

    total: Agreement
    groups: tuple[Group, ...]
    wrong: tuple[Row, ...]
    wrong_rows: int
    worst: tuple[Row, ...]
    corrections: tuple[Correction, ...]
    refusals: tuple[tuple[str, int], ...]
    beyond: int


class Tally:
    """The differences of rows, and no more of them."""

    def __init__(self) -> None:
        self.rows = 0
        self.differences: Counter[int] = Counter()
        self.statuses: Counter[Status] = Counter()
        self._errors = array("d")

    def add(self, difference: int | None, billed: int, status: Status | None = None) -> None:
        """Take a row; a difference of None is one that was not counted."""
        self.rows += 1
        if difference is not None:
            self.differences[difference] += 1
            self._errors.append(abs(difference) / max(billed, 1))
        if status is not None:
            self.statuses[status] += 1

    def agreement(self) -> Agreement:
        """What the rows taken so far show."""
        counted = len(self._errors)
        return Agreement(
            rows=self.rows,
            refused=self.rows - counted,
            exact=self.differences[0],
            within_one=sum(self.differences[one] for one in (-1, 0, 1)),
            within_two_percent=sum(error <= _NEAR for error in self._errors),
            median_error=statistics.median(self._errors) if counted else None,
            called_exact=self.statuses[Status.EXACT],
            called_fitted=self.statuses[Status.FITTED],
            called_estimate=self.statuses[Status.ESTIMATE],
        )

    def constant(self) -> tuple[int, int] | None:
        """The tokens to add that would put most rows right, and how many; None where adding nothing is as good."""
        if not self.differences:
            return None
        # of equals the one nearest to 0, and of two of these the positive one
        best = max(self.differences, key=lambda one: (self.differences[one], -abs(one), one))
        rows = self.differences[best]
        return (-best, rows) if rows > self.differences[0] and rows >= _REPEATED else None


_Ranked: TypeAlias = tuple[int, int, int, Row]  # excess, difference, and before equals the first row


class UsageCheck:
    """Agreement of a log, row by row; `most` rows at the worst are kept."""

    def __init__(self, *, most: int = 10) -> None:
        self._most = most
        self._tallies: dict[tuple[str, str, str], Tally] = {}
        self._total = Tally()
        self._wrong: list[_Ranked] = []  # heaps, the least bad row first
        self._worst: list[_Ranked] = []
        self._wrong_rows = self._beyond = 0
        self._refusals: Counter[str] = Counter()

    def add(self, row: Row) -> None:
        """Take a row."""
        difference = None if row.counted is None else row.difference
        for tally in (self._total, self._tallies.setdefault((row.family, row.api, row.feature), Tally())):
            tally.add(difference, row.billed, row.status)
        if row.counted is None:
            known = row.problem in self._refusals or len(self._refusals) < _REASONS
            self._refusals[row.problem if known else "other reasons"] += 1
        elif row.difference:
            self._keep(self._worst, row)
        if row.is_wrong:
            self._wrong_rows += 1
            self._keep(self._wrong, row)
        self._beyond += row.status is Status.ESTIMATE and row.excess > 0

    def _keep(self, heap: list[_Ranked], row: Row) -> None:
        heapq.heappush(heap, (row.excess, abs(row.difference), -self._total.rows, row))  # of equals the first stay
        if len(heap) > self._most:
            heapq.heappop(heap)

    def report(self) -> Report:
        """What the rows taken so far show."""
        groups = [
            Group(*key, tally.agreement())
            for key, tally in sorted(self._tallies.items(), key=lambda item: _order(item[0]))
        ]
        return Report(
            total=self._total.agreement(),
            groups=tuple(groups),
            wrong=_sorted(self._wrong),
            wrong_rows=self._wrong_rows,
            worst=_sorted(self._worst),
            corrections=tuple(self._corrections()),
            refusals=tuple(self._refusals.most_common()),
            beyond=self._beyond,
        )

    def _corrections(self) -> list[Correction]:
        """Of a family where one constant helps all of it, else of its features."""
        found = []
        for family, api in dict.fromkeys(key[:2] for key in sorted(self._tallies, key=_order)):
            own = {key[2]: tally for key, tally in self._tallies.items() if key[:2] == (family, api)}
            whole = _joined(own.values())
            tallies = {"": whole} if whole.constant() else {one: own[one] for one in FEATURES if one in own}
            for feature, tally in tallies.items():
                constant = tally.constant()
                if constant is not None:
                    found.append(Correction(family, api, feature, *constant, tally.differences[0], tally.rows))
        return found


def _order(key: tuple[str, str, str]) -> tuple[bool, str, str, int]:
    family, api, feature = key
    return family == UNKNOWN_MODEL, family, api, FEATURES.index(feature)


def _joined(tallies: Iterable[Tally]) -> Tally:
    whole = Tally()
    for tally in tallies:
        whole.rows += tally.rows
        whole.differences += tally.differences
    return whole


def _sorted(heap: Sequence[_Ranked]) -> tuple[Row, ...]:
    return tuple(row for *_, row in sorted(heap, reverse=True))
