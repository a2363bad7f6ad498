"""Prompt files in canonical form: the frame of raw ChatML as its dialect writes it, JSON laid out in one way.

Only what no model sees as content is touched: markers, headers and white space of the frame in ChatML, white space
between the tokens of JSON. Strings and numbers stay as they are spelled. Before anything is returned it is read again:
it has to hold the same messages, and formatting it once more must not change it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from chatml._detect import detect_dialect
from chatml._diagnostics import Diagnostic, Severity
from chatml._errors import ConfigError, ParseError, RenderError, require_text
from chatml._prompt import Prompt
from chatml._segments import SegmentKind
from chatml.dialects import Dialect, get_dialect
from chatml.promptfiles import MAX_SIZE, Document, check_size, scan_documents

_BOM = "\ufeff"
_DEFAULT_DIALECT = "chatml"
_INDENT = "  "
_JSON_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"|[{}\[\],:]|[^\s"{}\[\],:]++', re.DOTALL)
_FRAME = (SegmentKind.HEADER_END, SegmentKind.SEPARATOR)
_CHANGED = "format-changed"  # code of the ParseError for a text whose canonical form does not say the same


def format_text(
    text: str, *, path: str = "prompt.chatml", dialect: str | Dialect | None = None, max_size: int = MAX_SIZE
) -> str:
    r"""Write a prompt file in canonical form; `path` is its name, by which its format may be known.

    Raw ChatML gets the frame of `dialect`, by default of the one that fits it best; JSON is indented by two spaces,
    each line of JSON Lines takes one line. All other formats are returned as they are. A byte order mark stays, and so
    do line ends of CRLF where there are no others. Raises `ParseError` for a text that is not well formed, and for one
    whose canonical form would not hold the same messages.

    >>> format_text("<|im_start|>user \nHi<|im_end|><|im_start|>assistant\n")
    '<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n'
    """
    require_text(text)
    if not isinstance(path, str):
        raise ConfigError(f"found {type(path).__name__}, expected str", option="path")
    asked = None if dialect is None else get_dialect(dialect)
    formatter = _Formatter(path, asked, max_size)
    body = text.removeprefix(_BOM)
    once = formatter.format(body)
    if once != body:
        formatter.check(body, once)
    return text[: len(text) - len(body)] + once


class _Formatter:
    """The formatter of one file."""

    def __init__(self, path: str, dialect: Dialect | None, max_size: int) -> None:
        self.path = path
        self.dialect = dialect
        self.max_size = max_size

    def documents(self, text: str) -> tuple[Document, ...]:
        """What the text holds, templates too."""
        check_size(text, source=self.path, max_size=self.max_size)
        found = []
        for one in scan_documents(text, source=self.path):
            if isinstance(one, ParseError):
                raise one
            found.append(one)
        return tuple(found)

    def format(self, text: str) -> str:
        """The canonical form, not yet checked."""
        documents = self.documents(text)
        newline = "\r\n" if "\r\n" in text and text.count("\n") == text.count("\r\n") else "\n"
        first = documents[0]
        if any(one.is_template for one in documents):
            return text
        if first.text is not None:
            return self._framed(first.text, newline) if first.format == "chatml" else text
        if first.container == "jsonl":
            return "".join(f"{_in_one_line(line)}{newline}" for line in text.split("\n") if line.strip())
        return newline.join(_laid_out(text)) + newline if _is_json(text) else text

    def _framed(self, text: str, newline: str) -> str:
        prompt = self._read(text)
        if not any(one.special for one in prompt.segments):  # without a marker it is only text
            return text
        faults = [one for one in prompt.diagnostics if one.severity is Severity.ERROR]
        if faults:
            raise self._error(faults[0])
        try:
            canonical = Prompt.from_messages(prompt.messages, dialect=prompt.dialect, **prompt.options)
        except RenderError as error:
            raise self._changed(f"dialect {prompt.dialect.name} cannot hold it: {error}") from None
        if canonical.messages != prompt.messages:
            raise self._changed(f"dialect {prompt.dialect.name} would add or change messages")
        if newline == "\n":
            return "".join(one.text for one in canonical.segments)
        return "".join(
            one.text.replace("\n", newline) if one.kind in _FRAME else one.text for one in canonical.segments
        )

    def _read(self, text: str) -> Prompt:
        if self.dialect is not None:
            return Prompt.from_text(text, dialect=self.dialect)
        fits = detect_dialect(text.replace("\r\n", "\n"))  # the line ends say nothing about the dialect
        return Prompt.from_text(text, dialect=fits[0].name if fits else _DEFAULT_DIALECT)

    def check(self, before: str, after: str) -> None:
        """Raise `ParseError` unless the new text says what the old one says, and stays as it is."""
        try:
            same = [*map(self._meaning, self.documents(before))] == [*map(self._meaning, self.documents(after))]
            stable = self.format(after) == after
        except ParseError as error:
            raise self._changed(f"its canonical form could not be read: {error.problem}") from None
        if not same:
            raise self._changed("its canonical form would hold other messages")
        if not stable:
            raise self._changed("its canonical form has another canonical form")

    def _meaning(self, document: Document) -> tuple[str, Any, str]:
        if document.text is None:
            return document.format, (), json.dumps(document.value)
        prompt = self._read(document.text)
        return document.format, [one.to_mapping() for one in prompt.messages], prompt.ending

    def _error(self, fault: Diagnostic) -> ParseError:
        return ParseError(
            fault.message, source=self.path, code=fault.code, start=fault.start, end=fault.end, line=fault.line,
            column=fault.column, hint="only a text without errors has a canonical form; `chatml lint` says more",
        )  # fmt: skip

    def _changed(self, problem: str) -> ParseError:
        return ParseError(
            f"this cannot be formatted: {problem}", source=self.path, code=_CHANGED, hint="it is left as it is"
        )


def _is_json(text: str) -> bool:
    """Whether a text that holds messages is JSON as it stands, and no template of it and no YAML."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _in_one_line(text: str) -> str:
    """A JSON value, spaced as `json.dumps` does it."""
    out = []
    for found in _JSON_TOKEN.finditer(text):
        token = found[0]
        out.append(f"{token} " if token in (",", ":") else token)
    return "".join(out)


def _laid_out(text: str) -> Iterator[str]:
    """The lines of a JSON value: one for every item and key, as `json.dumps` does it with an indent."""
    line, depth, last = "", 0, ""
    for found in _JSON_TOKEN.finditer(text):
        token = found[0]
        if token in ("}", "]"):
            depth -= 1
            if last not in ("{", "["):
                yield line
                line = _INDENT * depth
        elif last in ("{", "[", ","):
            yield line
            line = _INDENT * depth
        line += ": " if token == ":" else token
        depth += token in ("{", "[")
        last = token
    yield line
