"""SYN002."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, FileRule, Finding


class UnparseableFile(FileRule):
    """A file cannot be read in its format: JSON that is broken off, a key twice, nothing at all.

    The run ends with status 2, whatever else is found: what could not be read was not checked.

    ## Why is this bad?
    Nobody else can read it either. A linter that passes it says that all is well where nothing was looked at.

    ## Use instead
    What the message asks for; it gives the place where reading failed. A file that is a template of JSON first is read
    as one where its format is named: `formats = { "prompts/*.json" = "promptfoo" }`.
    """

    code, name = "SYN002", "unparseable-file"
    source = "promptlint-ai 0.3.0 prints the error and then that there are no violations, with status 0 (measured)"
    examples = (
        Example(bad='[{"role":"user"', path="chat.json"),
        Example(bad='[{"role": "user", "role": "system", "content": "hi"}]', path="chat.json"),
        Example(good='[{"role": "user", "content": "hi"}]', path="chat.json"),
        Example(good="<|im_start|>user\n{% for"),
    )

    def check(self, context: Context) -> Iterator[Finding]:  # noqa: ARG002 - the signature is that of all rules
        """Nothing here: whoever reads the file reports it."""
        yield from ()
