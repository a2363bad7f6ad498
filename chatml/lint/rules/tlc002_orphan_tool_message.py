"""TLC002."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Turn, Value
from chatml.lint.rules._calls import calls_in
from chatml.lint.rules._targets import shown

_RESULTS = ("tool", "function")
_CALLS = (
    '{"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f"}}, '
    '{"id": "c2", "function": {"name": "f"}}]}'
)
_TWO = '{"role": "tool", "tool_call_id": "c1", "content": "1"}, {"role": "tool", "tool_call_id": "c2", "content": "2"}'


class OrphanToolMessage(Rule):
    """A tool message is the result of no call.

    No message before it makes a call with its id; or, where it has no id, the message before is not one of the
    assistant, which alone can call.

    ## Why is this bad?
    The API answers with status 400. Often the call was cut off with older messages.

    ## Use instead
    The call in front of its result, or neither of them.
    """

    code, name = "TLC002", "orphan-tool-message"
    source = "deepx-code#94"
    examples = (
        Example(
            bad='[{"role": "user", "content": "hi"}, {"role": "tool", "tool_call_id": "c9", "content": "1"}]',
            path="chat.json",
        ),
        Example(bad=f"[{_CALLS}, {_TWO.replace('c2', 'c9')}]", path="chat.json"),
        Example(good=f"[{_CALLS}, {_TWO}]", path="chat.json"),
        Example(
            good='[{"role": "assistant", "content": "<tool_call>f</tool_call>"}, {"role": "tool", "content": "1"}]',
            path="chat.json",
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare each result with the calls before it."""
        if context.is_raw or not any(turn.meant in _RESULTS for turn in context.turns):
            return
        ids: dict[int, list[str | None]] = {}
        for call in calls_in(context):
            ids.setdefault(call.turn.number, []).append(call.id)
        caller: Turn | None = None
        seen: set[str | None] = set()
        for turn in context.turns:
            seen.update(ids.get(turn.number, ()))
            if turn.meant in _RESULTS:
                finding = _look(turn, caller, seen)
                if finding is not None:
                    yield finding
            elif turn.meant not in ("system", "developer"):
                caller = turn


def _look(turn: Turn, caller: Turn | None, seen: set[str | None]) -> Finding | None:
    """Compare a result with the ids of the calls before it, and with the message that may have made the call."""
    answered = turn.value.get("tool_call_id")
    may_call = caller is not None and caller.meant != "user"  # in its text, as some models do, if not in its keys
    if isinstance(answered, str) and None not in seen and (seen or not may_call):
        if answered in seen:
            return None
        return Finding(f"no call has the id {shown(answered)}", Value((*turn.path, "tool_call_id")))
    return None if may_call else Finding("a result without a call", Value(turn.path))
