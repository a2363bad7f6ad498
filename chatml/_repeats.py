"""What occurs more than once, in a fixed number of bytes for each: names, and where they stand.

A name is a digest, of which 12 bytes are kept: among a hundred million, two are the same by accident with a chance of
one in 10^13. What was added in parts is the same as what was added at once, in any order.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from heapq import nsmallest
from struct import Struct
from typing import NamedTuple

_RECORD = Struct("<12sQI")  # name, place, mark
BYTES = _RECORD.size
LARGEST_MARK = 2**32 - 1
_PARTS = 64  # looked at one after the other, so that the tables for it are small
_PLACES = 3


class Group(NamedTuple):
    """Occurrences of one name: how many, the first places, whether their marks differ.

    `surplus` is the sum of all marks but that of the first place.
    """

    size: int
    places: tuple[int, ...]
    differs: bool
    surplus: int


class Found(NamedTuple):
    """What the repetitions are in all: names, occurrences beyond the first of each, the marks of these, and groups.

    `largest` are the groups with the most occurrences, between equals those that begin first.
    """

    names: int
    repeated: int
    surplus: int
    groups: int
    largest: tuple[Group, ...]


class Repeats:
    """Names and their places, packed. A `mark` is a number that belongs to an occurrence, such as its tokens."""

    __slots__ = ("_parts",)

    def __init__(self) -> None:
        self._parts = [bytearray() for _ in range(_PARTS)]

    def add(self, name: bytes, place: int, mark: int = 0) -> None:
        """Add a name of at least 12 bytes that are spread evenly, at a place below 2^64."""
        self._parts[name[0] % _PARTS] += _RECORD.pack(name[:12], place, min(mark, LARGEST_MARK))

    def merge(self, other: Repeats) -> None:
        """Add all that another one has."""
        for mine, theirs in zip(self._parts, other._parts, strict=True):
            mine += theirs

    @property
    def size(self) -> int:
        """The bytes that are held."""
        return sum(map(len, self._parts))

    def found(self, most: int, *, differing: bool = False) -> Found:
        """What is repeated, with the `most` largest groups; `differing` ones only, where that is asked for."""
        names = repeated = surplus = groups = 0
        largest: list[Group] = []
        for part in self._parts:
            names_here, found = _repeated(part)
            kept = [group for group in found if group.differs or not differing]
            names += names_here
            repeated += len(part) // BYTES - names_here
            surplus += sum(group.surplus for group in kept)
            groups += len(kept)
            largest = nsmallest(most, [*largest, *kept], key=lambda group: (-group.size, group.places))
        return Found(names, repeated, surplus, groups, tuple(largest))


class _Sum:
    """Occurrences of one name that have been seen so far."""

    __slots__ = ("first", "marks", "places", "size")

    def __init__(self) -> None:
        self.size = self.marks = 0
        self.places: list[tuple[int, int]] = []
        self.first: int | None = None

    def add(self, place: int, mark: int) -> None:
        self.size += 1
        self.marks += mark
        if len(self.places) < _PLACES or (place, mark) < self.places[-1]:
            self.places = sorted([*self.places, (place, mark)])[:_PLACES]
        if self.first is None:
            self.first = mark
        elif self.first != mark:
            self.first = -1  # no mark: they differ

    def group(self) -> Group:
        return Group(
            self.size, tuple(place for place, _ in self.places), self.first == -1, self.marks - self.places[0][1]
        )


def _repeated(part: bytearray) -> tuple[int, Iterator[Group]]:
    """How many names there are, and the groups of those that occur more than once."""
    times = Counter(name for name, _, _ in _RECORD.iter_unpack(part))
    sums = {name: _Sum() for name, count in times.items() if count > 1}
    for name, place, mark in _RECORD.iter_unpack(part) if sums else ():
        found = sums.get(name)
        if found is not None:
            found.add(place, mark)
    return len(times), (found.group() for found in sums.values())
