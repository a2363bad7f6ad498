"""What the page of `chatml serve` asks, and the answer: a mapping in, a mapping out.

Nothing here opens a file, a socket or a process. Names are looked up in tables, and what has the form of a path is an
unknown name. A problem of the input is a part of the answer, with the field of the form that it is about; only a
request that the page would not make raises.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, cast

from chatml._errors import BudgetError, ChatMLError, ConfigError, CountError, EncodingError, ParseError, RenderError
from chatml._messages import Message
from chatml._visible import visible
from chatml.budgets import KeepLast, fit
from chatml.cli._inspecting import Inspection, inspect
from chatml.cli._inspection_data import inspection_data
from chatml.cli._measure import measure_subject
from chatml.cli._playground_form import APIS, FIELDS, STRATEGIES, UNITS, Asked, read_asked
from chatml.cli._subject import Choices, Model, Subject, subject_of
from chatml.dialects import Dialect, get_dialect
from chatml.encodings import encoding_names, get_encoding
from chatml.lint import LintDiagnostic, Settings, lint_text
from chatml.models import ModelTable
from chatml.promptfiles import MAX_SIZE, Document, load_json, read_documents

if TYPE_CHECKING:
    from chatml.budgets import Fitted
    from chatml.budgets._dropping import Strategy

MOST_LINT = 200  # findings of the linter that are sent; the others are counted
_LONGEST_NAME = 300
_NAME = "prompt"
_BUILT_IN = ModelTable()

# errors speak of the Python interface; what that is called on the page
_IN_OUR_WORDS = (
    ("pass encoding= and dialect= for a wire that you know, or run `chatml models` for all names",
     "choose another, or none and a dialect with an encoding"),
    ("; load_encoding(path, special_tokens={...}) makes one that has others", ""),
    ("; load_encoding() reads other vocabularies from a .tiktoken or tokenizer.json file", ""),
    ("(max_tokens=", "(max tokens "),
    (" less reserve=", " less the reserve of "),
    ("pass max_tokens, or a model whose window is known", "give max tokens, or a model whose window is known"),
    ("add 'drop_oldest' behind the strategy", "choose another strategy"),
    ("pass a larger max_size", "`chatml serve --max-size` allows more"),
)  # fmt: skip


class _About:
    """A body whose errors become problems with a field of the form; some errors know better which."""

    def __init__(self, found: list[dict[str, Any]], field: str, document: Document | None) -> None:
        self._found, self._field, self._document = found, field, document

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> bool:
        if isinstance(error, ChatMLError):
            self._found.append(_problem(error, _field_of(error, self._field), self._document))
        return isinstance(error, ChatMLError)


class _Problems:
    """What is wrong with the input, each with the field of the form that it is about."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []

    def about(self, field: str, document: Document | None = None) -> _About:
        """Take errors of the body as problems with a field; `document` is what was read from the text."""
        return _About(self.found, field, document)


def _field_of(error: ChatMLError, field: str) -> str:
    if isinstance(error, BudgetError):
        return "max_tokens"
    if isinstance(error, EncodingError):
        return "encoding"
    named = error.where().partition("[")[0]  # of "tools[0].function.name", say
    return named if isinstance(error, (ConfigError, CountError)) and named in FIELDS else field


def _problem(error: ChatMLError, field: str, document: Document | None) -> dict[str, Any]:
    """An error as a value: what is wrong, and where in its field as characters, if that is known."""
    text = error.problem if error.where() == field else str(error).removesuffix(f"; {error.hint}")
    text += f"; {error.hint}" if error.hint else ""
    for theirs, ours in _IN_OUR_WORDS:
        text = text.replace(theirs, ours)
    value: dict[str, Any] = {"field": field, "message": visible(text)}
    span = _span_of(error, document)
    return value if span is None else {**value, "start": span[0], "end": span[1]}


def _span_of(error: ChatMLError, document: Document | None) -> tuple[int, int] | None:
    if isinstance(error, ParseError):
        return error.start, max(error.end, error.start)
    if not isinstance(error, RenderError) or error.message is None or document is None or document.places is None:
        return None
    try:
        path = document.path_of(error.message)
        return document.places.span((*path, error.field) if error.field else path)
    except (IndexError, LookupError):  # the message was made by us
        return None


# The answer


def answer(request: object, table: ModelTable = _BUILT_IN, *, max_size: int = MAX_SIZE) -> dict[str, Any]:
    """What the page shows for a request. Raises `ConfigError` for one that the page does not make.

    `problems` are about fields of the form, `lint` about the text, which `is_plain` if no message is in it. `given` and
    `fitted.data` are inspections, as `chatml/views/assets/inspected.js` draws them, null where there is none.
    """
    asked, problems = read_asked(request), _Problems()
    choices = _choices(asked, table, problems)
    tools = _tools(asked, problems)
    documents = _documents(asked, problems, max_size)
    result: dict[str, Any] = {
        "documents": len(documents),
        "document": min(asked.document, max(len(documents) - 1, 0)),
        "is_plain": bool(documents) and documents[0].format == "text",
        "lint": _lint(asked, choices, documents),
        "given": None,
        "fitted": None,
        "problems": problems.found,
    }
    if problems.found or not documents:
        return result
    document = _with_tools(documents[result["document"]], tools)
    with problems.about("text", document):
        subject = subject_of(document, choices)
        inspection = _inspection(subject, choices, asked)
        result["given"] = inspection_data(inspection)
        result["fitted"] = _fitted(subject, choices, asked, problems)
    return result


def _choices(asked: Asked, table: ModelTable, problems: _Problems) -> Choices:
    """Look up the names. Files cannot be named: what is no name in a table is unknown."""
    dialect: Dialect | None = None
    model: Model | None = None
    encoding = None
    with problems.about("dialect"):
        dialect = get_dialect(asked.dialect[:_LONGEST_NAME]) if asked.dialect else None
    with problems.about("model"):
        name = asked.model.strip()[:_LONGEST_NAME]
        model = Model(name, table.get_model(name), "given") if name else None
    with problems.about("encoding"):
        encoding = _encoding(asked.encoding[:_LONGEST_NAME]) if asked.encoding else None
    with problems.about("api"):
        _check_one_of(asked.api, APIS, "api")
    with problems.about("strategy"):
        _check_one_of(asked.strategy, STRATEGIES, "strategy")
        _check_one_of(asked.unit, UNITS, "unit")
    return Choices(dialect, model, encoding, table)


def _encoding(name: str) -> str:
    if name not in encoding_names():
        get_encoding(name)  # raises the error that names the nearest
    return name


def _check_one_of(value: str, known: tuple[str, ...], field: str) -> None:
    if value not in known:
        raise ConfigError(f"found {value[:80]!a}, expected {', '.join(known)}", option=field)


def _tools(asked: Asked, problems: _Problems) -> list[Any] | None:
    """The tools of the form; None where there are none, and those of the text count."""
    if not asked.tools.strip():
        return None
    with problems.about("tools"):
        tools = load_json(asked.tools, "")
        if isinstance(tools, list) and all(isinstance(one, dict) for one in tools):
            return tools
        raise ConfigError("expected a list of objects, as a request has them", option="tools")
    return None


def _documents(asked: Asked, problems: _Problems, max_size: int) -> tuple[Document, ...]:
    with problems.about("text"):
        return read_documents(asked.text, max_size=max_size)
    return ()


def _with_tools(document: Document, tools: list[Any] | None) -> Document:
    return document if tools is None else document._replace(request={**document.request, "tools": tools})


def _inspection(subject: Subject, choices: Choices, asked: Asked) -> Inspection:
    inspection = inspect(_NAME, subject, choices, reserve=asked.reserve)
    if asked.api == "chat" or subject.text is not None:
        return inspection
    measured = measure_subject(
        subject, encoding=inspection.encoding, lossy=True, allow_estimate=True, api=_api(asked)
    )  # fmt: skip
    return inspection._replace(measure=measured)


def _api(asked: Asked) -> Literal["chat", "responses"]:
    return cast('Literal["chat", "responses"]', asked.api)


# What the linter says


def _lint(asked: Asked, choices: Choices, documents: tuple[Document, ...]) -> list[dict[str, Any]]:
    """Findings of the linter; plain text is no prompt, and what cannot be read has a problem that says so."""
    if not documents or documents[0].format == "text":
        return []
    container = "jsonl" if documents[0].container == "jsonl" else "json"
    suffix = "chatml" if documents[0].text is not None else container
    settings = Settings(
        model=choices.model.name if choices.model and _is_known(choices.model.name) else None,
        dialect=choices.dialect.name if choices.dialect else None,
        encoding=asked.encoding if choices.encoding else None,
    )
    found = lint_text(asked.text, path=f"{_NAME}.{suffix}", settings=settings)
    shown = [_lint_value(one) for one in found[:MOST_LINT]]
    more = len(found) - len(shown)
    return [*shown, {"severity": "info", "message": f"and {more:,} more"}] if more else shown


def _is_known(model: str) -> bool:
    try:
        return bool(_BUILT_IN.get_model(model))
    except ChatMLError:
        return False


def _lint_value(one: LintDiagnostic) -> dict[str, Any]:
    return {
        "severity": one.severity,
        "code": one.code,
        "name": one.name,
        "message": visible(one.message),
        "help": visible(one.help),
        "line": one.line,
        "column": one.column,
        "start": max(one.start, 0),
        "end": max(one.end, one.start, 0),
    }


# The fitted version


def _fitted(subject: Subject, choices: Choices, asked: Asked, problems: _Problems) -> dict[str, Any] | None:
    """The conversation in its budget: what became of it, and its own inspection; None where there is no budget."""
    has_window = subject.model is not None and subject.model.info.context_window is not None
    if not subject.messages or not (has_window or asked.max_tokens is not None):
        return None
    with problems.about("max_tokens"):
        done = _fit(subject, asked)
        is_same = not (done.dropped or done.cut or done.added)
        data = None if is_same else inspection_data(_inspection(_again(subject, done), choices, asked))
        return {**_fate(done), "given": len(subject.messages), "data": data}
    return None


def _fate(done: Fitted) -> dict[str, Any]:
    """What became of the messages."""
    return {
        "tokens": done.tokens,
        "budget": done.budget,
        "status": done.status,
        "stable_prefix": done.stable_prefix,
        "kept": done.kept,
        "dropped": [{"index": one.index, "tokens": one.tokens, "reason": one.explanation} for one in done.dropped],
        "cut": [
            {"index": one.index, "before": one.before, "after": one.after, "reason": one.explanation}
            for one in done.cut
        ],
    }  # fmt: skip


def _fit(subject: Subject, asked: Asked) -> Fitted:
    strategy: str | Strategy = asked.strategy
    if strategy == "keep_last":
        strategy = KeepLast(asked.keep, unit="turns" if asked.unit == "turns" else "messages")
    return fit(
        subject.messages,
        encoding=subject.encoding,
        max_tokens=asked.max_tokens,
        reserve=asked.reserve or 0,
        strategy=strategy,
        api=_api(asked),
        lossy=True,
        allow_estimate=True,
        **subject.request,
    )


def _again(subject: Subject, done: Fitted) -> Subject:
    """The subject with the messages that are left."""
    messages = tuple(one.to_mapping() if isinstance(one, Message) else one for one in done.messages)
    document = Document("messages", messages=messages, request=subject.document.request)
    return subject._replace(document=document, reading=None, text=None, messages=messages)
