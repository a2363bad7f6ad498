"""SPT007."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity
from chatml.lint.rules._contents import contents_of, joined
from chatml.lint.rules._targets import is_target

_THINK = re.compile(r"<think>((?:(?!<think>).)*?)</think>[ \t]*\n*", re.DOTALL)


class ReasoningInHistory(Rule):
    """An answer before the last user message still has its reasoning, or training data has an empty block of it.

    Reasoning behind the last user message, such as that between tool calls, belongs there.

    ## Why is this bad?
    Templates of reasoning models take earlier reasoning out, so models have not seen it; it costs tokens in every
    turn. An empty `<think></think>` in training data teaches the model not to think.

    ## Use instead
    Keep the answer alone in the history.

    ## Fix
    Unsafe: the block is removed, and the empty lines behind it.

    ## Options
    - `preserves`: models and dialects, as globs, whose templates keep earlier reasoning.
    """

    code, name = "SPT007", "reasoning-in-history"
    severity = Severity.WARNING
    fix = "unsafe"
    options: ClassVar[Mapping[str, Any]] = {"preserves": ("qwen3.8*",)}
    source = "the template of DeepSeek-R1 strips reasoning; NeMo Automodel PR#3739: empty blocks get trained"
    examples = (
        Example(
            bad="<|im_start|>assistant\n<think>\nhm\n</think>\n\n4<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
            fixed="<|im_start|>assistant\n4<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
        ),
        Example(
            bad='{"messages": [{"role": "assistant", "content": "<think></think>4"}]}',
            fixed='{"messages": [{"role": "assistant", "content": "4"}]}',
            path="train.jsonl",
        ),
        Example(
            good='[{"role": "user", "content": "2+2"}, {"role": "assistant", "content": "<think>hm</think>4"}]',
            path="chat.json",
        ),
        Example(
            good="<|im_start|>assistant\n<think>\nhm\n</think>\n\n4<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
            settings={"rules": {"SPT007": {"preserves": ["chatml"]}}},
        ),
        Example(good='[{"role": "assistant", "content": "<think></think>4"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at what assistants say."""
        last_user = -1
        for content in contents_of(context) if "</think>" in joined(context) else ():
            if last_user < 0:
                last_user = max((turn.number for turn in context.turns if turn.meant == "user"), default=0)
            if content.role != "assistant" or "</think>" not in content.text:
                continue
            is_history = (content.message or 0) < last_user and not is_target(context, context.options.get("preserves"))
            for block in _THINK.finditer(content.text):
                is_empty = context.kind == "training" and not block[1].strip()
                if is_history or is_empty:
                    what = "an empty block of reasoning is trained", "an earlier answer has its reasoning"
                    end = block.start() + block[0].rindex("</think>") + len("</think>")
                    fix = Fix("Remove the reasoning", (Change(content.place(*block.span()), ""),))
                    yield Finding(what[not is_empty], content.place(block.start(), end), fix)
