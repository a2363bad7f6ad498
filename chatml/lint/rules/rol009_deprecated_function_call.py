"""ROL009."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity, Turn, Value

_OLD = (
    '[{"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{}"}}, '
    '{"role": "function", "name": "f", "content": "4"}]'
)
_NEW = (
    '[{"role": "assistant", "content": null, "tool_calls": [{"id": "call_0", "type": "function", '
    '"function": {"name": "f", "arguments": "{}"}}]}, {"role": "tool", "content": "4", "tool_call_id": "call_0"}]'
)


class DeprecatedFunctionCall(Rule):
    """A message or a request has `function_call`, `functions` or the role function, which tools have replaced.

    ## Why is this bad?
    They are deprecated, and a message can call one function only.

    ## Use instead
    `tools`, `tool_calls`, and a message of role tool with the `tool_call_id` of the call.

    ## Fix
    Unsafe: a call becomes a tool call with an id made up, and the result behind it a tool message. What a request
    declares as `functions` stays as it is.
    """

    code, name = "ROL009", "deprecated-function-call"
    severity = Severity.WARNING
    fix = "unsafe"
    formats = frozenset({"messages", "request"})
    source = "openai-openapi openapi.yaml: function_call and functions are marked as deprecated"
    examples = (
        Example(bad=_OLD, fixed=_NEW, path="chat.json"),
        Example(bad='{"messages": [{"role": "user", "content": "hi"}], "functions": []}', path="chat.json"),
        Example(good=_NEW, path="chat.json"),
        Example(
            good='[{"role": "assistant", "content": "hi", "function_call": null, "tool_calls": null}]',
            path="chat.json",
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for the old keys, and the old role."""
        if isinstance(context.value, Mapping):
            for key, new in (("functions", "tools"), ("function_call", "tool_choice")):
                if context.value.get(key) is not None:
                    yield Finding(f"{key!r} is deprecated", Value((key,)), help=f"use {new!r}")
        identity: str | None = None
        for turn in context.turns:
            if turn.calls:
                identity = _last_id(turn)
            call = turn.value.get("function_call")
            if isinstance(call, Mapping):
                identity = f"call_{turn.number}"
                fix = None if turn.calls else _as_tool_call(turn, identity)
                yield Finding("'function_call' is deprecated", Value((*turn.path, "function_call")), fix)
            elif turn.role == "function":
                fix = None if identity is None else _as_tool(turn, identity)
                yield Finding("the role function is deprecated", Value(turn.role_path), fix)


def _last_id(turn: Turn) -> str | None:
    last: Any = turn.calls[-1]
    found = last.get("id") if isinstance(last, Mapping) else None
    return found if isinstance(found, str) else None


def _as_tool_call(turn: Turn, identity: str) -> Fix:
    call = {"id": identity, "type": "function", "function": turn.value["function_call"]}
    left = {key: value for key, value in turn.value.items() if key not in ("function_call", "tool_calls")}
    return Fix("Make it a tool call", (Change(Value(turn.path), {**left, "tool_calls": [call]}),))


def _as_tool(turn: Turn, identity: str) -> Fix:
    left = {key: value for key, value in turn.value.items() if key not in ("role", "name", "tool_call_id")}
    return Fix(
        "Make it a tool message", (Change(Value(turn.path), {"role": "tool", **left, "tool_call_id": identity}),)
    )
