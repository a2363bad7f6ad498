"""Front matter: YAML between two lines of `---`, and behind it the body of the file."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from chatml._errors import ParseError
from chatml._spans import LineIndex
from chatml.promptfiles._document import kind_of
from chatml.promptfiles._load import check_text
from chatml.promptfiles._load_yaml import load_yaml
from chatml.promptfiles._places import Change, Path, TextPlaces
from chatml.promptfiles._yaml_places import YamlPlaces

# comments and empty lines may stand before it: Dotprompt files begin with a licence
_OPENING = re.compile(r"\A(?:[ \t]*+(?:#[^\n]*+)?\r?\n)*+[ \t]*+---[ \t]*+\r?\n")
_CLOSING = re.compile(r"^---[ \t]*\r?$\n?", re.MULTILINE)
_BLANK_LINES = re.compile(r"(?:[ \t\r]*+\n)*+")


class Front(NamedTuple):
    """Front matter that was read: its value, its places, and where the body begins."""

    value: dict[str, Any]
    places: YamlPlaces | None
    body: int


class FrontPlaces:
    """Places in a file with front matter: of texts in its body by a table, of all else in the YAML."""

    def __init__(self, texts: dict[Path, tuple[int, int]], front: YamlPlaces | None) -> None:
        self._names = {path[0] for path in texts if path}
        self._texts = TextPlaces(texts)
        self._front = front

    def _of(self, path: Path) -> TextPlaces | YamlPlaces:
        return self._front if path and path[0] not in self._names and self._front is not None else self._texts

    def span(self, path: Path, start: int | None = None, end: int | None = None) -> tuple[int, int]:
        """See `Places`."""
        return self._of(path).span(path, start, end)

    def change(self, path: Path, value: Any, start: int | None = None, end: int | None = None) -> Change | None:
        """See `Places`."""
        return self._of(path).change(path, value, start, end)


def has_front(text: str) -> bool:
    """Whether a text begins with front matter."""
    return _OPENING.match(text) is not None


def body_start(text: str) -> int:
    """Where the body begins, as far as can be told without reading the front matter."""
    opening = _OPENING.match(text)
    closing = _CLOSING.search(text, opening.end()) if opening else None
    return closing.end() if closing else 0


def read_front(text: str, source: str) -> Front:
    """Read the front matter of a file. Raises `ParseError`."""
    check_text(text, source)
    opening = _OPENING.match(text)
    if opening is None:
        return Front({}, None, 0)
    closing = _CLOSING.search(text, opening.end())
    if closing is None:
        index = text.index("---", text.rfind("\n", 0, opening.end() - 1) + 1)
        problem = "front matter begins here and does not end, expected a line of ---"
        line, column = LineIndex(text).position(index)
        raise ParseError(problem, source=source, code="yaml", start=index, end=index, line=line, column=column)
    yaml = load_yaml(text, source, opening.end(), closing.start())
    if yaml.value is not None and not isinstance(yaml.value, dict):
        line, _ = LineIndex(text).position(opening.end())
        problem = f"found {kind_of(yaml.value)} as front matter, expected an object"
        raise ParseError(problem, source=source, code="yaml", start=opening.end(), end=opening.end(), line=line)
    return Front(yaml.value or {}, YamlPlaces(yaml), closing.end())


def trimmed(text: str, start: int, end: int) -> tuple[int, int]:
    """A span without the blank lines at its ends, and without the end of its last line."""
    found = _BLANK_LINES.match(text, start, end)
    start = found.end() if found else start
    kept = start + len(text[start:end].rstrip())
    if kept <= start:
        return start, start
    newline = text.find("\n", kept, end)
    stop = end if newline < 0 else newline
    return start, stop - 1 if newline >= 0 and text[stop - 1] == "\r" and stop - 1 >= kept else stop
