"""Chat templates: Jinja text, and the configuration of a tokenizer that holds some. They are no conversations."""

from __future__ import annotations

import re
from typing import Any

from chatml._errors import ParseError
from chatml.promptfiles._document import Document, Form, Format, kind_of
from chatml.promptfiles._places import Path, TextPlaces
from chatml.promptfiles._template import Template

_BEGINS = re.compile(r"\s*+\{[%{#]")
_SPEAKS = re.compile(r"\b(?:messages|add_generation_prompt)\b")
# what tells the file of a tokenizer; newer ones have their template in a file beside it
_TOKENIZER = ("tokenizer_class", "added_tokens_decoder", "model_max_length")
_KEYS = ("chat_template", "instruction_template")


def _likeness(text: str) -> int:
    if "{%" not in text:
        return int("{{" in text)
    return 2 if _BEGINS.match(text) and _SPEAKS.search(text) else 1


def _read(text: str, _: str) -> list[Document]:
    places = TextPlaces({(): (0, len(text))})
    return [Document("jinja", text=text, places=places, templates=(Template(text, "jinja"),), is_template=True)]


def _claims(value: Any) -> bool:
    return isinstance(value, dict) and any(key in value for key in (*_KEYS, *_TOKENIZER))


def _read_config(value: Any) -> Document:
    templates = tuple(template for key in _KEYS for template in _templates(value.get(key), (key,)))
    text = templates[0].text if templates else ""
    return Document("tokenizer-config", text=text, templates=templates, is_template=True)


def _templates(found: Any, path: Path) -> list[Template]:
    """One template, or a list of them with names."""
    if found is None:
        return []
    if isinstance(found, str):
        return [Template(found, "jinja", path)]
    if isinstance(found, list) and all(isinstance(one, dict) and isinstance(one.get("template"), str) for one in found):
        return [Template(one["template"], "jinja", (*path, index, "template")) for index, one in enumerate(found)]
    expected = "a string, or a list of objects with a name and a template"
    raise ParseError(f"found {kind_of(found)} as {path[0]!r}, expected {expected}")


JINJA = Format("jinja", (".jinja",), _likeness, _read, needs_name=True, common=(".jinja2", ".j2"))
TOKENIZER_CONFIG = Form("tokenizer-config", _claims, _read_config)
