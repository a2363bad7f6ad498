"""ROL010."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Rule, Severity, Value
from chatml.lint.rules._targets import is_target

_CHAT = '{{"model": "{}", "messages": [{{"role": "{}", "content": "Be brief."}}, {{"role": "user", "content": "hi"}}]}}'
_NEITHER = ("o1-mini*", "o1-preview*")  # of the new models the ones that take no such message


class SystemVsDeveloper(Rule):
    """A system message for a model that takes developer messages in its place.

    Reported only for models that are known to: see the option.

    ## Why is this bad?
    The documentation of the API asks for developer messages with these models.

    ## Use instead
    The role developer.

    ## Fix
    Unsafe: the role becomes developer.

    ## Options
    - `targets`: the models that take developer messages, as patterns such as `"o3*"`.
    """

    code, name = "ROL010", "system-vs-developer"
    severity = Severity.INFO
    is_on = False
    fix = "unsafe"
    formats = frozenset({"messages", "request"})
    options: ClassVar[Mapping[str, Any]] = {"targets": ("o[1-9]", "o[1-9]-*", "gpt-5*", "gpt-6*")}
    source = 'openai-openapi openapi.yaml: "With o1 models and newer, use developer messages for this purpose instead."'
    examples = (
        Example(bad=_CHAT.format("o3", "system"), fixed=_CHAT.format("o3", "developer"), path="chat.json"),
        Example(good=_CHAT.format("gpt-4o", "system"), path="chat.json"),
        Example(good=_CHAT.format("o3", "developer"), path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for system messages, where that matters."""
        system = [turn for turn in context.turns if turn.role == "system"]
        if not system or not is_target(context, context.options["targets"]) or is_target(context, _NEITHER):
            return
        for turn in system:
            place = Value(turn.role_path)
            fix = Fix("Make it a developer message", (Change(place, "developer"),))
            yield Finding("a system message for a model that takes developer messages", place, fix)
