"""Files of Ollama: a Modelfile, with what it says of the conversation, and the Go templates that it is made with."""

from __future__ import annotations

import re
from typing import Any

from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._load import check_text
from chatml.promptfiles._places import Path, TextPlaces
from chatml.promptfiles._template import Template

_INSTRUCTION = re.compile(
    r"^[ \t]*(?P<word>FROM|PARAMETER|TEMPLATE|SYSTEM|MESSAGE|ADAPTER|LICENSE|REQUIRES)[ \t]+"
    r"(?P<rest>[^\n]*?\"\"\"(?P<long>.*?)(?:\"\"\"|\Z)|[^\n]*)",
    re.MULTILINE | re.IGNORECASE | re.DOTALL,
)
_MESSAGE = re.compile(r"(?P<role>[A-Za-z]+)[ \t]+(?P<content>.*)", re.DOTALL)
_QUOTED = re.compile(r"\A(?:\"\"\"(?P<long>.*?)(?:\"\"\"|\Z)|\"(?P<short>[^\"]*)\")", re.DOTALL)
_FIRST = re.compile(r"(?:[ \t]*(?:#[^\n]*)?\r?\n)*+[ \t]*FROM[ \t]+\S", re.IGNORECASE)
_SECOND = re.compile(r"^(?:PARAMETER|TEMPLATE|SYSTEM|MESSAGE|ADAPTER|LICENSE)[ \t]", re.MULTILINE)
_GO = re.compile(r"\{\{-?\s*(?:range|if|with)\s+[^{}\n]{0,200}[.$]\w")


def _likeness(text: str) -> int:
    if not _FIRST.match(text):
        return 0
    return 2 if _SECOND.search(text) else 1


def _read(text: str, source: str) -> list[Document]:
    check_text(text, source)
    spans: dict[Path, tuple[int, int]] = {(): (0, len(text))}
    messages: list[dict[str, Any]] = []
    templates: list[Template] = []
    value: dict[str, Any] = {}
    for found in _INSTRUCTION.finditer(text):
        word, (start, end) = found["word"].upper(), found.span("rest")
        said = _MESSAGE.match(text, start, end) if word == "MESSAGE" else None
        first, last = _content(text, *(said.span("content") if said else (start, end)))
        if word == "TEMPLATE":
            templates.append(Template(text[first:last], "go", ("template",)))
            spans["template",] = first, last
        elif word == "PARAMETER":
            name, _, rest = text[first:last].partition(" ")
            value.setdefault(name, []).append(rest.strip().strip('"'))
        elif word == "SYSTEM" or said:
            path: Path = ("messages", len(messages))
            role = (said.span("role") if said else found.span("word"))  # fmt: skip
            spans |= {path: (first, last), (*path, "role"): role, (*path, "content"): (first, last)}
            messages.append({"role": said["role"] if said else "system", "content": text[first:last]})
    return [
        Document(
            "modelfile", text=None if messages else text, messages=tuple(messages), value=value, root=("messages",),
            places=TextPlaces(spans), templates=tuple(templates), is_template=not messages,
        )
    ]  # fmt: skip


def _content(text: str, start: int, end: int) -> tuple[int, int]:
    """The span of a value without its quotes."""
    found = _QUOTED.match(text[start:end])
    if found is None:
        return start, start + len(text[start:end].rstrip())
    first, last = found.span("long" if found["long"] is not None else "short")
    return start + first, start + last


def _go_likeness(text: str) -> int:
    return 2 if "{{" in text and _GO.search(text) and "{%" not in text else 0


def _read_go(text: str, _: str) -> list[Document]:
    places = TextPlaces({(): (0, len(text))})
    return [Document("go-template", text=text, places=places, templates=(Template(text, "go"),), is_template=True)]


MODELFILE = Format("modelfile", ("modelfile",), _likeness, _read, needs_name=True)
GO_TEMPLATE = Format("go-template", (".gotmpl",), _go_likeness, _read_go, common=(".tmpl",))
