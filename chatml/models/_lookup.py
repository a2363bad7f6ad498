"""From what people write to a row: the listed name, else the first spelling rule that applies, again and again.

A rule takes away what no other rule puts back, so the search ends. Names come in as an argument: a lookup depends on
nothing but them and the name.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from chatml._errors import UnknownModelError
from chatml.models._info import ModelInfo
from chatml.models._table import AZURE_NAMES, FINE_TUNED, NICKNAME, NICKNAMES, ROWS, SNAPSHOT

# LiteLLM's and OpenRouter's prefixes end in a slash, those of pydantic-ai and LangChain in a colon
_PROVIDERS = (
    "azure/",
    "azure_ai/",
    "openai/",
    "azure:",
    "azure_openai:",
    "openai:",
    "openai-chat:",
    "openai-responses:",
)
_PLACES = ("eu/", "global/", "global-standard/", "us/", "responses/")  # LiteLLM: where it runs, or by which API
LONGEST_NAME = 256  # the longest row has 37 characters; room for what a fine-tune adds
_PRINTED = 80  # characters of an unknown name that an error repeats
_NEAREST = 3

_ROWS_BY_NAME = {row.name: row for row in ROWS}


class Spelling(NamedTuple):
    """A step from the name that was asked for to that of a row: what was read, and by which rule."""

    name: str
    rule: str


class Lookup(NamedTuple):
    """The name of a row, the steps that led there, and what they mean for the status: a note lowers it to fitted."""

    name: str
    steps: tuple[Spelling, ...]
    notes: tuple[str, ...]


def models() -> tuple[ModelInfo, ...]:
    """Return all rows of the model table, sorted by name."""
    return ROWS


def model_names() -> tuple[str, ...]:
    """Return the names of all rows, sorted. `get_model` knows more spellings than these."""
    return tuple(_ROWS_BY_NAME)


def get_model(name: str) -> ModelInfo:
    """Return what is known about the model called `name`.

    Also read are prefixes that name the provider (`azure/`, `azure/eu/`, `openai:`), Azure's `gpt-35-turbo...`,
    fine-tunes (`ft:gpt-4o-mini-2024-07-18:org::id`, Azure's `gpt-4o-2024-08-06.ft-id`), capitals, and dated snapshots
    that are not listed (`gpt-4o-2025-01-31`). The name of the result is that of the row found. A fine-tune or an
    unlisted snapshot is at best `fitted`, and its note says so. Any other value raises `UnknownModelError` with the
    nearest names.

    >>> get_model("azure/gpt-35-turbo-0125").name
    'gpt-3.5-turbo-0125'
    >>> get_model("gpt-4o-2025-01-31").status
    'fitted'
    """
    return find_model(_ROWS_BY_NAME, name)


def find_model(rows: Mapping[str, ModelInfo], name: object) -> ModelInfo:
    """Return the row of `rows` (by name) that `name` means, as `get_model` does."""
    found = look_up(rows, name)
    return with_notes(rows[found.name], found.notes)


def look_up(names: Mapping[str, object], name: object) -> Lookup:
    """Return which of `names` is meant by `name`. Raises `UnknownModelError` with the nearest."""
    if not isinstance(name, str):
        raise UnknownModelError(f"<{type(name).__name__}>", hint="pass the name as a str, such as 'gpt-4o'")
    asked = str.__str__(name)  # a plain str: the hash of a str enum's member is not that of its value
    if len(asked) > LONGEST_NAME:
        raise _unknown(names, asked, "")
    found = read_name(names, asked)
    if found.name not in names:
        raise _unknown(names, asked, found.name)
    return found


def read_name(names: Container[str], asked: str) -> Lookup:
    """Apply the rules to a name of at most 256 characters until one of `names` is found, or no rule applies."""
    found, steps, notes = asked, list[Spelling](), list[str]()
    while found not in names:
        rule, respelled = _respell(found)
        if rule is None:
            break
        found = respelled
        steps.append(Spelling(found, rule.words))
        notes += [rule.note] if rule.note else []
    return Lookup(found, tuple(steps), tuple(notes))


def with_notes(row: ModelInfo, notes: Sequence[str]) -> ModelInfo:
    """A row as it is for something that only resembles it: with notes, which lower its status, and without prices."""
    if not notes:
        return row
    status = "fitted" if row.status == "exact" else row.status
    note = "; ".join(filter(None, [row.note, *notes]))
    return replace(row, status=status, note=note, input_price=None, cached_input_price=None, output_price=None)


def _unknown(names: Iterable[str], asked: str, spelled: str) -> UnknownModelError:
    from difflib import get_close_matches  # for errors only: importing it takes longer than all lookups

    nearest = tuple(get_close_matches(spelled.lower(), sorted(names), _NEAREST)) if spelled else ()
    printed = asked if len(asked) <= _PRINTED else asked[: _PRINTED - 3] + "..."
    hint = "pass encoding= and dialect= for a wire that you know, or run `chatml models` for all names"
    return UnknownModelError(printed, nearest, hint=hint)


def _without_prefix(name: str, prefixes: Iterable[str]) -> str:
    return next((name.removeprefix(prefix) for prefix in prefixes if name.startswith(prefix)), name)


def _without_provider(name: str) -> str:
    """`azure/gpt-4o` -> `gpt-4o`, and `azure/eu/gpt-4o` too."""
    rest = _without_prefix(name, _PROVIDERS)
    return rest if rest == name else _without_prefix(rest, _PLACES)


def _azure_name(name: str) -> str:
    """`gpt-35-turbo-16k` -> `gpt-3.5-turbo-16k`, `gpt-5.1-chat` -> `gpt-5.1-chat-latest`."""
    if name.startswith("gpt-35-turbo"):
        return "gpt-3.5-turbo" + name.removeprefix("gpt-35-turbo")
    return AZURE_NAMES.get(name, name)


def _nickname(name: str) -> str:
    return NICKNAMES.get(name, name)


def _fine_tune(name: str) -> str:
    """`ft:MODEL:org:suffix:id` and Azure's `MODEL.ft-id` -> `ft:MODEL`."""
    if name.startswith("ft:"):
        return "ft:" + name.removeprefix("ft:").partition(":")[0]
    model, marker, _ = name.partition(".ft-")
    return f"ft:{model}" if marker else name


def _lower_case(name: str) -> str:
    return name.lower() if name.isascii() else name  # "\u212a" would become a k


def _fine_tuned_model(name: str) -> str:
    return name.removeprefix("ft:")


def _without_date(name: str) -> str:
    """`gpt-4o-2025-01-31` -> `gpt-4o`, `gpt-4-0914` -> `gpt-4`; a name with two dates stays."""
    model = _cut_date(name)
    return name if _cut_date(model) != model else model


def _cut_date(name: str) -> str:
    for parts in (name.rsplit("-", 3), name.rsplit("-", 1)):
        model, *date = parts
        if _is_date(date):
            return model
    return name


def _is_date(parts: list[str]) -> bool:
    """Whether the parts are YYYY, MM, DD or one MMDD."""
    digits = "".join(parts)
    if [len(part) for part in parts] not in ([4, 2, 2], [4]) or not (digits.isascii() and digits.isdecimal()):
        return False
    return "01" <= digits[-4:-2] <= "12" and "01" <= digits[-2:] <= "31"


class _Rule(NamedTuple):
    """A spelling rule, what it says to people, and what it means for the status: a note lowers it to fitted."""

    rewrite: Callable[[str], str]
    words: str
    note: str = ""


_RULES = (
    _Rule(_without_provider, "what stands before the name says who runs the model"),
    _Rule(_azure_name, "Azure has a name of its own for it"),
    _Rule(_nickname, "a short name is counted like the model that it usually stands for", NICKNAME),
    _Rule(_fine_tune, "the name of a fine-tune holds that of the model it is made from"),
    _Rule(_lower_case, "names are written in lower case"),
    _Rule(_fine_tuned_model, "a fine-tune is counted like the model it is made from", FINE_TUNED),
    _Rule(_without_date, "a snapshot that is not listed is counted like the model without the date", SNAPSHOT),
)


def _respell(name: str) -> tuple[_Rule | None, str]:
    for rule in _RULES:
        if (other := rule.rewrite(name)) != name:
            return rule, other
    return None, name
