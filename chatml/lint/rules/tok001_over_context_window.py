"""TOK001."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule
from chatml.lint.rules._counts import number_of, said

_PROMPT = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"


class OverContextWindow(Rule):
    """A prompt, with the tokens that are kept for the reply, does not fit into the context window of the model.

    Looked at where a model is named, in the configuration or in the file. `reserve` in the configuration says how many
    tokens the reply gets. Variables count as they are written.

    ## Why is this bad?
    The service refuses the request, or something on the way cuts the prompt, and nobody sees which part is gone.

    ## Use instead
    A shorter prompt, a smaller reserve, or a model with a larger window.
    """

    code, name = "TOK001", "over-context-window"
    kinds = frozenset({"prompt"})
    needs_tokens = True
    source = "OWASP AISVS 2.1.4: reject what is too long, do not truncate it"
    examples = (
        Example(bad=_PROMPT, settings={"model": "gpt-4", "reserve": 8190}),
        Example(
            bad='{"model": "gpt-4", "messages": [{"role": "user", "content": "hi"}]}',
            path="chat.json",
            settings={"reserve": 8185},
        ),
        Example(
            good='{"model": "gpt-4", "messages": [{"role": "user", "content": "hi"}]}',
            path="chat.json",
            settings={"reserve": 8184},
        ),
        Example(good=_PROMPT, settings={"reserve": 8190}),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the tokens with the limits of the model."""
        tokens = context.count() if context.model is not None else None
        if tokens is None:
            return
        reserve = number_of(context.settings.get("reserve"))
        kept = f" and {reserve:,} for the reply" if reserve else ""
        if tokens.window and tokens.total + reserve > tokens.window:
            message = f"the prompt has {said(tokens)}{kept}, the window of {context.model} has {tokens.window:,}"
            yield Finding(message, help="shorten it, or reserve less")
        elif tokens.max_input and tokens.total > tokens.max_input:
            message = f"the prompt has {said(tokens)}, {context.model} takes {tokens.max_input:,}"
            yield Finding(message, help="shorten it")
