"""What changed between two texts, in words: `text_spans` tiles both with what is equal and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple, TypeAlias

from chatml.comparison._align import align

LONGEST_COMPARED = 500_000  # characters of both texts, less what begins and ends alike; beyond it they are one change
_LEAST_EQUAL = 0.2  # of the longer text: with less in common, words that happen to recur only confuse
# words; all other characters one by one, those of scripts that write no spaces, too; white space is between words
_WORDS = re.compile(r"[^\W\u2e80-\U0010ffff]+|\S")
_has_word = re.compile(r"\w").search

Operation: TypeAlias = Literal["equal", "delete", "insert", "replace"]


class TextSpan(NamedTuple):
    """A piece of two texts: `before[before_start:before_end]` became `after[after_start:after_end]`.

    `operation` is "equal", "delete", "insert" or "replace". Spans tile both texts.
    """

    operation: Operation
    before_start: int
    before_end: int
    after_start: int
    after_end: int


def text_spans(before: str, after: str) -> tuple[TextSpan, ...]:
    """What changed, word by word. Texts that have little in common, or are very long, are one change.

    >>> [span.operation for span in text_spans("one two three", "one 2 three")]
    ['equal', 'replace', 'equal']
    """
    start = _common_start(before, after)
    end = _common_end(before, after, start)
    middle, other = before[start : len(before) - end], after[start : len(after) - end]
    equal = [(0, 0, start)] if start else []
    if len(middle) + len(other) <= LONGEST_COMPARED:
        equal += [(begin + start, there + start, size) for begin, there, size in _equal_words(middle, other)]
    equal += [(len(before) - end, len(after) - end, end)] if end else []
    common = sum(size for _, _, size in equal)
    if common < _LEAST_EQUAL * max(len(before), len(after)):
        equal = []
    return tuple(_tiled(_kept(equal, before), len(before), len(after)))


def words_of(text: str) -> set[str]:
    """The words of a text, and each character of scripts that write no spaces."""
    return set(_WORDS.findall(text))


def common_length(first: str | list[int], second: str | list[int]) -> int:
    """How many items two rows have in common at their beginning; compares slices, and no item by itself."""
    low, high = 0, min(len(first), len(second))
    while low < high:
        middle = (low + high + 1) // 2
        if first[low:middle] == second[low:middle]:
            low = middle
        else:
            high = middle - 1
    return low


def _common_start(before: str, after: str) -> int:
    """How much begins alike, up to the end of a white space, so that no word is cut."""
    same = common_length(before, after)
    if same == len(before) == len(after):
        return same
    return max(before.rfind(" ", 0, same), before.rfind("\n", 0, same)) + 1


def _common_end(before: str, after: str, start: int) -> int:
    most = min(len(before), len(after)) - start
    if not most:
        return 0
    same = common_length(before[: -most - 1 : -1], after[: -most - 1 : -1])
    places = (before.find(white, len(before) - same) for white in " \n")
    return len(before) - min((place for place in places if place >= 0), default=len(before))


def _equal_words(before: str, after: str) -> Iterator[tuple[int, int, int]]:
    """Equal words, and the white space around them that is equal as well: where on both sides, how many characters."""
    words, others = ([(one[0], *one.span()) for one in _WORDS.finditer(text)] for text in (before, after))
    end = other_end = 0
    for one, other in align([word[0] for word in words], [word[0] for word in others]):
        _, start, stop = words[one]
        _, there, there_stop = others[other]
        yield from _equal_space(before, after, (end, start), (other_end, there))
        yield start, there, stop - start
        end, other_end = stop, there_stop
    yield from _equal_space(before, after, (end, len(before)), (other_end, len(after)))


def _equal_space(
    before: str, after: str, span: tuple[int, int], other: tuple[int, int]
) -> Iterator[tuple[int, int, int]]:  # fmt: skip
    """The white space that begins or ends what stands between two equal words on both sides."""
    (start, end), (there, there_end) = span, other
    size = 0
    while start + size < end and there + size < there_end and _is_space(before[start + size], after[there + size]):
        size += 1
    if size:
        yield start, there, size
    most = min(end - start, there_end - there) - size
    size = 0
    while size < most and _is_space(before[end - 1 - size], after[there_end - 1 - size]):
        size += 1
    if size:
        yield end - size, there_end - size, size


def _is_space(one: str, other: str) -> bool:
    return one == other and one.isspace()


def _kept(equal: list[tuple[int, int, int]], before: str) -> Iterator[tuple[int, int, int]]:
    """Joined neighbours, less what stands between two changes and has no letter or digit: a space between words."""
    joined: list[tuple[int, int, int]] = []
    for begin, there, size in equal:
        if joined and joined[-1][0] + joined[-1][2] == begin and joined[-1][1] + joined[-1][2] == there:
            joined[-1] = (*joined[-1][:2], joined[-1][2] + size)
        else:
            joined.append((begin, there, size))
    for place, (begin, there, size) in enumerate(joined):
        is_end = place in (0, len(joined) - 1) or "\n" in before[begin : begin + size]
        if is_end or _has_word(before, begin, begin + size):
            yield begin, there, size


def _tiled(equal: Iterator[tuple[int, int, int]], length: int, other_length: int) -> Iterator[TextSpan]:
    position = other = 0
    for begin, there, size in (*equal, (length, other_length, 0)):
        operation = _operation(begin - position, there - other)
        if operation is not None:
            yield TextSpan(operation, position, begin, other, there)
        if size:
            yield TextSpan("equal", begin, begin + size, there, there + size)
        position, other = begin + size, there + size


def _operation(deleted: int, inserted: int) -> Operation | None:
    if deleted:
        return "replace" if inserted else "delete"
    return "insert" if inserted else None
