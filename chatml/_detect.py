"""Which dialect a text is in, by how well each one reads it."""

from __future__ import annotations

from typing import NamedTuple

from chatml._diagnostics import Severity
from chatml._errors import require_text
from chatml._parse import Machine, read_text
from chatml._segments import SegmentKind
from chatml.dialects import DIALECTS, Dialect

_SAMPLE = 32_768  # characters read at each end of a long text


class Detection(NamedTuple):
    """A dialect that fits, and why."""

    name: str
    reason: str


def detect_dialect(text: str) -> tuple[Detection, ...]:
    """Name the dialects that read `text` without an error, best first; empty when none does.

    Of a long text, 32,768 characters at each end are read. A dialect fits better the fewer oddities it finds, then the
    more of what it adds itself (a default system text, a bos token) is there; between equals the more common one comes
    first.

    >>> detect_dialect("<|im_start|>user<|im_sep|>Hi<|im_end|>")[0].name
    'openai-im-sep'
    """
    require_text(text)
    fits = []
    for order, dialect in enumerate(DIALECTS):
        machine = read_text(dialect, _sample(text, dialect))
        if machine.messages and not any(problem.severity is Severity.ERROR for problem in machine.problems):
            odd, signs = len(machine.problems) + _missing(machine, dialect), _signs(machine, dialect)
            fits.append((odd, -len(signs), order, Detection(dialect.name, _reason(odd, signs))))
    return tuple(detection for *_, detection in sorted(fits))


def _sample(text: str, dialect: Dialect) -> str:
    """Both ends of a long text, cut where turns begin."""
    if len(text) <= 2 * _SAMPLE:
        return text
    stop, start = text.rfind(dialect.start, 0, _SAMPLE), text.find(dialect.start, len(text) - _SAMPLE)
    return text[:stop] + text[start:] if 0 < stop < start else text


def _missing(machine: Machine, dialect: Dialect) -> int:
    """How many things this dialect always writes are not there."""
    first = machine.messages[0].role
    wants_bos = bool(dialect.bos) and (dialect.bos_before is None or first in dialect.bos_before)
    wants_eos = bool(dialect.eos) and machine.ending == "closed" and machine.messages[-1].role == "assistant"
    wants_system = dialect.default_system is not None and first != "system"
    wants_open = not dialect.closes_last and machine.ending == "closed" and machine.messages[-1].role != "assistant"
    wants_reply = dialect.reply_header and machine.ending == "closed" and machine.messages[-1].role == "user"
    return sum(
        (
            wants_bos and machine.bos != dialect.bos,
            wants_eos and machine.eos != dialect.eos,
            wants_system,
            wants_open,
            wants_reply,
        )
    )


def _signs(machine: Machine, dialect: Dialect) -> list[str]:
    """What only this dialect would have written."""
    first = machine.messages[0]
    signs = []
    if first.role == "system" and dialect.default_system is not None and first.text == dialect.default_system:
        signs.append(f"starts with the default system text of {dialect.name}")
    if dialect.bos and machine.bos == dialect.bos:
        signs.append(f"starts with {dialect.bos}")
    closed = any(segment.kind is SegmentKind.END for segment in machine.out)
    if dialect.content_end and closed and not any(problem.code == "missing-newline" for problem in machine.problems):
        signs.append("has a newline before every end marker")
    if any(message.name for message in machine.messages):
        signs.append("has names in the form of this dialect")
    if any(segment.kind is SegmentKind.CHANNEL for segment in machine.out):
        signs.append(f"has {dialect.assistant_channel} in the headers of assistants")
    if (
        machine.ending == "generation_prompt"
        and dialect.header_end == "\n"
        and not dialect.generation_prompt.endswith("\n")
    ):
        signs.append("ends in a generation prompt without a newline")
    return signs


def _reason(odd: int, signs: list[str]) -> str:
    frame = (
        "every turn is in its canonical form"
        if not odd
        else f"{odd} thing{'s' if odd > 1 else ''} not in its canonical form"
    )
    return "; ".join([*signs, frame])
