"""Raw prompts: ChatML as a string, in any of its dialects, and text without any marker."""

from __future__ import annotations

from chatml.dialects import DIALECTS
from chatml.promptfiles._document import Document, Format

_STARTS = tuple({dialect.start for dialect in DIALECTS})


def _likeness(text: str) -> int:
    return int(any(start in text for start in _STARTS))


CHATML = Format("chatml", (".chatml", ".prompt"), _likeness, lambda text, _: [Document("chatml", text=text)])

# what no other format claims: it can be counted, and holds no message
PLAIN = Format("text", (".txt",), lambda _: 1, lambda text, _: [Document("text", text=text)])
