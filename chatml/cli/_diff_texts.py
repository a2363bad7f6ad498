"""Texts that changed, word by word, and the place where a prefix ends, with carets."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._visible import visible
from chatml._width import cut, width_of
from chatml.cli._layout import Flow
from chatml.cli._tables import number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatml.cli._terminal import Terminal
    from chatml.comparison._compare import MessageChange
    from chatml.comparison._prefix import CommonPrefix, PrefixEnd

_CONTEXT = 60  # characters of an equal text that are shown next to a change
_LONGEST = 1_200  # characters of a changed text that are shown
_MOST_LINES = 20  # of a changed text that are shown
_DELETED, _INSERTED = ("[-", "-]", "red"), ("{+", "+}", "green")
_ENDINGS = ("end", "separator", "eos")
_PARTS = {
    "tools": "In what stands beside the messages: tools, a response format. It is taken to come before all of them.",
    "calls": "In {where}, which is a call or the result of one.",
    "media": "In the images of {where}.",
    "reply": "Behind the last message, in what asks for the reply:",
    "stray": "Outside of all messages:",
    "separator": "Outside of all messages:",
    "bos": "In the token before all messages:",
    "eos": "In the token behind all messages:",
}


def changed_text(change: MessageChange, terminal: Terminal, *, whole: bool) -> Iterator[str]:
    """What changed in a message, word by word. What is equal is shown near changes only, unless `whole`."""
    for field, before, after in _renamed(change):
        old, new = (f"[-{before}-]" if before else "", f"{{+{after}+}}" if after else "")
        yield from paragraph([(f"{field}: ", ""), (old, "red"), (new, "green")], terminal)
    if change.before_text == change.after_text:
        return
    flow = _flow(terminal, "~")
    spans = change.spans()
    for place, (operation, begin, end, other, other_end) in enumerate(spans):
        if operation == "equal":
            text = change.before_text[begin:end]
            for piece, style in _near(text, place > 0, place < len(spans) - 1, terminal, whole=whole):
                _write(flow, piece, style, terminal)
            continue
        for text, marks in ((change.before_text[begin:end], _DELETED), (change.after_text[other:other_end], _INSERTED)):
            if text:
                _write(flow, marks[0] + (text if whole else _shortened(text)) + marks[1], marks[2], terminal)
    yield from flow.lines()


def paragraph(pieces: Iterable[tuple[str, str]], terminal: Terminal, indent: str = "  ") -> Iterator[str]:
    """Styled pieces, broken into lines; all but the first are indented further."""
    flow = Flow(terminal)
    flow.begin(indent, indent + "  ")
    for text, style in pieces:
        flow.add(text, style)
    yield from flow.lines()


def _renamed(change: MessageChange) -> Iterator[tuple[str, str, str]]:
    if change.before is None or change.after is None:
        return
    for field in ("role", "name"):
        if field in change.fields:
            old, new = (visible(getattr(one, field) or "") for one in (change.before, change.after))
            yield field, old, new


def one_text(text: str, mark: str, style: str, terminal: Terminal, *, whole: bool) -> Iterator[str]:
    """A text that came or went."""
    flow = _flow(terminal, mark)
    _write(flow, text if whole else _shortened(text), style, terminal)
    yield from flow.lines()


def _flow(terminal: Terminal, mark: str) -> Flow:
    flow = Flow(terminal, overhang=len(terminal.symbols.newline))
    margin = f"  {mark} {terminal.symbols.edge} "
    flow.begin(margin, margin)
    return flow


def _write(flow: Flow, text: str, style: str, terminal: Terminal) -> None:
    first, *others = text.split("\n")
    flow.add(visible(first), style)
    for line in others:
        flow.hang(terminal.symbols.newline, style or "dim")
        flow.newline()
        flow.add(visible(line), style)


def _shortened(text: str) -> str:
    """The beginning and the end of a text that is long, or has many lines."""
    if len(text) <= _LONGEST and text.count("\n") < _MOST_LINES:
        return text
    half, lines = _LONGEST // 2, _MOST_LINES // 2
    first = "\n".join(text[:half].split("\n")[:lines])
    last = "\n".join(text[-half:].split("\n")[-lines:])
    left_out = len(text) - len(first) - len(last)
    return f"{first} ... {number(left_out)} more characters ... {last}" if left_out > 0 else text


def _near(
    text: str, follows: bool, goes_on: bool, terminal: Terminal, *, whole: bool
) -> Iterator[tuple[str, str]]:  # fmt: skip
    """An equal text in pieces with their styles: what is next to changes, and an ellipsis for the rest."""
    if whole or len(text) <= _CONTEXT * (follows + goes_on) + 10:
        yield text, ""
        return
    if follows:
        yield text[: _line_end(text)], ""
    yield f" {terminal.symbols.ellipsis} ", "dim"
    if goes_on:
        yield text[_line_start(text) :], ""


def _line_end(text: str) -> int:
    """Where the words behind a change end: with their line, or after some characters at a space."""
    newline, space = text.find("\n", 0, _CONTEXT), text.rfind(" ", 0, _CONTEXT)
    return newline if newline > 0 else space if space > 0 else _CONTEXT


def _line_start(text: str) -> int:
    near = len(text) - _CONTEXT
    newline, space = text.rfind("\n", near), text.find(" ", near)
    return newline + 1 if newline >= 0 else space + 1 if space >= 0 else near


# Where a prefix ends


def prefix_place(prefix: CommonPrefix, before: str, after: str, terminal: Terminal) -> Iterator[str]:
    """In words, and the text of both prompts around it with carets below the first token that differs."""
    yield from paragraph([(_in_words(prefix), "")], terminal)
    if all(one is None or one.id is not None for one in (prefix.before, prefix.after)):
        yield from _excerpt("before", prefix.before, before, "red", terminal)
        yield from _excerpt("after", prefix.after, after, "green", terminal)
    if not prefix.is_exact:
        remark = "Tools, calls and images have no known ids: they are compared as they are written."
        yield from paragraph([(remark, "dim")], terminal)


def _in_words(prefix: CommonPrefix) -> str:
    ends = [one for one in (prefix.after, prefix.before) if one is not None]
    place = min(ends, key=lambda one: (one.part != "tools", one.part != "content", one.id is not None))
    where = f"message {place.message}" if place.message is not None else "the message that the dialect adds"
    if place.part == "content":
        return f"In the content of {where}, at character {number(place.character)}:"
    if place.part in _ENDINGS and place.message is not None:
        return f"At the end of {where}:"
    return _PARTS.get(place.part, "In the header of {where}:").format(where=where)


def _excerpt(title: str, end: PrefixEnd | None, text: str, style: str, terminal: Terminal) -> Iterator[str]:
    """A line of text around the place, and below it carets with the token. A prompt that ends there has no more."""
    symbols = terminal.symbols
    head, blank = (f"  {name:<6} {symbols.edge} " for name in (title, ""))
    room = terminal.width - len(head)
    offset = len(text) if end is None else end.offset
    left = _left(text, offset, room // 2, symbols.ellipsis)
    shown = cut(visible(text[offset : offset + room]), room - width_of(left), symbols.ellipsis)
    yield (terminal.paint(head, "dim") + left + terminal.paint(shown, style)).rstrip(" ")
    if end is None:
        yield terminal.paint(blank, "dim") + " " * width_of(left) + terminal.paint("^ the prompt ends here", style)
        return
    carets = min(max(width_of(visible(end.text)), 1), max(width_of(shown), 1))
    known = "" if end.id is None else f" token {end.id}"
    under = " " * width_of(left) + terminal.paint("^" * carets, style)
    if width_of(left) + carets + len(known) <= room:
        under += known
    yield terminal.paint(blank, "dim") + under


def _left(text: str, offset: int, room: int, ellipsis: str) -> str:
    """The last part of what stands before a place."""
    near = max(0, offset - room)
    while near < offset and width_of(visible(text[near:offset])) > room - len(ellipsis):
        near += 1
    return (ellipsis if near else "") + visible(text[near:offset])
