"""What `scan` and the policies report: a place in untrusted text, and how a model would read it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import InjectionError, RenderError, shown
from chatml._escape import Escaper, Found
from chatml._spans import LineIndex
from chatml._special import ENCODING_TOKENS, families
from chatml._trusted import Trusted


class FindingKind(StrEnum):
    """In what way a text spells a special token, or tries something of the kind."""

    LITERAL = "literal"  # as it is
    SPLIT = "split"  # over neighbouring texts, or begun at the end of the text
    INVISIBLE = "invisible"  # with characters in between that vanish when text is cleaned
    LOOK_ALIKE = "look-alike"  # with characters that become others when text is normalized or lowered, or look so
    HTML = "html"  # as character references
    URL = "url"  # percent-encoded
    JSON = "json"  # with escapes of JSON
    BASE64 = "base64"
    TAGS = "tags"  # in tag characters, which nobody sees
    HEADER = "header"  # words that models know as the header of a turn, without a special token
    TEMPLATE = "template"  # code of a template language, which whoever renders content as a template would run


class Finding(NamedTuple):
    """One place in a text.

    `spelling` is what stands at `start:end` (characters, half-open), `token` what it becomes, `family` the first family
    of the registry that has it ("" for a token of your own), `reading` how a model would read it. `line` and `column`
    are those of `start`, counted from 1. `message` and `field` say where the text is, when it is part of a message;
    `message` is also the index of the text when several were scanned.
    """

    kind: FindingKind
    severity: Severity
    token: str
    family: str
    spelling: str
    start: int
    end: int
    line: int
    column: int
    reading: str
    message: int | None = None
    field: str = ""

    def __str__(self) -> str:
        what = f"{self.kind} {shown(self.token)}" if self.token else f"{self.kind} {shown(self.spelling)}"
        return f"{self.line}:{self.column}: {self.severity}: {what}, read as {self.reading}"


# what in the name of a token tells how it is read; the first that fits
_READINGS: tuple[tuple[str, str], ...] = (
    (r"think|thought|reason", "the border of reasoning"),
    (
        r"image|img|vision|video|audio|media|box|quad|object_ref|ref\b|point|patch",
        "the place of an image, audio or video",
    ),
    (r"fim|prefix|suffix|(?<!im_)middle|file_sep|of.file|repo|hole", "the border of a hole to fill, or of a file"),
    (
        r"tool|function|call|observation|plugin|interpreter|action|python|ipython|execute",
        "a part of a tool call or a tool's result",
    ),
    (r"/sys|end.?(of.?)?sys", "the end of a system turn"),
    (r"end.?of.?(turn|user|assistant)", "the end of a turn"),
    (r"/inst", "the end of a user's instruction"),
    (r"system|sys\b", "the beginning of a system turn"),
    (r"user|human|inst\b|用户", "the beginning of a user's turn"),
    (r"assistant|chatbot|bot\b|助手", "the beginning of an assistant's turn"),
    (r"begin.of|^<s>|bos|startoftext|sop|gmask|start_of_text|^<\|startoftext", "the beginning of the prompt"),
    (
        r"im_start|start_header|header_start|start_of_(turn|role)|role_start|^<\|start\|>|turn>?$|^<\|turn>",
        "the beginning of a turn",
    ),
    (
        r"im_sep|end_header|header_end|end_of_role|role_end|im_middle|message|channel|constrain",
        "the end of a turn's header",
    ),
    (r"im_end|eot|eom|end_of_turn|turn_end|turn\|>|^<\|end\|>|return", "the end of a turn"),
    (r"^</s>|eos|end.?of.?(text|sentence|prompt)|eod", "the end of the prompt"),
)


@lru_cache(maxsize=1024)
def reading_of(token: str) -> str:
    """How a model reads a special token, judged by its name."""
    name = token.lower()
    return next((reading for pattern, reading in _READINGS if re.search(pattern, name)), "a special token")


@lru_cache(maxsize=1)
def _family_of() -> Mapping[str, str]:
    found = {token: "openai" for tokens in ENCODING_TOKENS.values() for token in tokens}
    for family, tokens in reversed(list(families().items())):
        found.update(dict.fromkeys(tokens, family))
    return found


_role = re.compile(r"[ \t]*+([A-Za-z]{1,32}+)")


def finding(
    kind: FindingKind, severity: Severity, text: str, lines: LineIndex, found: Found, *, message: int | None = None,
    field: str = "",
) -> Finding:  # fmt: skip
    """Describe a token that was found in `text`."""
    token, start, end = found
    line, column = lines.position(start)
    reading = reading_of(token)
    if reading == "the beginning of a turn":
        follows = _role.match(text, end)
        if follows:
            reading = f"the beginning of a turn of the role {follows[1]!r}"
    return Finding(
        kind,
        severity,
        token,
        _family_of().get(token, ""),
        text[start:end],
        start,
        end,
        line,
        column,
        reading,
        message,
        field,
    )


def finding_at(text: str, lines: LineIndex, found: Found, *, message: int | None = None, field: str = "") -> Finding:
    """Describe a token that `text` spells, or nearly so."""
    kind = kind_of(text[found.start : found.end], found.token)
    return finding(kind, Severity.ERROR, text, lines, found, message=message, field=field)


def literal_findings(text: str, escaper: Escaper, *, message: int | None = None, field: str = "") -> Iterator[Finding]:
    """Every token that `text` spells in the way that `escaper` looks for; those within another one are left out."""
    lines, end = LineIndex(text), 0
    for found in escaper.find_all(text):
        if found.start >= end:
            end = found.end
            yield finding_at(text, lines, found, message=message, field=field)


def kind_of(spelling: str, token: str) -> FindingKind:
    """Whether a spelling is the token itself, has something invisible in it, or only looks like it."""
    if spelling == token:
        return FindingKind.LITERAL
    rest = iter(spelling)
    return FindingKind.INVISIBLE if all(one in rest for one in token) else FindingKind.LOOK_ALIKE


def check_trusted(content: Trusted, escaper: Escaper, *, is_last: bool, message: int | None, field: str) -> None:
    """Raise `RenderError` where text that is not trusted could complete a token that trusted text begins.

    `is_last` is whether only the frame of a prompt follows the content.
    """
    for text, flag in content.runs[:-1] if is_last else content.runs:
        end = escaper.unfinished(text) if flag else len(text)
        if end < len(text):
            raise RenderError(
                f"trusted text ends in {shown(text[end:])}, with which a special token begins", field=field,
                message=message,
                hint="the text behind it is not trusted and could complete it: let the trusted text end elsewhere",
            )  # fmt: skip


def rejection(findings: Iterable[Finding], hint: str) -> InjectionError | None:
    """The error that reports findings, None when there are none."""
    every = tuple(findings)
    if not every:
        return None
    first = every[0]
    spelled = (
        shown(first.token)
        if first.kind is FindingKind.LITERAL
        else f"{shown(first.token)}, written {shown(first.spelling)}"
    )
    others = f", and {len(every) - 1} more {'follows' if len(every) == 2 else 'follow'}" if len(every) > 1 else ""
    return InjectionError(
        f"the text spells the special token {spelled}{others}", token=first.token, start=first.start, end=first.end,
        message=first.message, field=first.field or "content", hint=hint, findings=every,
    )  # fmt: skip
