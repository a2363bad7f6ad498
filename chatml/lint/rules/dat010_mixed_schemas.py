"""DAT010."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator

from chatml.lint._rule import Context, DatasetRule, Example, Fact, Finding

_CHAT = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}\n'
_SHAREGPT = '{"conversations": [{"from": "human", "value": "hi"}, {"from": "gpt", "value": "ho"}]}\n'
_SHOWN = {"request": "'messages'", "messages": "a bare list of messages", "sharegpt": "'conversations'"}


class MixedSchemas(DatasetRule):
    """A file has rows in more than one form: `messages` in one, `conversations` in another.

    The first row of each form but the first is reported.

    ## Why is this bad?
    Who reads the file expects one of them, and fails at the other or leaves it out.

    ## Use instead
    One form; `chatml convert` makes it.
    """

    code, name = "DAT010", "mixed-schemas"
    kinds = frozenset({"training"})
    source = "judgement: a reader takes one form"
    examples = (
        Example(bad=_CHAT + _SHAREGPT, path="train.jsonl"),
        Example(good=_CHAT + _CHAT.replace("]}", '], "id": 2}'), path="train.jsonl"),
    )

    def fact(self, context: Context) -> Hashable | None:
        """The form."""
        return context.format

    def judge(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Finding]]:
        """Compare each row with the first of its file."""
        seen: dict[str, dict[Hashable, Fact]] = {}
        for fact in facts:
            forms = seen.setdefault(fact.path, {})
            if forms and fact.fact not in forms:
                first = next(iter(forms.values()))
                yield fact, Finding(f"found {_shown(fact)}, and in line {first.line} {_shown(first)}")
            forms.setdefault(fact.fact, fact)


def _shown(fact: Fact) -> str:
    return _SHOWN.get(str(fact.fact), f"the form {fact.fact}")
