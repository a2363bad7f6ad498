"""TPL002."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule, Value
from chatml.lint.rules._targets import shown

_FRONT = "---\ninputs:\n  question:\n    kind: string\n---\nuser:\n"


class UndefinedVariable(Rule):
    """A template uses a variable that its file does not declare.

    Looked at where a file declares its inputs: Prompty, Dotprompt, LangChain and Semantic Kernel, and the test data of
    GitHub Models. Names that the template binds itself, such as those of loops, are not reported.

    ## Why is this bad?
    Most engines put nothing in its place and say nothing: the model answers a question that is not there.

    ## Use instead
    The name that is declared, or a declaration.
    """

    code, name = "TPL002", "undefined-variable"
    kinds = frozenset({"prompt", "training", "template"})
    source = "instructor#2669: a variable that is missing is rendered to nothing"
    examples = (
        Example(bad=_FRONT + "{{queston}}\n", path="ask.prompty"),
        Example(
            bad="model: gpt-4o\nmessages:\n  - role: user\n    content: Hi {{nam}}\ntestData:\n  - name: Jo\n",
            path="hello.prompt.yml",
        ),
        Example(bad='{"input_variables": ["topic"], "template": "Explain {topic} to {reader}."}', path="prompt.json"),
        Example(
            good=_FRONT + "{% for q in question %}{{ loop.index }}: {{ q | upper }}{% endfor %}\n", path="a.prompty"
        ),
        Example(good="---\nname: ask\n---\nuser:\n{{question}}\n", path="ask.prompty"),
        Example(good="<|im_start|>user\n{{question}}<|im_end|>\n"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the names in the templates with those in the file."""
        variables = context.variables
        if variables is None or not variables.is_closed:
            return
        known = {*variables.declared, *variables.known}
        seen: set[str] = set()
        for template in context.templates:
            for name, start, end in template.scan.names:
                if name not in known and name not in seen:
                    seen.add(name)
                    message = f"the variable {shown(name)} is not declared"
                    yield Finding(message, Value(template.path, start, end), None, _hint(name, known))


def _hint(name: str, known: set[str]) -> str:
    from difflib import get_close_matches

    near = get_close_matches(name, sorted(known), n=1)
    return f"the nearest name is {near[0]}" if near else f"declared: {', '.join(sorted(known)[:5])}"
