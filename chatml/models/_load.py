"""Models from a file of the user's, over a table that there is."""

from __future__ import annotations

import os

from chatml._errors import ConfigError
from chatml.models._model_table import ModelTable


def load_models(path: str | os.PathLike[str], *, over: ModelTable | None = None) -> ModelTable:
    """Read models from a TOML or JSON file and lay them over the built-in table, or over the table `over`.

    A file of your own has a table of fields for each model, those of `ModelInfo`; `like` takes all that is not stated
    from another model, and a name that is listed keeps what the file does not change:

        [models."my-deployment"]
        like = "gpt-4o"
        input_price = 2.5

    Without either, `encoding` and `dialect` must be stated, and the status is `estimate` unless you say otherwise.

    LiteLLM's `model_prices_and_context_window.json` is known by its content. Windows and prices are read for the
    entries of OpenAI and Azure that the table has, each under its own name, and for rows that you have added. Its max
    input is the whole window, but where it, or its sum with the max output, agrees with a row of the table that has the
    limits apart: there they stay apart. Other models become rows when a file of your own, loaded over this table, says
    how they are counted.

    Nothing is remembered but in the table that is returned. Raises `FileError` for a file that cannot be read, and
    `ConfigError` with the place for what it holds.
    """
    from chatml.models._file import read_document, shown_path
    from chatml.models._overlay import overlaid
    from chatml.models._price_file import is_price_file, priced

    try:
        place = os.fsdecode(path)
    except TypeError:
        raise ConfigError(f"found {type(path).__name__}, expected a path", option="path") from None
    if over is not None and not isinstance(over, ModelTable):
        raise ConfigError(f"found {type(over).__name__}, expected a ModelTable or None", option="over")
    document = read_document(place)
    table = ModelTable() if over is None else over
    return (priced if is_price_file(document) else overlaid)(document, table, shown_path(place))
