"""TXT006."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._texts import texts_of, without_code

# UTF-8 that was read as Windows-1252 or Latin-1: the first byte of two or three, and one that may follow
_BROKEN = re.compile(
    "\ufffd|[\u00c3][\x80-\xaa\xac-\xba\xbc-\xbf]|\u00c2[\xa0-\xaa\xac-\xba\xbc-\xbf]|\u00e2\u20ac[\u2122\u0153\x9d\u02dc\u201c\u201d\xa6\xa2]"
)
_SIGNS = ("\ufffd", "\u00c3", "\u00c2", "\u00e2\u20ac")  # one of them is in whatever is broken
_ABOUT = re.compile(r"(?i)U\+FFFD|\\ufffd|mojibake|replacement character|utf-?8|latin-?1|windows-1252|encoding")


class ReplacementCharacter(Rule):
    """A text holds U+FFFD, or letters such as "Ã©": it was decoded in the wrong way.

    Texts that speak of such things, and what they quote as code, are left alone.

    ## Why is this bad?
    What stood there is lost, and the model reads, or learns, the remains.

    ## Use instead
    The text, read again from its source as what it is, mostly UTF-8.
    """

    code, name = "TXT006", "replacement-character"
    severity = Severity.WARNING
    source = "judgement: no author writes these"
    examples = (
        Example(bad="<|im_start|>user\nA caf\ufffd.<|im_end|>\n"),
        Example(bad='[{"role": "user", "content": "A cafÃ©."}]', path="chat.json"),
        Example(good="<|im_start|>user\nA café, SÃO PAULO, l'Âge d'or.<|im_end|>\n"),
        Example(good="<|im_start|>user\nWhy does Python print `\ufffd` here?<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at each text that is not plain ASCII."""
        for text in texts_of(context):
            if text.text.isascii() or not any(sign in text.text for sign in _SIGNS):
                continue
            found = None if _ABOUT.search(text.text) else _BROKEN.search(without_code(text.text))
            if found is not None:
                what = "U+FFFD" if found[0] == "\ufffd" else f"{found[0]!a}"
                yield Finding(f"found {what}: the text was decoded in the wrong way", text.place(*found.span()))
