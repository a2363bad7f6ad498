"""A comparison for people: a head, a table of messages, where the prefix ends, and every changed text."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from chatml._measure import Status, weakest
from chatml._visible import visible
from chatml.cli._diff_texts import changed_text, one_text, paragraph, prefix_place
from chatml.cli._layout import Cell, Column, fact_lines, summary, table
from chatml.cli._tables import number, percent, status_cell
from chatml.comparison._compare import ChangeKind, Comparison, MessageChange

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from decimal import Decimal

    from chatml.cli._diffing import Difference
    from chatml.cli._terminal import Terminal

MARKS = {
    ChangeKind.KEPT: "",
    ChangeKind.CHANGED: "~",
    ChangeKind.MOVED: ">",
    ChangeKind.ADDED: "+",
    ChangeKind.REMOVED: "-",
}
_STYLES = {
    ChangeKind.KEPT: "dim",
    ChangeKind.CHANGED: "yellow",
    ChangeKind.MOVED: "blue",
    ChangeKind.ADDED: "green",
    ChangeKind.REMOVED: "red",
}
_COLUMNS = (
    Column(""),
    Column("#", right=True),
    Column("role", gives_way=True),
    Column("before", right=True),
    Column("after", right=True),
    Column("change", right=True),
    Column("text", gives_way=True, may_go=1),
)


_MOST_LINES = 60  # of what changed in one message, unless all is asked for


class Look(NamedTuple):
    """What the options ask of the view: messages to list around a change (None: all, and texts in full), prices."""

    context: int | None
    cost: bool


def view(difference: Difference, look: Look, terminal: Terminal) -> Iterator[str]:
    """The lines of the whole view."""
    yield from fact_lines(_head(difference), terminal)
    yield ""
    yield from _table(difference, look, terminal)
    yield ""
    yield from fact_lines(_result(difference, look), terminal)
    if not _is_whole(difference.comparison):
        yield ""
        yield terminal.paint("Where the prefix ends", "bold")
        yield from _prefix(difference, terminal)
    changes = list(_changes(difference, look, terminal))
    if changes:
        yield from ["", terminal.paint("Changes", "bold") + terminal.paint(" ([-removed-] {+added+})", "dim"), *changes]


def _head(difference: Difference) -> Iterator[tuple[str, str, str]]:
    before, after, subject = difference.before, difference.after, difference.after.subject
    yield "Before", visible(before.name), "bold"
    yield "After", visible(after.name), "bold"
    if subject.model is not None:
        how = {"named in the file": "named in a file"}.get(subject.model.how, subject.model.how)
        yield "Model", f"{visible(subject.model.name)} ({how})", ""
    how = " (of the model)" if subject.is_billed else " (texts as they are)" if subject.text is not None else ""
    yield "Wire", subject.dialect.name + how, ""
    yield "Encoding", visible(difference.comparison.after.encoding), ""
    for text in difference.notes:
        yield "Note", visible(text), ""


# The table


def _table(difference: Difference, look: Look, terminal: Terminal) -> Iterator[str]:
    comparison = difference.comparison
    rows = list(_rows(comparison.messages, look.context, terminal))
    for part in (part for part in comparison.parts if part.before or part.after):
        style = "" if part.before == part.after else "yellow"
        mark = "" if part.before == part.after else MARKS[ChangeKind.CHANGED]
        figures = _figures(part.before, part.after)
        rows.append([Cell(mark, style), Cell(""), Cell(part.name), *figures])
    totals = _figures(comparison.before.total, comparison.after.total)
    status = weakest([comparison.before.status, comparison.after.status])
    ending = status_cell(status) if status is not Status.EXACT else Cell("")
    rows.append([Cell(""), Cell(""), Cell("total", "bold"), *(cell._replace(style="bold") for cell in totals), ending])
    return table(_COLUMNS, rows, terminal)


def _rows(changes: Sequence[MessageChange], context: int | None, terminal: Terminal) -> Iterator[list[Cell]]:
    """A row for each message; many that were kept, away from all changes, are one row."""
    shown = _shown(changes, context)
    for is_shown, group in groupby(zip(changes, shown, strict=True), key=lambda pair: pair[1]):
        some = [change for change, _ in group]
        if is_shown or len(some) == 1:
            yield from (_row(change, terminal) for change in some)
            continue
        totals = _figures(*(_sum(one) for one in zip(*map(_totals, some), strict=True)))
        yield [Cell(""), Cell(terminal.symbols.ellipsis, "dim"), Cell(f"{number(len(some))} unchanged", "dim"), *totals]


def _sum(totals: Iterable[int | None]) -> int:
    return sum(total or 0 for total in totals)


def _shown(changes: Sequence[MessageChange], context: int | None) -> list[bool]:
    """For each message, whether it is one of those within `context` of a change."""
    if context is None:
        return [True] * len(changes)
    places = [place for place, change in enumerate(changes) if change.kind is not ChangeKind.KEPT]
    near = {place + step for place in places for step in range(-context, context + 1)} if len(places) else set()
    return [place in near for place in range(len(changes))]


def _row(change: MessageChange, terminal: Terminal) -> list[Cell]:
    count = change.after or change.before
    style = _STYLES[change.kind]
    text = change.after_text if change.after else change.before_text
    return [
        Cell(MARKS[change.kind], style),
        Cell(_places(change), "dim"),
        Cell(visible(count.role if count else ""), style if style != "dim" else ""),
        *_figures(*_totals(change)),
        Cell(summary(text, terminal.width, terminal.symbols.ellipsis), "dim"),
    ]


def _totals(change: MessageChange) -> tuple[int | None, int | None]:
    return (change.before.total if change.before else None, change.after.total if change.after else None)


def _places(change: MessageChange) -> str:
    """The number of a message in both files, "+" for one that the dialect adds."""
    places = ["+" if one.source is None else str(one.source) for one in (change.before, change.after) if one]
    return places[0] if len(set(places)) == 1 else "->".join(places)


def _figures(before: int | None, after: int | None) -> list[Cell]:
    """Tokens before and after, and what came or went."""
    delta = (after or 0) - (before or 0)
    style = "red" if delta > 0 else "green"  # more tokens cost more
    cells = [Cell("" if tokens is None else number(tokens)) for tokens in (before, after)]
    return [*cells, Cell(signed(delta), style)]


def signed(value: int) -> str:
    """A difference for people; nothing where there is none."""
    return f"{value:+,}" if value else ""


# What it comes to


def _result(difference: Difference, look: Look) -> Iterator[tuple[str, str, str]]:
    comparison = difference.comparison
    if comparison.is_equal:
        yield "Equal", f"all {tokens_of(comparison.after.total)} are the same", "green"
    else:
        kinds = [change.kind for change in comparison.messages]
        counts = {kind: kinds.count(kind) for kind in ChangeKind if kind is not ChangeKind.KEPT}
        words = [f"{number(many)} {kind}" for kind, many in counts.items() if many]
        yield "Messages", ", ".join(words) or "all the same", ""
        yield from _kept_and_lost(comparison)
    if look.cost:
        yield from _costs(*comparison.costs())


def _kept_and_lost(comparison: Comparison) -> Iterator[tuple[str, str, str]]:
    prefix, total = comparison.prefix, comparison.after.total
    if _is_whole(comparison):
        yield "Prefix", f"all {tokens_of(total)} are the same", ""
        return
    share = f"{percent(prefix.tokens, total)} of AFTER"
    same = "the first token is" if prefix.tokens == 1 else f"the first {number(prefix.tokens)} tokens are"
    some = f"{same} the same, {share}: what a cache can keep"
    yield "Prefix", some if prefix.tokens else "not even the first token is the same: a cache can keep nothing", ""
    lost = f", {number(prefix.lost)} of them in messages that did not change" if prefix.lost else ""
    yield "Anew", f"{tokens_of(comparison.new_tokens)} behind it{lost}", "yellow" if prefix.lost else ""


def _is_whole(comparison: Comparison) -> bool:
    """Whether no token differs; a message still may, in characters or fields that have none."""
    return comparison.prefix.before is None and comparison.prefix.after is None


def tokens_of(count: int) -> str:
    """A number of tokens for people."""
    return f"{number(count)} token{'' if count == 1 else 's'}"


def _costs(before: Decimal | None, after: Decimal | None, cached: Decimal | None) -> Iterator[tuple[str, str, str]]:
    if before is None or after is None:
        yield "Cost", "not known", ""
        return
    delta = after - before
    change = f", {'+' if delta > 0 else '-'}${abs(delta).normalize():f}" if delta else ""
    least = f"; with the whole prefix in a cache ${cached:f}" if cached is not None else ""
    yield "Cost", f"${before:f} before, ${after:f} after{change}{least}", ""


def _prefix(difference: Difference, terminal: Terminal) -> Iterator[str]:
    yield from prefix_place(
        difference.comparison.prefix, difference.before.side.text, difference.after.side.text, terminal
    )


def _changes(difference: Difference, look: Look, terminal: Terminal) -> Iterator[str]:
    whole = look.context is None
    for change in difference.comparison.messages:
        if change.kind in (ChangeKind.KEPT, ChangeKind.MOVED):
            continue
        yield from paragraph([(_title(change), _STYLES[change.kind])], terminal, indent="")
        lines = list(_text_of(change, terminal, whole=whole))
        most = len(lines) if whole else _MOST_LINES
        yield from lines[:most]
        if len(lines) > most:
            more = f"{terminal.symbols.ellipsis} and {number(len(lines) - most)} more lines: --all shows them"
            yield from paragraph([(more, "dim")], terminal)


def _text_of(change: MessageChange, terminal: Terminal, *, whole: bool) -> Iterator[str]:
    if change.kind is ChangeKind.CHANGED:
        return changed_text(change, terminal, whole=whole)
    if change.kind is ChangeKind.ADDED:
        return one_text(change.after_text, "+", "green", terminal, whole=whole)
    return one_text(change.before_text, "-", "red", terminal, whole=whole)


def _title(change: MessageChange) -> str:
    before, after = _totals(change)
    count = change.after or change.before
    role = visible(count.role) if count else ""
    title = f"{MARKS[change.kind]} message {_places(change)}, {role}, {change.kind}"
    if change.kind is ChangeKind.CHANGED:
        return f"{title}: {tokens_of(before or 0)} before, {number(after or 0)} after"
    return f"{title}: {tokens_of(before or after or 0)}"
