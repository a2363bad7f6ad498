"""ROL003."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Turn, Value
from chatml.lint.rules._targets import is_target, join_messages

_SPEAKERS = ("user", "assistant")
_TWO_USERS = '{{"model": "{}", "messages": [{{"role": "user", "content": "hi"}}, {{"role": "user", "content": "ho"}}]}}'
_CALL = '"tool_calls": [{"type": "function", "function": {"name": "f", "arguments": {}}}]'
_TOOLS = (
    '{"model": "mistral-7b-instruct", "messages": [{"role": "user", "content": "hi"}, {"role": "assistant", '
    f'{_CALL}}}, {{"role": "tool", "content": "1"}}, {{"role": "tool", "content": "2"}}, '
    '{"role": "assistant", "content": "3"}]}'
)


class RolesNotAlternating(Rule):
    """Messages of user and assistant do not alternate, beginning with the user, and the target needs that.

    System messages in front are left out, and a tool's result stands between two messages of the assistant. Reported
    only for models that are known to need it: see the option.

    ## Why is this bad?
    The chat templates of Gemma and Mistral raise "Conversation roles must alternate".

    ## Use instead
    One message for all that a side says at a time.

    ## Fix
    Unsafe: two neighbours of one role become one message, with an empty line between their texts; in JSON, all at once.

    ## Options
    - `targets`: the models and dialects that need it, as patterns such as `"gemma*"`; `["*"]` for all.
    """

    code, name = "ROL003", "roles-not-alternating"
    severity = Severity.WARNING
    fix = "unsafe"
    options: ClassVar[Mapping[str, Any]] = {"targets": ("gemma*", "codegemma*", "mistral*", "mixtral*")}
    source = "smol-course#260, unsloth#334, SkyrimNet#309"
    examples = (
        Example(
            bad=_TWO_USERS.format("google/gemma-2-9b-it"),
            fixed='{"model": "google/gemma-2-9b-it", "messages": [{"role": "user", "content": "hi\\n\\nho"}]}',
            path="chat.json",
        ),
        Example(good=_TWO_USERS.format("gpt-4o"), path="chat.json"),
        Example(good=_TOOLS, path="chat.json"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>user\nho<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare each message with the one before it, where that matters."""
        if len(context.turns) < 2 or not is_target(context, context.options["targets"]):
            return
        before: Turn | None = None
        again: list[Turn] = []
        for turn in context.turns:
            if before is not None and before.meant == turn.meant and turn.meant in _SPEAKERS:
                again.append(turn)
            elif turn.meant == "assistant" and (before is None or before.meant == "system"):
                yield Finding("the first message is not one of the user", Value(turn.path))
            before = turn
        for turn, fix in zip(again, join_messages(context, again), strict=True):
            yield Finding(f"two messages of the {turn.meant} in a row", Value(turn.path), fix)
