"""The prompt as it stands on the wire, each message in a paragraph of its own, with its number in the margin."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from chatml._escape import MARKER, escaper_for
from chatml._segments import Segment, SegmentKind
from chatml._special import OPENERS
from chatml._visible import visible
from chatml.cli._layout import Flow
from chatml.cli._measure import reply_start

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatml._escape import Escaper
    from chatml.cli._inspecting import Inspection, Look
    from chatml.cli._terminal import Symbols, Terminal

SPECIAL, FORGED, STRAY = "reverse", "bold underline red", "red"
STRAY_SPECIAL = "reverse red"  # an id, where the dialect has none
_LOOSE = {SegmentKind.BOS: "bos", SegmentKind.EOS: "eos"}
_STYLES = {
    SegmentKind.ROLE: "bold",
    SegmentKind.NAME: "bold",
    SegmentKind.CHANNEL: "bold",
    SegmentKind.STRAY: STRAY,
}
_SPACES = "\u1680\u2000-\u200a\u202f\u205f\u3000"  # other than the space and the no-break space


class Labelled(NamedTuple):
    """A segment, what stands in the margin before it, and the role of its message."""

    label: str
    segment: Segment
    role: str | None


def labelled(inspection: Inspection) -> Iterator[Labelled]:
    """The segments. In the margin is the number of the message in the file, "+" for one that the dialect adds."""
    prompt = inspection.wire.prompt
    reply, last = reply_start(prompt), ""
    for segment in prompt.segments:
        last = _label(segment, inspection, reply) or last
        role = None if segment.message is None else prompt.messages[segment.message].role
        yield Labelled(last, segment, role)


def _label(segment: Segment, inspection: Inspection, reply: int) -> str:
    if segment.message is not None:
        index = inspection.wire.indexes[segment.message]
        return "+" if index is None else str(index)
    if segment.start >= reply:
        return "reply"
    return "" if segment.kind is SegmentKind.SEPARATOR else _LOOSE.get(segment.kind, "stray")


def margins(label: str, terminal: Terminal) -> tuple[str, str]:
    """What stands before the first line of a paragraph, and before the others."""
    edge = terminal.symbols.edge
    return f"{label:>5} {edge} ", f"      {edge} "


def segment_style(segment: Segment) -> str:
    """The style of a segment as a whole; in content there may be more."""
    if segment.special:
        return STRAY_SPECIAL if segment.kind is SegmentKind.STRAY else SPECIAL
    return _STYLES.get(segment.kind, "")


def wire_lines(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[str]:
    """The prompt as the string that is sent: content is escaped, what it spells is marked."""
    symbols = terminal.symbols
    flow = Flow(terminal, len(symbols.newline), symbols.space if look.whitespace else " ")
    wanted = None if look.message is None else str(look.message)
    last = None
    for label, segment, role in labelled(inspection):
        if wanted not in (None, label):
            continue
        if label != last:
            flow.begin(*margins(label, terminal))
            last = label
        for text, style in _pieces(segment, role, inspection):
            _flow_lines(flow, in_glyphs(text, symbols) if look.whitespace else text, style, symbols.newline)
    yield from flow.lines()


def _pieces(segment: Segment, role: str | None, inspection: Inspection) -> Iterator[tuple[str, str]]:
    """A segment in pieces of one style. Content of messages is escaped, as in the string that is sent."""
    style, text = segment_style(segment), segment.text
    if segment.special or segment.kind is not SegmentKind.CONTENT:
        yield text, style
        return
    escaper = escaper_for(inspection.subject.dialect, role)
    spelled = spelled_in(text, escaper)
    if spelled and inspection.subject.text is None:
        text = escaper.escape(text)
    yield from ((piece, FORGED if is_spelled else style) for piece, is_spelled in split_spelled(text, spelled))


def spelled_in(text: str, escaper: Escaper) -> frozenset[str]:
    """The special tokens that content spells, escaped or not."""
    if not escaper.may_be_dangerous(text):
        return frozenset()
    bare = re.sub(f"(?<=[{OPENERS}]){re.escape(MARKER)}+", "", text) if MARKER in text else text
    texts = (text,) if bare == text else (text, bare)  # escaped or not, in one text there may be both
    return frozenset(found.token for one in texts for found in escaper.find_all(one))


def split_spelled(text: str, tokens: Iterable[str]) -> Iterator[tuple[str, bool]]:
    """Text in pieces, each with whether it is one of `tokens`, as it is or escaped."""
    longest_first = sorted(tokens, key=lambda token: (-len(token), token))
    if not longest_first:
        yield text, False
        return
    for place, piece in enumerate(re.split(f"({'|'.join(map(_either_way, longest_first))})", text)):
        if piece:
            yield piece, place % 2 == 1


def _either_way(token: str) -> str:
    """The pattern of a token, with a marker behind its first character and others that could begin one, or not."""
    openers, skip = token[0] + OPENERS, f"{re.escape(MARKER)}*+"
    return "".join(re.escape(one) + (skip if one in openers else "") for one in token[:-1]) + re.escape(token[-1])


def in_glyphs(text: str, symbols: Symbols) -> str:
    """Text with tabs and uncommon spaces made visible. Spaces stay: lines are broken at them."""
    if text.isascii() and "\t" not in text:
        return text
    text = text.replace("\t", symbols.tab).replace("\xa0", symbols.no_break)
    return re.sub(f"[{_SPACES}]", lambda space: f"<U+{ord(space[0]):04X}>", text)


def _flow_lines(flow: Flow, text: str, style: str, newline: str) -> None:
    first, *others = text.split("\n")
    flow.add(visible(first), style)
    for line in others:
        flow.hang(newline, "dim")
        flow.newline()
        flow.add(visible(line), style)
