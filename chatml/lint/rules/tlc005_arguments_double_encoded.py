"""TLC005."""

from __future__ import annotations

import json
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Value
from chatml.lint.rules._calls import calls_in

_CALL = '[{{"role": "assistant", "tool_calls": [{{"id": "a", "function": {{"name": "f", "arguments": {}}}}}]}}]'


class ArgumentsDoubleEncoded(Rule):
    """The arguments of a call are a JSON string with JSON in it: they were encoded twice.

    ## Why is this bad?
    The code that makes the call reads a string in place of an object, and a model that is trained on it learns to write
    quotes and backslashes.

    ## Use instead
    Encode the arguments once.

    ## Fix
    Unsafe: one layer is taken off. A model sees other arguments, those that were meant.
    """

    code, name = "TLC005", "arguments-double-encoded"
    fix = "unsafe"
    source = "found in openai-cookbook, drone_training.jsonl, line 3"
    examples = (
        Example(
            bad=_CALL.format(r'"\"{\\\"a\\\": 1}\""'),
            fixed=_CALL.format(r'"{\"a\": 1}"'),
            path="chat.json",
        ),
        Example(good=_CALL.format(r'"{\"filter\": \"{\\\"a\\\": 1}\"}"'), path="chat.json"),
        Example(good=_CALL.format(r'"{\"a\": 1}"'), path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Read the arguments of each call."""
        for call in calls_in(context):
            text = call.arguments
            if not isinstance(text, str) or call.form == "text" or not text.lstrip().startswith('"'):
                continue
            try:
                inner = json.loads(text)
                value = json.loads(inner) if isinstance(inner, str) else None
            except (ValueError, RecursionError):
                continue
            if isinstance(value, (dict, str)):
                place = Value(call.arguments_path)
                yield Finding(
                    "the arguments are JSON in a JSON string: they were encoded twice",
                    place,
                    Fix("Take one layer off", (Change(place, inner),)),
                )
