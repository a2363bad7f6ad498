"""TLC008."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity, Turn, Value
from chatml.lint.rules._calls import Call, calls_in
from chatml.lint.rules._targets import shown

_TWO = (
    '[{{"role": "assistant", "tool_calls": [{{"id": "c1", "function": {{"name": "f"}}}}, {{"id": "{0}", "function": '
    '{{"name": "g"}}}}]}}, {{"role": "tool", "tool_call_id": "c1", "content": "1"}}, '
    '{{"role": "tool", "tool_call_id": "{0}", "content": "2"}}]'
)
_ROW = '{"messages": [{"role": "assistant", "tool_calls": [{"id": "c1", "function": {"name": "f"}}]}]}\n'


class DuplicateToolCallId(Rule):
    """Two calls of a conversation have the same id.

    The same id in other conversations, or in other rows of training data, is fine.

    ## Why is this bad?
    A result names its call by the id: with two of a kind nobody can tell which one it answers.

    ## Use instead
    An id of its own for each call.

    ## Fix
    Unsafe: the later call gets a new id, and with it the result that stands behind it in the same order.
    """

    code, name = "TLC008", "duplicate-tool-call-id"
    severity = Severity.WARNING
    fix = "unsafe"
    source = "judgement: results become ambiguous"
    examples = (
        Example(bad=_TWO.format("c1"), fixed=_TWO.format("c1_2"), path="chat.json"),
        Example(good=_TWO.format("c2"), path="chat.json"),
        Example(good=_ROW * 2, path="train.jsonl"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for ids that were there before."""
        calls = [call for call in calls_in(context) if call.id]
        if len(calls) < 2 or len({call.id for call in calls}) == len(calls):
            return
        seen: set[str] = set()
        taken = {str(call.id) for call in calls}
        numbers: Counter[str] = Counter()
        in_turn: Counter[tuple[int, str]] = Counter()
        for call in calls:
            identity = str(call.id)
            if identity in seen:
                new = _free(identity, taken, numbers)
                fix = _rename(context.turns, call, in_turn[call.turn.number, identity], new)
                yield Finding(f"another call has the id {shown(identity)}, too", Value((*call.path, "id")), fix)
            seen.add(identity)
            in_turn[call.turn.number, identity] += 1


def _free(identity: str, taken: set[str], numbers: Counter[str]) -> str:
    """An id that no call has; `numbers` are the last ones that were tried."""
    while True:
        numbers[identity] += 1
        new = f"{identity}_{numbers[identity] + 1}"
        if new not in taken:
            taken.add(new)
            return new


def _rename(turns: tuple[Turn, ...], call: Call, index: int, new: str) -> Fix:
    """Rename a call, and the result at `index` among those of its id that stand behind its message."""
    changes = [Change(Value((*call.path, "id")), new)]
    for number in range(call.turn.number + 1, len(turns)):
        turn = turns[number]
        if turn.meant != "tool":
            break
        if turn.value.get("tool_call_id") == call.id:
            if index == 0:
                changes.append(Change(Value((*turn.path, "tool_call_id")), new))
                break
            index -= 1
    return Fix(f"Rename it to {new}", tuple(changes))
