"""Prompt files and helpers for the tests of the linter."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from chatml.lint._blocks import BLOCK_SIZE
from chatml.lint._runner import Source
from chatml.lint._settings import Settings

OPEN = "<|im_start|>user\nhi<|im_start|>assistant\n"  # what CML001 is about
CLOSED = "<|im_start|>user\nhi<|im_end|>\n<|im_start|>assistant\n"
STRUCTURE = Settings(select=("CML001",))


def row(text: str = "hi") -> str:
    """A line of training data with nothing wrong in it."""
    turns = [("system", "Be brief."), ("user", text), ("assistant", f"You say {text}.")]
    return json.dumps({"messages": [{"role": role, "content": content} for role, content in turns]}) + "\n"


def pieces_of(data: bytes, size: int = BLOCK_SIZE) -> Iterator[bytes]:
    """Bytes as a file gives them."""
    return (data[start : start + size] for start in range(0, len(data), size))


def source(path: str, content: str | bytes, settings: Settings = STRUCTURE, *, is_named: bool = True) -> Source:
    """A file that is in memory."""
    data = content.encode() if isinstance(content, str) else content
    return Source(path, settings, lambda: pieces_of(data), is_named)


def write_files(folder: Path, files: Iterable[tuple[str, str | bytes]]) -> None:
    """Write files and the folders that they are in."""
    for name, content in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
