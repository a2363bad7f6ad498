"""Loading of models from texts, for several tests."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from chatml.models import ModelInfo, ModelTable, load_models

Load = Callable[..., ModelTable]
SNAPSHOT = "this snapshot is not in the table, counted like the model without the date"


def load(content: str | bytes | Mapping[str, Any], *, over: ModelTable | None = None) -> ModelTable:
    """Load a text from the file `m` of the current folder, whose short name makes errors short."""
    text = json.dumps(content) if isinstance(content, Mapping) else content
    return loaded(Path("m"), text, over=over)


def loaded(path: Path, content: str | bytes, *, over: ModelTable | None = None) -> ModelTable:
    """Load a text from a file of this path."""
    path.write_bytes(content.encode("utf-8", "surrogatepass") if isinstance(content, str) else content)
    return load_models(path, over=over)


def changed(name: str, row: ModelInfo, **fields: Any) -> ModelInfo:
    """A row under another name, as a file makes it."""
    return replace(row, name=name, source="m", **{"like": row.base, **fields})
