"""The formats on offer, and which of them a text is in. To add one: a file with a `Format`, and a line in `FORMATS`."""

from __future__ import annotations

from collections.abc import Iterator

from chatml._errors import ParseError
from chatml.promptfiles._chatml import CHATML, PLAIN
from chatml.promptfiles._document import EMPTY, TOO_LARGE, Document, Format
from chatml.promptfiles._json import JSON
from chatml.promptfiles._jsonl import JSONL
from chatml.promptfiles._places import JsonPlaces

FORMATS: tuple[Format, ...] = (JSON, JSONL, CHATML, PLAIN)  # between equals the first one
MAX_SIZE = 16 * 2**20  # bytes of UTF-8: some 4 million tokens of English, more than any model in the table takes
_WIDEST = 4  # bytes of a character in UTF-8


def read_documents(text: str, *, source: str = "", max_size: int = MAX_SIZE) -> tuple[Document, ...]:
    """Read the conversations of a file's `text`; `source` is the file's name, for errors and to break ties.

    A text that no format claims is one document of format "text". Raises `ParseError` for a text that is empty, not
    well formed or too large (see `check_size`), and with code "no-prompt" for JSON that holds no conversation.
    """
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        problem = "the file is empty" if not text else "the file is empty but for white space"
        raise ParseError(problem, source=source, code=EMPTY, hint="expected ChatML text, or messages as JSON")
    form = _find_format(text, source)
    _check_size(text, form, source, max_size)
    return tuple(form.read(text, source))


def scan_documents(
    text: str, *, source: str = "", line: int = 1, form: str | None = None
) -> Iterator[Document | ParseError]:
    """Read what can be read: conversations, and in place of those that are not well formed their errors.

    In JSON Lines a line that is wrong does not stop the others. `line` is the number of the first line, where `text` is
    a part of a larger file. `form` is the name of the format, where it is known.
    """
    found = next((one for one in FORMATS if one.name == form), None) or _find_format(text, source)
    if not found.by_line:
        try:
            yield from found.read(text, source) if text.strip() else read_documents(text, source=source)
        except ParseError as error:
            yield error
        return
    offset = 0
    for number, part in enumerate(text.split("\n"), line):
        if part and not part.isspace():
            try:
                for document in found.read(part, source):
                    places = JsonPlaces(part, 0, offset)
                    yield document._replace(line=number, places=places)
            except ParseError as error:
                error.line = number
                error.start = offset + (error.start or 0)
                yield error
        offset += len(part) + 1


def check_size(text: str, *, source: str = "", max_size: int = MAX_SIZE) -> None:
    """Raise `ParseError`, with code "too-large", when a document has more than `max_size` bytes of UTF-8.

    In JSON Lines a document is a line, without its newline; any other text is one as a whole. To refuse a text before
    the rest of it is read, its beginning is enough, if that has more than `max_size` bytes.
    """
    text = text.removeprefix("\ufeff")
    _check_size(text, _find_format(text, source), source, max_size)


def _check_size(text: str, form: Format, source: str, max_size: int) -> None:
    if not _may_be_larger(text, max_size):
        return
    start = 0
    for number, part in enumerate(text.split("\n") if form.by_line else (text,), 1):
        if _may_be_larger(part, max_size) and len(part.encode("utf-8", "surrogatepass")) > max_size:
            problem = f"the {'line' if form.by_line else 'document'} has more than {max_size:,} bytes"
            hint = "pass a larger max_size"
            raise ParseError(problem, hint=hint, source=source, code=TOO_LARGE, start=start, end=start, line=number)
        start += len(part) + 1


def _may_be_larger(text: str, size: int) -> bool:
    return len(text) * (1 if text.isascii() else _WIDEST) > size


def _find_format(text: str, source: str) -> Format:
    suffix = source[source.rfind(".") :].lower() if "." in source else ""
    likeness = {form.name: form.likeness(text) for form in FORMATS[:-1]}
    best = max(likeness.values())
    if not best:  # nothing but the name can tell
        return next((form for form in FORMATS if suffix in form.suffixes), PLAIN)
    fits = [form for form in FORMATS[:-1] if likeness[form.name] == best]
    return next((form for form in fits if suffix in form.suffixes), fits[0])
