"""Counts as JSON values, with the names of the Python interface."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chatml._measure import Measure
    from chatml.cli._subject import Subject


def measure_value(measure: Measure, subject: Subject) -> dict[str, Any]:
    """What was counted, and the total."""
    return {
        "model": subject.model.name if subject.model else None,
        "dialect": measure.dialect,
        "encoding": measure.encoding,
        "total": measure.total,
        "status": measure.status,
        "share": measure.share,
        "bound": measure.bound,
        "window": measure.window,
        "remaining": measure.remaining,
        "max_output": measure.max_output,
    }


def details_value(measure: Measure) -> dict[str, Any]:
    """The messages and parts. `index` is the place of a message in the file, null for one that the dialect adds."""
    messages = [
        {
            "index": one.source,
            "role": one.role,
            "name": one.name,
            "header": one.header,
            "content": one.content,
            "framing": one.framing,
            "tool_calls": one.tool_calls,
            "media": one.media,
            "total": one.total,
            "status": one.status,
            "share": one.share,
            "bound": one.bound,
        }
        for one in measure.messages
    ]
    parts = [part._asdict() for part in measure.parts]
    return {"messages": messages, "parts": parts}
