"""What rules about raw prompts and special tokens share: contents with their places, template code, foreign frames."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatml.lint._rule import Context, Path, Span, Value
from chatml.lint.rules._texts import without_code

WHITE = " \t\r\n"

# code of the template languages that prompts are written in; it is not known what it becomes
TEMPLATE_CODE = re.compile(r"\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}", re.DOTALL)

# how others open a turn: what is read as one in text that is no code
_FRAMES = (
    ("Llama 2 and Mistral", re.compile(r"\[INST\](?=.*?\[/INST\])", re.DOTALL), r"\[/?INST\]|<</?SYS>>"),
    (
        "Llama 3",
        re.compile(r"<\|start_header_id\|>\w{1,64}<\|end_header_id\|>"),
        r"<\|(?:start_header_id|end_header_id|eot_id|begin_of_text)\|>",
    ),
    (
        "Harmony",
        re.compile(r"<\|channel\|>\w{1,64}(?:<\|message\|>)?|<\|start\|>\w{1,64}<\|message\|>"),
        r"<\|(?:channel|start|message|end|return|call|constrain)\|>",
    ),
    ("Gemma", re.compile(r"<start_of_turn>(?:user|model)\b"), r"<(?:start|end)_of_turn>"),
    (
        "Phi-3 and Zephyr",
        re.compile(r"^<\|(?:system|user|assistant)\|>[ \t]*\n", re.MULTILINE),
        r"<\|(?:system|user|assistant|end|endoftext)\|>",
    ),
    ("ChatML", re.compile(r"<\|im_start\|>\w{1,64}\n"), r"<\|im_(?:start|end|sep)\|>"),
)


class Content(NamedTuple):
    """A text that a model reads, and its place: `path` in a document, `start` in a raw prompt.

    `role` is None for text outside of all messages, `message` is its number.
    """

    text: str
    role: str | None
    message: int | None
    path: Path | None
    start: int

    def place(self, start: int, end: int) -> Span | Value:
        """The place of some characters of it."""
        if self.path is None:
            return Span(self.start + start, self.start + end)
        return Value(self.path, start, end)


class Frame(NamedTuple):
    """Where a text is framed as others do it: whose frame that is, and its tokens."""

    owner: str
    content: Content
    start: int
    end: int
    tokens: str


def contents_of(context: Context) -> list[Content]:
    """The contents of all messages; in a raw prompt those pieces that stand there without a marker between."""
    found: list[Content] | None = context.memo.get("contents")
    if found is None:
        found = context.memo["contents"] = list(_contents(context))
    return found


def joined(context: Context) -> str:
    """All contents in one string: a look at it for a rare character is cheaper than one at each of them."""
    found: str | None = context.memo.get("joined")
    if found is None:
        found = context.memo["joined"] = "\n".join([content.text for content in contents_of(context)])
    return found


def _contents(context: Context) -> Iterator[Content]:
    if not context.is_raw:
        for turn in context.turns:
            for path, text in turn.texts:
                yield Content(text, turn.meant, turn.number, path, 0)
        return
    for kind, text, start, message in context.markers:
        if kind == "content" and message is not None:
            yield Content(text, context.turns[message].role, message, None, start)


def outside_of(context: Context) -> Iterator[Content]:
    """The text of a raw prompt that is in no message."""
    for problem in context.problems:
        if problem.code == "text-outside-message":
            yield Content(context.text[problem.start : problem.end], None, None, None, problem.start)


def foreign_frames(context: Context) -> list[Frame]:
    """Where a raw prompt uses the frame of another family, the first place in each text; quoted code does not count."""
    found: list[Frame] | None = context.memo.get("foreign_frames")
    if found is None:
        texts = [*contents_of(context), *outside_of(context)] if context.is_raw and _may_be_framed(context) else []
        found = context.memo["foreign_frames"] = [frame for text in texts for frame in _frames(text, context)]
    return found


def _may_be_framed(context: Context) -> bool:
    text = joined(context)
    return bool(context.problems) or "|" in text or "[INST]" in text or "<start_of_turn>" in text


def _frames(content: Content, context: Context) -> Iterator[Frame]:
    plain = without_code(content.text)
    for owner, opening, tokens in _FRAMES:
        match = opening.search(plain)
        if match and context.dialect.start not in match[0]:
            yield Frame(owner, content, match.start(), match.end(), tokens)


def is_in_frame(context: Context, content: Content, token: str) -> bool:
    """Whether a token is of a foreign frame that its text is written in."""
    return any(
        frame.content.start == content.start and re.fullmatch(frame.tokens, token) for frame in foreign_frames(context)
    )


def has_start(context: Context) -> bool:
    """Whether a raw prompt has any message or header at all."""
    return any(kind == "start" for kind, _, _, _ in context.markers)


def is_ambiguous(context: Context) -> bool:
    """Whether nothing but the ending of its name, which others use too, says that a file is a raw prompt."""
    if context.settings.get("format_is_given") or not context.path.lower().endswith(".prompt"):
        return False
    return context.format == "text" or (context.is_raw and not has_start(context))


def without_template(text: str) -> str:
    """A text with spaces in place of template code."""
    return TEMPLATE_CODE.sub(lambda found: " " * len(found[0]), text) if "{" in text else text


def has_names(context: Context) -> bool:
    """Whether a message of a raw prompt has a name in its header."""
    found: bool | None = context.memo.get("has_names")
    if found is None:
        found = context.memo["has_names"] = any(kind == "name" for kind, _, _, _ in context.markers)
    return found
