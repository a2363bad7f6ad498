"""JSON files: one conversation, or an array of them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._forms import is_conversation, to_document
from chatml.promptfiles._load import load_json
from chatml.promptfiles._places import JsonPlaces

_SPACE = re.compile(r"[ \t\r\n]*+")
_TAGS = ("{%", "{{", "{#")  # a template begins like this, and no JSON


def _skip_space(text: str, position: int = 0) -> int:
    found = _SPACE.match(text, position)
    return found.end() if found else position


def _likeness(text: str) -> int:
    start = _skip_space(text)
    return int(text.startswith(("{", "["), start) and not text.startswith(_TAGS, start))


def _read(text: str, source: str) -> list[Document]:
    value = load_json(text, source)
    if not (isinstance(value, list) and value and all(is_conversation(item) for item in value)):
        return [to_document(value, source)._replace(places=JsonPlaces(text))]
    found = []
    for index, (item, (line, start)) in enumerate(zip(value, _item_places(text), strict=True)):
        document = to_document(item, source, line)
        found.append(document._replace(container="array", places=JsonPlaces(text, start), pointer=(index,)))
    return found


def _item_places(text: str) -> Iterator[tuple[int, int]]:
    """The line on which each item of a JSON array begins, and where; the array is known to be well formed."""
    decoder = json.JSONDecoder()
    line, counted, position = 1, 0, text.index("[") + 1
    while True:
        position = _skip_space(text, position)
        line, counted = line + text.count("\n", counted, position), position
        yield line, position
        _, position = decoder.raw_decode(text, position)
        position = _skip_space(text, position)
        if text[position] == "]":
            return
        position += 1


JSON = Format("json", (".json",), _likeness, _read)
