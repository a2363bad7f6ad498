"""DAT001."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, FileRule, Finding

_ROW = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}\n'


class InvalidJsonlLine(FileRule):
    """A line of a JSON Lines file is not a JSON value.

    ## Why is this bad?
    Each line is a row of its own. Whoever reads the file stops there, or leaves the row out and says nothing. The run
    ends with status 2, as not all of the file was looked at.

    ## Use instead
    One object per line, without line breaks in it; empty lines are fine.
    """

    code, name = "DAT001", "invalid-jsonl-line"
    kinds = frozenset({"prompt", "training", "template"})
    source = "judgement: one value per line is what JSON Lines are"
    examples = (
        Example(bad=_ROW + '{"messages": [\n', path="train.jsonl"),
        Example(good=_ROW + "\n" + _ROW, path="train.jsonl"),
        Example(good=_ROW + "\n", path="train.jsonl"),
    )

    def check(self, context: Context) -> Iterator[Finding]:  # noqa: ARG002 the signature of all rules
        """Nothing here: it is found when the file is read."""
        yield from ()
