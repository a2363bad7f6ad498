"""The table of a conversation's tokens, message by message and part by part."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from chatml._measure import Measure, MessageCount, Part, Status
from chatml._visible import visible
from chatml.cli._layout import Cell, Column, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatml.cli._terminal import Terminal

STATUS_STYLES = {Status.EXACT: "green", Status.FITTED: "yellow", Status.ESTIMATE: "yellow"}
_TOKENS = ("header", "content", "framing", "tool_calls", "media")
_RARE = ("tool_calls", "media")  # shown where there are any
_TITLES = {"tool_calls": "calls"}
_ROLE_STYLES = {"system": "blue", "developer": "blue", "user": "green", "assistant": "yellow"}


def number(value: int) -> str:
    """A number for people."""
    return f"{value:,}"


def percent(part: int, whole: int) -> str:
    """A share for people: a whole number of per cent, with "<1" for what would be 0."""
    if not whole or not part:
        return ""
    share = round(100 * part / whole)
    return f"{share}%" if share else "<1%"


def status_cell(status: Status) -> Cell:
    """A status in its colour."""
    return Cell(str(status), STATUS_STYLES[status])


def message_table(measure: Measure, terminal: Terminal, *, texts: Sequence[str] = ()) -> Iterator[str]:
    """The lines of the table. The number of a message is its place in the file.

    `texts` are the first words of each message; with them come the shares of the total, and the status of each row is
    only shown when one is not exact; that of the total always is.
    """
    whole = measure.total if texts else 0
    with_status = not texts or measure.status is not Status.EXACT
    words = texts or [""] * len(measure.messages)
    shown = [name for name in _TOKENS if name not in _RARE or any(getattr(one, name) for one in measure.messages)]
    rows = [
        _row(_message_cells(count, shown), count.total, whole, _grade(count) if with_status else None, text)
        for count, text in zip(measure.messages, words, strict=True)
    ]
    empty = [Cell("")] * (1 + len(shown))
    rows += [
        _row([Cell(""), Cell(part.name), *empty], part.tokens, whole, _grade(part) if with_status else None)
        for part in measure.parts
    ]
    status = _grade(measure)
    total = [Cell(""), Cell("total", "bold"), *empty, Cell(number(measure.total), "bold"), Cell("")]
    rows.append([*total, status] if with_status else [*total, Cell(""), status])
    return table(_columns(shown), rows, terminal)


def _columns(tokens: Sequence[str]) -> tuple[Column, ...]:
    return (
        Column("#", right=True),
        Column("role"),
        Column("name", gives_way=True),
        *(Column(_TITLES.get(name, name), right=True) for name in tokens),
        Column("total", right=True),
        Column("share", right=True, may_go=True),
        Column("status"),
        Column("text", gives_way=True),
    )


def _grade(counted: Measure | MessageCount | Part) -> Cell:
    """A status and what is known about it: of a fitted rule how often it was right, of an estimate its bound."""
    return Cell(grade(counted.status, counted.share, counted.bound), STATUS_STYLES[counted.status])


def grade(status: Status, share: float | None, bound: int | None) -> str:
    """The same as text, such as "fitted 97%" or "estimate ±16"."""
    if status is Status.FITTED and share is not None:
        return f"{status} {math.floor(100 * share)}%"
    if status is Status.ESTIMATE and bound is not None:
        return f"{status} ±{number(bound)}"
    return str(status)


def _row(cells: Sequence[Cell], tokens: int, whole: int, status: Cell | None, text: str = "") -> list[Cell]:
    ends = [Cell(percent(tokens, whole)), status or Cell(""), Cell(text, "dim")]
    return [*cells, Cell(number(tokens), "bold"), *ends]


def _message_cells(count: MessageCount, tokens: Sequence[str]) -> list[Cell]:
    return [
        Cell("+" if count.source is None else str(count.source), "dim"),
        Cell(visible(count.role), _ROLE_STYLES.get(count.role, "")),
        Cell(visible(count.name or "")),
        *(Cell(number(getattr(count, name))) for name in tokens),
    ]
