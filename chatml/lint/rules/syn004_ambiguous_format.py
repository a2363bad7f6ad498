"""SYN004."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Span
from chatml.lint.rules._contents import is_ambiguous

_DOTPROMPT = re.compile(r"\A(?:#[^\n]*\n|\s)*---[ \t]*\r?\n|\{\{[#~]?\s*(?:role|history)\b")


class AmbiguousFormat(Rule):
    """A `.prompt` file could be in several formats, and nothing in it tells which.

    ## Why is this bad?
    Dotprompt, raw ChatML and others use that ending. The file is checked as plain text, so most rules have nothing to
    look at.

    ## Use instead
    Say what it is: `formats = { "*.prompt" = "chatml" }` in the configuration, or `"text"` for plain text.
    """

    code, name = "SYN004", "ambiguous-format"
    severity = Severity.INFO
    formats = frozenset({"chatml", "text"})
    kinds = frozenset({"prompt", "training", "template"})
    source = "google/dotprompt and openai/openai-python:chatml.md are both found in files of this ending"
    examples = (
        Example(bad="Answer briefly.\n", path="notes.prompt"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n", path="notes.prompt"),
        Example(good='---\nmodel: gpt-4o\n---\n{{role "user"}}\nhi\n', path="notes.prompt"),
        Example(good="Answer briefly.\n", path="notes.txt"),
        Example(good="Answer briefly.\n", path="notes.prompt", settings={"formats": {"*.prompt": "text"}}),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for the signs of a format."""
        if is_ambiguous(context) and not _DOTPROMPT.search(context.text):
            end = context.text.find("\n")
            hint = 'set formats = { "*.prompt" = "chatml" }, or the format that it is in'
            place = Span(0, len(context.text) if end < 0 else end)
            yield Finding("nothing in this .prompt file says which format it is in", place, None, hint)
