"""DAT011."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from chatml.lint._rule import Context, DatasetRule, Example, Fact, Finding, Severity
from chatml.lint.rules._digests import SIZE, split_digests
from chatml.lint.rules._rows import Places

_HALF = SIZE // 2
_MASK = (1 << _HALF * 8) - 1
_ROW = '{{"messages": [{{"role": "user", "content": "{}"}}, {{"role": "assistant", "content": "{}"}}]}}\n'


class ConflictingAnswers(DatasetRule):
    """Two rows have the same messages up to the last one, and another answer.

    Off by default: a question may have many good answers.

    ## Why is this bad?
    If only one of them is right, the model learns the other one, too.

    ## Use instead
    The right answer.
    """

    code, name = "DAT011", "conflicting-answers"
    severity = Severity.INFO
    is_on = False
    kinds = frozenset({"training"})
    source = "judgement: 2 + 2 has one answer"
    examples = (
        Example(bad=_ROW.format("2+2?", "4") + _ROW.format("2+2?", "5"), path="train.jsonl"),
        Example(good=_ROW.format("2+2?", "4") + _ROW.format("2+3?", "5"), path="train.jsonl"),
        Example(good=_ROW.format("2+2?", "4") * 2, path="train.jsonl"),
    )

    def fact(self, context: Context) -> Hashable | None:
        """The names of what is asked and of the answer, in one."""
        names = split_digests(context)
        return None if names is None else names[0] + names[1]

    def judge(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Finding]]:
        """Compare each answer with the first one to the same question."""
        seen: dict[bytes, int] = {}  # the first place, and behind it half of the name of the answer
        places = Places()
        for fact in facts:
            if isinstance(fact.fact, bytes):
                answer = int.from_bytes(fact.fact[-_HALF:])
                first = seen.setdefault(fact.fact[:SIZE], places.pack(fact) << _HALF * 8 | answer)
                if first & _MASK != answer:
                    where = places.shown(first >> _HALF * 8, fact)
                    yield fact, Finding(f"another answer than in {where} to the same messages")
