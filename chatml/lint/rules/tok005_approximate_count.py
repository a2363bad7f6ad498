"""TOK005."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._counts import is_first

_CHAT = '[{"role": "user", "content": "hi"}]'


class ApproximateCount(Rule):
    """The tokens of a prompt are an estimate, or not known, for the model that the configuration names.

    Said once a file, about its first conversation.

    ## Why is this bad?
    Limits and budgets are then checked against a number that may be wrong by some percent, or not at all.

    ## Use instead
    A vocabulary: `encoding` in the configuration takes the `tokenizer.json` of the model. Where there is none, as with
    models that keep theirs for themselves, leave room below the limits and ignore this rule.
    """

    code, name = "TOK005", "approximate-count"
    severity = Severity.INFO
    kinds = frozenset({"prompt", "training"})
    needs_tokens = True
    source = "promptlint-ai PL090"
    examples = (
        Example(bad=_CHAT, path="chat.json", settings={"model": "a-model-of-our-own"}),
        Example(good=_CHAT, path="chat.json", settings={"model": "gpt-4o"}),
        Example(good=_CHAT, path="chat.json"),
        Example(good='{"model": "a-model-of-our-own", "messages": []}', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the status of the count."""
        model = context.settings.get("target")
        if model is None or context.format == "text" or not is_first(context):
            return
        tokens = context.count()
        if tokens is None:
            yield Finding(f"tokens cannot be counted for {model!a}", help="name its encoding in the configuration")
        elif tokens.status == "estimate":
            yield Finding(f"tokens are an estimate for {model!a}", help="name its encoding, where there is one")
