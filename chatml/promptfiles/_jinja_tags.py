"""Tags of Jinja, and of what is like it: Nunjucks and Liquid."""

from __future__ import annotations

import re
from collections.abc import Iterator

from chatml.promptfiles._tags import NEAR, WORD, Fault, Finder, Name, Scan, Tag, blank_strings, end_of_line, words_in

_OPENING = re.compile(r"\{[{%#]")
_INSIDE = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'|%\}|\}\}|\{[%{#]|[{}]")
_KEYWORD = re.compile(r"[-+]?\s*([A-Za-z_]+)")
_VERBATIM = {name: re.compile(rf"\{{%[-+]?\s*end{name}\s*[-+]?%\}}") for name in ("raw", "comment", "verbatim")}
_BLOCKS = frozenset(
    WORD.findall(
        "for if macro call filter block generation with autoescape trans set unless case capture tablerow raw comment "
        "verbatim asyncEach asyncAll ifAsync"
    )
)
_KINDS = {"{{": "variable", "{%": "block", "{#": "comment"}


def scan_jinja(text: str) -> Scan:
    """Jinja, Nunjucks, Liquid."""
    faults: list[Fault] = []
    tags = list(_jinja_tags(text, faults))
    faults += _unbalanced(tags)
    is_partial = any(_keyword(tag) in ("include", "extends", "import", "from", "render") for tag in tags)
    names = tuple(_jinja_names(tags))
    return Scan(tuple(tags), tuple(sorted(faults)), names, words_in(tags), is_partial)


def _jinja_tags(text: str, faults: list[Fault]) -> Iterator[Tag]:
    position, finder = 0, Finder(text)
    while (opening := _OPENING.search(text, position)) is not None:
        start, kind = opening.start(), _KINDS[opening[0]]
        if kind == "comment":
            found = finder.find("#}", start + 2)
            end, position = (found + 2, found + 2) if found >= 0 else (-1, start + 2)
        else:
            end, position = end_of_tag(text, start)
        if end < 0:
            faults.append(Fault(start, end_of_line(text, start), f"the tag {opening[0]} is not closed"))
            continue
        tag = Tag(kind, start, end, text[start + 2 : end - 2], start + 2)
        yield tag
        word = _keyword(tag)
        if word in _VERBATIM:
            closed = _VERBATIM[word].search(text, end)
            position = closed.start() if closed else len(text)


def end_of_tag(text: str, start: int) -> tuple[int, int]:
    """Where a tag ends, or -1; and where to go on."""
    closing = "}}" if text[start + 1] == "{" else "%}"
    depth, position = 0, start + 2
    while (found := _INSIDE.search(text, position)) is not None:
        token, position = found[0], found.end()
        if token == closing and not depth:
            return position, position
        if token in ("{%", "{#") or (token == "{{" and closing == "%}"):
            return -1, found.start()
        if token in ("{", "{{"):
            depth += len(token)
        elif token == "}" or token == "}}":
            depth, position = max(depth - 1, 0), found.start() + 1
    return -1, len(text)


def _keyword(tag: Tag) -> str:
    found = _KEYWORD.match(tag.body) if tag.kind == "block" else None
    return found[1] if found else ""


def _unbalanced(tags: list[Tag]) -> Iterator[Fault]:
    stack: list[tuple[str, Tag]] = []
    for tag in tags:
        word = _keyword(tag)
        if word in _BLOCKS and not (word == "set" and "=" in tag.body):
            stack.append((word, tag))
        elif word.startswith("end") and word[3:] in _BLOCKS:
            if word[3:] not in [name for name, _ in stack[-NEAR:]]:
                yield Fault(tag.start, tag.end, f"{{% {word} %}} closes nothing")
                continue
            while stack[-1][0] != word[3:]:
                yield _never_closed(*stack.pop())
            stack.pop()
    for name, tag in stack:
        yield _never_closed(name, tag)


def _never_closed(name: str, tag: Tag) -> Fault:
    return Fault(tag.start, tag.end, f"{{% {name} %}} is never closed, {{% end{name} %}} is expected")


_RESERVED = frozenset(
    WORD.findall(
        "and or not in is if else elif true false none True False None loop self super caller varargs kwargs recursive "
        "forloop undefined null nil empty blank contains ignore missing with without context scoped required env as by "
        "reversed limit offset"
    )
)
_BEFORE = re.compile(r"(?:\.|\||\bis(?:\s+not)?)\s*$")
_AFTER = re.compile(r"\s*(?:\(|=(?!=))")
_BINDING = re.compile(r"[-+]?\s*(for|set|macro|call|import|from|with|assign|capture|asyncEach|asyncAll|block|filter)\b")
_SILENT = frozenset({"block", "include", "extends", "import", "from", "macro", "capture", "render", "trans"})


def _jinja_names(tags: list[Tag]) -> Iterator[Name]:
    bound: set[str] = set()
    for tag in tags:
        if (found := _BINDING.match(tag.body)) is not None and tag.kind == "block":
            bound.update(_bound(found[1], tag.body[found.end() :]))
    for tag in tags:
        if tag.kind == "comment" or _keyword(tag) in _SILENT:
            continue
        body = blank_strings(tag.body)
        skip = len(found[0]) if tag.kind == "block" and (found := _KEYWORD.match(body)) else 0
        for word in WORD.finditer(body, skip):
            name = word[0]
            if name in _RESERVED or name in bound or (word.start() and body[word.start() - 1] in "$.0123456789"):
                continue
            if not (_BEFORE.search(body, max(word.start() - 12, 0), word.start()) or _AFTER.match(body, word.end())):
                yield Name(name, tag.inner + word.start(), tag.inner + word.end())


def _bound(kind: str, rest: str) -> list[str]:
    if kind in ("for", "asyncEach", "asyncAll"):
        return WORD.findall(rest.partition(" in ")[0])
    if kind in ("set", "assign", "with"):
        return [*WORD.findall(rest.partition("=")[0]), *re.findall(r"([A-Za-z_]\w*)\s*=(?!=)", rest)]
    return WORD.findall(rest)  # macro, call, import, capture: more rather than less
