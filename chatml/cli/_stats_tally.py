"""What `chatml stats` knows of a set of data, or of a part of it: tallies of parts make up that of the whole."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from heapq import nsmallest
from typing import TYPE_CHECKING, NamedTuple, TypeAlias, TypeVar

from chatml._distribution import Distribution
from chatml._measure import Status, weakest
from chatml._repeats import Repeats

if TYPE_CHECKING:
    from chatml.models import ModelInfo

_K = TypeVar("_K")
Spreads: TypeAlias = defaultdict[_K, Distribution]

KEPT = 10  # places that are listed of the longest conversations, of repetitions, and of bad rows in each file
ROLES = ("system", "developer", "user", "assistant", "tool", "function")
OTHER = "other"  # all roles that are not in `ROLES`: files may have any number of them
LAST_SINGLE = 32  # behind it, turns are taken together: 33 to 64, 65 to 128, ...
TRAINED = "assistant"
_LINE_BITS = 40  # more lines than a file has


def place_of(file: int, line: int) -> int:
    """The number of a file and a line in it, as one number that has their order."""
    return file << _LINE_BITS | line


def file_and_line(place: int) -> tuple[int, int]:
    """What `place_of` was made of."""
    return place >> _LINE_BITS, place & (1 << _LINE_BITS) - 1


def turn_of(index: int) -> int:
    """The number from 1 on of a message's turn, or of the first one that is taken together with it."""
    turn = index + 1
    return turn if turn <= LAST_SINGLE else (1 << (turn - 1).bit_length() - 1) + 1


class CountedAs(NamedTuple):
    """What conversations were counted as, and who asked for it; `is_foreign` is that of `Subject`."""

    model: ModelInfo | None
    how: str
    dialect: str
    encoding: str
    is_foreign: bool

    @property
    def limit(self) -> int | None:
        """The most tokens that the model takes, where that is known."""
        limits = (self.model.context_window, self.model.max_input) if self.model else ()
        return min((one for one in limits if one is not None), default=None)


class Conversation(NamedTuple):
    """What is known about one conversation: `messages` are pairs of a role and its tokens, `total` has more."""

    place: int
    total: int
    messages: Sequence[tuple[str, int]]
    status: Status
    counted_as: CountedAs
    name: bytes
    opening: bytes


class BadRow(NamedTuple):
    """A conversation that could not be read or counted: where, which kind of fault, and what is wrong."""

    line: int
    kind: str
    problem: str


class Long(NamedTuple):
    """A long conversation. The order is that of lists: the longest first, between equals the first one."""

    shortness: int
    place: int

    @property
    def tokens(self) -> int:
        """Its tokens."""
        return -self.shortness


@dataclass
class Group:
    """Conversations that were counted as the same model, or in the same dialect."""

    conversations: int = 0
    tokens: int = 0
    over: int = 0  # those with more tokens than the model takes

    def merge(self, other: Group) -> None:
        """Add what another one has."""
        self.conversations += other.conversations
        self.tokens += other.tokens
        self.over += other.over


@dataclass
class FileTally:
    """One file. `first` are the bad rows that come first. `passed` says why the file is none of ours.

    `is_text`: it has no marker of a prompt, and was counted as plain text.
    """

    conversations: int = 0
    tokens: int = 0
    bad: Counter[str] = field(default_factory=Counter)
    first: list[BadRow] = field(default_factory=list)
    passed: str = ""
    is_text: bool = False

    def add_bad(self, row: BadRow) -> None:
        """Add a bad row."""
        self.bad[row.kind] += 1
        self._keep([row])

    def merge(self, other: FileTally) -> None:
        """Add what another one has."""
        self.conversations += other.conversations
        self.tokens += other.tokens
        self.bad.update(other.bad)
        self._keep(other.first)
        self.passed = max(self.passed, other.passed)
        self.is_text |= other.is_text

    def _keep(self, rows: Iterable[BadRow]) -> None:
        self.first = nsmallest(KEPT, [*self.first, *rows])


@dataclass
class Tally:
    """Conversations, added up. It holds about 54 bytes for each, and what all of them share."""

    tokens: Distribution = field(default_factory=Distribution)  # of a conversation
    turns: Distribution = field(default_factory=Distribution)  # messages of a conversation
    trained: Distribution = field(default_factory=Distribution)  # tokens of a conversation's assistant messages
    by_role: Spreads[str] = field(default_factory=lambda: defaultdict(Distribution))  # tokens of a message
    by_turn: Spreads[int] = field(default_factory=lambda: defaultdict(Distribution))
    outside: int = 0  # tokens that belong to no message
    statuses: set[Status] = field(default_factory=set)
    groups: dict[CountedAs, Group] = field(default_factory=dict)
    files: dict[int, FileTally] = field(default_factory=dict)
    longest: list[Long] = field(default_factory=list)
    same: Repeats = field(default_factory=Repeats)  # what conversations say
    openings: Repeats = field(default_factory=Repeats)  # what their first user message says

    def file(self, number: int) -> FileTally:
        """The tally of a file."""
        return self.files.setdefault(number, FileTally())

    def add(self, one: Conversation) -> None:
        """Add a conversation."""
        self.tokens.add(one.total)
        self.turns.add(len(one.messages))
        trained = said = 0
        for index, (role, tokens) in enumerate(one.messages):
            said += tokens
            trained += tokens if role == TRAINED else 0
            self.by_role[role if role in ROLES else OTHER].add(tokens)
            self.by_turn[turn_of(index)].add(tokens)
        self.trained.add(trained)
        self.outside += one.total - said
        self.statuses.add(one.status)
        limit = one.counted_as.limit
        self._count_in(one.counted_as, Group(1, one.total, int(limit is not None and one.total > limit)))
        self.file(file_and_line(one.place)[0]).merge(FileTally(1, one.total))
        if len(self.longest) < KEPT or one.total >= self.longest[-1].tokens:
            self._keep_longest([Long(-one.total, one.place)])
        self.same.add(one.name, one.place, one.total)
        self.openings.add(one.opening, one.place, int.from_bytes(one.name[:4]))

    def _count_in(self, counted_as: CountedAs, group: Group) -> None:
        self.groups.setdefault(counted_as, Group()).merge(group)

    def _keep_longest(self, found: Iterable[Long]) -> None:
        self.longest = nsmallest(KEPT, [*self.longest, *found])

    def merge(self, other: Tally) -> None:
        """Add what another one has."""
        self.tokens.merge(other.tokens)
        self.turns.merge(other.turns)
        self.trained.merge(other.trained)
        for role, spread in other.by_role.items():
            self.by_role[role].merge(spread)
        for turn, spread in other.by_turn.items():
            self.by_turn[turn].merge(spread)
        self.outside += other.outside
        self.statuses |= other.statuses
        for counted_as, group in other.groups.items():
            self._count_in(counted_as, group)
        for number, file in other.files.items():
            self.file(number).merge(file)
        self._keep_longest(other.longest)
        self.same.merge(other.same)
        self.openings.merge(other.openings)

    @property
    def status(self) -> Status:
        """The weakest status of all conversations."""
        return weakest(self.statuses)
