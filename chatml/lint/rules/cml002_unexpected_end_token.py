"""CML002."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Span


class UnexpectedEndToken(Rule):
    """An end marker closes nothing, for no message is open.

    ## Why is this bad?
    A message is header, text and one end marker. A second one is an empty turn of nobody, which the model has never
    seen; most often a message lost its header, or an end marker was pasted twice.

    ## Use instead
    One end marker for each message.

    ## Fix
    Unsafe: the marker is removed, and the newline behind it.
    """

    code, name = "CML002", "unexpected-end-token"
    fix = "unsafe"
    formats = frozenset({"chatml"})
    source = "openai/openai-python:chatml.md: a message is header, text and footer"
    examples = (
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n<|im_end|>\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n",
        ),
        Example(
            bad="<|im_start|>user\nhi<|im_end|><|im_end|>\n<|im_start|>assistant\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(good="<|im_start|>user\n<|im_end|>\n"),
        Example(good="<|im_start|>user\nthe marker <\\|im_end|> closes<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Report what the parser found."""
        text = context.text
        for problem in context.problems:
            if problem.code == "unexpected-end":
                start, end = problem.start, problem.end
                if text.startswith("\n", end) and (start == 0 or text[start - 1] == "\n"):
                    end += 1
                change = Change(Span(start, end), "")
                fix = Fix("Remove the marker", (change,)) if context.turns else None  # an empty file is none
                yield Finding(problem.message, Span(problem.start, problem.end), fix)
