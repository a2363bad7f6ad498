"""`chatml parse`: a ChatML string to messages."""

from __future__ import annotations

from chatml.cli._options import add_options, one_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from argparse import ArgumentParser, Namespace

DESCRIPTION = """\
Read the messages of a ChatML string and write them as JSON.

Every text is read as well as it can be. What is wrong or odd goes to standard error as FILE:LINE:COLUMN: SEVERITY CODE:
MESSAGE; the exit status is 1 when there is an error among it."""


def add_arguments(parser: ArgumentParser) -> None:
    """Add the arguments of this command."""
    parser.add_argument("file", metavar="FILE", help="a file with ChatML text, or - for standard input")
    parser.add_argument("--no-unescape", action="store_true", help="leave content as it stands, escaped or not")
    parser.add_argument(
        "--form",
        metavar="chat|sender|sharegpt",
        type=one_of("chat", "sender", "sharegpt"),
        default="chat",
        help="the keys of a message: role and content (the default), sender and text, or from and value",
    )
    parser.add_argument("--compact", action="store_true", help="write the JSON in one line")
    add_options(parser, "--dialect", "--max-size")


def run(arguments: Namespace) -> int:
    """Write the messages, report the problems."""
    from chatml._diagnostics import Severity
    from chatml._errors import ConfigError
    from chatml._prompt import Prompt, unescaped
    from chatml._visible import visible
    from chatml.cli._json_output import write_json
    from chatml.cli._options import AUTO
    from chatml.cli._output import write_error
    from chatml.cli._subject import one_document, reading_of
    from chatml.dialects import get_dialect

    asked = None if arguments.dialect == AUTO else get_dialect(arguments.dialect)
    hint = "expected one ChatML text; `chatml render` writes it"
    name, document = one_document(arguments.file, None, hint, max_size=arguments.max_size)
    if document.text is None:
        raise ConfigError(
            f"{name} holds messages, expected ChatML text", hint="`chatml render` writes messages as ChatML"
        )
    prompt = Prompt.from_text(document.text, dialect=reading_of(document.text, asked).dialect)
    messages = prompt.messages if arguments.no_unescape else unescaped(prompt.messages, prompt.dialect)
    write_json([message.to_mapping(arguments.form) for message in messages], compact=arguments.compact)
    for diagnostic in prompt.diagnostics:
        write_error(visible(f"{name}:{diagnostic}"))
    return int(any(diagnostic.severity is Severity.ERROR for diagnostic in prompt.diagnostics))
