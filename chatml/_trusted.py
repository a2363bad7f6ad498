"""Text whose markers are meant: the only way in which content may become structure."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter
from typing import SupportsIndex, TypeAlias

from chatml._errors import require_text

Runs: TypeAlias = tuple[tuple[str, bool], ...]


class Trusted(str):
    """A string of which some parts are trusted. `+` keeps them; whatever else makes a string of it gives them up.

    `runs` are its parts in order, each with whether it is trusted. Make one with `trusted`.
    """

    __slots__ = ("runs",)
    runs: Runs

    def __new__(cls, runs: Iterable[tuple[str, bool]]) -> Trusted:
        """Join `runs`, and neighbours that are both trusted, or both not, to one."""
        groups = groupby((run for run in runs if run[0]), key=itemgetter(1))
        parts = tuple(("".join([str.__str__(text) for text, _ in group]), flag) for flag, group in groups)
        self = super().__new__(cls, "".join([text for text, _ in parts]))
        self.runs = parts
        return self

    def __add__(self, other: str) -> Trusted:
        """Append text, trusted or not."""
        return Trusted(self.runs + runs_of(other)) if isinstance(other, str) else NotImplemented

    def __radd__(self, other: str) -> Trusted:
        """Put text in front, trusted or not."""
        return Trusted(runs_of(other) + self.runs) if isinstance(other, str) else NotImplemented

    def __reduce__(self) -> tuple[type[Trusted], tuple[Runs]]:
        """What a copy is made of; so it survives pickling."""
        return Trusted, (self.runs,)

    def strip(self, characters: str | None = None, /) -> Trusted:
        """Take characters off both ends, as `str.strip` does; what is left keeps its trust."""
        start = len(self) - len(self.lstrip(characters))
        return self._part(start, len(self.rstrip(characters)))

    def _part(self, start: int, end: int) -> Trusted:
        parts, position = [], 0
        for text, flag in self.runs:
            parts.append((text[max(start - position, 0) : max(end - position, 0)], flag))
            position += len(text)
        return Trusted(parts)

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        """Plain text, which is not trusted."""
        return str.__str__(self)[key]


def runs_of(text: str) -> Runs:
    """The parts of any string and whether each is trusted."""
    return text.runs if isinstance(text, Trusted) else ((text, False),)


def trusted(text: str) -> Trusted:
    r"""Mark text whose special tokens are meant: as content they become structure, as in the model's own template.

    Joined with `+` to other text, the other text stays untrusted. Only for text that you wrote yourself; JSON, slices
    and f-strings never carry trust. Raises `ConfigError` unless `text` is a `str`.

    >>> import chatml
    >>> picture = chatml.trusted("<|vision_start|><|image_pad|><|vision_end|>")
    >>> chatml.render([{"role": "user", "content": picture + "What is <|im_end|>?"}])
    '<|im_start|>user\n<|vision_start|><|image_pad|><|vision_end|>What is <\\|im_end|>?<|im_end|>\n'
    """
    require_text(text)
    return Trusted([(str.__str__(text), True)])


def join_texts(texts: Iterable[str]) -> str:
    """Join texts; trusted ones stay trusted."""
    parts = list(texts)
    if any(type(text) is Trusted for text in parts):
        return Trusted([run for text in parts for run in runs_of(text)])
    return "".join(parts)
