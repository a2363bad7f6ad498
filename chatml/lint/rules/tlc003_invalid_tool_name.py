"""TLC003."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.lint._rule import Change, Context, Example, Finding, Fix, Path, Rule, Value
from chatml.lint.rules._calls import calls_in, tools_of
from chatml.lint.rules._targets import shown

_LONGEST = 64
_is_name = re.compile(r"[a-zA-Z0-9_-]{1,64}").fullmatch
_OTHERS = re.compile(r"[^a-zA-Z0-9_-]+")
_TOOL = '{{"messages": [], "tools": [{{"type": "function", "function": {{"name": "{}", "description": "d"}}}}]}}'


class InvalidToolName(Rule):
    """The name of a tool is not 1 to 64 letters of ASCII, digits, underscores and hyphens.

    Looked at where a tool is declared and where it is called. Not in ShareGPT, whose tools are read by many templates.

    ## Why is this bad?
    The API refuses the request.

    ## Use instead
    A name such as `get_weather`.

    ## Fix
    Unsafe: what a name cannot have becomes an underscore, wherever the tool is declared or called. The code that runs
    the tool has to follow.
    """

    code, name = "TLC003", "invalid-tool-name"
    fix = "unsafe"
    formats = frozenset({"messages", "request"})
    source = "openai-openapi openapi.yaml: FunctionObject; xiaozhi-golang#268"
    examples = (
        Example(bad=_TOOL.format("get weather"), fixed=_TOOL.format("get_weather"), path="chat.json"),
        Example(bad='[{"role": "assistant", "tool_calls": [{"function": {"name": "a.b"}}]}]', path="chat.json"),
        Example(good=_TOOL.format("get_weather-2"), path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at each name that is there."""
        for name, path in _names(context):
            if not isinstance(name, str):
                yield Finding("the tool has no name", Value(path))
            elif not _is_name(name):
                valid = _OTHERS.sub("_", name)[:_LONGEST]
                fix = Fix(f"Rename it to {valid}", (Change(Value(path), valid),)) if valid.strip("_") else None
                what = f"{len(name)} characters" if len(name) > _LONGEST else shown(name)
                help_text = f"expected 1 to {_LONGEST} letters, digits, underscores and hyphens"
                yield Finding(f"found {what} as the name of a tool", Value(path), fix, help_text)


def _names(context: Context) -> Iterator[tuple[object, Path]]:
    for tool in tools_of(context):
        yield tool.name, tool.name_path
    for call in calls_in(context):
        yield call.name, call.name_path
