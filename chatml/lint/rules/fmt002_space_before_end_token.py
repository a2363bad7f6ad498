"""FMT002."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity, Span
from chatml.lint.rules._contents import WHITE, has_names


class SpaceBeforeEndToken(Rule):
    """White space stands between the text of a message and its end marker.

    Not reported where the dialect `azure` is named in the configuration, as it has a newline there, and in prompts with
    named examples as in OpenAI's first description of ChatML, which have one, too. Messages of white space alone are
    ROL007.

    ## Why is this bad?
    Templates write the marker right behind the text, so models have not seen a newline there. A model that sees one in
    its own earlier answers learns to write it.

    ## Use instead
    `hi<|im_end|>`. For a deployment that has the newline, name its dialect: `dialect = "azure"`.

    ## Fix
    Unsafe: the white space is removed.
    """

    code, name = "FMT002", "space-before-end-token"
    severity = Severity.WARNING
    fix = "unsafe"
    formats = frozenset({"chatml"})
    source = "found in published prompts: the-crypt-keeper/can-ai-code, prompts/chatml-v0.txt, chatml-v1.txt"
    examples = (
        Example(
            bad="<|im_start|>user\nhi\n<|im_end|>\n<|im_start|>assistant\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(bad="<|im_start|>user\nhi <|im_end|>\n", fixed="<|im_start|>user\nhi<|im_end|>\n"),
        Example(good="<|im_start|>user\nhi\n<|im_end|>\n<|im_start|>assistant\n", settings={"dialect": "azure"}),
        Example(good="<|im_start|>system name=example_user\nhi\n<|im_end|>\n<|im_start|>user\nhi\n<|im_end|>\n"),
        Example(good="<|im_start|>user\n<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at what is before each end marker."""
        if context.dialect.content_end and context.settings.get("dialect_is_given"):
            return
        text = context.text
        for index, (kind, _, start, _) in enumerate(context.markers):
            if kind == "end" and text[start - 1 : start] in WHITE:
                place = _white_space(context, index)
                if place is not None:
                    fix = Fix("Remove the white space", (Change(place, ""),))
                    yield Finding("white space stands before the end marker", place, fix)


def _white_space(context: Context, index: int) -> Span | None:
    """The white space before an end marker; None where the message is nothing else, or has named examples beside."""
    end = stop = context.markers[index][2]
    while index:
        index -= 1
        kind, text, start, _ = context.markers[index]
        if kind not in ("content", "separator"):
            break
        kept = text.rstrip(WHITE)
        stop = start + len(kept)
        if kept:
            return None if has_names(context) else Span(stop, end)
    return None
