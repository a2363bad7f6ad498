"""TPL004."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule
from chatml.lint.rules._texts import texts_of, without_code

# no formula, where braces stand behind a command or another brace
_LEFT = re.compile(
    r"(?<![\\\w{}^$])\{\{\s*[A-Za-z_][\w.]*\s*(?:\|[^{}\n]{0,80})?\}\}(?!\})"
    r"|\{%-?\s*(?:if|for|endif|endfor|else|elif|set|include)\b[^{}%\n]{0,200}%\}"
)


class UnrenderedPlaceholder(Rule):
    """A row of training data holds a tag of a template: `{{name}}` or `{% if %}`.

    What stands in code, in backticks or fenced, is not looked at.

    ## Why is this bad?
    The template was not rendered, or a variable was not given. A model that is trained on it learns to write
    `Hello {{name}}`.

    ## Use instead
    The value. Text about templates puts tags into backticks.
    """

    code, name = "TPL004", "unrendered-placeholder"
    kinds = frozenset({"training"})
    source = "no published case: data that was made by a template shows when it was not rendered"
    examples = (
        Example(
            bad='{"messages": [{"role": "user", "content": "Hello {{name}}"}, {"role": "assistant", "content": "Hi"}]}',
            path="train.jsonl",
        ),
        Example(
            good='{"messages": [{"role": "user", "content": "What does `{{name}}` do?"},'
            ' {"role": "assistant", "content": "```\\n{% if x %}\\n```"}]}',
            path="train.jsonl",
        ),
        Example(
            good='{"messages": [{"role": "user", "content": "x_{{n}} and \\\\frac{{a}}{b} and {\\"a\\": {}}"}]}',
            path="train.jsonl",
        ),
        Example(good="<|im_start|>user\nHello {{name}}<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search all texts."""
        for text in texts_of(context):
            if "{{" in text.text or "{%" in text.text:
                for found in _LEFT.finditer(without_code(text.text)):
                    yield Finding(f"found {found[0][:60]!a}, which was not rendered", text.place(*found.span()))
