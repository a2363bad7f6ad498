"""TOK004."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._counts import number_of, said

_ROW = '{"messages": [{"role": "user", "content": "Count to ten."}, {"role": "assistant", "content": "1 2 3 4 5 6"}]}'


class TrainingExampleTruncated(Rule):
    """A row of training data has more tokens than a training takes.

    The limit is the option `limit`, or the context window of the model that the configuration names.

    ## Why is this bad?
    What is behind the limit is cut off without a word. The answer stands at the end, so that the row teaches how a
    question is not answered.

    ## Use instead
    Shorter rows, or several of one.

    ## Options
    - `limit`: the most tokens of a row; 0 stands for the window of the model.
    """

    code, name = "TOK004", "training-example-truncated"
    severity = Severity.WARNING
    kinds = frozenset({"training"})
    needs_tokens = True
    options: ClassVar[Mapping[str, Any]] = {"limit": 0}
    source = "openai-cookbook, Chat_finetuning_data_prep.ipynb: examples over the limit are truncated"
    examples = (
        Example(bad=_ROW, path="train.jsonl", settings={"rules": {"TOK004": {"limit": 10}}}),
        Example(good=_ROW, path="train.jsonl", settings={"rules": {"TOK004": {"limit": 65_536}}}),
        Example(good=_ROW, path="train.jsonl", settings={"model": "gpt-4o"}),
        Example(good=_ROW, path="train.jsonl"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the tokens of a row with the limit."""
        limit = number_of(context.options.get("limit"))
        if not limit and context.settings.get("target") is None:
            return
        tokens = context.count()
        limit = limit or (tokens.window or 0 if tokens else 0)
        if tokens is not None and limit and tokens.total > limit:
            message = f"the row has {said(tokens)}, the limit of a training is {limit:,}"
            yield Finding(message, help="shorten it, or make several rows of it")
