"""CML003."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml._diagnostics import Diagnostic
from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Span
from chatml.lint.rules._contents import TEMPLATE_CODE
from chatml.lint.rules._headers import is_header_space, is_missing_newline

_COLON = re.compile(r"[ \t]*(\w{1,64})[ \t]*(:)[ \t]*")
_NAMED = re.compile(r"\w{1,64} name=[\w-]{1,64}\Z")
_VARIABLE = re.compile(r"\$?\{\w[\w.]*\}")
_CHANNELS = re.compile(r"'?<\|channel\|>(?:analysis|commentary|final)")


class MalformedRoleHeader(Rule):
    """The header of a message has a form that no model was trained on: a colon, spaces, no role.

    Text on the line of the role is FMT003. What names the role by template code is not looked at.

    ## Why is this bad?
    The role behind the start marker, and a newline behind the role, is the only form that models have seen. With
    anything else the message may be of another role for the model than for you.

    ## Use instead
    `<|im_start|>user` and a newline; in dialects with a header marker that one instead of the newline.

    ## Fix
    Unsafe: a colon becomes the newline that belongs there, spaces around the role are removed.
    """

    code, name = "CML003", "malformed-role-header"
    fix = "unsafe"
    formats = frozenset({"chatml"})
    source = "found in published prompts: the-crypt-keeper/can-ai-code, prompts/chatml-v1.txt"
    examples = (
        Example(
            bad="<|im_start|>system: Be brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
            fixed="<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
        ),
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant:",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(
            bad="<|im_start|>user \nhi<|im_end|>\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n",
        ),
        Example(
            bad="<|im_start|> user\nhi<|im_end|>\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n",
        ),
        Example(bad="<|im_start|>\nhi<|im_end|>\n"),
        Example(bad="<|im_start|>user<|im_sep|>hi<|im_sep|><|im_end|>", settings={"dialect": "openai-im-sep"}),
        Example(good="<|im_start|>system name=example_user\nhi<|im_end|>\n"),
        Example(good="<|im_start|>system \nBe brief.\n<|im_end|>\n", settings={"dialect": "azure"}),
        Example(good="{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Report what the parser could not read, or read with doubt."""
        for problem in context.problems:
            if problem.code == "malformed-header":
                yield from _malformed(context, problem)
            elif _is_odd(context, problem):
                yield Finding(problem.message, Span(problem.start, problem.end))
            elif problem.code == "trailing-space" and is_header_space(context, problem):
                if not context.dialect.content_end:
                    yield _trailing(context, problem)
            elif problem.code == "generation-prompt":
                yield from _colon_at_end(context, problem)


def _is_odd(context: Context, problem: Diagnostic) -> bool:
    """Whether there is nothing to add to what the parser says."""
    if problem.code == "truncated-header":
        return bool(context.dialect.header_end.strip())
    if problem.code == "channel":
        return problem.severity == "error" and not _CHANNELS.match(problem.message)
    return problem.code == "unexpected-marker"


def _malformed(context: Context, problem: Diagnostic) -> Iterator[Finding]:
    line = context.text[problem.start : problem.end]
    if is_missing_newline(context, problem) or TEMPLATE_CODE.search(line) or _VARIABLE.search(line):
        return
    if _NAMED.match(line) and not context.settings.get("dialect_is_given"):
        return
    colon = _COLON.match(line)
    if colon:
        yield _colon(context, problem.start, colon)
        return
    fix = None
    spaces = len(line) - len(line.lstrip(" \t"))
    if spaces and re.fullmatch(r"[ \t]+\w{1,64}[ \t]*", line):
        role = (Change(Span(problem.start, problem.end), line.strip()),)
        fix = Fix("Remove the spaces", role)
    start = problem.start if line else problem.start - len(context.dialect.start)  # of an empty one its marker is shown
    yield Finding(problem.message, Span(start, problem.end), fix)


def _colon(context: Context, start: int, colon: re.Match[str]) -> Finding:
    end = start + colon.end()
    is_end_of_line = context.text[end : end + 2].startswith(("\n", "\r\n"))
    fix = None
    if not context.dialect.header_end.strip():
        role = colon[1] if is_end_of_line else colon[1] + "\n"
        fix = Fix("Write the role without a colon", (Change(Span(start, end), role),))
    message = f"a colon stands behind the role {colon[1]}"
    place = Span(start + colon.start(2), start + colon.end(2))
    return Finding(message, place, fix, "the role is followed by a newline")


def _colon_at_end(context: Context, problem: Diagnostic) -> Iterator[Finding]:
    """The header that asks for a reply, where the parser has nothing else to say about it."""
    start = problem.start + len(context.dialect.start)
    line = context.text[start : problem.end]
    colon = _COLON.match(line)
    if colon and not any(other.code == "malformed-header" and other.start == start for other in context.problems):
        yield _colon(context, start, colon)


def _trailing(context: Context, problem: Diagnostic) -> Finding:
    spaces = context.text[problem.start : problem.end].rstrip("\r\n")
    place = Span(problem.start, problem.start + len(spaces))
    return Finding(problem.message, place, Fix("Remove the spaces", (Change(place, ""),)))
