"""TPL005."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Value

_BLOCK = re.compile(r"\{%[-+]?\s*generation\b")
_TRAINING = re.compile(r"(?:^|[^a-z])train(?:ing)?(?![a-z])")
_LOOP = "{% for m in messages %}<|im_start|>{{ m.role }}\nSAID<|im_end|>\n{% endfor %}"


class NoGenerationBlock(Rule):
    """A chat template that is for training does not mark what the assistant says.

    A template is for training when its name says so (`qwen_training.jinja`), or the configuration:
    `kinds = { "*.jinja" = "training" }`.

    ## Why is this bad?
    Trainers that learn from answers only find them by `{% generation %}`. Without it the mask is all zero, and the
    training learns nothing, or from everything.

    ## Use instead
    `{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}` around what the assistant writes.
    """

    code, name = "TPL005", "no-generation-block"
    severity = Severity.WARNING
    formats = frozenset({"jinja", "tokenizer-config"})
    kinds = frozenset({"template"})
    source = "marin#7237 (a mask of zeros), huggingface/trl#4201"
    examples = (
        Example(bad=_LOOP.replace("SAID", "{{ m.content }}"), path="qwen_training.jinja"),
        Example(
            bad=_LOOP.replace("SAID", "{{ m.content }}"), path="chat.jinja", settings={"kinds": {"*.jinja": "training"}}
        ),
        Example(
            good=_LOOP.replace("SAID", "{% generation %}{{ m.content }}{% endgeneration %}"), path="qwen_training.jinja"
        ),
        Example(good=_LOOP.replace("SAID", "{{ m.content }}"), path="chat.jinja"),
        Example(good=_LOOP.replace("SAID", "{{ m.content }}"), path="constraints.jinja"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search the templates for the block."""
        name = context.path.replace("\\", "/").rpartition("/")[2].lower()
        if context.settings.get("kind") != "training" and not _TRAINING.search(name):
            return
        for template in context.templates:
            if "messages" in template.text and not _BLOCK.search(template.text):
                start = template.text.find("{%")
                hint = "put {% generation %} and {% endgeneration %} around what the assistant says"
                place = Value(template.path, max(start, 0), max(start, 0) + 2)
                yield Finding("the template has no {% generation %} block", place, None, hint)
