"""How whole numbers are spread, exactly: what was added in parts is the same as what was added at once, in any order.

Each value is kept once, with the times that it occurred. `n` different values sum up to at least `n * (n - 1) / 2`, so
there are few of them however many were added: of conversations with 10^9 tokens in all there are at most 44,721
different lengths, some 5 MiB.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import NamedTuple

PERCENTS = (1, 5, 10, 25, 50, 75, 90, 95, 99)
_NICE = (1, 2, 5)
_CROWDED = 0.5  # a share of everything in one bucket that says that buckets of one width show too little


class Summary(NamedTuple):
    """A distribution in a few numbers: `size` is how many there are. `percentiles` are those of `PERCENTS`."""

    size: int
    total: int
    mean: float
    least: int
    most: int
    percentiles: Mapping[int, int]


class Distribution:
    """Whole numbers from 0 on, and how often each of them occurred."""

    __slots__ = ("_times",)

    def __init__(self, values: Iterable[int] = ()) -> None:
        self._times: Counter[int] = Counter(values)

    def __eq__(self, other: object) -> bool:
        return self._times == other._times if isinstance(other, Distribution) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __bool__(self) -> bool:
        return bool(self._times)

    def add(self, value: int) -> None:
        """Add one value."""
        self._times[value] += 1

    def merge(self, other: Distribution) -> None:
        """Add all that another one has."""
        self._times.update(other._times)

    @property
    def count(self) -> int:
        """How many values were added."""
        return self._times.total()

    @property
    def total(self) -> int:
        """Their sum."""
        return sum(value * times for value, times in self._times.items())

    def over(self, limit: int) -> int:
        """How many are larger than a limit."""
        return sum(times for value, times in self._times.items() if value > limit)

    def excess(self, limit: int) -> int:
        """By how much they are larger than a limit, in all."""
        return sum((value - limit) * times for value, times in self._times.items() if value > limit)

    def items(self) -> list[tuple[int, int]]:
        """The values in order, each with the times that it occurred."""
        return sorted(self._times.items())

    def percentiles(self, percents: Sequence[int]) -> dict[int, int]:
        """For each per cent the least value that so many of all do not exceed, which is one of them ("nearest rank").

        So 50 is the lower median, 0 the least and 100 the largest value. There has to be a value.
        """
        values, ranks = zip(*self.items(), strict=True)
        up_to = list(accumulate(ranks))
        return {one: values[bisect_left(up_to, max(-(-up_to[-1] * one // 100), 1))] for one in percents}

    def summary(self) -> Summary | None:
        """The distribution in a few numbers; None when nothing was added."""
        if not self._times:
            return None
        count, total = self.count, self.total
        return Summary(
            count, total, total / count, min(self._times), max(self._times), self.percentiles(PERCENTS)
        )  # fmt: skip


class Bucket(NamedTuple):
    """How many values (`size`) there are from `low` to `high`, both of them included."""

    low: int
    high: int
    size: int


def buckets(distribution: Distribution, most: int = 16) -> tuple[Bucket, ...]:
    """Up to `most` buckets that hold all values, chosen from these: their bounds are round numbers.

    They have one width, unless more than half of all is in one of them and buckets that grow (1, 2, 5, 10, 20, ...)
    have less in one.
    """
    if not distribution:
        return ()
    items = distribution.items()
    even = _filled(items, _even_bounds(items[0][0], items[-1][0], most))
    if _largest(even) <= _CROWDED * distribution.count:
        return even
    growing = _filled(items, _growing_bounds(items[0][0], items[-1][0], most))
    return growing if _largest(growing) < _largest(even) else even


def _largest(found: Sequence[Bucket]) -> int:
    return max(bucket.size for bucket in found)


def _filled(items: Sequence[tuple[int, int]], bounds: Sequence[int]) -> tuple[Bucket, ...]:
    """`bounds` are where buckets begin, and behind them where the last one ends."""
    counts = [0] * (len(bounds) - 1)
    place = 0
    for value, times in items:
        while value >= bounds[place + 1]:
            place += 1
        counts[place] += times
    return tuple(map(Bucket, bounds, (bound - 1 for bound in bounds[1:]), counts))


def _even_bounds(least: int, largest: int, most: int) -> list[int]:
    width = next(
        width
        for power in range(len(str(largest)) + 1)
        for width in (nice * 10**power for nice in _NICE)
        if largest // width - least // width < most
    )
    return list(range(least // width * width, (largest // width + 2) * width, width))


def _growing_bounds(least: int, largest: int, most: int) -> list[int]:
    """1, 2, 5, 10, ...; where these are too many 1, 10, 100, ..., and so on."""
    digits = len(str(largest)) + 1
    steps = [[0, *(nice * 10**power for power in range(digits) for nice in _NICE)]]
    steps += [[0, *(10**power for power in range(0, digits + each, each))] for each in range(1, digits + 1)]
    for bounds in steps:
        begin = max(place for place, bound in enumerate(bounds) if bound <= least)
        end = min(place for place, bound in enumerate(bounds) if bound > largest)
        if end - begin <= most:
            return bounds[begin : end + 1]
    return [0, 10**digits]
