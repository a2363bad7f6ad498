"""What sanitizing and scanning share: a text that is read, the tokens to guard against, and the line of a finding."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from chatml._errors import shown
from chatml._token_sets import special_tokens
from chatml._visible import visible
from chatml.cli import _files
from chatml.cli._options import MIB

if TYPE_CHECKING:
    from argparse import Namespace

    from chatml._findings import Finding

_AT_FIRST = 16 * MIB  # what is read at once; whether there may be more is up to `_files`


class Source(NamedTuple):
    """A text that has been read, its name in output, and the byte order mark that stood before it, or ""."""

    name: str
    text: str
    bom: str


def read_source(path: str, *, follow: bool = True) -> Source:
    """Read any text; `follow=False` is for a file that was found in a folder. Raises `FileError`."""
    text, has_bom = _files.read_text(path, most=_AT_FIRST, check=_accept, follow=follow)
    return Source(_files.shown_name(path), text, "\ufeff" if has_bom else "")


def _accept(_: str) -> None:
    """Let a text have any size: no document is built of it, and the work grows no faster than the text."""


def read_tokens(arguments: Namespace) -> frozenset[str] | None:
    """The tokens that the options name, together; None when they name none, which means all that are known."""
    chosen = frozenset(arguments.token or ())
    named = {name: getattr(arguments, name) for name in ("family", "dialect", "tokenizer")}
    if any(value is not None for value in named.values()):
        chosen |= special_tokens(**named)
    return chosen or None


class Headline(NamedTuple):
    """The line of a finding in three harmless parts: where it is, of what kind it is, and what it means."""

    place: str
    kind: str
    meaning: str

    def __str__(self) -> str:
        return "".join(self)


def headline(name: str, finding: Finding) -> Headline:
    """Put a finding in the file `name` into words."""
    what = finding.token or finding.spelling
    written = "" if finding.spelling == what else f", written {shown(finding.spelling)}"
    return Headline(
        visible(f"{name}:{finding.line}:{finding.column}: "),
        f"{finding.severity} {finding.kind}",
        visible(f": {shown(what)}{written}, read as {finding.reading}"),
    )
