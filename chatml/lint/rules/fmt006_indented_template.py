"""FMT006."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity, Span
from chatml.lint.rules._contents import contents_of, joined
from chatml.lint.rules._headers import is_header_space

_INDENTED = re.compile(r"\n[ \t]{4}")
_LEAST = 4  # columns: less is layout
_PROSE = re.compile(r"[^\W\d_]{2,}[,;:]? [^\W\d_]{2,}")
# a line of a program, a list or a quotation
_CODE = re.compile(
    r"\s*(?:def|class|if|for|while|return|import|from|#|//|/\*|\$|>>>|[-*+|>]|\d+[.)])(?:\W|$)|.*[;{}()\]=]\s*$"
)


class IndentedTemplate(Rule):
    """All lines of a text are indented, as in the source code that it was written in.

    Reported are texts of two or more lines of prose, and start markers that are indented. A block of code or a list
    below a line that is not indented is meant so.

    ## Why is this bad?
    The spaces of a literal in a program are part of the prompt: every line costs a token more, and models take indented
    text for code.

    ## Use instead
    `textwrap.dedent`, or a file of its own.

    ## Fix
    Unsafe: what all lines are indented by is removed.
    """

    code, name = "FMT006", "indented-template"
    severity = Severity.WARNING
    fix = "unsafe"
    source = "Vtuber-AI: prompt_templates.py"
    examples = (
        Example(
            bad="<|im_start|>system\n        You are a helper.\n        Answer in one line.<|im_end|>\n",
            fixed="<|im_start|>system\nYou are a helper.\nAnswer in one line.<|im_end|>\n",
        ),
        Example(
            bad="    <|im_start|>user\nhi<|im_end|>\n    <|im_start|>assistant\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(
            bad='[{"role": "system", "content": "Be kind.\\n        Answer at once.\\n        Say more.\\n        "}]',
            fixed='[{"role": "system", "content": "Be kind.\\nAnswer at once.\\nSay more.\\n"}]',
            path="chat.json",
        ),
        Example(
            good='[{"role": "user", "content": "Explain:\\n\\n    def f(x):\\n        return x"}]', path="chat.json"
        ),
        Example(good='[{"role": "user", "content": "    for x in all_of_them:\\n        print(x)"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the lines of contents, and at what is before start markers."""
        if context.is_raw:
            yield from _indented_markers(context)
        whole = joined(context)
        for content in contents_of(context) if "    " in whole or "\t" in whole else ():
            text = content.text
            width = _leaked(text) if _INDENTED.search(text) else 0
            if width:
                lines = [_dedented(line, width) for line in text.split("\n")]
                change = Change(content.place(0, len(text)), "\n".join(lines))
                start = text.index("\n") + 1 if not text[:1].isspace() else 0
                message = f"all lines are indented by {width} columns"
                yield Finding(message, content.place(start, start + width), Fix("Remove the indentation", (change,)))


def _indented_markers(context: Context) -> Iterator[Finding]:
    places = []
    for problem in context.problems:
        if problem.code in ("trailing-space", "extra-whitespace") and not is_header_space(context, problem):
            gap = context.text[problem.start : problem.end]
            indent = len(gap) - len(gap.rstrip(" \t"))
            if indent and context.text.startswith(context.dialect.start, problem.end):
                places.append(Span(problem.end - indent, problem.end))
    if places:
        what = "a start marker is" if len(places) == 1 else f"{len(places)} start markers are"
        fix = Fix("Remove the indentation", tuple(Change(place, "") for place in places))
        yield Finding(f"{what} indented", places[0], fix)


def _leaked(text: str) -> int:
    """By how many columns the lines of a text are indented, 0 where that is meant so."""
    first, *lines = text.split("\n")
    if not first[:1].isspace():
        last = lines.pop() if lines else ""  # that of the closing quotes, which says that it is all one literal
        if not (last and last.isspace()):
            return 0
    elif first.strip():
        lines.insert(0, first)
    full = [line for line in lines if line.strip()]
    prose = sum(1 for line in full if _PROSE.search(line) and not _CODE.match(line))
    if len(full) < 2 or prose * 2 <= len(full):
        return 0
    width = min(len(line) - len(line.lstrip(" \t")) for line in full)
    return width if width >= _LEAST else 0


def _dedented(line: str, width: int) -> str:
    if not line.strip():
        return ""
    return line[width:] if line[:width].isspace() else line
