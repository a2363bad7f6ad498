"""From the places that rules speak of to those of the file: spans, JSON pointers, edits."""

from __future__ import annotations

import re
from typing import Any

from chatml.lint._diagnostic import Edit, LintFix
from chatml.lint._rule import Change, Fix, Path, Span
from chatml.promptfiles import Document

_KEY = re.compile(r'("(?:[^"\\]|\\.)*+"|\b[\w-]++)[ \t]*+:[ \t\r\n]*+\Z')
_LONGEST_KEY = 400  # characters looked at; of a longer key the value is shown


def span_of(place: Any, document: Document | None, text: str) -> tuple[int, int]:
    if isinstance(place, Span):
        return place.start, place.end
    if document is None or document.places is None:
        return 0, 0
    start, end = document.places.span(place.path, place.start, place.end)
    return _key_before(text, start) or (start, end) if place.is_key else (start, end)


def _key_before(text: str, start: int) -> tuple[int, int] | None:
    """Where the key of the JSON or YAML value at `start` stands, with its quotes."""
    found = _KEY.search(text, max(start - _LONGEST_KEY, 0), start)
    return found.span(1) if found else None


def pointer_of(document: Document, path: Path) -> str:
    if document.value is None:
        return ""
    steps = (str(step).replace("~", "~0").replace("/", "~1") for step in (*document.pointer, *path))
    return "".join(f"/{step}" for step in steps)


def fix_of(fix: Fix | None, document: Document | None, base: int) -> LintFix | None:
    """A fix as edits of a file; None where one of its changes cannot be written in this format."""
    if fix is None:
        return None
    edits = [_edit(change, document) for change in fix.changes]
    if not edits or any(edit is None for edit in edits):
        return None
    moved = (edit if edit.start < 0 else Edit(edit.start + base, edit.end + base, edit.text) for edit in edits if edit)
    return LintFix(fix.title, fix.applicability.value, tuple(moved))


def _edit(change: Change, document: Document | None) -> Edit | None:
    place = change.place
    if isinstance(place, Span):
        return Edit(place.start, place.end, str(change.value))
    if document is None or document.places is None:
        return None
    found = document.places.change(place.path, change.value, place.start, place.end)
    return None if found is None else Edit(*found)
