"""Rows of training data: which kind they are of."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from chatml.lint._rule import Context, Fact
from chatml.lint.rules._digests import digest_of

# keys that hold what the assistant answers, beside the messages: preferences, prompt and completion
_ANSWERS = ("chosen", "rejected", "completion", "preferred_output")


def has_answer_elsewhere(context: Context) -> bool:
    """Whether the answers of a row stand beside its messages."""
    value = context.value
    return isinstance(value, Mapping) and any(key in value for key in _ANSWERS)


_SPLITS = {
    "train": "train", "training": "train", "valid": "validation", "validation": "validation", "val": "validation",
    "dev": "validation", "eval": "evaluation", "evaluation": "evaluation", "test": "test", "testing": "test",
}  # fmt: skip
_MARKS = {"train": b"t", "validation": b"v", "evaluation": b"e", "test": b"x", "": b"-"}
TRAIN, NO_SPLIT = b"t", b"-"
_LINE_BITS = 40  # more lines than a file has
_WORDS = re.compile(r"[a-z]+")


@lru_cache(maxsize=1024)  # rows of a file ask for the same path
def split_of(path: str) -> str:
    """The split of a data set that a file belongs to, "" if none: by its name or the nearest folder."""
    for part in reversed(path.replace("\\", "/").lower().split("/")):
        found = {_SPLITS[word] for word in _WORDS.findall(part) if word in _SPLITS}
        if found:
            return found.pop() if len(found) == 1 else ""
    return ""


def row_name(context: Context) -> bytes | None:
    """The name of a row: a byte for its split, which its key `split` says or else its file, and the digest of it."""
    if not context.turns:
        return None
    said = context.value.get("split") if isinstance(context.value, Mapping) else None
    split = split_of(said) if isinstance(said, str) else split_of(context.path)
    return _MARKS[split] + digest_of(context)


class Places:
    """Where rows stand, in a few bytes each."""

    def __init__(self) -> None:
        self._paths: list[str] = []
        self._numbers: dict[str, int] = {}

    def pack(self, fact: Fact) -> int:
        """The place of a row as a number."""
        number = self._numbers.get(fact.path)
        if number is None:
            number = self._numbers[fact.path] = len(self._paths)
            self._paths.append(fact.path)
        return number << _LINE_BITS | fact.line

    def shown(self, packed: int, fact: Fact) -> str:
        """A place as a finding about another row tells it."""
        path, line = self._paths[packed >> _LINE_BITS], packed & (1 << _LINE_BITS) - 1
        return f"line {line}" if path == fact.path else f"{path}:{line}"
