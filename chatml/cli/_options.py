"""Options that several commands share, and a parser whose errors are ours."""

from __future__ import annotations

import argparse
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any, NoReturn

    from chatml._errors import ChatMLError

AUTO = "auto"
MIB = 2**20


class Parser(argparse.ArgumentParser):
    """The parser of one command. Raises `ConfigError` where argparse would print the usage and exit."""

    def __init__(self, command: str, description: str) -> None:
        super().__init__(
            prog=f"chatml {command}",
            description=description,
            formatter_class=_formatter,
            allow_abbrev=False,
        )

    def read(self, arguments: list[str]) -> argparse.Namespace:
        """Parse the arguments; options may stand between files. What follows "--" are files.

        Versions of argparse differ in what they make of "--" here, so a file called -x is called ./-x for them.
        """
        end = arguments.index("--") if "--" in arguments else len(arguments)
        files = [f"./{name}" if name.startswith("-") and name != "-" else name for name in arguments[end + 1 :]]
        return self.parse_intermixed_args(arguments[:end] + files)

    def error(self, message: str) -> NoReturn:
        """Raise `ConfigError`."""
        from chatml._errors import ConfigError

        raise ConfigError(message, hint=f"`{self.prog} --help` lists the options")


def _formatter(prog: str) -> argparse.HelpFormatter:
    # the width is given, because argparse imports shutil to find it
    return argparse.RawDescriptionHelpFormatter(prog, width=_help_width(), max_help_position=32)


def _help_width() -> int:
    columns = os.environ.get("COLUMNS", "")
    return max(min(int(columns), 120), 50) if columns.isdecimal() else 100


def one_of(*values: str) -> Callable[[str], str]:
    """A type of argument: one of a few words. (The message of argparse's own `choices` depends on the version.)"""

    def read(value: str) -> str:
        if value not in values:
            raise argparse.ArgumentTypeError(f"found {value!r}, expected {', '.join(values[:-1])} or {values[-1]}")
        return value

    return read


def positive(value: str) -> int:
    """A type of argument: a number from 1 on."""
    if not (value.isascii() and value.isdecimal() and len(value) < 19 and int(value)):
        raise argparse.ArgumentTypeError(f"found {value!r}, expected a number from 1 on")
    return int(value)


def mebibytes(value: str) -> int:
    """A type of argument: a size in MiB, read as bytes."""
    return positive(value) * MIB


_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "--dialect": {
        "metavar": "NAME",
        "default": AUTO,
        "help": "the wire format (chatml dialects lists them); auto, the default, finds the one that fits a ChatML text"
        " best, and takes chatml for messages",
    },
    "--model": {
        "metavar": "NAME",
        "help": "take wire format, encoding and context window of this model (chatml models lists them)",
    },
    "--models": {
        "metavar": "FILE",
        "action": "append",
        "help": "models of your own as TOML or JSON, or LiteLLM's price file, laid over the built-in table; given more"
        " than once, later files lie over earlier ones",
    },
    "--encoding": {
        "metavar": "NAME|FILE",
        "help": "the vocabulary: cl100k_im, o200k_im, ..., or the path of a tokenizer.json or .tiktoken file;"
        " default: the one of the model or dialect",
    },
    "--format": {
        "metavar": "text|json",
        "type": one_of("text", "json"),
        "default": "text",
        "help": "for people (the default), or for programs",
    },
    "--color": {
        "metavar": "auto|always|never",
        "type": one_of("auto", "always", "never"),
        "default": AUTO,
        "help": "auto, the default, colours on a terminal unless NO_COLOR is set",
    },
    "--line": {
        "metavar": "N",
        "type": positive,
        "help": "the conversation that begins on line N, where a file holds several",
    },
    "--max-size": {
        "metavar": "MIB",
        "type": mebibytes,
        "default": 16 * MIB,
        "help": "refuse larger documents, by default those over 16 MiB; in JSON Lines each line is a document, and the"
        " whole file may have up to 512 MiB",
    },
}


def add_options(parser: argparse.ArgumentParser, *names: str) -> None:
    """Add shared options by name."""
    for name in names:
        parser.add_argument(name, **_OPTIONS[name])


def unknown_command(name: str) -> ChatMLError:
    """The error for a command that does not exist."""
    from difflib import get_close_matches

    from chatml._errors import ConfigError
    from chatml.cli._commands import COMMANDS

    near = get_close_matches(name, COMMANDS, n=1)
    nearest = f", the nearest is {near[0]}" if near else ""
    problem = f"unknown command {name[:80]!a}{nearest}" if name else "no command is given"
    return ConfigError(problem, hint="`chatml --help` lists the commands")
