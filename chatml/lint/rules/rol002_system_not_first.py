"""ROL002."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Value
from chatml.lint.rules._targets import is_target

_QWEN = '{{"model": "{}", "messages": [{{"role": "user", "content": "hi"}}, {{"role": "{}", "content": "Be brief."}}]}}'


class SystemNotFirst(Rule):
    """A system message stands behind other messages, and the target refuses that.

    Reported only for a dialect or a model that is known to: see the option.

    ## Why is this bad?
    The chat templates of some models raise "System message must be at the beginning."; others leave the message out.

    ## Use instead
    One system message, as the first; later instructions in user messages.

    ## Fix
    Unsafe: the message becomes one of the user.

    ## Options
    - `targets`: the models and dialects that take a system message as the first only, as patterns such as
      `"qwen3.5*"`; `["*"]` for all.
    """

    code, name = "ROL002", "system-not-first"
    fix = "unsafe"
    options: ClassVar[Mapping[str, Any]] = {"targets": ("qwen3.[5-8]*",)}
    source = "QwenLM/Qwen3.8#244, vllm#41114"
    examples = (
        Example(bad=_QWEN.format("qwen3.5-35b", "system"), fixed=_QWEN.format("qwen3.5-35b", "user"), path="chat.json"),
        Example(good=_QWEN.format("qwen2.5-7b-instruct", "system"), path="chat.json"),
        Example(good=_QWEN.format("gpt-4o", "system"), path="chat.json"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>system\nBe brief.<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for system messages behind others, where that matters."""
        late = [turn for turn in context.turns if turn.number and turn.meant == "system"]
        if not late:
            return
        others = next((turn.number for turn in context.turns if turn.meant != "system"), len(context.turns))
        if not (context.dialect.system_first_only or is_target(context, context.options["targets"])):
            return
        for turn in late:
            if turn.number > others:
                role = "user" if turn.role_path[-1] == "role" else "human"
                yield Finding(
                    "a system message stands behind other messages, which the target refuses",
                    Value(turn.path),
                    Fix("Make it a user message", (Change(Value(turn.role_path), role),)),
                )
