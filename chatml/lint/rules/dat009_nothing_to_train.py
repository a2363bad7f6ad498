"""DAT009."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule
from chatml.lint.rules._rows import has_answer_elsewhere

_ROW = (
    '{{"messages": [{{"role": "user", "content": "hi"}}, {{"role": "assistant", "content": "ho", "weight": 0}}, '
    '{{"role": "user", "content": "and?"}}, {{"role": "assistant", "content": "so", "weight": {}}}]}}\n'
)


class NothingToTrain(Rule):
    """All messages of the assistant in a row have the weight 0.

    ## Why is this bad?
    The row is paid for, and nothing is learned from it.

    ## Use instead
    A weight of 1, or none, for at least one answer; or no row.
    """

    code, name = "DAT009", "nothing-to-train"
    kinds = frozenset({"training"})
    source = "marin#7237"
    examples = (
        Example(bad=_ROW.format(0), path="train.jsonl"),
        Example(good=_ROW.format(1), path="train.jsonl"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for an answer that counts."""
        weights = [turn.value.get("weight", 1) for turn in context.turns if turn.meant == "assistant"]
        has_none = bool(weights) and all(weight == 0 and weight is not False for weight in weights)
        if has_none and not has_answer_elsewhere(context):
            yield Finding("every message of the assistant has the weight 0")
