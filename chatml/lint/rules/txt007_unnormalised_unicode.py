"""TXT007."""

from __future__ import annotations

from collections.abc import Iterator
from unicodedata import is_normalized, normalize

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity
from chatml.lint.rules._texts import texts_of


class UnnormalisedUnicode(Rule):
    """A text is not in normal form C: it spells a letter with a mark that has a character of its own.

    ## Why is this bad?
    It looks the same and makes other tokens, mostly more; searches for the usual spelling miss it.

    ## Use instead
    Normal form C, as keyboards write it.

    ## Fix
    Unsafe: the text is normalised. A model sees other tokens.
    """

    code, name = "TXT007", "unnormalised-unicode"
    severity = Severity.INFO
    is_on = False
    fix = "unsafe"
    source = "judgement: the same text should be the same tokens"
    examples = (
        Example(
            bad="<|im_start|>user\nA cafe\u0301.<|im_end|>\n",
            fixed="<|im_start|>user\nA caf\u00e9.<|im_end|>\n",
        ),
        Example(good="<|im_start|>user\nA caf\u00e9.<|im_end|>\n"),
        Example(good="<|im_start|>user\nक\u094dष, q\u0301<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at each text that is not plain ASCII."""
        for text in texts_of(context):
            if text.text.isascii() or is_normalized("NFC", text.text):
                continue
            normal = normalize("NFC", text.text)
            start = _shared(text.text, normal)
            behind = _shared(text.text[start:][::-1], normal[start:][::-1])
            place = text.place(start, len(text.text) - behind)
            fix = Fix("Normalise it", (Change(place, normal[start : len(normal) - behind]),))
            yield Finding("the text is not in normal form C", place, fix)


def _shared(one: str, other: str) -> int:
    """How many characters two texts begin with alike."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((index for index, (left, right) in pairs if left != right), min(len(one), len(other)))
