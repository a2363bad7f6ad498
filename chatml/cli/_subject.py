"""What a conversation is read as, written in and counted with: options decide first, then the file, then defaults."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple

from chatml._detect import detect_dialect
from chatml._errors import ChatMLError, ConfigError, ParseError
from chatml._prompt import Prompt, unescaped
from chatml.cli import _files
from chatml.cli._model_files import read_table
from chatml.cli._options import AUTO, MIB
from chatml.cli._report import note
from chatml.dialects import Dialect, get_dialect
from chatml.encodings import encoding_names, get_encoding, load_encoding
from chatml.models import ModelInfo, ModelTable
from chatml.promptfiles import TOO_LARGE, Document, check_size, read_documents, scan_documents

if TYPE_CHECKING:
    from argparse import Namespace
    from collections.abc import Iterator, Sequence

    import tiktoken

DEFAULT_MODEL = "gpt-4o"
DEFAULT_DIALECT = "chatml"


class Model(NamedTuple):
    """A model: the name that was asked for, what is known about it, and who asked ("given", "default", ...).

    The name matters: a fine-tune or an unlisted snapshot is counted like the row that is found, but not as exactly.
    """

    name: str
    info: ModelInfo
    how: str


class Choices(NamedTuple):
    """What the options say, looked up; None where they leave it open. `table` has the models that files may name."""

    dialect: Dialect | None
    model: Model | None
    encoding: str | tiktoken.Encoding | None
    table: ModelTable = ModelTable()


class Reading(NamedTuple):
    """The dialect that a text is read in, and how it was found."""

    dialect: Dialect
    how: str


class Subject(NamedTuple):
    """A conversation with all decisions taken.

    `text` is the prompt where a text itself is counted; then `messages` are those in it, and `model` is None but for a
    plain text, which is counted with the vocabulary of a model and held against its window. `reading`
    says how a text was read, also where its messages are then counted in another wire. `dialect` is the wire.
    `is_billed`: it is that of the model's provider. `is_foreign`: `encoding` is only a stand-in for the vocabulary
    that the models of the dialect have. `left_out` are the characters of a text that stand outside of its messages,
    where only these are counted.
    """

    document: Document
    reading: Reading | None
    text: Prompt | None
    messages: Sequence[Any]
    model: Model | None
    dialect: Dialect
    encoding: str | tiktoken.Encoding
    is_billed: bool
    is_foreign: bool
    left_out: int = 0

    @property
    def request(self) -> dict[str, Any]:
        """Keywords of `count` and its like: the model or dialect, and what stands beside the messages."""
        return {
            "model": self.model.info if self.model else None,
            "dialect": None if self.is_billed else self.dialect,
            **{key: value for key, value in self.document.request.items() if key != "model"},
        }


def read_choices(arguments: Namespace) -> Choices:
    """Look up what the options name. Raises the errors of the look-ups."""
    table = read_table(getattr(arguments, "models", None) or ())
    return Choices(
        dialect=None if arguments.dialect == AUTO else get_dialect(arguments.dialect),
        model=None if arguments.model is None else _model(arguments.model, "given", table),
        encoding=None if arguments.encoding is None else _find_encoding(arguments.encoding),
        table=table,
    )


def _find_encoding(name: str) -> str | tiktoken.Encoding:
    if name in encoding_names():
        return name
    if name.endswith((".json", ".tiktoken")) or "/" in name or "\\" in name:
        _files.check_readable(name)
        return load_encoding(name)
    return get_encoding(name)  # raises the error that names the nearest


class PromptFile(NamedTuple):
    """A file that has been read: its name in output, its text, and the conversations in it."""

    name: str
    text: str
    documents: tuple[Document, ...]


def read_file(path: str, *, max_size: int, follow: bool = True, line: int | None = None) -> PromptFile:
    """Read a file named by the user, or with `follow=False` one found in a folder that the user named.

    Raises `FileError` and `ParseError`. A document of more than --max-size is refused: in JSON Lines a line, else the
    whole file, of which then no more is read than shows that. Where a `line` is asked for, others may be faulty.
    """
    name = _files.shown_name(path)
    try:
        text, has_bom = _files.read_text(
            path, follow=follow, most=max_size, check=lambda start: check_size(start, source=name, max_size=max_size)
        )
        documents = _documents(text, name, max_size, line)
    except ParseError as error:
        if error.code == TOO_LARGE:
            error.hint = f"--max-size raises the limit of {max_size // MIB} MiB"
        raise
    if has_bom and documents[0].text is not None:
        note(f"{name}: the byte order mark before the text is left out")
    return PromptFile(name, text, documents)


def _documents(text: str, name: str, max_size: int, line: int | None) -> tuple[Document, ...]:
    """The conversations of a text. When one of them is asked for, what cannot be read on other lines is left out."""
    try:
        return read_documents(text, source=name, max_size=max_size)
    except ParseError as error:
        if line is None or error.code == TOO_LARGE:
            raise
        rows = list(scan_documents(text, source=name))
        found = tuple(row for row in rows if isinstance(row, Document) and not row.is_template)
        if not found:
            raise
        for row in rows:
            if isinstance(row, ParseError) and row.line == line:
                raise row from None
        return found


def one_document(
    path: str, line: int | None, hint: str = "choose one with --line N", *, max_size: int
) -> tuple[str, Document]:
    """The conversation of a file that is meant: the one on `line`, or the only one. Raises `ConfigError`."""
    name, _, documents = read_file(path, max_size=max_size, line=line)
    if line is None and len(documents) > 1:
        raise ConfigError(f"{name} holds {len(documents)} conversations", hint=hint)
    found = [document for document in documents if line in (None, document.line)]
    if not found:
        lines = ", ".join(str(document.line) for document in documents[:10])
        more = ", ..." if len(documents) > 10 else ""
        raise ConfigError(
            f"no conversation of {name} begins on line {line}, they begin on {lines}{more}", option="--line"
        )
    return name, found[0]


def reading_of(text: str, dialect: Dialect | None) -> Reading:
    """The dialect in which to read a text; `dialect` is the one that was asked for."""
    if dialect is not None:
        return Reading(dialect, "given")
    fits = detect_dialect(text)
    if fits:
        return Reading(get_dialect(fits[0].name), f"detected: {fits[0].reason}")
    return Reading(get_dialect(DEFAULT_DIALECT), "default, no dialect reads this text without an error")


def subject_of(document: Document, choices: Choices) -> Subject:
    """Take the decisions for one conversation."""
    reading, text, messages, left_out = None, None, document.messages, 0
    if document.text is not None:
        reading = reading_of(document.text, choices.dialect)
        text = Prompt.from_text(document.text, dialect=reading.dialect)
        messages = unescaped(text.messages, reading.dialect)
    model = _model_of(document, choices)
    is_plain = document.format == "text"  # it has no messages that a model's wire could hold: it is counted as it is
    is_billed = model is not None and not is_plain and (choices.dialect is None or reading is not None)
    if model is not None and is_billed:
        left_out = _outside(text) if text else 0
        dialect, text = get_dialect(model.info.dialect), None
    else:
        dialect = reading.dialect if reading else choices.dialect or get_dialect(DEFAULT_DIALECT)
    encoding = choices.encoding or (model.info.encoding if model else dialect.encoding)
    is_foreign = not (model or dialect.own_vocabulary) and encoding == dialect.encoding
    return Subject(document, reading, text, messages, model, dialect, encoding, is_billed, is_foreign, left_out)


def _outside(text: Prompt) -> int:
    return sum(one.end - one.start for one in text.diagnostics if one.code == "text-outside-message")


def _model(name: str, how: str, table: ModelTable) -> Model:
    return Model(name, table.get_model(name), how)


def _model_of(document: Document, choices: Choices) -> Model | None:
    if choices.model is not None:
        return choices.model
    if document.text is not None or choices.dialect is not None:
        return None
    if "model" in document.request:
        return _model(document.request["model"], "named in the file", choices.table)
    return _model(DEFAULT_MODEL, "default", choices.table)


@contextmanager
def located(name: str, document: Document) -> Iterator[None]:
    """Say in errors about a conversation which one it is."""
    try:
        yield
    except ChatMLError as error:
        error.add_note(f"{name}:{document.line}" if document.container else name)
        raise
