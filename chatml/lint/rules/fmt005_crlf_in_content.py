"""FMT005."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity, Span, Value
from chatml.lint.rules._contents import contents_of, joined

_CRLF = "\r\n"
_NORMALIZED = frozenset({"prompty"})  # whoever reads these formats makes newlines of all line ends
# a text about a protocol whose lines end so
_PROTOCOL = re.compile(r"\bHTTP/\d|^(?:Host|Content-\w+|MIME-Version|HELO|EHLO)\b[: ]", re.MULTILINE)


class CrlfInContent(Rule):
    r"""Lines end in a carriage return and a newline.

    A raw prompt is reported once, in other formats each text with such lines. Texts of HTTP and mail, whose lines end
    so, are not.

    ## Why is this bad?
    `\r\n` is another token than `\n`, and two of them are not the token of an empty line. Headers of messages that end
    so are none to a model.

    ## Use instead
    Newlines alone; in a repository `*.chatml text eol=lf` in `.gitattributes` keeps them.

    ## Fix
    Unsafe: each becomes a newline.
    """

    code, name = "FMT005", "crlf-in-content"
    severity = Severity.WARNING
    fix = "unsafe"
    source = "microsoft/prompty:spec/spec.md: text is read with newlines alone"
    examples = (
        Example(
            bad="<|im_start|>user\r\nhi<|im_end|>\r\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n",
        ),
        Example(
            bad='[{"role": "user", "content": "one\\r\\ntwo\\r\\n"}]',
            fixed='[{"role": "user", "content": "one\\ntwo\\n"}]',
            path="chat.json",
        ),
        Example(good='[{"role": "user", "content": "one\\ntwo"}]\r\n', path="chat.json"),
        Example(good='[{"role": "user", "content": "GET / HTTP/1.1\\r\\nHost: a.org\\r\\n"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for the first one."""
        if context.is_raw:
            start = context.text.find(_CRLF) if "\r" in context.text else -1
            if start >= 0:
                stop = context.text.rfind(_CRLF) + 2
                changed = context.text[start:stop].replace(_CRLF, "\n")
                yield _finding(context.text, Span(start, start + 2), Change(Span(start, stop), changed))
            return
        if context.format in _NORMALIZED or "\r" not in joined(context):
            return
        for content in contents_of(context):
            text = content.text
            start = text.find(_CRLF)
            if start >= 0 and content.path is not None and not _PROTOCOL.search(text):
                change = Change(Value(content.path), text.replace(_CRLF, "\n"))
                yield _finding(text, content.place(start, start + 2), change)


def _finding(text: str, place: Span | Value, change: Change) -> Finding:
    count = text.count(_CRLF)
    what = f"{count} lines end" if count > 1 else "a line ends"
    return Finding(f"{what} in a carriage return and a newline", place, Fix("Write newlines alone", (change,)))
