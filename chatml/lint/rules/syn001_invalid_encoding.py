"""SYN001."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, FileRule, Finding, Span

_NO_TEXT = re.compile("[\x00\ud800-\udfff]")


class InvalidEncoding(FileRule):
    """A file is not UTF-8, or holds what no text holds: NUL characters and lone surrogates.

    The bytes of a file are looked at when it is read; a file that is not UTF-8 cannot be checked by other rules. The
    escape of a lone surrogate in JSON is SYN002.

    ## Why is this bad?
    APIs and trainers read UTF-8: they refuse the file, or put a replacement character where the text was. A NUL
    character in every other place means UTF-16.

    ## Use instead
    Save the file as UTF-8.
    """

    code, name = "SYN001", "invalid-encoding"
    source = "OpenAI fine-tuning guide: uploads are UTF-8; surrogates are no characters (RFC 3629, section 3)"
    examples = (
        Example(bad="<|im_start|>user\nh\x00i\x00<|im_end|>\n"),
        Example(good="<|im_start|>user\nna\u00efve \U0001f600<|im_end|>\n"),
        Example(good="\ufeff<|im_start|>user\nhi<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for the first one."""
        text = context.text
        if "\0" not in text and (text.isascii() or _is_encodable(text)):
            return
        found = _NO_TEXT.search(text)
        if found:
            is_nul = found[0] == "\0"
            what = "a NUL character" if is_nul else f"the lone surrogate U+{ord(found[0]):04X}"
            hint = "is it UTF-16? save it as UTF-8" if is_nul else "put the character there that was meant"
            yield Finding(f"found {what}, which no text has", Span(*found.span()), None, hint)


def _is_encodable(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
