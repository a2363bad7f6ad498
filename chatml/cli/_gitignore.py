"""`.gitignore`, as git documents it: which paths the patterns of a file leave out.

Patterns come from files of strangers: each is matched part by part, in time that grows with its length times that of
the path.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_CLASS = re.compile(r"\[([!^]?)(\](?:[^\]\\]|\\.)*|(?:[^\]\\]|\\.)+)\]")


class _Pattern(NamedTuple):
    """One line: its parts between slashes, whether it takes back, and whether only folders are meant."""

    parts: tuple[str, ...]
    is_negated: bool
    folders_only: bool


class Patterns(NamedTuple):
    """The patterns of one `.gitignore`, for paths relative to its folder."""

    patterns: tuple[_Pattern, ...]

    def match(self, path: str, *, is_folder: bool) -> bool | None:
        """Whether a path, with / between its parts, is ignored; None where no pattern speaks of it."""
        parts = tuple(path.split("/"))
        for pattern in reversed(self.patterns):
            if (is_folder or not pattern.folders_only) and _fits(pattern.parts, parts):
                return not pattern.is_negated
        return None


def read_patterns(text: str) -> Patterns:
    """Read a `.gitignore`."""
    found = (_read(line.removesuffix("\r")) for line in text.split("\n"))
    return Patterns(tuple(one for one in found if one is not None))


def _read(line: str) -> _Pattern | None:
    bare = line.rstrip(" ")
    if bare.endswith("\\") and bare != line:
        bare += " "  # an escaped space is kept
    if not bare or bare.startswith("#"):
        return None
    is_negated = bare.startswith("!")
    bare = bare[1:] if is_negated else bare
    folders_only = bare.endswith("/")
    bare = bare.rstrip("/")
    is_anchored = "/" in bare
    parts = [part for part in bare.split("/") if part]
    if not parts:
        return None
    return _Pattern(tuple(parts if is_anchored else ["**", *parts]), is_negated, folders_only)


def _fits(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Whether the parts of a pattern are those of a path, where `**` stands for any number of parts."""
    reached = {0}  # how many parts of the path may be taken by the pattern so far
    for index, part in enumerate(pattern):
        if part == "**":
            least = min(reached, default=len(path) + 1)
            # at the end it stands for what is in a folder, not for the folder
            reached = set(range(least + (index == len(pattern) - 1), len(path) + 1))
        else:
            reached = {at + 1 for at in reached if at < len(path) and _compiled(part).fullmatch(path[at])}
        if not reached:
            return False
    return len(path) in reached


@lru_cache(maxsize=4096)
def _compiled(part: str) -> re.Pattern[str]:
    """A part as a pattern; one with an odd class, such as `[z-a]`, stands for itself."""
    try:
        return re.compile(_expression(part), re.DOTALL)
    except re.error:
        return re.compile(re.escape(part), re.DOTALL)


def _expression(part: str) -> str:
    """A regular expression in which each star takes as little as it can, and never tries again."""
    first, *rest = _between_stars(part)
    if not rest:
        return first
    *inner, last = rest
    return first + "".join(f"(?>.*?{piece})" for piece in inner) + f".*{last}"


def _between_stars(part: str) -> list[str]:
    pieces: list[str] = [""]
    position = 0
    while position < len(part):
        character = part[position]
        position += 1
        if character == "*":
            if pieces[-1] or len(pieces) == 1:
                pieces.append("")
        elif character == "?":
            pieces[-1] += "."
        elif character == "[" and (found := _CLASS.match(part, position - 1)):
            pieces[-1] += _class(found[1], found[2])
            position = found.end()
        else:
            if character == "\\" and position < len(part):
                character = part[position]
                position += 1
            pieces[-1] += re.escape(character)
    return pieces


def _class(negation: str, members: str) -> str:
    if "--" in members:  # which Python will read as a difference one day
        raise re.error("an odd class")
    escaped = re.sub(r"\\(.)|([\[\]&~|^\\])", lambda found: re.escape(found[1] or found[2]), members, flags=re.DOTALL)
    return f"[{'^' if negation else ''}{escaped}]"
