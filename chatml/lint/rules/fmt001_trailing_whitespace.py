"""FMT001."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity, Value


class TrailingWhitespace(Rule):
    """The content of a message ends in white space.

    Raw prompts are looked at by FMT002, messages of white space alone by ROL007.

    ## Why is this bad?
    The last tokens of the message are others: a word and a space before the end marker are not what a model has seen.

    ## Use instead
    Text that ends with its last word. White space inside, such as a hard line break in Markdown, stays.

    ## Fix
    Unsafe: the white space is removed.
    """

    code, name = "FMT001", "trailing-whitespace"
    severity = Severity.INFO
    is_on = False
    fix = "unsafe"
    source = "promptlint-ai: PL020"
    examples = (
        Example(
            bad='[{"role": "user", "content": "hi  "}]',
            fixed='[{"role": "user", "content": "hi"}]',
            path="chat.json",
        ),
        Example(good='[{"role": "user", "content": "one  \\ntwo"}]', path="chat.json"),
        Example(good="<|im_start|>user\nhi <|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the last text of each message."""
        for turn in context.turns if not context.is_raw else ():
            path, text = turn.texts[-1] if turn.texts else ((), "")
            if text[-1:].isspace() and not turn.text.isspace():
                kept = len(text.rstrip())
                place = Value(path, kept, len(text))
                fix = Fix("Remove the white space", (Change(place, ""),))
                yield Finding("the content ends in white space", place, fix)
