"""`chatml lint --watch`: look at the files again and again, and check when one of them has changed."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from chatml._errors import ChatMLError
from chatml.cli import _output
from chatml.cli._report import report

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_EVERY = 0.5  # seconds


def watch(check: Callable[[], int], paths: Callable[[], Iterable[str]]) -> int:
    """Call `check`, and once more whenever one of `paths` is new, gone or changed, until the user interrupts."""
    seen: dict[str, tuple[int, int]] | None = None
    while True:
        found = _states(paths)
        if found != seen:
            seen = found
            if _output.is_terminal():
                _output.write("\x1b[2J\x1b[H")
            try:
                check()
            except ChatMLError as error:  # a configuration file that is being edited
                report(error)
            _output.flush()
        time.sleep(_EVERY)


def _states(paths: Callable[[], Iterable[str]]) -> dict[str, tuple[int, int]]:
    states = {}
    try:
        for path in paths():
            try:
                status = os.stat(path)
            except (OSError, ValueError):
                continue
            states[path] = status.st_mtime_ns, status.st_size
    except ChatMLError:
        return states
    return states
