"""The only way out: standard output and standard error, set up so that no text can make them fail."""

from __future__ import annotations

import io
import os
import stat
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from chatml._workflow import Command

_CI_VARIABLES = ("CI", "GITHUB_ACTIONS", "TF_BUILD")
_OFF = ("", "0", "false")


def prepare() -> None:
    """Let the streams write any `str`: lone surrogates as escapes, and newlines as they are.

    What goes to a file or a pipe is UTF-8 whatever the locale says; a terminal keeps its own encoding.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            encoding = None if stream.isatty() else "utf-8"
            stream.reconfigure(encoding=encoding, errors="backslashreplace", newline="\n")


def write(text: str) -> None:
    """Write harmless text to standard output. What it is made of may have become a workflow command: that is undone.

    Raises `FileError` when the output cannot take more, `BrokenPipeError` when nobody reads.
    """
    if "::" in text or "##" in text:  # the import takes 1 ms, which --version does not have
        from chatml._visible import without_commands

        text = without_commands(text)
    _guarded(text)


def write_command(command: Command) -> None:
    """Write a workflow command of our own to standard output: a log is meant to obey it, and only it."""
    _guarded(f"{command}\n")


def write_commands(text: str) -> None:
    """Write text whose workflow commands are our own to standard output; what made it has kept others out."""
    _guarded(text)


def write_data(text: str) -> None:
    """Write text that has to be exact to standard output. A terminal gets it harmless instead.

    What may be the log of a CI run gets it only if it is harmless: else raises `FileError`, and nothing is written.
    """
    if is_terminal():
        from chatml._visible import visible_lines

        write(visible_lines(text))
        return
    if _may_be_log():
        _require_harmless(text)
    _guarded(text)


def is_ci() -> bool:
    """Whether this is a CI run, as its variables say."""
    return any(os.environ.get(name, "").lower() not in _OFF for name in _CI_VARIABLES)


def _may_be_log() -> bool:
    """Whether this is a CI run and standard output no regular file."""
    if not is_ci():
        return False
    try:
        return not stat.S_ISREG(os.fstat(sys.stdout.fileno()).st_mode)
    except (AttributeError, OSError, ValueError):  # it is no file
        return True


def _require_harmless(text: str) -> None:
    from chatml._visible import first_obeyed

    found = first_obeyed(text)
    if found is None:
        return
    from chatml._errors import FileError
    from chatml._spans import LineIndex

    what, characters, start = found
    line, column = LineIndex(text).position(start)
    which = f"'{characters}'" if len(characters) > 1 else f"U+{ord(characters):04X}"
    raise FileError(
        f"this is a CI run, whose log would obey {what}: found {which} on line {line}, column {column} of the text",
        path="standard output",
        hint="write it with -o FILE, or use --format json",
    )


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
