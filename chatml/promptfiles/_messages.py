"""A bare list of messages, as most people keep them."""

from __future__ import annotations

from typing import Any

from chatml.promptfiles._document import Document, Form

_ROLE_KEYS = ("role", "sender", "from")


def _claims(value: Any) -> bool:
    # one item with a role is enough: the others are then messages with a fault, which has an error of its own
    return isinstance(value, list) and (not value or any(map(_has_role, value)))


def _has_role(item: object) -> bool:
    return isinstance(item, dict) and any(key in item for key in _ROLE_KEYS)


def _read(value: Any) -> Document:
    return Document("messages", messages=tuple(value))


MESSAGES = Form("messages", _claims, _read)
