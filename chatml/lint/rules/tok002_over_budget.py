"""TOK002."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Context, Example, Finding, Rule, Tokens, Turn, Value
from chatml.lint.rules._counts import number_of, said

_CHAT = '[{"role": "system", "content": "Be brief, be kind."}, {"role": "user", "content": "hi"}]'


class OverBudget(Rule):
    """A prompt, or a message of it, has more tokens than it was given.

    The table `budgets` of the configuration gives tokens to files by glob, the options give them to messages.

    ## Why is this bad?
    Prompts grow by a line at a time. Each request pays for all of them, and what is left for the conversation shrinks.

    ## Use instead
    A shorter prompt, or a larger budget: then the change is seen in a review.

    ## Options
    - `message`: the most tokens of one message; 0 is no limit.
    - `roles`: the most tokens of one message by role, as in `{ system = 800 }`.
    """

    code, name = "TOK002", "over-budget"
    needs_tokens = True
    options: ClassVar[Mapping[str, Any]] = {"message": 0, "roles": {}}
    source = "rjwalters/loom#8053 and coco#607: budgets of prompts, checked before they are merged"
    examples = (
        Example(bad=_CHAT, path="chat.json", settings={"budgets": {"*.json": 10}}),
        Example(bad=_CHAT, path="chat.json", settings={"rules": {"TOK002": {"roles": {"system": 5}}}}),
        Example(bad=_CHAT, path="chat.json", settings={"rules": {"TOK002": {"message": 5}}}),
        Example(good=_CHAT, path="chat.json", settings={"budgets": {"*.json": 100, "*.chatml": 1}}),
        Example(good=_CHAT, path="chat.json", settings={"rules": {"TOK002": {"roles": {"system": 50, "tool": 1}}}}),
        Example(good=_CHAT, path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the tokens with the budgets that there are."""
        budget, roles = context.settings.get("budget"), context.options.get("roles")
        caps = roles if isinstance(roles, Mapping) else {}
        most = number_of(context.options.get("message"))
        if budget is None and not caps and not most:
            return
        tokens = context.count()
        if tokens is None:
            return
        if isinstance(budget, int) and tokens.total > budget:
            message = f"the prompt has {said(tokens)}, its budget is {budget:,}"
            yield Finding(message, help="shorten it, or raise its budget")
        for turn in context.turns if caps or most else ():
            cap = number_of(caps.get(turn.meant or "")) or most
            if cap:
                yield from _over(turn, tokens, cap)


def _over(turn: Turn, tokens: Tokens, cap: int) -> Iterator[Finding]:
    if turn.number < len(tokens.messages) and tokens.messages[turn.number] > cap:
        number = said(tokens, tokens.messages[turn.number])
        message = f"the message ({turn.meant}) has {number}, its budget is {cap:,}"
        yield Finding(message, Value(turn.path), help="shorten it, or raise its budget")
