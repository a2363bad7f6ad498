"""`chatml render`: messages to a ChatML string, or to token ids."""

from __future__ import annotations

from chatml.cli._options import add_options, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace
    from collections.abc import Iterator
    from typing import Any

    from chatml.cli._subject import Choices
    from chatml.promptfiles import Document

DESCRIPTION = """\
Write messages as the string that the model sees.

The output is that string and nothing else, without a newline of ours behind it; on a terminal, control characters in it
are shown as escapes. In a CI run, where standard output may be a log, a string with characters or commands that a log
would obey is refused: write it with -o FILE, or with --format json.

Content that spells a special token is escaped, so that it cannot forge a turn. Token ids need no escape: --ids gives
the safest prompt."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="a file with messages, or - for standard input")
    parser.add_argument("--add-generation-prompt", action="store_true", help="ask for a reply at the end")
    parser.add_argument("--continue-final-message", action="store_true", help="leave the last message open")
    parser.add_argument("--lossy", action="store_true", help="leave out what the dialect cannot hold, and say what")
    parser.add_argument(
        "--untrusted",
        metavar="escape|reject|strip",
        type=one_of("escape", "reject", "strip"),
        default="escape",
        help="what to do with content that spells a special token: escape it (the default), refuse it, or delete it",
    )
    parser.add_argument("--ids", action="store_true", help="write token ids in place of the string")
    parser.add_argument("-o", "--output", metavar="FILE", help="write to this file, and nothing to standard output")
    add_options(parser, "--model", "--models", "--dialect", "--encoding", "--line", "--max-size", "--format")


def run(arguments: Namespace) -> int:
    """Write the prompt of every conversation that is meant."""
    from chatml.cli._output import write_data

    if arguments.output is None:
        for text in _texts(arguments):
            write_data(text)
    else:
        from chatml.cli._writing import write_file

        write_file(arguments.output, "".join(_texts(arguments)))
    return 0


def _texts(arguments: Namespace) -> Iterator[str]:
    """What is written, conversation by conversation."""
    from chatml._errors import ConfigError
    from chatml.cli._json_output import json_text
    from chatml.cli._subject import located, one_document, read_choices, read_file

    choices = read_choices(arguments)
    if arguments.format == "json" and arguments.line is None:
        name, _, documents = read_file(arguments.file, max_size=arguments.max_size)
    else:
        hint = "write all of them with --format json, or choose one with --line N"
        name, document = one_document(arguments.file, arguments.line, hint, max_size=arguments.max_size)
        documents = (document,)
    for document in documents:
        if document.text is not None:
            problem = f"{name} holds {_TEXTS[document.format]}, expected messages"
            raise ConfigError(problem, hint="`chatml parse` reads the messages of a ChatML text")
        with located(name, document):
            rendered = _render(name, document, choices, arguments)
        if arguments.format == "json":
            yield json_text({"ids" if arguments.ids else "text": rendered}, compact=True)
        elif isinstance(rendered, list):
            yield " ".join(map(str, rendered)) + "\n"
        else:
            yield rendered


_TEXTS = {"chatml": "ChatML text", "text": "plain text"}


def _render(name: str, document: Document, choices: Choices, arguments: Namespace) -> str | list[int]:
    from chatml._errors import ConfigError
    from chatml._prompt import Prompt
    from chatml._render import render
    from chatml.cli._report import note

    info = choices.model.info if choices.model else None
    options: dict[str, Any] = {
        "dialect": choices.dialect or (info.dialect if info else "chatml"),
        "tools": document.request.get("tools") or document.request.get("functions"),
        "add_generation_prompt": arguments.add_generation_prompt,
        "continue_final_message": arguments.continue_final_message,
        "lossy": arguments.lossy,
    }
    prompt = Prompt.from_messages(document.messages, **options)
    where = f"{name}:{document.line}" if document.container else name
    for message, field, reason in prompt.dropped:
        place = field if message is None else f"messages[{message}].{field}"
        note(f"{where}: {place} is left out: {reason}")
    if arguments.ids:
        if arguments.untrusted == "reject":
            render(document.messages, untrusted="reject", **options)
        elif arguments.untrusted == "strip":
            problem = "found strip with --ids, which keep what spells a special token as text"
            raise ConfigError(problem, option="--untrusted", hint="leave one of them out")
        return prompt.token_ids(choices.encoding or (info.encoding if info else None))
    return render(document.messages, untrusted=arguments.untrusted, **options)
