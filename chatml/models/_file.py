"""Files of models: TOML or JSON as a mapping. Which of them it is, the content tells: JSON begins with a brace."""

from __future__ import annotations

import os
import re
import stat
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from chatml._errors import ConfigError, FileError

if TYPE_CHECKING:
    from typing import NoReturn

LARGEST = 32 * 2**20  # bytes; LiteLLM's price file has 3 million
LARGEST_TOML = 2**18  # about 5,000 models; Python's reader is slow
_MOST_DOTS = 1_000  # in a line of TOML: reading a dotted key takes time that grows with the square of its parts
_PLACE = re.compile(r"(?P<problem>.*) \(at (?:line (?P<line>\d+), column (?P<column>\d+)|end of document)\)", re.DOTALL)


class Object(dict[str, Any]):
    """An object of JSON, and the keys that occur more than once in it; the last value is kept."""

    repeated: frozenset[str] = frozenset()


def shown_path(path: str) -> str:
    """A path as an error prints it."""
    return (path if path.isprintable() else path.encode("unicode_escape").decode()) or "''"


def read_document(path: str) -> Mapping[str, Any]:
    """Read a file. Raises `FileError` for what cannot be read, `ConfigError` for what is not TOML or JSON."""
    source = shown_path(path)
    text = _decode(_read(path, source), source)
    if text.lstrip()[:1] == "{":
        return _from_json(text, source)
    if len(text) > LARGEST_TOML:
        problem = f"the file has more than the {LARGEST_TOML:,} characters of TOML that are read"
        raise FileError(problem, path=source, hint=f"JSON may have {LARGEST:,} bytes")
    return _from_toml(text, source)


def _read(path: str, source: str) -> bytes:
    try:
        if not stat.S_ISREG(os.stat(path).st_mode):  # a device may never end, a FIFO may never begin
            problem = "this is not a regular file, expected a TOML or JSON file"
            raise FileError(problem, path=source, hint="name a file that holds models")
        with open(path, "rb") as file:
            content = file.read(LARGEST + 1)
    except FileNotFoundError:
        raise FileError("there is no such file", path=source, hint="check the name") from None
    except (OSError, ValueError) as error:  # ValueError for a name with NUL
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise FileError(f"it cannot be read: {reason}", path=source) from None
    if len(content) > LARGEST:
        raise FileError(f"the file has more than the {LARGEST:,} bytes that are read", path=source)
    return content


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        problem = f"the file is not UTF-8: found byte 0x{error.object[error.start]:02x}"
        raise FileError(problem, path=source, hint="save it as UTF-8") from None


def _from_json(text: str, source: str) -> Mapping[str, Any]:
    import json

    try:
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        problem = f"this is not valid JSON: {error.msg[:1].lower()}{error.msg[1:]}"
        raise ConfigError(problem, option=f"{source}:{error.lineno}:{error.colno}") from None
    except RecursionError:
        raise ConfigError("the JSON is nested too deeply to be read", option=source) from None
    except ValueError as error:  # a number of more digits than Python reads, or NaN
        raise ConfigError(f"this is not valid JSON: {error}", option=source) from None
    return value if isinstance(value, Mapping) else {}


def _object(pairs: list[tuple[str, Any]]) -> Object:
    value = Object(pairs)
    if len(value) != len(pairs):
        counts = Counter(key for key, _ in pairs)
        value.repeated = frozenset(key for key, times in counts.items() if times > 1)
    return value


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"found {constant}, expected a number or null")


def _from_toml(text: str, source: str) -> Mapping[str, Any]:
    import tomllib

    for number, line in enumerate(text.splitlines(), 1):
        if line.count(".") > _MOST_DOTS:
            raise ConfigError(
                f"the line has more than {_MOST_DOTS:,} dots, too many to be read", option=f"{source}:{number}"
            )
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise ConfigError("the TOML is nested too deeply to be read", option=source) from None
    except ValueError as error:  # TOMLDecodeError is one, and so is what int() and date() raise
        found = _PLACE.fullmatch(str(error))
        problem, at = str(error), source
        if found:
            problem, at = found["problem"], f"{source}:{found['line']}:{found['column']}" if found["line"] else source
        problem = f"this is not valid TOML: {problem[:1].lower()}{problem[1:]}"
        raise ConfigError(problem, option=at, hint="a file of models is TOML, or JSON that begins with {") from None
