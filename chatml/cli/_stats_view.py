"""Statistics for people: tables, and histograms made of block characters."""

from __future__ import annotations

import sys
from collections import Counter
from itertools import groupby
from typing import TYPE_CHECKING

from chatml._distribution import Bucket, Distribution, buckets
from chatml._visible import visible
from chatml._width import width_of
from chatml.cli._layout import Cell, Column, table
from chatml.cli._stats_data import last_turn
from chatml.cli._stats_tally import KEPT, OTHER, ROLES
from chatml.cli._tables import STATUS_STYLES, number

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatml.cli._stats import Statistics
    from chatml.cli._terminal import Terminal

_FEW, _FEW_TURNS = 3, 8  # of what there may be many, unless --verbose
_WIDEST_BAR = 100
_EIGHTHS = " ▏▎▍▌▋▊▉"


def view(statistics: Statistics, terminal: Terminal) -> Iterator[str]:
    """The lines of all that is shown."""
    tally = statistics.tally
    yield from _head(statistics, terminal)
    yield ""
    yield from table(_SUMMARY, _summary_rows(statistics), terminal)
    yield ""
    yield terminal.paint("tokens per conversation", "bold")
    yield from _histogram(buckets(tally.tokens), terminal, statistics.max_tokens)
    yield ""
    yield terminal.paint("messages per conversation", "bold")
    yield from _histogram(buckets(tally.turns), terminal)
    if tally.by_turn:
        yield ""
        yield from _turns(statistics, terminal)
    yield ""
    yield from _facts(statistics, terminal)
    if len(tally.files) > 1:
        yield ""
        yield from _files(statistics, terminal)


def _head(statistics: Statistics, terminal: Terminal) -> Iterator[str]:
    tally = statistics.tally
    files = _many(len(tally.files), "file")
    counts = f"{_many(tally.tokens.count, 'conversation')} in {files}, {_many(tally.tokens.total, 'token')}"
    yield terminal.paint(counts, "bold") + ", " + terminal.paint(str(tally.status), STATUS_STYLES[tally.status])
    groups: Counter[str] = Counter()
    for one, group in tally.groups.items():
        groups[", ".join(filter(None, [one.model.name if one.model else "", one.dialect, one.encoding]))] += (
            group.conversations
        )
    for name, count in sorted(groups.items(), key=lambda one: (-one[1], one[0])):
        often = f" ({number(count)})" if len(groups) > 1 else ""
        yield terminal.paint(f"counted as {visible(name)}{often}", "dim")


def _many(count: int, what: str) -> str:
    return f"{number(count)} {what}{'' if count == 1 else 's'}"


def _share(part: int, whole: int) -> str:
    """A share with one decimal; 0 is none at all, and 100 is everything."""
    if not part or not whole:
        return "0%"
    if part == whole:
        return "100%"
    return f"{min(max(100 * part / whole, 0.1), 99.9):.1f}%"


# The summary

_SUMMARY = (
    Column("tokens of"),
    Column("count", right=True),
    Column("total", right=True, may_go=True),
    Column("mean", right=True, may_go=True),
    Column("min", right=True, may_go=True),
    Column("p50", right=True),
    Column("p90", right=True),
    Column("p99", right=True),
    Column("max", right=True),
)


def _summary_rows(statistics: Statistics) -> Iterator[list[Cell]]:
    tally = statistics.tally
    yield _summary_row("conversations", tally.tokens, "bold")
    for role in (*ROLES, OTHER):
        if tally.by_role.get(role):
            yield _summary_row(f"  {role}", tally.by_role[role])


def _summary_row(name: str, spread: Distribution, style: str = "") -> list[Cell]:
    summary = spread.summary()
    if summary is None:
        return [Cell(name)]
    percents = [summary.percentiles[percent] for percent in (50, 90, 99)]
    figures = [summary.least, *percents, summary.most]
    return [
        Cell(name, style), Cell(number(summary.size)), Cell(number(summary.total)), Cell(f"{summary.mean:,.1f}"),
        *(Cell(number(figure)) for figure in figures),
    ]  # fmt: skip


# Histograms


def _histogram(found: Sequence[Bucket], terminal: Terminal, limit: int | None = None) -> Iterator[str]:
    """A line for each bucket, and one for empty ones side by side. The bars of those over a limit are red."""
    found = list(_joined_gaps(found))
    whole, largest = sum(one.size for one in found), max(one.size for one in found)
    rows = [(_range(one.low, one.high), number(one.size), _share(one.size, whole), one) for one in found]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    room = min(terminal.width - sum(widths) - 6, _WIDEST_BAR)
    for bounds, count, share, one in rows:
        style = "red" if limit is not None and one.low > limit else "blue"
        bar = terminal.paint(bar_of(one.size, largest, room, terminal), style)
        cells = f"{bounds:>{widths[0]}}  {count:>{widths[1]}}  {share:>{widths[2]}}"
        yield f"{cells}  {bar}".rstrip()


def _joined_gaps(found: Sequence[Bucket]) -> Iterator[Bucket]:
    """The buckets, with one in place of many that are empty: few conversations are else lost between zeros."""
    for is_gap, group in groupby(found, key=lambda one: not one.size):
        some = list(group)
        if is_gap and len(some) > _FEW:
            yield Bucket(some[0].low, some[-1].high, 0)
        else:
            yield from some


def _range(low: int, high: int) -> str:
    return number(low) if low == high else f"{number(low)}-{number(high)}"


def bar_of(part: int, whole: int, room: int, terminal: Terminal) -> str:
    """A bar of up to `room` columns; what is more than nothing can be seen."""
    if not part or room < 1:
        return ""
    block = terminal.symbols.used
    if not _has_eighths(block):
        return block * max(round(part * room / whole), 1)
    full, rest = divmod(max(round(8 * part * room / whole), 1), 8)
    return block * full + _EIGHTHS[rest].strip()


def _has_eighths(block: str) -> bool:
    try:
        _EIGHTHS.encode(getattr(sys.stdout, "encoding", None) or "ascii")
    except (LookupError, UnicodeEncodeError):
        return False
    return block == "█"


# By turn


def _turns(statistics: Statistics, terminal: Terminal) -> Iterator[str]:
    yield terminal.paint("tokens by place in the conversation; the bar is p50", "bold")
    turns = sorted(statistics.tally.by_turn.items())
    shown = turns if statistics.verbose else turns[:_FEW_TURNS]
    rows, medians = [], []
    for first, spread in shown:
        found = spread.percentiles((50, 90, 99, 100))
        rows.append([_range(first, last_turn(first)), number(spread.count), *map(number, found.values())])
        medians.append(found[50])
    titles = ("message", "count", "p50", "p90", "p99", "max")
    widths = [max(map(len, column)) for column in zip(titles, *rows, strict=True)]
    yield terminal.paint(_joined(titles, widths), "dim")
    room = min(terminal.width - sum(widths) - 2 * len(widths), _WIDEST_BAR)
    for row, median in zip(rows, medians, strict=True):
        bar = bar_of(median, max(medians), room, terminal)
        yield f"{_joined(row, widths)}  {terminal.paint(bar, 'blue')}".rstrip()
    if len(turns) > len(shown):
        yield terminal.paint(f"... and up to message {number(last_turn(turns[-1][0]))}: -v shows all", "dim")


def _joined(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "  ".join(f"{cell:>{width}}" for cell, width in zip(cells, widths, strict=True))


# Facts: a title in front, then a line or more


def _facts(statistics: Statistics, terminal: Terminal) -> Iterator[str]:
    facts = [
        *_limits(statistics), _training(statistics), *_outside(statistics), *_price(statistics),
        *_duplicates(statistics), _longest(statistics), *_bad(statistics),
    ]  # fmt: skip
    width = max(len(title) for title, _ in facts)
    for title, lines in facts:
        for place, line in enumerate(lines):
            margin = terminal.paint(f"{title:<{width}}", "bold") if place == 0 else " " * width
            for piece in _wrapped(visible(line), terminal.width - width - 2):
                yield f"{margin}  {piece}"
                margin = " " * width


def _wrapped(text: str, room: int) -> Iterator[str]:
    """A text in lines, broken at spaces; a word that is wider than a line stays whole."""
    first, *words = text.lstrip(" ").split(" ")
    indent = " " * (len(text) - len(text.lstrip(" ")))
    line = indent + first
    for word in words:
        if width_of(line) + 1 + width_of(word) > room:
            yield line
            line = f"{indent}  {word}"
        else:
            line += f" {word}"
    yield line


_Fact = tuple[str, list[str]]


def _limits(statistics: Statistics) -> Iterator[_Fact]:
    tally, lines = statistics.tally, []
    limits: dict[str, list[int]] = {}
    for one, group in tally.groups.items():
        if one.model and one.limit is not None:
            found = limits.setdefault(f"the {number(one.limit)} of {one.model.name}", [0, 0])
            found[0] += group.over
            found[1] += group.conversations
    if statistics.max_tokens is not None:
        most = statistics.max_tokens
        over, whole, excess = tally.tokens.over(most), tally.tokens.count, tally.tokens.excess(most)
        more = f", with {_many(excess, 'token')} beyond it" if excess else ""
        lines.append(f"{number(over)} ({_share(over, whole)}) over the {number(most)} of --max-tokens{more}")
    lines += [f"{number(over)} ({_share(over, whole)}) over {limit}" for limit, (over, whole) in sorted(limits.items())]
    if lines:
        yield "over a limit", lines


def _training(statistics: Statistics) -> _Fact:
    tally = statistics.tally
    share = _share(tally.trained.total, tally.tokens.total)
    lines = [f"{_many(tally.trained.total, 'token')} of assistant messages, {share} of all"]
    without = tally.trained.count - tally.trained.over(0)
    if without:
        lines.append(f"{_many(without, 'conversation')} without any ({_share(without, tally.trained.count)})")
    return "training", lines


def _outside(statistics: Statistics) -> Iterator[_Fact]:
    tally = statistics.tally
    if tally.outside:
        share = _share(tally.outside, tally.tokens.total)
        yield "no message", [f"{_many(tally.outside, 'token')} of reply priming, tools and what else is added, {share}"]


def _price(statistics: Statistics) -> Iterator[_Fact]:
    if statistics.with_cost:
        cost = statistics.cost
        yield "cost", ["not known" if cost is None else f"${cost:,f} as input"]


def _duplicates(statistics: Statistics) -> Iterator[_Fact]:
    tally = statistics.tally
    most = KEPT if statistics.verbose else _FEW
    same = tally.same.found(most)
    lines = ["none"]
    if same.repeated:
        share, tokens = _share(same.repeated, tally.tokens.count), _many(same.surplus, "token")
        say = "says" if same.repeated == 1 else "say"
        lines = [f"{_many(same.repeated, 'conversation')} ({share}) {say} the same as one before: {tokens}"]
        lines += [_group(statistics, group.size, group.places) for group in same.largest]
    yield "duplicates", lines
    openings = tally.openings.found(most, differing=True)
    alike = same.names - openings.names
    if alike:
        share = _share(alike, tally.tokens.count)
        begin = "begins" if alike == 1 else "begin"
        lines = [f"{number(alike)} more ({share}) {begin} with the same user message as one before"]
        yield "", lines + [_group(statistics, group.size, group.places) for group in openings.largest]


def _group(statistics: Statistics, size: int, places: Sequence[int]) -> str:
    shown = ", ".join(_place(statistics, place) for place in places)
    return f"  {number(size)} times: {shown}{', ...' if size > len(places) else ''}"


def _place(statistics: Statistics, packed: int) -> str:
    name, line = statistics.place(packed)
    return f"{name}:{line}"


def _longest(statistics: Statistics) -> _Fact:
    longest = statistics.tally.longest if statistics.verbose else statistics.tally.longest[:_FEW]
    return "longest", [f"{_place(statistics, one.place)} with {_many(one.tokens, 'token')}" for one in longest]


def _bad(statistics: Statistics) -> Iterator[_Fact]:
    kinds: Counter[str] = sum((file.bad for file in statistics.tally.files.values()), Counter())
    if kinds:
        found = ", ".join(f"{number(count)} {kind}" for kind, count in sorted(kinds.items(), key=lambda one: -one[1]))
        yield "not counted", [found]


def _files(statistics: Statistics, terminal: Terminal) -> Iterator[str]:
    files = sorted(statistics.tally.files.items(), key=lambda one: (-one[1].tokens, one[0]))
    shown = files if statistics.verbose else files[:_FEW_TURNS]
    rows = [
        [
            Cell(number(file.tokens), "bold"), Cell(number(file.conversations)),
            Cell(number(file.bad.total()) if file.bad else "", "red"), Cell(visible(statistics.names[place])),
        ]
        for place, file in shown
    ]  # fmt: skip
    columns = (
        Column("tokens", right=True), Column("conversations", right=True), Column("bad", right=True),
        Column("file", gives_way=True),
    )  # fmt: skip
    yield from table(columns, rows, terminal)
    if len(files) > len(shown):
        yield terminal.paint(f"... and {_many(len(files) - len(shown), 'file')} with fewer: -v shows all", "dim")
