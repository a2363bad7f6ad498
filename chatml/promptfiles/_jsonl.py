"""JSON Lines: one conversation a line, in any of the JSON forms."""

from __future__ import annotations

import re

from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._forms import to_document
from chatml.promptfiles._json import JSON
from chatml.promptfiles._load import load_json
from chatml.promptfiles._places import JsonPlaces

# a value that ends where its line ends, and behind it a line that begins another
_TWO_LINES = re.compile(r"\s*+(?:\[|\{(?![%{#]))[^\n]*[\]}][ \t\r]*\n\s*+(?:\[|\{(?![%{#]))")


def _likeness(text: str) -> int:
    return 2 if "\n" in text and _TWO_LINES.match(text) else JSON.likeness(text)


def _read(text: str, source: str) -> list[Document]:
    documents, offset = [], 0
    for number, line in enumerate(text.split("\n"), 1):  # not splitlines(): a string may hold U+2028
        if line and not line.isspace():
            document = to_document(load_json(line, source, number, offset), source, number)
            documents.append(document._replace(container="jsonl", places=JsonPlaces(line, 0, offset)))
        offset += len(line) + 1
    return documents


JSONL = Format("jsonl", (".jsonl", ".ndjson"), _likeness, _read, by_line=True)
