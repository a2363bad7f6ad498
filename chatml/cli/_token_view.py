"""The prompt as tokens: what each id stands for, with borders that show where one ends.

The text is that of the tokens, so content is not escaped here: only a special id is drawn as a marker, and what content
spells is red. Tokens that end within a character cannot be drawn apart: those that share it are one group.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from typing import TYPE_CHECKING, NamedTuple

from chatml._escape import escaper_for
from chatml._segments import SegmentKind
from chatml._tokens import coder_for, pieces_of
from chatml._visible import visible
from chatml._width import character_width, fitting, width_of
from chatml.cli._wire_view import (
    FORGED,
    SPECIAL,
    STRAY_SPECIAL,
    in_glyphs,
    labelled,
    margins,
    segment_style,
    spelled_in,
    split_spelled,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chatml._tokens import Coder
    from chatml.cli._inspecting import Inspection, Look
    from chatml.cli._terminal import Terminal
    from chatml.cli._wire_view import Labelled

# Black on five pastels, of which one that is light stands beside one that is darker: hues need not be told apart
_ORDINARY = tuple(f"\x1b[0;38;5;16;48;5;{color}m" for color in (195, 110, 230, 150, 225))
_SPELLED = tuple(f"\x1b[0;1;38;5;231;48;5;{color}m" for color in (124, 160))  # bold white on two reds
_MARKERS = {SPECIAL: ("\x1b[0;7m", "\x1b[0;4;7m"), STRAY_SPECIAL: ("\x1b[0;7;31m", "\x1b[0;4;7;31m")}
_TURNS = len(_ORDINARY) * len(_SPELLED)
_TEXT, _FORGED = _ORDINARY * len(_SPELLED), _SPELLED * len(_ORDINARY)  # neighbours differ, the first and last too
_RESET = "\x1b[0m"


class Group(NamedTuple):
    """Some ids that are drawn as one, mostly one.

    `lines` is what they stand for, cut behind newlines, with the border; `size` is how many bytes that is in the text.
    `ids` joins them with "+". `cell` is the first line with what keeps it from the next group, `gloss` what stands
    below that, and `advance` the columns of both.
    """

    lines: tuple[str, ...]
    size: int
    ids: str
    cell: str
    gloss: str
    advance: int


class _Stretch(NamedTuple):
    """Where a part of a run ends, in bytes, and how it is shown."""

    end: int
    label: str
    style: str


class _Run(NamedTuple):
    """Ids that stand between two markers, or that of a marker, and the stretches of their text."""

    ids: list[int]
    stretches: list[_Stretch]


def token_lines(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[str]:
    """The lines of the view; with ids each is followed by one that has the ids below their tokens."""
    rows = _Rows(terminal, with_ids=look.ids)
    wanted = None if look.message is None else str(look.message)
    last = None
    for label, style, group in styled_groups(inspection, terminal, look):
        if wanted is not None and label != wanted:
            continue
        if label != last:
            rows.begin(label)
            last = label
        rows.add(group, style)
    rows.end()
    yield from rows.lines


def styled_groups(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[tuple[str, str, Group]]:
    """Every group of tokens in order, with its label and its style: that of where it begins, or it is forged."""
    coder = coder_for(inspection.encoding)
    groups = _Groups(coder, terminal, look)
    for ids, stretches in _runs(inspection, coder):
        index, begin = 0, 0
        end, label, style = stretches[0]
        for group in groups.of(ids):
            while begin >= end and index + 1 < len(stretches):
                index += 1
                end, label, style = stretches[index]
            begin += group.size
            is_forged = begin > end and any(one.style == FORGED for one in _reached(stretches, index, begin))
            yield label, FORGED if is_forged else style, group


def _reached(stretches: Sequence[_Stretch], index: int, position: int) -> Iterator[_Stretch]:
    """The stretches behind `index` that text up to `position` reaches into."""
    while index + 1 < len(stretches) and stretches[index].end < position:
        index += 1
        yield stretches[index]


def _runs(inspection: Inspection, coder: Coder) -> Iterator[_Run]:
    """The ids marker by marker and run by run, as `segment_runs` gives them."""
    texts: list[str] = []
    stretches: list[_Stretch] = []
    end = 0
    for one in labelled(inspection):
        for text, number in pieces_of(one.segment, coder):
            if number is not None:
                if texts:
                    yield _Run(coder.text("".join(texts)), stretches)
                    texts, stretches, end = [], [], 0
                yield _Run([number], [_Stretch(1, one.label, segment_style(one.segment) or SPECIAL)])
                continue
            texts.append(text)
            for piece, style in _styled(text, one, inspection):
                end += len(piece.encode("utf-8", "surrogatepass"))  # of a lone surrogate as many as of U+FFFD
                stretches.append(_Stretch(end, one.label, style))
    if texts:
        yield _Run(coder.text("".join(texts)), stretches)


def _styled(text: str, one: Labelled, inspection: Inspection) -> Iterator[tuple[str, str]]:
    if one.segment.kind is not SegmentKind.CONTENT:
        yield text, ""
        return
    escaper = escaper_for(inspection.subject.dialect, one.role)
    for piece, is_spelled in split_spelled(text, spelled_in(text, escaper)):
        yield piece, FORGED if is_spelled else ""


class _Groups:
    """Ids in groups that end where a character ends. A group of one id is made once for all its places."""

    def __init__(self, coder: Coder, terminal: Terminal, look: Look) -> None:
        self._bytes_of = coder.encoding.decode_single_token_bytes
        self._symbols = terminal.symbols
        self._whitespace = look.whitespace
        self._with_ids = look.ids
        self._border = "" if terminal.color else terminal.symbols.border
        self._reset = _RESET if terminal.color else ""
        self._made: dict[int, Group | None] = {}  # None for a token that ends or begins within a character

    def of(self, ids: Iterable[int]) -> Iterator[Group]:
        """The groups of a run."""
        made, ids = self._made, iter(ids)
        for number in ids:
            try:
                group = made[number]
            except KeyError:
                group = made[number] = self._alone(number)
            yield group or self._shared(number, ids)

    def _alone(self, number: int) -> Group | None:
        data = self._bytes_of(number)
        try:
            return self._group(data.decode(), len(data), [number])
        except UnicodeDecodeError:
            return None

    def _shared(self, first: int, others: Iterator[int]) -> Group:
        """The group that begins with a token that ends within a character: up to one that ends where one ends."""
        decoder = getincrementaldecoder("utf-8")("replace")
        data, numbers = self._bytes_of(first), [first]
        texts, size = [decoder.decode(data)], len(data)
        while decoder.getstate()[0]:
            number = next(others, None)
            if number is None:
                break
            data = self._bytes_of(number)
            texts.append(decoder.decode(data))
            numbers.append(number)
            size += len(data)
        return self._group("".join(texts), size, numbers)

    def _group(self, text: str, size: int, numbers: list[int]) -> Group:
        *closed, rest = map(self._shown, text.split("\n"))
        lines = [f"{line}{self._symbols.newline}" for line in closed]
        lines += [rest] if rest or not lines else []
        lines[-1] += self._border
        lines += [""] if closed and not rest else []
        if character_width(text[:1] or " ") == 0:
            lines[0] = self._symbols.bearer + lines[0]
        columns, ids = width_of(lines[0]), "+".join(map(str, numbers))
        if not self._with_ids:
            return Group(tuple(lines), size, ids, lines[0], "", columns)
        wide = max(columns, len(ids)) + 1
        cell = f"{lines[0]}{self._reset}{' ' * (wide - columns)}"
        return Group(tuple(lines), size, ids, cell, f"{ids:<{wide}}", wide)

    def _shown(self, line: str) -> str:
        if self._whitespace:
            line = in_glyphs(line, self._symbols).replace(" ", self._symbols.space)
        return visible("x" + line)[1:]  # no token begins a line: the margin stands before it


class _Rows:
    """Groups written into lines of the width of the screen."""

    def __init__(self, terminal: Terminal, *, with_ids: bool) -> None:
        self.lines: list[str] = []
        self._terminal = terminal
        self._with_ids = with_ids
        self._gap = int(with_ids)
        self._reset = _RESET if terminal.color else ""
        self._label = self._margin = ""
        self._room = terminal.width
        self._turn = 0  # which colours come next
        self._beside = 0  # 1 behind a marker, so that the next one differs
        self._cells: list[str] = []
        self._gloss: list[str] = []
        self._column = 0

    def begin(self, label: str) -> None:
        """Begin a paragraph."""
        self.end()
        self._label, self._margin = margins(label, self._terminal)
        self._room = self._terminal.width - width_of(self._margin)

    def add(self, group: Group, style: str) -> None:
        """Write a group. A line that is full is broken before it."""
        lines, _, ids, cell, gloss, advance = group
        code = self._code(style) if self._reset else ""
        if advance - self._gap > self._room:
            for place, line in enumerate(lines):
                self._put_long(line, code, "" if place else ids)
                if place < len(lines) - 1:
                    self.end()
            return
        if self._column + advance - self._gap > self._room:
            self.end()
        self._cells.append(code + cell)
        self._gloss.append(gloss)
        self._column += advance
        for line in lines[1:]:
            self.end()
            self._put_long(line, code, "")

    def _code(self, style: str) -> str:
        """The colours of the next group."""
        if style in _MARKERS:
            code = _MARKERS[style][self._beside]
            self._beside = 1 - self._beside
            return code
        self._beside = 0
        self._turn = turn = (self._turn + 1) % _TURNS
        return (_FORGED if style == FORGED else _TEXT)[turn]

    def _put_long(self, text: str, code: str, ids: str) -> None:
        """Write what may be longer than the rest of the line."""
        position = 0
        while position < len(text):
            end = fitting(text, position, self._room)
            piece = text[position:end]
            columns = width_of(piece)
            wide = max(columns, len(ids)) + 1 if self._with_ids else columns
            if self._column + columns > self._room:
                self.end()
            self._cells.append(f"{code}{piece}{self._reset if self._with_ids else ''}{' ' * (wide - columns)}")
            self._gloss.append(f"{ids:<{wide}}" if self._with_ids else "")
            self._column += wide
            position, ids = end, ""

    def end(self) -> None:
        """End the line."""
        if not self._cells:
            return
        line = "".join(self._cells)
        self.lines.append(
            self._terminal.paint(self._label, "dim") + (line.rstrip(" ") if self._with_ids else line + self._reset)
        )
        gloss = "".join(self._gloss).rstrip()
        if gloss:
            self.lines.append(self._terminal.paint(self._margin + gloss, "dim"))
        self._cells, self._gloss, self._column = [], [], 0
        self._label = self._margin


def shown_ids(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[str]:
    """The ids of the message that is shown, or of all."""
    if look.message is None:
        yield from map(str, inspection.ids or ())
        return
    label = str(look.message)
    for one, _, group in styled_groups(inspection, terminal, look):
        if one == label:
            yield from group.ids.split("+")
