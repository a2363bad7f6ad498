"""Short ways to ask one rule about a text."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

from chatml.lint._engine import Block, LintDiagnostic, analyze, judge
from chatml.lint._facts import FactTable
from chatml.lint._fixes import apply_fixes
from chatml.lint._rule import Context, Rule, Tokens
from chatml.lint._settings import Settings
from chatml.lint.rules import RULES

BY_CODE = {rule.code: rule for rule in RULES}
Messages = list[dict[str, Any]]


def chat(*messages: Mapping[str, Any], **request: Any) -> str:
    """A request as the text of a file."""
    return json.dumps({**request, "messages": messages}, ensure_ascii=False)


def said(role: str, content: Any, **more: Any) -> dict[str, Any]:
    return {"role": role, "content": content, **more}


def call(name: str = "f", identity: str | None = "c1", arguments: Any = "{}") -> dict[str, Any]:
    """A tool call."""
    own = {} if identity is None else {"id": identity}
    return {**own, "type": "function", "function": {"name": name, "arguments": arguments}}


def calls(*made: dict[str, Any]) -> dict[str, Any]:
    """A message that calls."""
    return {"role": "assistant", "tool_calls": list(made)}


def result(identity: str | None = "c1", content: str = "1") -> dict[str, Any]:
    own = {} if identity is None else {"tool_call_id": identity}
    return {"role": "tool", **own, "content": content}


def tool(name: str = "f", **more: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": name, "description": "d", **more}}


def found(code: str, text: str, path: str = "chat.json", **settings: Any) -> list[LintDiagnostic]:
    """What one rule finds in a text."""
    return found_by([code], {path: text}, **settings)


def found_by(codes: Iterable[str], files: Mapping[str, str], **settings: Any) -> list[LintDiagnostic]:
    """What rules find in files, in the order of the files, and then across them."""
    rules: list[Rule] = [BY_CODE[code]() for code in codes]
    facts = FactTable()
    found: list[LintDiagnostic] = []
    for path, text in files.items():
        analysis = analyze(Block(text), path=path, settings=Settings(**settings), rules=rules)
        found += [one for one in analysis.diagnostics if one.code in codes]
        facts.add(analysis.facts)
    return [*found, *judge(rules, facts)]


def texts(code: str, text: str, path: str = "chat.json", **settings: Any) -> list[str]:
    """What one rule says about a text."""
    return [one.message for one in found(code, text, path, **settings)]


def places(code: str, text: str, path: str = "chat.json", **settings: Any) -> list[str]:
    """The characters that one rule points at."""
    return [text[one.start : one.end] for one in found(code, text, path, **settings)]


def fixed(code: str, text: str, path: str = "chat.json", **settings: Any) -> str:
    """A text with all fixes of one rule."""
    chosen = Settings(**settings, select=(code,))
    return apply_fixes(text, path=path, settings=chosen, has_bom=False, unsafe=True).text


def contexts(text: str, path: str = "train.jsonl", **settings: Any) -> list[Context]:
    """The conversations of a text as rules see them."""
    seen: list[tuple[Context, Tokens | None]] = []

    class Look(Rule):
        code, name = "TST000", "look-only"
        kinds = frozenset({"prompt", "training", "template"})

        def check(self, context: Context) -> Any:
            seen.append((context, context.count()))
            return iter(())

    analyze(Block(text), path=path, settings=Settings(**settings), rules=[Look()])
    for context, tokens in seen:
        context.count = partial(_same, tokens)  # the engine takes its own away
    return [context for context, _ in seen]


def _same(tokens: Tokens | None) -> Tokens | None:
    return tokens
