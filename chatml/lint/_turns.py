"""The messages of a document as rules see them, whatever is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from chatml._prompt import Prompt
from chatml._segments import SegmentKind
from chatml.lint._rule import Path, Turn
from chatml.promptfiles import Document, TextPlaces

_MEANT = {"human": "user", "gpt": "assistant", "function_call": "assistant", "observation": "tool", "bot": "assistant"}
_TEXT_TYPES = ("text", "input_text", "output_text")
_KEYS = {SegmentKind.ROLE: "role", SegmentKind.NAME: "name", SegmentKind.CONTENT: "content"}


def turn_of(index: int, value: Any, document: Document) -> Turn:
    path = document.path_of(index)
    mapping = value if isinstance(value, dict) else {}
    role_key = next((key for key in ("role", "sender", "from") if key in mapping), "role")
    content_key = {"role": "content", "sender": "text", "from": "value"}[role_key]
    role = mapping.get(role_key)
    content_path = path if path == ("system",) else (*path, content_key)
    texts = tuple(_texts(mapping.get(content_key), content_path))
    spoken = role if isinstance(role, str) else None
    meant = spoken if role_key == "role" or spoken is None else _MEANT.get(spoken, spoken)
    return Turn(index, spoken, meant, mapping, path, (*path, role_key), content_path, texts)


def _texts(content: Any, path: Path) -> Iterator[tuple[Path, str]]:
    if isinstance(content, str):
        yield path, content
    elif isinstance(content, list):
        for index, part in enumerate(content):
            if isinstance(part, str):
                yield (*path, index), part
            elif isinstance(part, dict) and part.get("type") in _TEXT_TYPES and isinstance(part.get("text"), str):
                yield (*path, index, "text"), part["text"]


def prompt_turns(prompt: Prompt) -> tuple[tuple[Turn, ...], TextPlaces]:
    """The messages of a raw prompt, and where they stand."""
    spans: dict[Path, tuple[int, int]] = {(): (0, sum(len(segment.text) for segment in prompt.segments))}
    for segment in prompt.segments:
        if segment.message is None:
            continue
        whole: Path = ("messages", segment.message)
        for place in (whole, (*whole, _KEYS[segment.kind])) if segment.kind in _KEYS else (whole,):
            start, end = spans.get(place, (segment.start, segment.start))
            spans[place] = min(start, segment.start), max(end, segment.start + len(segment.text))
    turns = []
    for index, message in enumerate(prompt.messages):
        path: Path = ("messages", index)
        spans.setdefault((*path, "content"), (spans.get(path, (0, 0))[1],) * 2)
        content: Path = (*path, "content")
        turns.append(
            Turn(index, message.role, message.role, {}, path, (*path, "role"), content, ((content, message.text),))
        )
    return tuple(turns), TextPlaces(spans)
