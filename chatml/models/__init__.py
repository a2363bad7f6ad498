"""What is known about each model: its wire, its encoding, its windows and how far a count can be trusted.

The built-in table is data with a date (`_table.py`). `load_models` lays a file of the user's over it; nothing here uses
the network.
"""

from __future__ import annotations

from chatml.models._info import ModelInfo
from chatml.models._load import load_models
from chatml.models._lookup import Spelling, get_model, model_names, models
from chatml.models._model_table import ModelTable
from chatml.models._prices import cost
from chatml.models._table import TABLE_DATE

__all__ = [
    "TABLE_DATE",
    "ModelInfo",
    "ModelTable",
    "Spelling",
    "cost",
    "get_model",
    "load_models",
    "model_names",
    "models",
]
