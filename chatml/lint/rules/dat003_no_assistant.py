"""DAT003."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule
from chatml.lint.rules._rows import has_answer_elsewhere

_ASKED = '[{"role": "system", "content": "Be brief."}, {"role": "user", "content": "hi"}]'


class NoAssistant(Rule):
    """A row of training data has no message of the assistant.

    Rows that hold the answers in keys of their own, such as `chosen` and `rejected`, are left alone.

    ## Why is this bad?
    A model is trained on what the assistant says: there is nothing to learn in the row.

    ## Use instead
    The answer as the last message.
    """

    code, name = "DAT003", "no-assistant"
    kinds = frozenset({"training"})
    source = "openai-cookbook: example_missing_assistant_message"
    examples = (
        Example(bad=f'{{"messages": {_ASKED}}}\n', path="train.jsonl"),
        Example(good=f'{{"messages": {_ASKED}, "chosen": "ho", "rejected": "no"}}\n', path="train.jsonl"),
        Example(good=_ASKED, path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for the assistant."""
        if not any(turn.meant == "assistant" for turn in context.turns) and not has_answer_elsewhere(context):
            yield Finding("the row has no message of the assistant")
