"""The work of `chatml inspect`: everything that there is to know about one conversation, and its form for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._diagnostics import Diagnostic, Severity
from chatml._errors import ConfigError
from chatml._escape import escaper_for
from chatml._findings import Finding, FindingKind
from chatml._measure import Measure
from chatml._messages import Message, read_messages
from chatml._prompt import Prompt
from chatml._scan import scan
from chatml._special import TRUSTED_ROLES
from chatml.cli._measure import Wire, measure_subject, quick_encoding, wire_of
from chatml.cli._subject import Choices, Subject, located, one_document, read_choices, subject_of
from chatml.cli._terminal import open_terminal
from chatml.comparison._sides import text_of

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

    import tiktoken

_WORDY = (FindingKind.HEADER, FindingKind.TEMPLATE)  # words that only mean something where outsiders write them


class Look(NamedTuple):
    """What the options ask of the view in a terminal; `message` is the number of the only one to show."""

    tokens: bool = False
    ids: bool = False
    whitespace: bool = False
    message: int | None = None


class Inspection(NamedTuple):
    """What is shown of a conversation.

    `messages` are those of the subject, with their content as it stands; `texts` are those of what was measured, row by
    row, with calls and media behind what is text. `encoding` is the loaded one, or its name, and `encoding_from` who
    chose it. `findings` are the errors and warnings of a scan of the fields of messages. `unread` lists fields of
    messages that no form knows, such as "messages[2].weight". `reserve` is what is kept of the window for the answer.
    """

    name: str
    subject: Subject
    measure: Measure
    wire: Wire
    encoding: str | tiktoken.Encoding
    encoding_from: str
    messages: tuple[Message, ...]
    texts: tuple[str, ...]
    diagnostics: tuple[Diagnostic, ...]
    findings: tuple[Finding, ...]
    unread: tuple[str, ...]
    ids: list[int] | None
    reserve: int | None


def inspect_file(arguments: Namespace) -> int:
    """Run the command."""
    from chatml.cli._writing import check_page

    look = _look(arguments)
    check_page(arguments.html)
    choices = read_choices(arguments)
    name, document = one_document(arguments.file, arguments.line, max_size=arguments.max_size)
    with located(name, document):
        subject = subject_of(document, choices)
        inspection = inspect(name, subject, choices, with_ids=arguments.ids, reserve=arguments.reserve)
        _check_message(look.message, inspection)
    if arguments.html is not None:
        from chatml.cli._inspection_data import inspection_page
        from chatml.cli._writing import write_file

        write_file(arguments.html, inspection_page(inspection))
    elif arguments.format == "json":
        from chatml.cli._json_output import write_json

        write_json(_as_json(inspection))
    else:
        from chatml.cli._pager import show
        from chatml.cli._view import view

        lines = view(inspection, open_terminal(arguments.color), look)
        show("".join(f"{line}\n" for line in lines), may_page=not arguments.no_pager)
    return 0


def _look(arguments: Namespace) -> Look:
    """What is asked of the view. Raises `ConfigError` where there is none: JSON and the page leave nothing out."""
    look = Look(arguments.tokens, arguments.ids, arguments.whitespace, arguments.message)
    other = "--html" if arguments.html is not None else "--format json" if arguments.format == "json" else ""
    given = {"--tokens": look.tokens, "--whitespace": look.whitespace, "--message": look.message is not None}
    for option in (option for option, is_given in given.items() if is_given and other):
        raise ConfigError(
            f"this is for the view in a terminal, found it with {other}",
            option=option,
            hint=f"leave it out: {other} has everything",
        )
    return look


def _check_message(number: int | None, inspection: Inspection) -> None:
    """Raise `ConfigError` when there is no message `number`."""
    numbers = [count.source for count in inspection.measure.messages if count.source is not None]
    if number is None or number in numbers:
        return
    known = f"they are numbered {numbers[0]} to {numbers[-1]}" if len(numbers) > 1 else "the only one is number 0"
    raise ConfigError(
        f"there is no message {number}, {known if numbers else 'there is none at all'}",
        option="--message",
        hint="the numbers are those of the table",
    )


def inspect(
    name: str, subject: Subject, choices: Choices, *, with_ids: bool = False, reserve: int | None = None
) -> Inspection:
    """Look at a conversation from all sides."""
    encoding = quick_encoding(subject)
    wire = wire_of(subject)
    messages = subject.text.messages if subject.text is not None else read_messages(subject.messages)
    measure = measure_subject(subject, encoding=encoding, lossy=True, allow_estimate=True)
    added = (message.text for message, index in zip(wire.prompt.messages, wire.indexes, strict=True) if index is None)
    return Inspection(
        name=name,
        subject=subject,
        measure=measure,
        wire=wire,
        encoding=encoding,
        encoding_from="given" if choices.encoding else "of the model" if subject.model else "of the dialect",
        messages=messages,
        texts=tuple(
            next(added, "") if one.source is None else text_of(messages[one.source]) for one in measure.messages
        ),
        diagnostics=_diagnostics(subject),
        findings=tuple(_findings(messages, subject)),
        unread=tuple(f"messages[{index}].{key}" for index, message in enumerate(messages) for key in message.extra),
        ids=wire.prompt.token_ids(encoding) if with_ids else None,
        reserve=reserve,
    )


def _diagnostics(subject: Subject) -> tuple[Diagnostic, ...]:
    """What the parser says about a text, also where its messages are then counted in another wire."""
    if subject.reading is None:
        return ()
    text = subject.text or Prompt.from_text(subject.document.text or "", dialect=subject.reading.dialect)
    return text.diagnostics


def _findings(messages: tuple[Message, ...], subject: Subject) -> Iterator[Finding]:
    """What could be read as structure; in system, developer and assistant messages only tokens of the frame.

    What a scan only mentions, such as a template's `{{name}}`, is left out: ordinary prompts are full of it.
    """
    for index, message in enumerate(messages):
        tokens = escaper_for(subject.dialect, message.role).tokens
        is_trusted = message.role in TRUSTED_ROLES
        for field, text in fields_of(message):
            for finding in scan(text, tokens=tokens):
                if finding.severity is not Severity.INFO and not (is_trusted and finding.kind in _WORDY):
                    yield finding._replace(message=index, field=field)


def fields_of(message: Message) -> Iterator[tuple[str, str]]:
    """The names and texts of the fields of a message in which anything can stand."""
    yield "content", message.text
    if message.reasoning:
        yield "reasoning", message.reasoning
    if message.refusal:
        yield "refusal", message.refusal
    for place, call in enumerate(message.tool_calls):
        yield f"tool_calls[{place}].name", call.name
        given = call.arguments
        arguments = given if isinstance(given, str) else json.dumps(given, ensure_ascii=False, default=str)
        yield f"tool_calls[{place}].arguments", arguments


def _as_json(inspection: Inspection) -> dict[str, Any]:
    from chatml.cli._facts import dialect_from
    from chatml.cli._values import details_value, measure_value

    subject, wire = inspection.subject, inspection.wire
    document, reading = subject.document, subject.reading
    value: dict[str, Any] = {
        "file": inspection.name,
        "line": document.line,
        "format": document.format,
        "container": document.container or None,
        "read_as": reading and {"dialect": reading.dialect.name, "how": reading.how},
        **measure_value(inspection.measure, subject),
        "reserve": inspection.reserve,
        "dialect_from": dialect_from(subject),
        "encoding_from": inspection.encoding_from,
        "model_from": subject.model.how if subject.model else None,
        **details_value(inspection.measure),
        "segments": [segment._asdict() for segment in wire.prompt.segments],
        "ending": wire.prompt.ending,
        "dropped": [dropped._asdict() for dropped in wire.dropped],
        "apart": wire.apart,
        "unread": inspection.unread,
        "diagnostics": [one._asdict() for one in inspection.diagnostics],
        "findings": [one._asdict() for one in inspection.findings],
    }
    return value if inspection.ids is None else {**value, "ids": inspection.ids}
