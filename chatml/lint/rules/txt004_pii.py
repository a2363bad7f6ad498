"""TXT004."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._texts import texts_of

_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9][\w.+-]{0,63}@(?P<host>(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,24})(?![\w-])"
)
_PHONE = re.compile(r"(?<![\w+])\+[1-9]\d{0,2}(?:[ .()/-]{0,2}\d{1,5}){2,6}(?![\w-])")
_CARD = re.compile(r"(?<![\w.-])\d{4}(?:[ -]?\d{4}){2}[ -]?\d{1,7}(?![\w.-])")
_SSN = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")
_RESERVED = re.compile(  # RFC 2606, RFC 6761
    r"(?i)(?:^|\.)(?:example|test|invalid|localhost|local|internal)$|(?:^|\.)(?:example|domain|email|company|test)\.\w+$"
)
_FICTION = re.compile(r"555-?01\d\d$|0+$|1234567")
_DIGITS = re.compile(r"\d")


class Pii(Rule):
    """A text holds what looks like personal data: an address, a phone number, a card or a social security number.

    Addresses at `example.com` and the like, numbers reserved for fiction, and numbers with a wrong check digit are left
    alone.

    ## Why is this bad?
    Prompts and training data are logged, shared and sent to others, and models repeat what they were trained on.

    ## Use instead
    `user@example.com`, `+1 202-555-0143`, or a variable.
    """

    code, name = "TXT004", "pii"
    severity = Severity.WARNING
    is_on = False
    source = "promptlint-cli: pii-in-prompt"
    examples = (
        Example(bad="<|im_start|>system\nCall +49 30 2371 8846.<|im_end|>\n"),
        Example(bad='[{"role": "user", "content": "I am a.weber@posthof-mail.de"}]', path="chat.json"),
        Example(good="<|im_start|>system\nWrite to user@example.com or call +1 202-555-0143.<|im_end|>\n"),
        Example(good="<|im_start|>user\n3 + 4 = 7, 2024-01-02, v1.2.3, 1234 5678 9012 3456<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search each text for what may be one, and then look closer."""
        for text in texts_of(context):
            if "@" in text.text:
                for found in _EMAIL.finditer(text.text):
                    if not _RESERVED.search(found["host"]):
                        yield Finding("this looks like an e-mail address", text.place(*found.span()))
            for what, pattern in _NUMBERS if _DIGITS.search(text.text) else ():
                for found in pattern.finditer(text.text):
                    if _is_real(what, found[0]):
                        yield Finding(f"this looks like {what}", text.place(*found.span()))


_NUMBERS = (("a phone number", _PHONE), ("a card number", _CARD), ("a social security number", _SSN))


def _is_real(what: str, number: str) -> bool:
    digits = "".join(_DIGITS.findall(number))
    if what == "a phone number":
        return 9 <= len(digits) <= 15 and not _FICTION.search(digits) and len(set(digits)) > 3
    return what != "a card number" or (13 <= len(digits) <= 19 and _has_check_digit(digits) and len(set(digits)) > 3)


def _has_check_digit(digits: str) -> bool:
    """Whether the last digit is that of Luhn's formula."""
    doubled = (int(digit) * (1 + index % 2) for index, digit in enumerate(reversed(digits)))
    return sum(one - 9 * (one > 9) for one in doubled) % 10 == 0
