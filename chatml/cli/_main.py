"""From the arguments to an exit status: the command is found and run, and every error becomes a line and a number."""

from __future__ import annotations

import gc
import sys

TYPE_CHECKING = False  # as in typing, which costs 2 ms to import
if TYPE_CHECKING:
    from collections.abc import Sequence

SUCCESS, FAILURE, INTERRUPTED = 0, 2, 130  # 1 is for findings, which are up to the command


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit status. Nothing is raised, whatever the arguments and files are."""
    arguments = sys.argv[1:] if argv is None else list(argv)
    collecting = gc.isenabled()
    gc.disable()  # nearly all that a command makes lives until its end: looking for garbage takes 5 % of a short count
    try:
        return _run(arguments)
    except BaseException as error:
        return _status_of(error)
    finally:
        if collecting:
            gc.enable()


def _run(arguments: list[str]) -> int:
    first = arguments[0] if arguments else ""
    if first in ("-V", "--version"):
        from chatml._version import __version__

        return _print(f"chatml {__version__}\n")
    if first in ("-h", "--help"):
        from chatml.cli._commands import help_text

        return _print(help_text())
    return _run_command(first, arguments[1:])


def _run_command(name: str, arguments: list[str]) -> int:
    from importlib import import_module

    from chatml.cli import _options, _output
    from chatml.cli._commands import COMMANDS

    if name not in COMMANDS:
        raise _options.unknown_command(name)
    command = import_module(COMMANDS[name][0])
    parser = _options.Parser(name, command.DESCRIPTION)
    command.add_arguments(parser)
    _output.prepare()
    try:
        given = parser.read(arguments)
        status = int(command.run(given))
    except SystemExit:  # argparse has printed the help
        status = SUCCESS
    _output.flush()
    return status


def _print(text: str) -> int:
    from chatml.cli import _output

    _output.prepare()
    _output.write(text)
    _output.flush()
    return SUCCESS


def _status_of(error: BaseException) -> int:
    from chatml.cli import _output

    if isinstance(error, BrokenPipeError):  # the reader has seen enough
        _output.discard()
        return SUCCESS
    if isinstance(error, KeyboardInterrupt):
        _output.discard()
        return INTERRUPTED
    from chatml.cli._report import report

    report(error)
    return FAILURE
