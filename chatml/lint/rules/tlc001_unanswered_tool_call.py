"""TLC001."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatml.lint._rule import Context, Example, Finding, Rule, Turn, Value
from chatml.lint.rules._calls import Call, calls_in
from chatml.lint.rules._targets import shown

_CALL = '{"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f"}}]}'
_SPEAKERS = frozenset({"user", "system", "assistant", "developer"})


class UnansweredToolCall(Rule):
    """A tool call has no result, and the conversation goes on.

    The result is a tool message with the id of the call, before the user speaks again. Where calls have no ids, one
    result for all calls of a message is enough. A call in the last message waits for its result.

    ## Why is this bad?
    The API answers with status 400: each call must be followed by its result.

    ## Use instead
    A tool message for each call, right behind it, even if it says that the call has failed.
    """

    code, name = "TLC001", "unanswered-tool-call"
    source = "qwen-code#606, agno#3105: status 400"
    examples = (
        Example(bad=f'[{_CALL}, {{"role": "user", "content": "hi"}}]', path="chat.json"),
        Example(
            bad='{"conversations": [{"from": "function_call", "value": "{\\"name\\": \\"f\\"}"}, '
            '{"from": "human", "value": "hi"}]}',
            path="chat.json",
        ),
        Example(good=f'[{{"role": "user", "content": "hi"}}, {_CALL}]', path="chat.json"),
        Example(good=f'[{_CALL}, {{"role": "tool", "tool_call_id": "c1", "content": "1"}}]', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Follow the calls that wait for a result."""
        calls = [call for call in calls_in(context) if call.form != "function_call"]
        if not calls:
            return
        made: dict[int, list[Call]] = {}
        for call in calls:
            made.setdefault(call.turn.number, []).append(call)
        waiting: dict[str | None, list[Call]] = {}
        for turn in context.turns:
            if turn.meant not in _SPEAKERS or _holds_results(turn):
                _answer(waiting, turn.value.get("tool_call_id"))
            elif turn.meant == "user":
                yield from (_finding(call) for calls_of_id in waiting.values() for call in calls_of_id)
                waiting = {}
            for call in made.get(turn.number, ()):
                waiting.setdefault(call.id, []).append(call)
        last = context.turns[-1]
        for call in (call for calls_of_id in waiting.values() for call in calls_of_id):
            if call.turn is not last and not (call.form == "text" and last.role == "function_call"):
                yield _finding(call)


def _answer(waiting: dict[str | None, list[Call]], answered: Any) -> None:
    """Take out the calls that a result answers: it says which, or answers all; calls without an id it always does."""
    if not isinstance(answered, str):
        waiting.clear()
        return
    waiting.pop(None, None)
    waiting.pop(answered, None)


def _finding(call: Call) -> Finding:
    return Finding(f"no result for the call of {shown(call.name)}", Value(call.path))


def _holds_results(turn: Turn) -> bool:
    """Whether a message carries results as parts of its content, as Anthropic has them."""
    parts = turn.value.get("content")
    return isinstance(parts, list) and any(
        isinstance(part, dict) and part.get("type") in ("tool_result", "tool-result", "function_call_output")
        for part in parts
    )
