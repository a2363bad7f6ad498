"""What a run of the linter is told: by options, a configuration file, or defaults."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

DEFAULT_DIALECT = "chatml"


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one file's folder. Patterns are globs on the path as it is shown, with / between folders.

    `model`, `dialect` and `encoding` are the targets, None where the file decides. `select` replaces the default rules,
    `extend_select` adds to them, `ignore` takes away; each holds codes, beginnings of codes, names, or "ALL".
    `per_file_ignores`, `formats`, `kinds`, `budgets` are by glob: rules, the name of a format, "prompt", "training" or
    "template", tokens. `reserve` are tokens kept for the reply. `rules` are options by code. `exclude` are globs of
    files and folders not looked at.
    """

    model: str | None = None
    dialect: str | None = None
    encoding: str | None = None
    select: tuple[str, ...] = ()
    extend_select: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    per_file_ignores: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    exclude: tuple[str, ...] = ()
    formats: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)
    budgets: Mapping[str, int] = field(default_factory=dict)
    reserve: int = 0
    rules: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    record_tokens: bool = False  # count each conversation, whether or not a rule asks: a baseline holds the numbers

    def of_glob(self, table: Mapping[str, Any], path: str) -> Any | None:
        """The value of the last pattern that fits a path, or its name alone."""
        shown = path.replace("\\", "/")
        name = shown.rpartition("/")[2]
        found = None
        for pattern, value in table.items():
            if fnmatchcase(shown, pattern) or fnmatchcase(name, pattern) or fnmatchcase(shown, f"*/{pattern}"):
                found = value
        return found
