"""SPT003."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity
from chatml.lint.rules._contents import Content, contents_of
from chatml.lint.rules._texts import without_code

_DOUBLE = re.compile(r"\{\{\{?[~-]?\s*([^{}]{1,200}?)\s*[~-]?\}\}")
_SINGLE = re.compile(r"(?<![\w{}\\%#])\$?\{([A-Za-z_]\w{2,39})\}(?![{}])")
# what is no value of a variable: statements, comments, helpers, literals, fields of a server's own template
_NO_VARIABLE = re.compile(
    r"[#/!>^&.\"'\d]|(?:else|end|if|range|with|define|template|block|role|history|media|section|bos_token|eos_token)\b"
)
_CHAT_TEMPLATE = re.compile(r"\{%[+-]?\s*for\s+\w+\s+in\s+\w*messages\b|\{\{[#~]*\s*each\s+\w*messages\b")
_FILTER = re.compile(r"\|\s*(\w+)|\A(\w+)\s+\w")  # {{ x | name }}, {{ name x }} or, with code, {{ name(x) }}
_CALL = re.compile(r"\A(\w+)\(")


class UnguardedVariableInRawTemplate(Rule):
    """A variable stands in the text of a raw prompt, so that its value can close its message and open others.

    Each variable is reported once. Chat templates that go through messages are not looked at: whoever renders them
    escapes contents.

    ## Why is this bad?
    The value is put into the string before anyone looks for markers. A value with an end marker and a header is a turn
    of its own, with the role that its author likes.

    ## Use instead
    Messages as JSON, compiled with `chatml.render` or `chatml.encode`; or a filter that escapes the value.

    ## Options
    - `filters`: names of filters and functions that make a value safe.
    - `variables`: names of variables whose values are your own.
    """

    code, name = "SPT003", "unguarded-variable-in-raw-template"
    severity = Severity.WARNING
    formats = frozenset({"chatml"})
    kinds = frozenset({"prompt", "training", "template"})
    options: ClassVar[Mapping[str, Any]] = {"filters": ("chatml_escape", "escape_chatml"), "variables": ()}
    source = "sgl-project/sglang PR#30962; microsoft/prompty:spec/spec.md, section 6.3"
    examples = (
        Example(bad="<|im_start|>user\n{{question}}<|im_end|>\n"),
        Example(bad="<|im_start|>user\nAnswer this: {question}<|im_end|>\n"),
        Example(bad="<|im_start|>user\n{% if x %}{{ question | trim }}{% endif %}<|im_end|>\n"),
        Example(good="<|im_start|>user\n{{ question | chatml_escape }}<|im_end|>\n"),
        Example(
            good="<|im_start|>user\nWrite {{ language }}.<|im_end|>\n",
            settings={"rules": {"SPT003": {"variables": ["language"]}}},
        ),
        Example(good="<|im_start|>user\nRead {x} and \\frac{one}{two} and `{name}`.<|im_end|>\n"),
        Example(good='{"messages": [{"role": "user", "content": "{{question}}"}]}', path="chat.json"),
        Example(
            good="{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}",
            path="chat.txt",
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for variables in contents."""
        text = context.text
        if "{" not in text or (("{%" in text or "{{" in text) and _CHAT_TEMPLATE.search(text)):
            return
        seen: set[str] = set()
        find = _double if "{{" in text else _single
        for content in contents_of(context):
            if "{" in content.text:
                for name, start, end in find(content, context.options):
                    if name not in seen:
                        seen.add(name)
                        message = f"the value of {content.text[start:end]} can close its message and open another"
                        yield Finding(message, content.place(start, end), None, "escape it, or keep messages as JSON")


def _double(content: Content, options: Any) -> Iterator[tuple[str, int, int]]:
    for match in _DOUBLE.finditer(content.text):
        inner = match[1]
        end = match.end() + content.text.startswith("}", match.end()) * match[0].startswith("{{{")
        if _NO_VARIABLE.match(inner) or inner.split("|")[0].strip() in _names(options, "variables"):
            continue
        used = {name for found in _FILTER.findall(inner) for name in found} | set(_CALL.findall(inner))
        if not used & _names(options, "filters"):
            yield inner, match.start(), end


def _single(content: Content, options: Any) -> Iterator[tuple[str, int, int]]:
    for match in _SINGLE.finditer(without_code(content.text)):
        if match[1] not in _names(options, "variables"):
            yield match[1], *match.span()


def _names(options: Any, key: str) -> set[str]:
    given = options.get(key)
    return {one for one in given if isinstance(one, str)} if isinstance(given, (list, tuple)) else set()
