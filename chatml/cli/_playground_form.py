"""The form on the page of `chatml serve`: its fields, what they may hold, and what there is to choose from."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, get_type_hints

from chatml._errors import ConfigError
from chatml.dialects import dialect_names
from chatml.encodings import encoding_names

if TYPE_CHECKING:
    from chatml.models import ModelTable

APIS = ("chat", "responses")
STRATEGIES = ("drop_oldest", "middle_out", "cache_stable", "truncate", "keep_last")  # those that need no function
UNITS = ("messages", "turns")
_MOST_NUMBER = 10**15


@dataclass(frozen=True, slots=True)
class Asked:
    """What the form of the page holds; an empty name leaves it to the text or the defaults.

    `document` is the place of the conversation that is shown, where the text holds several. `tools` is JSON text.
    `keep` and `unit` are for the strategy keep_last.
    """

    text: str = ""
    document: int = 0
    model: str = ""
    dialect: str = ""
    encoding: str = ""
    api: str = "chat"
    tools: str = ""
    max_tokens: int | None = None
    reserve: int | None = None
    strategy: str = "drop_oldest"
    keep: int = 10
    unit: str = "messages"


FIELDS = get_type_hints(Asked)  # name -> type
_WORDS = {str: "a string", int: "a number from 0 on", int | None: "a number from 0 on, or null"}


def read_asked(value: object) -> Asked:
    """Read a request. Raises `ConfigError` for one that the page does not make."""
    if not isinstance(value, dict):
        raise ConfigError("expected an object with the fields of the form", option="request")
    unknown = next((key for key in value if key not in FIELDS), None)
    if unknown is not None:
        raise ConfigError(f"found {unknown!a:.80}, expected {', '.join(FIELDS)}", option="request")
    for name, given in value.items():
        if not _is_right(given, FIELDS[name]):
            raise ConfigError(f"expected {_WORDS[FIELDS[name]]}", option=name)
    return Asked(**value)


def _is_right(value: object, expected: object) -> bool:
    if expected is str:
        return isinstance(value, str)
    if value is None:
        return expected is not int
    return type(value) is int and 0 <= value <= _MOST_NUMBER


def page_data(table: ModelTable, *, max_size: int, seconds: float) -> dict[str, Any]:
    """What the page is made with: names to choose from, and limits."""
    return {
        "models": sorted(table),
        "dialects": list(dialect_names()),
        "encodings": list(encoding_names()),
        "apis": list(APIS),
        "strategies": list(STRATEGIES),
        "units": list(UNITS),
        "defaults": asdict(Asked()),
        "max_size": max_size,
        "seconds": seconds,
    }
