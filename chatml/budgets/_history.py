"""A history of messages, checked at once and read when needed: of a long one most is dropped unread.

A plain mapping is checked at a quarter of what it costs to make a `Message` of it, and of 100,000 objects that nobody
needs the cyclic collector would make the tenfold.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import attrgetter
from typing import Any, NamedTuple, cast

from chatml._errors import RenderError
from chatml._messages import NAME_PATTERN, Message, MessageLike, ToolCall, check_role, plain_message, read_messages

role_of, _name, _tool_calls = attrgetter("role"), attrgetter("name"), attrgetter("tool_calls")
_is_name = re.compile(NAME_PATTERN).fullmatch
_ROLES = frozenset({"system", "developer", "user", "assistant", "tool"})


class History:
    """Messages as they were given, and made to `Message` objects: None where a plain mapping is yet to be read.

    Both may go on behind `size` messages, with those that were added later.
    """

    __slots__ = ("given", "made", "size")

    def __init__(self, given: Sequence[MessageLike], made: list[Message | None], size: int | None = None) -> None:
        self.given = given
        self.made = made
        self.size = len(given) if size is None else size

    def __len__(self) -> int:
        return self.size

    def __iter__(self) -> Iterator[Message]:
        return map(self.__getitem__, range(len(self)))

    def __getitem__(self, index: int) -> Message:
        message = self.made[index]
        if message is None:
            plain = cast(Mapping[str, str], self.given[index])
            message = self.made[index] = plain_message(plain["role"], plain["content"])
        return message

    def take(self, indexes: Iterable[int]) -> list[Message]:
        """Some messages, read."""
        return [self.made[index] or self[index] for index in indexes]

    def role(self, index: int) -> str:
        """The role of a message, which is not read for it."""
        message = self.made[index]
        return cast(Mapping[str, str], self.given[index])["role"] if message is None else message.role

    def until(self, end: int) -> History:
        """The messages before `end`."""
        return History(self.given[:end], self.made[:end])

    def read(self) -> Read:
        """The history with what is read of each message."""
        messages = enumerate(islice(self.made, self.size))
        callers = [index for index, message in messages if message is not None and message.tool_calls]
        return Read(self, list(map(self.role, range(self.size))), callers)


class Read(NamedTuple):
    """A history, the roles of its messages, and the indexes of those that make calls."""

    history: History
    roles: list[str]
    callers: list[int]


def read_history(messages: Iterable[MessageLike]) -> Read:
    """Messages in any form. Raises `RenderError` as `read_messages` does."""
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Iterable):
        read_messages(messages)  # which says what is wrong
    given = tuple(messages)
    if set(map(type, given)) == {Message}:
        roles = list(map(role_of, given))
        if _are_good(given, roles):
            some = any(map(_tool_calls, given))  # which takes half of the time
            callers = [index for index, calls in enumerate(map(_tool_calls, given)) if calls] if some else []
            return Read(History(given, list(given)), roles, callers)  # type: ignore[arg-type]  # all are Messages
    return _read_each(given)


def _read_each(given: Sequence[MessageLike]) -> Read:
    made, roles, callers = list[Message | None](), list[str](), list[int]()
    for index, one in enumerate(given):
        if type(one) is dict and len(one) == 2:
            role = one.get("role")
            if type(role) is str and role in _ROLES and type(one.get("content")) is str:
                made.append(None)
                roles.append(role)
                continue
        message = (_quick(one) if type(one) is dict else None) or _read(one, index)
        made.append(message)
        roles.append(message.role)
        if message.tool_calls:
            callers.append(index)
    return Read(History(given, made), roles, callers)


def _read(given: MessageLike, index: int) -> Message:
    try:
        return read_messages((given,))[0]
    except RenderError as error:
        error.message = index
        raise


def _are_good(messages: Iterable[Any], roles: Iterable[str]) -> bool:
    """Whether the roles and names of `Message` objects are such: what was parsed may have any."""
    try:
        for role in set(roles):
            check_role(role)
    except RenderError:
        return False
    return all(map(_is_name, set(map(_name, messages)) - {None}))


def _quick(mapping: dict[Any, Any]) -> Message | None:
    """A result, or an assistant message with calls, of the usual form: read at a fifth of the cost. None for others."""
    role, content = mapping.get("role"), mapping.get("content")
    if role == "tool" and type(role) is str:
        return _quick_result(mapping, content)
    return _quick_caller(mapping, content) if role == "assistant" and type(role) is str else None


def _quick_result(mapping: dict[Any, Any], content: object) -> Message | None:
    identity, name = mapping.get("tool_call_id"), mapping.get("name")
    if type(content) is not str or type(identity) is not str or len(mapping) != (3 if name is None else 4):
        return None
    if name is not None and not (type(name) is str and _is_name(name)):
        return None
    message = plain_message("tool", content, name)
    message.__dict__["tool_call_id"] = identity
    return message


def _quick_caller(mapping: dict[Any, Any], content: object) -> Message | None:
    given = mapping.get("tool_calls")
    if len(mapping) != 3 or "content" not in mapping or type(given) is not list:
        return None
    text = "" if content is None else content
    calls = tuple(filter(None, map(_quick_call, given)))
    if type(text) is not str or len(calls) != len(given):
        return None
    message = plain_message("assistant", text)
    message.__dict__["tool_calls"] = calls
    return message


def _quick_call(given: object) -> ToolCall | None:
    if type(given) is not dict or len(given) != 3:
        return None
    function = given.get("function")
    if type(function) is not dict or len(function) != 2:
        return None
    name, arguments = function.get("name"), function.get("arguments")
    identity, kind = given.get("id"), given.get("type")
    if not (type(name) is type(arguments) is type(identity) is type(kind) is str):
        return None
    call = object.__new__(ToolCall)
    call.__dict__.update(name=name, arguments=arguments, id=identity, type=kind, extra={})
    return call
