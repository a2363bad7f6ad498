"""Chat prompts of promptfoo: JSON or YAML that is a Nunjucks template first, and cannot be read before it is rendered.

Those that need no rendering to be JSON or YAML are read as what they are.
"""

from __future__ import annotations

import re

from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._places import TextPlaces
from chatml.promptfiles._template import Template

_LEADING = re.compile(r"(?:\s|\{%[^%]*+%\}|\{#[^#]*+#\})*+(?=\[|\{(?![%{#]))")
# a tag that stands outside of all strings: this is no JSON
_OUTSIDE = re.compile(r"(?:[^\"{]++|\"(?:[^\"\\]++|\\.)*+\"|\{(?![%{#]))*+\{[%{#]", re.DOTALL)
_ROLE = re.compile(r"\brole\b|\bmessages\b")
_IN_YAML = re.compile(r"^[ \t]*\{%|^[ \t-]*(?:[\w\"']+:[ \t]+|-[ \t]+)\{\{", re.MULTILINE)


def _likeness(text: str) -> int:
    if "{%" not in text and "{{" not in text:
        return 0
    begin = _LEADING.match(text)
    return 2 if begin and _ROLE.search(text) and _OUTSIDE.match(text) else 0


def _read(text: str, _: str) -> list[Document]:
    return [template_document(text)]


def template_document(text: str) -> Document:
    """The document of a text that has to be rendered before it is JSON or YAML."""
    places = TextPlaces({(): (0, len(text))})
    return Document("promptfoo", text=text, places=places, templates=(Template(text, "jinja"),), is_template=True)


def is_template_of_yaml(text: str) -> bool:
    """Whether tags stand where a prompt in YAML has its structure."""
    return _ROLE.search(text) is not None and _IN_YAML.search(text) is not None


PROMPTFOO = Format("promptfoo", (), _likeness, _read)
