"""Messages to a prompt: what a dialect can hold is laid out as turns; text, segments and ids are folds over those.

A turn is `(head, content, tail, message, role)`. Heads and tails are made once per dialect and role and shared, so that
a long conversation costs one small tuple a message; segments are made from them when somebody asks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any, Literal, NamedTuple, TypeAlias

from chatml._errors import ConfigError, RenderError, shown
from chatml._escape import Escaper, escaper_for
from chatml._findings import Finding, check_trusted, literal_findings, rejection
from chatml._messages import Message, MessageLike, read_messages
from chatml._policies import Policy, Untrusted, policy_for, read_policies
from chatml._segments import Segment, SegmentKind
from chatml._special import BOS_AND_EOS
from chatml._strip import strip
from chatml._trusted import Trusted
from chatml.dialects import Dialect, get_dialect, split_channel, token_problem

Ending: TypeAlias = Literal["closed", "generation_prompt", "open"]


class Pieces(NamedTuple):
    """A fixed part of the frame: its text, and the same as `(kind, text, special)`."""

    text: str
    parts: tuple[tuple[SegmentKind, str, bool], ...]


NOTHING = Pieces("", ())
Turn: TypeAlias = tuple[Pieces, str, Pieces, int | None, str | None]


class Dropped(NamedTuple):
    """Something of the messages that the prompt does not hold: index of the message (None: of all), field, and why.

    Where a name is written instead of the role (`openai-0301`), the role is what is dropped: the message keeps both.
    """

    message: int | None
    field: str
    reason: str


class Compiled(NamedTuple):
    """Messages laid out for a dialect. `messages` is what the turns hold, what the dialect adds included.

    `sources` has for each of them the index of the message that was given, None for what the dialect adds; `unknown`
    the fields of given messages that no form knows, `(index, path)`.
    """

    dialect: Dialect
    turns: list[Turn]
    messages: tuple[Message, ...]
    sources: tuple[int | None, ...]
    dropped: tuple[Dropped, ...]
    ending: Ending
    template_kwargs: Mapping[str, Any]
    unknown: tuple[tuple[int, str], ...] = ()

    @property
    def tokens(self) -> frozenset[str]:
        """The bos and eos tokens that replace those of the dialect."""
        return frozenset(filter(None, self.template_kwargs.values()))


class Frame:
    """The fixed parts of one dialect. Writing them is here, reading them in `_parse`."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        end = [(SegmentKind.END, dialect.end, True)]
        suffix = [(SegmentKind.SEPARATOR, dialect.content_end, False)] if dialect.content_end else []
        separator = [(SegmentKind.SEPARATOR, dialect.separator, False)] if dialect.separator else []
        self.tail = _pieces(suffix + end + separator)
        self.last_tail = self.tail if dialect.separator_after_last else _pieces(suffix + end)
        self._heads: dict[tuple[str, str | None], Pieces] = {}
        full = dialect.prompt_has_header_end
        self.generation_prompt = _pieces(self._opening("assistant", None) + (self._header_end() if full else []))
        self.reply_tail = _pieces([*self.tail.parts, *self.head("assistant").parts])

    def head(self, role: str, name: str | None = None) -> Pieces:
        """The header of a turn."""
        key = (role, name)
        found = self._heads.get(key)
        if found is None:
            channel = split_channel(self.dialect.assistant_channel) if role == "assistant" else ()
            middle = [(SegmentKind.CHANNEL, text, special) for text, special in channel]
            found = _pieces(self._opening(role, name) + middle + self._header_end())
            if name is None and len(self._heads) < 256:  # names and custom roles may be many
                self._heads[key] = found
        return found

    def _opening(self, role: str, name: str | None) -> list[tuple[SegmentKind, str, bool]]:
        parts = [(SegmentKind.START, self.dialect.start, True), (SegmentKind.ROLE, role, False)]
        if name is not None and self.dialect.named_header is not None:
            before, _, after = self.dialect.named_header.rpartition("{role}")
            parts = parts[: 2 if "{role}" in self.dialect.named_header else 1]
            parts.append((SegmentKind.NAME, before + after.replace("{name}", name), False))
        return parts

    def _header_end(self) -> list[tuple[SegmentKind, str, bool]]:
        return [(SegmentKind.HEADER_END, self.dialect.header_end, bool(self.dialect.header_end.strip()))]


def _pieces(parts: Iterable[tuple[SegmentKind, str, bool]]) -> Pieces:
    fixed = tuple(parts)
    return Pieces("".join(text for _, text, _ in fixed), fixed)


@lru_cache(maxsize=256)
def frame_of(dialect: Dialect) -> Frame:
    """The fixed parts of `dialect`, made once."""
    return Frame(dialect)


def compile_messages(
    messages: Iterable[MessageLike],
    *,
    dialect: str | Dialect = "chatml",
    tools: Iterable[Mapping[str, Any]] | None = None,
    add_generation_prompt: bool = False,
    continue_final_message: bool = False,
    template_kwargs: Mapping[str, Any] | None = None,
    lossy: bool = False,
) -> Compiled:
    """Lay out messages in a dialect. What it cannot hold raises `RenderError`, or is dropped when `lossy`."""
    dialect = get_dialect(dialect)
    options = read_template_kwargs(template_kwargs, dialect)
    given = read_messages(messages)
    dropped: list[Dropped] = []
    losses = _Losses(lossy, dropped)
    kept = list(_expressed(given, dialect, losses))
    if tools:
        losses.lose(None, "tools", f"dialect {dialect.name} has no form for tools")
    if continue_final_message:
        _check_continuation(given, kept, add_generation_prompt)
    left_open = continue_final_message or not (dialect.closes_last or add_generation_prompt)
    if left_open and kept and kept[-1][1].role == "assistant" and not kept[-1][1].content:
        if kept[-1][1].name is not None:
            losses.lose(len(given) - 1, "name", "an open, empty reply is the generation prompt, which has no name")
        del kept[-1]  # an open, empty assistant turn is the generation prompt
        left_open, add_generation_prompt = False, True
        if not dialect.prompts_after_assistant and kept and kept[-1][1].role == "assistant":
            reason = f"dialect {dialect.name} cannot ask for a reply behind an assistant message"
            losses.lose(len(given) - 1, "content", reason)
    if dialect.needs_turn and not any(index or message.role != "system" for index, message in kept):
        if kept or add_generation_prompt:
            reason = f"dialect {dialect.name} writes nothing until there is a message besides a leading system message"
            losses.lose(None, "messages", reason)
        return Compiled(dialect, [], (), (), tuple(dropped), "closed", options)
    result = [message for _, message in kept]
    sources: list[int | None] = [index for index, _ in kept]
    if dialect.default_system is not None and (not given or given[0].role != "system"):
        result.insert(0, Message("system", dialect.default_system))
        sources.insert(0, None)
    ending = _ending(result, dialect, add_generation_prompt, left_open)
    turns = _lay_out(result, dialect, ending)
    _check_trusted(turns, sources, dialect, frozenset(filter(None, options.values())))
    _add_bos_and_eos(turns, result, dialect, options, ending)
    unknown = tuple((index, path) for index, message in enumerate(given) for path in _unknown(message))
    return Compiled(dialect, turns, tuple(result), tuple(sources), tuple(dropped), ending, options, unknown)


def _unknown(message: Message) -> Iterable[str]:
    """The unknown fields of a message; nearly all have nothing but role and text."""
    plain = not message.extra and not message.tool_calls and type(message.content) is str
    return () if plain else message.unknown_fields()


def read_template_kwargs(template_kwargs: Mapping[str, Any] | None, dialect: Dialect) -> Mapping[str, Any]:
    """The template variables that `dialect` uses, checked: `bos_token` and `eos_token`. Others are ignored."""
    if template_kwargs is None:
        return {}
    if not isinstance(template_kwargs, Mapping):
        raise ConfigError(f"found {type(template_kwargs).__name__}, expected a mapping", option="template_kwargs")
    used = {}
    for key, default in (("bos_token", dialect.bos), ("eos_token", dialect.eos)):
        value = template_kwargs.get(key)
        if default and value is not None and value != default:
            problem = token_problem(value, dialect.markers)
            if problem:
                raise ConfigError(f"found {shown(value)}, {problem}", option=f"template_kwargs[{key!r}]")
            if value and value not in BOS_AND_EOS and type(value) is not Trusted:  # template variables may be others'
                raise ConfigError(
                    f"found {shown(value)}, expected a token that models begin or end a prompt with",
                    option=f"template_kwargs[{key!r}]", hint="mark it with trusted() if it is one of yours",
                )  # fmt: skip
            used[key] = value
    return used


class _Losses:
    """Either the first loss is an error, or losses are listed."""

    def __init__(self, lossy: bool, dropped: list[Dropped]) -> None:
        self.lossy = lossy
        self.dropped = dropped

    def lose(self, message: int | None, field: str, reason: str) -> None:
        if not self.lossy:
            raise RenderError(
                reason, message=message, field=field, hint="pass lossy=True to drop it, or choose another dialect"
            )
        self.dropped.append(Dropped(message, field, reason))


def _expressed(given: tuple[Message, ...], dialect: Dialect, losses: _Losses) -> Iterator[tuple[int, Message]]:
    """The messages that the dialect can hold, with their indexes, reduced to what it can hold of them."""
    roles, names, first_only, reply_header = (
        dialect.roles,
        dialect.named_header,
        dialect.system_first_only,
        dialect.reply_header,
    )
    previous = ""
    for index, message in enumerate(given):
        role = message.role
        if roles is not None and role not in roles:
            losses.lose(index, "role", f"dialect {dialect.name} cannot write role {role!r}, only {', '.join(roles)}")
            continue
        if first_only and role == "system" and index:
            losses.lose(index, "role", f"dialect {dialect.name} can only write a system message that comes first")
            continue
        if reply_header and role == "assistant" and previous != "user":
            losses.lose(
                index, "role", f"dialect {dialect.name} writes the header of an assistant only behind a user message"
            )
        if (
            message.name is not None
            or message.tool_calls
            or message.reasoning
            or message.refusal
            or type(message.content) is not str
        ):
            message = _reduced(message, index, dialect, names, losses)
        if dialect.trims_leading_system and not index and role == "system" and message.text != message.text.strip():
            losses.lose(
                index, "content", f"dialect {dialect.name} takes off white space around the first system message"
            )
            message = replace(message, content=message.text.strip())
        previous = role
        yield index, message


def _reduced(message: Message, index: int, dialect: Dialect, names: str | None, losses: _Losses) -> Message:
    """What is left of a message that has more than role and text."""
    changes: dict[str, Any] = {}
    if message.name is not None:
        if message.role == "tool" or names is None:  # a tool message's name is a reference, not part of the prompt
            changes["name"] = None
        if message.role != "tool" and (names is None or "{role}" not in names):
            what = (
                "has no form for names"
                if names is None
                else "writes a name instead of the role, so that the role cannot be read back"
            )
            losses.lose(index, "name" if names is None else "role", f"dialect {dialect.name} {what}")
    for field, empty, form in (
        ("tool_calls", (), "tool calls"),
        ("reasoning", "", "reasoning"),
        ("refusal", None, "refusals"),
    ):
        if getattr(message, field):
            losses.lose(index, field, f"dialect {dialect.name} has no form for {form}")
            changes[field] = empty
    if not isinstance(message.content, str):
        kinds = sorted({part.type for part in message.content if not part.is_text})
        if kinds:
            losses.lose(index, "content", f"dialect {dialect.name} has no form for parts of type {', '.join(kinds)}")
        changes["content"] = message.text
    return replace(message, **changes) if changes else message


def _check_continuation(
    given: tuple[Message, ...], kept: list[tuple[int, Message]], add_generation_prompt: bool
) -> None:
    if add_generation_prompt:
        problem = "cannot both continue the final message and ask for a new one"
        raise RenderError(problem, field="continue_final_message", hint="leave out add_generation_prompt")
    if not given:
        raise RenderError("there is no message to continue", field="continue_final_message")
    if not kept or kept[-1][0] != len(given) - 1:
        raise RenderError(
            "the message to continue is not in the prompt", field="continue_final_message", message=len(given) - 1
        )


def _ending(messages: list[Message], dialect: Dialect, asked: bool, left_open: bool) -> Ending:
    last = messages[-1].role if messages else ""
    if dialect.reply_header:
        asked = last == "user"  # whatever was asked for
    elif last == "assistant" and not dialect.prompts_after_assistant:
        left_open = left_open and not asked
        asked = False
    if left_open and messages:
        return "open"
    return "generation_prompt" if asked else "closed"


def _lay_out(messages: list[Message], dialect: Dialect, ending: Ending) -> list[Turn]:
    """The turns of `messages`, the last of them and the generation prompt as `ending` says."""
    frame = frame_of(dialect)
    turns: list[Turn] = [
        (frame.head(message.role, message.name), message.text, frame.tail, index, message.role)
        for index, message in enumerate(messages)
    ]
    if dialect.reply_header:
        _move_reply_headers(turns, frame)
    elif ending == "generation_prompt":
        turns.append((frame.generation_prompt, "", NOTHING, None, None))
    if turns and ending != "generation_prompt":
        head, content, _, index, role = turns[-1]
        turns[-1] = (head, content, frame.last_tail if ending == "closed" else NOTHING, index, role)
    return turns


def _move_reply_headers(turns: list[Turn], frame: Frame) -> None:
    """Behind every user turn the assistant's header, and no other assistant header anywhere."""
    for position, (head, content, tail, index, role) in enumerate(turns):
        before = turns[position - 1][4] if position else ""
        after = turns[position + 1][4] if position + 1 < len(turns) else ""
        if role == "assistant" and before != "user":
            turns[position] = (NOTHING, content, tail, index, role)
        elif role == "user" and after != "assistant":
            turns[position] = (head, content, frame.reply_tail, index, role)


def _add_bos_and_eos(
    turns: list[Turn], messages: list[Message], dialect: Dialect, options: Mapping[str, Any], ending: Ending
) -> None:
    bos, eos = options.get("bos_token", dialect.bos), options.get("eos_token", dialect.eos)
    if bos and (dialect.bos_before is None or (messages and messages[0].role in dialect.bos_before)):
        turns.insert(0, (_pieces([(SegmentKind.BOS, bos, True)]), "", NOTHING, None, None))
    if eos and ending == "closed" and messages and messages[-1].role == "assistant":
        turns.append((_pieces([(SegmentKind.EOS, eos, True)]), "", NOTHING, None, None))


def segments_of(turns: list[Turn]) -> tuple[Segment, ...]:
    """The segments of turns, content as it is."""
    out, position = [], 0
    for head, content, tail, message, _ in turns:
        if type(content) is Trusted:
            kinds = (SegmentKind.CONTENT, SegmentKind.TRUSTED)
            middle = [(kinds[flag], text, False) for text, flag in content.runs]
        else:
            middle = [(SegmentKind.CONTENT, content, False)] if content else []
        for kind, text, special in (*head.parts, *middle, *tail.parts):
            out.append(Segment(kind, text, position, message, special))
            position += len(text)
    return tuple(out)


def render(
    messages: Iterable[MessageLike],
    *,
    dialect: str | Dialect = "chatml",
    tools: Iterable[Mapping[str, Any]] | None = None,
    add_generation_prompt: bool = False,
    continue_final_message: bool = False,
    template_kwargs: Mapping[str, Any] | None = None,
    lossy: bool = False,
    untrusted: Untrusted = "escape",
) -> str:
    r"""Write messages as one string, in which nothing but the frame is a special token.

    `messages` are mappings in Chat Completions, `sender`/`text` or ShareGPT form, or `Message` objects. Content that
    spells a special token is escaped (`parse` takes the escape off); with `untrusted="reject"` it raises
    `InjectionError` with every finding, with "strip" the tokens are deleted, until none is left. `untrusted` may
    also be a mapping with policies by role, such as `{"tool": "strip", "*": "escape"}`. Special tokens in text marked
    with `trusted` are meant. What the dialect cannot hold raises `RenderError`; with `lossy` it is left out. An unknown
    dialect or option raises `ConfigError`.

    >>> render([{"role": "user", "content": "Hello"}], add_generation_prompt=True)
    '<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n'
    """
    policies = read_policies(untrusted)
    compiled = compile_messages(
        messages, dialect=dialect, tools=tools, add_generation_prompt=add_generation_prompt, lossy=lossy,
        continue_final_message=continue_final_message, template_kwargs=template_kwargs,
    )  # fmt: skip
    if policies != {"*": "escape"}:
        compiled = _apply(policies, compiled)
    return escaped_text(compiled)


def _apply(policies: Mapping[str, Policy], compiled: Compiled) -> Compiled:
    """The prompt with tokens deleted where the policy is to strip. Raises `InjectionError` where it is to reject."""
    turns, findings = [], list[Finding]()
    for head, content, tail, message, role in compiled.turns:
        policy, escaper = policy_for(policies, role, "content"), escaper_for(compiled.dialect, role, compiled.tokens)
        if policy == "strip":
            content = cleaned(content, partial(strip, tokens=escaper.tokens))
        elif policy == "reject":
            findings += untrusted_findings(content, escaper, None if message is None else compiled.sources[message])
        turns.append((head, content, tail, message, role))
    error = rejection(findings, REJECTED)
    if error:
        raise error
    return compiled._replace(turns=turns)


REJECTED = "render(untrusted='escape') or token ids keep it as text"


def untrusted_findings(content: str, escaper: Escaper, message: int | None) -> Iterator[Finding]:
    """The special tokens in content, but for those that lie wholly in text that is trusted."""
    found = literal_findings(content, escaper, message=message, field="content")
    if type(content) is not Trusted:
        yield from found
        return
    spans, position = [], 0
    for text, flag in content.runs:
        spans += [(position, position + len(text))] * flag
        position += len(text)
    yield from (one for one in found if not any(start <= one.start and one.end <= end for start, end in spans))


def cleaned(content: str, clean: Callable[[str], str]) -> str:
    """Content with every part that is not trusted cleaned."""
    if type(content) is not Trusted:
        return clean(content)
    return Trusted([(text if flag else clean(text), flag) for text, flag in content.runs])


def _check_trusted(turns: list[Turn], sources: list[int | None], dialect: Dialect, more: frozenset[str]) -> None:
    for _, content, _, message, role in turns:
        if type(content) is Trusted:
            source = None if message is None else sources[message]
            check_trusted(content, escaper_for(dialect, role, more), is_last=True, message=source, field="content")


def escaped_text(compiled: Compiled) -> str:
    """The string of compiled messages, content escaped."""
    escapers: dict[str | None, Escaper] = {}
    out: list[str] = []
    for head, content, tail, _, role in compiled.turns:
        escaper = escapers.get(role)
        if escaper is None:
            escaper = escapers[role] = escaper_for(compiled.dialect, role, compiled.tokens)
        safe = escaper.escape(content) if type(content) is not Trusted else cleaned(content, escaper.escape)
        out += (head.text, safe, tail.text)
    return "".join(out)


def check_content(content: str, escaper: Escaper, message: int | None) -> None:
    """Raise `InjectionError` when content that is not trusted spells a complete special token."""
    if escaper.may_be_dangerous(content):
        error = rejection(untrusted_findings(content, escaper, message), REJECTED)
        if error:
            raise error
