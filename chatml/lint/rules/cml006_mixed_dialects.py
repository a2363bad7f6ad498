"""CML006."""

from __future__ import annotations

from collections.abc import Iterator

from chatml.lint._rule import Context, Example, Finding, Rule
from chatml.lint.rules._contents import foreign_frames
from chatml.lint.rules._targets import shown


class MixedDialects(Rule):
    """A raw prompt frames text in the way of another family: `[INST]`, Llama 3 headers, channels of Harmony.

    Only a whole frame counts, and none in quoted code; single tokens are SPT001.

    ## Why is this bad?
    A model knows one frame. The tokens of another are odd text to it, or, where it knows them, a turn within a turn.
    Some templates refuse such text.

    ## Use instead
    The frame of the target for all messages. In text about tokens, quote them as code.
    """

    code, name = "CML006", "mixed-dialects"
    formats = frozenset({"chatml"})
    source = "the template of gpt-oss raises for channel tags in content (llm-mlx PR#24)"
    examples = (
        Example(bad="<|im_start|>user\n[INST] hi [/INST]<|im_end|>\n"),
        Example(bad="<|im_start|>user\n<|start_header_id|>system<|end_header_id|>\n\nhi<|im_end|>\n"),
        Example(bad="<|start_header_id|>system<|end_header_id|>\n\nhi<|eot_id|>\n<|im_start|>user\nhi<|im_end|>\n"),
        Example(bad="<|im_start|>assistant\n<|channel|>final<|message|>hi<|im_end|>\n"),
        Example(good="<|im_start|>user\nWhat does this do?\n```\n[INST] hi [/INST]\n```<|im_end|>\n"),
        Example(good="<|im_start|>user\nWhat is [INST]?<|im_end|>\n"),
        Example(good="<|start|>user<|message|>hi<|end|><|start|>assistant"),
    )

    def check(self, context: Context) -> Iterator[Finding]:
        """Look for frames of others in what is text here."""
        for frame in foreign_frames(context):
            found = frame.content.text[frame.start : frame.end].strip()
            where = f"in a prompt of {context.dialect.name}"
            message = f"found {shown(found)}, which opens a turn for {frame.owner}, {where}"
            yield Finding(message, frame.content.place(frame.start, frame.start + len(found)))
