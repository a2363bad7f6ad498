"""Prompt files: one reader per format, from the text of a file to the conversations in it.

Nothing here opens a file. The format is found by content; the name of the file only breaks ties, and tells what many
texts could be, such as YAML. Front matter and YAML are read by PyYAML, which the extra `yaml` installs.

A document of more than 16 MiB of UTF-8 is refused unless the call allows more. In JSON Lines each line is a document,
and the text may be larger; any other text is one document as a whole: ChatML, plain text, and JSON, also where it is an
array of conversations.
"""

from __future__ import annotations

from chatml.promptfiles._document import EMPTY, NO_PROMPT, TOO_LARGE, Document
from chatml.promptfiles._forms import FORMS
from chatml.promptfiles._load import load_json
from chatml.promptfiles._places import JsonPlaces, Path, Places, TextPlaces
from chatml.promptfiles._read import FORMATS, MAX_SIZE, check_size, read_documents, scan_documents
from chatml.promptfiles._template import Template, Variables

__all__ = [
    "EMPTY",
    "FORMATS",
    "FORMS",
    "MAX_SIZE",
    "NO_PROMPT",
    "TOO_LARGE",
    "Document",
    "JsonPlaces",
    "Path",
    "Places",
    "Template",
    "TextPlaces",
    "Variables",
    "check_size",
    "load_json",
    "read_documents",
    "scan_documents",
]
