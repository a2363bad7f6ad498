"""FMT003."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Applicability, Change, Context, Example, Finding, Fix, Rule, Span
from chatml.lint.rules._headers import is_missing_newline, text_behind_role


class MissingNewlineAfterRole(Rule):
    """Text follows the role on its line, or the message ends right behind the role.

    ## Why is this bad?
    Templates write a newline behind the role, so models have seen nothing else. Where more than a word follows, readers
    take the whole line for the role.

    ## Use instead
    `<|im_start|>user`, a newline, and the text. In dialects with a header marker such as `<|im_sep|>`, that one.

    ## Fix
    Safe: the newline is put behind the role. The messages stay as they are read.
    """

    code, name = "FMT003", "missing-newline-after-role"
    fix = "safe"
    formats = frozenset({"chatml"})
    source = "the chat templates of Qwen2.5, SmolLM2 and others: the role, and a newline"
    examples = (
        Example(bad="<|im_start|>user hi<|im_end|>\n", fixed="<|im_start|>user\nhi<|im_end|>\n"),
        Example(bad="<|im_start|>user<|im_end|>\n", fixed="<|im_start|>user\n<|im_end|>\n"),
        Example(good="<|im_start|>user<|im_sep|>hi<|im_end|>"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Report what the parser found in headers."""
        newline = context.dialect.header_end
        for problem in context.problems:
            if not is_missing_newline(context, problem):
                continue
            found = text_behind_role(context, problem)
            if found:
                role, start, end = found
                place = Span(start, end)
                message, change = f"text follows the role {role} on its line", Change(place, newline)
            else:
                place = Span(problem.start, problem.end)
                message = "the newline behind the role is missing"
                change = Change(Span(problem.end, problem.end), newline)
            yield Finding(message, place, Fix("Put a newline behind the role", (change,), Applicability.SAFE))
