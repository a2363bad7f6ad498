"""ROL004."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Value
from chatml.lint.rules._targets import is_target, join_messages

_TWO = (
    '{{"model": "{}", "messages": [{{"role": "system", "content": "Be brief."}}, '
    '{{"role": "system", "content": "Be kind."}}, {{"role": "user", "content": "hi"}}]}}'
)
_FEW_SHOT = (
    "<|im_start|>system\nTranslate.<|im_end|>\n<|im_start|>system name=example_user\nhi<|im_end|>\n"
    "<|im_start|>system name=example_assistant\nsalut<|im_end|>\n<|im_start|>user\nho<|im_end|>\n"
)


class MultipleSystemMessages(Rule):
    """A conversation begins with more than one system message, and the target takes one.

    Reported only for a dialect or a model that is known to: see the option. Messages with a name are examples or
    plugins, and do not count.

    ## Why is this bad?
    The chat templates of some models raise for the second one, others read the first one only.

    ## Use instead
    One system message with all instructions.

    ## Fix
    Unsafe: the two become one message, with an empty line between their texts; in JSON, all of them at once.

    ## Options
    - `targets`: the models and dialects that take one system message, as patterns such as `"qwen3.5*"`; `["*"]` for
      all.
    """

    code, name = "ROL004", "multiple-system-messages"
    severity = Severity.WARNING
    fix = "unsafe"
    options: ClassVar[Mapping[str, Any]] = {"targets": ("qwen3.[5-8]*",)}
    source = "opencode#15059, hal0 PR#992"
    examples = (
        Example(
            bad=_TWO.format("Qwen/Qwen3.5-35B-A3B"),
            fixed=(
                '{"model": "Qwen/Qwen3.5-35B-A3B", "messages": [{"role": "system", '
                '"content": "Be brief.\\n\\nBe kind."}, {"role": "user", "content": "hi"}]}'
            ),
            path="chat.json",
        ),
        Example(good=_TWO.format("gpt-4o"), path="chat.json"),
        Example(good=_FEW_SHOT, settings={"dialect": "openai"}),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Count the system messages in front, where that matters."""
        turns = context.turns
        if len(turns) < 2 or turns[0].meant != "system" or turns[1].meant != "system":
            return
        if not (context.dialect.system_first_only or is_target(context, context.options["targets"])):
            return
        named = {message for kind, _, _, message in context.markers if kind == "name"}
        leading = list(takewhile(lambda turn: turn.meant == "system", turns))
        more = [turn for turn in leading[1:] if turn.number not in named and not turn.value.get("name")]
        for turn, fix in zip(more, join_messages(context, more), strict=True):
            yield Finding("more than one system message, and the target takes one", Value(turn.path), fix)
