"""DAT008."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from chatml.lint._rule import Context, DatasetRule, Example, Fact, Finding
from chatml.lint.rules._rows import NO_SPLIT, TRAIN, Places, row_name

_ROW = (
    '{{"split": "{}", "messages": [{{"role": "user", "content": "hi"}}, {{"role": "assistant", "content": "{}"}}]}}\n'
)


class CrossSplitLeak(DatasetRule):
    """The same conversation stands in files of two splits, such as train and validation.

    The split is what the key `split` of a row says, or the name of the file, or of the nearest folder: train, training,
    valid, validation, val, dev, eval, evaluation, test, testing. The row outside of the training data is reported.

    ## Why is this bad?
    The model is measured on what it has seen: the result looks better than it is.

    ## Use instead
    Each conversation in one split.
    """

    code, name = "DAT008", "cross-split-leak"
    kinds = frozenset({"training"})
    source = "CMU_DoG#2: 110 shared conversations; marin#9212: 7.4 % flagged"
    examples = (
        Example(bad=_ROW.format("train", "ho") + _ROW.format("test", "ho"), path="rows.jsonl"),
        Example(good=_ROW.format("train", "ho") + _ROW.format("test", "hello"), path="rows.jsonl"),
        Example(good=_ROW.format("train", "ho") * 2, path="rows.jsonl"),
    )

    def fact(self, context: Context) -> Hashable | None:
        """The name of a row that belongs to a split."""
        name = row_name(context)
        return None if name is None or name.startswith(NO_SPLIT) else name

    def judge(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Finding]]:
        """Compare what is not for training with what is, and with what of it came before."""
        places = Places()
        train: dict[bytes, int] = {}
        others: list[Fact] = []
        for fact in facts:
            if isinstance(fact.fact, bytes) and fact.fact.startswith(TRAIN):
                train.setdefault(fact.fact, places.pack(fact))
            else:
                others.append(fact)
        seen: dict[bytes, tuple[int, int]] = {}
        for fact in others:
            name = fact.fact
            if not isinstance(name, bytes):
                continue
            first = train.get(TRAIN + name[1:])
            split, before = seen.setdefault(name[1:], (name[0], places.pack(fact)))
            if first is None and split != name[0]:
                first = before
            if first is not None:
                where = places.shown(first, fact)
                yield fact, Finding(f"the same conversation as in {where}, which is of another split")
