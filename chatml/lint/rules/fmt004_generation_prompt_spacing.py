"""FMT004."""

from __future__ import annotations

from collections.abc import Iterator

from chatml._diagnostics import Diagnostic
from chatml.lint._rule import Applicability, Change, Context, Example, Finding, Fix, Rule, Severity, Span
from chatml.lint.rules._contents import has_names


class GenerationPromptSpacing(Rule):
    """The header that asks for a reply, at the end of a prompt, has more behind it than a newline, or no newline.

    ## Why is this bad?
    The model has to go on where training data does: right behind the newline. Behind `assistant` alone it may write a
    newline, a colon or a space; behind a space it starts with a token that no answer starts with.

    ## Use instead
    `<|im_start|>assistant` and one newline, and behind it at most the beginning of the answer. Editors add a newline at
    the end of a file: one is right here, two are not.

    ## Fix
    Safe where the messages and the dialect are read as before: white space and colons become one newline. Unsafe where
    the newline is missing and no dialect is named, or where white space is read as the beginning of the answer.
    """

    code, name = "FMT004", "generation-prompt-spacing"
    severity = Severity.WARNING
    fix = "safe"
    formats = frozenset({"chatml"})
    source = "found in published prompts: the-crypt-keeper/can-ai-code, prompts/chatml-v1.txt"
    examples = (
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant: ",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
            settings={"dialect": "chatml"},
        ),
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
        ),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant", settings={"dialect": "openai"}),
        Example(good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nSure, "),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look at the end of the text."""
        if context.ending == "open":
            yield from _blank_prefill(context)
        elif context.ending == "generation_prompt":
            problem = next((one for one in context.problems if one.code == "generation-prompt"), None)
            if problem is not None:
                yield from _odd_end(context, problem)
            elif _lacks_newline(context):
                yield _missing_newline(context)


def _odd_end(context: Context, problem: Diagnostic) -> Iterator[Finding]:
    """What the parser has something to say about."""
    role = problem.start + len(context.dialect.start)
    found = context.text[role : problem.end]
    expected = "assistant" + (context.dialect.header_end if _has_end(context) else "")
    if found.replace("\r", "") == expected or not found.startswith("assistant"):
        return
    start = role + len("assistant")
    place = Span(start, problem.end) if start < problem.end else Span(role, start)
    fix = Fix("Write the header as it is trained", (Change(Span(role, problem.end), expected),), Applicability.SAFE)
    message = f"the prompt ends in {found!a}, expected {expected!a}"
    yield Finding(message, place, fix)


def _has_end(context: Context) -> bool:
    """Whether the header at the end has an end of its own; a dialect without it may have been guessed."""
    is_guess = not context.settings.get("dialect_is_given") and not has_names(context)
    return context.dialect.prompt_has_header_end or (is_guess and context.dialect.header_end == "\n")


def _lacks_newline(context: Context) -> bool:
    return not context.dialect.prompt_has_header_end and _has_end(context) and context.text.endswith("assistant")


def _missing_newline(context: Context) -> Finding:
    end = len(context.text)
    fix = Fix("Put a newline behind the role", (Change(Span(end, end), "\n"),))
    hint = 'expected a newline; for OpenAI\'s first form without it, set dialect = "openai"'
    return Finding("the prompt ends right behind the role", Span(end - len("assistant"), end), fix, hint)


def _blank_prefill(context: Context) -> Iterator[Finding]:
    turn = context.turns[-1]
    if turn.role == "assistant" and turn.text and not turn.text.strip(" \t\r\n"):
        end = len(context.text)
        place = Span(end - len(turn.text), end)
        fix = Fix("Remove the white space", (Change(place, ""),))
        yield Finding("white space follows the header that asks for a reply", place, fix)
