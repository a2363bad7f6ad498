"""The prompt: one row of segments, however it was made, and everything that can be read off it."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from chatml._diagnostics import Diagnostic, Severity
from chatml._errors import ParseError, require_text, shown
from chatml._escape import MARKER, Escaper, escaper_for
from chatml._grammar import Problem
from chatml._messages import Message, MessageLike
from chatml._parse import Machine, join_deltas, read_text, to_diagnostics
from chatml._render import Dropped, Ending, Turn, check_content, compile_messages, read_template_kwargs, segments_of
from chatml._segments import Segment, SegmentKind
from chatml._spans import LineIndex
from chatml._special import BOS_AND_EOS
from chatml._tokens import coder_for, pieces_of, read_ids, segment_ids, turn_ids
from chatml._trusted import trusted
from chatml.dialects import Dialect, get_dialect

if TYPE_CHECKING:
    import tiktoken

_WRITTEN = frozenset(
    {SegmentKind.CONTENT, SegmentKind.TRUSTED, SegmentKind.REASONING, SegmentKind.TOOL_CALL, SegmentKind.END}
)


@dataclass(frozen=True, eq=False, kw_only=True)
class Prompt:
    """A prompt as a model sees it. Make one with `from_messages`, `from_text` or `from_ids`.

    `messages` is what it holds, in normal form and with the content as it stands; `dropped` lists what of the given
    messages it does not hold (only with `lossy`), and `sources` has for each message the index of the given one, or
    None for what the dialect adds (a prompt that was read has no sources). `ending` is "closed", "generation_prompt",
    or "open" (the last message goes on). `options` are keywords of `render` that give the same text again:
    `render(parse(x, dialect=d), dialect=d, **options) == x` for every `x` that `render` made without `lossy`.
    """

    dialect: Dialect
    messages: tuple[Message, ...]
    ending: Ending
    options: Mapping[str, Any]
    dropped: tuple[Dropped, ...] = ()
    sources: tuple[int | None, ...] = ()
    _turns: list[Turn] | None = field(default=None, repr=False)
    _parsed: tuple[Segment, ...] = field(default=(), repr=False)
    _problems: tuple[Problem, ...] = field(default=(), repr=False)
    _unknown: tuple[tuple[int, str], ...] = field(default=(), repr=False)

    @classmethod
    def from_messages(
        cls,
        messages: Iterable[MessageLike],
        *,
        dialect: str | Dialect = "chatml",
        tools: Iterable[Mapping[str, Any]] | None = None,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
        template_kwargs: Mapping[str, Any] | None = None,
        lossy: bool = False,
    ) -> Self:
        """Lay out messages; content stays as it is, because segments and ids need no escape.

        Raises `RenderError` for messages that are wrong or that the dialect cannot hold (unless `lossy`), and
        `ConfigError` for an unknown dialect or option.
        """
        compiled = compile_messages(
            messages, dialect=dialect, tools=tools, add_generation_prompt=add_generation_prompt,
            continue_final_message=continue_final_message, template_kwargs=template_kwargs, lossy=lossy,
        )  # fmt: skip
        options = _options(compiled.dialect, compiled.ending, compiled.messages, compiled.template_kwargs)
        return cls(
            dialect=compiled.dialect, messages=compiled.messages, ending=compiled.ending, options=options,
            dropped=compiled.dropped, sources=compiled.sources, _turns=compiled.turns, _unknown=compiled.unknown,
        )  # fmt: skip

    @classmethod
    def from_text(
        cls, text: str, *, dialect: str | Dialect = "chatml", template_kwargs: Mapping[str, Any] | None = None
    ) -> Self:
        """Read any text; what is wrong with it is in `diagnostics`. Raises only `ConfigError`, for bad options."""
        found = get_dialect(dialect)
        require_text(text)
        kwargs = read_template_kwargs(template_kwargs, found)
        return cls._from_machine(read_text(found, text, kwargs.get("bos_token", ""), kwargs.get("eos_token", "")))

    @classmethod
    def from_ids(
        cls, ids: Iterable[int], *, encoding: str | tiktoken.Encoding | None = None, dialect: str | Dialect = "chatml",
        template_kwargs: Mapping[str, Any] | None = None,
    ) -> Self:  # fmt: skip
        """Read token ids. Only a special id is a marker; ids of text that spells one are text.

        Raises `EncodingError` for an id that the encoding does not have. Bytes that are no UTF-8 become U+FFFD.
        """
        found = get_dialect(dialect)
        kwargs = read_template_kwargs(template_kwargs, found)
        machine = Machine(found, kwargs.get("bos_token", ""), kwargs.get("eos_token", ""))
        read_ids(machine, ids, coder_for(encoding or found.encoding))
        machine.close()
        machine.out = list(join_deltas(machine.out))
        return cls._from_machine(machine)

    @classmethod
    def _from_machine(cls, machine: Machine) -> Self:
        dialect, messages = machine.dialect, tuple(machine.messages)
        kwargs = {}
        if (
            dialect.bos
            and machine.bos != dialect.bos
            and (dialect.bos_before is None or (messages and messages[0].role in dialect.bos_before))
        ):
            kwargs["bos_token"] = _as_option(machine.bos)
        if (
            dialect.eos
            and machine.eos != dialect.eos
            and machine.ending == "closed"
            and messages
            and messages[-1].role == "assistant"
        ):
            kwargs["eos_token"] = _as_option(machine.eos)
        options = _options(dialect, machine.ending, messages, kwargs)
        return cls(dialect=dialect, messages=messages, ending=machine.ending, options=options,
                   _parsed=tuple(machine.out), _problems=tuple(machine.problems))  # fmt: skip

    @cached_property
    def segments(self) -> tuple[Segment, ...]:
        """The segments; they tile the prompt."""
        return self._parsed if self._turns is None else segments_of(self._turns)

    @cached_property
    def diagnostics(self) -> tuple[Diagnostic, ...]:
        """What was found wrong or odd, in the order of the text."""
        problems = [*self._problems, *self._unknown_fields(), *self._partly_escaped()]
        return to_diagnostics(problems, LineIndex(self._joined())) if problems else ()

    @property
    def text(self) -> str:
        """The string, when it is safe: no content spells a complete special token. Else raises `InjectionError`."""
        for text, message in self._texts():
            role = None if message is None else self.messages[message].role
            source = self.sources[message] if self.sources and message is not None else message
            check_content(text, self._escaper(role), source)
        return self._joined()

    def _texts(self) -> Iterable[tuple[str, int | None]]:
        """The text of the prompt that is not of the frame, and the message that each belongs to."""
        if self._turns is not None:
            return ((content, message) for _, content, _, message, _ in self._turns)
        texts = (one for one in self._parsed if not one.special and one.kind is not SegmentKind.SEPARATOR)
        return ((one.text, one.message) for one in texts)

    def token_ids(self, encoding: str | tiktoken.Encoding | None = None) -> list[int]:
        """The token ids; `encoding` is a name or a `tiktoken.Encoding`, the dialect's by default.

        Markers become their ids, all other text is encoded as text, so that no content can forge a turn. Raises
        `EncodingError` when a marker has no id in the encoding.
        """
        coder = coder_for(encoding or self.dialect.encoding)
        return segment_ids(self.segments, coder) if self._turns is None else turn_ids(self._turns, coder)

    def count(self, encoding: str | tiktoken.Encoding | None = None) -> int:
        """The number of token ids."""
        return len(self.token_ids(encoding))

    def assistant_spans(self) -> tuple[tuple[int, int], ...]:
        """Where the assistant wrote: `(start, end)` in characters of the joined segments, end markers included."""
        spans: list[tuple[int, int]] = []
        last: int | None = None
        for segment in self.segments:
            if (
                segment.message is None
                or segment.kind not in _WRITTEN
                or self.messages[segment.message].role != "assistant"
            ):
                continue
            start = spans.pop()[0] if segment.message == last else segment.start
            spans.append((start, segment.start + len(segment.text)))
            last = segment.message
        return tuple(spans)

    def assistant_mask(self, encoding: str | tiktoken.Encoding | None = None) -> list[int]:
        """For every token id, 1 if any of its characters lies in an assistant span, else 0."""
        coder = coder_for(encoding or self.dialect.encoding)
        spans = iter((*self.assistant_spans(), (sys.maxsize, sys.maxsize)))
        start, end = next(spans)
        mask: list[int] = []
        run: list[tuple[str, bool]] = []
        for segment in self.segments:
            while segment.start >= end:
                start, end = next(spans)
            inside = segment.start >= start
            for text, number in pieces_of(segment, coder):
                if number is None:
                    run.append((text, inside))
                    continue
                mask += coder.mask(run)
                mask.append(int(inside))
                run = []
        return mask + coder.mask(run)

    def _escaper(self, role: str | None) -> Escaper:
        return escaper_for(self.dialect, role, _tokens_of(self.options))

    def _raise_first_error(self) -> None:
        errors = [problem for problem in self._problems if problem.severity is Severity.ERROR]
        if errors:
            first = to_diagnostics(errors, LineIndex(self._joined()))[0]
            raise ParseError(
                first.message, code=first.code, start=first.start, end=first.end, line=first.line,
                column=first.column, hint="pass strict=False to read on",
            )  # fmt: skip

    def _joined(self) -> str:
        return "".join(segment.text for segment in self.segments)

    def _unknown_fields(self) -> Iterable[Problem]:
        places = {segment.message: segment for segment in reversed(self.segments)} if self._unknown else {}
        for source, path in self._unknown:
            message = self.sources.index(source) if source in self.sources else None
            place = places.get(message) if message is not None else None
            start, end = (place.start, place.start + len(place.text)) if place else (0, 0)
            text = f"message {source} has the field {shown(path)}, which is not part of the prompt"
            yield Problem("unknown-field", Severity.INFO, start, end, message, text)

    def _partly_escaped(self) -> Iterable[Problem]:
        for segment in self._parsed:
            if segment.kind is SegmentKind.CONTENT and segment.message is not None and MARKER in segment.text:
                openers = list(
                    escaper_for(self.dialect, self.messages[segment.message].role).escaped_openers(segment.text)
                )
                if any(openers) and not all(openers):
                    text = "some special tokens in this text are escaped and some are not: it is read as it stands"
                    yield Problem(
                        "partly-escaped",
                        Severity.INFO,
                        segment.start,
                        segment.start + len(segment.text),
                        segment.message,
                        text,
                    )


def _as_option(token: str) -> str:
    """A bos or eos token that was read, as `render` takes it; one that is not known can only be the caller's."""
    return token if not token or token in BOS_AND_EOS else trusted(token)


def _options(
    dialect: Dialect, ending: Ending, messages: Sequence[Message], template_kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    options: dict[str, Any] = {}
    if ending == "generation_prompt" or (ending == "closed" and not dialect.closes_last and messages):
        options["add_generation_prompt"] = True
    elif ending == "open":
        options["continue_final_message"] = True
    if template_kwargs:
        options["template_kwargs"] = dict(template_kwargs)
    return options


def parse(
    text: str, *, dialect: str | Dialect = "chatml", template_kwargs: Mapping[str, Any] | None = None,
    strict: bool = True, unescape: bool = True,
) -> list[Message]:  # fmt: skip
    r"""Read the messages of a prompt; the inverse of `render`.

    With `unescape`, content that is wholly in escaped form is given back as it was; other text stays as it is. With
    `strict`, the first error raises `ParseError` with its place; without, every text is read as well as it can be.

    >>> parse("<|im_start|>user\nHello<|im_end|>\n")[0].content
    'Hello'
    """
    prompt = Prompt.from_text(text, dialect=dialect, template_kwargs=template_kwargs)
    if strict:
        prompt._raise_first_error()
    if not unescape:
        return list(prompt.messages)
    given = frozenset(read_template_kwargs(template_kwargs, prompt.dialect).values())
    return unescaped(prompt.messages, prompt.dialect, frozenset(filter(None, given | _tokens_of(prompt.options))))


def _tokens_of(options: Mapping[str, Any]) -> frozenset[str]:
    """The bos and eos tokens that replace those of the dialect."""
    return frozenset(filter(None, options.get("template_kwargs", {}).values()))


def unescaped(messages: Iterable[Message], dialect: Dialect, more: frozenset[str] = frozenset()) -> list[Message]:
    """Messages as they were before `render` escaped their content."""
    out = []
    for message in messages:
        content = message.content
        if isinstance(content, str) and MARKER in content:
            content = escaper_for(dialect, message.role, more).read(content)
            if content is not message.content:
                message = _with_content(message, content)
        out.append(message)
    return out


def _with_content(message: Message, content: str) -> Message:
    changed = object.__new__(Message)
    changed.__dict__.update(message.__dict__, content=content)
    return changed


def encode(
    messages: Iterable[MessageLike],
    *,
    encoding: str | tiktoken.Encoding | None = None,
    dialect: str | Dialect = "chatml",
    tools: Iterable[Mapping[str, Any]] | None = None,
    add_generation_prompt: bool = False,
    continue_final_message: bool = False,
    template_kwargs: Mapping[str, Any] | None = None,
    lossy: bool = False,
) -> list[int]:
    """Write messages as token ids. The keywords are those of `render`; nothing needs an escape here.

    `encoding` is a name or a `tiktoken.Encoding`, the dialect's by default. Raises `RenderError`, `ConfigError`, and
    `EncodingError` when a marker has no id in the encoding.

    >>> encode([{"role": "user", "content": "Hello"}], encoding="cl100k_im")
    [100264, 882, 198, 9906, 100265, 198]
    """
    prompt = Prompt.from_messages(
        messages, dialect=dialect, tools=tools, add_generation_prompt=add_generation_prompt,
        continue_final_message=continue_final_message, template_kwargs=template_kwargs, lossy=lossy,
    )  # fmt: skip
    return prompt.token_ids(encoding)


def decode(
    ids: Iterable[int], *, encoding: str | tiktoken.Encoding | None = None, dialect: str | Dialect = "chatml",
    template_kwargs: Mapping[str, Any] | None = None, strict: bool = True,
) -> list[Message]:  # fmt: skip
    """Read messages from token ids; the inverse of `encode`. Ids of text are text, whatever they spell.

    With `strict`, the first error raises `ParseError` with its place in the decoded text. An id that the encoding does
    not have raises `EncodingError`.
    """
    prompt = Prompt.from_ids(ids, encoding=encoding, dialect=dialect, template_kwargs=template_kwargs)
    if strict:
        prompt._raise_first_error()
    return list(prompt.messages)
