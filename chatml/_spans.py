"""Offsets and the lines and columns that people read.

Offsets everywhere else are code points into the source `str`, half-open. Lines and columns count from 1 and are made
only here, when somebody looks.
"""

from __future__ import annotations

from bisect import bisect_right


class LineIndex:
    """Turns offsets of one text into lines and columns; built once, so that many look-ups stay linear."""

    __slots__ = ("_length", "_starts")

    def __init__(self, text: str = "") -> None:
        self._starts = [0]
        self._length = 0
        self.extend(text)

    def extend(self, text: str) -> None:
        """Add the next piece of the text."""
        position = text.find("\n")
        while position >= 0:
            self._starts.append(self._length + position + 1)
            position = text.find("\n", position + 1)
        self._length += len(text)

    def position(self, offset: int) -> tuple[int, int]:
        r"""The line and column of `offset`. A line ends behind "\n"; columns count characters."""
        line = bisect_right(self._starts, offset)
        return line, offset - self._starts[line - 1] + 1
