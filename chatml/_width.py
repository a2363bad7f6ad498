"""How much room text takes on a terminal, whatever the alphabet."""

from __future__ import annotations

import unicodedata

_NO_WIDTH = ("Mn", "Me")


def width_of(text: str) -> int:
    """How many columns of a terminal `text` takes."""
    if text.isascii():
        return len(text)
    return sum(map(character_width, text))


def character_width(character: str) -> int:
    """How many columns one character takes."""
    if character.isascii():
        return 1
    category = unicodedata.category(character)
    if category in _NO_WIDTH:
        return 0
    if category == "Cn":  # of what is not assigned, Python says "F" everywhere; in the planes of emoji and CJK it is
        return 2 if 0x1F000 <= ord(character) < 0x40000 else 1
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def fitting(text: str, start: int, room: int) -> int:
    """The end of the longest piece of `text` from `start` on that fits into `room` columns; at least one character."""
    if text.isascii():
        return min(len(text), start + max(room, 1))
    taken, position = 0, start
    while position < len(text):
        taken += character_width(text[position])
        if taken > room and position > start:
            break
        position += 1
    return position


def cut(text: str, room: int, ellipsis: str) -> str:
    """`text`, or as much of it as fits with an ellipsis behind it."""
    if width_of(text) <= room:
        return text
    return text[: fitting(text, 0, room - len(ellipsis))].rstrip() + ellipsis
