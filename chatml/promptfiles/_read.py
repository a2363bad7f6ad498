"""The formats on offer, and which of them a text is in. To add one: a file with a `Format`, and a line in `FORMATS`."""

from __future__ import annotations

from collections.abc import Iterator

from chatml._errors import ParseError
from chatml.promptfiles._chatml import CHATML, PLAIN
from chatml.promptfiles._document import EMPTY, NO_PROMPT, TOO_LARGE, Document, Form, Format
from chatml.promptfiles._dotprompt import DOTPROMPT
from chatml.promptfiles._forms import FORMS, to_document
from chatml.promptfiles._jinja import JINJA
from chatml.promptfiles._json import JSON
from chatml.promptfiles._jsonl import JSONL
from chatml.promptfiles._load import load_json
from chatml.promptfiles._load_yaml import load_yaml
from chatml.promptfiles._modelfile import GO_TEMPLATE, MODELFILE
from chatml.promptfiles._places import JsonPlaces
from chatml.promptfiles._promptfoo import PROMPTFOO
from chatml.promptfiles._prompty import PROMPTY
from chatml.promptfiles._yaml import YAML
from chatml.promptfiles._yaml_places import YamlPlaces

# between equals the first one
FORMATS: tuple[Format, ...] = (
    JSON,
    JSONL,
    PROMPTFOO,
    CHATML,
    DOTPROMPT,
    PROMPTY,
    YAML,
    JINJA,
    MODELFILE,
    GO_TEMPLATE,
    PLAIN,
)
MAX_SIZE = 16 * 2**20  # bytes of UTF-8: some 4 million tokens of English, more than any model in the table takes
_WIDEST = 4  # bytes of a character in UTF-8


def read_documents(text: str, *, source: str = "", max_size: int = MAX_SIZE) -> tuple[Document, ...]:
    """Read the conversations of a file's `text`; `source` is the file's name, for errors and to break ties.

    A text that no format claims is one document of format "text". Raises `ParseError` for a text that is empty, not
    well formed or too large (see `check_size`), and with code "no-prompt" for JSON that holds no conversation and for
    templates that hold none before they are rendered.
    """
    text = text.removeprefix("\ufeff")
    if not text or text.isspace():
        problem = "the file is empty" if not text else "the file is empty but for white space"
        raise ParseError(problem, source=source, code=EMPTY, hint="expected ChatML text, or messages as JSON")
    form = _find_format(text, source)
    _check_size(text, form, source, max_size)
    documents = tuple(form.read(text, source))
    template = next((document for document in documents if document.is_template), None)
    if template is not None:
        problem = f"found {_TEMPLATES[template.format]}, which holds no conversation before it is rendered"
        hint = "expected messages, or ChatML text"
        raise ParseError(problem, hint=hint, source=source, code=NO_PROMPT, line=template.line)
    return documents


_TEMPLATES = {
    "jinja": "a chat template",
    "tokenizer-config": "the configuration of a tokenizer",
    "promptfoo": "a template of messages",
    "modelfile": "a Modelfile without messages",
    "go-template": "a Go template",
    "langchain": "a template of LangChain",
    "semantic-kernel": "a template of Semantic Kernel",
}


def scan_documents(
    text: str, *, source: str = "", line: int = 1, form: str | None = None
) -> Iterator[Document | ParseError]:
    """Read what can be read: conversations and templates, and in place of what is not well formed its errors.

    In JSON Lines a line that is wrong does not stop the others. `line` is the number of the first line, where `text` is
    a part of a larger file. `form` is the name of the format or of the form of its values, where it is known.
    """
    found = _format_named(form, text, source) or _find_format(text, source)
    if not found.by_line:
        try:
            yield from found.read(text, source) if text.strip() else read_documents(text, source=source)
        except ParseError as error:
            yield error
        return
    offset = 0
    for number, part in enumerate(text.split("\n"), line):
        if part and not part.isspace():
            try:
                for document in found.read(part, source):
                    places = JsonPlaces(part, 0, offset)
                    yield document._replace(line=number, places=places)
            except ParseError as error:
                error.line = number
                error.start = offset + (error.start or 0)
                error.code = "jsonl" if error.code == "json" else error.code  # which line is wrong, not which file
                yield error
        offset += len(part) + 1


def check_size(text: str, *, source: str = "", max_size: int = MAX_SIZE) -> None:
    """Raise `ParseError`, with code "too-large", when a document has more than `max_size` bytes of UTF-8.

    In JSON Lines a document is a line, without its newline; any other text is one as a whole. To refuse a text before
    the rest of it is read, its beginning is enough, if that has more than `max_size` bytes.
    """
    text = text.removeprefix("\ufeff")
    _check_size(text, _find_format(text, source), source, max_size)


def _check_size(text: str, form: Format, source: str, max_size: int) -> None:
    if not _may_be_larger(text, max_size):
        return
    start = 0
    for number, part in enumerate(text.split("\n") if form.by_line else (text,), 1):
        if _may_be_larger(part, max_size) and len(part.encode("utf-8", "surrogatepass")) > max_size:
            problem = f"the {'line' if form.by_line else 'document'} has more than {max_size:,} bytes"
            hint = "pass a larger max_size"
            raise ParseError(problem, hint=hint, source=source, code=TOO_LARGE, start=start, end=start, line=number)
        start += len(part) + 1


def _may_be_larger(text: str, size: int) -> bool:
    return len(text) * (1 if text.isascii() else _WIDEST) > size


def _format_named(name: str | None, text: str, source: str) -> Format | None:
    """The format of a name; a form of values gives one that reads JSON or YAML in that form."""
    found = next((one for one in FORMATS if one.name == name), None)
    form = next((one for one in FORMS if one.name == name), None)
    if found is not None or form is None:
        return found
    within = _find_format(text, source)
    if within.by_line:
        return within._replace(read=lambda part, _: [to_document(load_json(part, source), source, form=form)])
    if within is JSON:
        return within._replace(
            read=lambda text, _: [
                to_document(load_json(text, source), source, form=form)._replace(places=JsonPlaces(text))
            ]
        )
    return YAML._replace(read=lambda text, _: [_read_yaml(text, source, form)])


def _read_yaml(text: str, source: str, form: Form) -> Document:
    yaml = load_yaml(text, source)
    return to_document(yaml.value, source, form=form)._replace(places=YamlPlaces(yaml))


def _find_format(text: str, source: str) -> Format:
    likeness = [form.likeness(text) for form in FORMATS[:-1]]
    claims = [
        (degree, form)
        for degree, form in zip(likeness, FORMATS, strict=False)
        if degree > 1 or (degree and (not form.needs_name or form.is_named(source)))
    ]
    if not claims:  # nothing but the name can tell
        return next((form for form in FORMATS if form.is_named(source)), PLAIN)
    best = max(degree for degree, _ in claims)
    fits = [form for degree, form in claims if degree == best]
    return next((form for form in fits if form.is_named(source)), fits[0])
