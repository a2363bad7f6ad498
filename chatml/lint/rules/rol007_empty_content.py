"""ROL007."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from chatml.lint._rule import Context, Example, Finding, Rule, Turn, Value
from chatml.lint.rules._targets import remove_messages

_INSTEAD = ("tool_calls", "function_call", "refusal", "audio", "reasoning_content", "reasoning", "thinking")
_RESULTS = ("tool", "function")  # a tool may well return nothing
_CALL = '[{"role": "assistant", "content": null, "tool_calls": [{"id": "a", "function": {"name": "f"}}]}]'


class EmptyContent(Rule):
    """A message says nothing: its content is null, empty or white space.

    Messages that call, refuse or think instead, and results of tools, may be empty. A key that is missing is ROL008.

    ## Why is this bad?
    APIs refuse text that is white space alone; in training data the model learns to answer nothing.

    ## Use instead
    No message at all.

    ## Fix
    Unsafe: the message is removed, in JSON with all others of its kind.
    """

    code, name = "ROL007", "empty-content"
    fix = "unsafe"
    source = "openai-cookbook: missing_content; livekit/agents#6216; found in axolotl, conversation.missingturns.json"
    examples = (
        Example(
            bad='[{"role": "system", "content": "  "}, {"role": "user", "content": "hi"}]',
            fixed='[{"role": "user", "content": "hi"}]',
            path="chat.json",
        ),
        Example(bad='[{"role": "user", "content": null}]', fixed="[]", path="chat.json"),
        Example(
            bad="<|im_start|>system\n<|im_end|>\n<|im_start|>user\nhi<|im_end|>\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n",
        ),
        Example(good=_CALL, path="chat.json"),
        Example(good='[{"role": "tool", "tool_call_id": "a", "content": ""}]', path="chat.json"),
        Example(good='[{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}]', path="chat.json"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for messages without anything to read."""
        speaking = _speaking(context) if context.is_raw else frozenset()
        silent = [turn for turn in context.turns if _is_silent(context, turn, speaking)]
        for turn, fix in zip(silent, remove_messages(context, silent), strict=True):
            what = "white space alone" if turn.text else "empty"
            place = Value(turn.path if context.is_raw else turn.content_path)
            yield Finding(f"the content is {what}", place, fix)


def _is_silent(context: Context, turn: Turn, speaking: frozenset[int | None]) -> bool:
    if any(text and not text.isspace() for _, text in turn.texts) or turn.meant in _RESULTS:
        return False
    if context.is_raw:
        is_open = turn.number == len(context.turns) - 1 and context.ending == "open"
        return not is_open and turn.number not in speaking
    return turn.content_path[-1] in turn.value and _says_nothing(turn)


def _speaking(context: Context) -> frozenset[int | None]:
    """The messages of a raw prompt that say anything, be it reasoning or a call."""
    said = ("content", "trusted", "reasoning", "tool_call")
    return frozenset(message for kind, text, _, message in context.markers if kind in said and text.strip())


def _says_nothing(turn: Turn) -> bool:
    if any(turn.value.get(key) for key in _INSTEAD):
        return False
    content = turn.value.get(str(turn.content_path[-1]))
    if isinstance(content, list):
        return not any(_is_part(part) for part in content)
    return content is None or (isinstance(content, str) and not content.strip())


def _is_part(part: Any) -> bool:
    """Whether a part of a content holds anything: all but blank text does."""
    if isinstance(part, Mapping):
        if part.get("type") not in ("text", "input_text", "output_text"):
            return True
        part = part.get("text", part.get("value"))
    return bool(part.strip()) if isinstance(part, str) else part is not None
