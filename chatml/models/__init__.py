"""What is known about each model: its wire, its encoding, its windows and how far a count can be trusted.

The table is data with a date (`_table.py`). Nothing here reads a file or the network.
"""

from __future__ import annotations

from chatml.models._info import ModelInfo
from chatml.models._lookup import get_model, model_names, models

__all__ = ["ModelInfo", "get_model", "model_names", "models"]
