"""ROL008."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from chatml.lint._rule import Context, Example, Finding, Rule, Turn, Value
from chatml.lint.rules._targets import value_at

_INSTEAD = ("tool_calls", "function_call", "refusal", "audio")


class MissingRequiredKey(Rule):
    """A message has no role, or no content and nothing in its place.

    `tool_calls`, `function_call`, `refusal` and `audio` stand in place of content.

    ## Why is this bad?
    The API refuses the message, and so does whoever trains on it.

    ## Use instead
    An object with `role` and `content`, or in ShareGPT `from` and `value`.
    """

    code, name = "ROL008", "missing-required-key"
    source = "openai-cookbook: message_missing_key; openai-openapi openapi.yaml: content is optional with tool_calls"
    examples = (
        Example(bad='{"messages": [{"content": "hi"}]}', path="chat.json"),
        Example(bad='{"messages": [{"role": "user", "contents": "hi"}]}', path="chat.json"),
        Example(
            good='{"messages": [{"role": "assistant", "tool_calls": [{"id": "a", "function": {"name": "f"}}]}]}',
            path="chat.json",
        ),
        Example(good='{"messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]}', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for the two keys of each message."""
        if context.value is None:
            return
        for turn in context.turns:
            problem = "" if turn.role is not None and turn.content_path[-1] in turn.value else _problem(context, turn)
            if problem:
                yield Finding(problem, Value(turn.path))


def _problem(context: Context, turn: Turn) -> str:
    value = turn.value
    if not value and not isinstance(value_at(context, turn.path), Mapping):
        return "" if turn.path == ("system",) else "the message is not an object"
    if turn.role is None:
        key = turn.role_path[-1]
        if key in value:
            return f"the {key} of the message is not a string"
        return "" if "type" in value and "content" not in value else "the message has no role"  # an item of Responses
    if turn.path == ("system",) or any(value.get(key) is not None for key in _INSTEAD):
        return ""
    return f"the message has no {turn.content_path[-1]!r}"
