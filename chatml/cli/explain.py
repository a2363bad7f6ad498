"""`chatml explain`: all about one thing that has a name. To add a kind: a module with `find`, and a line below."""

from __future__ import annotations

from chatml.cli._options import add_options

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

    from chatml._errors import ChatMLError
    from chatml.cli._explained import Explained, Unknown

DESCRIPTION = """\
Tell all about a model, a dialect or a rule of the linter.

Of a model: how its name was read, its encoding and wire format, its window and other limits, what images and tokens
cost as far as it is known, and how far a count can be trusted. Of a dialect: every way in which it differs from others.
Of a rule: what it looks for and why, how to mend what it finds, its options and examples.

With --format json, every field."""

# what the error calls them -> the module that knows them; the first that knows the name tells
_KINDS = {
    "models": "chatml.cli._explain_model",
    "dialects": "chatml.cli._explain_dialect",
    "rules": "chatml.cli._explain_rule",
}


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("name", metavar="NAME", help="a model in any spelling, a dialect, or a rule by code or name")
    add_options(parser, "--models", "--format", "--color")


def run(arguments: Namespace) -> int:
    """Tell about what has the name. Raises `ConfigError` when nothing has it."""
    from chatml.cli import _output
    from chatml.cli._explained import lines
    from chatml.cli._json_output import write_json
    from chatml.cli._terminal import open_terminal

    explained = _find(arguments)
    if arguments.format == "json":
        write_json(explained.value)
    else:
        written = lines(explained.facts, open_terminal(arguments.color))
        _output.write("".join(f"{line}\n" for line in written))
    return 0


def _find(arguments: Namespace) -> Explained:
    from importlib import import_module

    from chatml.cli._explained import Explained

    nearest: dict[str, tuple[str, ...]] = {}
    for kind, module in _KINDS.items():
        found: Explained | Unknown = import_module(module).find(arguments)
        if isinstance(found, Explained):
            return found
        nearest[kind] = found.nearest
    raise _unknown(arguments.name, nearest)


def _unknown(name: str, nearest: dict[str, tuple[str, ...]]) -> ChatMLError:
    from chatml._errors import ConfigError, shown
    from chatml.cli._commands import COMMANDS

    near = "".join(f", the nearest {kind} are {', '.join(names)}" for kind, names in nearest.items() if names)
    commands = " and ".join(f"`chatml {kind}`" for kind in nearest if kind in COMMANDS)
    return ConfigError(f"unknown name {shown(name)}{near}", hint=f"{commands} list all names")
