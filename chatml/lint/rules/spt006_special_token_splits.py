"""SPT006."""

from __future__ import annotations

from collections.abc import Iterator

from chatml._special import ENCODING_TOKENS
from chatml.lint._rule import Context, Example, Finding, Rule, Span


class SpecialTokenSplits(Rule):
    """A marker of the frame is not one token in the encoding of the target.

    Only looked at where the configuration names an encoding or a model. Each marker is reported once.

    ## Why is this bad?
    The marker falls into letters and signs. The model reads text where it should read a border between messages.

    ## Use instead
    The dialect of the target, or the encoding that has the markers: `cl100k_im` is `cl100k_base` with those of ChatML.
    """

    code, name = "SPT006", "special-token-splits"
    formats = frozenset({"chatml"})
    needs_tokens = False
    source = "vllm-project/vllm PR#31735"
    examples = (
        Example(bad="<|im_start|>user\nhi<|im_end|>\n", settings={"encoding": "cl100k_base"}),
        Example(bad="<|im_start|>user\nhi<|im_end|>\n", settings={"model": "gpt-5"}),
        Example(good="<|im_start|>user\nhi<|im_end|>\n", settings={"encoding": "cl100k_im"}),
        Example(good="<|im_start|>user\nhi<|im_end|>\n"),
        Example(good="<|im_start|>user<|im_sep|>hi<|im_end|>", settings={"model": "gpt-4o"}),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Compare the markers with the special tokens of the encoding."""
        encoding = context.settings.get("encoding")
        known = ENCODING_TOKENS.get(encoding) if isinstance(encoding, str) else None
        if known is None or all(marker in known for marker in context.dialect.markers):
            return
        split = {marker for marker in context.dialect.markers if marker not in known}
        for kind, text, start, _ in context.markers:
            if kind != "content" and text in split:
                split.remove(text)
                message = f"the marker {text} is not one token in {encoding}"
                yield Finding(message, Span(start, start + len(text)), None, _hint(str(encoding), text))


def _hint(encoding: str, marker: str) -> str:
    better = encoding.replace("_base", "_im")
    return f"{better} has it" if marker in ENCODING_TOKENS.get(better, ()) else "use the dialect of the target"
