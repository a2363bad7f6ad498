"""DAT002."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, FileRule, Finding


class MissingMessages(FileRule):
    """A JSON value holds no conversation: it has neither `messages` nor `conversations`.

    ## Why is this bad?
    Nobody can train on the row, or send it.

    ## Use instead
    An object with a list under `messages`, or in ShareGPT under `conversations`.
    """

    code, name = "DAT002", "missing-messages"
    kinds = frozenset({"prompt", "training", "template"})
    source = "openai-cookbook: missing_messages_list; found in AGMTZG/dataset-custom-template"
    examples = (
        Example(bad='{"input": "hi", "output": "ho"}\n', path="train.jsonl"),
        Example(
            good='{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]}\n',
            path="train.jsonl",
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:  # noqa: ARG002 the signature of all rules
        """Nothing here: it is found when the file is read."""
        yield from ()
