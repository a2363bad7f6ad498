"""What a conversation is meant for: which rules count depends on it, for one model refuses what another takes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import Any, TypeAlias

from chatml.lint._rule import Change, Context, Fix, Path, Span, Turn, Value

_ROWS = (".jsonl", ".ndjson")
_PLAIN_KEYS = frozenset({"role", "content", "from", "value", "sender", "text"})

Messages: TypeAlias = Sequence[Any]


def is_target(context: Context, patterns: Any) -> bool:
    """Whether the model, with or without the name of its owner, or the dialect is like one of `patterns`, globs."""
    given = [patterns] if isinstance(patterns, str) else patterns
    if not isinstance(given, (list, tuple)):
        return False
    return _is_one_of(context.model or "", context.dialect.name, tuple(map(str, given)))


@lru_cache(maxsize=256)  # a run has a few targets, and a few rules that ask
def _is_one_of(model: str, dialect: str, patterns: tuple[str, ...]) -> bool:
    full = model.lower()
    names = {full, full.rpartition("/")[2], dialect.lower()} - {""}
    return any(fnmatchcase(name, pattern.lower()) for name in names for pattern in patterns)


def shown(value: object, most: int = 60) -> str:
    """A value as a message prints it: quoted, in ASCII, cut to `most` characters."""
    if isinstance(value, str):
        return ascii(value if len(value) <= most else value[:most] + "...")
    text = ascii(value)
    return text if len(text) <= most else text[:most] + "..."


def value_at(context: Context, path: Path) -> Any:
    """The value at a path of the document, None where it leads nowhere."""
    value = context.value
    for step in path:
        if isinstance(value, Mapping):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def remove_messages(context: Context, turns: Sequence[Turn]) -> list[Fix | None]:
    """For each message the fix that takes it away; None where the format has no way to do that and keep its layout.

    In JSON the list is written anew, so the first fix takes all of them away, and the others have none.
    """
    if context.is_raw:
        return [Fix("Remove the message", (Change(Value(turn.path), ""),)) for turn in turns]
    messages = _messages_around(context, turns[0]) if turns else None
    if messages is None:
        return [None] * len(turns)
    gone = {turn.path[-1] for turn in turns if turn.path[:-1] == turns[0].path[:-1]}
    left = [one for index, one in enumerate(messages) if index not in gone]
    title = "Remove the message" if len(gone) == 1 else "Remove the messages"
    return [Fix(title, (Change(Value(turns[0].path[:-1]), left),)), *[None] * (len(turns) - 1)]


def join_messages(context: Context, turns: Sequence[Turn]) -> list[Fix | None]:
    """For each message the fix that joins it to the one before it, which has its role, with an empty line between.

    As in `remove_messages`, in JSON the first fix that can be made joins all.
    """
    if context.is_raw:
        contents = _raw_contents(context)
        changes = [_join_raw(contents, turn) for turn in turns]
        return [None if one is None else Fix("Join the two messages", (one,)) for one in changes]
    joined = [turn for turn in turns if _can_be_joined(context.turns[turn.number - 1], turn)]
    messages = _messages_around(context, joined[0]) if joined else None
    if messages is None:
        return [None] * len(turns)
    change = Change(Value(joined[0].path[:-1]), _joined(messages, joined))
    fix = Fix("Join the two messages" if len(joined) == 1 else "Join the messages", (change,))
    return [fix if turn is joined[0] else None for turn in turns]


def _raw_contents(context: Context) -> dict[int, tuple[int, int] | None]:
    """Where the content of each message stands; None where a message says more than that."""
    found: dict[int, tuple[int, int] | None] = {}
    for kind, text, start, message in context.markers:
        if message is not None and kind in ("name", "channel", "reasoning", "tool_call"):
            found[message] = None
        elif message is not None and kind == "content":
            before = found.get(message, (start, start))
            found[message] = before and (before[0], start + len(text))
    return found


def _join_raw(contents: Mapping[int, tuple[int, int] | None], turn: Turn) -> Change | None:
    before, own = contents.get(turn.number - 1), contents.get(turn.number)
    return Change(Span(before[1], own[0]), "\n\n") if before and own else None


def _can_be_joined(before: Turn, turn: Turn) -> bool:
    """Whether nothing but text would become one."""
    key = str(turn.content_path[-1])
    is_neighbour = before.path[:-1] == turn.path[:-1] and before.value.keys() == turn.value.keys()
    texts = (before.value.get(key), turn.value.get(key))
    return is_neighbour and turn.value.keys() <= _PLAIN_KEYS and all(isinstance(text, str) for text in texts)


def _joined(messages: Messages, turns: Sequence[Turn]) -> list[Any]:
    keys = {turn.path[-1]: str(turn.content_path[-1]) for turn in turns}
    rows: list[list[Any]] = []  # messages that become one
    for index, message in enumerate(messages):
        if index in keys:
            rows[-1].append(message)
        else:
            rows.append([message])
    key = next(iter(keys.values()))
    return [row[0] if len(row) == 1 else {**row[0], key: "\n\n".join(one[key] for one in row)} for row in rows]


def _messages_around(context: Context, turn: Turn) -> Messages | None:
    """The list that a message stands in, where it can be written anew: on a line of its own, as all of it then is."""
    if "\n" in context.text.strip() and not context.path.lower().endswith(_ROWS):
        return None
    messages = value_at(context, turn.path[:-1])
    return messages if isinstance(messages, list) else None
