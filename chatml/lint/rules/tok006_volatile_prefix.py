"""TOK006."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Value

_VARIABLE = re.compile(r"\{\{-?\s*\$?(?P<double>[A-Za-z_][\w.]*)[^{}\n]{0,80}\}\}|\{(?P<single>[A-Za-z_]\w*)\}")
_LITERAL = re.compile(
    r"\b\d{4}-\d\d-\d\d[T ]\d\d:\d\d|\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b", re.IGNORECASE
)
_PART = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_VOLATILE = frozenset({"now", "today", "date", "time", "datetime", "timestamp", "uuid", "guid", "nonce", "random"})
_IDS = frozenset({"session", "request", "trace", "conversation"})
_LASTING = frozenset({"zone", "format", "cutoff", "birth", "limit", "style"})


class VolatilePrefix(Rule):
    """A prompt begins with what is another one in each request: the time, the id of a session.

    Looked at near the beginning of a system message, in prompts that are long enough for a cache.

    ## Why is this bad?
    Services keep what they made of the beginning of a prompt, and charge a part of the price for it. They can as far as
    it is the same, character by character: behind the first difference all is read and paid again.

    ## Use instead
    The changing part in the last message, or at the end of the system message.

    ## Options
    - `head`: how many characters of the message are its beginning.
    - `least`: how many characters a prompt must have; services cache 1,024 tokens and more.
    - `names`: more names of variables that change.
    """

    code, name = "TOK006", "volatile-prefix"
    severity = Severity.WARNING
    kinds = frozenset({"prompt"})
    options: ClassVar[Mapping[str, Any]] = {"head": 200, "least": 4_000, "names": ()}
    source = "nanobot#1116: cached_tokens fell from 3,328 to 0; home-generative-agent#617, opencrabs#657"
    examples = (
        Example(
            bad="<|im_start|>system\nNow: {{now}}. You answer questions about cooking.<|im_end|>\n",
            settings={"rules": {"TOK006": {"least": 0}}},
        ),
        Example(
            bad='[{"role": "system", "content": "Session {sessionId}. Be brief."}]',
            path="chat.json",
            settings={"rules": {"TOK006": {"least": 0}}},
        ),
        Example(
            good="<|im_start|>system\nYou answer questions.<|im_end|>\n<|im_start|>user\nAt {{now}}: hi<|im_end|>\n",
            settings={"rules": {"TOK006": {"least": 0}}},
        ),
        Example(
            good="<|im_start|>system\nYou help {{first_name}} in {{time_zone}}.<|im_end|>\n",
            settings={"rules": {"TOK006": {"least": 0}}},
        ),
        Example(good="<|im_start|>system\nNow: {{now}}.<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Search the beginning of the first message, if it is the system's."""
        first = context.turns[0] if context.turns else None
        if first is None or first.meant not in ("system", "developer") or not first.texts:
            return
        head, least = context.options.get("head"), context.options.get("least")
        path, text = first.texts[0]
        beginning = text[: head if isinstance(head, int) else 200]
        if "{" not in beginning and not _LITERAL.search(beginning):
            return
        if sum(len(turn.text) for turn in context.turns) < (least if isinstance(least, int) else 0):
            return
        found = _first(beginning, context.options.get("names"))
        if found is not None:
            place = Value(path, *found.span())
            message = f"the prompt begins with {found[0][:40]!a}, which changes from request to request: no cache holds"
            yield Finding(message, place, help="put it into the last message, or at the end of this one")


def _first(text: str, names: object) -> re.Match[str] | None:
    given = names if isinstance(names, Collection) and not isinstance(names, str) else ()
    variables = ((one, one["double"] or one["single"]) for one in _VARIABLE.finditer(text))
    found = [one for one, name in variables if name in given or _changes(name)]
    found += _LITERAL.finditer(text)
    return min(found, key=lambda one: one.start(), default=None)


def _changes(name: str) -> bool:
    parts = {part.lower() for part in _PART.findall(name)}
    if parts & _LASTING:
        return False
    return bool(parts & _VOLATILE) or ("id" in parts and bool(parts & _IDS))
