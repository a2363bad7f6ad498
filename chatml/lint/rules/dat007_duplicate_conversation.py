"""DAT007."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from chatml.lint._rule import Context, DatasetRule, Example, Fact, Finding, Severity
from chatml.lint.rules._rows import Places, row_name

_ROW = '{{"messages": [{{"role": "user", "content": "2+2?"}}, {{"role": "assistant", "content": "{}"}}]{}}}\n'


class DuplicateConversation(DatasetRule):
    """A row of training data says the same as one before it, in the same file or in another of the same split.

    Rows are the same when their messages and tools are, whatever their other keys. The same row in train and validation
    files is DAT008, another answer to the same question DAT011.

    ## Why is this bad?
    The row counts twice: the model learns it by heart, and the cost of training goes up.

    ## Use instead
    Each row once; more epochs, or a weight, where it is meant to count more.
    """

    code, name = "DAT007", "duplicate-conversation"
    severity = Severity.WARNING
    kinds = frozenset({"training"})
    source = "ParlAI#3608; marin#9212: 48,265 verified in 113 million rows"
    examples = (
        Example(bad=_ROW.format("4", "") + _ROW.format("4", ', "id": 2'), path="train.jsonl"),
        Example(good=_ROW.format("4", "") + _ROW.format("Four.", ""), path="train.jsonl"),
    )

    def fact(self, context: Context) -> Hashable | None:
        """The name of the row."""
        return row_name(context)

    def judge(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Finding]]:
        """Look for names that were there before."""
        seen: dict[Hashable, int] = {}
        places = Places()
        for fact in facts:
            first = seen.setdefault(fact.fact, -1)
            if first < 0:
                seen[fact.fact] = places.pack(fact)
            else:
                yield fact, Finding(f"the same conversation as in {places.shown(first, fact)}")
