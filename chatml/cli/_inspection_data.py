"""An inspection as the data of its page: see `chatml/views/assets/prompt.js` for how it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chatml.cli._values import details_value, measure_value
from chatml.views import page

if TYPE_CHECKING:
    from chatml.cli._inspecting import Inspection


def inspection_page(inspection: Inspection) -> str:
    """The page of an inspection."""
    return page("inspection", f"{inspection.name} - chatml", inspection_data(inspection))


def inspection_data(inspection: Inspection) -> dict[str, Any]:
    """What the page shows, as a JSON value."""
    return {
        "file": inspection.name,
        **measure_value(inspection.measure, inspection.subject),
        **details_value(inspection.measure),
        "segments": [segment._asdict() for segment in inspection.wire.prompt.segments],
    }
