"""A table of models: the built-in one, or one with rows of the user's over it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from chatml._errors import ConfigError
from chatml.models._info import ModelInfo
from chatml.models._lookup import Spelling, find_model, look_up
from chatml.models._table import ROWS


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class ModelTable(Mapping[str, ModelInfo]):
    """Models by name, sorted. It is a mapping of the names that are listed; `get_model` knows more spellings.

    `ModelTable()` is the built-in table, `ModelTable([*models(), mine])` one with a row more. Of two rows of one name
    the last is taken. `load_models` makes a table from a file. Give what `get_model` returns as `model=` to whatever
    takes a model. A table cannot be changed.

    >>> mine = ModelInfo("my-deployment", "o200k_im", "openai-im-sep", 128_000, like="gpt-4o")
    >>> ModelTable([mine]).get_model("azure/my-deployment").base
    'gpt-4o'
    """

    rows: Iterable[ModelInfo] = ROWS
    # what a price file says of models whose wire is not known: a row of that name can take it up
    unwired: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, kw_only=True)
    _by_name: dict[str, ModelInfo] = field(init=False)

    def __post_init__(self) -> None:
        by_name = {}
        for row in self.rows:
            if not isinstance(row, ModelInfo):
                raise ConfigError(f"found {type(row).__name__}, expected ModelInfo", option="rows")
            by_name[row.name] = row
        object.__setattr__(self, "_by_name", dict(sorted(by_name.items())))
        object.__setattr__(self, "rows", tuple(self._by_name.values()))

    def get_model(self, name: str) -> ModelInfo:
        """Return the row that `name` means, by the spelling rules of the function `get_model`.

        Raises `UnknownModelError` with the nearest names of this table.
        """
        return find_model(self._by_name, name)

    def spelling(self, name: str) -> tuple[Spelling, ...]:
        """Return the steps from `name` to the name of its row, each with its rule; none where `name` is listed.

        >>> [step.name for step in ModelTable().spelling("azure/gpt-35-turbo-0125")]
        ['gpt-35-turbo-0125', 'gpt-3.5-turbo-0125']
        """
        return look_up(self._by_name, name).steps

    def __getitem__(self, name: str) -> ModelInfo:
        return self._by_name[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def __repr__(self) -> str:
        return f"<ModelTable of {len(self)} models>"
