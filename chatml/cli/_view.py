"""An inspection for people: a head, a table, the window, the prompt, and what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._findings import FindingKind
from chatml._visible import visible
from chatml.cli._excerpt import SEVERITY_STYLES, excerpt
from chatml.cli._facts import facts_of, losses_of
from chatml.cli._inspecting import Inspection, Look, fields_of
from chatml.cli._layout import TITLE_WIDTH, Flow, fact_lines, summary
from chatml.cli._tables import fine_percent, message_table, number
from chatml.cli._token_view import shown_ids, token_lines
from chatml.cli._untrusted import headline
from chatml.cli._wire_view import wire_lines

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from chatml._diagnostics import Diagnostic
    from chatml._findings import Finding
    from chatml.cli._terminal import Terminal

_ADVICE = {
    True: "It is shown as `chatml render` writes it, escaped; as token ids it is text, and cannot forge a turn.",
    False: "As token ids it is text; who encodes this string with special tokens allowed turns it into markers.",
}
_NO_MODEL = "none: with --model, what it bills and its window are shown"
_WIDEST_BAR = 70
_MOST_LISTED = 20  # of problems, and of findings


def view(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[str]:
    """The lines of the whole view."""
    yield from fact_lines(_head(inspection), terminal)
    yield ""
    texts = [summary(text, terminal.width, terminal.symbols.ellipsis) for text in inspection.texts]
    yield from message_table(inspection.measure, terminal, texts=texts, only=look.message)
    window = list(_window(inspection, terminal))
    yield from ["", *window] if window else []
    sections = {
        _prompt_title(terminal, look): (token_lines if look.tokens else wire_lines)(inspection, terminal, look),
        "Problems": _problems(inspection, terminal, look),
        "Findings": _findings(inspection, terminal, look),
        "Token ids": _ids(inspection, terminal, look),
    }
    for title, lines in sections.items():
        found = list(lines)
        if found:
            flow = Flow(terminal)
            flow.add(title, "bold")
            yield from ("", *flow.lines(), *found)


def _head(inspection: Inspection) -> Iterator[tuple[str, str, str]]:
    """Where the prompt comes from, and how each of its facts was found."""
    yield "File", visible(inspection.name), "bold"
    for name, value, how in facts_of(inspection):
        yield name, visible(f"{value} ({how})" if how else value), ""
    if inspection.subject.model is None:
        yield "Model", _NO_MODEL, ""


# The window


def _window(inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    """The context window: what is left comes first, then a bar, and what its parts are."""
    measure, reserve = inspection.measure, inspection.reserve
    if measure.window is None:
        if reserve is not None:
            text = f"not known, so that nothing can be said about a reserve of {number(reserve)}"
            yield from fact_lines([("Window", text, "")], terminal)
        return
    limit = measure.max_input or measure.window
    left = min(limit, measure.window - (reserve or 0)) - measure.total
    of = f"{number(limit)} for input" if measure.max_input else number(limit)
    kept = f", {number(reserve)} kept for the answer" if reserve else ""
    text = f"{number(left)} of {of} remaining{kept}" if left >= 0 else f"{number(-left)} more than the {of}{kept}"
    bar = _bar(measure.total, reserve or measure.max_output or 0, measure.window, terminal)
    is_over = left < 0
    yield from fact_lines([("Window", text, "bold red" * is_over), ("", bar, "red" * is_over)], terminal)
    yield from _together(_key(inspection, measure.window, terminal), terminal)


def _key(inspection: Inspection, window: int, terminal: Terminal) -> list[str]:
    """What the symbols of the bar stand for."""
    measure, symbols, reserve = inspection.measure, terminal.symbols, inspection.reserve
    answer = reserve or measure.max_output or 0
    free = max(window - measure.total - answer, 0)
    key = [f"{symbols.used} used {number(measure.total)} ({fine_percent(measure.total, window)})"]
    key += [f"{symbols.free} {'remaining' if reserve else 'free'} {number(free)}"] if free else []
    key += [f"{symbols.reserved} {'reserve' if reserve else 'longest answer'} {number(answer)}"] if answer else []
    return key


def _together(items: Iterable[str], terminal: Terminal) -> Iterator[str]:
    """Short items side by side, none of them broken."""
    indent, line = " " * TITLE_WIDTH, ""
    for item in items:
        if line and len(line) + 3 + len(item) > terminal.width:
            yield line
            line = ""
        line = f"{line}   {item}" if line else indent + item
    yield line


def _bar(used: int, reserved: int, window: int, terminal: Terminal) -> str:
    """A bar of the window: used, free, and at its end what the answer takes."""
    cells = min(terminal.width - TITLE_WIDTH, _WIDEST_BAR)
    taken = min(max(round(cells * used / window), int(used > 0)), cells)
    answer = min(max(round(cells * reserved / window), int(reserved > 0)), cells - taken)
    symbols = terminal.symbols
    return symbols.used * taken + symbols.free * (cells - taken - answer) + symbols.reserved * answer


# The prompt


def _prompt_title(terminal: Terminal, look: Look) -> str:
    """The title of the prompt, with a key to what it is drawn with."""
    symbols = terminal.symbols
    key = [f"{symbols.newline} newline"]
    if look.whitespace:
        key += [f"{symbols.space} space", f"{symbols.tab} tab", f"{symbols.no_break} no-break space"]
    if look.tokens:
        key.append("a colour for each token" if terminal.color else f"{symbols.border} end of a token")
    return f"Prompt ({', '.join(key)})"


def _ids(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[str]:
    """The ids as a list, where they do not stand below their tokens."""
    if inspection.ids is None or look.tokens:
        return
    line = " "
    for one in shown_ids(inspection, terminal, look):
        if len(line) + 1 + len(one) > terminal.width:
            yield line
            line = " "
        line = f"{line} {one}"
    if line.strip():
        yield line


# What is wrong


def _problems(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[str]:
    mine = [one for one in inspection.diagnostics if look.message in (None, one.message_index)]
    for diagnostic in mine[:_MOST_LISTED]:
        yield from _diagnostic(diagnostic, inspection, terminal)
    yield from _more(mine, terminal)
    losses = [text for index, text in losses_of(inspection) if look.message in (None, index)]
    for text in losses[:_MOST_LISTED]:
        yield from _paragraph([(visible(text), "")], terminal)
    yield from _more(losses, terminal)


def _more(listed: Sequence[object], terminal: Terminal) -> Iterator[str]:
    if len(listed) > _MOST_LISTED:
        yield from _paragraph([(f"and {number(len(listed) - _MOST_LISTED)} more", "dim")], terminal)


def _paragraph(pieces: Iterable[tuple[str, str]], terminal: Terminal) -> Iterator[str]:
    """Styled pieces as an indented paragraph."""
    flow = Flow(terminal)
    flow.begin("  ", "    ")
    for text, style in pieces:
        flow.add(text, style)
    return iter(flow.lines())


def _diagnostic(diagnostic: Diagnostic, inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    """A problem, and the line of the text with a caret below the place."""
    style = SEVERITY_STYLES[diagnostic.severity]
    place = f"{visible(inspection.name)}:{diagnostic.line}:{diagnostic.column}: "
    what = f" {diagnostic.code}: {visible(diagnostic.message)}"
    yield from _paragraph([(place, ""), (str(diagnostic.severity), style), (what, "")], terminal)
    yield from excerpt(diagnostic, inspection.subject.document.text or "", terminal, style)


def _findings(inspection: Inspection, terminal: Terminal, look: Look) -> Iterator[str]:
    """What a scan found in the fields of messages, each with the line of the field that it is in."""
    mine = [one for one in inspection.findings if look.message in (None, one.message)]
    for finding in mine[:_MOST_LISTED]:
        yield from _finding(finding, inspection, terminal)
    yield from _more(mine, terminal)
    shown = [one for one in mine if one.field == "content" and one.message not in inspection.wire.apart]
    if any(one.kind is FindingKind.LITERAL for one in shown):
        yield from _paragraph([(_ADVICE[inspection.subject.text is None], "")], terminal)


def _finding(finding: Finding, inspection: Inspection, terminal: Terminal) -> Iterator[str]:
    message = finding.message or 0
    style = SEVERITY_STYLES[finding.severity]
    place, kind, meaning = headline(f"messages[{message}].{finding.field}", finding)
    yield from _paragraph([(place, ""), (kind, style), (meaning, "")], terminal)
    yield from excerpt(finding, dict(fields_of(inspection.messages[message]))[finding.field], terminal, style)
