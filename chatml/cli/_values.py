"""Counts as JSON values, with the names of the Python interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chatml._count import Measure
    from chatml.cli._subject import Subject


def measure_value(measure: Measure, subject: Subject) -> dict[str, Any]:
    """What was counted, and the total."""
    return {
        "model": subject.model.name if subject.model else None,
        "dialect": measure.dialect,
        "encoding": measure.encoding,
        "total": measure.total,
        "status": measure.status,
        "window": measure.window,
        "remaining": measure.remaining,
        "max_output": measure.max_output,
    }


def details_value(measure: Measure, indexes: Sequence[int | None]) -> dict[str, Any]:
    """The messages and parts. `index` is the place of a message in the file, null for one that the dialect adds."""
    messages = [
        {
            "index": index,
            "role": one.role,
            "name": one.name,
            "header": one.header,
            "content": one.content,
            "framing": one.framing,
            "total": one.total,
            "status": one.status,
        }
        for index, one in zip(indexes, measure.messages, strict=True)
    ]
    parts = [{"name": part.name, "tokens": part.tokens, "status": part.status} for part in measure.parts]
    return {"messages": messages, "parts": parts}
