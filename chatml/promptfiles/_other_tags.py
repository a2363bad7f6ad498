"""Tags of Go templates, fields in braces, and tags of engines that are not known."""

from __future__ import annotations

import re

from chatml.promptfiles._jinja_tags import end_of_tag
from chatml.promptfiles._tags import Fault, Finder, Name, Scan, Tag, end_of_line, words_in

_GO_TAG = re.compile(r"\{\{-?\s*+((?:\"(?:[^\"\\\n{}]|\\[^\n])*+\"|`[^`{}]*+`|[^{}\"`])*+)\}\}")
_GO_BLOCKS = frozenset({"if", "range", "with", "define", "block"})


def scan_go(text: str) -> Scan:
    """Go templates, as in a Modelfile."""
    tags: list[Tag] = []
    faults: list[Fault] = []
    stack: list[Tag] = []
    position, finder = 0, Finder(text)
    while (start := finder.find("{{", position)) >= 0:
        is_comment = text.startswith(("{{/*", "{{- /*"), start)
        end = finder.find("*/", start) if is_comment else -1
        found = None if is_comment else _GO_TAG.match(text, start)
        if found is None and end < 0:
            faults.append(Fault(start, end_of_line(text, start), "the tag {{ is not closed"))
            position = start + 2
            continue
        position = found.end() if found else end + 2
        if found is not None:
            tag = Tag("variable", start, position, found[1].strip(" \t\n-"), found.start(1))
            tags.append(tag)
            faults += _nested(tag, stack)
    faults += [Fault(tag.start, tag.end, f"{{{{ {tag.body[:40]} }}}} is never closed") for tag in stack]
    return Scan(tuple(tags), tuple(sorted(faults)), (), words_in(tags))


def _nested(tag: Tag, stack: list[Tag]) -> list[Fault]:
    word = tag.body.split(maxsplit=1)[0] if tag.body else ""
    if word in _GO_BLOCKS:
        stack.append(tag)
    elif word == "end" and stack:
        stack.pop()
    elif word == "end":
        return [Fault(tag.start, tag.end, "{{ end }} closes nothing")]
    return []


_FIELD = re.compile(r"\{\{|\}\}|\{([^{}\n]*+(?:\{[^{}\n]*+\}[^{}\n]*+)*+)\}|[{}]")
_FIELD_NAME = re.compile(r"(?:^|\{)([A-Za-z_]\w*)")


def scan_fields(text: str) -> Scan:
    """Fields of Python's str.format, as LangChain has them."""
    tags, faults, names = [], [], []
    for found in _FIELD.finditer(text):
        if found[1] is not None:
            tags.append(Tag("variable", found.start(), found.end(), found[1], found.start(1)))
            inside = _FIELD_NAME.finditer(found[1])  # a field, and those in what says how it is written
            names += [Name(one[1], found.start(1) + one.start(1), found.start(1) + one.end(1)) for one in inside]
        elif len(found[0]) == 1:
            problem = f"the brace {found[0]} stands alone; write {found[0] * 2} for the character"
            faults.append(Fault(found.start(), found.end(), problem))
    return Scan(tuple(tags), tuple(faults), tuple(names), words_in(tags))


_BROKEN = re.compile(r"\{%[-+]?\s*(?:for|if|elif|else|endif|endfor|set|raw|endraw|macro|include)\b")
_BRACES = re.compile(r"\{\{[^{}\n]*\}\}")


def scan_braces(text: str) -> Scan:
    """An engine that is not known: only what no engine that has such tags can read is a fault."""
    tags = [
        Tag("variable", found.start(), found.end(), found[0][2:-2], found.start() + 2)
        for found in _BRACES.finditer(text)
    ]
    faults = []
    for found in _BROKEN.finditer(text) if "{%" in text else ():
        end, _ = end_of_tag(text, found.start())
        if end < 0:
            faults.append(Fault(found.start(), end_of_line(text, found.start()), "the tag {% is not closed"))
    return Scan(tuple(tags), tuple(faults), (), words_in(tags))
