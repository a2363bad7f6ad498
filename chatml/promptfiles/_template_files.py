"""Objects that hold one template and no messages: prompts of LangChain and of Semantic Kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chatml.promptfiles._document import Document, Form
from chatml.promptfiles._places import Path
from chatml.promptfiles._template import Template, Variables

_ENGINES = {
    "f-string": "f-string",
    "jinja2": "jinja",
    "liquid": "jinja",
    "mustache": "mustache",
    "handlebars": "handlebars",
    "semantic-kernel": "semantic-kernel",
}
_KERNEL_KEYS = ("execution_settings", "schema", "template_format")


def _is_langchain(value: Any) -> bool:
    if not (isinstance(value, dict) and isinstance(value.get("template"), str)):
        return False
    names = value.get("input_variables")
    return isinstance(names, list) and all(isinstance(name, str) for name in names)


def _read_langchain(value: Any) -> Document:
    declared: dict[str, Path] = {
        name: ("input_variables", index) for index, name in enumerate(value["input_variables"])
    }
    given = value.get("partial_variables")
    known = frozenset(given if isinstance(given, dict) else ())
    return _document("langchain", value, "f-string", Variables(declared, known, is_closed=True))


def _is_kernel(value: Any) -> bool:
    if not isinstance(value, dict) or "messages" in value:
        return False
    if isinstance(value.get("template"), str):
        return any(key in value for key in (*_KERNEL_KEYS, "input_variables"))
    return "execution_settings" in value or ("schema" in value and "input_variables" in value)


def _read_kernel(value: Any) -> Document:
    """The template may stand in a file beside this one: then there is nothing here to look at."""
    inputs = value.get("input_variables")
    pairs = enumerate(inputs) if isinstance(inputs, list) else ()
    declared: dict[str, Path] = {
        one["name"]: ("input_variables", index)
        for index, one in pairs
        if isinstance(one, dict) and isinstance(one.get("name"), str)
    }
    variables = Variables(declared, is_closed=bool(declared)) if declared else None
    return _document("semantic-kernel", value, "semantic-kernel", variables)


def _document(name: str, value: Mapping[str, Any], engine: str, variables: Variables | None) -> Document:
    text, kind = value.get("template"), value.get("template_format")
    found = _ENGINES.get(kind, "") if isinstance(kind, str) else engine
    templates = (Template(text, found, ("template",)),) if isinstance(text, str) else ()
    shown = text if isinstance(text, str) else ""
    return Document(name, text=shown, templates=templates, variables=variables, is_template=True)


LANGCHAIN = Form("langchain", _is_langchain, _read_langchain)
SEMANTIC_KERNEL = Form("semantic-kernel", _is_kernel, _read_kernel)
