"""JSON text to values, strictly: what a prompt file cannot mean is an error with its line and column.

Python's reader takes NaN, reads 1e999 as infinity, keeps the last of two equal keys and the halves of surrogate pairs,
and fails on deep nesting and long numbers with errors that say no place. It is kept because it is fast; the place is
looked for afterwards, on the way to the error only.

No value that is read holds a lone surrogate, be it spelled by an escape or, in a text that is not from a file, there
itself: it is no character, UTF-8 cannot hold it, and a tokenizer puts something else in its place.
"""

from __future__ import annotations

import json
import math
import re
import sys
from typing import Any

from chatml._errors import ParseError
from chatml._spans import LineIndex

_DEEPEST = 64  # levels; JSON schemas of tools have about 10, and Python's own limit is where it falls over
_TOKENS = re.compile(r'(?P<string>"(?:[^"\\]++|\\.)*+")(?P<key>[ \t\r\n]*+:)?|[{}\[\]]|[^\s"{}\[\],:]++', re.DOTALL)
_CONSTANT = re.compile(r"NaN|-?Infinity")
_NUMBER = re.compile(r"-?(?P<digits>[0-9]+)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")  # it may be one of a pair, or behind an escaped backslash
# well-formed JSON up to its first lone surrogate: all else, an escape at a time, and pairs
_PAIRED = re.compile(
    r"(?:[^\\\ud800-\udfff]++|\\[^u]|\\u[^dD]|\\u[dD][0-7]|\\u[dD][89abAB]..\\u[dD][c-fC-F])*+", re.DOTALL
)
# what Python's reader says -> what we say
_PROBLEMS = {
    "Expecting value": "a value is expected",
    "Expecting ',' delimiter": "a comma or a closing bracket is expected",
    "Expecting ':' delimiter": "a colon is expected",
    "Expecting property name enclosed in double quotes": "a key in double quotes is expected",
    "Unterminated string starting at": "a string begins that does not end",
    "Invalid control character at": "a string holds a control character that is not written as an escape",
    "Extra data": "more text stands behind the end of the value",
}


def load_json(text: str, source: str, first_line: int = 1, offset: int = 0) -> Any:
    """Read one JSON value. Raises `ParseError`; `text` begins at `offset` of the file, on `first_line`."""
    try:
        value = json.loads(text, object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse)
        if not (_too_deep(value) or _has_lone_surrogate(text)):
            return value
        problem, position = _first_fault(text)
    except json.JSONDecodeError as error:
        problem, position = _syntax_problem(error, text), error.pos
    except (ValueError, RecursionError):
        problem, position = _first_fault(text)
    line, column = LineIndex(text).position(position)
    start, line = offset + position, first_line + line - 1
    raise ParseError(problem, source=source, code="json", start=start, end=start, line=line, column=column)


def check_text(text: str, source: str) -> None:
    """Raise `ParseError` for a text that holds half of a surrogate pair, which no text of a file does."""
    if text.isascii() or _is_utf8(text):
        return
    start = next(index for index, character in enumerate(text) if "\ud800" <= character <= "\udfff")
    line, column = LineIndex(text).position(start)
    problem = f"found the lone surrogate \\u{ord(text[start]):04x}, which is no character"
    raise ParseError(problem, source=source, code="text", start=start, end=start, line=line, column=column)


def _syntax_problem(error: json.JSONDecodeError, text: str) -> str:
    what = _PROBLEMS.get(error.msg, error.msg[:1].lower() + error.msg[1:])
    found = ascii(text[error.pos]) if error.pos < len(text) else "the end of the text"
    return f"this is not valid JSON: {what}, found {found}"


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a key occurs twice")
    return value


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is not JSON")


def _finite(number: str) -> float:
    value = float(number)
    if math.isinf(value):
        raise ValueError(f"{number} is infinite")
    return value


def _has_lone_surrogate(text: str) -> bool:
    may_have = _SURROGATE.search(text) or not (text.isascii() or _is_utf8(text))
    return bool(may_have) and _first_lone_surrogate(text) < len(text)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _first_lone_surrogate(text: str) -> int:
    found = _PAIRED.match(text)
    return found.end() if found else 0


def _too_deep(value: Any) -> bool:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(_DEEPEST):
        level = [child for one in level for child in (one.values() if isinstance(one, dict) else one)]
        level = [child for child in level if isinstance(child, (dict, list))]
        if not level:
            return False
    return True


def _first_fault(text: str) -> tuple[str, int]:
    """What stands in the text that Python reads, or fails to read, but no prompt file may have; and where."""
    keys: list[set[str]] = []  # of the objects that are open
    for match in _TOKENS.finditer(text):
        token, position = match[0], match.start()
        if token in "{[":
            keys.append(set())
            if len(keys) > _DEEPEST:
                return f"the JSON is nested more than {_DEEPEST} levels deep", position
        elif token in "}]":
            del keys[-1:]
        elif match["key"] and keys:
            try:
                key = json.loads(match["string"], strict=False)
            except ValueError:
                return "this key is not valid JSON", position
            if key in keys[-1]:
                return f"the key {key[:80]!a} occurs twice in one object", position
            keys[-1].add(key)
        elif constant := _CONSTANT.match(token):
            return f"found {constant[0]}, which is not valid JSON; a number or null is expected", position
        elif fault := _number_fault(token):
            return fault, position
    return _surrogate_fault(text)


def _number_fault(token: str) -> str:
    number = _NUMBER.match(token)
    if not number:
        return ""
    digits = len(number["digits"])
    if number["digits"] == number[0].lstrip("-"):
        is_long = digits > sys.get_int_max_str_digits() > 0
        return f"found a number of {digits} digits, which is more than can be read" if is_long else ""
    return f"found {token[:40]}, which is more than a number can be" if math.isinf(float(number[0])) else ""


def _surrogate_fault(text: str) -> tuple[str, int]:
    position = _first_lone_surrogate(text)
    if position == len(text):
        return "the JSON cannot be read", 0
    escape = text[position : position + 6] if text[position] == "\\" else f"\\u{ord(text[position]):04x}"
    return f"found the lone surrogate {escape}, expected a pair such as \\ud83d\\ude00", position
