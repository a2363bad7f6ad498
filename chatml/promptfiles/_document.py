"""What a prompt file is read into, and what a reader is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from chatml._errors import ParseError
from chatml.promptfiles._places import Path, Places
from chatml.promptfiles._template import Template, Variables

NO_PROMPT = "no-prompt"  # code of the ParseError for JSON that is well formed and holds no conversation
EMPTY = "empty-file"  # code of the ParseError for a text of which nothing is left but white space
TOO_LARGE = "too-large"  # code of the ParseError for a document of more bytes than are allowed
_NOTHING: Mapping[str, Any] = MappingProxyType({})


class Document(NamedTuple):
    """One conversation of a file: either `text`, a prompt as a string, or `messages`, mappings as the file has them.

    `messages` are not checked yet: whoever renders or counts them does that. `request` holds what else a request says,
    where it is there and not null: `tools`, `functions`, `tool_choice`, `response_format`, `model`. `format` is the
    name of the form that was found, `container` is "jsonl" or "array" where a file holds many of them, `line` is where
    this one begins.

    `value` is what the file holds for it, in JSON the whole value; `places` say where its parts stand. `pointer` leads
    from the file to the value, `root` from the value to the list of messages; `elsewhere` to the leading messages that
    do not stand in that list. `paths` lead to all messages, in formats that keep them otherwise.

    `templates` are the parts of the file that an engine renders, `variables` what it says of their inputs. With
    `is_template` there is nothing but these, and no conversation before they are rendered; `text` is then the template.
    """

    format: str
    text: str | None = None
    messages: Sequence[Any] = ()
    request: Mapping[str, Any] = _NOTHING
    line: int = 1
    container: str = ""
    value: Any = None
    places: Places | None = None
    pointer: Path = ()
    root: Path = ()
    elsewhere: tuple[Path, ...] = ()
    paths: tuple[Path, ...] = ()
    templates: tuple[Template, ...] = ()
    variables: Variables | None = None
    is_template: bool = False

    def path_of(self, message: int) -> Path:
        """The path that leads from `value` to a message."""
        if self.paths:
            return self.paths[message]
        if message < len(self.elsewhere):
            return self.elsewhere[message]
        return (*self.root, message - len(self.elsewhere))


class Form(NamedTuple):
    """A shape of JSON that holds one conversation.

    `claims` tells it by the keys, `read` makes the document and raises `ParseError`, without a place, for what is in
    those keys. With `key` an object is read, too, when somebody says that it is in this form.
    """

    name: str
    claims: Callable[[Any], bool]
    read: Callable[[Any], Document]
    key: str = ""


class Format(NamedTuple):
    """A kind of text.

    `likeness` is 0 when a text cannot be of this kind, 1 when it can, 2 when it can hardly be another; `suffixes`, ends
    of the names of files, decide between equals, and so do `common` ones, which too many files have to search folders
    for them. `needs_name`: a text that only can be of this kind is not, unless its
    name says so. `read` takes the text and the name of its file. `by_line` is whether each line is a document of its
    own, so that the limit of size is one for lines.
    """

    name: str
    suffixes: tuple[str, ...]
    likeness: Callable[[str], int]
    read: Callable[[str, str], list[Document]]
    by_line: bool = False
    needs_name: bool = False
    common: tuple[str, ...] = ()

    def is_named(self, source: str) -> bool:
        """Whether the name of a file is one of this format."""
        return source.lower().endswith((*self.suffixes, *self.common))


_KINDS = {bool: "a boolean", int: "a number", float: "a number", str: "a string", list: "a list", dict: "an object"}


def kind_of(value: object) -> str:
    """What a JSON value is, in the words of JSON."""
    return "null" if value is None else _KINDS.get(type(value), f"a value of type {type(value).__name__}")


def is_objects(value: object) -> bool:
    """Whether a JSON value is a list of objects."""
    return isinstance(value, list) and all(isinstance(item, dict) for item in value)


def is_object(value: object) -> bool:
    """Whether a JSON value is an object."""
    return isinstance(value, dict)


def is_text(value: object) -> bool:
    """Whether a JSON value is a string."""
    return isinstance(value, str)


# key of a request -> what it has to be, and that in words
_REQUEST: Mapping[str, tuple[Callable[[object], bool], str]] = {
    "model": (is_text, "a string"),
    "tools": (is_objects, "a list of objects"),
    "functions": (is_objects, "a list of objects"),
    "tool_choice": (lambda value: is_text(value) or is_object(value), "a string or an object"),
    "response_format": (is_object, "an object"),
}


def read_request(value: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a request beside its messages, checked. Raises `ParseError` without a place."""
    request = {}
    for key, (is_right, expected) in _REQUEST.items():
        field = value.get(key)
        if field is None:
            continue
        if not is_right(field):
            raise ParseError(f"found {kind_of(field)} as {key!r}, expected {expected}")
        request[key] = field
    if "function_call" in value and "tool_choice" not in request:  # what tool_choice was called before there were tools
        request |= read_request({"tool_choice": value["function_call"]})
    return request


def read_list(value: Mapping[str, Any], key: str) -> list[Any]:
    """The list of messages under `key`. Raises `ParseError` without a place."""
    messages = value[key]
    if not isinstance(messages, list):
        raise ParseError(f"found {kind_of(messages)} as {key!r}, expected a list of messages")
    return messages
