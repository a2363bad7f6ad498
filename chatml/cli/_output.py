"""The only way out: standard output and standard error, set up so that no text can make them fail."""

from __future__ import annotations

import io
import os
import sys


def prepare() -> None:
    """Let the streams write any `str`: lone surrogates as escapes, and newlines as they are.

    What goes to a file or a pipe is UTF-8 whatever the locale says; a terminal keeps its own encoding.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace", newline="\n")


def write(text: str) -> None:
    """Write to standard output. Raises `FileError` when it cannot take more, `BrokenPipeError` when nobody reads."""
    _guarded(text)


def flush() -> None:
    """Write what is still held back; without this it would fail when the interpreter ends, behind our back."""
    _guarded("")


def _guarded(text: str) -> None:
    if sys.stdout is None:  # closed by who started us
        return
    try:
        sys.stdout.write(text) if text else sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        from chatml._errors import FileError

        discard()
        raise FileError(f"cannot write: {error.strerror}", path="standard output") from None


def write_error(line: str) -> None:
    """Write a line to standard error, behind what was written to standard output; no fault of it counts."""
    try:
        flush()
        if sys.stderr is not None:  # print() would take standard output instead
            print(line, file=sys.stderr, flush=True)
    except (OSError, ValueError):
        return


def discard() -> None:
    """Send what is still held back, and all that follows, to nowhere."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except (AttributeError, OSError, ValueError):  # there is no such stream, or it is no file
        return


def is_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout is not None and sys.stdout.isatty()
