"""An inspection for people: a head, a table, the window, the prompt, and what is wrong with it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from chatml._diagnostics import Diagnostic, Severity
from chatml._escape import MARKER, escaper_for
from chatml._segments import Segment, SegmentKind
from chatml._visible import visible
from chatml.cli._excerpt import excerpt
from chatml.cli._inspecting import Inspection, Spelled
from chatml.cli._layout import Flow, summary
from chatml.cli._measure import reply_start
from chatml.cli._tables import message_table, number

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chatml.cli._terminal import Terminal

_FORMATS = {
    "chatml": "ChatML text",
    "text": "plain text, without a marker of ChatML",
    "messages": "a list of messages",
    "request": "a request: an object with messages",
    "sharegpt": "ShareGPT: an object with conversations",
    "anthropic": "a request to the Messages API of Anthropic",
    "github-models": "a prompt of GitHub Models",
    "prompty": "Prompty",
    "dotprompt": "Dotprompt",
    "modelfile": "a Modelfile of Ollama",
}
_CONTAINERS = {"jsonl": ", on line {line} of JSONL", "array": ", on line {line} of a JSON array"}
_SEVERITY_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "blue"}
_ADVICE = {
    True: "It is shown as `chatml render` writes it, escaped; as token ids it is text, and cannot forge a turn.",
    False: "As token ids it is text; who encodes this string with special tokens allowed turns it into markers.",
}
_TITLE = 10  # columns of the titles of facts
_WIDEST_BAR = 70
_MARKER, _FORGED, _ODD = "reverse", "reverse red", "red"
_LOOSE = {SegmentKind.BOS: "bos", SegmentKind.EOS: "eos"}
_STYLES = {
    SegmentKind.ROLE: "bold",
    SegmentKind.NAME: "bold",
    SegmentKind.CHANNEL: "bold",
    SegmentKind.STRAY: _ODD,
}


def view(inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    """The lines of the whole view."""
    yield from _facts(_head(inspection), terminal)
    yield ""
    yield from _messages(inspection, terminal)
    window = list(_facts(_window(inspection, terminal), terminal))
    yield from ["", *window] if window else []
    newline = terminal.symbols.newline
    sections = {
        f"Prompt ({newline} is a newline in it)": _prompt(inspection, terminal),
        "Problems": _problems(inspection, terminal),
        "Special tokens in content": _spelled(inspection, terminal),
        "Token ids": _ids(inspection, terminal),
    }
    for title, lines in sections.items():
        found = list(lines)
        if found:
            yield from ("", terminal.paint(title, "bold"), *found)


# Facts, one a line


def _facts(facts: Iterable[tuple[str, str, str]], terminal: Terminal) -> Iterator[str]:
    """Lines of a title, a text and its style; long texts are broken behind the title."""
    for title, text, style in facts:
        flow = Flow(terminal)
        flow.begin(f"{title:<{_TITLE}}", " " * _TITLE)
        flow.add(text, style)
        yield from flow.lines()


def _head(inspection: Inspection) -> Iterator[tuple[str, str, str]]:
    subject, document = inspection.subject, inspection.subject.document
    where = _CONTAINERS.get(document.container, "").format(line=number(document.line))
    yield "File", visible(inspection.name), "bold"
    yield "Format", _FORMATS[document.format] + where, ""
    if subject.reading is not None:
        yield "Dialect", f"{subject.reading.dialect.name} ({visible(subject.reading.how)})", ""
    if subject.model is not None:
        yield "Model", f"{visible(subject.model.name)} ({subject.model.how})", ""
    if subject.reading is None or subject.model is not None:
        how = " (of the model)" if subject.is_billed else " (given)"
        yield "Wire", subject.dialect.name + how, ""
    whose = ", not that of the models" if subject.is_foreign else ""
    yield "Encoding", visible(inspection.measure.encoding) + whose, ""
    if subject.model is not None and subject.model.info.note:
        yield "Note", visible(subject.model.info.note), ""


def _window(inspection: Inspection, terminal: Terminal) -> Iterator[tuple[str, str, str]]:
    """The context window: what is left comes first, and a bar."""
    measure = inspection.measure
    model = inspection.subject.model.info if inspection.subject.model else None
    if model is None or model.context_window is None:
        return
    limit = model.max_input or model.context_window
    left = limit - measure.total
    of = f"{number(limit)} for input" if model.max_input else number(limit)
    text = f"{number(left)} of {of} left" if left >= 0 else f"{number(-left)} more than the {of}"
    if model.max_output:
        text += f"; the longest answer takes {number(model.max_output)} ({terminal.symbols.reserved})"
    yield "Window", text, "" if left >= 0 else "bold red"
    yield "", _bar(measure.total, model.max_output or 0, model.context_window, terminal), "" if left >= 0 else "red"


def _bar(used: int, reserved: int, window: int, terminal: Terminal) -> str:
    """A bar of the window: used, free, and at its end what the longest answer takes."""
    cells = min(terminal.width - _TITLE, _WIDEST_BAR)
    taken = min(max(round(cells * used / window), int(used > 0)), cells)
    answer = min(round(cells * reserved / window), cells - taken)
    symbols = terminal.symbols
    return symbols.used * taken + symbols.free * (cells - taken - answer) + symbols.reserved * answer


def _messages(inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    texts = [summary(text, terminal.width, terminal.symbols.ellipsis) for text in inspection.texts]
    yield from message_table(inspection.measure, terminal, texts=texts)


# The prompt


def _prompt(inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    """The prompt as it stands, each message in a paragraph of its own, with its number in the margin."""
    prompt = inspection.wire.prompt
    edge, newline = terminal.symbols.edge, terminal.symbols.newline
    flow = Flow(terminal, overhang=len(newline))
    reply = reply_start(prompt)
    last = ""
    for segment in prompt.segments:
        label = _label(segment, inspection, reply) or last
        if label != last:
            flow.begin(f"{label:>5} {edge} ", f"      {edge} ")
            last = label
        role = None if segment.message is None else prompt.messages[segment.message].role
        for text, style in _pieces(segment, role, inspection):
            _flow_lines(flow, text, style, newline)
    yield from flow.lines()


def _label(segment: Segment, inspection: Inspection, reply: int) -> str:
    """What stands in the margin: the number of the message in the file, "+" for one that the dialect adds."""
    if segment.message is not None:
        index = inspection.wire.indexes[segment.message]
        return "+" if index is None else str(index)
    if segment.start >= reply:
        return "reply"
    return "" if segment.kind is SegmentKind.SEPARATOR else _LOOSE.get(segment.kind, "stray")


def _pieces(segment: Segment, role: str | None, inspection: Inspection) -> Iterator[tuple[str, str]]:
    """A segment in pieces of one style. Content of messages is escaped, as in the string that is sent."""
    if segment.special:
        yield segment.text, _FORGED if segment.kind is SegmentKind.STRAY else _MARKER
        return
    style = _STYLES.get(segment.kind, "")
    if segment.kind is not SegmentKind.CONTENT:
        yield segment.text, style
        return
    subject, text = inspection.subject, segment.text
    escaper = escaper_for(subject.dialect, role)
    tokens = {found.token for found in escaper.find_all(text)}
    if subject.text is None:
        text = escaper.escape(text)
        tokens = {token[0] + MARKER + token[1:] for token in tokens}
    if not tokens:
        yield text, style
        return
    longest_first = sorted(tokens, key=lambda token: (-len(token), token))
    for place, piece in enumerate(re.split(f"({'|'.join(map(re.escape, longest_first))})", text)):
        yield piece, _FORGED if place % 2 else style


def _flow_lines(flow: Flow, text: str, style: str, newline: str) -> None:
    first, *others = text.split("\n")
    flow.add(visible(first), style)
    for line in others:
        flow.hang(newline, "dim")
        flow.newline()
        flow.add(visible(line), style)


# What is wrong


def _problems(inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    for diagnostic in inspection.diagnostics:
        yield from _diagnostic(diagnostic, inspection, terminal)
    for text in _losses(inspection):
        yield from _paragraph([(visible(text), "")], terminal)


def _losses(inspection: Inspection) -> Iterator[str]:
    """What of the messages is not in the prompt."""
    for index in inspection.wire.apart:
        yield f"messages[{index}] is a tool call or its result: it is counted, but how it is written is not known"
    for message, field, reason in inspection.wire.dropped:
        place = field if message is None else f"messages[{message}].{field}"
        yield f"{place} is left out: {reason}"
    for place in inspection.unread:
        yield f"{place} is not part of a prompt"


def _paragraph(pieces: Iterable[tuple[str, str]], terminal: Terminal) -> Iterator[str]:
    """Styled pieces as an indented paragraph."""
    flow = Flow(terminal)
    flow.begin("  ", "    ")
    for text, style in pieces:
        flow.add(text, style)
    return iter(flow.lines())


def _diagnostic(diagnostic: Diagnostic, inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    """A problem, and the line of the text with a caret below the place."""
    style = _SEVERITY_STYLES[diagnostic.severity]
    place = f"{visible(inspection.name)}:{diagnostic.line}:{diagnostic.column}: "
    what = f" {diagnostic.code}: {visible(diagnostic.message)}"
    yield from _paragraph([(place, ""), (str(diagnostic.severity), style), (what, "")], terminal)
    yield from excerpt(diagnostic, inspection.subject.document.text or "", terminal, style)


def _spelled(inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    for one in inspection.spelled:
        yield from _paragraph(_spelled_pieces(one), terminal)
    if inspection.spelled:
        yield from _paragraph([(_ADVICE[inspection.subject.text is None], "")], terminal)


def _spelled_pieces(one: Spelled) -> Iterator[tuple[str, str]]:
    yield f"messages[{one.message}] ({visible(one.role)}) spells ", ""
    for place, found in enumerate(one.tokens):
        yield ", " if place else "", ""
        yield visible(found.token), _FORGED
        yield f" at {number(found.start)}" if place else f" at character {number(found.start)}", ""


def _ids(inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    if inspection.ids is None:
        return
    flow = Flow(terminal)
    flow.begin("  ", "  ")
    for place, token in enumerate(inspection.ids):
        flow.add((" " if place else "") + str(token))
    yield from flow.lines()
