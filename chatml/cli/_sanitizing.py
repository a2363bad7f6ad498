"""The work of `chatml sanitize` on one text: it is changed as asked, and nothing is added to it or lost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatml._errors import FileError, InjectionError, ParseError
from chatml._escape import MARKER
from chatml._sanitize import sanitize, unescape
from chatml.cli import _files, _output
from chatml.cli._report import note
from chatml.cli._untrusted import Source, headline, read_source, read_tokens

if TYPE_CHECKING:
    from argparse import Namespace

    from chatml._policies import Policy


def sanitize_file(arguments: Namespace) -> int:
    """Run the command without --scan; the status is 1 when the text is refused."""
    (path,) = arguments.files
    if _files.is_folder(path):
        raise FileError("this is a folder, expected a file", path=path, hint="name a file in it; --scan takes folders")
    source = read_source(path)
    policy: Policy = arguments.policy or "escape"
    options: dict[str, Any] = {
        "profile": arguments.profile or "exact",
        "tokens": read_tokens(arguments),
        "marker": MARKER if arguments.marker is None else arguments.marker,
    }
    try:
        text = _unescaped(source, options) if arguments.unescape else sanitize(source.text, policy=policy, **options)
    except InjectionError as error:
        _refuse(source, error)
        return 1
    written = source.bom + text
    if arguments.format == "json":
        from chatml.cli._json_output import json_text

        value = {
            "file": source.name,
            "policy": None if arguments.unescape else policy,
            "profile": options["profile"],
            "changed": text != source.text,
            "text": written,
        }
        written = json_text(value)
    _write(written, arguments.output)
    return 0


def _unescaped(source: Source, options: dict[str, Any]) -> str:
    try:
        return unescape(source.text, **options)
    except ParseError as error:
        error.source = source.name
        error.hint = "expected what `chatml sanitize` wrote with the same tokens, --profile and --marker"
        raise


def _refuse(source: Source, error: InjectionError) -> None:
    _output.write_error("\n".join(str(headline(source.name, finding)) for finding in error.findings))
    note("nothing is written; --policy escape keeps what is found as text, --policy strip deletes it")


def _write(text: str, output: str | None) -> None:
    if output is None:
        _output.write_data(text)
    else:
        from chatml.cli._writing import write_file

        write_file(output, text)
