"""What a dialect is: every way in which wire formats of one turn shape differ, as data."""

from __future__ import annotations

import re
from dataclasses import dataclass

from chatml._errors import ConfigError
from chatml._messages import ROLE_PATTERN
from chatml._special import OPENERS

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

    generation_prompt: str = ""
    """What asks for a reply: `start`, "assistant", and `header_end` or nothing. Left empty: with `header_end`."""
    prompts_after_assistant: bool = True
    """Whether a generation prompt is also written after an assistant message."""
    closes_last: bool = True
    """Whether the last turn is closed when no generation prompt is asked for."""

    @property
    def markers(self) -> tuple[str, ...]:
        """The markers of the frame: what becomes an id in the encoding."""
        header_end = (self.header_end,) if self.header_end.strip() else ()
        return tuple(
            dict.fromkeys((self.start, self.end, *header_end, *re.findall(r"<\|[a-z_]+\|>", self.assistant_channel)))
        )

    def __post_init__(self) -> None:
        if not self.generation_prompt:
            object.__setattr__(self, "generation_prompt", f"{self.start}assistant{self.header_end}")
        for check in _CHECKS:
            problem = check(self)
            if problem:
                raise ConfigError(problem, option=f"dialect {self.name!r}")


def _check_markers(dialect: Dialect) -> str:
    markers = dialect.markers
    for marker in markers:
        if len(marker) < 3 or marker != marker.strip():
            return f"marker {marker!r} is shorter than 3 characters or has white space around it"
        if marker[-1] in OPENERS:
            return f"marker {marker!r} ends in {marker[-1]!r}, with which a special token may begin"
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
    heads = (f"{dialect.start}assistant", f"{dialect.start}assistant{dialect.header_end}")
    if dialect.generation_prompt not in heads:
        return f"generation_prompt is {dialect.generation_prompt!r}, expected {heads[0]!r} or {heads[1]!r}"
    if dialect.assistant_channel and not dialect.header_end.strip():
        return "assistant_channel needs a header_end that is a marker"
    if dialect.named_header is not None and not _NAMED_HEADERS.fullmatch(dialect.named_header):
        return f"named_header is {dialect.named_header!r}, expected '{{role}}...{{name}}' or '{{name}}'"
    return ""


def _check_roles(dialect: Dialect) -> str:
    if dialect.roles is None:
        return ""
    bad = [role for role in dialect.roles if not re.fullmatch(ROLE_PATTERN, role)]
    if bad:
        return f"role {bad[0]!r} does not have the form {ROLE_PATTERN}"
    if "user" not in dialect.roles:
        return "roles has no 'user'"
    return ""


def _check_texts(dialect: Dialect) -> str:
    texts = {"default_system": dialect.default_system or "", "bos": dialect.bos, "eos": dialect.eos}
    for name, text in texts.items():
        held = [marker for marker in dialect.markers if marker in text]
        if held:
            return f"{name} holds the marker {held[0]!r}"
        if name != "default_system" and text != text.strip():
            return f"{name} is {text!r}, expected no white space around it"
        if name != "default_system" and (len(text) == 1 or "\\" in text):
            return f"{name} is {text!r}, expected 2 or more characters and no backslash, so that it can be escaped"
    if dialect.trims_leading_system and (dialect.default_system or "").strip() != (dialect.default_system or ""):
        return "default_system has white space around it, which trims_leading_system takes off"
    return ""


_CHECKS = (_check_markers, _check_frame, _check_roles, _check_texts)
