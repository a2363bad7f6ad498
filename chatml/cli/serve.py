"""`chatml serve`: a playground page on this machine."""

from __future__ import annotations

from chatml.cli._options import MIB, add_options, mebibytes

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Serve a page on which to write or paste a prompt and see it as the model does, as you type: string, tokens, counts,
findings, and the version that fits a budget.

Only this machine can reach it. Nothing that is typed leaves it or is written to a disk; the page needs no other
network. Ctrl-C ends it."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument(
        "--port", metavar="N", type=_port, default=8765, help="the port, by default 8765; 0 is any that is free"
    )
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, default=10.0, help="the most time for one look, by default 10"
    )
    parser.add_argument(
        "--max-size", metavar="MIB", type=mebibytes, default=4 * MIB, help="refuse larger requests, by default 4 MiB"
    )
    add_options(parser, "--models")
    parser.add_argument(
        "--host", metavar="ADDRESS", default="127.0.0.1", help="the address to listen on, by default 127.0.0.1"
    )
    parser.add_argument(
        "--allow-remote", action="store_true", help="let --host be an address that other machines can reach"
    )
    parser.add_argument(
        "--allow-host", metavar="NAME[:PORT]", action="append", help="answer to this name, too, such as that of a proxy"
    )


def _port(value: str) -> int:
    """A type of argument: a port."""
    if not (value.isascii() and value.isdecimal() and len(value) < 6 and int(value) < 2**16):
        import argparse

        raise argparse.ArgumentTypeError(f"found {value!r}, expected a number from 0 to 65535")
    return int(value)


def _seconds(value: str) -> float:
    """A type of argument: a time above 0, at most a day."""
    try:
        seconds = float(value)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= 86_400:
        import argparse

        raise argparse.ArgumentTypeError(f"found {value!r}, expected a number of seconds above 0")
    return seconds


def run(arguments: Namespace) -> int:
    """Serve until interrupted."""
    from chatml.cli._serving import serve

    return serve(arguments)
