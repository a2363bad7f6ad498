"""An inspection as the data of its page: see `chatml/views/assets/inspected.js` for how it is drawn.

The wire text stands in it once. Segments, tokens and places are numbers that cut it: lengths of segments and all places
are in UTF-16 units, as a script counts them, lengths of tokens in bytes of UTF-8.
"""

from __future__ import annotations

import json
from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from chatml._errors import EncodingError, RenderError
from chatml._escape import Escaper, escaper_for
from chatml._measure import MessageCount, Status
from chatml._messages import Message, read_messages
from chatml._segments import Segment, SegmentKind
from chatml._tokens import coder_for
from chatml.cli._facts import facts_of, losses_of
from chatml.cli._values import measure_value
from chatml.views import page

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatml.cli._inspecting import Inspection

_ONE = ord("0")  # stands for a token of one byte, the next character for two
_LONGEST = 0xD000  # and there the surrogates begin
_SAFE = 2**53 - 1  # the largest whole number of which a script knows every one up to it
_TEXTS = (SegmentKind.CONTENT, SegmentKind.TRUSTED, SegmentKind.REASONING, SegmentKind.TOOL_CALL)


def inspection_page(inspection: Inspection) -> str:
    """The page of an inspection."""
    return page("inspection", f"{inspection.name} - chatml", inspection_data(inspection))


def inspection_data(inspection: Inspection) -> dict[str, Any]:
    """What the page shows, as a JSON value."""
    subject, wire = inspection.subject, inspection.wire
    counted, sent = inspection.measure.messages, wire.prompt.messages
    names = list(dict.fromkeys([*(one.role for one in counted), *(one.role for one in sent)]))
    messages = [_mapping(message) for message in read_messages(subject.messages)]
    return {
        "file": inspection.name,
        "facts": list(facts_of(inspection)),
        **measure_value(inspection.measure, subject),
        "names": names,
        "rows": [_row(count, names) for count in inspection.measure.messages],
        "parts": [part._asdict() for part in inspection.measure.parts],
        "room": _room(inspection),
        **_wire_value(inspection, names),
        "ending": wire.prompt.ending,
        "messages": len(messages),
        "sources": dict(_sources(inspection, messages)),
        "exact": dict(_exact(messages)),
        "diagnostics": list(_diagnostics(inspection)),
        "findings": list(_findings(inspection)),
        "losses": [text for _, text in losses_of(inspection)],
    }


def _room(inspection: Inspection) -> dict[str, Any] | None:
    """The context window: what there is, what is used, what the longest answer takes, and what is left."""
    measure, given = inspection.measure, inspection.reserve
    if measure.window is None:
        return None
    limit = measure.max_input or measure.window
    return {
        "window": measure.window,
        "limit": limit,
        "limits_input": bool(measure.max_input),
        "used": measure.total,
        "reserve": given or measure.max_output or 0,
        "reserve_is_given": bool(given),
        "remaining": min(limit, measure.window - (given or 0)) - measure.total,
    }


def _row(count: MessageCount, names: list[str]) -> list[Any]:
    """A row of the table. What most messages have not stands in a mapping behind the numbers that all have."""
    rare: dict[str, Any] = {"name": count.name, "tool_calls": count.tool_calls, "media": count.media}
    rare = {key: value for key, value in rare.items() if value}
    if count.status is not Status.EXACT:
        rare |= {"status": count.status, "share": count.share, "bound": count.bound}
    return [count.source, names.index(count.role), count.header, count.content, count.framing, *filter(None, [rare])]


# The prompt


class _Places:
    """Places of a text in UTF-16 units: those behind a character that takes two of them move."""

    def __init__(self, text: str) -> None:
        self._wide = () if text.isascii() else [place for place, one in enumerate(text) if one > "\uffff"]

    def __call__(self, place: int) -> int:
        return place + bisect_left(self._wide, place)


def _wire_value(inspection: Inspection, names: list[str]) -> dict[str, Any]:
    prompt = inspection.wire.prompt
    text = "".join(segment.text for segment in prompt.segments)
    places = _Places(text)
    indexes = inspection.wire.indexes
    return {
        "text": text,
        **_segments(prompt.segments, places),
        "roles": [names.index(message.role) for message in prompt.messages],
        "indexes": None if indexes == tuple(range(len(indexes))) else indexes,
        **_tokens(inspection, text),
        **_spellings(inspection, places),
    }


def _segments(segments: Sequence[Segment], places: _Places) -> dict[str, Any]:
    """The segments, as short as a prompt of thousands of messages needs: it has five of them a message.

    The kind of each is a letter, a capital of special ones. Before it stands "|" for every message that is gone on by,
    "_" where no message follows and "^" where the last one goes on.
    """
    letters = dict(zip(SegmentKind, "abcdefghijklmnopqrstuvwxyz", strict=False))
    written, sizes, last, owner = list[str](), list[int](), -1, None
    for one in segments:
        if one.message is None:
            written.append("_" if owner is not None else "")
        elif one.message != last:
            written.append("|" * (one.message - last))
            last = one.message
        elif owner is None:
            written.append("^")
        owner = one.message
        written.append(letters[one.kind].upper() if one.special else letters[one.kind])
        sizes.append(places(one.start + len(one.text)) - places(one.start))
    return {
        "kinds": {letter: kind for kind, letter in letters.items()},
        "segments": "".join(written),
        "sizes": sizes,
    }


def _tokens(inspection: Inspection, text: str) -> dict[str, Any]:
    """The ids, the bytes that each stands for, and what special ones spell.

    There are no lengths where they do not add up to the text, as when a vocabulary changes it before it cuts it.
    """
    coder = coder_for(inspection.encoding)
    try:
        ids = inspection.wire.prompt.token_ids(coder.encoding)
    except EncodingError as error:
        return {"ids": None, "lengths": None, "special": {}, "untiled": str(error)}
    lengths, occurring = coder.byte_lengths(ids), set(ids)
    size = len(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())
    tiles = sum(lengths) == size and max(lengths, default=0) < _LONGEST
    return {
        "ids": ids,
        "lengths": "".join(chr(_ONE + length - 1) for length in lengths) if tiles else None,
        "special": {number: token for number, token in coder.spelled.items() if number in occurring},
        "untiled": "" if tiles else "The bytes of its tokens are not those of the text.",
    }


def _spellings(inspection: Inspection, places: _Places) -> dict[str, Any]:
    """Where content spells special tokens, and where `render` puts an escape into it."""
    forged: list[tuple[int, int, str]] = []
    escapes: list[int] = []
    is_escaped = inspection.subject.text is None
    for segment, escaper in _texts(inspection):
        start = segment.start
        forged += [
            (places(start + found.start), places(start + found.end), found.token)
            for found in escaper.find_all(segment.text)
        ]
        if is_escaped:
            escapes += [places(start + place) for place in escaper.dangerous(segment.text)]
    return {"forged": _apart(forged), "escapes": escapes, "escaped": is_escaped}


def _texts(inspection: Inspection) -> Iterator[tuple[Segment, Escaper]]:
    prompt, dialect = inspection.wire.prompt, inspection.subject.dialect
    for segment in prompt.segments:
        if segment.kind is SegmentKind.CONTENT:
            role = None if segment.message is None else prompt.messages[segment.message].role
            yield segment, escaper_for(dialect, role)


def _apart(spans: Sequence[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Spans that do not overlap: the first of those that do."""
    kept: list[tuple[int, int, str]] = []
    for span in spans:
        if not kept or span[0] >= kept[-1][1]:
            kept.append(span)
    return kept


# The messages


def _sources(inspection: Inspection, messages: Sequence[dict[str, Any]]) -> Iterator[tuple[int, dict[str, Any]]]:
    """The messages of the file as mappings, less content that stands in the wire, but for those of only a role then."""
    wired: dict[int, list[str]] = {}
    roles: dict[int, str] = {}
    prompt = inspection.wire.prompt
    for segment in prompt.segments:
        index = None if segment.message is None else inspection.wire.indexes[segment.message]
        if index is not None and segment.message is not None:
            wired.setdefault(index, []).append(segment.text if segment.kind in _TEXTS else "")
            roles[index] = prompt.messages[segment.message].role
    for index, message in enumerate(messages):
        mapping = dict(message)
        if index in wired and mapping["content"] == "".join(wired[index]):
            del mapping["content"]
        if mapping != {"role": roles.get(index)}:
            yield index, mapping


def _exact(messages: Sequence[dict[str, Any]]) -> Iterator[tuple[int, str]]:
    """Messages with a number that a script would round, such as an id of 64 bits, as JSON."""
    for index, message in enumerate(messages):
        if _is_rounded(message):
            yield index, json.dumps(message, ensure_ascii=False, indent=2)


def _is_rounded(value: Any) -> bool:
    if isinstance(value, dict):
        return any(map(_is_rounded, value.values()))
    if isinstance(value, list):
        return any(map(_is_rounded, value))
    return isinstance(value, int) and abs(value) > _SAFE


def _mapping(message: Message) -> dict[str, Any]:
    try:
        return message.to_mapping()
    except RenderError:  # a field that no form knows has the name of one that this form has
        return {"role": message.role, "content": message.text}


# What is wrong. A span is where it stands in the wire, null where it is not in it.


def _diagnostics(inspection: Inspection) -> Iterator[dict[str, Any]]:
    places = _Places(inspection.subject.document.text or "")
    for one in inspection.diagnostics:
        span = (places(one.start), places(max(one.end, one.start)))
        yield {
            "severity": one.severity,
            "text": f"{one.line}:{one.column} {one.code}: {one.message}",
            "span": span if inspection.subject.text is not None else None,
        }


def _findings(inspection: Inspection) -> Iterator[dict[str, Any]]:
    starts = _content_starts(inspection)
    text = "".join(segment.text for segment in inspection.wire.prompt.segments)
    places = _Places(text)
    for one in inspection.findings:
        index = one.message or 0
        place = starts.get(index, -1) + one.start
        end = place + one.end - one.start
        is_there = one.field == "content" and index in starts and text[place:end] == one.spelling
        where = f"messages[{index}].{one.field} ({inspection.messages[index].role}) {one.line}:{one.column}"
        what = f"{one.kind} {one.token or one.spelling}, read as {one.reading}"
        yield {
            "severity": one.severity,
            "text": f"{where}: {what}",
            "span": (places(place), places(end)) if is_there else None,
        }


def _content_starts(inspection: Inspection) -> dict[int, int]:
    """Where the content of messages of the file begins in the wire."""
    starts: dict[int, int] = {}
    for segment in inspection.wire.prompt.segments:
        index = None if segment.message is None else inspection.wire.indexes[segment.message]
        if index is not None and segment.kind is SegmentKind.CONTENT:
            starts.setdefault(index, segment.start)
    return starts
