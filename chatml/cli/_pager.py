"""Output that is longer than the screen goes through a pager, where somebody sits before one."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chatml._visible import without_commands
from chatml.cli import _output

if TYPE_CHECKING:
    from collections.abc import Iterator

_VARIABLES = ("CHATML_PAGER", "PAGER")  # the first that is set decides; empty or "cat" is none
_DEFAULT = ("less", "-R")
# As git does: colours pass, what fits is shown at once, and the text stays on the screen. What users have set stands.
_SETTINGS = {"LESS": "FRX", "LV": "-c"}
_QUIT = {0, 130, 141, -signal.SIGINT, -signal.SIGTERM, -getattr(signal, "SIGPIPE", 13)}  # its reader has seen enough


def show(text: str, *, may_page: bool) -> None:
    """Write harmless text to standard output, through a pager when it is longer than the screen.

    A pager that is missing or fails loses nothing: the text is then written as it would be without one.
    """
    command = _command() if may_page and text.count("\n") >= _rows() else []
    if not (command and _run(command, text)):
        _output.write(text)


def _rows() -> float:
    """The height of the screen; infinite where there is none, or where no one sits before it."""
    if _output.is_ci() or not _output.is_terminal() or os.environ.get("TERM", "dumb") == "dumb":
        return float("inf")
    lines = os.environ.get("LINES", "")
    if lines.isascii() and lines.isdecimal() and int(lines[:6]):
        return int(lines[:6])
    try:
        return os.get_terminal_size(sys.stdout.fileno()).lines or float("inf")
    except (AttributeError, OSError, ValueError):
        return float("inf")


def _command() -> list[str]:
    """The pager and its arguments, or nothing. It is started without a shell."""
    chosen = next((os.environ[name] for name in _VARIABLES if name in os.environ), None)
    if chosen is None:
        return list(_DEFAULT)
    try:
        command = shlex.split(chosen)
    except ValueError:  # a quote that is not closed
        return []
    return [] if command == ["cat"] else command


def _run(command: list[str], text: str) -> bool:
    """Whether a pager has taken the text."""
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    data = without_commands(text).encode(encoding, "backslashreplace")
    _output.flush()
    try:
        with subprocess.Popen(command, stdin=subprocess.PIPE, env={**_SETTINGS, **os.environ}) as process, _deaf():
            process.communicate(data)  # who quits early breaks the pipe, which is no fault
    except OSError:
        return False
    return process.returncode in _QUIT


@contextmanager
def _deaf() -> Iterator[None]:
    """Leave Ctrl-C to the pager, which may use it to stop a search, and not to leave."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # only the main thread may
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
