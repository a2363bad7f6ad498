"""How rules speak of tokens."""

from __future__ import annotations

from chatml.lint._rule import Context, Tokens


def said(tokens: Tokens, number: int | None = None) -> str:
    """A number of tokens as a message says it; `about` where it is an estimate."""
    count = tokens.total if number is None else number
    return f"{'about ' if tokens.status == 'estimate' else ''}{count:,} token{'' if count == 1 else 's'}"


def number_of(value: object) -> int:
    """An option that is a number of tokens, 0 where it is none."""
    return value if type(value) is int and value > 0 else 0


def is_first(context: Context) -> bool:
    """Whether a conversation is the first one of its file."""
    return context.line == 1 and (not context.pointer or context.pointer[0] == 0)
