"""TPL007."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._texts import Text, texts_of, without_code

_SINGLE = re.compile(r"(?<![{$\w\\])\{[A-Za-z_]\w*\}(?!\})")
_DOUBLE = re.compile(r"\{\{-?\s*[A-Za-z_][\w.]*\s*(?:\|[^{}\n]{0,80})?-?\}\}")


class MixedPlaceholderSyntax(Rule):
    """A file has placeholders in single braces beside others in double braces.

    ## Why is this bad?
    One engine renders one of them. The other kind goes to the model as it is, or the engine writes `{{x}}` as `{x}`.

    ## Use instead
    One kind of placeholder.
    """

    code, name = "TPL007", "mixed-placeholder-syntax"
    severity = Severity.WARNING
    is_on = False
    kinds = frozenset({"prompt", "template"})
    source = "promptlint-ai PL033"
    examples = (
        Example(bad="<|im_start|>user\nTranslate {text} to {{language}}.<|im_end|>\n"),
        Example(bad='[{"role": "user", "content": "{a}"}, {"role": "user", "content": "{{b}}"}]', path="chat.json"),
        Example(good='<|im_start|>user\n{"a": {"b": 1}} and {{language}}, `{x}`, ${y}<|im_end|>\n'),
        Example(good="<|im_start|>user\nTranslate {text} to {language}.<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search for both kinds."""
        texts = list(texts_of(context))
        if not context.turns:
            texts += [Text(template.text, "", template.path) for template in context.templates]
        if not any("{{" in text.text for text in texts):
            return
        double = next((found[0] for text in texts if (found := _DOUBLE.search(without_code(text.text)))), None)
        for text in texts if double else ():
            if single := _SINGLE.search(without_code(text.text)):
                message = f"found {single[0]}, and {str(double)[:60]} in the same file"
                yield Finding(message, text.place(*single.span()))
                return
