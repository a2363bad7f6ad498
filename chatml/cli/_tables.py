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
_WIDE_ENOUGH = 80  # columns, for what is known about a status
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


def fine_percent(part: int, whole: int) -> str:
    """A share that may be small: two digits below ten per cent, and "<0.01%" for what would be 0."""
    share = 100 * part / whole
    if share >= 9.95:
        return f"{share:.0f}%"
    if share >= 0.995:
        return f"{share:.1f}%"
    return f"{share:.2f}%" if share >= 0.005 else "<0.01%" if part else "0%"


def status_cell(status: Status) -> Cell:
    """A status in its colour."""
    return Cell(str(status), STATUS_STYLES[status])


def message_table(
    measure: Measure, terminal: Terminal, *, texts: Sequence[str] = (), only: int | None = None
) -> Iterator[str]:
    """The lines of the table. The number of a message is its place in the file; `only` is the one to list.

    `texts` are the first words of each message. With them come the shares of the total and of the window, columns go
    where the screen is narrow, parts that cost nothing have no row, and there is only a column for the status when one
    is not exact: else that of the total stands among the texts.
    """
    shares = (measure.total if texts else 0, measure.window if texts else None)
    with_status = not texts or measure.status is not Status.EXACT
    cell_of = _status if texts and terminal.width < _WIDE_ENOUGH else _grade
    words = texts or [""] * len(measure.messages)
    shown = [name for name in _TOKENS if name not in _RARE or any(getattr(one, name) for one in measure.messages)]
    rows = [
        _row(_message_cells(count, shown), count.total, shares, cell_of(count) if with_status else None, text)
        for count, text in zip(measure.messages, words, strict=True)
        if only is None or count.source == only
    ]
    empty = [Cell("")] * (1 + len(shown))
    rows += [
        _row([Cell(""), Cell(part.name), *empty], part.tokens, shares, cell_of(part) if with_status else None)
        for part in (measure.parts if only is None else ())
        if part.tokens or not texts
    ]
    total = [Cell(""), Cell("total", "bold"), *empty]
    status = cell_of(measure)
    whole = _row(total, measure.total, (0, shares[1]), status if with_status else None)
    rows.append(whole if with_status else [*whole[:-1], status])
    return table(_columns(shown, is_view=bool(texts)), rows, terminal)


_GOING = {"share": 1, "header": 2, "framing": 3, "text": 4, "window": 5}  # the order in which columns of a view may go


def _columns(tokens: Sequence[str], *, is_view: bool) -> tuple[Column, ...]:
    going = _GOING if is_view else {}
    return (
        Column("#", right=True),
        Column("role", gives_way=is_view),
        Column("name", gives_way=True),
        *(Column(_TITLES.get(name, name), right=True, may_go=going.get(name, 0)) for name in tokens),
        Column("total", right=True),
        Column("share", right=True, may_go=going.get("share", 0)),
        Column("window", right=True, may_go=going.get("window", 0)),
        Column("status"),
        Column("text", gives_way=True, may_go=going.get("text", 0)),
    )


def _status(counted: Measure | MessageCount | Part) -> Cell:
    return status_cell(counted.status)


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


def _row(
    cells: Sequence[Cell], tokens: int, shares: tuple[int, int | None], status: Cell | None, text: str = ""
) -> list[Cell]:
    whole, window = shares
    of_window = Cell(fine_percent(tokens, window) if window else "")
    return [
        *cells,
        Cell(number(tokens), "bold"),
        Cell(percent(tokens, whole)),
        of_window,
        status or Cell(""),
        Cell(text, "dim"),
    ]


def _message_cells(count: MessageCount, tokens: Sequence[str]) -> list[Cell]:
    return [
        Cell("+" if count.source is None else str(count.source), "dim"),
        Cell(visible(count.role), _ROLE_STYLES.get(count.role, "")),
        Cell(visible(count.name or "")),
        *(Cell(number(getattr(count, name))) for name in tokens),
    ]
