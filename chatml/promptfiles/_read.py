"""The formats on offer, and which of them a text is in. To add one: a file with a `Format`, and a line in `FORMATS`."""

from __future__ import annotations

from chatml._errors import ParseError
from chatml.promptfiles._chatml import CHATML, PLAIN
from chatml.promptfiles._document import EMPTY, Document, Format
from chatml.promptfiles._json import JSON
from chatml.promptfiles._jsonl import JSONL

FORMATS: tuple[Format, ...] = (JSON, JSONL, CHATML, PLAIN)  # between equals the first one


def read_documents(text: str, *, source: str = "") -> tuple[Document, ...]:
    """Read the conversations of a file's `text`; `source` is the file's name, for errors and to break ties.

    A text that no format claims is one document of format "text". Raises `ParseError` for a text that is empty or not
    well formed, and with code "no-prompt" for JSON that holds no conversation.
    """
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        problem = "the file is empty" if not text else "the file is empty but for white space"
        raise ParseError(problem, source=source, code=EMPTY, hint="expected ChatML text, or messages as JSON")
    return tuple(_find_format(text, source).read(text, source))


def _find_format(text: str, source: str) -> Format:
    suffix = source[source.rfind(".") :].lower() if "." in source else ""
    likeness = {form.name: form.likeness(text) for form in FORMATS[:-1]}
    best = max(likeness.values())
    if not best:  # nothing but the name can tell
        return next((form for form in FORMATS if suffix in form.suffixes), PLAIN)
    fits = [form for form in FORMATS[:-1] if likeness[form.name] == best]
    return next((form for form in fits if suffix in form.suffixes), fits[0])
