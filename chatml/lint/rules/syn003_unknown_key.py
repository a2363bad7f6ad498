"""SYN003."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from functools import lru_cache
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Turn, Value
from chatml.lint.rules._targets import shown

# what Chat Completions has, and what is put beside it by those who serve other models or train on the file
_CORE = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call", "refusal", "weight")
_KNOWN = frozenset(
    {*_CORE, "audio", "annotations", "id", "type", "status", "recipient", "channel", "cache_control", "prefix"}
    | {"reasoning", "reasoning_content", "reasoning_details", "thinking", "thinking_blocks", "partial", "eot"}
    | {"end_turn", "metadata", "loss", "loss_weight", "train", "training", "mask", "images", "videos", "audios"}
)
_SHAREGPT = ("from", "value", *_CORE)
# keys of a request, and what their values are: a column of a data set may have a name like theirs
_REQUEST: Mapping[str, type] = {
    "tools": list, "functions": list, "tool_choice": str, "response_format": dict, "parallel_tool_calls": bool,
    "temperature": float, "max_tokens": int, "max_completion_tokens": int,
}  # fmt: skip
# keys at the top of other formats
_TOP: Mapping[str, tuple[str, ...]] = {
    "prompty": (
        "name", "description", "version", "authors", "tags", "model", "sample", "inputs", "outputs", "template", "base",
        "kind", "displayName", "metadata", "instructions", "additionalInstructions", "tools",
    ),
    "dotprompt": (
        "name", "variant", "description", "model", "tools", "toolDefs", "maxTurns", "config", "input", "output",
        "metadata",
    ),
    "github-models": (
        "name", "description", "model", "modelParameters", "messages", "testData", "evaluators", "responseFormat",
        "jsonSchema",
    ),
}  # fmt: skip


class UnknownKey(Rule):
    """A key is not one of its format.

    In training data in Chat Completions form each key of a message that the form does not have is reported. Elsewhere
    a key is reported when it is nearly one that the message does not have: others are often data of your own.

    ## Why is this bad?
    What stands under a key with a typo is read by nobody: the message is empty, or the tool is not there. Services that
    train on a file refuse messages with other keys.

    ## Use instead
    The key that was meant. Keys that begin with `_`, `x-` or `x_` are taken for notes of your own.

    ## Options
    - `allow`: more keys of messages that are allowed.
    """

    code, name = "SYN003", "unknown-key"
    severity = Severity.WARNING
    formats = frozenset({"messages", "request", "sharegpt", *_TOP})
    options: ClassVar[Mapping[str, Any]] = {"allow": ()}
    source = "openai-cookbook, Chat_finetuning_data_prep.ipynb: message_unrecognized_key"
    examples = (
        Example(bad='[{"role": "user", "contents": "hi"}]', path="chat.json"),
        Example(bad='{"messages": [{"role": "user", "content": "hi", "tag": "a"}]}', path="train.jsonl"),
        Example(bad='{"messages": [], "tols": []}', path="chat.json"),
        Example(bad='{"conversations": [{"from": "human", "values": "hi"}]}', path="chat.json"),
        Example(bad="---\nmodel: gpt-4o\nsampel:\n  q: hi\n---\nuser:\n{{q}}\n", path="x.prompty"),
        Example(good="---\nmodel: gpt-4o\nmetadata:\n  x-team: a\nx-model: b\n---\nuser:\nhi\n", path="x.prompty"),
        Example(
            good='{"messages": [{"role": "assistant", "content": "hi", "weight": 0, "refusal": null, "name": "a"}]}',
            path="train.jsonl",
        ),
        Example(good='[{"role": "user", "content": "hi", "tag": "a", "x-note": "b"}]', path="chat.json"),
        Example(good='{"id": 7, "source": "web", "conversations": [{"from": "human", "value": "hi"}]}', path="a.json"),
        Example(
            good='{"messages": [{"role": "user", "content": "hi", "tag": "a"}]}',
            path="train.jsonl",
            settings={"rules": {"SYN003": {"allow": ["tag"]}}},
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the keys of each message, and at those beside the messages."""
        for turn in context.turns:
            if not turn.value.keys() <= _KNOWN:
                yield from _in_message(turn, context)
        if isinstance(context.value, Mapping):
            yield from _at_top(context.value, _TOP.get(context.format), context.options.get("allow"))


def _at_top(value: Mapping[Any, Any], known: tuple[str, ...] | None, allowed: Any) -> Iterator[Finding]:
    names = tuple(_REQUEST) if known is None else known
    for key, inner in value.items():
        if not isinstance(key, str) or key in names or "." in key or _is_own(key, allowed):
            continue
        near = _nearest(key, names)
        if near is not None and near not in value and (known is not None or _is_like(inner, _REQUEST[near])):
            yield _finding(key, (), "at the top" if known else "beside the messages", near)


def _in_message(turn: Turn, context: Context) -> Iterator[Finding]:
    known = _SHAREGPT if turn.role_path[-1] == "from" else _CORE
    is_strict = context.kind == "training" and turn.role_path[-1] == "role" and context.format != "sharegpt"
    for key in turn.value.keys() - _KNOWN - {"from", "value", "sender", "text"}:
        if not isinstance(key, str) or _is_own(key, context.options.get("allow")):  # YAML has keys that are numbers
            continue
        near = _nearest(key, known)
        near = None if near in turn.value else near
        if near is not None or is_strict:
            yield _finding(key, turn.path, "in a message", near)


def _is_own(key: str, allowed: Any) -> bool:
    is_allowed = isinstance(allowed, Collection) and not isinstance(allowed, str) and key in allowed
    return is_allowed or key.startswith(("_", "x-", "x_"))


def _is_like(value: Any, kind: type) -> bool:
    return isinstance(value, (int, float) if kind is float else kind)


def _finding(key: str, path: tuple[str | int, ...], where: str, near: str | None) -> Finding:
    hint = f"the nearest key is {near}" if near else "expected the keys of Chat Completions; the option allow adds more"
    return Finding(f"found the key {shown(key)} {where}, which the format does not have",
                   Value((*path, key), is_key=True), None, hint)  # fmt: skip


@lru_cache(maxsize=1024)
def _nearest(key: str, known: tuple[str, ...]) -> str | None:
    if len(key) > 30:
        return None
    from difflib import get_close_matches  # few files have a key that asks for it

    return next(iter(get_close_matches(key.lower(), known, n=1, cutoff=0.8)), None)
