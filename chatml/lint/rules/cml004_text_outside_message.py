"""CML004."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml._special import BOS_AND_EOS
from chatml.lint._rule import Context, Example, Finding, Rule, Span
from chatml.lint.rules._contents import foreign_frames, is_ambiguous, outside_of, without_template

_TOKENS = re.compile("|".join(map(re.escape, sorted(BOS_AND_EOS))))
_FRONT_MATTER = re.compile(r"(?:\ufeff|\s)*---[ \t]*\r?\n.*?\n---[ \t]*(?:\r?\n|\Z)", re.DOTALL)
_PLAIN_VARIABLE = re.compile(r"\$?\{\w[\w.]*\}")


class TextOutsideMessage(Rule):
    """Text stands before the first message, between two, or behind the last, and is of no role.

    Tokens that begin or end a text, template code and front matter do not count.

    ## Why is this bad?
    The model reads it, but nobody said it: in training there was nothing in that place. What was meant as an
    instruction has less weight there than in a system message.

    ## Use instead
    A message of its own.
    """

    code, name = "CML004", "text-outside-message"
    formats = frozenset({"chatml"})
    source = "openai/openai-python:chatml.md: a prompt is a sequence of messages"
    examples = (
        Example(bad="Answer briefly.\n<|im_start|>user\nhi<|im_end|>\n"),
        Example(bad="<|im_start|>user\nhi<|im_end|>\nPlease.\n<|im_start|>assistant\n"),
        Example(good="<s><|im_start|>user\nhi<|im_end|>\n\n<|im_start|>assistant\n"),
        Example(good="{{ examples }}\n<|im_start|>user\nhi<|im_end|>\n{% if ask %}<|im_start|>assistant\n{% endif %}"),
        Example(good="---\nmodel: gpt-4o\n---\n<|im_start|>user\nhi<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Report what the parser found, less what may stand there."""
        if is_ambiguous(context):
            return
        for content in outside_of(context):
            text = _PLAIN_VARIABLE.sub(_blank, _TOKENS.sub(_blank, without_template(content.text)))
            if content.start == 0 and "---" in text:
                text = _FRONT_MATTER.sub(_blank, text, count=1)
            if text.isspace() or any(frame.content.start == content.start for frame in foreign_frames(context)):
                continue
            start = content.start + len(text) - len(text.lstrip())
            end = content.start + len(text.rstrip())
            where = "before the first message" if not context.turns or content.start == 0 else "outside of all messages"
            yield Finding(f"text {where} is of no role", Span(start, end), None, "put it in a message")


def _blank(found: re.Match[str]) -> str:
    return " " * len(found[0])
