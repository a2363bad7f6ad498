"""YAML text to values, as strictly as JSON: what a prompt file cannot mean is an error with its line and column.

PyYAML reads the syntax, in its pure form, which is the one that says where things stand. Values are those of YAML 1.2
and JSON: `yes` and dates are strings. Aliases, tags, and keys that occur twice are refused, as is all that
`load_json` refuses.
"""

from __future__ import annotations

import math
import re
import sys
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._errors import ParseError
from chatml._spans import LineIndex
from chatml.promptfiles._document import kind_of

if TYPE_CHECKING:
    import yaml

YAML_MISSING = "no-yaml"  # code of the ParseError where the library is not installed
_DEEPEST = 64  # levels, as in JSON
_MOST = 2**20  # characters; the reader takes seconds for as many, and no prompt has them
_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEANS = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
_NO_NUMBER = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")
# what PyYAML lets through besides its own errors
_LEAKS = (ValueError, LookupError, TypeError, AttributeError, ArithmeticError, RecursionError)


class Yaml(NamedTuple):
    """A value, and the node of PyYAML that it was made of (None for an empty text); `base` is where its text begins."""

    value: Any
    node: Any
    text: str
    base: int


class _RefusedError(Exception):
    def __init__(self, problem: str, index: int) -> None:
        super().__init__(problem)
        self.problem = problem
        self.index = index


def load_yaml(text: str, source: str, start: int = 0, end: int | None = None) -> Yaml:
    """Read the YAML between `start` and `end` of a file's text. Raises `ParseError`."""
    part = text[start:end]
    try:
        node = _compose(part)
        return Yaml(None if node is None else _value(node), node, part, start)
    except _RefusedError as error:
        index = start + min(error.index, len(part))
        line, column = LineIndex(text).position(index)
        raise ParseError(
            error.problem, source=source, code="yaml", start=index, end=index, line=line, column=column
        ) from None
    except ImportError:
        hint = "run pip install 'chatml-toolkit[yaml]'"
        problem = "reading YAML needs PyYAML, which is not installed"
        line, _ = LineIndex(text).position(start)
        raise ParseError(problem, hint=hint, source=source, code=YAML_MISSING, start=start, line=line) from None


def _compose(text: str) -> Any:
    if len(text) > _MOST:
        raise _RefusedError(
            f"found {len(text):,} characters of YAML, which is more than the {_MOST:,} that are read", 0
        )
    loader_class = _loader()
    import yaml

    index = 0
    try:
        loader = loader_class(text)
        try:
            return loader.get_single_node()
        finally:
            index = loader.index
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        what = error.problem or error.context or "it cannot be read"
        raise _RefusedError(f"this is not valid YAML: {what}", mark.index if mark else index) from None
    except yaml.reader.ReaderError as error:
        raise _RefusedError(_unprintable(error), error.position) from None
    except _LEAKS:
        raise _RefusedError("this is not valid YAML: it cannot be read", index) from None


def _unprintable(error: yaml.reader.ReaderError) -> str:
    code = error.character if isinstance(error.character, int) else ord(error.character)
    if 0xD800 <= code <= 0xDFFF:
        return f"found the lone surrogate \\u{code:04x}, which is no character"
    return f"this is not valid YAML: the character U+{code:04X} has to be written as an escape, in double quotes"


@cache
def _loader() -> Any:
    """The reader of PyYAML, stricter. Raises `ImportError`."""
    import yaml

    class Loader(yaml.SafeLoader):
        depth = 0

        def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # the stubs leave it out
            where = event.start_mark.index
            if isinstance(event, yaml.AliasEvent):
                raise _RefusedError(f"found the alias *{event.anchor}, expected the value itself", where)
            if getattr(event, "tag", None) is not None:
                raise _RefusedError(f"found the tag {event.tag[:80]!a}, expected a value without one", where)
            if isinstance(event, yaml.CollectionStartEvent) and self.depth == _DEEPEST:
                raise _RefusedError(f"the YAML is nested more than {_DEEPEST} levels deep", where)
            self.depth += 1
            try:
                return super().compose_node(parent, index)
            finally:
                self.depth -= 1

    return Loader


def _value(node: Any) -> Any:
    if node.id == "mapping":
        return _mapping(node)
    if node.id == "sequence":
        return [_value(item) for item in node.value]
    text: str = node.value
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise _RefusedError("found an escape of a lone surrogate, which is no character", node.start_mark.index)
    return text if node.style is not None else _plain(text, node.start_mark.index)


def _mapping(node: Any) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for key, inner in node.value:
        where = key.start_mark.index
        if key.id != "scalar":
            kind = kind_of([] if key.id == "sequence" else {})
            raise _RefusedError(f"found {kind} as a key, expected a string (text with braces needs quotes)", where)
        if key.value in value:
            raise _RefusedError(f"the key {key.value[:80]!a} occurs twice in one object", where)
        _value(key)
        value[key.value] = _value(inner)
    return value


def _plain(text: str, index: int) -> Any:
    if text in _NULL:
        return None
    if text in _BOOLEANS:
        return _BOOLEANS[text]
    if _INTEGER.fullmatch(text):
        if len(text) > sys.get_int_max_str_digits() > 0:
            raise _RefusedError(f"found a number of {len(text)} digits, which is more than can be read", index)
        return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))
    if _NO_NUMBER.fullmatch(text):
        raise _RefusedError(f"found {text}, expected a number, or quotes around a string", index)
    if not _FLOAT.fullmatch(text):
        return text
    number = float(text)
    if math.isinf(number):
        raise _RefusedError(f"found {text[:40]}, which is more than a number can be", index)
    return number
