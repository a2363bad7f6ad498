"""What all views say of an inspection in words: its head, and what of the messages is not in the prompt."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chatml.cli._inspecting import Inspection
    from chatml.cli._subject import Subject

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
_CONTAINERS = {"jsonl": "on line {line:,} of JSONL", "array": "on line {line:,} of a JSON array"}


class Fact(NamedTuple):
    """A line of the head. Texts of users are in it as they are; `how` says how it was found."""

    name: str
    value: str
    how: str = ""


def facts_of(inspection: Inspection) -> Iterator[Fact]:
    """What the prompt is, and of dialect, encoding and model how each was found."""
    subject, document = inspection.subject, inspection.subject.document
    where = _CONTAINERS.get(document.container, "").format(line=document.line)
    yield Fact("Format", _FORMATS.get(document.format, document.format), where)
    if subject.reading is not None and subject.is_billed:  # read in one dialect, and written in another
        yield Fact("Read as", subject.reading.dialect.name, subject.reading.how)
    yield Fact("Dialect", subject.dialect.name, dialect_from(subject))
    whose = ", in place of that of its models" if subject.is_foreign else ""
    yield Fact("Encoding", inspection.measure.encoding, f"{inspection.encoding_from}{whose}")
    if subject.model is not None:
        yield Fact("Model", subject.model.name, subject.model.how)
        if subject.model.info.note:
            yield Fact("Note", subject.model.info.note)


def dialect_from(subject: Subject) -> str:
    """Who chose the dialect that is shown."""
    if subject.is_billed:
        return "of the model"
    return subject.reading.how if subject.reading else "given"


def losses_of(inspection: Inspection) -> Iterator[tuple[int | None, str]]:
    """What of the messages is not in the prompt, each with the message that it is about."""
    for index in inspection.wire.apart:
        text = f"messages[{index}] is a tool call or its result: it is counted, but how it is written is not known"
        yield index, text
    with_media = {one.source for one in inspection.measure.messages if one.media}
    for message, field, reason in inspection.wire.dropped:
        place = field if message is None else f"messages[{message}].{field}"
        if field == "content" and message in with_media:
            yield message, f"{place} is not all text: the rest is counted, but how it is written is not known"
        else:
            yield message, f"{place} is left out: {reason}"
    for index, one in enumerate(inspection.messages):
        for key in one.extra:
            yield index, f"messages[{index}].{key} is not part of a prompt"
