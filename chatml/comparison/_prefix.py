"""Where two prompts begin to differ: what a cache of their beginning can keep, token by token."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from chatml._segments import Segment, SegmentKind
from chatml.comparison._sides import Piece, Side, equal_entries, has_unknown_ids, pieces
from chatml.comparison._wording import common_length
from chatml.encodings import decode_bytes

_WRITTEN = (SegmentKind.CONTENT, SegmentKind.TRUSTED, SegmentKind.REASONING, SegmentKind.TOOL_CALL)

_LOOSE = (SegmentKind.BOS, SegmentKind.EOS, SegmentKind.STRAY, SegmentKind.SEPARATOR)


class PrefixEnd(NamedTuple):
    """The first token of one prompt that the other one does not have in its place.

    `message` is the index of its message, None where it belongs to none or to one that the dialect adds. `part` says
    what it is: "content", another kind of segment ("role", "end", "start", ...), or what has no known ids: "tools" (all
    that stands beside the messages), "media", "calls". `character` counts in the content, `offset` in the whole prompt.
    `id` is the token and `text` what it spells; None and "" where ids are not known.
    """

    message: int | None
    part: str
    character: int
    offset: int
    id: int | None
    text: str


class CommonPrefix(NamedTuple):
    """What two prompts have in common at their beginning, in tokens.

    `tokens` is the most that a cache can keep of the first prompt when the second is sent. `lost` are tokens of whole
    messages that did not change and that it cannot keep all the same, because they stand behind a change. `before` and
    `after` are the first tokens that differ, None where a prompt ends. `is_exact` says whether all ids up to there are
    known; else some were counted by the rules of a bill, and compared as JSON.
    """

    tokens: int
    lost: int
    before: PrefixEnd | None
    after: PrefixEnd | None
    is_exact: bool


class Walked(NamedTuple):
    """How far two sides are equal; `kept` has the tokens of each entry of the second that lie in the prefix."""

    tokens: int
    kept: Counter[int | None]
    before: PrefixEnd | None
    after: PrefixEnd | None
    is_exact: bool


def common_prefix(before: Side, after: Side) -> Walked:
    """Walk along both sides up to the first difference. A text that both have is encoded once, what follows not at all.

    Both sides are in the same encoding.
    """
    skipped = equal_entries(before, after)
    rows = pieces(before, skipped), pieces(after, skipped)
    entries = enumerate(after.entries[:skipped])
    kept: Counter[int | None] = Counter({place: entry.counted.total for place, entry in entries})
    is_exact = not any(_is_guessed(after, place) for place in range(skipped))
    common = 0
    while True:
        left, right = (next(row, None) for row in rows)
        if left is None or right is None or left.key[0] != right.key[0]:
            break
        if left.key == right.key:
            taken = _tokens(left, before) - (kept[right.entry] if right.part == "calls" else 0)
            is_exact = is_exact and not (left.part and taken)
        elif left.key[0] == "run":
            ids = before.coder.text(left.text), after.coder.text(right.text)
            taken = common_length(*ids)
            common = 0 if ids[0] == ids[1] else taken  # lone surrogates differ, and have the same ids
        else:
            break
        kept[right.entry] += taken
        if common or (left.key != right.key and not taken):
            break
    ends = [_end(*one) for one in ((left, common, before, rows[0]), (right, common, after, rows[1]))]
    return Walked(kept.total(), kept, ends[0], ends[1], is_exact)


def _is_guessed(side: Side, place: int) -> bool:
    return side.is_billed and (has_unknown_ids(side, place) or side.entries[place].counted.media > 0)


def _tokens(piece: Piece, side: Side) -> int:
    if piece.part:
        return piece.tokens
    return 1 if piece.number is not None else len(side.coder.text(piece.text))


def _end(piece: Piece | None, common: int, side: Side, rest: Iterator[Piece]) -> PrefixEnd | None:
    """The token behind `common` ones of a piece."""
    if piece is None:
        return None
    ids = side.coder.text(piece.text) if not piece.part and piece.number is None else []
    if common and common == len(ids):
        return _end(next(rest, None), 0, side, rest)
    if piece.part:
        source = None if piece.entry is None else side.entries[piece.entry].counted.source
        return PrefixEnd(source, piece.part, 0, piece.start, None, "")
    number = piece.number if piece.number is not None else ids[common]
    size = len(decode_bytes(side.coder.encoding, ids[:common]))
    offset = piece.start + _characters(piece.text, size)
    spelled = piece.text if piece.number is not None else _spelled(number, side)
    return PrefixEnd(*_place(side, offset), offset, number, spelled)


def _spelled(number: int, side: Side) -> str:
    return decode_bytes(side.coder.encoding, [number]).decode("utf-8", "replace")


def _characters(text: str, size: int) -> int:
    """How many characters of a text have their last byte within its first `size` bytes, as they are encoded."""
    low, high = 0, min(len(text), size)
    while low < high:
        middle = (low + high + 1) // 2
        if _bytes(text[:middle]) <= size:
            low = middle
        else:
            high = middle - 1
    return low


def _bytes(text: str) -> int:
    return len(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").encode())


def _place(side: Side, offset: int) -> tuple[int | None, str, int]:
    """Message, part, and character in the content, of a place in the prompt."""
    place = bisect_right(side.segments, offset, key=lambda segment: segment.start) - 1
    segment = side.segments[place]
    if segment.message is None:
        return None, str(segment.kind) if segment.kind in _LOOSE else "reply", 0
    source = side.entries[side.owners[segment.message]].counted.source
    if segment.kind not in _WRITTEN:
        return source, str(segment.kind), 0
    return source, "content", offset - _content_start(side.segments, place, segment)


def _content_start(segments: tuple[Segment, ...], place: int, segment: Segment) -> int:
    while place and segments[place - 1].message == segment.message and segments[place - 1].kind in _WRITTEN:
        place -= 1
    return segments[place].start
