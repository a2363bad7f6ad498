"""The documentation of a rule, taken from its class."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import dedent
from typing import NamedTuple

from chatml.lint._rule import Rule

WHY, INSTEAD, FIX, OPTIONS = "Why is this bad?", "Use instead", "Fix", "Options"
TITLES = (WHY, INSTEAD, FIX, OPTIONS)


class Page(NamedTuple):
    """What the docstring of a rule says: `summary` is its first line, `intro` what follows, `sections` are by title."""

    summary: str
    intro: str
    sections: Mapping[str, str]

    def text(self) -> str:
        """All of it as Markdown, without a heading of its own."""
        parts = [self.summary, self.intro, *(f"## {title}\n\n{text}" for title, text in self.sections.items())]
        return "\n\n".join(filter(None, parts)) + "\n"


def page_of(rule: type[Rule]) -> Page:
    """Read the docstring of a rule."""
    first, _, rest = (rule.__doc__ or "").strip().partition("\n")
    intro, *parts = f"\n{dedent(rest)}".split("\n## ")
    sections = {}
    for part in parts:
        title, _, text = part.partition("\n")
        sections[title.strip()] = text.strip()
    return Page(first.strip(), intro.strip(), sections)
