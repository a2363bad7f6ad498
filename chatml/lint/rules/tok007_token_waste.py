"""TOK007."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity
from chatml.lint.rules._counts import number_of
from chatml.lint.rules._texts import Text, texts_of

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/=])[A-Za-z0-9+/]{200,}={0,2}")
_UUID = re.compile(r"\b[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\b", re.IGNORECASE)
_FENCED = re.compile(r"^```json[ \t]*\n(?P<json>.*?)^```", re.DOTALL | re.MULTILINE)
_LAYOUT = re.compile(r"(\"(?:[^\"\\]++|\\.)*+\")|[ \t\r\n]+", re.DOTALL)
_PRETTY = '[{"role": "user", "content": "{\\n  \\"a\\": 1,\\n  \\"b\\": [\\n    2\\n  ]\\n}"}]'


class TokenWaste(Rule):
    """Text that costs many tokens and says little: identifiers, base64, JSON with a layout, blocks said twice.

    ## Why is this bad?
    A UUID has some 25 tokens, and a model cannot tell two of them apart well. Random characters have a token for two or
    three. The layout of JSON is up to half of its tokens.

    ## Use instead
    Short numbers for identifiers, files where the API takes them, JSON on one line, references instead of copies.

    ## Fix
    Unsafe: JSON that is a whole text, or a fenced block of one, is put on one line. It says the same, in other tokens.

    ## Options
    - `lines`: how many lines JSON may have.
    - `ids`: how many UUIDs a text may have.
    - `block`: how many characters a paragraph has that may not occur twice.
    """

    code, name = "TOK007", "token-waste"
    severity = Severity.INFO
    is_on = False
    fix = "unsafe"
    kinds = frozenset({"prompt"})
    options: ClassVar[Mapping[str, Any]] = {"lines": 20, "ids": 3, "block": 200}
    source = "tokensift"
    examples = (
        Example(
            bad=_PRETTY,
            fixed='[{"role": "user", "content": "{\\"a\\":1,\\"b\\":[2]}"}]',
            path="chat.json",
            settings={"rules": {"TOK007": {"lines": 4}}},
        ),
        Example(bad=f'[{{"role": "user", "content": "See {"iVBORw0KGgoAAAANSUhE" * 12}"}}]', path="chat.json"),
        Example(
            bad=f'[{{"role": "user", "content": "{"0b8f1e9a-93f4-4b6f-8c39-1d6f2f0a7c55 " * 4}"}}]', path="chat.json"
        ),
        Example(good=_PRETTY, path="chat.json"),
        Example(good='[{"role": "user", "content": "```python\\nif x:\\n    y = 1\\n```"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search each text for each kind of waste."""
        seen: set[str] = set()
        lines, ids, block = (number_of(context.options.get(name)) for name in ("lines", "ids", "block"))
        for text in texts_of(context):
            if len(text.text) < 20:
                continue
            yield from _layout(text, lines)
            if found := _BASE64.search(text.text):
                yield Finding(f"found {len(found[0]):,} characters of base64", text.place(*found.span()))
            found_ids = list(_UUID.finditer(text.text)) if "-" in text.text else []
            if len(found_ids) > ids:
                place = text.place(*found_ids[0].span())
                yield Finding(f"found {len(found_ids)} UUIDs, some 25 tokens each", place, help="number them")
            yield from _repeated(text, block, seen)


def _layout(text: Text, lines: int) -> Iterator[Finding]:
    found = [(match.start("json"), match["json"]) for match in _FENCED.finditer(text.text)]
    if text.text.lstrip()[:1] in ("{", "["):
        found.append((0, text.text))
    for start, source in found:
        body = source.strip()
        if body.count("\n") < lines or not _is_json(body):
            continue
        first = start + source.index(body)
        place = text.place(first, first + len(body))
        short = _LAYOUT.sub(lambda one: one[1] or "", body)
        fix = Fix("Put the JSON on one line", (Change(place, short),))
        yield Finding(f"the layout of JSON has {len(body) - len(short):,} of {len(body):,} characters", place, fix)


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), (dict, list))
    except (ValueError, RecursionError):
        return False


def _repeated(text: Text, block: int, seen: set[str]) -> Iterator[Finding]:
    start = 0
    for part in text.text.split("\n\n") if block else ():
        if len(part) >= block:
            if part in seen:
                message = f"a paragraph of {len(part):,} characters stands here a second time"
                yield Finding(message, text.place(start, start + len(part)))
            seen.add(part)
        start += len(part) + 2
