"""All about a model, for `chatml explain`."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from chatml._errors import UnknownModelError
from chatml._image_tokens import ImageRule, TileRule, image_rule
from chatml.cli._explain_dialect import turn
from chatml.cli._explained import Explained, Fact, Unknown, sentence
from chatml.cli._model_files import dollars, read_table
from chatml.cli._tables import number
from chatml.dialects import get_dialect
from chatml.models import TABLE_DATE, ModelInfo, Spelling

if TYPE_CHECKING:
    from argparse import Namespace

_STATUSES = {
    "exact": "exact: every bill that was seen for plain text messages agrees",
    "fitted": "fitted: the rule agrees with most bills that were seen, or with those of models like it",
    "estimate": "estimate: no rule is known to hold, the number is near",
}


def find(arguments: Namespace) -> Explained | Unknown:
    """What is known about the model of this name."""
    table = read_table(arguments.models or ())
    try:
        model, steps = table.get_model(arguments.name), table.spelling(arguments.name)
    except UnknownModelError as error:
        return Unknown(error.nearest)
    rule = image_rule(model.base)
    value = {
        "kind": "model",
        "asked": arguments.name,
        "spelling": [step._asdict() for step in steps],
        **dataclasses.asdict(model),
        "image_rule": _image_value(rule),
        "table_date": TABLE_DATE,
    }
    return Explained(value, (*_head(model, arguments.name, steps), *_facts(model, rule)))


def _head(model: ModelInfo, asked: str, steps: tuple[Spelling, ...]) -> tuple[Fact, ...]:
    how = tuple(f"{step.name}: {step.rule}" for step in steps)
    return Fact("Model", (model.name,), "bold"), Fact("Asked", (asked, *how) if how else ())


def _facts(model: ModelInfo, rule: ImageRule | None) -> tuple[Fact, ...]:
    dialect = get_dialect(model.dialect)
    like = f"{model.like}, where a rule goes by name" if model.like else ""
    reasons = map(sentence, model.note.split("; "))
    source = f"{model.source}, over the built-in table" if model.source else "the built-in table"
    return (
        Fact("Like", (like,)),
        Fact("Encoding", (model.encoding,)),
        Fact("Dialect", (f"{dialect.name}, whose turns are {turn(dialect)}",)),
        Fact("Window", (_tokens(model.context_window, "input and output together"),)),
        Fact("Input", (_tokens(model.max_input, "at most") if model.max_input else "",)),
        Fact("Answer", (_tokens(model.max_output, "at most"),)),
        Fact("Images", (_images(rule),)),
        Fact("Prices", (_prices(model),)),
        Fact("Status", (_STATUSES[model.status], *reasons)),
        Fact("Source", (f"{source} of {TABLE_DATE}",)),
    )


def _tokens(limit: int | None, what: str) -> str:
    return "not known" if limit is None else f"{number(limit)} tokens, {what}"


def _prices(model: ModelInfo) -> str:
    prices = {"input": model.input_price, "cached input": model.cached_input_price, "output": model.output_price}
    known = [f"${dollars(price)} {what}" for what, price in prices.items() if price is not None]
    if not known:
        return "not known; --models reads them from a file"
    return f"{', '.join(known)}, for 1,000,000 tokens"


def _images(rule: ImageRule | None) -> str:
    if rule is None:
        return "none, or what they cost is not known"
    if isinstance(rule, TileRule):
        cost = f"{number(rule.base)} tokens, and {number(rule.tile)} for every tile of 512 pixels unless detail is low"
    else:
        patches = f"every patch of 32 pixels, of which high detail has at most {number(rule.high.patches)}"
        cost = f"{rule.percent / 100:g} tokens for {patches}"
    return f"{cost} ({rule.status})"


def _image_value(rule: ImageRule | None) -> dict[str, Any] | None:
    if rule is None:
        return None
    if isinstance(rule, TileRule):
        return {"kind": "tiles", "base": rule.base, "tile": rule.tile, "status": rule.status}
    return {"kind": "patches", "percent": rule.percent, "patches": rule.high.patches, "status": rule.status}
