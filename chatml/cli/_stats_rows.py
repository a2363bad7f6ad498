"""From the text of files to tallies: each conversation is counted as `chatml count` counts it, a bad one is noted."""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._errors import ChatMLError, CountError, EncodingError, FileError, ParseError, RenderError, UnknownModelError
from chatml._measure import Status, weakest
from chatml._messages import Message, read_messages
from chatml._meter import Meter, is_plain, meter_for, totals_of
from chatml.cli._measure import measure_subject
from chatml.cli._options import MIB
from chatml.cli._report import error_text
from chatml.cli._stats_tally import BadRow, Conversation, CountedAs, Tally, place_of
from chatml.cli._subject import Subject, read_choices, subject_of
from chatml.promptfiles import EMPTY, NO_PROMPT, TOO_LARGE, Document, read_documents, scan_documents

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Mapping, Sequence

NO_CONVERSATION = "no conversation"  # the kind of a row that holds none
UNREADABLE = "unreadable file"
_KINDS = {  # of errors, by their code or class
    "json": "not valid JSON", "jsonl": "not valid JSON", NO_PROMPT: NO_CONVERSATION, TOO_LARGE: "too large",
    EMPTY: "empty", ParseError: "not readable", RenderError: "faulty messages", UnknownModelError: "unknown model",
    CountError: "no rule for its cost", EncodingError: "not encodable", FileError: UNREADABLE,
}  # fmt: skip


class Job(NamedTuple):
    """A piece of a file: whole lines from `line` on, or with `by_line=False` all of it."""

    file: int
    name: str
    line: int
    data: bytes
    by_line: bool
    in_folder: bool


def bad_row(error: Exception, line: int) -> BadRow:
    """What is wrong with a row, without the place, which is known otherwise."""
    if isinstance(error, (ParseError, FileError)):
        kind = _KINDS.get(getattr(error, "code", ""), _KINDS[type(error)])
        return BadRow(line, kind, error_text(ChatMLError(error.problem, hint=error.hint)))
    if isinstance(error, ChatMLError):
        return BadRow(line, _KINDS.get(type(error), "not countable"), error_text(error))
    what = ChatMLError(f"{type(error).__name__}: {error}"[:300], hint="please report this")
    return BadRow(line, "internal error", error_text(what))


def too_large(what: str, most: int) -> ParseError:
    """The error for a line or a file of more than `most` bytes."""
    hint = f"--max-size raises the limit of {most // MIB} MiB"
    return ParseError(f"the {what} has more than {most:,} bytes", hint=hint, code=TOO_LARGE)


class RowCounter:
    """Counts the conversations of jobs. What they have in common is made once."""

    def __init__(self, arguments: Namespace) -> None:
        self._arguments = arguments
        self._choices = read_choices(arguments)
        self._meters: dict[object, Meter] = {}  # of requests that are nothing but messages: as many as models
        self._last: tuple[object, Meter] | None = None  # rows with tools often have all the same

    def tally(self, job: Job) -> Tally:
        """What is in a job."""
        tally = Tally()
        file = tally.file(job.file)
        for found in _documents(job, self._arguments.max_size):
            if isinstance(found, Document):
                if job.in_folder and found.format == "text":
                    file.passed = "there is no marker of a prompt in it"
                    continue
                file.is_text |= found.format == "text"
                try:
                    tally.add(self._conversation(found, job.file))
                except Exception as error:  # a row, or a fault of ours that it brings out, is no reason to stop
                    file.add_bad(bad_row(error, found.line))
            elif job.in_folder and not job.by_line and found.kind in (NO_CONVERSATION, _KINDS[EMPTY]):
                file.passed = found.problem
            else:
                file.add_bad(found)
        return tally

    def _conversation(self, document: Document, file: int) -> Conversation:
        subject = subject_of(document, self._choices)
        place = place_of(file, document.line)
        if subject.text is not None:
            measure = measure_subject(subject)
            messages: Sequence[Message] = subject.text.messages
            costs = [(one.role, one.total) for one in measure.messages]
            counted_as = _counted_as(subject, measure.encoding)
            name, opening = names_of(messages, document.request)
            return Conversation(place, measure.total, costs, measure.status, counted_as, name, opening)
        messages = read_messages(subject.messages)
        meter = self._meter(subject)
        total, tokens, status = _count(meter, messages, is_bare=not document.request.keys() - {"model"})
        counted_as = _counted_as(subject, meter.coder.encoding.name)
        costs = [(message.role, cost) for message, cost in zip(messages, tokens, strict=True)]
        return Conversation(place, total, costs, status, counted_as, *names_of(messages, document.request))

    def _meter(self, subject: Subject) -> Meter:
        """The meter that `measure_subject` would make."""
        request = {key: value for key, value in subject.document.request.items() if key != "model"}
        info = subject.model.info if subject.model else None
        key = (info, None if subject.is_billed else subject.dialect.name)
        if not request and key in self._meters:
            return self._meters[key]
        if request and self._last and self._last[0] == (key, request):
            return self._last[1]
        meter = meter_for(
            model=info,
            dialect=None if subject.is_billed else subject.dialect,
            encoding=subject.encoding,
            lossy=self._arguments.lossy,
            allow_estimate=self._arguments.allow_estimate,
            api=self._arguments.api,
            **request,
        )
        if request:
            self._last = (key, request), meter
        else:
            self._meters[key] = meter
        return meter


def _counted_as(subject: Subject, encoding: str) -> CountedAs:
    model = subject.model
    return CountedAs(
        model.info if model else None, model.how if model else "", subject.dialect.name, encoding, subject.is_foreign
    )  # fmt: skip


def _count(meter: Meter, messages: Sequence[Message], *, is_bare: bool) -> tuple[int, list[int], Status]:
    """The tokens in all and of each message, and how far they can be trusted: what `measure` says, at less cost."""
    costs = [0] * len(messages)
    if not meter.target.billed or (is_bare and all(map(is_plain, messages))):
        compiled = meter.compiled(messages)
        totals = totals_of(compiled, meter.coder)
        for index, tokens in totals.items():
            source = None if index is None else compiled.sources[index]
            if source is not None:
                costs[source] += tokens
        return sum(totals.values()), costs, meter.status(messages)
    counts, parts = meter.report(messages)
    for count in counts:
        if count.source is not None:
            costs[count.source] += count.total
    total = sum(count.total for count in counts) + sum(part.tokens for part in parts)
    return total, costs, weakest([meter.target.status, *(one.status for one in counts), *(one.status for one in parts)])


# Reading


def _documents(job: Job, most: int) -> Iterator[Document | BadRow]:
    """The conversations of a job, and in place of what cannot be read why not."""
    data = job.data.removeprefix(b"\xef\xbb\xbf") if job.line == 1 else job.data
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if job.by_line:
            yield from _line_by_line(job, data)
        else:
            yield BadRow(1, "not UTF-8", f"the file is not UTF-8: found byte 0x{data[error.start]:02x}")
        return
    if job.by_line:
        yield from _rows(job.name, text, job.line)
        return
    try:
        yield from read_documents(text, source=job.name, max_size=most)
    except ParseError as error:
        yield bad_row(error, error.line)
    except Exception as error:
        yield bad_row(error, 1)


def _rows(name: str, text: str, line: int) -> Iterator[Document | BadRow]:
    for found in scan_documents(text, source=name, line=line, form="jsonl"):
        yield bad_row(found, found.line) if isinstance(found, ParseError) else found


def _line_by_line(job: Job, data: bytes) -> Iterator[Document | BadRow]:
    """The rows of a job of which some are not UTF-8."""
    for number, row in enumerate(data.split(b"\n"), job.line):
        try:
            yield from _rows(job.name, row.decode(), number)
        except UnicodeDecodeError as error:
            yield BadRow(number, "not UTF-8", f"the line is not UTF-8: found byte 0x{row[error.start]:02x}")


# Names


def names_of(messages: Sequence[Message], request: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """A name of what a conversation says, and one of what its first user message says.

    Conversations have the same name when their messages and tools say the same, in whichever form. One without a user
    message has an opening that no other one has.
    """
    pieces = [_said(message) for message in messages]
    pieces += [_framed(key, _canonical(request[key])) for key in ("tools", "functions") if request.get(key)]
    name = _digest("".join(pieces))
    asked = next((message for message in messages if message.role == "user"), None)
    return name, name if asked is None else _digest(_framed("opening", _content(asked)))


def _digest(text: str) -> bytes:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest()


def _framed(kind: str, text: str) -> str:
    """Pieces with their lengths in front, so that no two rows of pieces are the same text."""
    return f"{len(kind)} {len(text)}:{kind}{text}"


def _said(message: Message) -> str:
    if is_plain(message) and not message.name:
        return _framed(message.role, message.text)
    calls = [call.to_mapping() for call in message.tool_calls]
    rest = [message.name, message.reasoning, calls, message.tool_call_id, message.refusal]
    return _framed(message.role, _content(message)) + _framed("", _canonical(rest))


def _content(message: Message) -> str:
    if isinstance(message.content, str):
        return message.content
    return "\0" + _canonical([part.to_mapping() for part in message.content])  # no usual text spells the same


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
