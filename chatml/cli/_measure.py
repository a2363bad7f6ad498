"""Tokens of a subject. Messages are measured as a request; a text is measured as the ids that it becomes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal, NamedTuple

from chatml._count import measure
from chatml._measure import Measure, MessageCount, Part, Status
from chatml._messages import Message, read_messages
from chatml._meter import has_turn
from chatml._prompt import Prompt
from chatml._render import Dropped
from chatml._segments import Segment, SegmentKind
from chatml._tokens import Coder, coder_for
from chatml.encodings import small_encoding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import tiktoken

    from chatml.cli._subject import Subject
    from chatml.promptfiles import Document

_SMALL = 16_384  # characters to encode; from here on the whole vocabulary is loaded
_HEADER_KINDS = (SegmentKind.START, SegmentKind.ROLE, SegmentKind.NAME, SegmentKind.CHANNEL, SegmentKind.HEADER_END)
_LOOSE = {SegmentKind.BOS: "bos token", SegmentKind.EOS: "eos token"}


class Wire(NamedTuple):
    """The prompt that is sent and what it was made of.

    `indexes` says for each message of `prompt` which of the subject's messages it is, None for one that the dialect
    adds. `apart` lists those that are not in the prompt because their wire is not known (calls and their results),
    `dropped` what of the others is not in it.
    """

    prompt: Prompt
    indexes: tuple[int | None, ...]
    apart: tuple[int, ...] = ()
    dropped: tuple[Dropped, ...] = ()


def wire_of(subject: Subject) -> Wire:
    """The prompt as it is counted: a text as it is, messages with a generation prompt and less what is not sent."""
    if subject.text is not None:
        return Wire(subject.text, tuple(range(len(subject.text.messages))))
    messages = read_messages(subject.messages)
    kept = [index for index, message in enumerate(messages) if not subject.is_billed or has_turn(message)]
    prompt = _sent(subject, [messages[index] for index in kept])
    dropped = [one if one.message is None else one._replace(message=kept[one.message]) for one in prompt.dropped]
    apart = tuple(sorted({*range(len(messages))} - {*kept}))
    sources = tuple(None if source is None else kept[source] for source in prompt.sources)
    return Wire(prompt, sources, apart, tuple(dropped))


def _sent(subject: Subject, messages: Sequence[Message]) -> Prompt:
    return Prompt.from_messages(messages, dialect=subject.dialect, add_generation_prompt=True, lossy=True)


def quick_encoding(subject: Subject) -> str | tiktoken.Encoding:
    """The encoding of a subject whose text is short: where it can be, without loading the whole vocabulary."""
    name = subject.encoding
    if subject.text is not None:
        text = subject.document.text or ""
    elif _is_plain(subject.document):
        text = "".join(segment.text for segment in _sent(subject, read_messages(subject.messages)).segments)
    else:
        return name
    return small_encoding(name, text) if isinstance(name, str) and len(text) < _SMALL else name


def measure_subject(
    subject: Subject,
    *,
    encoding: str | tiktoken.Encoding | None = None,
    lossy: bool = False,
    allow_estimate: bool = False,
    api: Literal["chat", "responses"] = "chat",
) -> Measure:
    """Count the tokens of a subject; `encoding` is its own, or what `quick_encoding` gave for it."""
    encoding = encoding or subject.encoding
    if subject.text is not None:
        status = Status.ESTIMATE if subject.is_foreign else Status.EXACT
        return _measure_text(subject, subject.text, coder_for(encoding), status)
    return measure(
        subject.messages,
        encoding=encoding,
        lossy=lossy,
        allow_estimate=allow_estimate,
        api=api,
        **subject.request,
    )


def _is_plain(document: Document) -> bool:
    """Whether nothing but the prompt itself is encoded."""
    if document.request.keys() - {"model"}:
        return False
    return not any(
        isinstance(one, dict) and ("tool_calls" in one or "function_call" in one) for one in document.messages
    )


# A text. Its ids come run by run, as everywhere: what stands between two markers is encoded as one piece.


def _measure_text(subject: Subject, prompt: Prompt, coder: Coder, status: Status) -> Measure:
    tally: Counter[tuple[int | None, str]] = Counter()
    for owner, tokens in _owned_tokens(prompt, coder):
        tally[owner] += tokens
    messages = tuple(
        MessageCount(
            source=index,
            role=message.role,
            name=message.name,
            header=tally[index, "header"],
            content=tally[index, "content"],
            framing=tally[index, "framing"],
            status=status,
        )
        for index, message in enumerate(prompt.messages)
    )
    parts = [Part(name, tokens, status) for (index, name), tokens in tally.items() if index is None and tokens]
    info = subject.model.info if subject.model else None
    return Measure(
        total=tally.total(),
        status=status,
        messages=messages,
        parts=tuple(parts),
        model=info.name if info else None,
        dialect=subject.dialect.name,
        encoding=coder.encoding.name,
        window=info.context_window if info else None,
        max_input=info.max_input if info else None,
        max_output=info.max_output if info else None,
    )


Owner = tuple[int | None, str]


def reply_start(prompt: Prompt) -> int:
    """Where the generation prompt begins that no message owns; behind the end of the prompt when there is none."""
    starts = [
        segment.start for segment in prompt.segments if segment.kind is SegmentKind.START and segment.message is None
    ]
    if prompt.ending == "generation_prompt" and starts:
        return starts[-1]
    last = prompt.segments[-1:]
    return sum(segment.start + len(segment.text) for segment in last)


def _owned_tokens(prompt: Prompt, coder: Coder) -> Iterator[tuple[Owner, int]]:
    run: list[tuple[Owner, str]] = []
    reply = reply_start(prompt)
    closed: int | None = None  # the message whose end marker has been seen: what follows in it is its frame
    for segment in prompt.segments:
        owner = _loose_owner(segment, reply) if segment.message is None else _owner(segment, closed)
        if segment.kind is SegmentKind.END:
            closed = segment.message
        if segment.special and coder.marker(segment.text, segment.kind) is not None:
            yield from _shared_out(run, coder)
            run = []
            yield owner, 1
        elif run and run[-1][0] == owner:
            run[-1] = owner, run[-1][1] + segment.text
        else:
            run.append((owner, segment.text))
    yield from _shared_out(run, coder)


def _loose_owner(segment: Segment, reply: int) -> Owner:
    """The part of the prompt to which a segment outside of all messages belongs."""
    return None, "reply priming" if segment.start >= reply else _LOOSE.get(segment.kind, "outside of messages")


def _owner(segment: Segment, closed: int | None) -> Owner:
    """The message and its part to which a segment belongs."""
    kind, message = segment.kind, segment.message
    is_frame = kind in (SegmentKind.END, SegmentKind.SEPARATOR) or (segment.special and kind in _HEADER_KINDS)
    if is_frame or message == closed:
        return message, "framing"
    return message, "header" if kind in _HEADER_KINDS else "content"


def _shared_out(run: list[tuple[Owner, str]], coder: Coder) -> Iterator[tuple[Owner, int]]:
    """The tokens of a run: the frame counts as if it stood alone, the content has the rest."""
    if not run:
        return
    rest = len(coder.text("".join(text for _, text in run)))
    taker = next((owner for owner, _ in run if owner[1] == "content"), run[0][0])
    for owner, text in run:
        if owner != taker:
            tokens = len(coder.text(text))
            rest -= tokens
            yield owner, tokens
    yield taker, rest
