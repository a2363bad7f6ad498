"""The same conversations for every benchmark: the language reference that every CPython carries, cut into messages."""

from __future__ import annotations

import random
from functools import lru_cache
from pydoc_data.topics import topics  # type: ignore[import-untyped]  # English prose with code, about 700 kB


@lru_cache(maxsize=1)
def _text() -> str:
    return "\n".join(topics[name] for name in sorted(topics))


def conversation(messages: int, seed: int = 1) -> list[dict[str, str]]:
    """`messages` messages of 100 to 500 characters, user and assistant in turn."""
    lengths, text = random.Random(seed), _text()
    out, position = [], 0
    for index in range(messages):
        length = lengths.randint(100, 500)
        if position + length > len(text):
            position = 0
        out.append({"role": ("user", "assistant")[index % 2], "content": text[position : position + length]})
        position += length
    return out
