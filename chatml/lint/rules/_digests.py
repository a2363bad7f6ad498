"""Short names of conversations and of their parts, by which rules across a set of data compare them.

Two conversations have the same name when they say the same: roles, contents, names, calls and declared tools, in
whichever form and with whichever other keys. A name has 16 bytes, so a set of a hundred million rows holds two of one
name by accident with a chance of one in 10^22.
"""

from __future__ import annotations

import json
from hashlib import blake2b
from typing import Any

from chatml.lint._rule import Context, Turn
from chatml.lint.rules._targets import value_at

SIZE = 16
_SPOKEN = ("name", "tool_calls", "function_call", "tool_call_id")


def digest_of(context: Context) -> bytes:
    """The name of a conversation."""
    found: bytes | None = context.memo.get("digest")
    if found is None:
        found = context.memo["digest"] = _digest(context, context.turns)
    return found


def split_digests(context: Context) -> tuple[bytes, bytes] | None:
    """The names of what is asked and of the answer, which is the last message; None where that is no assistant's."""
    turns = context.turns
    if len(turns) < 2 or turns[-1].meant != "assistant":
        return None
    return _digest(context, turns[:-1]), _digest(context, turns[-1:])


def _digest(context: Context, turns: tuple[Turn, ...]) -> bytes:
    state = blake2b(digest_size=SIZE)
    for turn in turns:
        content, is_text = _content(context, turn)
        pieces = (turn.meant or "", content, _rest(turn))
        encoded = [piece.encode("utf-8", "surrogatepass") for piece in pieces]
        # lengths in front, so that no two rows of pieces are the same bytes
        state.update(b"%d %d %d %d:" % (is_text, *map(len, encoded)))
        state.update(b"".join(encoded))
    for key in ("tools", "functions"):
        if context.request.get(key):
            state.update(f"{key}:{_canonical(context.request[key])}".encode("utf-8", "surrogatepass"))
    return state.digest()


def _content(context: Context, turn: Turn) -> tuple[str, bool]:
    """What a message says, and whether that is text: if not, it is JSON, and a text may spell the same."""
    if not turn.value:
        return (turn.text, True) if context.value is None else (_canonical(value_at(context, turn.path)), False)
    content = turn.value.get(str(turn.content_path[-1]))
    if content is None or isinstance(content, str) or _is_text(content):
        return turn.text, True
    return _canonical(content), False


def _is_text(content: Any) -> bool:
    return isinstance(content, list) and all(
        isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str) for part in content
    )


def _rest(turn: Turn) -> str:
    """What else a message says: calls, and whom it names."""
    said = {key: turn.value[key] for key in _SPOKEN if turn.value.get(key)}
    return _canonical(said) if said else ""


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
