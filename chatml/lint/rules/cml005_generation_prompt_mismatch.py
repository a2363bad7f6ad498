"""CML005."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from chatml.lint._rule import Applicability, Change, Context, Example, Finding, Fix, Rule, Severity, Span


class GenerationPromptMismatch(Rule):
    """A prompt does not ask for a reply at its end, or a row of training data does.

    A file that ends with a message of the assistant may be meant as a prefill, and is not reported.

    ## Why is this bad?
    Without the header of the assistant at the end the model has to write it, and may go on as the user. With it in
    training data the model learns to answer with nothing.

    ## Use instead
    For inference, end with the header of the assistant and a newline; for training, with a whole message.

    ## Fix
    Safe: the header is added or removed. The messages stay as they are.

    ## Options
    - `mode`: "inference" for prompts that have to ask for a reply, "training" for text that must not. By default raw
      prompts may do as they like, as they may be made whole by code, and files whose kind is "training" must not.
    """

    code, name = "CML005", "generation-prompt-mismatch"
    severity = Severity.WARNING
    fix = "safe"
    formats = frozenset({"chatml"})
    options: ClassVar[Mapping[str, Any]] = {"mode": ""}
    source = "huggingface/trl#4147 and PR#4201"
    examples = (
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
            settings={"dialect": "chatml", "rules": {"CML005": {"mode": "inference"}}},
        ),
        Example(
            bad="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhi!<|im_end|>\n<|im_start|>assistant\n",
            fixed="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nhi!<|im_end|>\n",
            path="rows/1.txt",
            settings={"kinds": {"rows/*": "training"}},
        ),
        Example(good="<|im_start|>user\nhi<|im_end|>\n"),
        Example(
            good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\nSure, <|im_end|>\n",
            settings={"rules": {"CML005": {"mode": "inference"}}},
        ),
        Example(
            good="<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n",
            settings={"rules": {"CML005": {"mode": "inference"}}},
        ),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the end with what the file is for."""
        mode = context.options.get("mode") or ("training" if context.kind == "training" else "")
        if not mode or not context.turns:
            return
        if mode == "training" and context.ending == "generation_prompt":
            yield _too_much(context)
        elif mode == "inference" and context.ending == "closed" and context.turns[-1].role in ("user", "tool"):
            yield _missing(context)


def _too_much(context: Context) -> Finding:
    start = max(start for kind, _, start, _ in context.markers if kind == "start")
    place = Span(start, len(context.text))
    fix = Fix("Remove the header", (Change(place, ""),), Applicability.SAFE)
    return Finding("training data ends with a header that asks for a reply", place, fix)


def _missing(context: Context) -> Finding:
    dialect, text = context.dialect, context.text
    _, marker, start, _ = [one for one in context.markers if one[0] == "end"][-1]
    added = dialect.generation_prompt
    if dialect.separator and not text.endswith(dialect.separator):
        added = dialect.separator + added
    end = len(text)
    fix = Fix("Ask for a reply", (Change(Span(end, end), added),), Applicability.SAFE)
    return Finding(
        "the prompt ends without asking for a reply", Span(start, start + len(marker)), fix,
        f"expected {dialect.generation_prompt!r} at the end",
    )  # fmt: skip
