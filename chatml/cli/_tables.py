"""The table of a conversation's tokens, message by message and part by part."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._count import Measure, MessageCount, Status
from chatml.cli._layout import Cell, Column, table
from chatml.cli._visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from chatml.cli._terminal import Terminal

STATUS_STYLES = {Status.EXACT: "green", Status.FITTED: "yellow", Status.ESTIMATE: "yellow"}
_COLUMNS = (
    Column("#", right=True),
    Column("role"),
    Column("name", gives_way=True),
    Column("header", right=True),
    Column("content", right=True),
    Column("framing", right=True),
    Column("total", right=True),
    Column("share", right=True, may_go=True),
    Column("status"),
    Column("text", gives_way=True),
)
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


def message_table(
    measure: Measure, indexes: Sequence[int | None], terminal: Terminal, *, texts: Sequence[str] = ()
) -> Iterator[str]:
    """The lines of the table. `texts` are the first words of each message; with them come the shares of the total.

    With texts, the status of each row is only shown when one is not exact; that of the total always is.
    """
    whole = measure.total if texts else 0
    with_status = not texts or measure.status is not Status.EXACT
    words = texts or [""] * len(measure.messages)
    rows = [
        _row(_message_cells(count, index), count.total, whole, count.status if with_status else None, text)
        for count, index, text in zip(measure.messages, indexes, words, strict=True)
    ]
    rows += [
        _row([Cell(""), Cell(part.name), *[Cell("")] * 4], part.tokens, whole, part.status if with_status else None)
        for part in measure.parts
    ]
    status = status_cell(measure.status)
    total = [Cell(""), Cell("total", "bold"), *[Cell("")] * 4, Cell(number(measure.total), "bold"), Cell("")]
    rows.append([*total, status] if with_status else [*total, Cell(""), status])
    return table(_COLUMNS, rows, terminal)


def _row(cells: Sequence[Cell], tokens: int, whole: int, status: Status | None, text: str = "") -> list[Cell]:
    ends = [Cell(percent(tokens, whole)), status_cell(status) if status else Cell(""), Cell(text, "dim")]
    return [*cells, Cell(number(tokens), "bold"), *ends]


def _message_cells(count: MessageCount, index: int | None) -> list[Cell]:
    return [
        Cell("+" if index is None else str(index), "dim"),
        Cell(visible(count.role), _ROLE_STYLES.get(count.role, "")),
        Cell(visible(count.name or "")),
        *(Cell(number(value)) for value in (count.header, count.content, count.framing)),
    ]
