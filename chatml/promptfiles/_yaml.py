"""YAML files: one conversation, or one template, in any of the forms that JSON has too."""

from __future__ import annotations

import re

from chatml._errors import ParseError
from chatml.promptfiles._document import Document, Format
from chatml.promptfiles._forms import to_document
from chatml.promptfiles._github import GITHUB
from chatml.promptfiles._load_yaml import load_yaml
from chatml.promptfiles._promptfoo import is_template_of_yaml, template_document
from chatml.promptfiles._yaml_places import YamlPlaces

_OWN = (".prompt.yml", ".prompt.yaml")  # the names of GitHub Models
_FIRST_LINE = re.compile(
    r"(?:[ \t]*+(?:#[^\n]*+|---[ \t]*+)?\r?\n)*+(?:---[ \t]|- |[\"']?[A-Za-z_][\w.-]*+[\"']?:(?:[ \t\r]|$))",
    re.MULTILINE,
)
_MESSAGES = re.compile(r"^(?:messages|conversations):[ \t]*+(?:#[^\n]*+)?\r?\n[ \t]*+- ", re.MULTILINE)
_LIST = re.compile(r"^- [ \t]*(?:role|from|content):", re.MULTILINE)


def _likeness(text: str) -> int:
    if not _FIRST_LINE.match(text):
        return 0
    return 2 if _MESSAGES.search(text) or (_LIST.search(text) and "role:" in text) else 1


def _read(text: str, source: str) -> list[Document]:
    is_own = source.lower().endswith(_OWN)
    try:
        yaml = load_yaml(text, source)
    except ParseError as error:
        if error.code == "yaml" and not is_own and is_template_of_yaml(text):
            return [template_document(text)]
        raise
    form = GITHUB if is_own and isinstance(yaml.value, dict) and "messages" in yaml.value else None
    return [to_document(yaml.value, source, form=form)._replace(places=YamlPlaces(yaml))]


YAML = Format("yaml", _OWN, _likeness, _read, needs_name=True, common=(".yml", ".yaml"))
