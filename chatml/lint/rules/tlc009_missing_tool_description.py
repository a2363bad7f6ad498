"""TLC009."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Severity, Value
from chatml.lint.rules._calls import tools_of
from chatml.lint.rules._targets import shown

_CHAT = '{{"messages": [], "tools": [{{"type": "function", "function": {{"name": "f"{}}}}}]}}'


class MissingToolDescription(Rule):
    """A tool has no description.

    ## Why is this bad?
    The model decides by the description when to call the tool, and how.

    ## Use instead
    A sentence that says what the tool does and when it helps.
    """

    code, name = "TLC009", "missing-tool-description"
    severity = Severity.INFO
    source = "openai-openapi openapi.yaml: the description is used to choose when and how to call the function"
    examples = (
        Example(bad=_CHAT.format(""), path="chat.json"),
        Example(bad=_CHAT.format(', "description": " "'), path="chat.json"),
        Example(good=_CHAT.format(', "description": "Says the time."'), path="chat.json"),
        Example(good='{"messages": [], "tools": [{"type": "web_search"}]}', path="chat.json"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at each tool."""
        for tool in tools_of(context):
            description = tool.value.get("description")
            if not isinstance(description, str) or not description.strip():
                yield Finding(f"the tool {shown(tool.name)} has no description", Value(tool.path))
