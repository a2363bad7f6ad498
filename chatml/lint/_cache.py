"""What was found in files that have not changed since: kept as text, by a hash of all that it depends on.

A cache is JSON and nothing else. What is in it is looked at before it is believed; what does not look right is not
there. Who can write to a cache can hide findings: it belongs where only its user writes, and not into a repository.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Hashable, Mapping
from typing import Any

from chatml._diagnostics import Severity
from chatml._version import __version__
from chatml.lint._engine import Analysis, Block, Edit, LintDiagnostic, LintFix
from chatml.lint._rule import Fact
from chatml.lint._settings import Settings

MOST_ENTRIES = 20_000
_MOST_TEXT = 2**20  # characters of a block that is kept: hashing more, and reading back its facts, gains little
_HEADER = "chatml lint cache 1"


class Cache:
    """Analyses by the hash of path, content, settings and rules. `load` and `dump` are its only ways in and out."""

    def __init__(self) -> None:
        self._entries: dict[str, str] = {}
        self._used: dict[str, str] = {}
        self._last: tuple[Settings, bytes] | None = None
        self._is_changed = False

    @classmethod
    def load(cls, text: str) -> Cache:
        """Read a cache; a text that is none is an empty one."""
        cache = cls()
        header, *lines = text.split("\n")
        if header == _HEADER:
            parts = (line.partition("\t") for line in lines[: MOST_ENTRIES + 1])
            cache._entries = {key: value for key, _, value in parts if value}
        return cache

    def dump(self) -> str | None:
        """The cache as text, what this run has used first; None when nothing has changed."""
        if not self._is_changed:
            return None
        entries = {**self._used, **self._entries}
        kept = list(entries.items())[:MOST_ENTRIES]
        return "\n".join([_HEADER, *(f"{key}\t{value}" for key, value in kept), ""])

    def get(self, path: str, block: Block, settings: Settings) -> Analysis | None:
        """What is known of a block, None when nothing is."""
        if not _is_kept(block):
            return None
        key = self._key(path, block, settings)
        text = self._entries.get(key)
        if text is None:
            return None
        try:
            found = _read_analysis(json.loads(text), path, block)
        except (ValueError, TypeError, KeyError, RecursionError):
            self._entries.pop(key, None)
            return None
        self._used[key] = text
        return found

    def put(self, path: str, block: Block, settings: Settings, analysis: Analysis) -> None:
        """Keep what was found in a block, where it can be written as JSON."""
        try:
            text = json.dumps(_value(analysis), separators=(",", ":")) if _is_kept(block) else ""
        except (ValueError, TypeError):
            return
        if text:
            self._used[self._key(path, block, settings)] = text
            self._is_changed = True

    def _key(self, path: str, block: Block, settings: Settings) -> str:
        from hashlib import blake2b

        if self._last is None or self._last[0] is not settings:
            self._last = settings, blake2b(f"{_signature()}\0{settings!r}".encode("utf-8", "surrogatepass")).digest()
        about = f"{path}\0{block.has_bom}\0{block.form}\0".encode("utf-8", "surrogatepass")
        text = block.text.encode("utf-8", "surrogatepass")
        return blake2b(self._last[1] + about + text, digest_size=20).hexdigest()


def _is_kept(block: Block) -> bool:
    return block.line == 1 and len(block.text) < _MOST_TEXT


def _signature() -> str:
    """What all findings depend on beside the file and the settings: the version, and the state of our own modules."""
    global _known_signature
    if not _known_signature:
        root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        folders = [root, *(os.path.join(root, *name) for name in (("lint",), ("lint", "rules"), ("promptfiles",)))]
        files = [f"{__version__} {sys.version}", *(one for folder in folders for one in _state(folder))]
        _known_signature = "\n".join(files)
    return _known_signature


_known_signature = ""


def _state(folder: str) -> list[str]:
    """Name, size and time of the modules in a folder; nothing where they are in an archive."""
    try:
        with os.scandir(folder) as entries:
            found = [(entry.name, entry.stat()) for entry in entries if entry.name.endswith(".py")]
    except OSError:
        return []
    return sorted(f"{name} {status.st_size} {status.st_mtime_ns}" for name, status in found)


# Analyses as JSON values


def _value(analysis: Analysis) -> list[Any]:
    facts = {
        code: [[one.line, list(one.pointer), _fact_value(one.fact)] for one in found]
        for code, found in analysis.facts.items()
    }
    rest = [analysis.is_readable, analysis.documents, analysis.tokens, analysis.is_prompt]
    return [[_diagnostic_value(one) for one in analysis.diagnostics], facts, *rest]


def _diagnostic_value(one: LintDiagnostic) -> list[Any]:
    fix = one.fix and [one.fix.title, one.fix.applicability, [list(edit) for edit in one.fix.edits]]
    return [*one[1:-1], fix]  # the path is that of the file


def _fact_value(fact: Hashable) -> Any:
    """A fact as JSON. Raises `TypeError` for what is neither plain nor a tuple or bytes."""
    if isinstance(fact, tuple):
        return {"tuple": [_fact_value(one) for one in fact]}
    if isinstance(fact, bytes):
        return {"bytes": fact.hex()}
    if fact is None or type(fact) in (str, int, float, bool):
        return fact
    raise TypeError


def _read_analysis(value: Any, path: str, block: Block) -> Analysis:
    diagnostics, facts, is_readable, documents, tokens, is_prompt = _list(value, 6)
    return Analysis(
        [_read_diagnostic(one, path, len(block.text)) for one in _list(diagnostics)],
        {_typed(code, str): _read_facts(found, path) for code, found in _typed(facts, dict).items()},
        _typed(is_readable, bool),
        _typed(documents, int),
        None if tokens is None else _typed(tokens, int),
        _typed(is_prompt, bool),
    )


def _read_diagnostic(value: Any, path: str, size: int) -> LintDiagnostic:
    *plain, fix = _list(value, len(_KINDS) + 1)
    for one, kind in zip(plain, _KINDS, strict=True):
        _typed(one, kind)
    found = LintDiagnostic._make([path, *plain, None if fix is None else _read_fix(fix, size)])
    places = (found.line, found.column, found.end_line, found.end_column)
    if min(places) < 1 or max(places) > size + 2 or not 0 <= found.start <= found.end <= size:
        raise ValueError
    return found._replace(severity=Severity(found.severity))


_KINDS = (int, int, int, int, str, str, str, str, int, int, str, str)


def _read_fix(value: Any, size: int) -> LintFix:
    title, applicability, edits = _list(value, 3)
    made = []
    for edit in _list(edits):
        start, end, text = _list(edit, 3)
        made.append(Edit(_typed(start, int), _typed(end, int), _typed(text, str)))
        if not -1 <= start <= end <= size:
            raise ValueError
    if applicability not in ("safe", "unsafe"):
        raise ValueError
    return LintFix(_typed(title, str), applicability, tuple(made))


def _read_facts(value: Any, path: str) -> list[Fact]:
    found = []
    for one in _list(value):
        line, pointer, fact = _list(one, 3)
        if not all(isinstance(step, (str, int)) for step in _list(pointer)):
            raise TypeError
        found.append(Fact(path, _typed(line, int), tuple(pointer), _read_fact(fact)))
    return found


def _read_fact(value: Any) -> Hashable:
    if isinstance(value, dict):
        ((kind, inner),) = value.items()
        read: Mapping[str, Callable[[Any], Hashable]] = {
            "tuple": lambda parts: tuple(_read_fact(one) for one in _list(parts)),
            "bytes": bytes.fromhex,
        }
        return read[kind](inner)
    if isinstance(value, list):
        raise TypeError
    plain: Hashable = value
    return plain


def _list(value: Any, length: int | None = None) -> list[Any]:
    if not isinstance(value, list) or length not in (None, len(value)):
        raise TypeError
    return value


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError
    return value
