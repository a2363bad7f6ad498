"""One side of a comparison: a prompt with all that was counted of it, and the row of pieces that its ids come from."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from chatml._errors import RenderError
from chatml._measure import Measure, MessageCount
from chatml._messages import Message
from chatml._render import Dropped
from chatml._segments import Segment, SegmentKind
from chatml._tokens import Coder, pieces_of

IN_THE_WIRE = ("reply priming", "bos and eos")  # parts of a count whose ids are known


class Entry(NamedTuple):
    """A message that was counted: what was counted, itself, and a text that is equal where nothing of it differs."""

    counted: MessageCount
    message: Message
    key: str


class Side(NamedTuple):
    """A prompt that is compared.

    `segments` are what its ids are made of; `owners` has for each message of them the index of its entry. `request` is
    what stands beside the messages (tools, a response format) as text, "" where nothing does, and `beside` the tokens
    that it takes. `is_billed`: what has no ids that are known is counted all the same. `dropped` is what the
    dialect of a prompt that is not billed cannot hold. `adds_up`: what was counted of a message are its own ids.
    """

    measure: Measure
    coder: Coder
    entries: tuple[Entry, ...]
    segments: tuple[Segment, ...]
    owners: tuple[int, ...]
    request: str
    beside: int
    is_billed: bool
    dropped: tuple[Dropped, ...] = ()
    adds_up: bool = False

    @property
    def text(self) -> str:
        """The prompt as one string."""
        return "".join(segment.text for segment in self.segments)


class Piece(NamedTuple):
    """A piece of a prompt, in the order of its ids: a run of text, a special token, or tokens whose ids are not known.

    Two pieces with an equal `key` take the same ids. `entry` is the message that it belongs to. `number` is the id of a
    special token. `part` says what has no known ids ("tools", "media", "calls"), `tokens` how many they are; of `calls`
    that is the whole message with what else there was of it.
    """

    key: tuple[str, str]
    text: str
    start: int
    entry: int | None
    number: int | None = None
    part: str = ""
    tokens: int = 0


def side_of(
    measure: Measure, coder: Coder, messages: Sequence[Message], *, segments: tuple[Segment, ...],
    wire: Sequence[Message], sources: Sequence[int | None], request: Mapping[str, Any] | None = None,
    dropped: tuple[Dropped, ...] = (), adds_up: bool = False,
) -> Side:  # fmt: skip
    """Put together what a side needs. `wire` are the messages of the segments, `sources` where they come from.

    `request` is what is billed beside them, None for a prompt that is no request.
    """
    added = (message for message, source in zip(wire, sources, strict=True) if source is None)
    entries = [
        Entry(count, message, key_of(message))
        for count in measure.messages
        for message in (next(added) if count.source is None else messages[count.source],)
    ]
    places = {one.counted.source: place for place, one in enumerate(entries)}
    unsent = [index for index in range(len(messages)) if index not in places]
    if unsent:  # what a dialect cannot hold at all takes no tokens, but it is there
        entries += [_uncounted(index, messages[index], measure) for index in unsent]
        entries.sort(key=lambda one: -1 if one.counted.source is None else one.counted.source)
        places = {one.counted.source: place for place, one in enumerate(entries)}
    without = (place for place, one in enumerate(entries) if one.counted.source is None)
    owners = tuple(next(without) if source is None else places[source] for source in sources)
    beside = sum(part.tokens for part in measure.parts if part.name not in IN_THE_WIRE) if request else 0
    text = _as_json(request) if request else ""
    return Side(measure, coder, tuple(entries), segments, owners, text, beside, request is not None, dropped, adds_up)


def _uncounted(index: int, message: Message, measure: Measure) -> Entry:
    count = MessageCount(index, message.role, message.name, 0, 0, 0, measure.status)
    return Entry(count, message, key_of(message))


def pieces(side: Side, skipped: int = 0) -> Iterator[Piece]:
    """The pieces in order, without those of as many entries at the beginning as are `skipped`.

    What has no known ids stands where it cannot be too late: tools before all messages.
    """
    if side.request:
        yield Piece(("tools", side.request), "", 0, None, part="tools", tokens=side.beside)
    written = skipped - 1  # the last entry all of whose pieces have been given
    for run, number, segment in _runs(_without(side, skipped), side.coder):
        entry = None if segment.message is None else side.owners[segment.message]
        if segment.kind is SegmentKind.START and number is not None:
            following = len(side.entries) if entry is None else entry
            for place in range(max(written, skipped), following):
                yield from _rest(side, place, segment.start)
            if entry is not None:
                yield from _media(side, entry, segment.start)
            written = following
        yield Piece(("run" if number is None else "id", run), run, segment.start, entry, number)
    for place in range(max(written, skipped), len(side.entries)):
        yield from _rest(side, place, len(side.text))


def _without(side: Side, skipped: int) -> Iterator[Segment]:
    """The segments, less those of entries that are skipped."""
    if not skipped:
        return iter(side.segments)
    gone = {message for message, entry in enumerate(side.owners) if entry < skipped}
    return (segment for segment in side.segments if segment.message not in gone)


def equal_entries(before: Side, after: Side) -> int:
    """How many entries at the beginning take the same tokens on both sides, whatever follows; the last is not one.

    That is known without a look at their ids where counts add up.
    """
    if not (before.adds_up and after.adds_up and before.request == after.request):
        return 0
    both = zip(before.entries[:-1], after.entries[:-1], strict=False)
    same = (one.key == other.key and one.counted == other.counted for one, other in both)
    shortest = max(min(len(before.entries), len(after.entries)) - 1, 0)
    return next((place for place, is_same in enumerate(same) if not is_same), shortest)


def _runs(segments: Iterable[Segment], coder: Coder) -> Iterator[tuple[str, int | None, Segment]]:
    """Special tokens with their ids, and the text between two of them, each with the segment that it begins in."""
    run: list[str] = []
    first: Segment | None = None
    for segment in segments:
        position = segment.start
        for text, number in pieces_of(segment, coder):
            if number is None:
                first = first or segment._replace(start=position)
                run.append(text)
            else:
                if first is not None:
                    yield "".join(run), None, first
                    run, first = [], None
                yield text, number, segment._replace(start=position)
            position += len(text)
    if first is not None:
        yield "".join(run), None, first


def _media(side: Side, place: int, start: int) -> Iterator[Piece]:
    entry = side.entries[place]
    if entry.counted.media:
        key = ("media", f"{entry.counted.media} {entry.key}")
        yield Piece(key, "", start, place, part="media", tokens=entry.counted.media)


def _rest(side: Side, place: int, start: int) -> Iterator[Piece]:
    """What of a message has no known ids: calls, their results, and whatever else a bill has for it."""
    count, _, key = side.entries[place]
    if side.is_billed and has_unknown_ids(side, place):
        yield Piece(("calls", f"{count.total} {key}"), "", start, place, part="calls", tokens=count.total)


def has_unknown_ids(side: Side, place: int) -> bool:
    """Whether a bill has more for a message than the ids of its text, images left aside."""
    message = side.entries[place].message
    is_call = bool(message.tool_calls) or message.role in ("tool", "function")
    return is_call or (bool(side.request) and message.role == "assistant")


def key_of(message: Message) -> str:
    """A text that two messages share if all that is sent of them is equal; ids of calls are references and are not."""
    if len(message.__dict__) == 3:  # role, content, extra: see plain_message
        return f"{message.role}\n{message.content}"
    return "{}\n" + _as_json({field: value for field, value in fields_of(message).items() if value})


def fields_of(message: Message) -> dict[str, Any]:
    """What is sent of a message, field by field, as JSON values."""
    is_text = isinstance(message.content, str)
    calls = [
        [call.name, call.arguments if isinstance(call.arguments, str) else _as_json(call.arguments)]
        for call in message.tool_calls
    ]
    return {
        "role": message.role,
        "name": None if message.role == "tool" else message.name,
        "content": message.content if is_text else [part.to_mapping() for part in message.content],  # type: ignore[union-attr]  # parts
        "reasoning": message.reasoning,
        "tool_calls": calls,
        "refusal": message.refusal,
        "audio": message.extra.get("audio"),
    }


def text_of(message: Message) -> str:
    """What people compare of a message: its text, and below it, a line each, what else it holds."""
    if len(message.__dict__) == 3:
        return message.text
    lines = [message.text] if message.text else []
    fields = fields_of(message)
    if not isinstance(message.content, str):
        lines += [f"[{part.type}] {_as_json(part.data)}" for part in message.content if not part.is_text]
    lines += [f"[{field}] {fields[field]}" for field in ("reasoning", "refusal") if fields[field]]
    lines += [f"[call] {name}({arguments})" for name, arguments in fields["tool_calls"]]
    lines += [f"[audio] {_as_json(fields['audio'])}"] if fields["audio"] else []
    return "\n".join(lines)


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, default=repr)
    except (TypeError, ValueError, RecursionError):
        problem = "found a value that cannot be written as JSON"
        raise RenderError(problem, hint="leave out what is nested too deeply or holds itself") from None
