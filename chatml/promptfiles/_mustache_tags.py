"""Tags of Handlebars and Mustache."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from chatml.promptfiles._tags import NEAR, WORD, Fault, Finder, Name, Scan, Tag, end_of_line, words_in

_PLAIN = r"(?:\"[^\"\n{}]*+\"|'[^'\n{}]*+'|[^{}\"']|[\"'])*+"
_TAG = re.compile(
    rf"(?P<raw>\{{\{{\{{\{{{_PLAIN}\}}\}}\}}\}})"
    rf"|\{{\{{\{{(?P<triple>{_PLAIN})\}}\}}\}}"
    rf"|\{{\{{(?P<tag>{_PLAIN})\}}\}}"
)
_OPEN = re.compile(r"\\\{\{|\{\{")
_MEANT = re.compile(r"\{\{[#/ ~]*+[A-Za-z_]")
_HELPER = re.compile(r"\s*([#^/>!&~]*)\s*([@\w./\-\[\]]*)\s*(.*)", re.DOTALL)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*(?:[.\[/][^\s]*)?")
_SCOPES = frozenset({"each", "with"})
_HELPERS = frozenset(WORD.findall("this else history role media section json if unless each with lookup log"))


def scan_mustache(text: str) -> Scan:
    """Handlebars, Mustache."""
    faults: list[Fault] = []
    tags = list(_tags(text, faults))
    names, more, is_partial = _names(tags)
    return Scan(tuple(tags), tuple(sorted(faults + more)), tuple(names), words_in(tags), is_partial)


def _tags(text: str, faults: list[Fault]) -> Iterator[Tag]:
    position, finder = 0, Finder(text)
    while (opening := _OPEN.search(text, position)) is not None:
        start, position = opening.span()
        if opening[0][0] == "\\":
            continue
        if text.startswith(("{{!", "{{~!"), start):
            closing = "--}}" if text.startswith(("{{!--", "{{~!--"), start) else "}}"
            end = finder.find(closing, position)
            position = end + len(closing) if end >= 0 else position
            continue
        found = _TAG.match(text, start)
        if found is None:
            if _MEANT.match(text, start):
                faults.append(Fault(start, end_of_line(text, start), "the tag {{ is not closed"))
            continue
        position = found.end()
        if not found["raw"]:
            name = "tag" if found["triple"] is None else "triple"
            yield Tag("variable", start, position, found[name], found.start(name))


class _Open(NamedTuple):
    """A block that is open; `scopes`: how many, with it, have names of their own."""

    name: str
    tag: Tag
    scopes: int


def _names(tags: list[Tag]) -> tuple[list[Name], list[Fault], bool]:
    names: list[Name] = []
    faults: list[Fault] = []
    stack: list[_Open] = []
    is_partial = False
    for tag in tags:
        found = _HELPER.match(tag.body)
        if found is None:
            continue
        sign, word, rest = found[1].strip("~"), found[2], found[3].strip(" ~\n")
        scopes = stack[-1].scopes if stack else 0
        is_partial |= sign == ">"
        if sign == "/":
            faults += _closed(stack, word, tag)
        elif sign != ">" and not scopes:
            names += _name(tag, found, sign, word, rest)
        if sign in ("#", "^") and word:
            stack.append(_Open(word, tag, scopes + (word in _SCOPES or word not in _HELPERS)))
    return names, [*faults, *map(_never_closed, stack)], is_partial


def _closed(stack: list[_Open], word: str, tag: Tag) -> list[Fault]:
    if word not in [one.name for one in stack[-NEAR:]]:
        return [Fault(tag.start, tag.end, f"{{{{/{word}}}}} closes nothing")]
    faults = []
    while stack[-1].name != word:
        faults.append(_never_closed(stack.pop()))
    stack.pop()
    return faults


def _never_closed(one: _Open) -> Fault:
    return Fault(one.tag.start, one.tag.end, f"{{{{#{one.name}}}}} is never closed")


def _name(tag: Tag, found: re.Match[str], sign: str, word: str, rest: str) -> list[Name]:
    """The variable of a tag: its only word, or the argument of a block; what a helper takes is not sure."""
    start = found.start(2)
    if sign in ("#", "^") and word in ("if", "unless", "each", "with"):
        word, start = rest, found.start(3)
    elif rest:
        return []
    if not _IDENTIFIER.fullmatch(word) or word in _HELPERS:
        return []
    first = re.split(r"[.\[/]", word)[0]
    return [] if first in _HELPERS else [Name(first, tag.inner + start, tag.inner + start + len(first))]
