"""What changed between two prompts: message by message, in tokens and in cost, and where the first token differs."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

from chatml._count import measure
from chatml._errors import ConfigError
from chatml._measure import Measure, MessageCount
from chatml._messages import MessageLike, read_messages
from chatml._meter import meter_for
from chatml._render import segments_of
from chatml.comparison._align import align
from chatml.comparison._prefix import CommonPrefix, common_prefix
from chatml.comparison._sides import Entry, Side, fields_of, side_of, text_of
from chatml.comparison._wording import TextSpan, text_spans, words_of
from chatml.dialects import Dialect
from chatml.models import ModelInfo, cost, get_model

if TYPE_CHECKING:
    from decimal import Decimal

    import tiktoken

RequestLike: TypeAlias = "Iterable[MessageLike] | Mapping[str, Any]"

_BESIDE = ("tools", "functions", "tool_choice", "response_format")
_MOST_COMPARED = 2_500  # pairs of messages in one gap whose words are compared; beyond it, the order of roles decides
_LOOKED_AT = 2_000  # characters of a text that say how much it resembles another


class ChangeKind(StrEnum):
    """What became of a message."""

    KEPT = "kept"
    CHANGED = "changed"
    MOVED = "moved"
    ADDED = "added"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class MessageChange:
    """One message of two prompts. `before` and `after` are its counts, None where it is not; `source` is its index.

    `fields` are the names of what differs, such as `role`, `content`, `tool_calls`. `before_text` and `after_text` are
    what people compare: the text, and below it a line each for calls, images and the like.
    """

    kind: ChangeKind
    before: MessageCount | None
    after: MessageCount | None
    fields: tuple[str, ...] = ()
    before_text: str = field(default="", repr=False)
    after_text: str = field(default="", repr=False)

    @property
    def delta(self) -> int:
        """The tokens that came, less those that went."""
        return (self.after.total if self.after else 0) - (self.before.total if self.before else 0)

    def spans(self) -> tuple[TextSpan, ...]:
        """What changed in the text, word by word, as spans that tile `before_text` and `after_text`.

        Texts that have less than a fifth in common are one change, and so is what is left of texts of more than 500,000
        characters, once what begins and ends alike is taken off.
        """
        return text_spans(self.before_text, self.after_text)


class PartChange(NamedTuple):
    """Tokens of something that is no message: tools, the reply priming. 0 where it is not."""

    name: str
    before: int
    after: int

    @property
    def delta(self) -> int:
        """The tokens that came, less those that went."""
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What changed between two prompts that were counted in the same wire.

    `before` and `after` are their measures. `messages` are in the order of the second prompt, with what was removed
    where it stood; `parts` are the rest of the counts. `prefix` says how much begins alike. `model` is the row of the
    model table that both were counted by, None for a dialect.
    """

    before: Measure
    after: Measure
    messages: tuple[MessageChange, ...]
    parts: tuple[PartChange, ...]
    prefix: CommonPrefix
    model: ModelInfo | None = None

    @property
    def delta(self) -> int:
        """The tokens that came, less those that went."""
        return self.after.total - self.before.total

    @cached_property
    def is_equal(self) -> bool:
        """Whether both are the same prompt: every message, what stands beside them, and every token."""
        is_same = self.prefix.before is None and self.prefix.after is None
        return is_same and all(one.kind is ChangeKind.KEPT for one in self.messages)

    @property
    def new_tokens(self) -> int:
        """The tokens of the second prompt behind the common prefix: what a model has to read anew, at the least."""
        return self.after.total - self.prefix.tokens

    def costs(self) -> tuple[Decimal | None, Decimal | None, Decimal | None]:
        """The price of both as input, and of the second with the whole prefix from a cache, in US dollars.

        None where the model has no such price. The last one is the least: a provider need not have it in a cache, and
        keeps whole blocks.
        """
        if self.model is None or self.model.input_price is None:
            return None, None, None
        before, after = (cost(self.model, input_tokens=one.total) for one in (self.before, self.after))
        has_price = self.model.cached_input_price is not None
        cached = cost(self.model, input_tokens=self.after.total, cached=self.prefix.tokens) if has_price else None
        return before, after, cached


def compare(
    before: RequestLike,
    after: RequestLike,
    *,
    model: str | ModelInfo | None = None,
    dialect: str | Dialect | None = None,
    encoding: str | tiktoken.Encoding | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
    api: Literal["chat", "responses"] = "chat",
    add_generation_prompt: bool = True,
    lossy: bool = False,
    allow_estimate: bool = False,
) -> Comparison:
    """Compare two prompts message by message, in tokens and cost, and find the first token that differs.

    Each is a list of messages, or a request: a mapping with `messages`, whose `tools`, `functions`, `tool_choice` and
    `response_format` go before the keywords, which are those of `count`. Both are counted in one wire: that of `model`
    or `dialect`, else that of the model which `after` names, or `before`. Raises what `count` raises.

    >>> one, two = ([{"role": "user", "content": text}] for text in ("Hello you", "Hello there you"))
    >>> found = compare(one, two, model="gpt-4o")
    >>> found.delta, found.prefix.tokens, found.prefix.after.text
    (1, 4, ' there')
    """
    given = {"tools": tools, "functions": functions, "tool_choice": tool_choice, "response_format": response_format}
    sides = [_request_of(one, given) for one in (before, after)]
    if model is None and dialect is None:
        model = next((one["model"] for one in (sides[1], sides[0]) if one.get("model") is not None), None)
    info = get_model(model) if isinstance(model, str) else model
    options: dict[str, Any] = {
        "model": model, "dialect": dialect, "encoding": encoding, "api": api, "lossy": lossy,
        "add_generation_prompt": add_generation_prompt, "allow_estimate": allow_estimate,
    }  # fmt: skip
    first, second = (
        request_side(one["messages"], **options, **{key: one.get(key) for key in _BESIDE}) for one in sides
    )
    return compare_sides(first, second, info)


def _request_of(given: object, keywords: Mapping[str, Any]) -> dict[str, Any]:
    if isinstance(given, Mapping) and "messages" in given:
        return {**keywords, **{key: value for key, value in given.items() if value is not None}}
    return {**keywords, "messages": given}


def request_side(messages: Iterable[MessageLike], **options: Any) -> Side:
    """A side of messages; `options` are the keywords of `measure`."""
    given = read_messages(messages)
    meter = meter_for(**options)
    compiled = meter.compiled(given)
    beside = {key: options[key] for key in _BESIDE if options.get(key)}
    return side_of(
        measure(given, **options), meter.coder, given, segments=segments_of(compiled.turns), wire=compiled.messages,
        sources=compiled.sources, request=beside if meter.target.billed else None,
        dropped=() if meter.target.billed else compiled.dropped, adds_up=meter.adds_up,
    )  # fmt: skip


def compare_sides(before: Side, after: Side, model: ModelInfo | None) -> Comparison:
    """Compare two sides. Raises `ConfigError` where ids of different encodings would be compared."""
    names = [one.measure.encoding for one in (before, after)]
    if names[0] != names[1]:
        raise ConfigError(f"ids of {names[0]} and of {names[1]} cannot be compared", option="encoding")
    rows = list(_rows(before.entries, after.entries))
    walked = common_prefix(before, after)
    lost = sum(
        max(after.entries[row.after].counted.total - walked.kept[row.after], 0)
        for row in rows
        if row.after is not None and row.kind in (ChangeKind.KEPT, ChangeKind.MOVED)
    )
    return Comparison(
        before=before.measure,
        after=after.measure,
        messages=tuple(_change(row, before.entries, after.entries) for row in rows),
        parts=tuple(_parts(before.measure, after.measure)),
        prefix=CommonPrefix(walked.tokens, lost, walked.before, walked.after, walked.is_exact),
        model=model,
    )


def _parts(before: Measure, after: Measure) -> Iterator[PartChange]:
    tokens = [{part.name: part.tokens for part in one.parts} for one in (before, after)]
    for name in {**tokens[0], **tokens[1]}:
        yield PartChange(name, tokens[0].get(name, 0), tokens[1].get(name, 0))


# Which message became which


class _Row(NamedTuple):
    """A message of one side or both, by its places in the entries."""

    kind: ChangeKind
    before: int | None
    after: int | None


def _rows(before: Sequence[Entry], after: Sequence[Entry]) -> Iterator[_Row]:
    pairs = align([one.key for one in before], [one.key for one in after])
    moved = _moved(before, after, pairs)
    came_from = {there: here for here, there in moved.items()}
    begin = other = 0
    for first, second in [*pairs, (len(before), len(after))]:
        gone = [place for place in range(begin, first) if place not in moved]
        new = [place for place in range(other, second) if place not in came_from]
        partners = {there: here for here, there in _resembling(before, after, gone, new)}
        waiting = iter(gone)
        for place in range(other, second):
            here = partners.get(place)
            if place in came_from:
                yield _Row(ChangeKind.MOVED, came_from[place], place)
            elif here is None:
                yield _Row(ChangeKind.ADDED, None, place)
            else:
                yield from _removed(waiting, here)
                yield _Row(ChangeKind.CHANGED, here, place)
        yield from _removed(waiting, None)
        if first < len(before):
            yield _Row(ChangeKind.KEPT, first, second)
        begin, other = first + 1, second + 1


def _removed(waiting: Iterator[int], until: int | None) -> Iterator[_Row]:
    """What was removed before the message `until`, which is taken as well."""
    for place in waiting:
        if place == until:
            return
        yield _Row(ChangeKind.REMOVED, place, None)


def _moved(
    before: Sequence[Entry], after: Sequence[Entry], pairs: Iterable[tuple[int, int]]
) -> dict[int, int]:  # fmt: skip
    """Messages that stand in another place, and to where they went: the first of several that are equal first."""
    kept = [{pair[side] for pair in pairs} for side in (0, 1)]
    free: defaultdict[str, list[int]] = defaultdict(list)
    for place in range(len(after) - 1, -1, -1):
        if place not in kept[1]:
            free[after[place].key].append(place)
    loose = (place for place in range(len(before)) if place not in kept[0])
    return {place: free[before[place].key].pop() for place in loose if free.get(before[place].key)}


def _resembling(
    before: Sequence[Entry], after: Sequence[Entry], gone: list[int], new: list[int]
) -> Iterator[tuple[int, int]]:
    """Pairs of one gap that are the same message with another content: of one role, or with the same text."""
    if len(gone) * len(new) > _MOST_COMPARED:
        for one, other in align([before[place].message.role for place in gone],
                                [after[place].message.role for place in new]):  # fmt: skip
            yield gone[one], new[other]
        return
    if [after[place].key for place in new] < [before[place].key for place in gone]:  # the same pairs both ways round
        for one, other in _best_pairs([after[place] for place in new], [before[place] for place in gone]):
            yield gone[other], new[one]
        return
    for one, other in _best_pairs([before[place] for place in gone], [after[place] for place in new]):
        yield gone[one], new[other]


def _best_pairs(gone: Sequence[Entry], new: Sequence[Entry]) -> Iterator[tuple[int, int]]:
    """The pairs, in the same order on both sides, that have the most in common."""
    words, others = ([words_of(one.message.text[:_LOOKED_AT]) for one in side] for side in (gone, new))
    best = [[0.0] * (len(new) + 1) for _ in range(len(gone) + 1)]
    score = [
        [_score(one, other, here, there) for other, there in zip(new, others, strict=True)]
        for one, here in zip(gone, words, strict=True)
    ]
    for one in range(len(gone) - 1, -1, -1):
        for other in range(len(new) - 1, -1, -1):
            joined = best[one + 1][other + 1] + score[one][other] if score[one][other] else 0.0
            best[one][other] = max(best[one + 1][other], best[one][other + 1], joined)
    one = other = 0
    while one < len(gone) and other < len(new):
        if score[one][other] and best[one][other] == best[one + 1][other + 1] + score[one][other]:
            yield one, other
            one, other = one + 1, other + 1
        elif best[one][other] == best[one + 1][other]:
            one += 1
        else:
            other += 1


def _score(one: Entry, other: Entry, words: set[str], others: set[str]) -> float:
    """How much two messages resemble each other, 0 where neither is the other one changed."""
    text = one.message.text
    if one.message.role != other.message.role and not (text and text == other.message.text):
        return 0.0
    return 0.05 + len(words & others) / max(len(words | others), 1)


def _change(row: _Row, before: Sequence[Entry], after: Sequence[Entry]) -> MessageChange:
    old = None if row.before is None else before[row.before]
    new = None if row.after is None else after[row.after]
    fields: tuple[str, ...] = ()
    if old is not None and new is not None and row.kind is ChangeKind.CHANGED:
        were, are = fields_of(old.message), fields_of(new.message)
        fields = tuple(name for name in were if were[name] != are[name])
    return MessageChange(
        row.kind,
        old.counted if old else None,
        new.counted if new else None,
        fields,
        text_of(old.message) if old else "",
        text_of(new.message) if new else "",
    )
