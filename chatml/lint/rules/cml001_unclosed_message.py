"""CML001."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Span
from chatml.lint.rules._contents import WHITE


class UnclosedMessage(Rule):
    """A message is not closed: the next one begins, or the text ends.

    ## Why is this bad?
    The model reads both as one message: the second role is text of the first. A missing end marker is the most common
    fault of hand-written prompts. Where the text ends, the model goes on writing what the user says.

    ## Use instead
    Close every message with the end marker. Only an assistant's may stay open at the end, as a generation prompt or a
    prefill.

    ## Fix
    Unsafe: the end marker is put behind the text of the message. What the model sees changes, that is the point.
    """

    code, name = "CML001", "unclosed-message"
    fix = "unsafe"
    formats = frozenset({"chatml"})
    source = "found in published prompts: the-crypt-keeper/can-ai-code, prompts/dolphin.txt"
    examples = (
        Example(
            bad="<|im_start|>user\nhi<|im_start|>assistant\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(
            bad="<|im_start|>user\nhi\n<|im_start|>assistant\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(bad="<|im_start|>user\nhi", fixed="<|im_start|>user\nhi<|im_end|>\n"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nSure, "),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Report what the parser found open."""
        ends = {message: (kind, text, start) for kind, text, start, message in context.markers}
        for problem in context.problems:
            place = Span(problem.start, problem.end)
            if problem.code == "unclosed-message":
                yield Finding(problem.message, place, _fix(context, ends.get(problem.message_index)))
            elif problem.code == "open-message":
                turn = context.turns[-1]
                if turn.role != "assistant":
                    message = f"message {turn.number} ({turn.role}) is not closed before the text ends"
                    yield Finding(message, place, _fix(context, ends.get(turn.number)))


def _fix(context: Context, last: tuple[str, str, int] | None) -> Fix | None:
    """Put the end marker behind the last segment of a message: its kind, its text, where it starts."""
    if last is None:
        return None
    kind, text, start = last
    if kind in ("role", "name"):  # the header has no end: FMT003 puts it there first
        return None
    kept = start + len(text.rstrip(WHITE) if kind == "content" else text)
    closing = context.dialect.content_end + context.dialect.end + context.dialect.separator
    return Fix("Close the message", (Change(Span(kept, start + len(text)), closing),))
