"""Counts as a provider bills them: messages are compiled in the model's wire, and the ids are counted.

Rules and statuses were fitted on recorded usage. `exact`: every recorded case agreed; `fitted`: most did; `estimate`:
the rule is not known, the number is near.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import StrEnum
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from chatml._errors import ConfigError, shown
from chatml._messages import Message, MessageLike, read_messages
from chatml._render import NOTHING, Compiled, Turn, compile_messages
from chatml._segments import SegmentKind
from chatml._tokens import Coder, coder_for, turn_ids, turn_runs
from chatml.dialects import Dialect, get_dialect
from chatml.models import ModelInfo, get_model

if TYPE_CHECKING:
    import tiktoken


class Status(StrEnum):
    """How far a count can be trusted. A total has the weakest status of its parts."""

    EXACT = "exact"
    FITTED = "fitted"
    ESTIMATE = "estimate"


_ORDER = (Status.EXACT, Status.FITTED, Status.ESTIMATE)
_BILLED_ROLES = frozenset({"system", "developer", "user", "assistant"})
_IMAGE_TOKENS = 765  # a 1024 x 1024 image on gpt-4o: 85 + 170 x 4 tiles; sizes are not looked at yet
_IMAGE_PARTS = frozenset({"image_url", "image", "input_image"})


class MessageCount(NamedTuple):
    r"""The tokens of one message. `header` is its role and name, `framing` its markers and the space between turns.

    Where header and content are one run of text ("user\n" and what follows), the header counts as if it stood alone.
    `source` is the index of the message that was given; None for what the dialect adds, such as a default system text.
    """

    source: int | None
    role: str
    name: str | None
    header: int
    content: int
    framing: int
    status: Status

    @property
    def total(self) -> int:
        """All tokens of the message."""
        return self.header + self.content + self.framing


class Part(NamedTuple):
    """The tokens of something that is no message: the reply priming, tools, tool calls, images."""

    name: str
    tokens: int
    status: Status


class Measure(NamedTuple):
    """What a request costs, in tokens.

    `total` is the sum of `messages` and `parts`. `window` is the model's context window, input and output together
    (None: not known), `remaining` what of it is left (negative: too long); `max_input` and `max_output` are its other
    limits, where it has them. `dialect` and `encoding` say what was counted.
    """

    total: int
    status: Status
    messages: tuple[MessageCount, ...]
    parts: tuple[Part, ...]
    model: str | None
    dialect: str
    encoding: str
    window: int | None
    max_input: int | None
    max_output: int | None

    @property
    def remaining(self) -> int | None:
        """Tokens left in the window."""
        return None if self.window is None else self.window - self.total


class _Target(NamedTuple):
    """What is counted: a model's wire as it is billed, or a prompt in a dialect that the caller sends as it is."""

    dialect: Dialect
    encoding: str | tiktoken.Encoding
    status: Status
    model: ModelInfo | None
    billed: bool


def count(
    messages: Iterable[MessageLike],
    *,
    model: str | None = None,
    dialect: str | Dialect | None = None,
    encoding: str | tiktoken.Encoding | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
    api: Literal["chat", "responses"] = "chat",
    add_generation_prompt: bool = True,
    lossy: bool = False,
) -> int:
    """Count the tokens of a request as the provider bills them, the reply priming included.

    `model` chooses wire and encoding. With `dialect` it is the length of `encode(..., add_generation_prompt=True)` for
    a prompt that you send yourself: what the dialect cannot hold raises `RenderError`, or is left out when `lossy`.
    `encoding` overrides that of the model or dialect. `add_generation_prompt=False` leaves out the reply priming.
    `measure` gives the same number with its parts and says how far it can be trusted. Raises `UnknownModelError`,
    `RenderError`, `EncodingError` and `ConfigError`.
    """
    _check_request(tools, functions, tool_choice, response_format, api)
    given = read_messages(messages)
    target = _target(model, dialect, encoding)
    if functions or tool_choice or response_format or (target.billed and (tools or not _all_plain(given))):
        return measure(
            given, model=model, dialect=dialect, encoding=encoding, tools=tools, functions=functions,
            tool_choice=tool_choice, response_format=response_format, api=api,
            add_generation_prompt=add_generation_prompt,
        ).total  # fmt: skip
    compiled = _compiled(given, target, tools, add_generation_prompt, lossy)
    return len(turn_ids(compiled.turns, coder_for(target.encoding)))


def measure(
    messages: Iterable[MessageLike],
    *,
    model: str | None = None,
    dialect: str | Dialect | None = None,
    encoding: str | tiktoken.Encoding | None = None,
    tools: Sequence[Mapping[str, Any]] | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    response_format: Mapping[str, Any] | None = None,
    api: Literal["chat", "responses"] = "chat",
    add_generation_prompt: bool = True,
    lossy: bool = False,
) -> Measure:
    """Count a request per message and part; the keywords are those of `count`.

    Tools, tool calls, JSON schemas, images and other parts that are no text are estimates here.
    """
    _check_request(tools, functions, tool_choice, response_format, api)
    target = _target(model, dialect, encoding)
    if not target.billed and (functions or tool_choice or response_format):
        problem = "functions, tool_choice and response_format are counted for a model, not for a dialect"
        raise ConfigError(problem, option="dialect", hint="leave out dialect, or what the dialect cannot hold")
    given = read_messages(messages)
    coder = coder_for(target.encoding)
    compiled = _compiled(given, target, tools, add_generation_prompt, lossy)
    totals = _totals(compiled, coder)
    counts = _message_counts(compiled, totals, coder, target, api)
    priming = _priming(compiled, coder)
    loose = (("reply priming", priming), ("bos and eos", totals.get(None, 0) - priming))
    parts = [Part(name, tokens, target.status) for name, tokens in loose if tokens]
    if target.billed:
        parts += _estimates(given, coder, (tools, functions, tool_choice, response_format))
    return Measure(
        total=sum(one.total for one in counts) + sum(part.tokens for part in parts),
        status=_weakest(target.status, *(one.status for one in counts), *(part.status for part in parts)),
        messages=counts,
        parts=tuple(part for part in parts if part.tokens or part.status is not Status.EXACT),
        model=model,
        dialect=target.dialect.name,
        encoding=coder.encoding.name,
        window=target.model.context_window if target.model else None,
        max_input=target.model.max_input if target.model else None,
        max_output=target.model.max_output if target.model else None,
    )


def _check_request(tools: object, functions: object, tool_choice: object, response_format: object, api: object) -> None:
    if api not in ("chat", "responses"):
        raise ConfigError(f"found {shown(api)}, expected 'chat' or 'responses'", option="api")
    for option, value in (("tools", tools), ("functions", functions)):
        if value is None:
            continue
        if not isinstance(value, Sequence) or not all(isinstance(one, Mapping) for one in value):
            raise ConfigError(f"found {type(value).__name__}, expected a list of mappings", option=option)
    if tool_choice is not None and not isinstance(tool_choice, (str, Mapping)):
        raise ConfigError(f"found {type(tool_choice).__name__}, expected a string or a mapping", option="tool_choice")
    if response_format is not None and not isinstance(response_format, Mapping):
        raise ConfigError(f"found {type(response_format).__name__}, expected a mapping", option="response_format")


def _target(model: str | None, dialect: str | Dialect | None, encoding: str | tiktoken.Encoding | None) -> _Target:
    if model is None and dialect is None:
        raise ConfigError(
            "neither a model nor a dialect is given", option="model", hint="pass model='gpt-4o' or dialect='chatml'"
        )
    info = None if model is None else get_model(model)
    if dialect is None and info is not None:
        status = Status(info.status) if _name(encoding) in (None, info.encoding) else Status.ESTIMATE
        return _Target(get_dialect(info.dialect), encoding or info.encoding, status, info, billed=True)
    found = get_dialect(dialect or "chatml")
    # our own text: exact, unless it is counted with the stand-in for a vocabulary that is not embedded
    stand_in = not found.own_vocabulary and (encoding is None or _name(encoding) == found.encoding)
    status = Status.ESTIMATE if stand_in else Status.EXACT
    return _Target(found, encoding or (info.encoding if info else found.encoding), status, info, billed=False)


def _name(encoding: str | tiktoken.Encoding | None) -> str | None:
    return encoding if encoding is None or isinstance(encoding, str) else str(getattr(encoding, "name", ""))


def _compiled(messages: Iterable[Message], target: _Target, tools: Any, prompt: bool, lossy: bool) -> Compiled:
    """The turns of a request: for a bill those that are billed as turns, what has another form counts elsewhere."""
    if not target.billed:
        return compile_messages(
            messages, dialect=target.dialect, tools=tools, add_generation_prompt=prompt, lossy=lossy
        )
    turns = [(index, _billed(message)) for index, message in enumerate(messages) if has_turn(message)]
    billed = [message for _, message in turns]
    compiled = compile_messages(billed, dialect=target.dialect, add_generation_prompt=prompt, lossy=True)
    if len(turns) == len(compiled.sources):
        return compiled._replace(sources=tuple(index for index, _ in turns))
    return compiled._replace(sources=tuple(None if one is None else turns[one][0] for one in compiled.sources))


def _weakest(*statuses: Status) -> Status:
    return max(statuses, key=_ORDER.index)


def _all_plain(messages: Iterable[Message]) -> bool:
    return all(
        not (message.tool_calls or message.refusal or message.reasoning or message.role in ("tool", "function"))
        and type(message.content) is str
        for message in messages
    )


def has_turn(message: Message) -> bool:
    """Whether a message is billed as a turn of its own: results and bare calls are parts of a call."""
    return message.role not in ("tool", "function") and not (message.tool_calls and not message.text)


def _billed(message: Message) -> Message:
    """A message as its text is billed: a refusal counts as its text, what is no text counts elsewhere."""
    if len(message.__dict__) == 3:  # role, content, extra: see plain_message
        return message
    text = message.text + (message.refusal or "")
    return replace(message, content=text, refusal=None, tool_calls=(), reasoning="")


def _totals(compiled: Compiled, coder: Coder) -> dict[int | None, int]:
    """The tokens of each message; of None those that belong to no message: bos, eos, and what asks for the reply."""
    totals: dict[int | None, int] = {}
    for run, owner in zip(*turn_runs(compiled.turns, coder), strict=True):
        totals[owner] = totals.get(owner, 0) + len(run)
    return totals


def _message_counts(
    compiled: Compiled, totals: Mapping[int | None, int], coder: Coder, target: _Target, api: str
) -> tuple[MessageCount, ...]:
    out = []
    for turn, following in zip_longest(compiled.turns, compiled.turns[1:]):
        index = turn[3]
        if index is not None:
            message = compiled.messages[index]
            header, framing = _frame_tokens(turn, following, coder)
            status = _message_status(message, target, api)
            content = totals[index] - header - framing
            source = compiled.sources[index]
            out.append(MessageCount(source, message.role, message.name, header, content, framing, status))
    return tuple(out)


def _priming(compiled: Compiled, coder: Coder) -> int:
    """The tokens of a generation prompt that is a turn of its own: the last run or two of the prompt."""
    head, _, _, message, _ = compiled.turns[-1] if compiled.turns else (NOTHING, "", NOTHING, None, None)
    if compiled.ending != "generation_prompt" or message is not None:
        return 0
    opening = coder.fixed(head)
    return len(opening.ids) + len(coder.text(opening.after))


def _frame_tokens(turn: Turn, following: Turn | None, coder: Coder) -> tuple[int, int]:
    """The tokens of a turn's header text, and of its markers and white space.

    White space behind the end marker is one run with what follows it where that has no marker, and is counted there.
    """
    head, _, tail, _, _ = turn
    opening, closing = coder.fixed(head), coder.fixed(tail)
    markers = sum(special for _, _, special in head.parts)
    header = len(opening.ids) - markers + len(coder.text(opening.after))
    runs_on = following is not None and not coder.fixed(following[0]).ids
    return header, markers + len(closing.ids) + (0 if runs_on else len(coder.text(closing.after)))


def _message_status(message: Message, target: _Target, api: str) -> Status:
    if not target.billed:
        return target.status
    doubts = [Status.EXACT]
    if message.role not in _BILLED_ROLES:
        doubts.append(Status.ESTIMATE)
    harmony = bool(target.dialect.assistant_channel)
    if api != "chat" or "<think>" in message.text or (harmony and (message.role == "assistant" or message.name)):
        doubts.append(Status.FITTED)
    return _weakest(target.status, *doubts)


def _estimates(messages: Iterable[Message], coder: Coder, request: tuple[Any, Any, Any, Any]) -> list[Part]:
    """What is not counted by a rule yet: the numbers are near, and say so."""
    tools, functions, tool_choice, response_format = request

    def estimate(name: str, tokens: int) -> Part:
        return Part(name, tokens, Status.ESTIMATE)

    parts = [estimate("tools", len(coder.text(_compact(given)))) for given in (tools, functions) if given]
    if tool_choice and tool_choice not in ("auto", "required"):
        parts.append(estimate("tool_choice", 7))
    if response_format and response_format.get("type") == "json_schema":
        parts.append(estimate("response_format", len(coder.text(_compact(response_format)))))
    calls = 0
    images = others = reasoning = 0
    for message in messages:
        # one call and its result: 12 + name + "functions." + name + arguments + result, on gpt-3.5 to gpt-4.1
        for call in message.tool_calls:
            arguments = call.arguments if isinstance(call.arguments, str) else _compact(call.arguments)
            calls += (
                12 + len(coder.text(call.name)) + len(coder.text("functions." + call.name)) + len(coder.text(arguments))
            )
        if message.role in ("tool", "function"):
            calls += len(coder.text(message.text))
        if not isinstance(message.content, str):
            images += sum(part.type in _IMAGE_PARTS for part in message.content)
            others += sum(part.type not in _IMAGE_PARTS and not part.text for part in message.content)
        others += "audio" in message.extra
        reasoning += bool(message.reasoning)
    if calls:
        parts.append(estimate("tool calls", calls))
    if images:
        parts.append(estimate("images", images * _IMAGE_TOKENS))
    if others:
        parts.append(estimate("audio and files", 0))
    if reasoning:
        parts.append(Part("reasoning", 0, Status.FITTED))  # that of earlier turns is not billed, as far as is known
    return parts


def _compact(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    except (ValueError, RecursionError, TypeError) as error:
        raise ConfigError(f"found {type(value).__name__} that is not JSON: {error}", option="tools") from None


def adds_up(dialect: Dialect, encoding: str | tiktoken.Encoding) -> bool:
    """Whether a count is a constant plus the costs of the messages, so that a message need be encoded only once.

    It is when every turn begins with a marker that has an id, and what stands behind a turn's last marker is fixed: no
    token of text follows the last turn, and no header waits for the reply.
    """
    coder = coder_for(encoding)
    ids = [coder.marker(token, SegmentKind.EOS) for token in (dialect.start, dialect.end)]
    eos_has_id = not dialect.eos or coder.marker(dialect.eos, SegmentKind.EOS) is not None
    return None not in ids and eos_has_id and not dialect.reply_header
