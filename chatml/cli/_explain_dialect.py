"""All about a dialect, for `chatml explain`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from chatml._errors import ConfigError
from chatml.cli._explained import Explained, Fact, Unknown
from chatml.dialects import DIALECTS, Dialect, get_dialect

if TYPE_CHECKING:
    from argparse import Namespace


def turn(dialect: Dialect) -> str:
    r"""A picture of a turn, such as `<|im_start|>role\n...<|im_end|>\n`."""
    start, end = f"{dialect.start}role{dialect.header_end}", f"{dialect.content_end}{dialect.end}{dialect.separator}"
    return _literal(f"{start}...{end}")


def find(arguments: Namespace) -> Explained | Unknown:
    """What is known about the dialect of this name."""
    try:
        dialect = get_dialect(arguments.name)
    except ConfigError:
        from difflib import get_close_matches

        names = [name for dialect in DIALECTS for name in (dialect.name, *dialect.aliases)]
        return Unknown(tuple(get_close_matches(arguments.name[:80].lower(), names, 3)))
    value = {"kind": "dialect", "asked": arguments.name, **dataclasses.asdict(dialect)}
    return Explained(value, facts_of(dialect))


def facts_of(dialect: Dialect) -> tuple[Fact, ...]:
    """Every field of a dialect in words."""
    aliases = f" (also {', '.join(dialect.aliases)})" if dialect.aliases else ""
    return (
        Fact("Dialect", (dialect.name + aliases,), "bold"),
        Fact("Source", (dialect.source,)),
        Fact("Encoding", (_encoding(dialect),)),
        Fact("Tokens", (", ".join(dialect.families) and f"those of {', '.join(dialect.families)} are escaped, too",)),
        Fact("Turn", (turn(dialect), *_turns(dialect))),
        Fact("Name", (_name(dialect),)),
        Fact("Roles", (", ".join(dialect.roles) if dialect.roles is not None else "any",)),
        Fact("System", tuple(_system(dialect))),
        Fact("Reply", (_literal(dialect.generation_prompt) + " asks for it", *_reply(dialect))),
        Fact("Ends", tuple(_ends(dialect))),
    )


def _literal(text: str) -> str:
    return text.replace("\n", r"\n")


def _encoding(dialect: Dialect) -> str:
    if dialect.own_vocabulary:
        return dialect.encoding
    return f"{dialect.encoding} stands in for the vocabulary of the models: counts by it are estimates"


def _turns(dialect: Dialect) -> list[str]:
    channel = _literal(dialect.assistant_channel)
    return [
        f"the assistant's header is role{channel}{_literal(dialect.header_end)}" if channel else "",
        "what stands behind a turn is left out behind the last" if not dialect.separator_after_last else "",
        "the last turn stays open" if not dialect.closes_last else "",
        "nothing is written until a message follows the leading system message" if dialect.needs_turn else "",
    ]


def _name(dialect: Dialect) -> str:
    if dialect.named_header is None:
        return "cannot be written"
    only = "" if "{role}" in dialect.named_header else ", in place of the role, so that it cannot be read back"
    return f"is written as {_literal(dialect.named_header)}{only}"


def _system(dialect: Dialect) -> list[str]:
    default = dialect.default_system
    return [
        "only as the first message" if dialect.system_first_only else "",
        f"without one, this is put first: {_literal(default)}" if default is not None else "",
        "white space around the first one is lost" if dialect.trims_leading_system else "",
    ]


def _reply(dialect: Dialect) -> list[str]:
    return [
        "it goes without the end of the header" if not dialect.prompt_has_header_end else "",
        "it is not written behind an assistant's message" if not dialect.prompts_after_assistant else "",
        "it stands behind every user turn, and a reply has no header of its own" if dialect.reply_header else "",
    ]


def _ends(dialect: Dialect) -> list[str]:
    before = "" if dialect.bos_before is None else f" before the first message of {', '.join(dialect.bos_before)}"
    return [
        f"a prompt begins with {_literal(dialect.bos)}{before}" if dialect.bos else "",
        f"a prompt ends with {_literal(dialect.eos)} behind an assistant's message" if dialect.eos else "",
    ]
