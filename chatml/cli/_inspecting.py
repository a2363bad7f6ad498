"""The work of `chatml inspect`: everything that there is to know about one conversation, and its form for programs."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._diagnostics import Diagnostic
from chatml._escape import Found, escaper_for
from chatml._measure import Measure
from chatml._messages import Message, read_messages
from chatml.cli import _output
from chatml.cli._measure import Wire, measure_subject, quick_encoding, wire_of
from chatml.cli._subject import Subject, located, one_document, read_choices, subject_of
from chatml.cli._terminal import open_terminal

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator

_MOST_SPELLED = 20  # tokens of one message that are listed


class Spelled(NamedTuple):
    """A message whose content spells special tokens: its place in the file, its role, and what it spells."""

    message: int
    role: str
    tokens: tuple[Found, ...]


class Inspection(NamedTuple):
    """What is shown of a conversation."""

    name: str
    subject: Subject
    measure: Measure
    wire: Wire
    texts: tuple[str, ...]  # of the messages that were measured
    diagnostics: tuple[Diagnostic, ...]
    spelled: tuple[Spelled, ...]
    unread: tuple[str, ...]  # fields of messages that no form knows, such as "messages[2].weight"
    ids: list[int] | None


def inspect_file(arguments: Namespace) -> int:
    """Run the command."""
    choices = read_choices(arguments)
    name, document = one_document(arguments.file, arguments.line, max_size=arguments.max_size)
    with located(name, document):
        inspection = _inspect(name, subject_of(document, choices), with_ids=arguments.ids)
    if arguments.html is not None:
        from chatml.cli._inspection_data import inspection_page
        from chatml.cli._writing import write_file

        write_file(arguments.html, inspection_page(inspection))
    elif arguments.format == "json":
        from chatml.cli._json_output import write_json

        write_json(_as_json(inspection))
    else:
        from chatml.cli._view import view

        _output.write("".join(f"{line}\n" for line in view(inspection, open_terminal(arguments.color))))
    return 0


def _inspect(name: str, subject: Subject, *, with_ids: bool) -> Inspection:
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
        texts=tuple(next(added, "") if one.source is None else messages[one.source].text for one in measure.messages),
        diagnostics=subject.text.diagnostics if subject.text is not None else (),
        spelled=tuple(_spelled(messages, subject)),
        unread=tuple(f"messages[{index}].{key}" for index, message in enumerate(messages) for key in message.extra),
        ids=wire.prompt.token_ids(encoding) if with_ids else None,
    )


def _spelled(messages: tuple[Message, ...], subject: Subject) -> Iterator[Spelled]:
    for index, message in enumerate(messages):
        tokens = tuple(islice(escaper_for(subject.dialect, message.role).find_all(message.text), _MOST_SPELLED))
        if tokens:
            yield Spelled(index, message.role, tokens)


def _as_json(inspection: Inspection) -> dict[str, Any]:
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
        "model_from": subject.model.how if subject.model else None,
        **details_value(inspection.measure),
        "segments": [segment._asdict() for segment in wire.prompt.segments],
        "ending": wire.prompt.ending,
        "dropped": [dropped._asdict() for dropped in wire.dropped],
        "apart": wire.apart,
        "unread": inspection.unread,
        "diagnostics": [one._asdict() for one in inspection.diagnostics],
        "spelled": [
            {"message": one.message, "role": one.role, "tokens": [found._asdict() for found in one.tokens]}
            for one in inspection.spelled
        ],
    }
    return value if inspection.ids is None else {**value, "ids": inspection.ids}
