"""DAT004."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Value
from chatml.lint.rules._rows import has_answer_elsewhere
from chatml.lint.rules._targets import shown

_ROW = (
    '{{"messages": [{{"role": "user", "content": "hi"}}, {{"role": "assistant", "content": "ho"}}, '
    '{{"role": "user", "content": "and?"}}{}]{}}}\n'
)


class LastNotAssistant(Rule):
    """A row of training data ends with another message than the assistant's.

    Rows without any (DAT003) and rows that hold the answers in keys of their own, such as `chosen` and `rejected`, are
    left alone.

    ## Why is this bad?
    What stands behind the last answer teaches nothing, and some services refuse the row.

    ## Use instead
    A row that ends with an answer.
    """

    code, name = "DAT004", "last-not-assistant"
    kinds = frozenset({"training"})
    source = "documentation of OpenPipe; found in AndresRamirez9912/ChatGPT_API, train.jsonl, line 2"
    examples = (
        Example(bad=_ROW.format("", ""), path="train.jsonl"),
        Example(good=_ROW.format(', {"role": "assistant", "content": "so"}', ""), path="train.jsonl"),
        Example(good=_ROW.format("", ', "chosen": "so", "rejected": "no"'), path="train.jsonl"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the last message."""
        turns = context.turns
        if not turns or turns[-1].meant == "assistant" or has_answer_elsewhere(context):
            return
        if any(turn.meant == "assistant" for turn in turns):
            yield Finding(f"the row ends with a message of role {shown(turns[-1].role)}", Value(turns[-1].path))
