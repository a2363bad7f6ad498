"""What training data is like: faults by kind, messages and tokens per example, epochs and billed tokens.

The kinds are those of OpenAI's cookbook, "Data preparation and analysis for chat model fine-tuning", which also says
how the epochs follow from the number of examples. It knows no tools: a message with calls needs no content here.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from chatml._errors import ChatMLError, ParseError
from chatml._messages import read_messages
from chatml._meter import Meter, meter_for
from chatml.lint._engine import Block
from chatml.lint._settings import DEFAULT_DIALECT, Settings
from chatml.promptfiles import NO_PROMPT, Document, scan_documents

FAULTS = (
    "data_type", "missing_messages_list", "message_missing_key", "message_unrecognized_key", "unrecognized_role",
    "missing_content", "example_missing_assistant_message",
)  # fmt: skip
LIMIT = 65_536  # tokens of an example that are trained on, for the models that can be fine-tuned today
_KEYS = frozenset(
    {"role", "content", "name", "function_call", "weight", "tool_calls", "tool_call_id", "refusal", "audio"}
)
_ROLES = frozenset({"system", "user", "assistant", "function", "tool", "developer"})
_INSTEAD = ("tool_calls", "function_call", "refusal", "audio")  # of content
_SHAREGPT = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool"}
_EPOCHS, _LEAST_EPOCHS, _MOST_EPOCHS = 3, 1, 25
_LEAST_EXAMPLES, _MOST_EXAMPLES = 100, 25_000  # times epochs


class Spread(NamedTuple):
    """How a number varies over the examples."""

    least: float
    most: float
    mean: float
    median: float
    p5: float
    p95: float


class Stats(NamedTuple):
    """What training data is like. `uncounted` examples have no count of tokens, and stand in no sum of them."""

    examples: int
    faults: Mapping[str, int]
    without_system: int
    without_user: int
    messages: Spread | None
    tokens: Spread | None
    assistant_tokens: Spread | None
    over_limit: int
    limit: int
    uncounted: int
    epochs: int
    billed_per_epoch: int


class Statistics:
    """Takes in blocks of files, and says what is in them."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._faults: Counter[str] = Counter()
        self._without: Counter[str] = Counter()
        self._examples = self._uncounted = 0
        self._messages, self._tokens, self._answers = array("q"), array("q"), array("q")

    def add(self, block: Block, *, path: str, settings: Settings) -> None:
        """Take in a block of a file."""
        form = settings.of_glob(settings.formats, path) or block.form
        for found in scan_documents(block.text, source=path, line=block.line, form=form):
            self._examples += 1
            if isinstance(found, ParseError):
                self._faults["missing_messages_list" if found.code == NO_PROMPT else "data_type"] += 1
            else:
                self._add_document(found, settings)

    def _add_document(self, document: Document, settings: Settings) -> None:
        roles = set()
        for message in document.messages:
            roles.add(self._look_at(message))
        if "assistant" not in roles:
            self._faults["example_missing_assistant_message"] += 1
        self._without["system"] += not roles & {"system", "developer"}
        self._without["user"] += "user" not in roles
        self._messages.append(len(document.messages))
        counted = _count(document, settings)
        if counted is None:
            self._uncounted += 1
        else:
            self._tokens.append(counted[0])
            self._answers.append(counted[1])

    def _look_at(self, message: Any) -> str:
        """Count what is wrong with a message. Returns its role, "" where it has none."""
        if not isinstance(message, dict):
            self._faults["message_missing_key"] += 1
            return ""
        if "from" in message or "sender" in message:
            role, content = message.get("from", message.get("sender")), message.get("value", message.get("text"))
            role = _SHAREGPT.get(role, role) if isinstance(role, str) else role
        else:
            role, content = message.get("role"), message.get("content")
            self._faults["message_unrecognized_key"] += not message.keys() <= _KEYS
        is_called = any(message.get(key) for key in _INSTEAD)
        self._faults["message_missing_key"] += role is None or (content is None and not is_called)
        self._faults["unrecognized_role"] += role not in _ROLES if isinstance(role, str) else role is not None
        self._faults["missing_content"] += not (content or is_called)
        return role if isinstance(role, str) else ""

    def result(self) -> Stats:
        """What all blocks hold."""
        epochs = _epochs(self._examples)
        return Stats(
            self._examples, {fault: self._faults[fault] for fault in FAULTS}, self._without["system"],
            self._without["user"], _spread(self._messages), _spread(self._tokens), _spread(self._answers),
            sum(tokens > self._limit for tokens in self._tokens), self._limit, self._uncounted, epochs,
            sum(min(tokens, self._limit) for tokens in self._tokens),
        )  # fmt: skip


_meters: dict[tuple[str | None, str, str | None], Meter] = {}


def _count(document: Document, settings: Settings) -> tuple[int, int] | None:
    """The tokens of an example, and those of its assistant messages; None where they cannot be counted."""
    dialect, key = settings.dialect or DEFAULT_DIALECT, (settings.model, settings.dialect or "", settings.encoding)
    try:
        messages = read_messages(document.messages)
        if key not in _meters:
            target: dict[str, Any] = {"encoding": settings.encoding, "add_generation_prompt": False}
            if settings.model is not None:
                _meters[key] = meter_for(model=settings.model, allow_estimate=True, **target)
            else:
                _meters[key] = meter_for(dialect=dialect, lossy=True, **target)
        meter = _meters[key]
        costs = meter.costs(messages)
        total = meter.base(messages) + sum(costs) if meter.adds_up else meter.total(messages)
    except ChatMLError:
        return None
    return total, sum(cost for cost, message in zip(costs, messages, strict=True) if message.role == "assistant")


def _epochs(examples: int) -> int:
    """How often OpenAI trains on each example unless told otherwise, as the cookbook has it."""
    if examples == 0:
        return 0
    if examples * _EPOCHS < _LEAST_EXAMPLES:
        return min(_MOST_EPOCHS, _LEAST_EXAMPLES // examples)
    if examples * _EPOCHS > _MOST_EXAMPLES:
        return max(_LEAST_EPOCHS, _MOST_EXAMPLES // examples)
    return _EPOCHS


def _spread(values: Sequence[int]) -> Spread | None:
    if not values:
        return None
    ordered = sorted(values)
    mean = sum(ordered) / len(ordered)
    return Spread(
        ordered[0], ordered[-1], mean, _quantile(ordered, 0.5), _quantile(ordered, 0.05), _quantile(ordered, 0.95)
    )


def _quantile(ordered: Sequence[int], share: float) -> float:
    """As numpy has it by default: between the two nearest values, by the distance to each."""
    place = (len(ordered) - 1) * share
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)
