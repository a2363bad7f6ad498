"""From what people write to a row: the listed name, else the first spelling rule that applies, again and again.

A rule takes away what no other rule puts back, so the search ends. Rows come in as an argument: a lookup depends on
nothing but them and the name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from chatml._errors import UnknownModelError
from chatml.models._info import ModelInfo
from chatml.models._table import FINE_TUNED, ROWS, SNAPSHOT

_PROVIDERS = ("azure/", "openai/")
_LONGEST_NAME = 256  # the longest row has 37 characters; room for what a fine-tune adds
_PRINTED = 80  # characters of an unknown name that an error repeats
_NEAREST = 3

_ROWS_BY_NAME = {row.name: row for row in ROWS}


def models() -> tuple[ModelInfo, ...]:
    """Return all rows of the model table, sorted by name."""
    return ROWS


def model_names() -> tuple[str, ...]:
    """Return the names of all rows, sorted. `get_model` knows more spellings than these."""
    return tuple(_ROWS_BY_NAME)


def get_model(name: str) -> ModelInfo:
    """Return what is known about the model called `name`.

    Also read are the prefixes `azure/` and `openai/`, Azure's `gpt-35-turbo...`, fine-tunes
    (`ft:gpt-4o-mini-2024-07-18:org::id`, Azure's `gpt-4o-2024-08-06.ft-id`) and dated snapshots that are not listed
    (`gpt-4o-2025-01-31`). The name of the result is that of the row found. A fine-tune or an unlisted snapshot is at
    best `fitted`, and its note says so. Any other value raises `UnknownModelError` with the nearest names.

    >>> get_model("azure/gpt-35-turbo-0125").name
    'gpt-3.5-turbo-0125'
    >>> get_model("gpt-4o-2025-01-31").status
    'fitted'
    """
    return find_model(_ROWS_BY_NAME, name)


def find_model(rows: Mapping[str, ModelInfo], name: object) -> ModelInfo:
    """Return the row of `rows` (by name) that `name` means, as `get_model` does."""
    if not isinstance(name, str):
        raise UnknownModelError(f"<{type(name).__name__}>", hint="pass the name as a str, such as 'gpt-4o'")
    asked = str.__str__(name)  # a plain str: the hash of a str enum's member is not that of its value
    if len(asked) > _LONGEST_NAME:
        raise _unknown(rows, asked, "")
    found, notes = asked, list[str]()
    while found not in rows:
        respelled, note = _respell(found)
        if respelled == found:
            raise _unknown(rows, asked, found)
        found = respelled
        notes += [note] if note else []
    return _with_notes(rows[found], notes)


def _with_notes(row: ModelInfo, notes: list[str]) -> ModelInfo:
    if not notes:
        return row
    status = "fitted" if row.status == "exact" else row.status
    return replace(row, status=status, note="; ".join(filter(None, [row.note, *notes])))


def _unknown(rows: Mapping[str, ModelInfo], asked: str, spelled: str) -> UnknownModelError:
    from difflib import get_close_matches  # for errors only: importing it takes longer than all lookups

    nearest = tuple(get_close_matches(spelled.lower(), sorted(rows), _NEAREST)) if spelled else ()
    printed = asked if len(asked) <= _PRINTED else asked[: _PRINTED - 3] + "..."
    hint = "pass encoding= and dialect= for a wire that you know, or run `chatml models` for all names"
    return UnknownModelError(printed, nearest, hint=hint)


def _without_provider(name: str) -> str:
    return next((name.removeprefix(provider) for provider in _PROVIDERS if name.startswith(provider)), name)


def _azure_name(name: str) -> str:
    """Azure writes gpt-35-turbo for gpt-3.5-turbo."""
    return "gpt-3.5-turbo" + name.removeprefix("gpt-35-turbo") if name.startswith("gpt-35-turbo") else name


def _fine_tune(name: str) -> str:
    """`ft:MODEL:org:suffix:id` and Azure's `MODEL.ft-id` -> `ft:MODEL`."""
    if name.startswith("ft:"):
        return "ft:" + name.removeprefix("ft:").partition(":")[0]
    model, marker, _ = name.partition(".ft-")
    return f"ft:{model}" if marker else name


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


# A rule and what it means for the status: a note lowers it to fitted.
_SPELLINGS: tuple[tuple[Callable[[str], str], str], ...] = (
    (_without_provider, ""),
    (_azure_name, ""),
    (_fine_tune, ""),
    (_fine_tuned_model, FINE_TUNED),
    (_without_date, SNAPSHOT),
)


def _respell(name: str) -> tuple[str, str]:
    for rewrite, note in _SPELLINGS:
        if (other := rewrite(name)) != name:
            return other, note
    return name, ""
