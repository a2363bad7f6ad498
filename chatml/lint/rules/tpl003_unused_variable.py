"""TPL003."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Value
from chatml.lint.rules._targets import shown

_FRONT = "---\ninputs:\n  question:\n    kind: string\n  tone:\n    kind: string\n---\nuser:\n{{question}}"


class UnusedVariable(Rule):
    """A file declares an input that its template does not use.

    ## Why is this bad?
    Who calls the prompt gives a value, and it changes nothing: often the place where it stood was deleted, or has a
    typo.

    ## Use instead
    Use it, or take the declaration away.
    """

    code, name = "TPL003", "unused-variable"
    severity = Severity.WARNING
    kinds = frozenset({"prompt", "training", "template"})
    source = "promptly, and promptlint-ai PL031"
    examples = (
        Example(bad=_FRONT + "\n", path="ask.prompty"),
        Example(
            bad="---\nmodel: gpt-4o\ninput:\n  schema:\n    name: string\n    age?: number\n---\nHello {{name}}\n",
            path="hello.prompt",
        ),
        Example(good=_FRONT + " ({{ tone | upper }})\n", path="ask.prompty"),
        Example(good=_FRONT + "{% include 'tone.md' %}\n", path="ask.prompty"),
        Example(
            good="---\nmodel: gpt-4o\ninput:\n  schema:\n    name: string\n---\n{{>greeting who=name}}\n",
            path="hello.prompt",
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the names in the file with the words in the templates."""
        variables = context.variables
        if variables is None or not variables.declared or not context.templates:
            return
        scans = [template.scan for template in context.templates]
        if any(scan.is_partial for scan in scans):  # what is taken in may use more
            return
        used = frozenset[str]().union(*(scan.words for scan in scans))
        for name, path in variables.declared.items():
            if name not in used:
                place = Value(path, is_key=isinstance(path[-1], str))
                yield Finding(f"the input {shown(name)} is not used", place)
