"""How far a long run is, in one line of a terminal that is gone when it ends."""

from __future__ import annotations

import os
import sys
import time

_AFTER, _EVERY = 1.0, 0.1  # seconds


class Progress:
    """Says on standard error what is done, if the run takes a second and that is a terminal that can erase a line."""

    def __init__(self, done: str = "characters checked") -> None:
        self._done = done
        self._is_shown = sys.stderr is not None and sys.stderr.isatty() and os.environ.get("TERM") != "dumb"
        self._next = time.monotonic() + _AFTER
        self._has_written = False
        self._files = self._size = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *_: object) -> None:
        if self._has_written:
            self._write("\r\x1b[K")

    def add(self, size: int, is_end: bool) -> None:
        """Count what was done, such as characters; `is_end`: it was the last of a file."""
        self._size += size
        self._files += is_end
        if self._is_shown and time.monotonic() >= self._next:
            self._next = time.monotonic() + _EVERY
            self._has_written = True
            files = f"{self._files:,} file{'' if self._files == 1 else 's'}"
            self._write(f"\r\x1b[K{files}, {self._size / 1e6:,.1f} million {self._done}")

    def _write(self, text: str) -> None:
        try:
            sys.stderr.write(text)
            sys.stderr.flush()
        except (OSError, ValueError):  # whoever looked has gone: that is no reason to stop
            self._is_shown = False
