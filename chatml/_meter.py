"""What a request costs, message by message: the one place where counts are made.

A count is a constant plus the costs of the messages, so that a message need be encoded only once. `Meter` holds what is
the same for all messages of a request; `count`, `measure` and budgets ask it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, Literal

from chatml._billing import Cost, Extras, Link, Request, billing_for, call_cost, links
from chatml._errors import CountError, RenderError, shown
from chatml._measure import EXACT, FITTED, Evidence, MessageCount, Part, Status, joined, weakest
from chatml._messages import Message
from chatml._render import NOTHING, Compiled, Turn, compile_messages
from chatml._segments import SegmentKind
from chatml._target import Target, check_request, target_of
from chatml._tokens import Coder, coder_for, turn_ids, turn_runs
from chatml.dialects import Dialect
from chatml.models import ModelInfo

if TYPE_CHECKING:
    import tiktoken

_BILLED_ROLES = frozenset({"system", "developer", "user", "assistant"})
_LEADING = ("system", "developer")
_RESULTS = ("tool", "function")
_PATCHES_ON_CHAT = 1  # tokens beside an image in patches, as Chat Completions bills it


class Meter:
    """Token costs of a request, message by message: `base(messages) + sum(costs(messages))` is what `count` gives.

    `costs` and `base` are asked for slices of a conversation: a slice holds whole groups, a message that makes calls
    and the results that answer them; the cost of a message depends on nothing else. `first` is the index that the
    first message of the slice has, for errors. Where `adds_up` is False, only `total` is right.
    """

    def __init__(
        self, target: Target, request: Request, *, api: Literal["chat", "responses"] = "chat",
        add_generation_prompt: bool = True, lossy: bool = False, allow_estimate: bool = False,
    ) -> None:  # fmt: skip
        check_request(request, api, target.billed)
        self.target = target
        self.api = api
        self.coder = coder_for(target.encoding)
        self._prompt = add_generation_prompt
        self._lossy = lossy
        self._tools = request.tools
        self._allow = allow_estimate
        self._billing = billing_for(target.dialect.name, api)
        self._recorded = target.dialect.name != "openai-0301"
        name = target.model.base if target.model else ""
        self._extras = Extras(request if target.billed else Request(), self._billing, self.coder, name)
        self._check_others()

    def _check_others(self) -> None:
        for tool in self._extras.others:
            if not self._allow:
                problem = f"found a tool of type {shown(tool.get('type'))}, and no rule is known for what it costs"
                hint = "pass allow_estimate=True to count it as 0 and have an estimate"
                raise CountError(problem, field="tools", hint=hint)

    @property
    def model(self) -> ModelInfo | None:
        """The row of the model table, where a model was given."""
        return self.target.model

    @property
    def adds_up(self) -> bool:
        """Whether a request is its base and the costs of its messages, wherever they stand.

        It is not in dialects that write the first or the last message in a way of its own.
        """
        dialect = self.target.dialect
        like_the_first = not (dialect.needs_turn or dialect.trims_leading_system)
        like_the_last = dialect.closes_last and dialect.separator_after_last and dialect.prompts_after_assistant
        anywhere = self.target.billed or (like_the_first and like_the_last)
        return anywhere and adds_up(dialect, self.target.encoding)

    def text(self, text: str) -> int:
        """The tokens of a text that stands alone."""
        return len(self.coder.text(text))

    def total(self, messages: Sequence[Message]) -> int:
        """The tokens of the whole request."""
        if self.target.billed and (self._extras.parts or self._extras.others or not _all_plain(messages)):
            return self.base(messages) + sum(self.costs(messages))
        return len(turn_ids(self.compiled(messages).turns, self.coder))

    def costs(self, messages: Sequence[Message], first: int = 0) -> list[int]:
        """The tokens of each message."""
        if not self.target.billed or _all_plain(messages):
            return self._turn_costs(messages, first)
        return [count.total for count in self.counts(messages, first)]

    def _turn_costs(self, messages: Sequence[Message], first: int) -> list[int]:
        costs = [0] * len(messages)
        compiled = self.compiled(messages, first, prompt=False)
        for run, owner in zip(*turn_runs(compiled.turns, self.coder), strict=True):
            source = None if owner is None else compiled.sources[owner]
            if source is not None:
                costs[source] += len(run)
        if self._extras.per_reply:
            for index, message in enumerate(messages):
                costs[index] += self._extras.per_reply if message.role == "assistant" else 0
        return costs

    def base(self, messages: Sequence[Message]) -> int:
        """The tokens that belong to no message: priming, tools, schema, and how these join the system message."""
        if self.target.billed:
            return sum(part.tokens for part in self.parts(messages))
        first = messages[:1]
        return len(turn_ids(self.compiled(first).turns, self.coder)) - sum(self._turn_costs(first, 0))

    def compiled(self, messages: Sequence[Message], first: int = 0, *, prompt: bool | None = None) -> Compiled:
        """The turns of a request: for a bill those that are billed as turns, what has another form counts elsewhere."""
        prompt = self._prompt if prompt is None else prompt
        dialect = self.target.dialect
        try:
            if not self.target.billed:
                return compile_messages(
                    messages, dialect=dialect, tools=self._tools, add_generation_prompt=prompt, lossy=self._lossy
                )
            turns = [(index, _billed(message)) for index, message in enumerate(messages) if has_turn(message)]
            billed = [message for _, message in turns]
            compiled = compile_messages(billed, dialect=dialect, add_generation_prompt=prompt, lossy=True)
        except RenderError as error:
            error.message = None if error.message is None else error.message + first
            raise
        if len(turns) == len(messages):
            return compiled
        return compiled._replace(sources=tuple(None if one is None else turns[one][0] for one in compiled.sources))

    # What `measure` says

    def report(self, messages: Sequence[Message]) -> tuple[tuple[MessageCount, ...], list[Part]]:
        """The tokens of each message and part."""
        if self.target.billed:
            return self.counts(messages), self.parts(messages)
        compiled = self.compiled(messages)  # in one piece: here a message may depend on its neighbours
        totals = totals_of(compiled, self.coder)
        parts = self._loose_parts(totals.get(None, 0), _priming(compiled, self.coder))
        return tuple(self._turn_counts(compiled, totals)), parts

    def _loose_parts(self, tokens: int, priming: int) -> list[Part]:
        named = (("reply priming", priming), ("bos and eos", tokens - priming))
        return [Part(name, number, self.target.status) for name, number in named if number]

    def parts(self, messages: Sequence[Message]) -> list[Part]:
        """What belongs to no message. Of `messages` only the first system or developer message counts."""
        empty = self.compiled(())
        loose = totals_of(empty, self.coder).get(None, 0)
        parts = [*self._loose_parts(loose, _priming(empty, self.coder)), *self._extras.parts]
        parts += [self._joint(messages)] if self._extras.text else []
        parts += [Part("built-in tools", 0, Status.ESTIMATE)] if self._extras.others else []
        return parts

    def _joint(self, messages: Sequence[Message]) -> Part:
        """What joining the text of tools and schema to the first system message adds, or its own system message."""
        leading = next((message for message in messages if message.role in _LEADING), None)
        text, encode = self._extras.text, self.coder.text
        if leading is None:
            tokens = len(self._frame_of_a_system_message())
        else:
            content = _billed(leading).text
            tokens = len(encode(f"{content}\n\n{text}")) - len(encode(content)) - len(encode(text))
        return Part("tools in a system message", tokens, *joined(*(part_evidence(part) for part in self._extras.parts)))

    def _frame_of_a_system_message(self) -> list[int]:
        compiled = compile_messages([Message("system")], dialect=self.target.dialect)
        return turn_ids(compiled.turns, self.coder)

    def counts(self, messages: Sequence[Message], first: int = 0) -> tuple[MessageCount, ...]:
        """The tokens of each message in detail, what the dialect adds included."""
        compiled = self.compiled(messages, first)
        turns = self._turn_counts(compiled, totals_of(compiled, self.coder))
        if not self.target.billed or _all_plain(messages):
            return self._with_replies(turns)
        by_source = {count.source: count for count in turns if count.source is not None}
        added = [count for count in turns if count.source is None]
        found = links(messages)
        return self._with_replies(
            [*added, *(self._whole(index, messages[index], link, by_source.get(index), first)
                       for index, link in enumerate(found))]
        )  # fmt: skip

    def _whole(
        self, index: int, message: Message, link: Link | None, turn: MessageCount | None, first: int
    ) -> MessageCount:
        """The tokens of a message with its calls, or as a result, and with its images."""
        if turn is None:
            turn = MessageCount(index, message.role, message.name, 0, 0, 0, self.target.status)
        is_cost = bool(message.tool_calls) or message.role in _RESULTS
        cost = call_cost(message, link, self._billing, self.coder, sure=self._recorded) if is_cost else Cost()
        media, seen = self._media(message, first + index) if has_media(message) else (0, EXACT)
        evidence = joined(Evidence(turn.status, turn.share, turn.bound), cost.evidence, seen)
        return turn._replace(
            header=turn.header + cost.header, content=turn.content + cost.content,
            framing=turn.framing + cost.framing, tool_calls=cost.tool_calls, media=media,
            status=evidence.status, share=evidence.share, bound=evidence.bound,
        )  # fmt: skip

    def _media(self, message: Message, index: int) -> tuple[int, Evidence]:
        from chatml._media import media_cost  # a short count of text should not load the rules for images

        extra = _PATCHES_ON_CHAT if self.api == "chat" else 0
        return media_cost(message, index=index, model=self.target.model, extra=extra, allow_estimate=self._allow)

    def _with_replies(self, counts: Sequence[MessageCount]) -> tuple[MessageCount, ...]:
        more = self._extras.per_reply
        if not more:
            return tuple(counts)
        return tuple(one._replace(header=one.header + more) if one.role == "assistant" else one for one in counts)

    def _turn_counts(self, compiled: Compiled, totals: Mapping[int | None, int]) -> list[MessageCount]:
        out = []
        for turn, following in zip_longest(compiled.turns, compiled.turns[1:]):
            index = turn[3]
            if index is not None:
                message = compiled.messages[index]
                header, framing = _frame_tokens(turn, following, self.coder)
                content = totals[index] - header - framing
                evidence = self.evidence(message)
                out.append(
                    MessageCount(
                        compiled.sources[index], message.role, message.name, header, content, framing,
                        evidence.status, 0, 0, evidence.share, evidence.bound,
                    )
                )  # fmt: skip
        return out

    def _alone(self, message: Message) -> MessageCount:
        compiled = self.compiled([message])
        return self._turn_counts(compiled, totals_of(compiled, self.coder))[0]

    def evidence(self, message: Message) -> Evidence:
        """How far the count of a message's turn can be trusted."""
        status = self.target.status
        if not self.target.billed:
            return Evidence(status)
        doubts = [Evidence(status)]
        if message.role not in _BILLED_ROLES:
            doubts.append(Evidence(Status.ESTIMATE))
        harmony = bool(self.target.dialect.assistant_channel)
        if self.api != "chat" or (harmony and (message.role == "assistant" or message.name)):
            doubts.append(FITTED)
        if message.reasoning or "<think>" in message.text:
            doubts.append(FITTED)  # that of earlier turns is not billed, as far as is known
        return joined(*doubts)

    def status(self, messages: Sequence[Message]) -> Status:
        """The weakest status of all messages and parts; nothing is encoded but short texts."""
        if not self.target.billed:
            return self.target.status
        found = {self.target.status, *(part.status for part in self._extras.parts)}
        found |= {Status.ESTIMATE} if self._extras.others else set()
        if self.api != "chat" and messages:
            found.add(Status.FITTED)
        for message, link in zip(messages, links(messages), strict=True):
            if Status.ESTIMATE in found:
                break
            if is_plain(message):
                if message.role not in ("system", "user") or "<think>" in message.content:
                    found.add(self.evidence(message).status)
            else:
                turn = None if not has_turn(message) else self._alone(message)
                found.add(self._whole(0, message, link, turn, 0).status)
        return weakest(found)


def meter_for(
    *, model: str | ModelInfo | None = None, dialect: str | Dialect | None = None,
    encoding: str | tiktoken.Encoding | None = None, tools: Sequence[Mapping[str, Any]] | None = None,
    functions: Sequence[Mapping[str, Any]] | None = None, tool_choice: str | Mapping[str, Any] | None = None,
    response_format: Mapping[str, Any] | None = None, api: Literal["chat", "responses"] = "chat",
    add_generation_prompt: bool = True, lossy: bool = False, allow_estimate: bool = False,
) -> Meter:  # fmt: skip
    """The meter of a request; the keywords are those of `count`."""
    return Meter(
        target_of(model, dialect, encoding), Request(tools, functions, tool_choice, response_format), api=api,
        add_generation_prompt=add_generation_prompt, lossy=lossy, allow_estimate=allow_estimate,
    )  # fmt: skip


def part_evidence(part: Part) -> Evidence:
    """The evidence of a part."""
    return Evidence(part.status, part.share, part.bound)


def is_plain(message: Message) -> bool:
    """Whether a message is a turn of text and nothing else."""
    if len(message.__dict__) == 3:  # role, content, extra: see plain_message
        return message.role not in _RESULTS
    return not (
        message.tool_calls or message.refusal or message.reasoning or message.role in _RESULTS or has_media(message)
    )


def _all_plain(messages: Iterable[Message]) -> bool:
    return all(map(is_plain, messages))


def has_media(message: Message) -> bool:
    """Whether a message has anything that is no text."""
    return not isinstance(message.content, str) or "audio" in message.extra


def has_turn(message: Message) -> bool:
    """Whether a message is billed as a turn of its own: results and bare calls are parts of a call."""
    return message.role not in _RESULTS and not (message.tool_calls and not message.text)


def _billed(message: Message) -> Message:
    """A message as its text is billed: a refusal counts as its text, what is no text counts elsewhere."""
    if len(message.__dict__) == 3:
        return message
    text = message.text + (message.refusal or "")
    return replace(message, content=text, refusal=None, tool_calls=(), reasoning="")


def totals_of(compiled: Compiled, coder: Coder) -> dict[int | None, int]:
    """The tokens of each message; of None those that belong to no message: bos, eos, and what asks for the reply."""
    totals: dict[int | None, int] = {}
    for run, owner in zip(*turn_runs(compiled.turns, coder), strict=True):
        totals[owner] = totals.get(owner, 0) + len(run)
    return totals


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


def adds_up(dialect: Dialect, encoding: str | tiktoken.Encoding) -> bool:
    """Whether a count is a constant plus the costs of the messages, so that a message need be encoded only once.

    It is when every turn begins with a marker that has an id, and what stands behind a turn's last marker is fixed: no
    token of text follows the last turn, and no header waits for the reply.
    """
    coder = coder_for(encoding)
    ids = [coder.marker(token, SegmentKind.EOS) for token in (dialect.start, dialect.end)]
    eos_has_id = not dialect.eos or coder.marker(dialect.eos, SegmentKind.EOS) is not None
    return None not in ids and eos_has_id and not dialect.reply_header
