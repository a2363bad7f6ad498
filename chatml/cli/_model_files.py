"""Files of models that the user names with --models."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chatml._errors import ConfigError
from chatml.cli import _files
from chatml.models import ModelTable, load_models

if TYPE_CHECKING:
    from collections.abc import Iterable


def read_table(paths: Iterable[str]) -> ModelTable:
    """The built-in table, and the files over it in the order given. Raises `FileError` and `ConfigError`."""
    table = ModelTable()
    for path in paths:
        if path == _files.STANDARD_INPUT:
            raise ConfigError("found -, expected the name of a file", option="--models")
        _files.check_readable(path)
        table = load_models(path, over=table)
    return table


def dollars(price: float) -> str:
    """A price for people: all its digits, at least two behind the point, and no exponent."""
    from decimal import Decimal

    whole, _, cents = f"{Decimal(str(price)):f}".partition(".")
    return f"{whole}.{cents.rstrip('0'):0<2}"
