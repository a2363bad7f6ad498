"""Raw prompts: ChatML as a string, in any of its dialects, and text without any marker."""

from __future__ import annotations

from chatml.dialects import DIALECTS
from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._template import Template

_STARTS = tuple({dialect.start for dialect in DIALECTS})


def _likeness(text: str) -> int:
    return int(any(start in text for start in _STARTS))


def _read(text: str, _: str) -> list[Document]:
    # what renders it, if anything does, is not said
    templates = (Template(text),) if "{{" in text or "{%" in text else ()
    return [Document("chatml", text=text, templates=templates)]


CHATML = Format("chatml", (".chatml", ".prompt"), _likeness, _read)

# what no other format claims: it can be counted, and holds no message
PLAIN = Format("text", (".txt",), lambda _: 1, lambda text, _: [Document("text", text=text)])
