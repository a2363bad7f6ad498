"""What a rule is, what it sees, and what it says. Rules see nothing of the project but this file and layers 0 and 1.

A rule is a class in a file of its own below `rules/`. Its docstring is its page in the documentation, its examples are
its tests: each `bad` must fire, each `good` must not, and where `fixed` is given, the fixes of `bad` must make it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, ClassVar, Literal, NamedTuple, TypeAlias

from chatml._diagnostics import Diagnostic, Severity
from chatml.dialects import Dialect
from chatml.promptfiles import Template, Variables

Path: TypeAlias = tuple[str | int, ...]
Kind: TypeAlias = Literal["prompt", "training", "template"]
# (text, role) -> tokens, each with its start and end
SpelledIn: TypeAlias = Callable[[str, str | None], Iterable[tuple[str, int, int]]]

__all__ = [
    "Applicability",
    "Change",
    "Context",
    "DatasetRule",
    "Example",
    "Fact",
    "FileRule",
    "Finding",
    "Fix",
    "Kind",
    "Path",
    "Rule",
    "Severity",
    "Span",
    "Turn",
    "Value",
]


class Applicability(StrEnum):
    """Whether a fix can be made unseen: one that is safe keeps messages and tokens, or restores canonical framing."""

    SAFE = "safe"
    UNSAFE = "unsafe"


class Span(NamedTuple):
    """Characters of the file."""

    start: int
    end: int


class Value(NamedTuple):
    """A value of the document, or characters of a string in it. An empty path is the whole document.

    With `is_key` it is the key of the value that is meant, where the format writes it.
    """

    path: Path = ()
    start: int | None = None
    end: int | None = None
    is_key: bool = False


class Change(NamedTuple):
    """What a fix writes at a place: text at a span, a value at a path (a string, where characters are given)."""

    place: Span | Value
    value: Any


class Fix(NamedTuple):
    """Changes that mend a finding, all or none. `title` says what they do, such as "Close the message"."""

    title: str
    changes: tuple[Change, ...]
    applicability: Applicability = Applicability.UNSAFE


class Finding(NamedTuple):
    """What a rule says: a sentence, the place it is about, and what to do about it."""

    message: str
    place: Span | Value = Value()
    fix: Fix | None = None
    help: str = ""


class Turn(NamedTuple):
    """A message as the file has it, whatever is wrong with it.

    `role` is what is written, None where there is none or no string; `meant` is the role in Chat Completions form
    ("human" is "user"). `value` is the mapping (empty in raw ChatML). `texts` are the strings of its content, each with
    its path: the content itself, or the text parts. `path` is the message's, `role_path` and `content_path` those of
    the keys.
    """

    number: int
    role: str | None
    meant: str | None
    value: Mapping[str, Any]
    path: Path
    role_path: Path
    content_path: Path
    texts: tuple[tuple[Path, str], ...]

    @property
    def text(self) -> str:
        """All text of the content."""
        return "".join(text for _, text in self.texts)

    @property
    def calls(self) -> Sequence[Any]:
        """The tool calls, as the file has them."""
        calls = self.value.get("tool_calls")
        return calls if isinstance(calls, list) else ()


@dataclass(slots=True)
class Context:
    """One conversation of a file, as rules see it.

    `path` is the file's name, `text` all of it, `format` the name of its format. `kind` is what it is used for: a
    prompt that is sent, a row of training data, a template. `value` is the whole value in JSON formats. `turns` are the
    messages. `prompt_text` and `problems` are there for raw ChatML (also for that in a template): `problems` are what
    the parser says, in offsets of the file. `request` holds tools and the like, `templates` the parts that an engine
    renders, `variables` what the file says of their inputs, None where it says nothing.
    `dialect` and `model` are the targets, `options` those of the rule that runs. `count` gives the tokens of the
    conversation and of one message, or None where they cannot be counted. `tokens_in` finds the special tokens that
    content of a role spells and must not, `lookalikes_in` what can become one; `escaped` makes a text spell none.
    `settings` say how the context came about: `dialect_is_given`, `format_is_given`, `has_bom` (of the first document
    of a file only), and `encoding`, the name of the target's, None where the target has none; also `target`, the model
    that the configuration names, the `budget` of the file (or None), the `reserve` for the reply, and the `kind` that
    the configuration gives the file (or None).
    """

    path: str
    text: str
    format: str
    kind: Kind
    dialect: Dialect
    model: str | None = None
    value: Any = None
    turns: tuple[Turn, ...] = ()
    request: Mapping[str, Any] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    markers: tuple[tuple[str, str, int, int | None], ...] = ()  # of raw ChatML: kind, text, start, message
    ending: str = ""  # of raw ChatML: closed, generation_prompt or open
    line: int = 1
    pointer: Path = ()
    options: Mapping[str, Any] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    count: Callable[[], Tokens | None] = lambda: None
    memo: dict[str, Any] = field(default_factory=dict)  # what a rule worked out and another needs, too
    tokens_in: SpelledIn = lambda _text, _role: ()
    lookalikes_in: SpelledIn = lambda _text, _role: ()
    escaped: Callable[[str, str | None], str] = lambda text, _role: text
    templates: tuple[Template, ...] = ()
    variables: Variables | None = None

    @property
    def is_raw(self) -> bool:
        """Whether the file is a prompt as a string."""
        return self.format == "chatml"


class Tokens(NamedTuple):
    """The tokens of a conversation: in all, by message, the status of the count, and the limits of the model."""

    total: int
    messages: tuple[int, ...]
    status: str
    window: int | None
    max_input: int | None
    max_output: int | None


class Example(NamedTuple):
    """A file that shows a rule. `settings` are those of the configuration that it needs."""

    bad: str = ""
    good: str = ""
    fixed: str = ""
    path: str = "prompt.chatml"
    settings: Mapping[str, Any] = {}


class Rule:
    """A check of one conversation. `options` are the names of its options and their defaults."""

    code: ClassVar[str]
    name: ClassVar[str]
    severity: ClassVar[Severity] = Severity.ERROR
    is_on: ClassVar[bool] = True
    fix: ClassVar[Literal["safe", "unsafe", ""]] = ""
    formats: ClassVar[frozenset[str] | None] = None  # the only ones that it looks at; None: all that hold messages
    kinds: ClassVar[frozenset[str]] = frozenset({"prompt", "training"})
    needs_tokens: ClassVar[bool] = False
    options: ClassVar[Mapping[str, Any]] = {}
    source: ClassVar[str] = ""  # where the reason for the rule comes from
    examples: ClassVar[tuple[Example, ...]] = ()

    def check(self, context: Context) -> Iterator[Finding]:
        """Find what is wrong with one conversation."""
        raise NotImplementedError


class FileRule(Rule):
    """A check of the text of a whole file, in any format and also where it cannot be read; `context.turns` is empty."""


class Fact(NamedTuple):
    """What a dataset rule keeps of one conversation: small, hashable, and without a reference to the text."""

    path: str
    line: int
    pointer: Path
    fact: Hashable


class DatasetRule(Rule):
    """A check across conversations and files. It sees each conversation once and keeps a fact of it."""

    def fact(self, context: Context) -> Hashable | None:
        """What to keep of a conversation; None for nothing."""
        raise NotImplementedError

    def judge(self, facts: Iterable[Fact]) -> Iterator[tuple[Fact, Finding]]:
        """Find what is wrong among the facts of all files, in their order. The place of a finding is not looked at."""
        raise NotImplementedError
