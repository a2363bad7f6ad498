"""Workflow commands of GitHub Actions, the only ones that chatml itself gives: annotations of files.

They are described in docs.github.com, "Workflow commands for GitHub Actions"; how values are escaped is what
actions/toolkit does (packages/core/src/command.ts) and actions/runner takes back (ActionCommand.cs).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from chatml._visible import visible

_IN_VALUES = (("%", "%25"), ("\r", "%0D"), ("\n", "%0A"))  # % is the first, as it stands in what the others become
_IN_PROPERTIES = (*_IN_VALUES, (":", "%3A"), (",", "%2C"))


class Command(NamedTuple):
    """A workflow command. `name` and the keys of `properties` are ours; values and `message` may be anybody's text."""

    name: str
    properties: Mapping[str, str | int]
    message: str

    def __str__(self) -> str:
        """The command as its line, harmless but for what it asks for: no value ends itself or begins another one."""
        values = {key: _escaped(str(value), _IN_PROPERTIES) for key, value in self.properties.items()}
        properties = ",".join(f"{key}={value}" for key, value in values.items())
        return f"::{self.name} {properties}::{_escaped(self.message, _IN_VALUES)}"


def _escaped(text: str, table: tuple[tuple[str, str], ...]) -> str:
    for character, escape in table:
        text = text.replace(character, escape)
    return visible(text)
