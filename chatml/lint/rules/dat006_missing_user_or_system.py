"""DAT006."""

from __future__ import annotations

from array import array
from collections.abc import Hashable, Iterable, Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, DatasetRule, Example, Fact, Finding, Path, Severity

_NO_USER, _NO_SYSTEM, _SYSTEM_NEEDED, _SYSTEM_FREE = 1, 2, 4, 8
_RARE = 4  # one of four rows, or fewer
_ROW = '{"messages": [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]}\n'
_WITH_SYSTEM = _ROW.replace("[", '[{"role": "system", "content": "Be brief."}, ')


class MissingUserOrSystem(DatasetRule):
    """A row of training data has no message of the user, or none of the system where nearly all others have one.

    A missing system message is reported in a file in which at least three of four rows have one.

    ## Why is this bad?
    A model that is trained on such rows learns to speak unasked, or to behave alike with the system message and
    without.

    ## Use instead
    The same shape in all rows.

    ## Options
    - `system`: `"auto"` as told above, `"always"` to report each row without a system message, `"never"` for none.
    """

    code, name = "DAT006", "missing-user-or-system"
    severity = Severity.WARNING
    kinds = frozenset({"training"})
    options: ClassVar[Mapping[str, Any]] = {"system": "auto"}
    source = "openai-cookbook: missing system and user messages; found in toy_chat_fine_tuning.jsonl, line 4"
    examples = (
        Example(bad=_ROW.replace("user", "system"), path="train.jsonl"),
        Example(bad=_WITH_SYSTEM * 3 + _ROW, path="train.jsonl"),
        Example(good=_ROW * 3, path="train.jsonl"),
        Example(good=_WITH_SYSTEM * 3, path="train.jsonl"),
        Example(good=_WITH_SYSTEM + _ROW, path="train.jsonl"),
    )

    def fact(self, context: Context) -> Hashable | None:
        """Which of the two are missing."""
        roles = {turn.meant for turn in context.turns}
        if not roles:
            return None
        missing = (_NO_USER if "user" not in roles else 0) | (0 if roles & {"system", "developer"} else _NO_SYSTEM)
        return missing | {"always": _SYSTEM_NEEDED, "never": _SYSTEM_FREE}.get(str(context.options["system"]), 0)

    def judge(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Finding]]:
        """Report rows without a user, and count those with a system message."""
        rows: dict[str, int] = {}
        without: dict[str, array[int]] = {}  # lines: a row each may be as many as there are rows
        pointers: dict[tuple[str, int], Path] = {}
        for fact in facts:
            missing = fact.fact if isinstance(fact.fact, int) else 0
            rows[fact.path] = rows.get(fact.path, 0) + 1
            if missing & _NO_USER:
                yield fact, Finding("the row has no message of the user")
            if missing & _NO_SYSTEM and missing & _SYSTEM_NEEDED:
                yield fact, Finding("the row has no system message")
            elif missing & _NO_SYSTEM and not missing & _SYSTEM_FREE:
                lines = without.setdefault(fact.path, array("q"))
                if fact.pointer:
                    pointers[fact.path, len(lines)] = fact.pointer
                lines.append(fact.line)
        for path, lines in without.items():
            if len(lines) * _RARE <= rows[path]:
                finding = Finding(
                    f"the row has no system message, {rows[path] - len(lines):,} of {rows[path]:,} have one"
                )
                for index, line in enumerate(lines):
                    yield Fact(path, line, pointers.get((path, index), ()), None), finding
