"""TXT003."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._targets import shown
from chatml.lint.rules._texts import texts_of, without_code

# what each alternative must hold, so that most texts are passed over
_SIGNS = ("TODO", "FIXME", "TBD", "FILL", "REPLACE_", "CHANGE", "INSERT", "orem ipsum", "OREM IPSUM")
_LEFT = re.compile(
    r"^[ \t]*(?:[-*#>]+[ \t]*|//[ \t]*|<!--[ \t]*)?\[?(?:TODO|FIXME|TBD)\b(?:\([\w .@-]{1,40}\))?"
    r"(?=:|[ \t]*[\])]|[ \t]*$)"
    r"|\b(?:FILL|REPLACE|CHANGE|INSERT)_(?:THIS_IN|ME_IN|IN_HERE|IN|THIS|ME|HERE)\b|\bCHANGEME\b"
    r"|\bINSERT_[A-Z_]{1,40}_HERE\b|[\[<]INSERT [^\]>\n]{1,60}[\]>]"
    r"|\b(?i:lorem ipsum dolor)\b",
    re.MULTILINE,
)
_AUTHORS = ("", "system", "developer")  # who writes templates: users and assistants may speak of such things


class PlaceholderLeft(Rule):
    """A prompt holds what its author meant to replace: TODO, FILL_THIS_IN, lorem ipsum.

    Looked at in prompts, not in training data: in system messages, descriptions of tools and raw prompts, but not in
    what they quote as code. TODO counts at the beginning of a line, with a colon or alone.

    ## Why is this bad?
    The model reads the note as an instruction, or as text to go on with.

    ## Use instead
    What was to be written there.
    """

    code, name = "TXT003", "placeholder-left"
    severity = Severity.WARNING
    kinds = frozenset({"prompt"})
    source = "prompt-lint: no_placeholder"
    examples = (
        Example(bad="<|im_start|>system\nBe brief.\nTODO: add examples<|im_end|>\n"),
        Example(bad='[{"role": "system", "content": "You work for FILL_THIS_IN."}]', path="chat.json"),
        Example(good="<|im_start|>user\nmake a todo list, then tell me what TODO means<|im_end|>\n"),
        Example(good='[{"role": "system", "content": "Never write:\\n```\\nTODO: later\\n```"}]', path="chat.json"),
        Example(good='[{"role": "user", "content": "TODO: buy milk"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search what the author wrote."""
        for text in texts_of(context):
            if text.role in _AUTHORS and any(sign in text.text for sign in _SIGNS):
                for found in _LEFT.finditer(without_code(text.text)):
                    what = shown(found[0].strip())
                    yield Finding(f"found {what}, which was to be replaced", text.place(*found.span()))
