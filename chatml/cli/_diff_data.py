"""A comparison as a JSON value, and as the data of its page: see `chatml/views/assets/comparison.js`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatml.cli._values import measure_value
from chatml.comparison._compare import ChangeKind, MessageChange
from chatml.views import page

if TYPE_CHECKING:
    from chatml._measure import MessageCount
    from chatml.cli._diffing import Compared, Difference

_AROUND = 120  # characters of the prompt on both sides of the first difference


def comparison_page(difference: Difference, *, with_cost: bool) -> str:
    """The page of a comparison."""
    title = f"{difference.before.name} and {difference.after.name} - chatml"
    value = comparison_value(difference, with_cost=with_cost)
    messages = [_for_page(*pair) for pair in zip(difference.comparison.messages, value["messages"], strict=True)]
    return page("comparison", title, {**value, "messages": messages, "places": _places(difference)})


def _for_page(change: MessageChange, value: dict[str, Any]) -> dict[str, Any]:
    """A message with its texts in pieces: scripts count characters in another way than Python."""
    kept = {key: value[key] for key in value if key not in ("spans", "before_text", "after_text")}
    if change.kind is not ChangeKind.CHANGED:
        return {**kept, "text": change.after_text if change.after else change.before_text}
    before, after = change.before_text, change.after_text
    pieces = [
        [span.operation, before[span.before_start : span.before_end], after[span.after_start : span.after_end]]
        for span in change.spans()
    ]
    return {**kept, "pieces": pieces}


def comparison_value(difference: Difference, *, with_cost: bool) -> dict[str, Any]:
    """The comparison as a JSON value, with the names of the Python interface."""
    comparison = difference.comparison
    prefix = comparison.prefix
    value: dict[str, Any] = {
        "equal": comparison.is_equal,
        "before": _side_value(difference.before),
        "after": _side_value(difference.after),
        "delta": comparison.delta,
        "messages": [_change_value(change) for change in comparison.messages],
        "parts": [{**part._asdict(), "delta": part.delta} for part in comparison.parts],
        "prefix": {
            **prefix._asdict(),
            "before": prefix.before and prefix.before._asdict(),
            "after": prefix.after and prefix.after._asdict(),
        },
        "new_tokens": comparison.new_tokens,
        "notes": difference.notes,
    }
    if with_cost:
        names = ("before", "after", "after_cached")
        costs = zip(names, comparison.costs(), strict=True)
        value["cost"] = {name: None if cost is None else f"{cost:f}" for name, cost in costs}
    return value


def _side_value(one: Compared) -> dict[str, Any]:
    return {"file": one.name, **measure_value(one.side.measure, one.subject)}


def _change_value(change: MessageChange) -> dict[str, Any]:
    value: dict[str, Any] = {
        "change": change.kind,
        "before": _count_value(change.before),
        "after": _count_value(change.after),
        "delta": change.delta,
    }
    if change.kind is ChangeKind.CHANGED:
        spans = [span._asdict() for span in change.spans()]
        value |= {"fields": change.fields, "spans": spans}
    if change.before is not None and change.kind in (ChangeKind.CHANGED, ChangeKind.REMOVED):
        value["before_text"] = change.before_text
    if change.after is not None:
        value["after_text"] = change.after_text
    return value


def _count_value(count: MessageCount | None) -> dict[str, Any] | None:
    if count is None:
        return None
    return {
        "index": count.source,
        "role": count.role,
        "name": count.name,
        "total": count.total,
        "status": count.status,
    }


def _places(difference: Difference) -> dict[str, Any]:
    """The prompts around the first difference: what both begin with, and how each goes on."""
    found = {}
    prefix = difference.comparison.prefix
    for name, one, end in (
        ("before", difference.before, prefix.before),
        ("after", difference.after, prefix.after),
    ):
        text = one.side.text
        offset = len(text) if end is None else end.offset
        found[name] = {
            "left": text[max(0, offset - _AROUND) : offset],
            "token": text[offset : offset + len(end.text)] if end and end.id is not None else "",
            "right": text[offset + (len(end.text) if end else 0) :][:_AROUND],
        }
    return found
