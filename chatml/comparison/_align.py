"""Which items of two rows belong together: the alignment behind every comparison of prompts.

The way of patience diff, with bounds. Equal beginnings and ends are paired first. Between them, items that occur once
on both sides are anchors, as many as are in the same order; the gaps between anchors are treated in the same way. A gap
without an anchor goes to Myers' algorithm, and when that has found more than a few differences, equal items are paired
by how often they have occurred. So time grows with n log n whatever the items are; the result is a common subsequence,
and nearly always the longest.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

_MOST_DIFFERENCES = 64  # of a gap without anchors; the work in one is at most this times its length
_DEEPEST = 24  # gaps in gaps; nobody writes what nests deeper, but somebody may make it


class Pair(NamedTuple):
    """An item of the first row and the one of the second that is equal to it, as indexes."""

    first: int
    second: int


class _Gap(NamedTuple):
    first: int
    first_end: int
    second: int
    second_end: int
    depth: int


def align(first: Sequence[str], second: Sequence[str]) -> list[Pair]:
    """Pairs of equal items, ascending on both sides. `align(b, a)` gives the same pairs the other way round.

    >>> align("abcd", "xbcy")
    [Pair(first=1, second=1), Pair(first=2, second=2)]
    """
    if list(second) < list(first):  # of alignments that are as good the same one both ways round
        return [Pair(one, other) for other, one in _aligned(*_numbered(second, first))]
    return [Pair(*pair) for pair in _aligned(*_numbered(first, second))]


def _numbered(*rows: Sequence[str]) -> list[list[int]]:
    numbers: dict[str, int] = {}
    return [[numbers.setdefault(item, len(numbers)) for item in row] for row in rows]


def _aligned(left: list[int], right: list[int]) -> list[tuple[int, int]]:
    pairs: list[tuple[int, int]] = []
    gaps = [_Gap(0, len(left), 0, len(right), 0)]
    while gaps:
        gap = _trimmed(gaps.pop(), left, right, pairs)
        if gap.first == gap.first_end or gap.second == gap.second_end:
            continue
        anchors = _anchors(gap, left, right) if gap.depth < _DEEPEST else []
        if not anchors:
            found = _few_differences(gap, left, right)
            pairs += _by_occurrence(gap, left, right) if found is None else found
            continue
        pairs += anchors
        begin, other = gap.first, gap.second
        for one, two in [*anchors, (gap.first_end, gap.second_end)]:
            gaps.append(_Gap(begin, one, other, two, gap.depth + 1))
            begin, other = one + 1, two + 1
    return sorted(pairs)


def _trimmed(gap: _Gap, left: list[int], right: list[int], pairs: list[tuple[int, int]]) -> _Gap:
    """The gap without its equal beginnings and ends, which become pairs."""
    first, first_end, second, second_end, depth = gap
    while first < first_end and second < second_end and left[first] == right[second]:
        pairs.append((first, second))
        first, second = first + 1, second + 1
    while first < first_end and second < second_end and left[first_end - 1] == right[second_end - 1]:
        first_end, second_end = first_end - 1, second_end - 1
        pairs.append((first_end, second_end))
    return _Gap(first, first_end, second, second_end, depth)


def _anchors(gap: _Gap, left: list[int], right: list[int]) -> list[tuple[int, int]]:
    """Items that occur once on both sides of a gap, as many as are in the same order."""
    here, there = Counter(left[gap.first : gap.first_end]), Counter(right[gap.second : gap.second_end])
    places = {right[place]: place for place in range(gap.second, gap.second_end) if there[right[place]] == 1}
    once = [
        (place, places[left[place]])
        for place in range(gap.first, gap.first_end)
        if here[left[place]] == 1 and left[place] in places
    ]
    return _ascending(once)


def _ascending(pairs: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """The longest part of pairs, ascending in the first number, that ascends in the second: by patience sorting."""
    tails: list[int] = []
    tops: list[int] = []
    before: list[int] = []
    for place, (_, value) in enumerate(pairs):
        pile = bisect_left(tails, value)
        before.append(tops[pile - 1] if pile else -1)
        if pile == len(tails):
            tails.append(value)
            tops.append(place)
        else:
            tails[pile], tops[pile] = value, place
    found: list[tuple[int, int]] = []
    place = tops[-1] if tops else -1
    while place >= 0:
        found.append(pairs[place])
        place = before[place]
    return found[::-1]


def _few_differences(gap: _Gap, left: list[int], right: list[int]) -> list[tuple[int, int]] | None:
    """A longest common subsequence by Myers' greedy algorithm; None when more than a few items are not in it."""
    first, first_end, second, second_end, _ = gap
    reach = {1: 0}  # diagonal (first less second) -> how far it goes in the first row, from the gap's begin
    trace: list[dict[int, int]] = []
    height, width = first_end - first, second_end - second
    for differences in range(min(height + width, _MOST_DIFFERENCES) + 1):
        trace.append(reach.copy())
        for diagonal in range(-differences, differences + 1, 2):
            down = diagonal == -differences or (diagonal != differences and reach[diagonal - 1] < reach[diagonal + 1])
            x = reach[diagonal + 1] if down else reach[diagonal - 1] + 1
            y = x - diagonal
            while x < height and y < width and left[first + x] == right[second + y]:
                x, y = x + 1, y + 1
            reach[diagonal] = x
            if x >= height and y >= width:
                return _walked_back(trace, gap)
    return None


def _walked_back(trace: list[dict[int, int]], gap: _Gap) -> list[tuple[int, int]]:
    x, y = gap.first_end - gap.first, gap.second_end - gap.second
    pairs: list[tuple[int, int]] = []
    for differences in range(len(trace) - 1, -1, -1):
        reach, diagonal = trace[differences], x - y
        down = diagonal == -differences or (diagonal != differences and reach[diagonal - 1] < reach[diagonal + 1])
        previous = diagonal + 1 if down else diagonal - 1
        start = reach[previous]
        stop = (start, start - previous) if differences else (0, 0)
        while x > stop[0] and y > stop[1]:
            x, y = x - 1, y - 1
            pairs.append((gap.first + x, gap.second + y))
        x, y = stop
    return pairs


def _by_occurrence(gap: _Gap, left: list[int], right: list[int]) -> list[tuple[int, int]]:
    """Pairs of the n-th of an item on the one side and the n-th of it on the other, as many as are in order."""
    places = dict(zip(_ranked(right[gap.second : gap.second_end]), range(gap.second, gap.second_end), strict=True))
    ranked = zip(_ranked(left[gap.first : gap.first_end]), range(gap.first, gap.first_end), strict=True)
    return _ascending([(place, places[key]) for key, place in ranked if key in places])


def _ranked(row: Sequence[int]) -> list[tuple[int, int]]:
    seen: Counter[int] = Counter()
    ranked = []
    for number in row:
        ranked.append((number, seen[number]))
        seen[number] += 1
    return ranked
