"""What rules about headers of raw prompts share."""

from __future__ import annotations

import re

from chatml._diagnostics import Diagnostic
from chatml.lint._rule import Context

_LONGEST_HEADER = 330  # characters: what the parser reads, and a start marker
_TEXT_BEHIND_ROLE = re.compile(r"(system|developer|user|assistant|tool)([ \t]+)(?![ \t:]|name=)(?=\S)")


def is_header_space(context: Context, problem: Diagnostic) -> bool:
    """Whether a problem with white space is about a header, not about what stands between messages."""
    before = context.text[max(0, problem.start - _LONGEST_HEADER) : problem.start]
    return before.rfind(context.dialect.start) > before.rfind(context.dialect.end)


def text_behind_role(context: Context, problem: Diagnostic) -> tuple[str, int, int] | None:
    """A role with text behind it where a newline belongs: the role, and where what stands between them is."""
    if context.dialect.header_end.strip():
        return None
    found = _TEXT_BEHIND_ROLE.match(context.text, problem.start, problem.end)
    return (found[1], *found.span(2)) if found else None


def is_missing_newline(context: Context, problem: Diagnostic) -> bool:
    """Whether nothing but a newline is missing in a header."""
    if problem.code == "truncated-header":
        return not context.dialect.header_end.strip()
    return problem.code == "malformed-header" and text_behind_role(context, problem) is not None
