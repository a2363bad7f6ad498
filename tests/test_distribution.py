"""Distributions and repetitions: sums of parts are the whole, and all figures are those of the sorted values."""

from __future__ import annotations

import math
import pickle
import statistics
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatml._distribution import PERCENTS, Bucket, Distribution, buckets
from chatml._repeats import BYTES, LARGEST_MARK, Group, Repeats

numbers = st.one_of(st.integers(0, 12), st.integers(0, 3_000), st.integers(0, 10**15))
lists = st.lists(numbers, max_size=60)
some = st.lists(numbers, min_size=1, max_size=60)


def merged(parts: Sequence[Sequence[int]]) -> Distribution:
    whole = Distribution()
    for part in parts:
        whole.merge(Distribution(part))
    return whole


def check_parts(parts: Sequence[Sequence[int]], merge: Callable[[Sequence[Sequence[int]]], Distribution]) -> None:
    assert merge(parts) == Distribution([value for part in parts for value in part])


class TestDistribution:
    """Exact figures."""

    @given(st.lists(lists, max_size=5))
    def test_parts_make_the_whole(self, parts: list[list[int]]) -> None:
        check_parts(parts, merged)
        check_parts(parts[::-1], merged)

    def test_a_merge_that_forgets_is_caught(self) -> None:
        with pytest.raises(AssertionError):
            check_parts([[1], [1, 2]], lambda parts: Distribution({value for part in parts for value in part}))

    @given(some)
    def test_a_summary_is_that_of_the_sorted_values(self, values: list[int]) -> None:
        ordered, found = sorted(values), Distribution(values).summary()
        assert found is not None
        assert (found.size, found.total) == (len(values), sum(values))
        assert (found.least, found.most) == (ordered[0], ordered[-1])
        assert math.isclose(found.mean, statistics.fmean(values), rel_tol=1e-12)
        assert found.percentiles[50] == statistics.median_low(values)
        assert found.percentiles == {one: ordered[math.ceil(one * len(ordered) / 100) - 1] for one in PERCENTS}

    @given(some, st.integers(0, 100))
    def test_a_percentile_is_the_least_that_so_many_do_not_exceed(self, values: list[int], percent: int) -> None:
        found = Distribution(values).percentiles([percent])[percent]
        assert found in values
        assert sum(value <= found for value in values) * 100 >= percent * len(values)
        assert sum(value < found for value in values) * 100 <= max(percent * len(values) - 1, 0)

    @given(lists, numbers)
    def test_what_is_over_a_limit(self, values: list[int], limit: int) -> None:
        found, over = Distribution(values), [value for value in values if value > limit]
        assert (found.over(limit), found.excess(limit)) == (len(over), sum(over) - limit * len(over))

    def test_nothing(self) -> None:
        empty = Distribution()
        assert not empty
        assert (empty.count, empty.total, empty.summary(), buckets(empty)) == (0, 0, None, ())

    def test_few_values_are_kept(self) -> None:
        """What the docstring of the module says of 10^9 tokens."""
        assert sum(range(44_721)) <= 10**9 < sum(range(44_722))


def check_buckets(values: Sequence[int], found: Sequence[Bucket], most: int) -> None:
    assert 1 <= len(found) <= most
    assert sum(one.size for one in found) == len(values)
    assert found[0].size
    assert found[-1].size
    for one, following in pairwise(found):
        assert one.high + 1 == following.low
    for one in found:
        assert one.size == sum(one.low <= value <= one.high for value in values)


class TestBuckets:
    """Histograms hold everything, within bounds that are easy to read."""

    @given(some, st.integers(4, 30))
    def test_they_hold_everything_once(self, values: list[int], most: int) -> None:
        check_buckets(values, buckets(Distribution(values), most), most)

    def test_a_bucket_that_loses_a_value_is_caught(self) -> None:
        with pytest.raises(AssertionError):
            check_buckets([1, 2, 3], [Bucket(1, 2, 2)], 16)

    @pytest.mark.parametrize(
        ("values", "bounds"),
        [
            ([7], ["7-7"]),
            ([0, 1, 2, 3], ["0-0", "1-1", "2-2", "3-3"]),
            (range(100, 200), ["100-109", "110-119", "120-129", "130-139", "140-149", "150-159", "160-169",
                               "170-179", "180-189", "190-199"]),
            ([3] * 90 + [40] * 30 + [500] * 30, ["2-4", "5-9", "10-19", "20-49", "50-99", "100-199", "200-499",
                                                 "500-999"]),
        ],
    )  # fmt: skip
    def test_their_bounds_are_round(self, values: Sequence[int], bounds: list[str]) -> None:
        assert [f"{one.low}-{one.high}" for one in buckets(Distribution(values))] == bounds


records = st.lists(
    st.tuples(st.sampled_from([bytes([part]) * 16 for part in (0, 1, 64, 255)]), st.integers(0, 40), st.integers(0, 3)),
    max_size=40,
)


def repeats_of(found: Sequence[tuple[bytes, int, int]]) -> Repeats:
    repeats = Repeats()
    for record in found:
        repeats.add(*record)
    return repeats


class TestRepeats:
    """What occurs twice is found, whatever the order."""

    @given(records, st.booleans())
    def test_it_is_what_a_table_finds(self, found: list[tuple[bytes, int, int]], differing: bool) -> None:
        result = repeats_of(found).found(100, differing=differing)
        times = Counter(name for name, _, _ in found)
        assert (result.names, result.repeated) == (len(times), len(found) - len(times))
        expected = []
        for name, count in times.items():
            occurrences = sorted((place, mark) for other, place, mark in found if other == name)
            marks = [mark for _, mark in occurrences]
            differs = len(set(marks)) > 1
            if count > 1 and (differs or not differing):
                places = tuple(place for place, _ in occurrences[:3])
                expected.append(Group(count, places, differs, sum(marks[1:])))
        assert sorted(expected) == sorted(result.largest)
        assert sorted(result.largest, key=lambda one: (-one.size, one.places)) == list(result.largest)
        assert (result.groups, result.surplus) == (len(expected), sum(one.surplus for one in expected))

    @given(records, st.integers(0, 40), st.randoms())
    def test_parts_in_any_order_make_the_whole(
        self, found: list[tuple[bytes, int, int]], cut: int, chance: Random
    ) -> None:
        whole = repeats_of(found).found(2)
        mixed = chance.sample(found, len(found))
        first = pickle.loads(pickle.dumps(repeats_of(mixed[cut:])))
        first.merge(repeats_of(mixed[:cut]))
        assert first.found(2) == whole

    def test_bytes_for_each(self) -> None:
        repeats = repeats_of([(bytes([number]) * 16, number, 10**12) for number in range(100)])
        assert (repeats.size, BYTES) == (2400, 24)
        assert repeats_of([(b"a" * 16, 1, 10**12)] * 2).found(1).surplus == LARGEST_MARK
