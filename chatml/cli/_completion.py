"""Completion scripts, made from the parsers of the commands: they know all options there are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple

from chatml.cli._commands import COMMANDS
from chatml.cli._options import Parser
from chatml.cli.convert import TARGETS
from chatml.dialects import dialect_names
from chatml.encodings import encoding_names
from chatml.lint.reporters import REPORTERS
from chatml.lint.rules import RULES
from chatml.models import model_names

_WORDS = re.compile(r"[a-z][a-z0-9-]*(?:\|[a-z][a-z0-9-]*)+")  # a metavar such as text|json
_FILES = ("FILE", "FILES", "DIR", "NAME|FILE", "PATH")


class Argument(NamedTuple):
    """An option, or without `names` what stands in place of files. `values` are words that it takes."""

    names: tuple[str, ...]
    help: str
    values: tuple[str, ...]
    takes_value: bool
    takes_file: bool


class Command(NamedTuple):
    """A command with its arguments."""

    name: str
    help: str
    arguments: tuple[Argument, ...]

    @property
    def options(self) -> Iterator[Argument]:
        """Those that have names."""
        return (one for one in self.arguments if one.names)

    @property
    def words(self) -> tuple[str, ...]:
        """What can stand in place of a file."""
        return tuple(value for one in self.arguments if not one.names for value in one.values)


def commands() -> Iterator[Command]:
    """All commands, from the table."""
    for name, (module, line) in COMMANDS.items():
        parser = Parser(name, "")
        import_module(module).add_arguments(parser)
        yield Command(name, line, tuple(_arguments(parser, name)))


def _arguments(parser: Parser, command: str) -> Iterator[Argument]:
    for action in parser._actions:  # argparse has no other way to ask
        metavar = action.metavar if isinstance(action.metavar, str) else ""
        takes_value = action.nargs != 0
        values = tuple(metavar.split("|")) if _WORDS.fullmatch(metavar) else _values(command, action.dest, metavar)
        text = (action.help or "").partition(";")[0].replace("%%", "%")
        yield Argument(
            tuple(action.option_strings), text, values if takes_value else (), takes_value, metavar in _FILES
        )


def _values(command: str, name: str, metavar: str) -> tuple[str, ...]:
    """The names that an argument takes."""
    if name in ("dialect", "from_dialect"):
        return tuple(dialect_names())
    if name == "model":
        return tuple(model_names())
    if name == "encoding":
        return tuple(encoding_names())
    if metavar == "RULES":
        return ("ALL", *_codes())
    if name == "output_format":
        return tuple(REPORTERS)
    if command == "explain" and metavar == "NAME":
        return (*dialect_names(), *model_names(), *_codes())
    return TARGETS if name == "to" else ()


def _codes() -> tuple[str, ...]:
    return tuple(sorted(rule.code for rule in RULES))


def script(shell: str) -> str:
    """The script for bash, zsh or fish."""
    lines = {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell](tuple(commands()))
    return "".join(f"{line}\n" for line in lines)


def _bash(all_commands: tuple[Command, ...]) -> Iterator[str]:
    yield "# completion of chatml for bash; written by `chatml completions bash`"
    yield "_chatml() {"
    yield '  local current="${COMP_WORDS[COMP_CWORD]}" before="${COMP_WORDS[COMP_CWORD-1]}" words='
    yield "  COMPREPLY=()"
    yield "  if (( COMP_CWORD == 1 )); then"
    yield f"    words={_quoted(' '.join([*(one.name for one in all_commands), '--help', '--version']))}"
    yield "  else"
    yield '    case "${COMP_WORDS[1]} $before" in'
    for command in all_commands:
        for one in command.options:
            if one.takes_value:
                pattern = "|".join(_quoted(f"{command.name} {name}") for name in one.names)
                words = f"words={_quoted(' '.join(one.values))}" if one.values else "return"
                yield f"      {pattern}) {words} ;;"
    yield "      *)"
    yield '        case "${COMP_WORDS[1]}" in'
    for command in all_commands:
        names = [name for one in command.options for name in one.names]
        yield f"          {command.name}) words={_quoted(' '.join([*command.words, *names]))} ;;"
    yield "        esac ;;"
    yield "    esac"
    yield "  fi"
    yield '  COMPREPLY=($(compgen -W "$words" -- "$current"))'
    yield "}"
    yield "complete -o default -F _chatml chatml"


def _zsh(all_commands: tuple[Command, ...]) -> Iterator[str]:
    yield "#compdef chatml"
    yield "# completion of chatml for zsh; written by `chatml completions zsh`"
    yield "_chatml() {"
    yield "  local -a commands=("
    yield from (f"    {_quoted(f'{one.name}:{one.help}')}" for one in all_commands)
    yield "  )"
    yield "  if (( CURRENT == 2 )); then"
    yield "    _describe command commands"
    yield "    return"
    yield "  fi"
    yield "  local command=$words[2]"
    yield "  shift words"
    yield "  (( CURRENT-- ))"
    yield '  case "$command" in'
    for command in all_commands:
        yield f"    {command.name}) _arguments \\"
        for one in command.options:
            for name in one.names:
                yield f"      {_quoted(f'*{name}[{_zsh_text(one.help)}]{_zsh_action(one)}')} \\"
        words = f"({' '.join(command.words)})" if command.words else "_files"
        yield f"      {_quoted(f'*:file:{words}')} ;;"
    yield "  esac"
    yield "}"
    yield 'if [[ "$funcstack[1]" == _chatml ]]; then _chatml "$@"; else compdef _chatml chatml; fi'


def _zsh_text(text: str) -> str:
    return re.sub(r"([\[\]:\\])", r"\\\1", text)


def _zsh_action(one: Argument) -> str:
    if not one.takes_value:
        return ""
    return f":value:({' '.join(one.values)})" if one.values else f":value:{'_files' if one.takes_file else ' '}"


def _fish(all_commands: tuple[Command, ...]) -> Iterator[str]:
    yield "# completion of chatml for fish; written by `chatml completions fish`"
    for command in all_commands:
        first = f"complete -c chatml -n __fish_use_subcommand -f -a {command.name}"
        yield f"{first} -d {_fish_quoted(command.help)}"
    for command in all_commands:
        seen = f"complete -c chatml -n {_fish_quoted(f'__fish_seen_subcommand_from {command.name}')}"
        for one in command.options:
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in one.names)
            values = f" -a {_fish_quoted(' '.join(one.values))}" if one.values else ""
            needs = (" -r" if one.takes_file else " -x") if one.takes_value else ""
            yield f"{seen} {names}{needs}{values} -d {_fish_quoted(one.help)}"
        if command.words:
            yield f"{seen} -f -a {_fish_quoted(' '.join(command.words))}"


def _quoted(text: str) -> str:
    """Text in single quotes, for bash and zsh."""
    return "'" + text.replace("'", "'\\''") + "'"


def _fish_quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
