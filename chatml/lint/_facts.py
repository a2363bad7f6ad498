"""What dataset rules keep of all conversations, in columns: a file of fine-tuning data has millions of them."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping

from chatml.lint._rule import Fact, Path


class _Column:
    """The facts that one rule has of one file."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.lines = array("q")
        self.facts: list[Hashable] = []
        self.pointers: dict[int, Path] = {}  # most have none

    def add(self, fact: Fact) -> None:
        if fact.pointer:
            self.pointers[len(self.facts)] = fact.pointer
        self.lines.append(fact.line)
        self.facts.append(fact.fact)

    def __iter__(self) -> Iterator[Fact]:
        for index, (line, fact) in enumerate(zip(self.lines, self.facts, strict=True)):
            yield Fact(self.path, line, self.pointers.get(index, ()), fact)


class _Facts:
    """The facts that one rule has of all files; they can be walked again and again."""

    def __init__(self, columns: Iterable[_Column]) -> None:
        self._columns = columns

    def __iter__(self) -> Iterator[Fact]:
        for column in self._columns:
            yield from column


class FactTable(Mapping[str, Iterable[Fact]]):
    """Facts by the code of their rule, in the order in which they came."""

    def __init__(self) -> None:
        self._columns: dict[str, list[_Column]] = {}

    def add(self, facts: Mapping[str, Iterable[Fact]]) -> None:
        """Add the facts of a part of a file, behind all others."""
        for code, found in facts.items():
            columns = self._columns.setdefault(code, [])
            for fact in found:
                if not columns or columns[-1].path != fact.path:
                    columns.append(_Column(fact.path))
                columns[-1].add(fact)

    def drop(self, path: str) -> None:
        """Forget a file."""
        for columns in self._columns.values():
            columns[:] = [column for column in columns if column.path != path]

    def __getitem__(self, code: str) -> Iterable[Fact]:
        return _Facts(self._columns[code])

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)
