"""FMT007."""

from __future__ import annotations

from collections.abc import Iterator

from chatml._diagnostics import Diagnostic
from chatml.lint._rule import Applicability, Change, Context, Example, Finding, Fix, Rule, Severity, Span
from chatml.lint.rules._headers import is_header_space

_BOM = Span(-1, 0)
_GAPS = frozenset({"missing-newline", "extra-whitespace", "trailing-space"})


class BomOrFinalNewline(Rule):
    """A file has a byte order mark, or a raw prompt other white space behind an end marker than its dialect.

    In most dialects that is one newline, at the end of the file, too; some have none. Indented start markers are
    FMT006, carriage returns FMT005.

    ## Why is this bad?
    A byte order mark is a character that some programs send to the model. White space between messages is tokens: two
    newlines are another token than one, and models have seen what their template writes.

    ## Use instead
    UTF-8 without a byte order mark, and one newline behind each message.

    ## Fix
    Safe: the byte order mark is removed, white space between messages becomes that of the dialect. The messages stay as
    they are.
    """

    code, name = "FMT007", "bom-or-final-newline"
    severity = Severity.INFO
    fix = "safe"
    kinds = frozenset({"prompt", "training", "template"})
    source = "RFC 8259, section 8.1: JSON has no byte order mark; chat templates write one newline behind each message"
    examples = (
        Example(
            bad='\ufeff[{"role": "user", "content": "hi"}]',
            fixed='[{"role": "user", "content": "hi"}]',
            path="chat.json",
        ),
        Example(bad="<|im_start|>user\nhi<|im_end|>", fixed="<|im_start|>user\nhi<|im_end|>\n"),
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n\n<|im_start|>assistant\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(good='[{"role": "user", "content": "hi"}]', path="chat.json"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant", settings={"dialect": "openai"}),
        Example(good="<|im_start|>user<|im_sep|>hi<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the beginning of the file and at what is between messages."""
        if context.settings.get("has_bom"):
            fix = Fix("Remove the byte order mark", (Change(_BOM, ""),), Applicability.SAFE)
            yield Finding("the file begins with a byte order mark", Span(0, 0), fix)
        for problem in context.problems if context.kind != "template" else ():
            if problem.code in _GAPS:
                yield from _gap(context, problem)


def _gap(context: Context, problem: Diagnostic) -> Iterator[Finding]:
    text, dialect = context.text, context.dialect
    start, end = problem.start, problem.end
    gap = text[start:end]
    if not gap and text.startswith(dialect.end, end) and not text.endswith(dialect.end, 0, start):
        what = "the newline before the end marker is missing"
        yield _finding(what, Span(end, end + len(dialect.end)), Span(start, end), dialect.content_end)
    elif not is_header_space(context, problem) and _is_between_turns(context, start, end):
        is_last = end == len(text)
        if (is_last and gap == "\n") or (not is_last and gap.endswith((" ", "\t"))):
            return
        expected = "" if start == 0 or (is_last and not dialect.separator_after_last) else dialect.separator
        what = problem.message if start else "white space stands before the first message"
        place = Span(start, end) if gap else Span(max(start - len(dialect.end), 0), start)
        if expected != gap:
            yield _finding(what, place, Span(start, end), expected)


def _finding(what: str, place: Span, gap: Span, expected: str) -> Finding:
    fix = Fix("Write it as the dialect does", (Change(gap, expected),), Applicability.SAFE)
    return Finding(what, place, fix)


def _is_between_turns(context: Context, start: int, end: int) -> bool:
    """Whether a gap is not beside a marker that is one too many, which is reported already."""
    text, dialect = context.text, context.dialect
    is_behind = start == 0 or text.endswith(dialect.end, 0, start)
    return is_behind and (end == len(text) or text.startswith(dialect.start, end))
