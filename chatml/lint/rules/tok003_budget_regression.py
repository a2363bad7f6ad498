"""TOK003."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._counts import number_of, said

_PROMPT = "<|im_start|>user\nTell me all about tokens, please.<|im_end|>\n"


class BudgetRegression(Rule):
    """A prompt has grown by more than some percent since its tokens were recorded.

    They are recorded in a baseline (`chatml lint --baseline FILE --write-baseline`), or in the option `tokens`. The
    number of a baseline shrinks with its prompt.

    ## Why is this bad?
    Growth of each change is small and seen by nobody; together they double the bill.

    ## Use instead
    A shorter prompt; or record the new number, where the growth was meant.

    ## Options
    - `percent`: how much more is allowed.
    - `tokens`: recorded tokens by path, beside those of a baseline.
    """

    code, name = "TOK003", "budget-regression"
    severity = Severity.WARNING
    kinds = frozenset({"prompt"})
    needs_tokens = True
    options: ClassVar[Mapping[str, Any]] = {"percent": 10, "tokens": {}}
    source = "pr-agent#146: a pull request shows how the tokens of prompts change"
    examples = (
        Example(bad=_PROMPT, settings={"rules": {"TOK003": {"tokens": {"prompt.chatml": 10}}}}),
        Example(good=_PROMPT, settings={"rules": {"TOK003": {"tokens": {"prompt.chatml": 14}}}}),
        Example(good=_PROMPT, settings={"rules": {"TOK003": {"tokens": {"prompt.chatml": 10}, "percent": 100}}}),
        Example(good=_PROMPT, settings={"rules": {"TOK003": {"tokens": {"other.chatml": 1}}}}),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the tokens with those of the option; a baseline is compared when a whole file is counted."""
        recorded, percent = context.options.get("tokens"), context.options.get("percent")
        before = number_of(recorded.get(context.path)) if isinstance(recorded, Mapping) else 0
        if not before or context.pointer or not isinstance(percent, (int, float)):
            return
        tokens = context.count()
        if tokens is not None and tokens.total > before * (1 + percent / 100):
            more = (tokens.total / before - 1) * 100
            message = f"the file has {said(tokens)}, {more:.0f} % more than the {before:,} that were recorded"
            yield Finding(message, help=f"{percent} % are allowed; shorten it, or record the new number")
