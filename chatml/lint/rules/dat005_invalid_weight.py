"""DAT005."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Value
from chatml.lint.rules._targets import shown

_ROW = (
    '{{"messages": [{{"role": "user", "content": "hi"{}}}, {{"role": "assistant", "content": "ho"{}}}, '
    '{{"role": "user", "content": "and?"}}, {{"role": "assistant", "content": "so"}}]}}\n'
)


class InvalidWeight(Rule):
    """A message has a weight other than 0 and 1, or one that is not the assistant's has a weight.

    ## Why is this bad?
    The upload is refused: a weight says whether to train on an answer, yes or no.

    ## Use instead
    `"weight": 0` for answers that are not to be learned; no weight for all else.
    """

    code, name = "DAT005", "invalid-weight"
    kinds = frozenset({"training"})
    source = "openai-openapi openapi.yaml: FineTuneChatCompletionRequestAssistantMessage, weight: enum [0, 1]"
    examples = (
        Example(bad=_ROW.format("", ', "weight": 2'), path="train.jsonl"),
        Example(bad=_ROW.format(', "weight": 1', ""), path="train.jsonl"),
        Example(good=_ROW.format("", ', "weight": 0'), path="train.jsonl"),
        Example(good=_ROW.format(', "weight": null', ""), path="train.jsonl"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at each weight; null, which tables with a column for it have, is none."""
        for turn in context.turns:
            weight = turn.value.get("weight")
            if weight is None:
                continue
            place = Value((*turn.path, "weight"))
            if isinstance(weight, bool) or not isinstance(weight, (int, float)) or weight not in (0, 1):
                yield Finding(f"found {shown(weight)} as the weight, expected 0 or 1", place)
            elif turn.meant is not None and turn.meant != "assistant":
                yield Finding(f"a message of role {shown(turn.role)} has a weight", place)
