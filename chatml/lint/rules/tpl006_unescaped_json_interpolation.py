"""TPL006."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Path, Rule, Severity, Value

_TAG = re.compile(r"\{\{-?\s*(?P<value>[^{}\n]*?)\s*-?\}\}")
_ESCAPED = re.compile(r"\|\s*(?:dump|tojson|json|escape|e|urlencode)\b")
_KEY = re.compile(r"\"(?:role|name|type)\"\s*:\s*\Z")
_STRING = re.compile(r"\"(?P<inside>(?:\{\{[^{}\n]*\}\}|[^\"\\\n]|\\.)*+)\"")
_TEMPLATE = '[{% for m in history %}{"role": "user", "content": SAID}{% if not loop.last %},{% endif %}{% endfor %}]'


class UnescapedJsonInterpolation(Rule):
    """A template of JSON puts a variable into a string without escaping it.

    Looked at in chat prompts that are templates before they are JSON; variables for roles and names are passed over.

    ## Why is this bad?
    A quote or a line break in the value ends the string: the prompt is no JSON, or says something else. Who can write
    the value can write messages.

    ## Use instead
    `{{ question | dump }}` in Nunjucks, `{{ question | tojson }}` in Jinja, without quotes: the filter writes them.

    ## Fix
    Unsafe: a string that is one variable becomes `{{ value | dump }}`, as promptfoo has it.
    """

    code, name = "TPL006", "unescaped-json-interpolation"
    severity = Severity.WARNING
    fix = "unsafe"
    formats = frozenset({"promptfoo"})
    kinds = frozenset({"template"})
    source = "promptfoo/promptfoo: examples/adaline-chat-history has the filter, others break without it"
    examples = (
        Example(
            bad=_TEMPLATE.replace("SAID", '"{{ m }}"'),
            fixed=_TEMPLATE.replace("SAID", "{{ m | dump }}"),
            path="chat.json",
        ),
        Example(bad=_TEMPLATE.replace("SAID", '"Answer: {{ m }}"'), path="chat.json"),
        Example(good=_TEMPLATE.replace("SAID", "{{ m | dump }}"), path="chat.json"),
        Example(good='[{% if a %}{"role": "{{ role }}", "content": {{ q | dump }}}{% endif %}]', path="chat.json"),
        Example(good='[{"role": "user", "content": "{{question}}"}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the strings that hold a variable."""
        for template in context.templates:
            if template.text.lstrip()[:1] not in ("[", "{"):
                continue
            for string in _STRING.finditer(template.text):
                if "{{" in string[0] and not _KEY.search(template.text, max(string.start() - 40, 0), string.start()):
                    yield from _of_string(string, template.path)


def _of_string(string: re.Match[str], path: Path) -> Iterator[Finding]:
    start = string.start("inside")
    for tag in _TAG.finditer(string["inside"]):
        if _ESCAPED.search(tag["value"]):
            continue
        is_whole = tag[0] == string["inside"].strip()
        change = Change(Value(path, *string.span()), f"{{{{ {tag['value']} | dump }}}}")
        fix = Fix("Escape the value", (change,)) if is_whole else None
        place = Value(path, start + tag.start(), start + tag.end())
        message = f"the value of {tag[0][:60]} is put into JSON without being escaped"
        yield Finding(message, place, fix, "write it without quotes, with the filter dump or tojson")
