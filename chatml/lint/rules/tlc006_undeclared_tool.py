"""TLC006."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import get_close_matches

from chatml.lint._rule import Context, Example, Finding, Rule, Value
from chatml.lint.rules._calls import calls_in, tools_of
from chatml.lint.rules._targets import shown

_CHAT = '{{"messages": [{{"role": "assistant", "tool_calls": [{{"id": "a", "function": {{"name": "f"}}}}]}}]{}}}'
_TOOLS = ', "tools": [{{"type": "function", "function": {{"name": "{}", "description": "d"}}}}]'


class UndeclaredTool(Rule):
    """A call names a tool that is not among those declared with the conversation.

    Where no tool is declared, as in many sets of training data, nothing is reported.

    ## Why is this bad?
    No code can make the call; a model that is trained on it learns to call what it was not given.

    ## Use instead
    Declare the tool, or correct the name.
    """

    code, name = "TLC006", "undeclared-tool"
    source = "judgement: a call of what is not there cannot be meant"
    examples = (
        Example(bad=_CHAT.format(_TOOLS.format("g")), path="chat.json"),
        Example(good=_CHAT.format(""), path="chat.json"),
        Example(good=_CHAT.format(_TOOLS.format("f")), path="chat.json"),
        Example(good=_CHAT.format(', "tools": []'), path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the names of calls with those of tools."""
        names = [tool.name for tool in tools_of(context) if isinstance(tool.name, str)]
        if not names:
            return
        for call in calls_in(context):
            if isinstance(call.name, str) and call.name not in names:
                near = get_close_matches(call.name, names, n=1)
                help_text = f"the nearest is {shown(near[0])}" if near else ""
                yield Finding(f"no tool {shown(call.name)} is declared", Value(call.name_path), help=help_text)
