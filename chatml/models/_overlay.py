"""Rows from a file of the user's: each states fields, and takes the others from the model that it is like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any, NoReturn

from chatml._errors import ConfigError, UnknownModelError, shown
from chatml.dialects import DIALECTS, Dialect, dialect_names, get_dialect
from chatml.encodings import encoding_names, special_tokens
from chatml.models._info import ModelInfo, is_price, printed, replaced
from chatml.models._lookup import LONGEST_NAME, look_up, with_notes
from chatml.models._model_table import ModelTable
from chatml.models._price_file import changes

_FIELDS = tuple(field.name for field in fields(ModelInfo) if field.name not in ("name", "source"))
_PRICES = ("input_price", "cached_input_price", "output_price")
_EXAMPLE = 'such as [models."my-deployment"] with like = "gpt-4o"'
_STATED = "encoding and dialect are stated by the user, not measured"
_CIRCLE = 5  # names of a circle that an error lists


def overlaid(document: Mapping[str, Any], table: ModelTable, source: str) -> ModelTable:
    """Lay the rows of a file over a table. Raises `ConfigError`."""
    overlay = _Overlay(_entries(document, source), table, source)
    rows = [overlay.row(name) for name in overlay.entries]
    return ModelTable([*table.values(), *rows], unwired=table.unwired)


def _entries(document: Mapping[str, Any], source: str) -> Mapping[str, Mapping[str, Any]]:
    """The fields of each model, their names and keys checked."""
    _check_keys(document, ("models",), source)
    entries = document.get("models")
    if not isinstance(entries, Mapping):
        found = f"found {printed(entries)} for models" if "models" in document else "there are no models in it"
        raise ConfigError(f"{found}, expected a table of models", option=source, hint=_EXAMPLE)
    _check_keys(entries, None, f"{source}: models")
    for name, entry in entries.items():
        place = f"{source}: models[{shown(name)}]"
        if not (0 < len(name) <= LONGEST_NAME and name.isprintable() and name == name.strip()):
            expected = f"1 to {LONGEST_NAME} printable characters without white space around them"
            raise ConfigError(f"found a name of {len(name):,} characters, expected {expected}", option=place)
        if not isinstance(entry, Mapping):
            raise ConfigError(f"found {printed(entry)}, expected a table of fields", option=place, hint=_EXAMPLE)
        _check_keys(entry, _FIELDS, place)
    return entries


def _check_keys(value: Mapping[str, Any], known: tuple[str, ...] | None, place: str) -> None:
    repeated = sorted(getattr(value, "repeated", ()))
    if repeated:
        raise ConfigError(f"the key {shown(repeated[0])} is there twice", option=place, hint="leave one of them out")
    unknown = [] if known is None else [key for key in value if key not in known]
    if unknown:
        raise ConfigError(f"unknown key {shown(unknown[0])}{_nearest(unknown[0], known)}", option=place)


def _nearest(word: object, known: tuple[str, ...] | None) -> str:
    from difflib import get_close_matches  # for errors only

    near = get_close_matches(word[:80], known or (), 1) if isinstance(word, str) else []
    return f", the nearest is {near[0]}" if near else f", expected {', '.join(known or ())}"


class _Overlay:
    """The entries of one file, and the rows that they have become."""

    def __init__(self, entries: Mapping[str, Mapping[str, Any]], table: ModelTable, source: str) -> None:
        self.entries = entries
        self._table = table
        self._source = source
        self._names = dict.fromkeys([*table, *entries])
        self._rows: dict[str, ModelInfo] = {}

    def row(self, name: str) -> ModelInfo:
        """The row of an entry; first those of the entries that it is like, however many."""
        for each in reversed(self._waiting(name)):
            self._rows[each] = self._made(each)
        return self._rows[name]

    def _place(self, name: str) -> str:
        return f"{self._source}: models[{shown(name)}]"

    def _waiting(self, name: str) -> list[str]:
        """The entries that are to become rows for `name` to become one: itself, what it is like, and so on."""
        found: dict[str, None] = {}
        each: str | None = name
        while each is not None and each in self.entries and each not in self._rows:
            if each in found:
                self._refuse_circle([*found][[*found].index(each) :])
            found[each] = None
            each = self._like(each)
        return [*found]

    def _refuse_circle(self, names: list[str]) -> NoReturn:
        listed = names[:_CIRCLE] + ["..."] * (len(names) > _CIRCLE)
        circle = " -> ".join([*listed, names[0]])
        hint = "leave out like in one of them: a name that is listed keeps what the file does not change"
        raise ConfigError(f"models are like each other in a circle: {circle}", option=self._place(names[0]), hint=hint)

    def _like(self, name: str) -> str | None:
        """The name of the entry or row that an entry is like."""
        like = self.entries[name].get("like")
        if like is None:
            return None
        try:
            return look_up(self._names, like).name
        except UnknownModelError as error:
            raise ConfigError(error.problem, option=f"{self._place(name)}.like") from None

    def _start(self, name: str) -> ModelInfo | None:
        """What an entry takes over: the model that it is like, or the row that has its name already."""
        like = self.entries[name].get("like")
        if like is None:
            return self._table.get(name)
        found = look_up(self._names, like)
        row = self._rows[found.name] if found.name in self._rows else self._table[found.name]
        row = with_notes(row, found.notes)
        return replace(row, name=name, like=row.base)

    def _made(self, name: str) -> ModelInfo:
        place = self._place(name)
        stated = {key: value for key, value in self.entries[name].items() if key != "like"}
        start = self._start(name)
        row = _with_wire(name, _wire(stated, start, place), start)
        if name in self._table.unwired:
            row = replaced(row, place, **changes(self._table.unwired[name], row, place))
        row = replaced(row, place, **_fields(stated, row), source=self._source)
        _check_claims(row, place)
        return row


def _wire(stated: Mapping[str, Any], start: ModelInfo | None, place: str) -> tuple[str, str]:
    """The encoding and the dialect of a row, which are known and go together."""
    encoding = stated.get("encoding", start.encoding if start else None)
    dialect = stated.get("dialect", start.dialect if start else None)
    missing = [key for key, value in (("encoding", encoding), ("dialect", dialect)) if value is None]
    if missing:
        hint = 'state both encoding and dialect, or the model that it is like: like = "gpt-4o"'
        raise ConfigError(f"there is no {' and no '.join(missing)}", option=place, hint=hint)
    _check_word(encoding, encoding_names(), f"{place}.encoding")
    _check_word(dialect, (*dialect_names(), *(alias for one in DIALECTS for alias in one.aliases)), f"{place}.dialect")
    wire = get_dialect(dialect)
    lost = _without_id(wire, encoding)
    if lost:
        fit = ", ".join(name for name in encoding_names() if not _without_id(wire, name))
        problem = f"the marker {lost[0]} of dialect {wire.name} has no id in {encoding}"
        raise ConfigError(problem, option=f"{place}.encoding", hint=f"those that have one are {fit}")
    return encoding, wire.name


def _check_word(found: object, known: tuple[str, ...], place: str) -> None:
    if found not in known:
        raise ConfigError(f"found {printed(found)}{_nearest(found, known)}", option=place)


def _without_id(dialect: Dialect, encoding: str) -> list[str]:
    return [marker for marker in dialect.markers if marker not in special_tokens(encoding)]


def _with_wire(name: str, wire: tuple[str, str], start: ModelInfo | None) -> ModelInfo:
    """A row before its fields are set. A wire that nobody measured has no status to take over."""
    if start is None:
        return ModelInfo(name, *wire, note=_STATED)
    if (start.encoding, start.dialect) == wire:
        return start
    return replace(start, encoding=wire[0], dialect=wire[1], status="estimate", note=_STATED)


def _fields(stated: Mapping[str, Any], row: ModelInfo) -> dict[str, Any]:
    """What an entry states, and what follows from it.

    Another window is not divided as the old one was, and an old note gives no reason for a new status.
    """
    values = {key: value for key, value in stated.items() if key not in ("encoding", "dialect")}
    if "context_window" in values and values["context_window"] != row.context_window:
        values.setdefault("max_input", None)
    if "status" in values:
        values.setdefault("note", "")
    for key in _PRICES:
        if type(values.get(key)) is int and is_price(values[key]):
            values[key] = float(values[key])
    return values


def _check_claims(row: ModelInfo, place: str) -> None:
    if not row.note.isprintable():
        raise ConfigError(f"found {shown(row.note)}, expected one line of text", option=f"{place}.note")
    dialect = get_dialect(row.dialect)
    if row.status != "estimate" and not dialect.own_vocabulary and row.encoding == dialect.encoding:
        problem = f"found '{row.status}', but the models of dialect {dialect.name} have a vocabulary of their own"
        hint = f"counts by {row.encoding} are estimates"
        raise ConfigError(problem, option=f"{place}.status", hint=hint)
