"""SPT005."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Applicability, Change, Context, Example, Finding, Fix, Rule, Span

_TWICE = re.compile(
    r"\s*(<s>|<bos>|<\|(?:startoftext|begin_of_text|begin_of_sentence|endoftext)\|>|<seed:bos>|\[gMASK\]"
    "|<｜begin▁of▁sentence｜>)"
    r"((?:\s*\1)+)"
)


class DoubleBos(Rule):
    """A raw prompt begins with its beginning-of-text token twice.

    ## Why is this bad?
    A tokenizer that adds the token makes it three. Models were trained with one, and answer worse with more.

    ## Use instead
    One, or none where the tokenizer adds it.

    ## Fix
    Safe: all but the first are removed. The messages stay as they are.
    """

    code, name = "SPT005", "double-bos"
    fix = "safe"
    formats = frozenset({"chatml"})
    source = "sgl-project/sglang PR#888, NVIDIA-NeMo/RL#855, ggml-org/llama.cpp PR#15086"
    examples = (
        Example(
            bad="<s><s><|im_start|>system\nhi<|im_end|>\n",
            fixed="<s><|im_start|>system\nhi<|im_end|>\n",
        ),
        Example(good="<s><|im_start|>system\nhi<|im_end|>\n"),
        Example(good="<|im_start|>user\n<s><s><|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the beginning of the text."""
        found = _TWICE.match(context.text)
        if found:
            place = Span(*found.span(2))
            fix = Fix("Keep one", (Change(place, ""),), Applicability.SAFE)
            yield Finding(f"the text begins with {found[1]} more than once", place, fix)
