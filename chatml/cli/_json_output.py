"""JSON for programs, harmless where people look at it."""

from __future__ import annotations

import json
from typing import Any

from chatml._visible import json_visible
from chatml.cli import _output


def write_json(value: Any, *, compact: bool = False) -> None:
    """Write a value and a newline."""
    _output.write(json_text(value, compact=compact))


def json_text(value: Any, *, compact: bool = False) -> str:
    """A value and a newline. Characters of all alphabets stay as they are, what could do harm is escaped."""
    layout: dict[str, Any] = {"separators": (",", ":")} if compact else {"indent": 2}
    return json_visible(json.dumps(value, ensure_ascii=False, **layout)) + "\n"
