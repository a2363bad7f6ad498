"""TLC004."""

from __future__ import annotations

import json
from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Value
from chatml.lint.rules._calls import calls_in
from chatml.lint.rules._targets import shown

_CALL = '[{{"role": "assistant", "tool_calls": [{{"id": "a", "function": {{"name": "f", "arguments": {}}}}}]}}]'


class ArgumentsNotJson(Rule):
    """The arguments of a call are text that is not JSON, or JSON that is not an object.

    An object in place of text is what other chat templates want, and left alone.

    ## Why is this bad?
    Nobody can read the call: not the code that makes it, and not the template that writes it out.

    ## Use instead
    The text of a JSON object; `"{}"` where there are no arguments.
    """

    code, name = "TLC004", "arguments-not-json"
    source = 'openai-openapi openapi.yaml: "The arguments to call the function with, ... in JSON format."'
    examples = (
        Example(bad=_CALL.format('"{city: Paris}"'), path="chat.json"),
        Example(bad=_CALL.format('"[1, 2]"'), path="chat.json"),
        Example(good=_CALL.format('"{\\"city\\": \\"Paris\\"}"'), path="chat.json"),
        Example(good=_CALL.format('{"city": "Paris"}'), path="chat.json"),
        Example(good=_CALL.format('"{{ arguments }}"'), path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Read the arguments of each call."""
        for call in calls_in(context):
            text = call.arguments
            if not isinstance(text, str) or call.form == "text" or call.is_custom or _is_template(text):
                continue
            try:
                value = json.loads(text)
            except (ValueError, RecursionError):
                what = "nothing" if not text.strip() else shown(text)
                yield Finding(f"the arguments are not JSON: {what}", Value(call.arguments_path))
                continue
            if not isinstance(value, (dict, str)):  # a string is another fault, TLC005
                yield Finding(f"the arguments are not a JSON object: {shown(text)}", Value(call.arguments_path))


def _is_template(text: str) -> bool:
    return "{{" in text or "{%" in text
