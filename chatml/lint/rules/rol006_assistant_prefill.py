"""ROL006."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Value
from chatml.lint.rules._targets import is_target

_PREFILL = (
    '{{"model": "{}", "messages": [{{"role": "user", "content": "hi"}}, {{"role": "assistant", "content": "Sure"}}]}}'
)
_FAMILIES = ("opus", "sonnet", "haiku")


class AssistantPrefill(Rule):
    """A prompt ends with a message of the assistant, and the target does not continue one.

    Reported only for models that are known to refuse it: see the option.

    ## Why is this bad?
    The API answers with status 400.

    ## Use instead
    A user message at the end; instructions or a response format in place of the beginning of the answer.

    ## Options
    - `targets`: the models and dialects that refuse it, as patterns such as `"claude-opus-4-6*"`; `["*"]` for all.
    """

    code, name = "ROL006", "assistant-prefill"
    severity = Severity.WARNING
    is_on = False
    kinds = frozenset({"prompt"})
    options: ClassVar[Mapping[str, Any]] = {
        "targets": tuple(
            f"{start}{family}-{version}*"
            for family in _FAMILIES
            for start in ("claude-", "anthropic.claude-")
            for version in ("4[-.][6-9]", "[5-9]")
        )
    }
    source = "livekit/agents#4973: models of Claude 4.6 and newer answer a prefill with 400"
    examples = (
        Example(bad=_PREFILL.format("claude-opus-4-6"), path="chat.json"),
        Example(good=_PREFILL.format("claude-sonnet-4-5-20250929"), path="chat.json"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nSure"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the last message, where that matters."""
        turns = context.turns
        is_prefill = bool(turns) and turns[-1].meant == "assistant" and not turns[-1].calls
        if is_prefill and is_target(context, context.options["targets"]):
            message = "the prompt ends with a message of the assistant, which the target does not continue"
            yield Finding(message, Value(turns[-1].path))
