"""Conversations as JSON, and in files."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from chatml._errors import ChatMLError, ConfigError, FileError, ParseError, RenderError
from chatml._messages import Message, MessageLike
from chatml._replace import replace_file
from chatml.budgets._dropping import shown_value
from chatml.budgets._strategies import read_strategies, strategies_from_json, strategies_to_json
from chatml.dialects import Dialect, get_dialect
from chatml.encodings import get_encoding
from chatml.models import ModelInfo, get_model

_VERSION = 1
_MARK = "chatml_conversation"
_KEYS = {_MARK, "options", "given_again", "messages"}
_LARGEST = 512 * 2**20  # bytes of a file


def to_json(messages: Sequence[MessageLike], options: Mapping[str, Any]) -> str:
    """A conversation as JSON, in ASCII. Options that JSON cannot hold are named in it: they are to be given again."""
    saved, again = dict[str, Any](), list[str]()
    for name, value in options.items():
        try:
            saved[name] = _option(name, value)
        except (_NotJSONError, ChatMLError):
            again.append(name)
    out = {
        _MARK: _VERSION, "options": saved, "given_again": again,
        "messages": [_message(message, index) for index, message in enumerate(messages)],
    }  # fmt: skip
    return json.dumps(out, allow_nan=False, indent=1)


class _NotJSONError(Exception):
    """A value that JSON cannot hold."""


def _option(name: str, value: Any) -> Any:
    if isinstance(value, ModelInfo):
        return _named(value.name, value, get_model)
    if isinstance(value, Dialect):
        return _named(value.name, value, get_dialect)
    if name == "encoding" and not (value is None or isinstance(value, str)):
        return _named(str(getattr(value, "name", "")), value, get_encoding)
    if name == "strategy":
        value = strategies_to_json(read_strategies(value))
        if value is None:
            raise _NotJSONError
    if callable(value):
        raise _NotJSONError
    return _plain(value)


def _named(name: str, value: object, get: Any) -> str:
    if get(name) != value:
        raise _NotJSONError
    return name


def _plain(value: Any) -> Any:
    """A value made of what JSON has, and nothing else."""
    try:
        return json.loads(json.dumps(value, allow_nan=False, default=_container))
    except (TypeError, ValueError, RecursionError):
        raise _NotJSONError from None


def _container(value: object) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        return list(value)
    raise TypeError


def _message(message: MessageLike, index: int) -> Any:
    try:
        return _plain(message.to_mapping() if isinstance(message, Message) else message)
    except _NotJSONError:
        hint = "a saved conversation holds text, numbers, lists and mappings"
        raise RenderError("found a value that JSON cannot hold", message=index, hint=hint) from None
    except RenderError as error:
        error.message = index
        raise


def from_json(
    text: str, source: str, given: Mapping[str, Any], names: Collection[str]
) -> tuple[list[Any], dict[str, Any]]:
    """The messages and options of a saved conversation; `given` are options that replace those that were saved.

    Raises `ParseError` for a text that is none, and `ConfigError` where an option has to be given again.
    """
    value = _load(text, source)
    if not isinstance(value, dict) or set(value) != _KEYS:
        raise _unlike(f"found {shown_value(value)}, expected an object with {', '.join(sorted(_KEYS))}", source)
    version, options, again, messages = value[_MARK], value["options"], value["given_again"], value["messages"]
    if type(version) is not int or version != _VERSION:
        raise _unlike(f"found {shown_value(version)} for {_MARK}, expected {_VERSION}", source)
    if not isinstance(options, dict) or not isinstance(messages, list) or not isinstance(again, list):
        raise _unlike("expected an object of options, a list of names in given_again and a list of messages", source)
    for name in (*options, *again):
        if not isinstance(name, str) or name not in names:
            raise _unlike(f"found the option {shown_value(name)}, which a conversation does not have", source)
    missing = [name for name in again if name not in given]
    if missing:
        problem = f"the conversation was saved without {', '.join(missing)}, which JSON cannot hold"
        raise ConfigError(problem, option=missing[0], hint=f"pass {'=, '.join(missing)}= again")
    if "strategy" in options and "strategy" not in given:
        options["strategy"] = strategies_from_json(options["strategy"])
    return messages, {**options, **given}


def _load(text: str, source: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise ParseError(
            f"this is not valid JSON: {error.msg}", source=source, code="json", start=error.pos, end=error.pos,
            line=error.lineno, column=error.colno,
        ) from None  # fmt: skip
    except RecursionError:
        raise _unlike("the JSON is nested too deeply", source) from None
    except ValueError as error:
        raise _unlike(f"this is not valid JSON: {error}", source) from None


def _refuse(constant: str) -> None:
    raise ValueError(f"found {constant}")


def _unlike(problem: str, source: str) -> ParseError:
    hint = "this reads what Conversation.to_json wrote"
    return ParseError(problem, source=source, code="conversation", hint=hint)


def read_file(path: str | os.PathLike[str]) -> tuple[str, str]:
    """The text of a file in UTF-8, and the name of the file. Raises `FileError`."""
    name = _name_of(path)
    try:
        if not stat.S_ISREG(os.stat(name).st_mode):  # a device may never end, a FIFO may never begin
            raise FileError("this is no regular file", path=name, hint="name a file that Conversation.save wrote")
        with open(name, "rb") as file:
            data = file.read(_LARGEST + 1)
    except (OSError, ValueError) as error:
        raise FileError(f"it cannot be read: {_reason(error)}", path=name or "''") from None
    if len(data) > _LARGEST:
        raise FileError("the file has more than 512 MiB", path=name)
    try:
        return data.decode(), name
    except UnicodeDecodeError as error:
        raise FileError(f"byte {error.start} is not UTF-8", path=name) from None


def write_file(path: str | os.PathLike[str], text: str) -> None:
    """Put a file with this text in the place of what is there, as a whole or not at all. Raises `FileError`."""
    name = _name_of(path)
    try:
        target = os.path.realpath(name)
        if os.path.exists(target) and not os.path.isfile(target):
            raise FileError("this is no regular file", path=name or "''", hint="name a file, or a new one")
        mode = os.stat(target).st_mode if os.path.exists(target) else None
        replace_file(target, text.encode(), mode=mode, durable=True)
    except (OSError, ValueError) as error:
        raise FileError(f"it cannot be written: {_reason(error)}", path=name or "''") from None


def _name_of(path: object) -> str:
    try:
        return os.fsdecode(path)  # type: ignore[arg-type]  # the next line is for what it cannot take
    except TypeError:
        raise ConfigError(f"found {type(path).__name__}, expected a path", option="path") from None


def _reason(error: OSError | ValueError) -> str:
    return error.strerror if isinstance(error, OSError) and error.strerror else str(error)
