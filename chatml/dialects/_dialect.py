"""What a dialect is: every way in which wire formats of one turn shape differ, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields

from chatml._errors import ConfigError, shown
from chatml._messages import ROLE_PATTERN
from chatml._special import OPENERS

_WORD = re.compile(r"[A-Za-z0-9_-]")
_NAMED_HEADERS = re.compile(r"\{role\}[^{}\n]+\{name\}|\{name\}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """One wire format. A turn is written

        start  role [name] [assistant_channel]  header_end  content  content_end  end  separator

    and a prompt is `[bos] turn turn ... [generation_prompt | eos]`. A dialect that contradicts itself raises
    `ConfigError` on construction.
    """

    name: str
    """The name under which it is offered."""
    aliases: tuple[str, ...] = ()
    """Other names for the same dialect."""
    source: str = ""
    """Where the format was read: `repository@commit:path` or a document."""
    encoding: str = "cl100k_im"
    """The encoding used where none is given."""
    own_vocabulary: bool = True
    """Whether `encoding` is what models of this dialect really use. False: their vocabulary is not embedded, so counts
    by `encoding` are estimates; load the model's `tokenizer.json` for exact ones."""

    families: tuple[str, ...] = ()
    """The families of special tokens (`data/special_tokens.json`) that the models' own vocabulary holds. Those of the
    form `<|name|>` are escaped in every role, as are those of `encoding`."""

    start: str = "<|im_start|>"
    """The marker that opens a turn."""
    header_end: str = "\n"
    """What ends the header: a newline, or a marker such as `<|im_sep|>`."""
    content_end: str = ""
    """White space between content and `end`."""
    end: str = "<|im_end|>"
    """The marker that closes a turn."""
    separator: str = "\n"
    """White space between turns."""
    separator_after_last: bool = True
    """Whether the last turn, too, is followed by `separator`."""
    assistant_channel: str = ""
    """What stands between an assistant's role and `header_end`: markers and text. A generation prompt leaves it out."""
    named_header: str | None = None
    """How role and name make a header, such as "{role}:{name}"; "{name}" when the name replaces the role, which can be
    written but not read back. None: names cannot be written."""

    roles: tuple[str, ...] | None = None
    """The roles that can be written; None: every role of the grammar, custom ones too."""
    system_first_only: bool = False
    """Whether a system message can only be the first one."""
    default_system: str | None = None
    """The system text that is put first when the first message is of another role."""
    trims_leading_system: bool = False
    """Whether white space around the first system message is lost."""
    needs_turn: bool = False
    """Whether nothing at all is written until there is a message besides the leading system message."""
    reply_header: bool = False
    """Whether every user turn is followed by the assistant's header at once, generation prompt or not, and an assistant
    turn has no header of its own."""

    bos: str = ""
    """The token before everything; `template_kwargs["bos_token"]` replaces it."""
    bos_before: tuple[str, ...] | None = None
    """The roles of the first message before which `bos` is written; None: always."""
    eos: str = ""
    """The token after everything, when the last message is an assistant's and no generation prompt follows;
    `template_kwargs["eos_token"]` replaces it."""

    prompt_has_header_end: bool = True
    """Whether the generation prompt, which is `start` and "assistant", also has `header_end`."""
    prompts_after_assistant: bool = True
    """Whether a generation prompt is also written after an assistant message."""
    closes_last: bool = True
    """Whether the last turn is closed when no generation prompt is asked for."""

    @property
    def markers(self) -> tuple[str, ...]:
        """The markers of the frame: what becomes an id in the encoding."""
        header_end = (self.header_end,) if self.header_end.strip() else ()
        channel = [text for text, special in split_channel(self.assistant_channel) if special]
        return tuple(dict.fromkeys((self.start, self.end, *header_end, *channel)))

    @property
    def generation_prompt(self) -> str:
        """What asks for a reply."""
        return f"{self.start}assistant{self.header_end if self.prompt_has_header_end else ''}"

    def __post_init__(self) -> None:
        for check in _CHECKS:
            problem = check(self)
            if problem:
                raise ConfigError(problem, option=f"dialect {shown(self.name)}")


def split_channel(text: str) -> list[tuple[str, bool]]:
    """Cut the channel part of a header into `(text, is a marker)`."""
    return [(part, part.startswith("<|")) for part in re.split(r"(<\|[a-z_]+\|>)", text) if part]


def _check_types(dialect: Dialect) -> str:
    for field in fields(dialect):
        value, kind = getattr(dialect, field.name), str(field.type)
        if value is None and "None" in kind:
            continue
        if kind.startswith("tuple"):
            if isinstance(value, tuple) and all(isinstance(one, str) for one in value):
                continue
            return f"{field.name} is {shown(value)}, expected a tuple of strings"
        expected = bool if kind == "bool" else str
        if not isinstance(value, expected):
            return f"{field.name} is {shown(value)}, expected a value of type {expected.__name__}"
    return ""


def _check_markers(dialect: Dialect) -> str:
    markers = dialect.markers
    for marker in markers:
        if len(marker) < 3 or marker != marker.strip():
            return f"marker {marker!r} is shorter than 3 characters or has white space around it"
        if marker[-1] in OPENERS:
            return f"marker {marker!r} ends in {marker[-1]!r}, with which a special token may begin"
        if _begins_token(marker):
            return f"marker {marker!r} holds '<' or '[' behind its beginning, with which a special token may begin"
        if _WORD.match(marker[0]) or _WORD.match(marker[-1]):
            return f"marker {marker!r} begins or ends in a character that roles and names are made of"
        inside = [other for other in markers if other != marker and marker in other]
        if inside:
            return f"marker {marker!r} is inside marker {inside[0]!r}, so neither can be read"
        if "\\" in marker or "\n" in marker:
            return f"marker {marker!r} holds a backslash or a newline"
    if dialect.start == dialect.end:
        return f"start and end are the same marker, {dialect.start!r}"
    return ""


def _check_frame(dialect: Dialect) -> str:
    if not dialect.header_end.strip() and dialect.header_end != "\n":
        return f"header_end is {dialect.header_end!r}, expected a newline or a marker"
    for name in ("content_end", "separator"):
        value = getattr(dialect, name)
        if value.strip():
            return f"{name} is {value!r}, expected white space or nothing"
    return ""


def _check_headers(dialect: Dialect) -> str:
    channel, named = dialect.assistant_channel, dialect.named_header
    if channel:
        if not dialect.header_end.strip():
            return "assistant_channel needs a header_end that is a marker"
        if dialect.prompt_has_header_end or dialect.reply_header:
            return (
                "assistant_channel needs prompt_has_header_end=False and no reply_header: a reply has its own channel"
            )
        clash = [text for text, special in split_channel(channel) if special and text in _frame(dialect)]
        if clash or not re.fullmatch(r"(<\|[a-z_]+\|>[A-Za-z0-9_ =-]*)+", channel):
            return (
                f"assistant_channel is {channel!r}, expected markers of its own of the form <|name|>, with text behind"
            )
    if dialect.reply_header and not dialect.prompt_has_header_end:
        return "reply_header needs prompt_has_header_end: the same header asks for a reply and begins it"
    if named is None:
        return ""
    if not _NAMED_HEADERS.fullmatch(named):
        return f"named_header is {named!r}, expected '{{role}}...{{name}}' or '{{name}}'"
    glue = named.removeprefix("{role}").removesuffix("{name}")
    if len(glue) > 60 or _WORD.match(glue[:1]) or any(marker in glue for marker in dialect.markers):
        return (
            f"named_header joins role and name with {glue!r}, expected at most 60 characters, no marker, and first a "
            "character that no role has"
        )
    if _begins_token(f" {glue}"):
        return f"named_header joins role and name with {glue!r}, in which a special token may begin"
    return ""


def _begins_token(literal: str) -> bool:
    """Whether a special token may begin within a literal of the frame, and end in the text behind it."""
    return "<" in literal[1:] or "[" in literal[1:]


def _frame(dialect: Dialect) -> tuple[str, ...]:
    return dialect.start, dialect.header_end, dialect.end


def _check_roles(dialect: Dialect) -> str:
    if dialect.roles is None:
        return ""
    bad = [role for role in dialect.roles if not re.fullmatch(ROLE_PATTERN, role)]
    if bad:
        return f"role {bad[0]!r} does not have the form {ROLE_PATTERN}"
    needed = ("user", "assistant", *(("system",) if dialect.default_system is not None else ()))
    missing = [role for role in needed if role not in dialect.roles]
    return f"roles has no {missing[0]!r}" if missing else ""


def token_problem(token: object, markers: tuple[str, ...]) -> str:
    """What keeps a string from being a bos or eos token that can be read and escaped; "" when nothing does."""
    if not isinstance(token, str):
        return "expected a string"
    held = [marker for marker in markers if marker in token]
    if held:
        return f"which holds the marker {held[0]!r}"
    if token != token.strip():
        return "expected no white space around it"
    if _begins_token(token):
        return "which holds '<' or '[' behind its beginning, with which a special token may begin"
    if len(token) == 1 or "\\" in token:
        return "expected 2 or more characters and no backslash, so that it can be escaped"
    return ""


def _check_texts(dialect: Dialect) -> str:
    for name in ("bos", "eos"):
        problem = token_problem(getattr(dialect, name), dialect.markers)
        if problem:
            return f"{name} is {getattr(dialect, name)!r}, {problem}"
    text = dialect.default_system or ""
    held = [marker for marker in dialect.markers if marker in text]
    if held:
        return f"default_system holds the marker {held[0]!r}"
    if dialect.trims_leading_system and text.strip() != text:
        return "default_system has white space around it, which trims_leading_system takes off"
    return ""


_CHECKS = (_check_types, _check_markers, _check_frame, _check_headers, _check_roles, _check_texts)
