"""Tables and flowing text whose columns stay aligned, whatever the alphabet."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatml._visible import visible
from chatml._width import character_width, cut, fitting, width_of
from chatml.cli import _output

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chatml.cli._terminal import Terminal

TITLE_WIDTH = 10  # columns of the titles of facts
_GAP = "  "
_LEAST, _READABLE = 8, 16  # widths of a column that gives way, and for which others may go


class Cell(NamedTuple):
    """What stands in one place of a table; `text` is harmless already."""

    text: str
    style: str = ""


class Column(NamedTuple):
    """How a column looks. Of one that `gives_way` what does not fit the screen is cut, after those that `may_go` went.

    They go in the order of these numbers, 0 never; one that does both goes when not even little of it fits.
    """

    title: str
    right: bool = False
    gives_way: bool = False
    may_go: int = 0


def summary(text: str, room: int, ellipsis: str) -> str:
    """The first words of a text of a user, harmless and in one line."""
    return cut(visible(text[: 2 * room + 2]), room, ellipsis)


def table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], terminal: Terminal) -> Iterator[str]:
    """The lines of a table, titles first. Empty columns are left out; a row may be shorter than the table."""
    filled = [[*row, *[Cell("")] * (len(columns) - len(row))] for row in rows]
    lines = [[Cell(column.title, "dim") for column in columns], *filled]
    widths = {
        place: max(width_of(line[place].text) for line in lines)
        for place in range(len(columns))
        if any(row[place].text for row in filled)
    }
    _narrow(columns, widths, terminal.width)
    for line in lines:
        cells = [_laid_out(line[place], columns[place].right, width, terminal) for place, width in widths.items()]
        yield _GAP.join(cells).rstrip(" ")


def write_table(columns: Sequence[Column], rows: Iterable[Sequence[Cell]], terminal: Terminal) -> None:
    """Write a table to standard output."""
    _output.write("".join(f"{line}\n" for line in table(columns, rows, terminal)))


def _narrow(columns: Sequence[Column], widths: dict[int, int], room: int) -> None:
    """Take from the widths what the screen does not have. Of columns that give way the last one does so first."""
    least = {place: min(max(width_of(columns[place].title), _LEAST), width) for place, width in widths.items()}
    readable = {place: min(width, _READABLE) if columns[place].gives_way else width for place, width in widths.items()}
    for place in sorted((place for place in widths if columns[place].may_go), key=lambda one: columns[one].may_go):
        if columns[place].gives_way:
            readable[place] = least[place]
        if _needed(readable) > room:
            del widths[place], readable[place]
    for place in [place for place in reversed(widths) if columns[place].gives_way]:
        widths[place] = max(widths[place] - max(_needed(widths) - room, 0), least[place])


def _needed(widths: dict[int, int]) -> int:
    return sum(widths.values()) + len(_GAP) * (len(widths) - 1)


def _laid_out(cell: Cell, right: bool, width: int, terminal: Terminal) -> str:
    text = cut(cell.text, width, terminal.symbols.ellipsis)
    padding = " " * (width - width_of(text))
    painted = terminal.paint(text, cell.style)
    return padding + painted if right else painted + padding


def _last_break(text: str, start: int, end: int) -> int:
    """The last place up to `end` where a line may end; `start` if there is none.

    That is behind a space, and around the characters of scripts without spaces.
    """
    if text.isascii():
        return max(text.rfind(" ", start, end) + 1, start)
    for place in range(end, start, -1):
        if text[place - 1] == " " or 2 in map(character_width, text[place - 1 : place + 1]):
            return place
    return start


class Flow:
    """Styled pieces, written into lines of the width of the screen, with a margin in front that says whose they are.

    `space` is what a space is shown as.
    """

    def __init__(self, terminal: Terminal, overhang: int = 0, space: str = " ") -> None:
        self._terminal = terminal
        self._space = f"\x1b[2m{space}\x1b[22m" if terminal.color and space != " " else space
        self._width = terminal.width - overhang
        self._lines: list[str] = []
        self._line: list[str] = []
        self._column = 0
        self._label = self._margin = ""

    def begin(self, label: str, margin: str) -> None:
        """Begin a paragraph: `label` stands before its first line, `margin` before the others."""
        self.end()
        self._label, self._margin = label, margin

    def add(self, text: str, style: str = "") -> None:
        """Write a harmless text without newlines. A line that is full is broken behind a space where there is one."""
        position = 0
        while position < len(text):
            end = self._break(text, position)
            shown = text[position:end].replace(" ", self._space)
            self._line.append(self._terminal.paint(shown, style))
            self._column += width_of(text[position:end])
            position = end
            if position < len(text):
                self.newline()

    def _break(self, text: str, position: int) -> int:
        room = self._width - width_of(self._margin) - self._column
        if room <= 0:
            return position
        end = fitting(text, position, room)
        if width_of(text[position:end]) > room:  # one wide character
            return position if self._column else end
        if end == len(text):
            return end
        best = _last_break(text, position, end)
        if best > position:
            return best
        return position if self._column else end  # a word that fits no line is cut

    def hang(self, text: str, style: str = "") -> None:
        """Write something short that may stand in the columns kept free at the end of lines."""
        self._line.append(self._terminal.paint(text, style))
        self._column += width_of(text)

    def newline(self) -> None:
        """Begin a new line."""
        self._lines.append((self._terminal.paint(self._label, "dim") + "".join(self._line)).rstrip(" "))
        self._line, self._column, self._label = [], 0, self._margin

    def end(self) -> None:
        """End the paragraph."""
        if self._line:
            self.newline()

    def lines(self) -> list[str]:
        """The lines written so far."""
        self.end()
        return self._lines


def fact_lines(facts: Iterable[tuple[str, str, str]], terminal: Terminal) -> Iterator[str]:
    """Lines of a title, a harmless text and its style; long texts are broken behind the title."""
    for title, text, style in facts:
        flow = Flow(terminal)
        flow.begin(f"{title:<{TITLE_WIDTH}}", " " * TITLE_WIDTH)
        flow.add(text, style)
        yield from flow.lines()
