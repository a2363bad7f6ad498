"""ROL005."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Value
from chatml.lint.rules._contents import has_names

_NONE = '[{"role": "system", "content": "Be brief."}, {"role": "assistant", "content": "Hello!"}]'


class NoUserMessage(Rule):
    """A prompt has messages of the assistant, and none of the user.

    A prompt of system messages alone is taken for a part of one, and left alone. In training data see DAT006.

    ## Why is this bad?
    The model answers nothing; some chat templates need a user message, and raise.

    ## Use instead
    The user's message that the assistant answers, or the system message alone.
    """

    code, name = "ROL005", "no-user-message"
    severity = Severity.WARNING
    kinds = frozenset({"prompt"})
    source = "verl#7725: Qwen3.5 requires one; openai-cookbook warns"
    examples = (
        Example(bad=_NONE, path="chat.json"),
        Example(good='[{"role": "system", "content": "Be brief."}]', path="chat.json"),
        Example(good="<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>assistant\n"),
        Example(good=_NONE.replace("system", "user"), path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for the user."""
        roles = {turn.meant for turn in context.turns}
        if "assistant" in roles and "user" not in roles and None not in roles and not _has_examples(context):
            yield Finding("no message is one of the user", Value(context.turns[0].path))


def _has_examples(context: Context) -> bool:
    """Whether a name says that a system message stands for a user."""
    return has_names(context) or any(turn.value.get("name") for turn in context.turns)
